//! What only an operator does: `sim.unlock`, `numbers.erase`, the STOP list, and `config.reload`.

use std::sync::Arc;

use message::Reloaded;
use serde::Deserialize;
use serde_json::{Value, json};

use super::look::Nothing;
use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[UNLOCK, ERASE, STOPPED, STOP, ALLOW, RELOAD];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlock {
    sim: String,
    again: Option<bool>,
}

const UNLOCK: Method = Method {
    name: "sim.unlock",
    about: "Lets the gateway enter the SIM's PIN once more, after somebody saw to what was wrong with it. What came of it is \
            shown by modems.list. The last try is never taken.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[
        must("sim", Kind::Text, "a slot's name"),
        may(
            "again",
            Kind::Flag,
            "also a PIN that this SIM has refused: it takes one of its tries (default: false)",
        ),
    ],
    result: "Done",
    errors: &[Code::NOT_FOUND, Code::STATE, Code::UNAVAILABLE],
    example: r#"{"sim": "slot1"}"#,
    register: |methods, app, method| plain(methods, app, method, unlock),
};

async fn unlock(app: Arc<App>, _: Arc<Caller>, asked: Unlock) -> Result<Value, Refusal> {
    let insist = asked.again.unwrap_or(false);
    app.gateway.unlock_sim(&asked.sim, insist).await?;
    Ok(json!({"done": true}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNumber {
    number: String,
}

const ERASE: Method = Method {
    name: "numbers.erase",
    about: "Removes all messages to and from a number, for good.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[must("number", Kind::Text, "the number")],
    result: "Erased",
    errors: &[Code::NUMBER, Code::UNAVAILABLE],
    example: r#"{"number": "+491711234567"}"#,
    register: |methods, app, method| plain(methods, app, method, erase),
};

async fn erase(app: Arc<App>, _: Arc<Caller>, asked: OfNumber) -> Result<Value, Refusal> {
    let erased = app.gateway.erase(&asked.number).await?;
    Ok(json!({"erased": erased}))
}

const STOPPED: Method = Method {
    name: "numbers.stopped",
    about: "The STOP list: numbers that nothing is sent to.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[],
    result: "StopList",
    errors: &[Code::UNAVAILABLE],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, stopped),
};

async fn stopped(app: Arc<App>, _: Arc<Caller>, _: Nothing) -> Result<Value, Refusal> {
    let list = app.gateway.stop_list().await?;
    Ok(list
        .into_iter()
        .map(|(number, since)| json!({"number": number, "since": since}))
        .collect())
}

const STOP: Method = Method {
    name: "numbers.stop",
    about: "Puts a number on the STOP list: nothing is sent to it any more.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[must("number", Kind::Text, "the number")],
    result: "Done",
    errors: &[Code::NUMBER, Code::UNAVAILABLE],
    example: r#"{"number": "+491711234567"}"#,
    register: |methods, app, method| plain(methods, app, method, stop),
};

async fn stop(app: Arc<App>, _: Arc<Caller>, asked: OfNumber) -> Result<Value, Refusal> {
    app.gateway.stop_number(&asked.number).await?;
    Ok(json!({"done": true}))
}

const ALLOW: Method = Method {
    name: "numbers.allow",
    about: "Takes a number off the STOP list.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[must("number", Kind::Text, "the number")],
    result: "Allowed",
    errors: &[Code::NUMBER, Code::UNAVAILABLE],
    example: r#"{"number": "+491711234567"}"#,
    register: |methods, app, method| plain(methods, app, method, allow),
};

async fn allow(app: Arc<App>, _: Arc<Caller>, asked: OfNumber) -> Result<Value, Refusal> {
    let listed = app.gateway.allow_number(&asked.number).await?;
    Ok(json!({"listed": listed}))
}

const RELOAD: Method = Method {
    name: "config.reload",
    about: "Reads the configuration again, as SIGHUP does. A file that is not right is refused whole; the answer says why.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[],
    result: "ConfigReloaded",
    errors: &[Code::STATE, Code::UNAVAILABLE],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, reload),
};

async fn reload(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Reloaded, Refusal> {
    let none = || Refusal::new(Code::STATE, "this gateway has no configuration file to read again");
    let settings = app.desks.settings.as_deref().ok_or_else(none)?;
    Ok(settings.reload(caller.origin()?).await?)
}
