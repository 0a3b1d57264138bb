//! What is told: each family with its name, its help, and where the snapshot has it.

use jiff::Timestamp;
use message::{Durations, Level, Registration, SlotSnapshot, SlotState, Snapshot};

use super::exposition::{Format, Kind, Page};
use super::process::Process;

/// The page of a snapshot and of the process.
pub(super) fn write(snapshot: &Snapshot, process: Option<&Process>, format: Format) -> String {
    let mut page = Page::new(format);
    gateway(snapshot, &mut page);
    health(snapshot, &mut page);
    queue(snapshot, &mut page);
    let used: Vec<(&str, &SlotSnapshot)> = snapshot
        .slots
        .iter()
        .filter(|slot| slot.state != SlotState::Disabled)
        .map(|slot| (slot.slot.as_str(), slot))
        .collect();
    modems(&used, &mut page);
    sims(&used, &mut page);
    process_facts(snapshot.started_at, process, &mut page);
    page.end()
}

fn gateway(snapshot: &Snapshot, page: &mut Page) {
    let name = "simrelay_build_info";
    page.family(name, Kind::Gauge, "The program's version; always 1.");
    page.gauge(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let name = "simrelay_snapshot_timestamp_seconds";
    page.family(name, Kind::Gauge, "When the facts on this page were put together.");
    page.gauge(name, &[], seconds(snapshot.at));
    let totals = &snapshot.totals;
    for (name, help, value) in [
        (
            "simrelay_sms_submitted",
            "Messages accepted for sending since the database was made.",
            totals.accepted,
        ),
        (
            "simrelay_sms_received",
            "Messages received since the database was made.",
            totals.received,
        ),
    ] {
        page.family(name, Kind::Counter, help);
        page.counter(name, &[], value);
    }
    let name = "simrelay_sms_parts";
    page.family(
        name,
        Kind::Counter,
        "Parts of messages by what became of them, since the database was made.",
    );
    for (result, value) in [
        ("sent", totals.sent),
        ("delivered", totals.delivered),
        ("failed", totals.failed),
    ] {
        page.counter(name, &[("result", result)], value);
    }
}

fn health(snapshot: &Snapshot, page: &mut Page) {
    let name = "simrelay_health_level";
    page.family(
        name,
        Kind::Gauge,
        "The worst that is wrong: 0 nothing, 1 WARNING, 2 CRITICAL.",
    );
    page.gauge(name, &[], number(snapshot.level()));
    let name = "simrelay_findings";
    page.family(name, Kind::Gauge, "How many things are wrong.");
    for (word, level) in [("warning", Level::Warning), ("critical", Level::Critical)] {
        let found = snapshot.findings.iter().filter(|finding| finding.level == level);
        page.gauge(name, &[("level", word)], found.count());
    }
}

fn queue(snapshot: &Snapshot, page: &mut Page) {
    let queue = &snapshot.queue;
    let name = "simrelay_queue_length";
    page.family(
        name,
        Kind::Gauge,
        "Parts that wait, are with a modem, or of which nobody knows whether they went out.",
    );
    for (state, value) in [
        ("queued", queue.queued),
        ("attempting", queue.attempting),
        ("uncertain", queue.uncertain),
    ] {
        page.gauge(name, &[("state", state)], value);
    }
    let name = "simrelay_queue_oldest_age_seconds";
    page.family(
        name,
        Kind::Gauge,
        "How long the oldest waiting part waits; 0 where none does.",
    );
    let oldest = queue.oldest.unwrap_or(snapshot.at);
    page.gauge(name, &[], (seconds(snapshot.at) - seconds(oldest)).max(0.0));
}

type Slots<'a> = [(&'a str, &'a SlotSnapshot)];

fn modems(slots: &Slots<'_>, page: &mut Page) {
    each(
        slots,
        page,
        "simrelay_modem_up",
        "Whether the modem can send.",
        |slot| Some(f64::from(u8::from(slot.state.can_send()))),
    );
    let name = "simrelay_modem_state";
    page.family(name, Kind::Gauge, "Where the modem stands; always 1.");
    for (modem, slot) in slots {
        page.gauge(name, &[("modem", *modem), ("state", state(slot.state))], 1);
    }
    let name = "simrelay_modem_registered";
    page.family(
        name,
        Kind::Gauge,
        "Whether it is in a network that takes messages, and how.",
    );
    for (modem, slot) in slots {
        let usable = u8::from(slot.registration.is_usable());
        page.gauge(
            name,
            &[("modem", *modem), ("status", registration(slot.registration))],
            usable,
        );
    }
    each(
        slots,
        page,
        "simrelay_modem_signal_dbm",
        "The signal; -113 is none.",
        |slot| slot.signal_dbm.map(f64::from),
    );
    storage(slots, page);
    for (name, help, value) in SINCE_START {
        page.family(name, Kind::Counter, help);
        for (modem, slot) in slots {
            page.counter(name, &[("modem", *modem)], value(slot));
        }
    }
    each(
        slots,
        page,
        "simrelay_modem_last_sent_timestamp_seconds",
        "When a part went out last.",
        |slot| slot.last_sent.map(seconds),
    );
    each(
        slots,
        page,
        "simrelay_modem_last_received_timestamp_seconds",
        "When something came in last.",
        |slot| slot.last_received.map(seconds),
    );
    let name = "simrelay_send_duration_seconds";
    page.family(
        name,
        Kind::Histogram,
        "From handing a part to the modem to the network's answer, since the gateway's start.",
    );
    for (modem, slot) in slots {
        let times = &slot.send_times;
        page.histogram(
            name,
            &[("modem", *modem)],
            &Durations::BOUNDS_S,
            &times.counts,
            times.sum_s,
        );
    }
}

fn storage(slots: &Slots<'_>, page: &mut Page) {
    for (name, help, value) in [
        ("simrelay_modem_storage_used", "Places taken in a memory.", 0),
        ("simrelay_modem_storage_places", "Places that a memory has.", 1),
    ] {
        page.family(name, Kind::Gauge, help);
        for (modem, slot) in slots {
            for memory in &slot.storage {
                let labels = [("modem", *modem), ("memory", memory.memory.as_str())];
                page.gauge(name, &labels, [memory.used, memory.total][value]);
            }
        }
    }
}

fn sims(_slots: &Slots<'_>, _page: &mut Page) {}

fn process_facts(started_at: Timestamp, process: Option<&Process>, page: &mut Page) {
    let mut gauge = |name: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        page.family(name, Kind::Gauge, help);
        page.gauge(name, &[], value);
    };
    gauge(
        "process_start_time_seconds",
        "When the gateway started.",
        Some(seconds(started_at)),
    );
    let Some(process) = process else { return };
    let number = |value: Option<u64>| value.map(|value| value as f64);
    gauge(
        "process_resident_memory_bytes",
        "Memory that is held.",
        number(process.resident_bytes),
    );
    gauge(
        "process_virtual_memory_bytes",
        "Memory that is addressed.",
        number(process.virtual_bytes),
    );
    gauge(
        "process_open_fds",
        "Open files and sockets.",
        number(process.open_files),
    );
    gauge(
        "process_max_fds",
        "Files and sockets that may be open.",
        number(process.most_files),
    );
    gauge("process_threads", "Threads.", number(process.threads));
    if let Some(cpu) = process.cpu {
        let name = "process_cpu_seconds";
        page.family(name, Kind::Counter, "Time on the processor.");
        page.counter(name, &[], cpu.as_secs_f64());
    }
}

/// A gauge with one sample a slot, where it is known.
fn each(slots: &Slots<'_>, page: &mut Page, name: &str, help: &str, value: impl Fn(&SlotSnapshot) -> Option<f64>) {
    page.family(name, Kind::Gauge, help);
    for (modem, slot) in slots {
        if let Some(value) = value(slot) {
            page.gauge(name, &[("modem", *modem)], value);
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn number(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Critical => 2,
    }
}

/// As the API writes it, but for `busy`.
fn state(state: SlotState) -> &'static str {
    match state {
        SlotState::Disabled => "disabled",
        SlotState::Absent => "absent",
        SlotState::Starting => "starting",
        SlotState::Searching => "searching",
        // They take turns many times a second, and each would be a series of its own.
        SlotState::Ready | SlotState::Busy => "ready",
        SlotState::Locked => "locked",
        SlotState::NoSim => "no_sim",
        SlotState::WrongSim => "wrong_sim",
        SlotState::Recovering => "recovering",
        SlotState::Quarantined => "quarantined",
    }
}

/// As the API writes it.
fn registration(registration: Registration) -> &'static str {
    match registration {
        Registration::Unknown => "unknown",
        Registration::Off => "off",
        Registration::Searching => "searching",
        Registration::Denied => "denied",
        Registration::Home => "home",
        Registration::Roaming => "roaming",
    }
}

/// A counter of a slot: name, help, and where it is.
type Counted = (&'static str, &'static str, fn(&SlotSnapshot) -> u64);

/// What is counted since the gateway's start; a restart begins anew, which `rate` and `increase` know.
const SINCE_START: &[Counted] = &[
    ("simrelay_modem_init", "Times the modem was set up.", |slot| {
        slot.initialisations.into()
    }),
    ("simrelay_modem_recoveries", "Steps of recovery.", |slot| {
        slot.recoveries.into()
    }),
    ("simrelay_modem_parts_sent", "Parts that went out.", |slot| slot.sent),
    ("simrelay_modem_parts_failed", "Parts that failed.", |slot| slot.failed),
    (
        "simrelay_modem_parts_received",
        "Parts and reports that came in.",
        |slot| slot.received,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_nothing_is_a_page_all_the_same() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let snapshot = Snapshot::blank(at);
        let text = write(&snapshot, None, Format::Text);
        assert!(text.contains("\nsimrelay_queue_oldest_age_seconds 0\n"), "{text}");
        assert!(text.contains("\nprocess_start_time_seconds 1800000000\n"), "{text}");
        assert!(text.contains("simrelay_sms_parts_total{result=\"sent\"} 0\n"), "{text}");
    }
}
