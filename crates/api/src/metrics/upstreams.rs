//! What is told of upstreams.

use message::{Snapshot, Traffic, UpstreamSnapshot, UpstreamState};

use super::exposition::{Kind, Page};
use super::traffic;

/// The families of upstreams; each is named where there is none, too.
pub(super) fn write(snapshot: &Snapshot, page: &mut Page) {
    let used: Vec<(&str, &UpstreamSnapshot)> = snapshot
        .upstreams
        .iter()
        .filter(|upstream| upstream.state != UpstreamState::Disabled)
        .map(|upstream| (upstream.upstream.as_str(), upstream))
        .collect();
    for (name, help, value) in GAUGES {
        page.family(name, Kind::Gauge, help);
        for (name_of, upstream) in &used {
            if let Some(value) = value(upstream) {
                page.gauge(name, &[("upstream", *name_of)], value);
            }
        }
    }
    let name = "simrelay_upstream_state";
    page.family(name, Kind::Gauge, "How the upstream stands; always 1.");
    for (name_of, upstream) in &used {
        page.gauge(name, &[("upstream", *name_of), ("state", state(upstream.state))], 1);
    }
    for (name, help, value) in COUNTERS {
        page.family(name, Kind::Counter, help);
        for (name_of, upstream) in &used {
            page.counter(name, &[("upstream", *name_of)], value(upstream));
        }
    }
    let routes: Vec<(&str, &Traffic)> = used.iter().map(|(name, upstream)| (*name, &upstream.traffic)).collect();
    traffic::write(&TRAFFIC, &routes, page);
}

/// How what goes over upstreams is called.
const TRAFFIC: traffic::Names = traffic::Names {
    label: "upstream",
    counts: "simrelay_upstream_sms",
    limit: "simrelay_upstream_limit",
    last: "simrelay_upstream_last",
    duration: "simrelay_upstream_send_duration_seconds",
};

/// As the API writes it.
fn state(state: UpstreamState) -> &'static str {
    match state {
        UpstreamState::Disabled => "disabled",
        UpstreamState::Connecting => "connecting",
        UpstreamState::Bound => "bound",
        UpstreamState::Partly => "partly",
        UpstreamState::Throttled => "throttled",
        UpstreamState::Down => "down",
        UpstreamState::Refused => "refused",
    }
}

/// A gauge of an upstream: name, help, and where it is.
type Gauge = (&'static str, &'static str, fn(&UpstreamSnapshot) -> Option<f64>);

const GAUGES: &[Gauge] = &[
    (
        "simrelay_upstream_up",
        "Whether messages can go out by it.",
        |upstream| Some(f64::from(u8::from(upstream.state.can_send()))),
    ),
    (
        "simrelay_upstream_connections",
        "Connections that are bound.",
        |upstream| Some(upstream.bound.into()),
    ),
    (
        "simrelay_upstream_connections_wanted",
        "Connections that should be bound.",
        |upstream| Some(upstream.wanted.into()),
    ),
    (
        "simrelay_upstream_outstanding",
        "Parts that wait for their answers.",
        |upstream| Some(upstream.outstanding.into()),
    ),
    (
        "simrelay_upstream_receipts_waiting",
        "Receipts that fit no part yet.",
        |upstream| Some(upstream.receipts_waiting as f64),
    ),
];

/// A counter of an upstream: name, help, and where it is.
type Counter = (&'static str, &'static str, fn(&UpstreamSnapshot) -> u64);

const COUNTERS: &[Counter] = &[
    (
        "simrelay_upstream_receipts",
        "Receipts received, since the gateway's start.",
        |upstream| upstream.receipts,
    ),
    (
        "simrelay_upstream_receipts_stray",
        "Receipts that fitted no part in time, since the database was made.",
        |upstream| upstream.receipts_stray,
    ),
    (
        "simrelay_upstream_throttled",
        "Answers that asked for less, since the gateway's start.",
        |upstream| upstream.throttled,
    ),
    (
        "simrelay_upstream_binds",
        "Times a connection was bound, since the gateway's start.",
        |upstream| upstream.binds.into(),
    ),
    (
        "simrelay_upstream_drops",
        "Times a bound connection ended although it should not, since the gateway's start.",
        |upstream| upstream.drops.into(),
    ),
];

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use message::{FailureReason, RouteId};

    use super::super::exposition::Format;
    use super::*;

    #[test]
    fn an_upstream_is_told_by_its_name_and_one_that_is_switched_off_is_not() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let upstream = |name: &str, state| UpstreamSnapshot {
            state,
            bound: 2,
            receipts_stray: 3,
            traffic: Traffic {
                failures: [(FailureReason::Report, 4)].into(),
                ..Traffic::default()
            },
            ..UpstreamSnapshot::blank(RouteId::new(name), "smpp.example.org:2775", at)
        };
        let snapshot = Snapshot {
            upstreams: vec![
                upstream("operator", UpstreamState::Bound),
                upstream("off", UpstreamState::Disabled),
            ],
            ..Snapshot::blank(at)
        };
        let mut page = Page::new(Format::Text);
        write(&snapshot, &mut page);
        let text = page.end();
        for line in [
            "simrelay_upstream_up{upstream=\"operator\"} 1\n",
            "simrelay_upstream_connections{upstream=\"operator\"} 2\n",
            "simrelay_upstream_state{upstream=\"operator\",state=\"bound\"} 1\n",
            "simrelay_upstream_receipts_stray_total{upstream=\"operator\"} 3\n",
            "simrelay_upstream_sms_failed_total{upstream=\"operator\",reason=\"report\"} 4\n",
            "simrelay_upstream_sms_failed_total{upstream=\"operator\",reason=\"expired\"} 0\n",
            "simrelay_upstream_send_duration_seconds_count{upstream=\"operator\"} 0\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("\"off\""), "{text}");
    }
}
