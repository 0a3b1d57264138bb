//! What an attempt's outcome means for the part.

use std::time::Duration;

use jiff::Timestamp;
use message::{Alphabet, Cause, ErrorClass, Failure, Outcome, Rests, RouteId};
use store::{DuePart, Settle, Settled};
use tpdu::{Direction, Pdu, Tpdu};

use super::destinations::{Destinations, backoff};

/// What is recorded of an attempt, and what else follows from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// The record.
    pub(crate) settle: Settle,
    /// The whole message must be made anew, under a new reference.
    pub(crate) remake: Option<Remake>,
}

/// How a message is made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remake {
    /// The route that cannot carry it.
    pub(crate) exclude: Option<RouteId>,
    /// The alphabet it must have; `None`: the one it has.
    pub(crate) alphabet: Option<Alphabet>,
    /// One of its parts as it is, which tells class and report request.
    pub(crate) template: Vec<u8>,
}

/// What the judging goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// The most attempts a part gets, whatever the errors were.
    pub(crate) max_attempts: u32,
    /// How long an uncertain part waits for a report.
    pub(crate) uncertain_wait: Duration,
}

/// Judges the outcome of the attempt to send `part` over `route` at this cost.
pub(crate) fn judge(
    part: &DuePart,
    route: &RouteId,
    cost_micros: i64,
    outcome: Outcome,
    destinations: &mut Destinations,
    rules: &Rules,
    now: Timestamp,
) -> Verdict {
    let settle = |result| Settle {
        key: part.key,
        route: route.clone(),
        at: now,
        result,
        journal: None,
    };
    let plain = |result| Verdict {
        settle: settle(result),
        remake: None,
    };
    match outcome {
        Outcome::Sent { reference } => {
            destinations.reached(&part.to);
            plain(Settled::Sent {
                reference,
                cost_micros,
                peer_id: None,
            })
        }
        Outcome::Uncertain { reason } => plain(Settled::Uncertain {
            until: now + rules.uncertain_wait,
            reason,
        }),
        Outcome::NotBegun { reason } => plain(Settled::Held {
            due_at: now,
            cause: None,
            reason,
        }),
        Outcome::Failed(failure) => {
            let (result, remake) = failed(part, route, failure, rules, destinations, now);
            Verdict {
                settle: settle(result),
                remake,
            }
        }
    }
}

/// What a failure means: one table, read top to bottom.
fn failed(
    part: &DuePart,
    route: &RouteId,
    failure: Failure,
    rules: &Rules,
    destinations: &mut Destinations,
    now: Timestamp,
) -> (Settled, Option<Remake>) {
    let (attempts, template) = (part.attempts + 1, part.tpdu.clone());
    let retry = |failure, due_at, exclude_route| Settled::Retry {
        due_at,
        failure,
        exclude_route,
    };
    let spent = |failure: Failure| {
        let reason = format!("{} (after {attempts} attempts)", failure.reason);
        (
            Settled::Failed {
                failure: Failure { reason, ..failure },
            },
            None,
        )
    };
    match failure.class {
        ErrorClass::Hold => (
            // It is the SIM that rests, and not the message.
            Settled::Held {
                due_at: now,
                cause: Some(failure.cause).filter(|cause| *cause != Cause::Gateway),
                reason: failure.reason,
            },
            None,
        ),
        ErrorClass::Permanent => (Settled::Failed { failure }, None),
        _ if attempts >= rules.max_attempts => spent(failure),
        ErrorClass::RetryLater { times: Some(times), .. } if attempts > u32::from(times) => spent(failure),
        ErrorClass::RetryLater { after, rests, .. } => {
            let after = after.max(backoff(attempts));
            let due_at = match rests {
                Rests::Recipient => destinations.failed(&part.to, after, now),
                Rests::Route | Rests::Nobody => now + after,
            };
            (retry(failure, due_at, None), None)
        }
        ErrorClass::OtherRoute => {
            let remake = Remake {
                exclude: Some(route.clone()),
                alphabet: None,
                template,
            };
            (
                retry(failure, now, Some(route.clone())),
                (part.parts > 1).then_some(remake),
            )
        }
        ErrorClass::OtherEncoding if is_gsm7(&part.tpdu) => {
            let remake = Remake {
                exclude: None,
                alphabet: Some(Alphabet::Ucs2),
                template,
            };
            (retry(failure, now, None), Some(remake))
        }
        ErrorClass::OtherEncoding => (Settled::Failed { failure }, None),
    }
}

/// Whether a SUBMIT is written in the alphabet of GSM, so that UCS-2 is another.
fn is_gsm7(tpdu: &[u8]) -> bool {
    match Pdu::decode_bare(tpdu, Direction::ToNetwork).map(|pdu| pdu.tpdu) {
        Ok(Tpdu::Submit(submit)) => submit.dcs.alphabet() == tpdu::Alphabet::Gsm7,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use message::{MessageId, Number, OnUncertain, Priority};
    use store::PartKey;
    use tpdu::{Choice, Options, Wishes, compose};

    use super::*;

    fn part(alphabet: Choice, attempts: u32) -> DuePart {
        let options = Options {
            alphabet,
            ..Options::default()
        };
        let composed = compose("hello", &options).unwrap();
        let to = "+491711234567".parse().unwrap();
        let submit = composed.submit(0, &to, &Wishes::default()).unwrap();
        DuePart {
            key: PartKey { message: 1, part: 0 },
            message: MessageId::fresh(),
            parts: 1,
            priority: Priority::NORMAL,
            seq: 1,
            to: Number::received("+491711234567"),
            from: None,
            strict: false,
            route: None,
            tpdu: submit.encode().unwrap(),
            report: false,
            expires_at: Timestamp::MAX,
            due_at: None,
            attempts,
            excluded: Vec::new(),
            on_uncertain: OnUncertain::Resend,
            token: None,
        }
    }

    fn refused(part: &DuePart) -> Verdict {
        let failure = Failure {
            class: ErrorClass::OtherEncoding,
            cause: Cause::Gateway,
            reason: "it lacks a letter".to_owned(),
        };
        judged(part, failure)
    }

    fn judged(part: &DuePart, failure: Failure) -> Verdict {
        let rules = Rules {
            max_attempts: 5,
            uncertain_wait: Duration::from_secs(60),
        };
        let route = RouteId::new("phone");
        let outcome = Outcome::Failed(failure);
        judge(
            part,
            &route,
            0,
            outcome,
            &mut Destinations::default(),
            &rules,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_sim_that_rests_leaves_the_networks_code_with_the_part_and_none_of_the_gateways() {
        for (said, kept) in [(Cause::Cms(331), Some(Cause::Cms(331))), (Cause::Gateway, None)] {
            let failure = Failure {
                class: ErrorClass::Hold,
                cause: said,
                reason: "it rests".to_owned(),
            };
            let judged = judged(&part(Choice::Gsm7, 0), failure).settle.result;
            assert!(
                matches!(&judged, Settled::Held { cause, .. } if *cause == kept),
                "{judged:?}"
            );
        }
    }

    #[test]
    fn a_text_that_needs_another_alphabet_gets_it_whatever_was_tried_before() {
        for attempts in 0..4 {
            let remake = refused(&part(Choice::Gsm7, attempts)).remake.expect("made anew");
            assert_eq!(remake.alphabet, Some(Alphabet::Ucs2), "after {attempts}");
        }
        assert!(refused(&part(Choice::Gsm7, 4)).remake.is_none(), "spent");
        let ucs2 = refused(&part(Choice::Ucs2, 0));
        assert!(matches!(ucs2.settle.result, Settled::Failed { .. }) && ucs2.remake.is_none());
    }
}
