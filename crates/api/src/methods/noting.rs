//! What a call leaves in the audit log: which operator did what, to whom, over which SIM.

use gateway::{AuditEntry, Gateway};
use message::RouteId;
use serde_json::{Map, Value};

use super::{Method, Need};
use crate::clock;
use crate::codes::Refusal;
use crate::params;
use crate::rpc::{App, Caller};
use crate::token::Scope;

/// Notes a call that the audit log tells of, before it is done: what cannot be noted is not done. Messages and USSD are
/// noted where they are kept and dialled; the settings, which may be what mends the store, are read again in any case.
pub(super) async fn note(app: &App, caller: &Caller, method: &Method, params: Option<&str>) -> Result<(), Refusal> {
    if method.need != Need::Scope(Scope::Admin) && !ALSO_NOTED.contains(&method.name) {
        return Ok(());
    }
    let params = params::read(method, params).unwrap_or_default();
    let mut entry = concern(&app.gateway, method, &params);
    if let Some(id) = entry.message {
        entry = app.gateway.audit_about(id, entry).await;
    }
    entry.token = caller.origin()?.token.clone();
    let from = format!("from {}", caller.address);
    entry.facts = Some(entry.facts.map_or(from.clone(), |facts| format!("{facts}, {from}")));
    match app.gateway.audit(entry).await {
        Err(error) if method.name == "config.reload" => {
            tracing::warn!(method = method.name, "not in the audit log: {error}");
            Ok(())
        }
        noted => Ok(noted?),
    }
}

/// What a call is about, as far as its parameters say it in a form that is no secret. What is no number, no id and no name
/// is refused by the method itself, and not kept.
fn concern(gateway: &Gateway, method: &Method, params: &Map<String, Value>) -> AuditEntry {
    let mut entry = AuditEntry::new(method.name, clock::now());
    let text = |name: &str| params.get(name).and_then(Value::as_str);
    entry.message = text("id").and_then(|id| id.parse().ok());
    entry.number = text("number").and_then(|number| gateway.read_number(number));
    if let Some(sim) = text("sim").filter(|sim| sim.len() <= LONGEST_NAME) {
        // A SIM may be named by its number, which is kept as numbers are.
        match sim.bytes().all(|octet| octet.is_ascii_digit() || octet == b'+') {
            true => entry.number = gateway.read_number(sim),
            false => entry.sim = Some(RouteId::new(sim)),
        }
    }
    entry.facts = params
        .get("number")
        .and_then(Value::as_u64)
        .map(|n| format!("number {n}"));
    if let Some(resolution) = text("resolution") {
        entry.facts = Some(resolution.to_owned());
    }
    if let Some(on) = params.get("on").and_then(Value::as_bool) {
        entry.facts = Some(if on { "on" } else { "off" }.to_owned());
    }
    entry
}

/// What is noted besides all that only an operator may do.
const ALSO_NOTED: [&str; 3] = ["sms.cancel", "sms.resolve", "alert.ack"];

/// No slot has a longer name.
const LONGEST_NAME: usize = 64;
