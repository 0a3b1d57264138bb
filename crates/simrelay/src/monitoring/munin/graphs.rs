//! What is drawn: of the gateway as a whole, and a line for each slot.

use message::{Level, SlotSnapshot};

use crate::monitoring::sight::{Sight, least_free, storage};

use super::names;
use super::upstreams;
use super::words::{Field, Graph};

/// All graphs, or those of one slot.
pub(super) fn of(sight: &Sight, only: Option<&SlotSnapshot>) -> Vec<Graph> {
    let mut graphs = match only {
        Some(_) => Vec::new(),
        None => [of_gateway(sight), of_house(sight), upstreams::of(sight)].concat(),
    };
    graphs.extend(of_slots(sight, only));
    graphs
}

/// Consumers, disk and certificate.
fn of_house(sight: &Sight) -> Vec<Graph> {
    let Some(stats) = sight.stats.as_ref() else {
        return Vec::new();
    };
    let waiting = stats.consumers.iter().map(|consumer| {
        let name = names::field(&consumer.name);
        Field::gauge(name, consumer.name.as_str(), Some(consumer.waiting.to_string()))
    });
    let free = stats.disk.map(|disk| disk.free_megabytes().to_string());
    let [warning, critical] = least_free();
    let left = stats
        .certificate
        .map(|shown| shown.not_after.duration_since(stats.at).as_hours() / 24);
    let house = |name: &str, title: &str, unit, about: &str, fields| Graph {
        name: name.into(),
        title: title.into(),
        unit,
        from_zero: true,
        about: about.into(),
        fields,
    };
    let mut graphs = vec![
        house(
            "simrelay_disk",
            "simrelay: disk",
            "MB",
            "What is left of the disk of the database; health tells of less than the limits here",
            vec![Field {
                warning: Some(warning.into()),
                critical: Some(critical.into()),
                ..Field::gauge("free_mb", "free", free)
            }],
        ),
        house(
            "simrelay_certificate",
            "simrelay: certificate",
            "days",
            "How long the certificate is still valid",
            vec![Field {
                warning: Some("14:".into()),
                critical: Some("3:".into()),
                ..Field::gauge("left", "left", left.map(|days| days.to_string()))
            }],
        ),
    ];
    if !stats.consumers.is_empty() {
        let about = "Events that a consumer has not worked yet";
        graphs.push(house(
            "simrelay_consumers",
            "simrelay: consumers",
            "events",
            about,
            waiting.collect(),
        ));
    }
    graphs
}

fn of_gateway(sight: &Sight) -> Vec<Graph> {
    let stats = sight.stats.as_ref();
    let totals = stats.map(|stats| &stats.totals);
    let queue = stats.map(|stats| &stats.queue);
    let gauge = |name: &str, value: Option<u64>| Field::gauge(name, name, value.map(|value| value.to_string()));
    let age = stats.map(|stats| {
        let oldest = stats.queue.oldest.unwrap_or(stats.at);
        stats.at.duration_since(oldest).as_secs().max(0).unsigned_abs()
    });
    let found = |level| {
        sight
            .health
            .findings
            .iter()
            .filter(|finding| finding.level == level)
            .count() as u64
    };
    let up = sight.used().filter(|slot| slot.state.can_send()).count() as u64;
    vec![
        Graph {
            name: "simrelay_messages".into(),
            title: "simrelay: messages".into(),
            unit: "parts per ${graph_period}",
            from_zero: true,
            about: "Messages accepted and received, parts sent, delivered and failed".into(),
            fields: vec![
                Field::count("accepted", "accepted", totals.map(|totals| totals.accepted)),
                Field::count("sent", "sent", totals.map(|totals| totals.sent)),
                Field::count("delivered", "delivered", totals.map(|totals| totals.delivered)),
                Field::count("failed", "failed", totals.map(|totals| totals.failed)),
                Field::count("received", "received", totals.map(|totals| totals.received)),
            ],
        },
        Graph {
            name: "simrelay_queue".into(),
            title: "simrelay: queue".into(),
            unit: "parts",
            from_zero: true,
            about: "Parts that wait, are with a modem, or of which nobody knows whether they went out".into(),
            fields: vec![
                gauge("queued", queue.map(|queue| queue.queued)),
                gauge("attempting", queue.map(|queue| queue.attempting)),
                gauge("uncertain", queue.map(|queue| queue.uncertain)),
            ],
        },
        Graph {
            name: "simrelay_queue_age".into(),
            title: "simrelay: age of the queue".into(),
            unit: "seconds",
            from_zero: true,
            about: "How long the oldest waiting part waits".into(),
            fields: vec![gauge("oldest", age)],
        },
        Graph {
            name: "simrelay_health".into(),
            title: "simrelay: health".into(),
            unit: "findings",
            from_zero: true,
            about: "What the gateway finds wrong".into(),
            fields: vec![
                Field {
                    warning: Some("0:0".into()),
                    ..gauge("warnings", Some(found(Level::Warning)))
                },
                Field {
                    critical: Some("0:0".into()),
                    ..gauge("criticals", Some(found(Level::Critical)))
                },
            ],
        },
        Graph {
            name: "simrelay_modems".into(),
            title: "simrelay: modems".into(),
            unit: "modems",
            from_zero: true,
            about: "Slots that are to be used, and those that can send".into(),
            fields: vec![gauge("slots", Some(sight.used().count() as u64)), gauge("up", Some(up))],
        },
    ]
}

/// What is drawn of every slot: a graph each, with a line a slot.
struct PerSlot {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    from_zero: bool,
    about: &'static str,
    field: fn(String, &SlotSnapshot) -> Field,
}

fn of_slots(sight: &Sight, only: Option<&SlotSnapshot>) -> Vec<Graph> {
    let slots: Vec<&SlotSnapshot> = match only {
        Some(slot) => vec![slot],
        None => sight.used().collect(),
    };
    if slots.is_empty() {
        return Vec::new();
    }
    let graph = |per_slot: &PerSlot| Graph {
        name: match only {
            Some(slot) => format!("{}_{}", per_slot.name, names::field(slot.slot.as_str())),
            None => per_slot.name.to_owned(),
        },
        title: match only {
            Some(slot) => format!("simrelay {}: {}", slot.slot, per_slot.title),
            None => format!("simrelay: {} by modem", per_slot.title),
        },
        unit: per_slot.unit,
        from_zero: per_slot.from_zero,
        about: per_slot.about.to_owned(),
        fields: slots
            .iter()
            .map(|slot| (per_slot.field)(names::field(slot.slot.as_str()), slot))
            .collect(),
    };
    PER_SLOT.iter().map(graph).collect()
}

fn label(slot: &SlotSnapshot) -> &str {
    slot.slot.as_str()
}

const PER_SLOT: &[PerSlot] = &[
    PerSlot {
        name: "simrelay_slot_sent",
        title: "sent",
        unit: "parts per ${graph_period}",
        from_zero: true,
        about: "Parts that went out",
        field: |name, slot| Field::count(name, label(slot), Some(slot.traffic.totals.sent)),
    },
    PerSlot {
        name: "simrelay_slot_received",
        title: "received",
        unit: "parts per ${graph_period}",
        from_zero: true,
        about: "Messages that came in",
        field: |name, slot| Field::count(name, label(slot), Some(slot.traffic.totals.received)),
    },
    PerSlot {
        name: "simrelay_slot_failed",
        title: "failed",
        unit: "parts per ${graph_period}",
        from_zero: true,
        about: "Parts that failed",
        field: |name, slot| Field::count(name, label(slot), Some(slot.traffic.totals.failed)),
    },
    PerSlot {
        name: "simrelay_slot_signal",
        title: "signal",
        unit: "dBm",
        from_zero: false,
        about: "Signal: -113 is none, -51 the best that is told",
        field: |name, slot| Field::gauge(name, label(slot), slot.signal_dbm.map(|dbm| dbm.to_string())),
    },
    PerSlot {
        name: "simrelay_slot_balance",
        title: "balance",
        unit: "money",
        from_zero: false,
        about: "The balance, as the operator told it last",
        field: |name, slot| {
            let balance = slot.balance.as_ref();
            let said = format!("{} {}", label(slot), slot.balance_currency());
            let value = balance.map(|balance| (balance.micros as f64 / 1e6).to_string());
            Field::gauge(name, said.trim_end(), value)
        },
    },
    PerSlot {
        name: "simrelay_slot_storage",
        title: "storage",
        unit: "%",
        from_zero: true,
        about: "How full the fullest memory is; what is full takes nothing more",
        field: |name, slot| Field {
            warning: Some("0:80".into()),
            ..Field::gauge(name, label(slot), storage(slot).map(|percent| percent.to_string()))
        },
    },
    PerSlot {
        name: "simrelay_slot_initialisations",
        title: "initialisations",
        unit: "times per ${graph_period}",
        from_zero: true,
        about: "Times the modem was set up: often means that it is sick",
        field: |name, slot| Field::count(name, label(slot), Some(slot.initialisations.into())),
    },
];
