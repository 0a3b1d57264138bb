//! What is drawn of upstreams: a line for each. Where there are none, nothing is.

use message::UpstreamSnapshot;

use crate::monitoring::sight::Sight;

use super::names;
use super::words::{Field, Graph};

/// A graph of all upstreams: name, title, unit, what it shows, and the line of one.
type Drawn = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(String, &UpstreamSnapshot) -> Field,
);

/// The graphs of upstreams.
pub(super) fn of(sight: &Sight) -> Vec<Graph> {
    let upstreams: Vec<&UpstreamSnapshot> = sight.used_upstreams().collect();
    if upstreams.is_empty() {
        return Vec::new();
    }
    let drawn = |(name, title, unit, about, line): &Drawn| Graph {
        name: (*name).into(),
        title: (*title).into(),
        unit,
        from_zero: true,
        about: (*about).into(),
        fields: upstreams
            .iter()
            .map(|upstream| line(names::field(upstream.upstream.as_str()), upstream))
            .collect(),
    };
    DRAWN.iter().map(drawn).collect()
}

const DRAWN: &[Drawn] = &[
    (
        "simrelay_upstream_connections",
        "simrelay: connections of upstreams",
        "connections",
        "Connections that are bound",
        |name, upstream| Field {
            critical: Some("1:".into()),
            ..Field::gauge(name, upstream.upstream.as_str(), Some(upstream.bound.to_string()))
        },
    ),
    (
        "simrelay_upstream_sent",
        "simrelay: sent by upstreams",
        "parts per ${graph_period}",
        "Parts that went out",
        |name, upstream| Field::count(name, upstream.upstream.as_str(), Some(upstream.traffic.totals.sent)),
    ),
    (
        "simrelay_upstream_received",
        "simrelay: received by upstreams",
        "messages per ${graph_period}",
        "Messages received",
        |name, upstream| Field::count(name, upstream.upstream.as_str(), Some(upstream.traffic.totals.received)),
    ),
];

#[cfg(test)]
mod tests {
    use api::Health;
    use jiff::Timestamp;
    use message::{Level, RouteId};

    use super::*;

    #[test]
    fn each_upstream_is_a_line_and_none_is_no_graph() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let sight = |upstreams| Sight {
            health: Health {
                at,
                level: Level::Ok,
                findings: Vec::new(),
            },
            slots: Vec::new(),
            upstreams,
            stats: None,
        };
        assert!(of(&sight(Vec::new())).is_empty());
        let upstream = |name| UpstreamSnapshot::blank(RouteId::new(name), "smpp.example.org:2775", at);
        let graphs = of(&sight(vec![upstream("operator"), upstream("reserve")]));
        assert_eq!(graphs.len(), 3);
        assert!(graphs.iter().all(|graph| graph.fields.len() == 2));
    }
}
