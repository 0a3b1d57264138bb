//! What is wrong, told so that somebody can do something about it.

use std::time::Duration;

use jiff::Timestamp;
use message::{Finding, Level, Lock, QueueFacts, SlotSnapshot, SlotState};
use store::Backlog;

/// What is wrong with one slot; empty where all is well.
pub(crate) fn of_slot(slot: &SlotSnapshot, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(state(slot, now));
    if slot.state.can_send() {
        findings.extend(minor(slot));
    }
    findings.extend(storage(slot));
    findings
}

/// What is wrong with the queue.
pub(crate) fn of_queue(queue: &QueueFacts, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let overdue = queue.oldest.filter(|oldest| now.duration_since(*oldest) > QUEUE_AGE);
    if let Some(oldest) = overdue {
        let sentence = format!("{} parts wait, the oldest since {oldest}", queue.queued);
        let hint = "`simrelay route NUMBER` tells why a message waits";
        findings.push(finding(Level::Warning, "queue", sentence, hint, oldest));
    }
    if queue.uncertain > 0 {
        let sentence = format!("of {} parts nobody knows whether they went out", queue.uncertain);
        let hint = "they settle by themselves unless they are held: `simrelay outbox`, then `simrelay resolve`";
        findings.push(finding(Level::Warning, "queue", sentence, hint, now));
    }
    findings
}

/// What is wrong with a consumer: it is behind, or it gave something up lately.
pub(crate) fn of_consumer(backlog: &Backlog, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let why = backlog.error.as_deref().unwrap_or("nobody could say why");
    let age = |since: Timestamp| now.duration_since(since);
    if let Some(oldest) = backlog.oldest.filter(|oldest| age(*oldest) > BEHIND) {
        let level = match age(oldest) > FAR_BEHIND {
            true => Level::Critical,
            false => Level::Warning,
        };
        let waiting = match backlog.waiting {
            1 => "1 event waits".to_owned(),
            many => format!("{many} events wait"),
        };
        let sentence = format!("{waiting}, the oldest since {oldest:.0}: {why}");
        let hint = "it goes on by itself when the other side takes them again";
        findings.push(finding(level, &backlog.consumer, sentence, hint, oldest));
    }
    if let Some(at) = backlog.gave_up_at.filter(|at| age(*at) <= REMEMBERED) {
        let gave_up = match backlog.gave_up {
            1 => "1 event was".to_owned(),
            many => format!("{many} events were"),
        };
        let sentence = format!("{gave_up} given up, the last at {at:.0}: {why}");
        let hint = "the log names them; received messages can still be fetched; this is shown for a day";
        findings.push(finding(Level::Warning, &backlog.consumer, sentence, hint, at));
    }
    findings
}

/// What the store says of itself.
pub(crate) fn of_store(health: &store::Health) -> Option<Finding> {
    match health {
        store::Health::Well => None,
        store::Health::Ill { since, error, hint } => Some(finding(
            Level::Critical,
            "store",
            format!("nothing can be kept: {error}"),
            hint,
            *since,
        )),
    }
}

/// A clock nobody can believe.
pub(crate) fn of_clock(now: Timestamp) -> Finding {
    let sentence = format!("the clock shows {now:.0}: schedules and deadlines wait until it is set");
    finding(
        Level::Critical,
        "clock",
        sentence,
        "check the time service (timedatectl)",
        now,
    )
}

fn state(slot: &SlotSnapshot, now: Timestamp) -> Option<Finding> {
    let patient = now.duration_since(slot.since) <= PATIENCE;
    let (level, hint) = match slot.state {
        SlotState::Disabled | SlotState::Ready | SlotState::Busy => return None,
        SlotState::Starting | SlotState::Searching | SlotState::Recovering if patient => {
            (Level::Warning, "wait a moment: this ends by itself")
        }
        SlotState::Starting | SlotState::Recovering => (
            Level::Critical,
            "unplug the modem and plug it in again; `simrelay doctor` looks for the cause",
        ),
        SlotState::Searching => (
            Level::Critical,
            "check antenna and contract: the network does not take the SIM",
        ),
        SlotState::Absent if now.duration_since(slot.since) <= LOOKING => return None,
        SlotState::Absent => (
            Level::Critical,
            "plug the modem in, or correct the slot's port; `simrelay doctor` helps",
        ),
        SlotState::Locked => (Level::Critical, locked_hint(&slot.lock)),
        SlotState::NoSim => (Level::Critical, "put a SIM in, or clean its contacts"),
        SlotState::WrongSim => (
            Level::Critical,
            "put the right SIM in, or accept this one: `simrelay sim unlock SLOT`",
        ),
        SlotState::Quarantined => (
            Level::Critical,
            "it is tried again after a pause; unplug the modem and plug it in",
        ),
    };
    let name = slot.slot.as_str();
    let hint = with_name(hint, name);
    Some(finding(level, name, slot.reason.clone(), &hint, slot.since))
}

/// Hints are the same for all slots but for the name, so that they can be pasted.
fn with_name(hint: &str, slot: &str) -> String {
    hint.replace("SLOT", slot)
}

fn locked_hint(lock: &Lock) -> &'static str {
    match lock {
        Lock::Puk { .. } => "enter the PUK with a phone: the gateway never does",
        Lock::Pin { .. } => "set the slot's `pin`, then `simrelay sim unlock SLOT`",
        _ => "correct the slot's `pin`, then `simrelay sim unlock SLOT`",
    }
}

/// What does not keep a slot from sending.
fn minor(slot: &SlotSnapshot) -> Vec<Finding> {
    let warn = |sentence: String, hint| finding(Level::Warning, slot.slot.as_str(), sentence, hint, slot.since);
    let mut findings = Vec::new();
    if slot.smsc.is_none() {
        findings.push(warn("no service centre is known".into(), "set the slot's `smsc`"));
    }
    if !slot.reports {
        let hint = "deliveries cannot be confirmed over this modem";
        findings.push(warn("the modem does not pass on status reports".into(), hint));
    }
    if let Some(signal) = slot.signal_dbm.filter(|signal| *signal <= WEAK_SIGNAL_DBM) {
        findings.push(warn(format!("the signal is weak ({signal} dBm)"), "move the antenna"));
    }
    findings
}

fn storage(slot: &SlotSnapshot) -> Vec<Finding> {
    let full = slot
        .storage
        .iter()
        .filter(|memory| memory.total > 0 && memory.used >= memory.total);
    full.map(|memory| {
        let sentence = format!(
            "its memory {} is full ({} of {})",
            memory.memory, memory.used, memory.total
        );
        let hint = "nothing more can arrive there: what the gateway kept is deleted by itself, drafts are not";
        finding(Level::Warning, slot.slot.as_str(), sentence, hint, slot.since)
    })
    .collect()
}

fn finding(level: Level, subject: &str, sentence: String, hint: &str, since: Timestamp) -> Finding {
    Finding {
        level,
        subject: subject.to_owned(),
        sentence,
        hint: hint.to_owned(),
        since,
    }
}

/// How long starting, searching and recovering may take before they count as broken.
const PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(180);

/// How long a port may be looked for before it counts as missing.
const LOOKING: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// How old the oldest event of a consumer may be before it counts as behind, and as far behind.
const BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_secs(300);
const FAR_BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_secs(3600);

/// How long it is shown that something was given up.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// How old the oldest waiting part may be.
const QUEUE_AGE: jiff::SignedDuration = jiff::SignedDuration::from_secs(900);

/// +CSQ 5 (TS 27.007 8.5).
const WEAK_SIGNAL_DBM: i16 = -103;

/// How often the snapshot is made anew.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn backlog() -> Backlog {
        Backlog {
            consumer: "mail".into(),
            waiting: 3,
            oldest: Some(at(0)),
            gave_up: 0,
            gave_up_at: None,
            error: Some("connection refused".into()),
        }
    }

    #[test]
    fn a_hint_names_the_slot_that_it_is_about() {
        let hint = with_name(locked_hint(&Lock::Pin { tries: None }), "sim1");
        assert_eq!(hint, "set the slot's `pin`, then `simrelay sim unlock sim1`");
    }

    #[test]
    fn a_consumer_that_is_behind_says_since_when_how_many_and_why() {
        let levels = [299, 301, 3601].map(|now| of_consumer(&backlog(), at(now)).first().map(|found| found.level));
        assert_eq!(levels, [None, Some(Level::Warning), Some(Level::Critical)]);
        let found = of_consumer(&backlog(), at(301)).remove(0);
        assert_eq!((found.subject.as_str(), found.since), ("mail", at(0)));
        assert_eq!(
            found.sentence,
            "3 events wait, the oldest since 2027-01-15T08:00:00Z: connection refused"
        );
    }

    #[test]
    fn what_was_given_up_is_shown_for_a_day() {
        let backlog = Backlog {
            oldest: None,
            gave_up: 1,
            gave_up_at: Some(at(0)),
            ..backlog()
        };
        assert_eq!(of_consumer(&backlog, at(86_400)).len(), 1);
        assert_eq!(of_consumer(&backlog, at(86_401)).len(), 0);
    }
}
