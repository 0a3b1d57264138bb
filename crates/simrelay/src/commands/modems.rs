//! `simrelay modems`: the slots with their modems and SIMs.

use clap::Args;
use jiff::Timestamp;
use message::{Balance, Level, Lock, Probe, ProbeState, Registration, SlotSnapshot};
use serde_json::{Value, json};

use super::balance::money;
use super::upstreams;
use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless};
use crate::when::{ago, local, local_or_dash};

/// Every slot with its modem, SIM, network and counters; upstreams below
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay modems
  simrelay modems --long
  simrelay modems --json | jq '.[] | select(.state != \"ready\")'")]
pub(crate) struct ModemsArgs {
    /// Everything that is known, a block a slot
    #[arg(long, short)]
    long: bool,
}

/// Lists the slots.
pub(crate) async fn run(args: ModemsArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let slots: Value = client.call("modems.list", json!({})).await?;
    if screen.is_json() {
        return screen.value(&slots);
    }
    let slots: Vec<SlotSnapshot> = understood("modems.list", slots)?;
    match args.long {
        true => slots.iter().try_for_each(|slot| screen.line(block(slot)))?,
        false => screen.table(&short(&slots, Timestamp::now()), "no slots are configured")?,
    }
    upstreams::below(args.long, client, screen).await
}

/// A level as monitoring writes it.
pub(crate) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
    }
}

fn short(slots: &[SlotSnapshot], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "SLOT",
        "STATE",
        "FOR",
        "NUMBER",
        "OPERATOR",
        ">DBM",
        ">SENT",
        ">FAILED",
        ">RECEIVED",
        "~REMARK",
    ]);
    for slot in slots {
        table.row([
            slot.slot.to_string(),
            slot.state.words().to_owned(),
            ago(slot.since, now),
            slot.number.as_ref().map_or_else(dash, ToString::to_string),
            slot.operator.clone().unwrap_or_else(dash),
            slot.signal_dbm.map_or_else(dash, |dbm| dbm.to_string()),
            slot.traffic.sent.to_string(),
            slot.traffic.failed.to_string(),
            slot.traffic.received.to_string(),
            remark(slot),
        ]);
    }
    table
}

fn remark(slot: &SlotSnapshot) -> String {
    match slot.state.can_send() {
        true => String::new(),
        false => slot.reason.clone(),
    }
}

fn block(slot: &SlotSnapshot) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(dash);
    let storage: Vec<String> = slot
        .storage
        .iter()
        .map(|memory| format!("{} {}/{}", memory.memory, memory.used, memory.total))
        .collect();
    let rows = [
        ("state", format!("{} ({})", slot.state.words(), slot.reason)),
        ("port", text(&slot.port)),
        (
            "modem",
            format!("{} {} {}", text(&slot.maker), text(&slot.model), text(&slot.revision)),
        ),
        ("IMEI", text(&slot.imei)),
        ("ICCID", text(&slot.iccid)),
        ("IMSI", text(&slot.imsi)),
        ("number", slot.number.as_ref().map_or_else(dash, ToString::to_string)),
        ("lock", lock_words(&slot.lock)),
        ("network", network_words(slot)),
        ("signal", slot.signal_dbm.map_or_else(dash, |dbm| format!("{dbm} dBm"))),
        ("SMSC", text(&slot.smsc)),
        ("storage", if storage.is_empty() { dash() } else { storage.join(", ") }),
        (
            "reports",
            if slot.reports { "arrive" } else { "cannot arrive" }.to_owned(),
        ),
        (
            "sent",
            format!("{}, last {}", slot.traffic.sent, local_or_dash(slot.traffic.last_sent)),
        ),
        ("failed", slot.traffic.failed.to_string()),
        (
            "received",
            format!(
                "{}, last {}",
                slot.traffic.received,
                local_or_dash(slot.traffic.last_received)
            ),
        ),
        (
            "starts",
            format!(
                "{} initialisations, {} recoveries",
                slot.initialisations, slot.recoveries
            ),
        ),
    ];
    let lines: Vec<String> = rows
        .into_iter()
        .chain(care(slot))
        .map(|(name, value)| format!("  {name:<9} {}", harmless(&value)))
        .collect();
    format!("{}\n{}\n", harmless(slot.slot.as_str()), lines.join("\n"))
}

/// What is watched and done for its SIM, as far as anything is.
fn care(slot: &SlotSnapshot) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(Balance { micros, currency, at }) = &slot.balance {
        rows.push(("balance", format!("{} as of {}", money(*micros, currency), local(*at))));
    }
    rows.extend(slot.balance_error.clone().map(|error| ("balance", error)));
    let limits = slot.traffic.limits.iter();
    rows.extend(limits.map(|limit| ("limit", format!("{} {} of {}", limit.limit, limit.used, limit.allowed))));
    let probes = [("self-test", &slot.self_test), ("ring", &slot.ring)];
    rows.extend(
        probes
            .into_iter()
            .filter_map(|(name, probe)| Some((name, probe_words(probe.as_ref()?)))),
    );
    if let Some(alive) = &slot.keep_alive {
        let (due, deadline) = (local(alive.due), local(alive.deadline));
        rows.push(("alive", format!("a message is due {due}, switched off {deadline}")));
    }
    rows
}

fn probe_words(probe: &Probe) -> String {
    let state = match probe.state {
        ProbeState::Waiting => "on its way",
        ProbeState::Arrived => "arrived",
        ProbeState::Late => "late",
        ProbeState::Lost => "lost",
    };
    let latency = probe.latency_ms.map_or_else(String::new, |ms| {
        format!(", the last one that arrived took {:.1} s", ms as f64 / 1000.0)
    });
    let (to, at, next) = (&probe.to, local(probe.at), local_or_dash(probe.next));
    format!("to {to} of {at} {state}{latency}; next {next}")
}

fn lock_words(lock: &Lock) -> String {
    let tries = |tries: &Option<u8>| tries.map_or_else(String::new, |left| format!(", {left} tries left"));
    match lock {
        Lock::Unknown => "not read yet".into(),
        Lock::Open => "open".into(),
        Lock::Pin { tries: left } => format!("wants the PIN{}", tries(left)),
        Lock::Puk { tries: left } => format!("wants the PUK{}", tries(left)),
        Lock::Held { reason, .. } => format!("held: {reason}"),
    }
}

fn network_words(slot: &SlotSnapshot) -> String {
    let registration = match slot.registration {
        Registration::Unknown => "not read yet",
        Registration::Off => "not registered",
        Registration::Searching => "searching",
        Registration::Denied => "refused",
        Registration::Home => "home",
        Registration::Roaming => "roaming",
    };
    match &slot.operator {
        Some(operator) => format!("{operator}, {registration}"),
        None => registration.to_owned(),
    }
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use message::{LimitUse, RouteId, Traffic};

    use super::*;

    #[test]
    fn a_block_says_all_that_is_known_of_a_sim() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let slot = SlotSnapshot {
            balance: Some(Balance {
                micros: 12_500_000,
                currency: "EUR".into(),
                at,
            }),
            ring: Some(Probe {
                to: RouteId::new("sim2"),
                at,
                state: ProbeState::Arrived,
                latency_ms: Some(2_340),
                arrived_at: Some(at),
                reason: None,
                next: None,
            }),
            traffic: Traffic {
                limits: vec![LimitUse {
                    limit: "per_day".into(),
                    used: 5,
                    allowed: 7,
                    until: None,
                }],
                ..Traffic::default()
            },
            ..SlotSnapshot::blank(RouteId::new("sim1"), at)
        };
        let told = block(&slot);
        for words in [
            "12.50 EUR as of ",
            "per_day 5 of 7",
            "to sim2 of ",
            "arrived, the last one that arrived took 2.3 s",
        ] {
            assert!(told.contains(words), "{words} in {told}");
        }
        let blank = block(&SlotSnapshot::blank(RouteId::new("sim1"), at));
        assert!(!blank.contains("balance") && !blank.contains("ring"), "{blank}");
    }
}
