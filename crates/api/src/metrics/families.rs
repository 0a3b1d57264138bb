//! What is told: each family with its name, its help, and where the snapshot has it.

use jiff::Timestamp;
use message::{
    ConsumerFacts, DiskFacts, Finding, Level, ProbeState, Registration, SlotSnapshot, SlotState, Snapshot, Traffic,
};

use super::applications;
use super::counted;
use super::exposition::{Format, Kind, Page};
use super::process::Process;
use super::traffic;
use super::upstreams;

/// The page of a snapshot, of what the API finds wrong with itself, and of the process.
pub(super) fn write(snapshot: &Snapshot, own: &[Finding], process: Option<&Process>, format: Format) -> String {
    let mut page = Page::new(format);
    gateway(snapshot, &mut page);
    let findings: Vec<&Finding> = snapshot.findings.iter().chain(own).collect();
    health(&findings, &mut page);
    queue(snapshot, &mut page);
    let used: Vec<(&str, &SlotSnapshot)> = snapshot
        .slots
        .iter()
        .filter(|slot| slot.state != SlotState::Disabled)
        .map(|slot| (slot.slot.as_str(), slot))
        .collect();
    modems(&used, &mut page);
    sims(&used, &mut page);
    upstreams::write(snapshot, &mut page);
    applications::write(snapshot, &mut page);
    consumers(snapshot, &mut page);
    counted::write(&snapshot.counts, &mut page);
    storage_facts(snapshot, &mut page);
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

fn health(findings: &[&Finding], page: &mut Page) {
    let name = "simrelay_health_level";
    page.family(
        name,
        Kind::Gauge,
        "The worst that is wrong: 0 nothing, 1 WARNING, 2 CRITICAL.",
    );
    let level = findings.iter().map(|finding| finding.level).max();
    page.gauge(name, &[], number(level.unwrap_or(Level::Ok)));
    let name = "simrelay_findings";
    page.family(name, Kind::Gauge, "How many things are wrong.");
    for (word, level) in [("warning", Level::Warning), ("critical", Level::Critical)] {
        let found = findings.iter().filter(|finding| finding.level == level);
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
    for (name, help, value) in COUNTED {
        page.family(name, Kind::Counter, help);
        for (modem, slot) in slots {
            page.counter(name, &[("modem", *modem)], value(slot));
        }
    }
    let routes: Vec<(&str, &Traffic)> = slots.iter().map(|(modem, slot)| (*modem, &slot.traffic)).collect();
    traffic::write(&TRAFFIC, &routes, page);
}

/// How what goes over SIMs is called.
const TRAFFIC: traffic::Names = traffic::Names {
    label: "modem",
    counts: "simrelay_sms",
    limit: "simrelay_sim_limit",
    last: "simrelay_modem_last",
    duration: "simrelay_send_duration_seconds",
};

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

fn sims(slots: &Slots<'_>, page: &mut Page) {
    let name = "simrelay_sim_balance";
    page.family(name, Kind::Gauge, "The balance, as the operator told it last.");
    let balances = || {
        slots
            .iter()
            .filter_map(|(modem, slot)| Some((*modem, slot.balance.as_ref()?)))
    };
    for (modem, balance) in balances() {
        let labels = [("modem", modem), ("currency", balance.currency.as_str())];
        page.gauge(name, &labels, balance.micros as f64 / 1e6);
    }
    let name = "simrelay_sim_balance_timestamp_seconds";
    page.family(name, Kind::Gauge, "When the operator told the balance.");
    for (modem, balance) in balances() {
        page.gauge(name, &[("modem", modem)], seconds(balance.at));
    }
    probes(slots, page);
}

fn probes(slots: &Slots<'_>, page: &mut Page) {
    let probes = || {
        let of = |slot: &&'_ SlotSnapshot| [("self_test", slot.self_test.clone()), ("ring", slot.ring.clone())];
        slots.iter().flat_map(move |(modem, slot)| {
            let probes = of(slot).into_iter();
            probes.filter_map(move |(kind, probe)| Some((*modem, kind, probe?)))
        })
    };
    let name = "simrelay_probe_latency_seconds";
    page.family(
        name,
        Kind::Gauge,
        "From handing in to arrival, of the last message between own SIMs that arrived.",
    );
    for (modem, kind, probe) in probes() {
        let Some(latency) = probe.latency_ms else { continue };
        let labels = [("modem", modem), ("to", probe.to.as_str()), ("kind", kind)];
        page.gauge(name, &labels, latency as f64 / 1000.0);
    }
    let name = "simrelay_probe_well";
    page.family(
        name,
        Kind::Gauge,
        "Whether the last message between own SIMs arrived, or may still.",
    );
    for (modem, kind, probe) in probes() {
        let well = matches!(probe.state, ProbeState::Arrived | ProbeState::Waiting);
        let labels = [("modem", modem), ("to", probe.to.as_str()), ("kind", kind)];
        page.gauge(name, &labels, u8::from(well));
    }
}

fn consumers(snapshot: &Snapshot, page: &mut Page) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&ConsumerFacts) -> f64| {
        page.family(name, Kind::Gauge, help);
        for consumer in &snapshot.consumers {
            page.gauge(name, &[("consumer", consumer.name.as_str())], value(consumer));
        }
    };
    each(
        "simrelay_consumer_waiting",
        "Events that a consumer has not worked yet.",
        &|consumer| consumer.waiting as f64,
    );
    let at = snapshot.at;
    each(
        "simrelay_consumer_oldest_age_seconds",
        "How long the oldest of them waits; 0 where none does.",
        &|consumer| (seconds(at) - seconds(consumer.oldest.unwrap_or(at))).max(0.0),
    );
    each(
        "simrelay_consumer_given_up",
        "Events that a consumer gave up, as far as they are kept.",
        &|consumer| consumer.gave_up as f64,
    );
}

fn storage_facts(snapshot: &Snapshot, page: &mut Page) {
    let mut gauge = |name: &str, help: &str, value: Option<f64>| {
        page.family(name, Kind::Gauge, help);
        value.into_iter().for_each(|value| page.gauge(name, &[], value));
    };
    let disk = snapshot.disk.as_ref();
    gauge(
        "simrelay_disk_free_bytes",
        "What the gateway may still take of the disk of its database.",
        disk.map(|disk| disk.free as f64),
    );
    gauge(
        "simrelay_disk_size_bytes",
        "The size of that disk.",
        disk.map(|disk| disk.size as f64),
    );
    gauge(
        "simrelay_disk_warning_bytes",
        "With less than this left of it health warns.",
        disk.map(|_| DiskFacts::WARNING_FREE as f64),
    );
    gauge(
        "simrelay_disk_critical_bytes",
        "With less than this left of it health is critical.",
        disk.map(|_| DiskFacts::CRITICAL_FREE as f64),
    );
    let database = snapshot.database.as_ref();
    gauge(
        "simrelay_database_bytes",
        "What the database takes, with its log.",
        database.map(|database| database.bytes as f64),
    );
    gauge(
        "simrelay_database_limit_bytes",
        "What it may grow to, where that is set.",
        database.and_then(|database| Some(database.limit? as f64)),
    );
    gauge(
        "simrelay_certificate_not_after_timestamp_seconds",
        "Until when the API's certificate is valid.",
        snapshot.certificate.as_ref().map(|shown| seconds(shown.not_after)),
    );
}

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

/// What is counted of a slot: its messages since the database was made; its troubles since the gateway's start, where a
/// restart begins anew, which `rate` and `increase` know.
const COUNTED: &[Counted] = &[
    ("simrelay_modem_init", "Times the modem was set up.", |slot| {
        slot.initialisations.into()
    }),
    ("simrelay_modem_recoveries", "Steps of recovery.", |slot| {
        slot.recoveries.into()
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_nothing_is_a_page_all_the_same() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let text = write(&Snapshot::blank(at), &[], None, Format::Text);
        assert!(text.contains("\nsimrelay_queue_oldest_age_seconds 0\n"), "{text}");
        assert!(text.contains("\nprocess_start_time_seconds 1800000000\n"), "{text}");
        assert!(text.contains("simrelay_sms_parts_total{result=\"sent\"} 0\n"), "{text}");
    }
}
