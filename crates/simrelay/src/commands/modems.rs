//! `simrelay modems`: the slots with their modems and SIMs.

use clap::Args;
use jiff::Timestamp;
use message::{Level, Lock, Registration, SlotSnapshot};
use serde_json::{Value, json};

use super::upstreams;
use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless};
use crate::when::{ago, local_or_dash};

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
        .iter()
        .map(|(name, value)| format!("  {name:<9} {}", harmless(value)))
        .collect();
    format!("{}\n{}\n", harmless(slot.slot.as_str()), lines.join("\n"))
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
