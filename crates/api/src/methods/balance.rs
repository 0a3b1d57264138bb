//! `balance.*`: what is left on each SIM.

use std::sync::Arc;

use message::{BalanceLine, BalanceView};
use serde::Deserialize;

use super::look::Nothing;
use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[LIST, HISTORY, NOW];

const LIST: Method = Method {
    name: "balance.list",
    about: "Shows what operators said last of each SIM's balance.",
    need: Need::Scope(Scope::Health),
    place: Place::Shared,
    fields: &[],
    result: "Balances",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, list),
};

async fn list(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Vec<BalanceView>, Refusal> {
    Ok(app.gateway.balances(caller.origin()?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    sim: String,
    limit: Option<u32>,
}

const HISTORY: Method = Method {
    name: "balance.history",
    about: "Shows the queries for a SIM's balance, newest first.",
    need: Need::Scope(Scope::Health),
    place: Place::Shared,
    fields: &[
        must("sim", Kind::Text, "a slot's name or a SIM's number"),
        may("limit", Kind::Whole(1, 1000), "at most this many (default 100)"),
    ],
    result: "BalanceLines",
    errors: &[Code::INVALID, Code::NOT_FOUND, Code::NOT_ALLOWED, Code::UNAVAILABLE],
    example: r#"{"sim": "slot1", "limit": 10}"#,
    register: |methods, app, method| plain(methods, app, method, history),
};

async fn history(app: Arc<App>, caller: Arc<Caller>, asked: History) -> Result<Vec<BalanceLine>, Refusal> {
    let limit = asked.limit.unwrap_or(100);
    let lines = app.gateway.balance_history(caller.origin()?, &asked.sim, limit).await?;
    Ok(lines)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Now {
    sim: String,
}

const NOW: Method = Method {
    name: "balance.now",
    about: "Asks a SIM's operator for the balance and shows it.",
    need: Need::Scope(Scope::Ussd),
    place: Place::Shared,
    fields: &[must("sim", Kind::Text, "a slot's name or a SIM's number")],
    result: "BalanceView",
    errors: &[
        Code::NOT_FOUND,
        Code::NOT_ALLOWED,
        Code::STATE,
        Code::CONFLICT,
        Code::UNAVAILABLE,
        Code::TIMEOUT,
        Code::NOT_SUPPORTED,
    ],
    example: r#"{"sim": "slot1"}"#,
    register: |methods, app, method| plain(methods, app, method, now),
};

async fn now(app: Arc<App>, caller: Arc<Caller>, asked: Now) -> Result<BalanceView, Refusal> {
    let view = app.gateway.balance_now(caller.origin()?, &asked.sim).await?;
    Ok(view)
}
