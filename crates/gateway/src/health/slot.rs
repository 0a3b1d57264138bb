//! What is wrong with one slot.

use jiff::{SignedDuration, Timestamp};
use message::{Finding, Level, LimitUse, Lock, Probe, ProbeState, Registration, SlotSnapshot, SlotState, StorageUse};

use super::finding;
use crate::SlotCare;

/// What is wrong with one slot, and with what `care` says of it; empty where all is well.
pub(crate) fn of_slot(slot: &SlotSnapshot, care: &SlotCare, started_at: Timestamp, now: Timestamp) -> Vec<Finding> {
    if slot.state == SlotState::Disabled {
        return Vec::new();
    }
    let mut findings = Vec::new();
    findings.extend(state(slot, now));
    if slot.state.can_send() {
        findings.extend(minor(slot, care, now));
        findings.extend(failures(
            slot.slot.as_str(),
            slot.traffic
                .failing_since
                .map(|since| (slot.traffic.failures_in_row, since)),
            slot.traffic.last_failure.as_deref(),
            "check contract, balance and service centre; `simrelay outbox` shows what is tried again and what was given up",
        ));
        findings.extend(silence(slot, care, started_at, now));
    }
    let name = slot.slot.as_str();
    findings.extend(slot.traffic.limits.iter().filter_map(|limit| used_up(name, limit, now)));
    findings.extend(balance(slot, care, now));
    findings.extend(probe(slot, slot.self_test.as_ref(), "the message to itself"));
    findings.extend(probe(slot, slot.ring.as_ref(), "the message to the next SIM"));
    findings.extend(keep_alive(slot, now));
    findings.extend(slot.storage.iter().filter_map(|memory| storage(slot, memory, now)));
    findings
}

fn state(slot: &SlotSnapshot, now: Timestamp) -> Option<Finding> {
    let patient = now.duration_since(slot.since) <= PATIENCE;
    let (level, hint) = match slot.state {
        SlotState::Disabled | SlotState::Ready | SlotState::Busy => return None,
        SlotState::Searching if slot.registration == Registration::Denied => {
            let level = if patient { Level::Warning } else { Level::Critical };
            (level, REFUSED)
        }
        SlotState::Starting | SlotState::Searching if patient => (Level::Warning, PASSES),
        SlotState::Recovering if patient => (Level::Warning, "wait a moment: the gateway brings it back by itself"),
        SlotState::Starting | SlotState::Recovering => (
            Level::Critical,
            "unplug the modem and plug it in again; `simrelay doctor` looks for the cause",
        ),
        SlotState::Searching => (
            Level::Critical,
            "check antenna and contract. A modem for 2G or 3G only finds nothing where these are switched off; a SIM in LTE \
             alone needs SMS over SGs or IMS, which the operator must allow",
        ),
        SlotState::Absent if now.duration_since(slot.since) <= LOOKING => return None,
        SlotState::Absent => (
            Level::Critical,
            "plug the modem in, stop the program that holds its port, or correct the slot's port: `simrelay doctor` tells \
             which",
        ),
        SlotState::Locked => (Level::Critical, locked_hint(&slot.lock)),
        SlotState::NoSim => (Level::Critical, "put a SIM in, or clean its contacts"),
        SlotState::WrongSim => (
            Level::Critical,
            "put the right one in, or accept this one: `simrelay sim unlock SLOT`; where the slot's `imei` or `iccid` names \
             another, correct that",
        ),
        SlotState::Quarantined => (
            Level::Critical,
            "it is tried again after a pause; unplug the modem and plug it in",
        ),
    };
    Some(told(slot, level, slot.reason.clone(), hint, slot.since))
}

fn locked_hint(lock: &Lock) -> &'static str {
    match lock {
        Lock::Puk { .. } => "enter the PUK with a phone: the gateway never does",
        Lock::Pin { .. } => "set the slot's `pin`, then `simrelay reload` and `simrelay sim unlock SLOT`",
        Lock::Held { tries: Some(_), .. } => {
            "put the SIM in a telephone and enter the PIN there, which gives it all its tries back; set the slot's `pin` to \
             the same, `simrelay reload`, and with the SIM back in its modem `simrelay sim unlock SLOT`"
        }
        _ => "correct the slot's `pin`, then `simrelay reload` and `simrelay sim unlock SLOT`",
    }
}

/// What does not keep a slot from sending.
fn minor(slot: &SlotSnapshot, care: &SlotCare, now: Timestamp) -> Vec<Finding> {
    let warn = |sentence: String, hint| told(slot, Level::Warning, sentence, hint, now);
    let mut findings = Vec::new();
    // It stays in routing: some modems know a centre that they do not tell. A part that the modem refuses for want of one
    // (CMS 330) takes another route, and those that fail in a row are told as such.
    if slot.smsc.is_none() {
        findings.push(warn(
            "the SIM tells no service centre; sending is tried, and fails unless the modem knows one".into(),
            "set the slot's `smsc` to its operator's number",
        ));
    }
    if !slot.reports {
        let hint = "deliveries cannot be confirmed over this modem";
        findings.push(warn("the modem does not pass on status reports".into(), hint));
    }
    if slot.registration == Registration::Roaming && !care.roaming {
        let network = slot.operator.as_deref().unwrap_or("a foreign network");
        let hint = "messages may cost more there; where the SIM is meant to roam, set `roaming = true` for the slot";
        findings.push(warn(format!("it roams, in {network}"), hint));
    }
    if let Some(signal) = slot.signal_dbm.filter(|signal| *signal <= WEAK_SIGNAL_DBM) {
        let level = match signal <= NO_SIGNAL_DBM {
            true => Level::Critical,
            false => Level::Warning,
        };
        let sentence = format!("the signal is weak ({signal} dBm)");
        findings.push(told(slot, level, sentence, "move the antenna", now));
    }
    findings
}

/// Parts that failed one after the other, whatever their recipients were: how many, and since when.
pub(super) fn failures(
    name: &str,
    failing: Option<(u32, Timestamp)>,
    why: Option<&str>,
    hint: &str,
) -> Option<Finding> {
    let (many, since) = failing.filter(|(many, _)| *many >= SOME_FAILURES)?;
    let level = match many >= MANY_FAILURES {
        true => Level::Critical,
        false => Level::Warning,
    };
    let why = why.unwrap_or("nobody could say why");
    let sentence = format!("the last {many} parts failed: {why}");
    Some(finding(level, name, sentence, hint, since))
}

/// Nothing came in for longer than the operator thinks possible.
fn silence(slot: &SlotSnapshot, care: &SlotCare, started_at: Timestamp, now: Timestamp) -> Option<Finding> {
    let hours = care.quiet_after_h?;
    let last = slot.traffic.last_received.unwrap_or(started_at);
    if now.duration_since(last) <= SignedDuration::from_hours(hours.into()) {
        return None;
    }
    let sentence = match slot.traffic.last_received {
        Some(last) => format!("nothing came in since {last:.0}"),
        None => "nothing ever came in".to_owned(),
    };
    let hint = "send a message to it; a SIM that receives nothing may be full, blocked or out of contract";
    Some(told(slot, Level::Warning, sentence, hint, last))
}

/// A limit that is reached, or nearly; those of minutes and hours come and go and are no news.
pub(super) fn used_up(name: &str, limit: &LimitUse, now: Timestamp) -> Option<Finding> {
    if !LASTING.contains(&limit.limit.as_str()) {
        return None;
    }
    let (used, allowed) = (limit.used, limit.allowed);
    let key = &limit.limit;
    if let Some(until) = limit.until {
        let sentence = format!("its limit {key} = {allowed} is used up until {until:.0}");
        let hint = "messages take other routes or wait; where the contract allows more, raise its `limits`";
        return Some(finding(Level::Warning, name, sentence, hint, now));
    }
    let near = u64::from(used) * 100 >= u64::from(allowed) * NEAR_PERCENT;
    near.then(|| {
        let sentence = format!("its limit {key} = {allowed} is nearly used up: {used}");
        let hint = "have another route ready; where the contract allows more, raise its `limits`";
        finding(Level::Warning, name, sentence, hint, now)
    })
}

fn balance(slot: &SlotSnapshot, care: &SlotCare, now: Timestamp) -> Vec<Finding> {
    if !care.asks_balance() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if let Some(balance) = &slot.balance
        && let Some((level, least)) = care.balance_level(balance.micros)
    {
        let sentence = format!("its balance is {}, below {least}", care.money(balance.micros));
        let hint = match level {
            Level::Critical => "top it up: nothing is sent by it meanwhile; then `simrelay balance SLOT --now`",
            _ => "top it up, then `simrelay balance SLOT --now`",
        };
        findings.push(told(slot, level, sentence, hint, balance.at));
    }
    if let Some(error) = &slot.balance_error {
        let sentence = match &slot.balance {
            Some(balance) => format!("its balance is not known since {:.0}: {error}", balance.at),
            None => format!("its balance is not known: {error}"),
        };
        let hint =
            "`simrelay ussd SLOT CODE` shows what the operator answers; correct `balance_ussd` or `balance_pattern`";
        findings.push(told(slot, Level::Warning, sentence, hint, now));
    }
    findings
}

fn probe(slot: &SlotSnapshot, probe: Option<&Probe>, which: &str) -> Option<Finding> {
    let probe = probe?;
    let word = match probe.state {
        ProbeState::Waiting | ProbeState::Arrived => return None,
        ProbeState::Late => "is late",
        ProbeState::Lost => "did not come through",
    };
    let why = probe
        .reason
        .as_deref()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    let sentence = format!("{which} of {:.0} {word}{why}", probe.at);
    let hint = "send it a message by hand; `simrelay outbox` and `simrelay inbox --probes` show how far the test came";
    Some(told(slot, Level::Warning, sentence, hint, probe.at))
}

fn keep_alive(slot: &SlotSnapshot, now: Timestamp) -> Option<Finding> {
    let alive = slot.keep_alive.as_ref()?;
    if now < alive.due + GRACE {
        return None;
    }
    let (level, sentence) = match now < alive.deadline {
        true => (
            Level::Warning,
            format!(
                "nothing was charged to it; its operator switches it off on {:.0}",
                alive.deadline
            ),
        ),
        false => (
            Level::Critical,
            format!("its operator may have switched it off on {:.0}", alive.deadline),
        ),
    };
    let hint = "send a message by it: `simrelay send --from SLOT NUMBER TEXT`";
    Some(told(slot, level, sentence, hint, alive.due))
}

fn storage(slot: &SlotSnapshot, memory: &StorageUse, now: Timestamp) -> Option<Finding> {
    let StorageUse {
        memory: name,
        used,
        total,
    } = memory;
    let left = total.saturating_sub(*used);
    if *total == 0 || left > NEARLY_FULL {
        return None;
    }
    // No more than a warning: a burst fills a small memory for a moment.
    let full = if left == 0 { "full" } else { "nearly full" };
    let sentence = format!("its memory {name} is {full} ({used} of {total})");
    let hint = "nothing more can arrive there: what the gateway kept is deleted by itself, drafts are not";
    Some(told(slot, Level::Warning, sentence, hint, now))
}

/// Hints are the same for all slots but for the name, so that they can be pasted.
fn told(slot: &SlotSnapshot, level: Level, sentence: String, hint: &str, since: Timestamp) -> Finding {
    let name = slot.slot.as_str();
    finding(level, name, sentence, &hint.replace("SLOT", name), since)
}

/// Whether it belongs to every orderly start, and ends by itself.
pub(crate) fn passes(finding: &Finding) -> bool {
    finding.hint == PASSES
}

const PASSES: &str = "wait a moment: this ends by itself";

/// A refusal does not end by waiting, unless the network was mistaken.
const REFUSED: &str =
    "see whether the SIM is blocked, expired or out of contract, and whether its contract holds in this network";

/// How long starting, searching and recovering may take before they count as broken.
const PATIENCE: SignedDuration = SignedDuration::from_secs(180);

/// How long a port may be looked for before it counts as missing.
const LOOKING: SignedDuration = SignedDuration::from_secs(5);

/// +CSQ 5 and 1 (TS 27.007 8.5).
const WEAK_SIGNAL_DBM: i16 = -103;
const NO_SIGNAL_DBM: i16 = -111;

/// Parts that may fail in a row: some recipients cannot be reached, which is nobody's fault here.
const SOME_FAILURES: u32 = 3;
const MANY_FAILURES: u32 = 10;

/// Limits whose end is worth a word.
const LASTING: [&str; 3] = ["per_day", "per_month", "recipients_per_month"];
const NEAR_PERCENT: u64 = 90;

/// Places left in a memory that is nearly full: of an old SIM's ten, a long message takes three.
const NEARLY_FULL: u16 = 1;

/// How long a message that keeps a SIM alive may take to go out.
const GRACE: SignedDuration = SignedDuration::from_hours(12);

#[cfg(test)]
mod tests {
    use message::{Balance, RouteId, Traffic};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ready() -> SlotSnapshot {
        SlotSnapshot {
            state: SlotState::Ready,
            registration: Registration::Home,
            smsc: Some("+491710760000".into()),
            reports: true,
            signal_dbm: Some(-71),
            ..SlotSnapshot::blank(RouteId::new("sim1"), at(0))
        }
    }

    fn found(slot: &SlotSnapshot, care: &SlotCare, now: i64) -> Vec<(Level, String, Timestamp)> {
        let found = of_slot(slot, care, at(0), at(now));
        found
            .into_iter()
            .map(|found| (found.level, found.sentence, found.since))
            .collect()
    }

    fn only(slot: &SlotSnapshot, care: &SlotCare, now: i64) -> (Level, String, Timestamp) {
        let mut all = found(slot, care, now);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_slot_that_is_well_says_nothing() {
        assert_eq!(found(&ready(), &SlotCare::default(), 1_000_000), []);
    }

    #[test]
    fn a_start_passes_and_a_refusal_has_advice_of_its_own_at_once() {
        let look = |state, registration, now| {
            let slot = SlotSnapshot {
                state,
                registration,
                ..ready()
            };
            of_slot(&slot, &SlotCare::default(), at(0), at(now)).remove(0)
        };
        assert!(passes(&look(SlotState::Starting, Registration::Unknown, 2)));
        assert!(passes(&look(SlotState::Searching, Registration::Searching, 2)));
        assert!(!passes(&look(SlotState::Recovering, Registration::Unknown, 2)));
        for (now, level) in [(2, Level::Warning), (200, Level::Critical)] {
            let refused = look(SlotState::Searching, Registration::Denied, now);
            assert!(
                !passes(&refused) && refused.hint.contains("out of contract"),
                "{refused:?}"
            );
            assert_eq!(refused.level, level);
        }
    }

    #[test]
    fn a_hint_names_the_slot_that_it_is_about() {
        let hint = locked_hint(&Lock::Pin { tries: None });
        let found = told(&ready(), Level::Critical, String::new(), hint, at(0));
        assert_eq!(
            found.hint,
            "set the slot's `pin`, then `simrelay reload` and `simrelay sim unlock sim1`"
        );
        let last = |tries| Lock::Held {
            reason: String::new(),
            tries,
        };
        assert!(locked_hint(&last(Some(1))).starts_with("put the SIM in a telephone"));
        assert!(locked_hint(&last(None)).starts_with("correct the slot's `pin`"));
    }

    #[test]
    fn a_sim_without_a_service_centre_is_tried_and_told_as_such() {
        let slot = SlotSnapshot { smsc: None, ..ready() };
        assert!(slot.state.can_send());
        let (level, sentence, _) = only(&slot, &SlotCare::default(), 7);
        assert_eq!(level, Level::Warning);
        assert!(
            sentence.ends_with("sending is tried, and fails unless the modem knows one"),
            "{sentence}"
        );
    }

    #[test]
    fn roaming_is_told_unless_it_is_meant() {
        let slot = SlotSnapshot {
            registration: Registration::Roaming,
            operator: Some("A1".into()),
            ..ready()
        };
        assert_eq!(only(&slot, &SlotCare::default(), 7).1, "it roams, in A1");
        let meant = SlotCare {
            roaming: true,
            ..SlotCare::default()
        };
        assert_eq!(found(&slot, &meant, 7), []);
    }

    #[test]
    fn parts_that_fail_in_a_row_are_told_since_the_first_of_them() {
        let failing = |failures_in_row| SlotSnapshot {
            traffic: Traffic {
                failures_in_row,
                failing_since: Some(at(5)),
                last_failure: Some("the network refuses (CMS 38)".into()),
                ..Traffic::default()
            },
            ..ready()
        };
        let level = |failures| {
            found(&failing(failures), &SlotCare::default(), 9)
                .first()
                .map(|found| found.0)
        };
        assert_eq!(
            [2, 3, 9, 10].map(level),
            [None, Some(Level::Warning), Some(Level::Warning), Some(Level::Critical)]
        );
        let (_, sentence, since) = only(&failing(3), &SlotCare::default(), 9);
        assert_eq!(sentence, "the last 3 parts failed: the network refuses (CMS 38)");
        assert_eq!(since, at(5));
    }

    #[test]
    fn a_sim_that_receives_nothing_is_told_since_its_last_message() {
        let care = SlotCare {
            quiet_after_h: Some(2),
            ..SlotCare::default()
        };
        let heard = SlotSnapshot {
            traffic: Traffic {
                last_received: Some(at(100)),
                ..Traffic::default()
            },
            ..ready()
        };
        assert_eq!(found(&heard, &care, 100 + 7_200), []);
        assert_eq!(only(&heard, &care, 101 + 7_200).2, at(100));
        assert_eq!(only(&ready(), &care, 7_201).1, "nothing ever came in");
    }

    #[test]
    fn a_limit_is_told_when_it_is_near_and_when_it_is_reached() {
        let with = |limit: &str, used, until| SlotSnapshot {
            traffic: Traffic {
                limits: vec![LimitUse {
                    limit: limit.into(),
                    used,
                    allowed: 100,
                    until,
                }],
                ..Traffic::default()
            },
            ..ready()
        };
        let care = SlotCare::default();
        assert_eq!(found(&with("per_month", 89, None), &care, 1), []);
        assert!(
            only(&with("per_month", 90, None), &care, 1)
                .1
                .contains("nearly used up: 90")
        );
        assert!(
            only(&with("per_day", 100, Some(at(9))), &care, 1)
                .1
                .contains("used up until")
        );
        assert_eq!(found(&with("per_minute", 100, Some(at(9))), &care, 1), []);
    }

    #[test]
    fn a_balance_has_two_thresholds_and_says_what_it_is() {
        let care = SlotCare {
            balance_ussd: Some("*100#".into()),
            currency: "EUR".into(),
            ..SlotCare::default()
        };
        let with = |micros| SlotSnapshot {
            balance: Some(Balance {
                micros,
                currency: "EUR".into(),
                at: at(3),
            }),
            ..ready()
        };
        assert_eq!(found(&with(5_000_000), &care, 9), []);
        let (level, sentence, since) = only(&with(4_990_000), &care, 9);
        assert_eq!((level, since), (Level::Warning, at(3)));
        assert_eq!(sentence, "its balance is 4.99 EUR, below 5.00");
        assert_eq!(only(&with(990_000), &care, 9).0, Level::Critical);
        let failed = SlotSnapshot {
            balance_error: Some("the network did not answer".into()),
            ..with(9_000_000)
        };
        assert!(only(&failed, &care, 9).1.contains("not known since"));
    }

    #[test]
    fn a_probe_that_does_not_arrive_is_told_since_it_left() {
        let with = |state| SlotSnapshot {
            ring: Some(Probe {
                to: RouteId::new("sim2"),
                at: at(1),
                state,
                latency_ms: None,
                arrived_at: None,
                reason: None,
                next: None,
            }),
            ..ready()
        };
        let care = SlotCare::default();
        assert_eq!(found(&with(ProbeState::Waiting), &care, 9), []);
        assert_eq!(found(&with(ProbeState::Arrived), &care, 9), []);
        let (level, _, since) = only(&with(ProbeState::Lost), &care, 9);
        assert_eq!((level, since), (Level::Warning, at(1)));
    }

    #[test]
    fn every_memory_that_is_full_has_a_word_of_its_own() {
        let memory = |memory: &str, used| StorageUse {
            memory: memory.into(),
            used,
            total: 10,
        };
        let slot = SlotSnapshot {
            storage: vec![memory("SM", 10), memory("ME", 9), memory("SR", 10), memory("BM", 8)],
            ..ready()
        };
        let told: Vec<_> = found(&slot, &SlotCare::default(), 1)
            .into_iter()
            .map(|found| (found.0, found.1))
            .collect();
        let told: Vec<_> = told.iter().map(|(level, words)| (*level, words.as_str())).collect();
        assert_eq!(
            told,
            [
                (Level::Warning, "its memory SM is full (10 of 10)"),
                (Level::Warning, "its memory ME is nearly full (9 of 10)"),
                (Level::Warning, "its memory SR is full (10 of 10)")
            ]
        );
    }
}
