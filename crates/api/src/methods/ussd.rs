//! `ussd.*`: dialogues with the network.

use std::sync::Arc;

use message::UssdReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[START, REPLY, CANCEL, HEARD];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    sim: String,
    code: String,
}

const START: Method = Method {
    name: "ussd.start",
    about: "Sends a USSD code over a SIM and gives the network's answer.",
    need: Need::Scope(Scope::Ussd),
    place: Place::Shared,
    fields: &[
        must("sim", Kind::Text, "a slot's name or a SIM's number"),
        must("code", Kind::Text, "the code, as *100#"),
    ],
    result: "UssdReply",
    errors: USSD_ERRORS,
    example: r#"{"sim": "slot1", "code": "*100#"}"#,
    register: |methods, app, method| plain(methods, app, method, start),
};

async fn start(app: Arc<App>, caller: Arc<Caller>, asked: Start) -> Result<UssdReply, Refusal> {
    let reply = app
        .gateway
        .ussd_start(caller.origin()?, &asked.sim, &asked.code)
        .await?;
    Ok(reply)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    sim: String,
    text: String,
}

const REPLY: Method = Method {
    name: "ussd.reply",
    about: "Answers in an open dialogue and gives what the network says next.",
    need: Need::Scope(Scope::Ussd),
    place: Place::Shared,
    fields: &[
        must("sim", Kind::Text, "a slot's name or a SIM's number"),
        must("text", Kind::Text, "the answer, as 1"),
    ],
    result: "UssdReply",
    errors: USSD_ERRORS,
    example: r#"{"sim": "slot1", "text": "1"}"#,
    register: |methods, app, method| plain(methods, app, method, reply),
};

async fn reply(app: Arc<App>, caller: Arc<Caller>, asked: Reply) -> Result<UssdReply, Refusal> {
    let reply = app
        .gateway
        .ussd_reply(caller.origin()?, &asked.sim, &asked.text)
        .await?;
    Ok(reply)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    sim: String,
}

const CANCEL: Method = Method {
    name: "ussd.cancel",
    about: "Ends a dialogue.",
    need: Need::Scope(Scope::Ussd),
    place: Place::Shared,
    fields: &[must("sim", Kind::Text, "a slot's name or a SIM's number")],
    result: "Done",
    errors: USSD_ERRORS,
    example: r#"{"sim": "slot1"}"#,
    register: |methods, app, method| plain(methods, app, method, cancel),
};

async fn cancel(app: Arc<App>, caller: Arc<Caller>, asked: Cancel) -> Result<Value, Refusal> {
    app.gateway.ussd_cancel(caller.origin()?, &asked.sim).await?;
    Ok(json!({"done": true}))
}

const HEARD: Method = Method {
    name: "ussd.heard",
    about: "What the network said by itself last, since the gateway's start.",
    need: Need::Scope(Scope::Ussd),
    place: Place::Shared,
    fields: &[must("sim", Kind::Text, "a slot's name or a SIM's number")],
    result: "UssdHeard",
    errors: &[Code::NOT_FOUND, Code::NOT_ALLOWED],
    example: r#"{"sim": "slot1"}"#,
    register: |methods, app, method| plain(methods, app, method, heard),
};

async fn heard(app: Arc<App>, caller: Arc<Caller>, asked: Cancel) -> Result<Value, Refusal> {
    let notice = app.gateway.ussd_heard(caller.origin()?, &asked.sim)?;
    Ok(json!({"notice": notice}))
}

const USSD_ERRORS: &[&Code] = &[
    Code::INVALID,
    Code::TEXT,
    Code::NOT_FOUND,
    Code::NOT_ALLOWED,
    Code::STATE,
    Code::CONFLICT,
    Code::UNAVAILABLE,
    Code::TIMEOUT,
    Code::NOT_SUPPORTED,
];
