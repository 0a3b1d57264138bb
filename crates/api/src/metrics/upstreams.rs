//! What is told of upstreams.

use jiff::Timestamp;
use message::{Durations, Snapshot, UpstreamSnapshot, UpstreamState};

use super::exposition::{Kind, Page};

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
    for (name, help, value) in LIMITED {
        page.family(name, Kind::Gauge, help);
        for (name_of, upstream) in &used {
            for limit in &upstream.limits {
                let labels = [("upstream", *name_of), ("limit", limit.limit.as_str())];
                page.gauge(name, &labels, value(limit));
            }
        }
    }
    let name = "simrelay_upstream_send_duration_seconds";
    page.family(
        name,
        Kind::Histogram,
        "From handing a part over to the upstream's answer, since the gateway's start.",
    );
    for (name_of, upstream) in &used {
        let times = &upstream.send_times;
        let labels = [("upstream", *name_of)];
        page.histogram(name, &labels, &Durations::BOUNDS_S, &times.counts, times.sum_s);
    }
}

fn seconds(at: Option<Timestamp>) -> Option<f64> {
    at.map(|at| at.as_millisecond() as f64 / 1000.0)
}

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
    (
        "simrelay_upstream_last_sent_timestamp_seconds",
        "When a part went out last.",
        |upstream| seconds(upstream.last_sent),
    ),
    (
        "simrelay_upstream_last_received_timestamp_seconds",
        "When something came in last.",
        |upstream| seconds(upstream.last_received),
    ),
];

/// A counter of an upstream: name, help, and where it is.
type Counter = (&'static str, &'static str, fn(&UpstreamSnapshot) -> u64);

const COUNTERS: &[Counter] = &[
    (
        "simrelay_upstream_sms_sent",
        "Parts that went out, since the database was made.",
        |upstream| upstream.totals.sent,
    ),
    (
        "simrelay_upstream_sms_delivered",
        "Parts of which a receipt said that they arrived, since the database was made.",
        |upstream| upstream.totals.delivered,
    ),
    (
        "simrelay_upstream_sms_failed",
        "Parts that failed, since the database was made.",
        |upstream| upstream.totals.failed,
    ),
    (
        "simrelay_upstream_sms_received",
        "Messages received, since the database was made.",
        |upstream| upstream.totals.received,
    ),
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

/// A number of a limit: name, help, and where it is.
type Limited = (&'static str, &'static str, fn(&message::LimitUse) -> u32);

const LIMITED: &[Limited] = &[
    (
        "simrelay_upstream_limit_used",
        "How much of a limit is used up.",
        |limit| limit.used,
    ),
    ("simrelay_upstream_limit_allowed", "How much a limit allows.", |limit| {
        limit.allowed
    }),
];

#[cfg(test)]
mod tests {
    use message::RouteId;

    use super::super::exposition::Format;
    use super::*;

    #[test]
    fn an_upstream_is_told_by_its_name_and_one_that_is_switched_off_is_not() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let upstream = |name: &str, state| UpstreamSnapshot {
            state,
            bound: 2,
            receipts_stray: 3,
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
            "simrelay_upstream_send_duration_seconds_count{upstream=\"operator\"} 0\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("\"off\""), "{text}");
    }
}
