//! What a running gateway says of itself, and what its slots show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::Health;
use message::{Finding, Level, Lock, Registration, RouteId, SlotSnapshot, SlotState};
use serde_json::json;

use crate::client::Client;
use crate::failure::Failure;

use super::check::Check;
use super::composite;

/// Asks the gateway, if one runs. Beside what was seen there is what was not, for want of a token.
pub(super) async fn look(client: &Client, named: &BTreeMap<RouteId, PathBuf>) -> (Vec<Check>, Option<Check>) {
    match ask(client, named).await {
        Ok(checks) => (checks, None),
        Err(Failure::Unauthorised(sentence) | Failure::LockedOut(sentence)) => {
            (Vec::new(), Some(not_made(client.shows_token(), &sentence)))
        }
        Err(failure) => {
            let silent = Check::warning(
                SUBJECT,
                failure.sentence().unwrap_or("it does not answer").to_owned(),
                "where it should run: systemctl status simrelay. Its modems are not looked at now",
            );
            (vec![silent], None)
        }
    }
}

/// It runs, and tells nothing to whoever shows no right token.
fn not_made(shown: bool, sentence: &str) -> Check {
    let why = match shown {
        true => sentence,
        false => "no token was given",
    };
    Check::warning(
        SUBJECT,
        format!(
            "{} checks were not made ({}): {why}",
            NEED_TOKEN.len(),
            NEED_TOKEN.join(", ")
        ),
        "show a token with the scope health: --token-file FILE",
    )
}

async fn ask(client: &Client, named: &BTreeMap<RouteId, PathBuf>) -> Result<Vec<Check>, Failure> {
    let health: Health = client.call("health", json!({})).await?;
    let slots: Vec<SlotSnapshot> = client.call("modems.list", json!({})).await?;
    let mut checks = vec![Check::ok(SUBJECT, "it answers")];
    let told = |slot: &SlotSnapshot| health.findings.iter().find(|finding| is_of_state(finding, slot));
    // What the doctor knows more of it says once, at the gateway's level.
    let known_better = |finding: &Finding| {
        let mut slots = slots.iter();
        slots.any(|slot| is_of_state(finding, slot) && state(slot, None).is_some())
    };
    checks.extend(
        health
            .findings
            .iter()
            .filter(|finding| !known_better(finding))
            .map(found),
    );
    if health.level == Level::Ok {
        checks.push(Check::ok("health", "it has nothing to complain about"));
    }
    checks.extend(slots.iter().flat_map(|slot| slot_checks(slot, told(slot))));
    let system = Path::new("/sys");
    let port = |slot: &SlotSnapshot| named.get(&slot.slot).map(PathBuf::as_path);
    checks.extend(
        slots
            .iter()
            .filter_map(|slot| composite::look(slot, port(slot), system)),
    );
    Ok(checks)
}

fn found(finding: &Finding) -> Check {
    Check {
        level: finding.level,
        subject: finding.subject.clone(),
        sentence: finding.sentence.clone(),
        fix: finding.hint.clone(),
    }
}

/// Whether the gateway says there why a slot does not work.
fn is_of_state(finding: &Finding, slot: &SlotSnapshot) -> bool {
    finding.subject == slot.slot.as_str() && finding.sentence == slot.reason && !slot.state.can_send()
}

/// What the facts of a slot say beyond what the gateway makes of them; `told` is what that says of its state. Service centre,
/// reports and memories are the gateway's to tell.
fn slot_checks(slot: &SlotSnapshot, told: Option<&Finding>) -> Vec<Check> {
    let mut checks: Vec<Check> = [state(slot, told), lte_alone(slot)].into_iter().flatten().collect();
    if checks.is_empty() && slot.state.can_send() {
        let network = slot.operator.as_deref().unwrap_or("its network");
        checks.push(Check::ok(slot.slot.as_str(), format!("ready on {network}")));
    }
    checks
}

/// Why it does not work, where that is its SIM or the network, at the level that the gateway gives it.
fn state(slot: &SlotSnapshot, told: Option<&Finding>) -> Option<Check> {
    let mut check = lock(slot).or_else(|| registration(slot))?;
    check.level = told.map_or(check.level, |told| told.level);
    Some(check)
}

fn lock(slot: &SlotSnapshot) -> Option<Check> {
    let name = slot.slot.as_str();
    match &slot.lock {
        Lock::Pin { .. } => Some(Check::critical(
            name,
            "the SIM wants its PIN",
            "set pin or pin_file for the slot, or switch the PIN off with a phone",
        )),
        Lock::Puk { .. } => Some(Check::critical(
            name,
            "the SIM wants its PUK: the PIN was wrong too often",
            "put the SIM into a phone and enter the PUK from its letter",
        )),
        Lock::Held { tries: Some(_), reason } => Some(Check::critical(
            name,
            reason.clone(),
            format!(
                "put the SIM in a telephone and enter the PIN there; set the slot's pin to the same; with the SIM back in its \
                 modem: simrelay reload && simrelay sim unlock {name}"
            ),
        )),
        Lock::Held { reason, .. } => Some(Check::critical(
            name,
            format!("the PIN is not entered again: {reason}"),
            format!("correct the PIN in the configuration, then: simrelay reload && simrelay sim unlock {name}"),
        )),
        Lock::Unknown | Lock::Open => None,
    }
}

fn registration(slot: &SlotSnapshot) -> Option<Check> {
    if slot.state != SlotState::Searching {
        return None;
    }
    let sentence = match slot.registration {
        Registration::Denied => "the network refuses the SIM",
        _ => "the SIM is in no network",
    };
    Some(Check::critical(
        slot.slot.as_str(),
        sentence,
        "check antenna, contract and SIM. A modem for 2G or 3G only finds nothing where these are switched off; a SIM in \
         LTE alone needs SMS over SGs or IMS, which the operator must allow",
    ))
}

/// A SIM that only LTE takes: SMS go over SGs or IMS there, which not every contract and modem has. What is known are the
/// three registrations, and whether messages go out.
fn lte_alone(slot: &SlotSnapshot) -> Option<Check> {
    let each = slot.registrations;
    let refused = |registration| {
        matches!(
            registration,
            Registration::Denied | Registration::Off | Registration::Searching
        )
    };
    let alone = each.eps.is_usable() && refused(each.circuit) && !each.packet.is_usable();
    if !slot.state.can_send() || !alone {
        return None;
    }
    let facts = format!(
        "+CEREG says {}, +CREG {}, +CGREG {}",
        word(each.eps),
        word(each.circuit),
        word(each.packet)
    );
    let name = slot.slot.as_str();
    let fix = "have the operator allow SMS over SGs or IMS (often with VoLTE) and switch IMS on in the modem (Quectel: \
               AT+QCFG=\"ims\",1), or let it use 2G or 3G where these exist";
    match (slot.traffic.failures_in_row, slot.traffic.last_sent) {
        (0, Some(_)) => Some(Check::ok(name, format!("in LTE alone ({facts}), and messages go out"))),
        (0, None) => {
            let sentence = format!("it is in LTE alone ({facts}), and nothing was sent yet: SMS may not work there");
            Some(Check::warning(name, sentence, fix))
        }
        (failures, _) => {
            let sentence = format!("it is in LTE alone ({facts}), and the last {failures} parts failed");
            Some(Check::critical(name, sentence, fix))
        }
    }
}

fn word(registration: Registration) -> &'static str {
    match registration {
        Registration::Unknown => "nothing",
        Registration::Off => "not registered",
        Registration::Searching => "searching",
        Registration::Denied => "denied",
        Registration::Home => "home",
        Registration::Roaming => "roaming",
    }
}

const SUBJECT: &str = "gateway";

/// What only the gateway knows.
const NEED_TOKEN: [&str; 4] = [
    "its health",
    "what keeps each SIM from working",
    "SIMs in LTE alone",
    "the ports of each modem",
];

#[cfg(test)]
mod tests {
    use message::{StorageUse, Traffic};

    use super::*;

    fn ready() -> SlotSnapshot {
        SlotSnapshot {
            state: SlotState::Ready,
            lock: Lock::Open,
            registration: Registration::Home,
            operator: Some("Testnet".into()),
            smsc: Some("+491710760000".into()),
            storage: vec![StorageUse {
                memory: "SM".into(),
                used: 1,
                total: 20,
            }],
            reports: true,
            ..SlotSnapshot::blank(RouteId::new("sim1"), jiff::Timestamp::UNIX_EPOCH)
        }
    }

    fn worst(slot: &SlotSnapshot) -> (Level, String) {
        let checks = slot_checks(slot, None);
        let worst = checks.into_iter().max_by_key(|check| check.level).unwrap();
        (worst.level, worst.sentence)
    }

    #[test]
    fn a_slot_that_is_well_says_so() {
        assert_eq!(worst(&ready()), (Level::Ok, "ready on Testnet".to_owned()));
    }

    #[test]
    fn what_stops_a_slot_is_told_with_its_fix() {
        let lock = Lock::Held {
            reason: "it was wrong".into(),
            tries: None,
        };
        let locked = SlotSnapshot {
            lock,
            state: SlotState::Locked,
            ..ready()
        };
        assert!(slot_checks(&locked, None)[0].fix.contains("simrelay sim unlock sim1"));

        let searching = SlotSnapshot {
            state: SlotState::Searching,
            registration: Registration::Denied,
            ..ready()
        };
        assert_eq!(
            worst(&searching),
            (Level::Critical, "the network refuses the SIM".to_owned())
        );
        let told = Finding {
            level: Level::Warning,
            subject: "sim1".into(),
            sentence: searching.reason.clone(),
            hint: "wait a moment".into(),
            since: searching.since,
        };
        assert!(is_of_state(&told, &searching) && !is_of_state(&told, &ready()));
        let checks = slot_checks(&searching, Some(&told));
        assert_eq!(checks.len(), 1, "one line a thing: {checks:?}");
        assert_eq!(checks[0].level, Level::Warning, "at one level");

        let each = |circuit, failures_in_row| SlotSnapshot {
            registrations: message::Registrations {
                circuit,
                packet: Registration::Off,
                eps: Registration::Home,
            },
            traffic: Traffic {
                failures_in_row,
                ..Traffic::default()
            },
            ..ready()
        };
        let (level, sentence) = worst(&each(Registration::Denied, 0));
        assert_eq!(level, Level::Warning);
        assert!(
            sentence.contains("+CEREG says home, +CREG denied, +CGREG not registered"),
            "{sentence}"
        );
        assert_eq!(worst(&each(Registration::Denied, 2)).0, Level::Critical);
        assert_eq!(worst(&each(Registration::Home, 2)).0, Level::Ok);
        assert_eq!(
            worst(&each(Registration::Unknown, 2)).0,
            Level::Ok,
            "a modem without +CREG tells nothing"
        );
    }
}
