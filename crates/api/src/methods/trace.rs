//! Wire traces: `trace.set`, `trace.list`.

use std::sync::Arc;

use jiff::SignedDuration;
use message::{TraceView, TraceWish};
use serde::Deserialize;
use serde_json::{Value, json};

use super::look::Nothing;
use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[SET, LIST];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    sim: String,
    on: bool,
    #[serde(default)]
    texts: bool,
    minutes: Option<u32>,
}

const SET: Method = Method {
    name: "trace.set",
    about: "Has what goes over the wire of a SIM's modem, or over the SMPP sessions of an account or upstream, written down for a while, or no longer.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[
        must(
            "sim",
            Kind::Text,
            "the name of a slot or upstream, or its SIM's number, or smpp.ACCOUNT",
        ),
        must("on", Kind::Flag, "whether it is to be written down"),
        may(
            "texts",
            Kind::Flag,
            "write message texts (of a modem: and numbers) too; PINs and passwords never are",
        ),
        may(
            "minutes",
            Kind::Whole(1, MOST_MINUTES),
            "after how many minutes it ends by itself; 60 unless given",
        ),
    ],
    result: "TraceSet",
    errors: &[Code::NOT_FOUND, Code::UNAVAILABLE],
    example: r#"{"sim": "slot1", "on": true, "minutes": 30}"#,
    register: |methods, app, method| plain(methods, app, method, set),
};

async fn set(app: Arc<App>, caller: Arc<Caller>, asked: Set) -> Result<Value, Refusal> {
    let minutes = asked.minutes.unwrap_or(USUAL_MINUTES);
    if !(1..=MOST_MINUTES).contains(&minutes.into()) {
        let sentence = format!("'minutes' must be from 1 to {MOST_MINUTES}");
        return Err(Refusal::params("minutes", sentence));
    }
    let minutes = asked.on.then_some(minutes);
    let token = caller.principal()?.id();
    tracing::warn!(token, sim = %asked.sim, on = asked.on, texts = asked.texts, "a wire trace is asked for");
    let wish = minutes.map(|minutes| TraceWish {
        texts: asked.texts,
        until: message::now() + SignedDuration::from_mins(minutes.into()),
    });
    let wires = app.desks.wires.as_ref();
    let traced = match wires.and_then(|wires| wires.trace(&asked.sim, wish)) {
        Some(traced) => traced?,
        None => app.gateway.trace(&asked.sim, minutes, asked.texts)?,
    };
    Ok(json!({"trace": traced}))
}

const LIST: Method = Method {
    name: "trace.list",
    about: "Says which modems' wires, upstreams and SMPP accounts are written down, where to, and until when.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[],
    result: "Traces",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, list),
};

async fn list(app: Arc<App>, _: Arc<Caller>, _: Nothing) -> Result<Vec<TraceView>, Refusal> {
    let mut traces = app.gateway.traces();
    traces.extend(app.desks.wires.iter().flat_map(|wires| wires.traces()));
    Ok(traces)
}

/// A day: a trace is for finding a fault, and not to be forgotten.
const MOST_MINUTES: i64 = 1440;

const USUAL_MINUTES: u32 = 60;
