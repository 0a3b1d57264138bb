//! What is told of routes, SIMs and upstreams alike: what went over them, what failed there, how far limits are used up.

use jiff::Timestamp;
use message::{Durations, FailureReason, LimitUse, Traffic};

use super::exposition::{Kind, Page};

/// How the families of one kind of route are called.
pub(super) struct Names {
    /// The label that names the route.
    pub(super) label: &'static str,
    /// What the counters of messages begin with.
    pub(super) counts: &'static str,
    /// What the gauges of limits begin with.
    pub(super) limit: &'static str,
    /// What the gauges of last times begin with.
    pub(super) last: &'static str,
    /// The histogram.
    pub(super) duration: &'static str,
}

/// The families of these routes; each is named where there is none, too.
pub(super) fn write(names: &Names, routes: &[(&str, &Traffic)], page: &mut Page) {
    counts(names, routes, page);
    failures(names, routes, page);
    limits(names, routes, page);
    times(names, routes, page);
    let name = names.duration;
    let help = "From handing a part over to the route's answer, since the gateway's start.";
    page.family(name, Kind::Histogram, help);
    for (route, traffic) in routes {
        let times = &traffic.send_times;
        let labels = [(names.label, *route)];
        page.histogram(name, &labels, &Durations::BOUNDS_S, &times.counts, times.sum_s);
    }
}

fn counts(names: &Names, routes: &[(&str, &Traffic)], page: &mut Page) {
    for (what, help, value) in COUNTS {
        let name = format!("{}_{what}", names.counts);
        page.family(&name, Kind::Counter, help);
        for (route, traffic) in routes {
            page.counter(&name, &[(names.label, *route)], value(traffic));
        }
    }
}

/// Each reason is there from the beginning: what appears with its first failure hides that one from `increase`.
fn failures(names: &Names, routes: &[(&str, &Traffic)], page: &mut Page) {
    let name = format!("{}_failed", names.counts);
    page.family(
        &name,
        Kind::Counter,
        "Parts that failed, by why, since the database was made.",
    );
    for (route, traffic) in routes {
        for reason in FailureReason::ALL {
            let failed = traffic.failures.get(&reason).copied().unwrap_or(0);
            page.counter(&name, &[(names.label, *route), ("reason", reason.name())], failed);
        }
    }
}

fn limits(names: &Names, routes: &[(&str, &Traffic)], page: &mut Page) {
    for (what, help, value) in LIMITS {
        let name = format!("{}_{what}", names.limit);
        page.family(&name, Kind::Gauge, help);
        for (route, traffic) in routes {
            for limit in &traffic.limits {
                let labels = [(names.label, *route), ("limit", limit.limit.as_str())];
                page.gauge(&name, &labels, value(limit));
            }
        }
    }
}

fn times(names: &Names, routes: &[(&str, &Traffic)], page: &mut Page) {
    for (what, help, value) in TIMES {
        let name = format!("{}_{what}_timestamp_seconds", names.last);
        page.family(&name, Kind::Gauge, help);
        for (route, traffic) in routes {
            if let Some(at) = value(traffic) {
                page.gauge(&name, &[(names.label, *route)], at.as_millisecond() as f64 / 1000.0);
            }
        }
    }
}

/// Something of a route: how its family's name goes on, help, and where it is.
type Of<T, V> = (&'static str, &'static str, fn(&T) -> V);

const COUNTS: &[Of<Traffic, u64>] = &[
    ("sent", "Parts that went out, since the database was made.", |traffic| {
        traffic.totals.sent
    }),
    (
        "delivered",
        "Parts of which a report said that they arrived, since the database was made.",
        |traffic| traffic.totals.delivered,
    ),
    (
        "received",
        "Messages received, since the database was made.",
        |traffic| traffic.totals.received,
    ),
];

const LIMITS: &[Of<LimitUse, u32>] = &[
    ("used", "How much of a limit is used up.", |limit| limit.used),
    ("allowed", "How much a limit allows.", |limit| limit.allowed),
];

const TIMES: &[Of<Traffic, Option<Timestamp>>] = &[
    ("sent", "When a part went out last.", |traffic| traffic.last_sent),
    ("received", "When something came in last.", |traffic| {
        traffic.last_received
    }),
];
