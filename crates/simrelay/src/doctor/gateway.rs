//! What a running gateway says of itself, and what its slots show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::Health;
use message::{Finding, Level, Registration, RouteId, SlotSnapshot};
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
    // Health says why a slot does not work and what to do; nothing here says it in other words.
    checks.extend(health.findings.iter().map(found));
    if health.level == Level::Ok {
        checks.push(Check::ok("health", "it has nothing to complain about"));
    }
    checks.extend(slots.iter().filter_map(look_further));
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

/// What the facts of a slot say beyond what the gateway makes of them.
fn look_further(slot: &SlotSnapshot) -> Option<Check> {
    let well = || {
        let network = slot.operator.as_deref().unwrap_or("its network");
        let works = slot.state.can_send();
        works.then(|| Check::ok(slot.slot.as_str(), format!("ready on {network}")))
    };
    lte_alone(slot).or_else(well)
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
    use message::{Lock, SlotState, StorageUse, Traffic};

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

    fn told(slot: &SlotSnapshot) -> (Level, String) {
        let check = look_further(slot).unwrap();
        (check.level, check.sentence)
    }

    #[test]
    fn a_slot_that_is_well_says_so() {
        assert_eq!(told(&ready()), (Level::Ok, "ready on Testnet".to_owned()));
    }

    #[test]
    fn what_the_gateway_finds_is_told_in_its_own_words() {
        let refused = SlotSnapshot {
            state: SlotState::Searching,
            registration: Registration::Denied,
            ..ready()
        };
        assert_eq!(look_further(&refused), None, "no second advice");
        let finding = Finding {
            level: Level::Warning,
            subject: "sim1".into(),
            sentence: refused.reason.clone(),
            hint: "see whether the SIM is blocked".into(),
            since: refused.since,
        };
        let check = found(&finding);
        assert_eq!((check.level, &check.fix), (finding.level, &finding.hint));
    }

    #[test]
    fn a_sim_in_lte_alone_is_told_with_what_is_known_of_it() {
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
        let (level, sentence) = told(&each(Registration::Denied, 0));
        assert_eq!(level, Level::Warning);
        assert!(
            sentence.contains("+CEREG says home, +CREG denied, +CGREG not registered"),
            "{sentence}"
        );
        assert_eq!(told(&each(Registration::Denied, 2)).0, Level::Critical);
        assert_eq!(told(&each(Registration::Home, 2)).0, Level::Ok);
        assert_eq!(
            told(&each(Registration::Unknown, 2)).0,
            Level::Ok,
            "a modem without +CREG tells nothing"
        );
    }
}
