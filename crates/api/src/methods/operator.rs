//! What only an operator does: `sim.unlock`, `numbers.erase`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[UNLOCK, ERASE];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlock {
    sim: String,
}

const UNLOCK: Method = Method {
    name: "sim.unlock",
    about: "Lets the gateway enter the SIM's PIN once more, after somebody saw to what was wrong with it.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[must("sim", Kind::Text, "a slot's name")],
    result: "Done",
    errors: &[Code::NOT_FOUND, Code::STATE, Code::UNAVAILABLE],
    example: r#"{"sim": "slot1"}"#,
    register: |methods, app, method| plain(methods, app, method, unlock),
};

async fn unlock(app: Arc<App>, _: Arc<Caller>, asked: Unlock) -> Result<Value, Refusal> {
    // The compiler cannot tell that this flow may change threads (rust-lang/rust#102211), so it stays on one.
    let flow = move || Handle::current().block_on(async { app.gateway.unlock_sim(&asked.sim).await });
    let unlocked = tokio::task::spawn_blocking(flow).await;
    unlocked.map_err(|_| Refusal::new(Code::INTERNAL, "the gateway failed; its log says more"))??;
    Ok(json!({"done": true}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
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

async fn erase(app: Arc<App>, _: Arc<Caller>, asked: Erase) -> Result<Value, Refusal> {
    let erased = app.gateway.erase(&asked.number).await?;
    Ok(json!({"erased": erased}))
}
