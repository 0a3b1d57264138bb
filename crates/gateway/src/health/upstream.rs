//! What is wrong with one upstream.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use message::{Finding, Level, RouteId, UpstreamSnapshot, UpstreamState};

use super::{failures, finding, used_up};

/// What is wrong with one upstream; empty where all is well.
pub(crate) fn of_upstream(upstream: &UpstreamSnapshot, now: Timestamp) -> Vec<Finding> {
    if upstream.state == UpstreamState::Disabled {
        return Vec::new();
    }
    let mut findings = Vec::new();
    findings.extend(state(upstream, now));
    if upstream.state.can_send() {
        let failing = upstream
            .traffic
            .failing_since
            .map(|since| (upstream.traffic.failures_in_row, since));
        findings.extend(failures(
            upstream.upstream.as_str(),
            failing,
            upstream.traffic.last_failure.as_deref(),
            "ask its operator, with the code; `simrelay outbox --state failed` shows what failed",
        ));
    }
    let name = upstream.upstream.as_str();
    findings.extend(
        upstream
            .traffic
            .limits
            .iter()
            .filter_map(|limit| used_up(name, limit, now)),
    );
    findings
}

fn state(upstream: &UpstreamSnapshot, now: Timestamp) -> Option<Finding> {
    let reason = &upstream.reason;
    let lasts = now.duration_since(upstream.since) > PATIENCE;
    let (level, sentence, hint) = match upstream.state {
        UpstreamState::Disabled | UpstreamState::Bound => return None,
        UpstreamState::Connecting if now.duration_since(upstream.since) <= CONNECTING => return None,
        UpstreamState::Throttled | UpstreamState::Partly if !lasts => return None,
        UpstreamState::Connecting | UpstreamState::Down => (
            if lasts { Level::Critical } else { Level::Warning },
            match reason.contains(&upstream.address) {
                true => format!("no connection: {reason}"),
                false => format!("no connection to {}: {reason}", upstream.address),
            },
            "it is tried again by itself; look at network, address and TLS, and ask its operator",
        ),
        UpstreamState::Refused => (
            Level::Critical,
            format!("{} refuses us as {}: {reason}", upstream.address, upstream.system_id),
            "correct the upstream's name or password; its operator may also have to allow our address",
        ),
        UpstreamState::Partly => (
            Level::Warning,
            format!(
                "{} of {} connections are bound: {reason}",
                upstream.bound, upstream.wanted
            ),
            "its operator may allow fewer: lower the upstream's `connections`",
        ),
        UpstreamState::Throttled => (
            Level::Warning,
            format!("it asks for fewer messages: {reason}"),
            "set the upstream's `rate` to what the contract allows, or ask for more",
        ),
    };
    let name = upstream.upstream.as_str();
    Some(finding(level, name, sentence, hint, upstream.since))
}

/// Receipts that fitted no part, by upstream: how many there were when it was looked first, and when there were more.
#[derive(Debug, Default)]
pub(crate) struct Strays(HashMap<RouteId, Counted>);

#[derive(Debug)]
struct Counted {
    first: u64,
    last: u64,
    grown_at: Option<Timestamp>,
}

impl Strays {
    /// Looks how many there are now, and tells for a day where there are more than there were.
    pub(crate) fn look(&mut self, upstream: &UpstreamSnapshot, now: Timestamp) -> Option<Finding> {
        let stray = upstream.receipts_stray;
        let counted = self.0.entry(upstream.upstream.clone()).or_insert(Counted {
            first: stray,
            last: stray,
            grown_at: None,
        });
        if stray > counted.last {
            counted.last = stray;
            counted.grown_at = Some(now);
        }
        let at = counted.grown_at?;
        if now.duration_since(at) > REMEMBERED {
            *counted = Counted {
                first: stray,
                last: stray,
                grown_at: None,
            };
            return None;
        }
        let sentence = format!(
            "{} receipts fitted no message, the last at {at:.0}",
            counted.last - counted.first
        );
        let hint = "does it write its message ids in another form in receipts than in answers (`simrelay smpp trace` \
                    shows both), or does another program use the same account? This is shown for a day";
        let name = upstream.upstream.as_str();
        Some(finding(Level::Warning, name, sentence, hint, at))
    }
}

/// How long a connection may be missing before that counts as broken: it is made anew within seconds.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// How long the first one may take.
const CONNECTING: SignedDuration = SignedDuration::from_secs(10);

/// How long stray receipts are shown.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use message::{LimitUse, Traffic};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn upstream(state: UpstreamState) -> UpstreamSnapshot {
        UpstreamSnapshot {
            state,
            reason: "connection refused".into(),
            system_id: "shop".into(),
            wanted: 2,
            bound: 1,
            ..UpstreamSnapshot::blank(RouteId::new("operator"), "smpp.example.org:2776", at(0))
        }
    }

    fn levels(state: UpstreamState) -> [Option<Level>; 3] {
        [5, 30, 61].map(|now| of_upstream(&upstream(state), at(now)).first().map(|found| found.level))
    }

    #[test]
    fn what_passes_by_itself_is_told_only_when_it_lasts() {
        let (warning, critical) = (Some(Level::Warning), Some(Level::Critical));
        assert_eq!(levels(UpstreamState::Bound), [None; 3]);
        assert_eq!(levels(UpstreamState::Disabled), [None; 3]);
        assert_eq!(levels(UpstreamState::Connecting), [None, warning, critical]);
        assert_eq!(levels(UpstreamState::Down), [warning, warning, critical]);
        assert_eq!(levels(UpstreamState::Partly), [None, None, warning]);
        assert_eq!(levels(UpstreamState::Throttled), [None, None, warning]);
        assert_eq!(levels(UpstreamState::Refused), [critical; 3]);
    }

    #[test]
    fn it_says_where_why_since_when_and_what_to_do() {
        let found = of_upstream(&upstream(UpstreamState::Down), at(61)).remove(0);
        assert_eq!(
            found.sentence,
            "no connection to smpp.example.org:2776: connection refused"
        );
        assert_eq!((found.subject.as_str(), found.since), ("operator", at(0)));
        assert!(found.hint.contains("tried again"));
        let refused = of_upstream(&upstream(UpstreamState::Refused), at(1)).remove(0);
        assert!(refused.sentence.contains("refuses us as shop"), "{refused:?}");
    }

    #[test]
    fn failures_in_a_row_and_used_up_limits_are_told_as_of_a_sim() {
        let limit = LimitUse {
            limit: "per_day".into(),
            used: 5,
            allowed: 5,
            until: Some(at(900)),
        };
        let upstream = UpstreamSnapshot {
            traffic: Traffic {
                failures_in_row: 3,
                failing_since: Some(at(5)),
                last_failure: Some("no credit (SMPP 0x45)".into()),
                limits: vec![limit],
                ..Traffic::default()
            },
            ..upstream(UpstreamState::Bound)
        };
        let found = of_upstream(&upstream, at(10));
        assert!(
            found[0]
                .sentence
                .contains("the last 3 parts failed: no credit (SMPP 0x45)"),
            "{found:?}"
        );
        assert!(
            found[1].sentence.starts_with("its limit per_day = 5 is used up"),
            "{found:?}"
        );
    }

    #[test]
    fn stray_receipts_are_told_for_a_day_and_those_of_before_the_start_are_not() {
        let mut strays = Strays::default();
        let mut look = |stray, now| {
            let upstream = UpstreamSnapshot {
                receipts_stray: stray,
                ..upstream(UpstreamState::Bound)
            };
            strays.look(&upstream, at(now)).map(|found| found.sentence)
        };
        assert_eq!(look(7, 0), None);
        assert!(look(9, 10).is_some_and(|told| told.starts_with("2 receipts fitted no message")));
        assert!(look(9, 86_410).is_some());
        assert_eq!(look(9, 86_411), None);
    }
}
