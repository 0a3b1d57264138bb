//! The rows of the table: each measures one thing and says what is to be reached.

mod alerts;
mod attendance;
mod bare;
mod drain;
mod fetch;
mod kills;
mod mail;
mod send;
mod smpp;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use comfy_table::{Table, presets};

use crate::Error;
use drain::{Drained, Load};

/// What all rows share.
pub(crate) struct Scene {
    pub(crate) dir: PathBuf,
    pub(crate) programs: PathBuf,
    pub(crate) quick: bool,
    pub(crate) reports: bool,
}

/// What a row found.
pub(crate) struct Figure {
    /// What was measured, in figures.
    measured: String,
    /// Whether it is what is to be reached.
    reached: bool,
}

/// One row.
struct Row {
    name: &'static str,
    what: &'static str,
    reach: &'static str,
    /// What others reach on the same kind of machine.
    peers: &'static str,
    run: fn(&Measuring<'_>) -> Result<Figure, Error>,
}

/// A scene with what was measured in it so far: rows may share a run.
struct Measuring<'s> {
    scene: &'s Scene,
    drained: RefCell<HashMap<Load, Drained>>,
}

/// The value that a share of sorted values does not exceed.
fn percentile(sorted: &[u64], share: f64) -> u64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(at).copied().unwrap_or(u64::MAX)
}

/// The names, in the order of the table.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// Whether a row is meant: by its name, or by what all names of its kind begin with, as `alerts` of `alerts-pictures`.
pub(crate) fn is_meant(name: &str, asked: &str) -> bool {
    name.strip_prefix(asked)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// A row's figure, or why there is none.
pub(crate) type Measured = Result<Figure, Error>;

/// Runs the rows asked for, all where none is named.
pub(crate) fn run(scene: &Scene, asked: &[String]) -> Vec<(&'static str, Measured)> {
    let measuring = Measuring {
        scene,
        drained: RefCell::default(),
    };
    let chosen = ROWS
        .iter()
        .filter(|row| asked.is_empty() || asked.iter().any(|asked| is_meant(row.name, asked)));
    let measured = chosen.map(|row| {
        eprintln!("measuring {} …", row.name);
        (row.name, (row.run)(&measuring))
    });
    measured.collect()
}

/// What was found beside what is to be reached.
pub(crate) fn table(figures: &[(&'static str, Measured)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["row", "what", "reach", "peers", "measured", ""]);
    for (name, figure) in figures {
        let Some(row) = ROWS.iter().find(|row| row.name == *name) else {
            continue;
        };
        let (measured, mark) = match figure {
            Ok(figure) => (
                figure.measured.clone(),
                if figure.reached { "reached" } else { "MISSED" },
            ),
            Err(error) => (error.to_string(), "FAILED"),
        };
        table.add_row([name, row.what, row.reach, row.peers, &measured, mark]);
    }
    table
}

const ROWS: [Row; 21] = [
    Row {
        name: "throughput-1",
        what: "+CMGS latency 50 ms, 1 modem",
        reach: "≥ 98 % of N/latency",
        peers: "96 %",
        run: |scene| drain::share(scene, 1, 0.98),
    },
    Row {
        name: "throughput-16",
        what: "+CMGS latency 50 ms, 16 modems",
        reach: "≥ 98 % of N/latency",
        peers: "91 %",
        run: |scene| drain::share(scene, 16, 0.98),
    },
    Row {
        name: "throughput-64",
        what: "+CMGS latency 50 ms, 64 modems",
        reach: "≥ 97 % of N/latency",
        peers: "60 %",
        run: |scene| drain::share(scene, 64, 0.97),
    },
    Row {
        name: "throughput-256",
        what: "+CMGS latency 50 ms, 256 modems",
        reach: "≥ 90 % of N/latency",
        peers: "–",
        run: |scene| drain::share(scene, 256, 0.90),
    },
    Row {
        name: "speed-1",
        what: "latency 0, 1 modem, durable",
        reach: "≥ 1500 msg/s",
        peers: "1147, not durable",
        run: |scene| drain::speed(scene, 1, 1500.0),
    },
    Row {
        name: "speed-16",
        what: "latency 0, 16 modems, durable",
        reach: "≥ 6000 msg/s",
        peers: "718, not durable",
        run: |scene| drain::speed(scene, 16, 6000.0),
    },
    Row {
        name: "processor",
        what: "processor time of the gateway per 1000 messages, 16 modems, 50 ms",
        reach: "≤ 0.2 s",
        peers: "0.8 s",
        run: drain::processor,
    },
    Row {
        name: "memory",
        what: "most memory of the gateway, 64 modems",
        reach: "≤ 20 MB + 100 kB per modem",
        peers: "58 MB; 21 MB",
        run: drain::memory,
    },
    Row {
        name: "fetch",
        what: "+CMTI to visible by sms.fetch wait_s, p50 / p99",
        reach: "≤ 2 / 10 ms",
        peers: "8.4 / 13.9 ms",
        run: fetch::latency,
    },
    Row {
        name: "send",
        what: "sms.send over TLS, 8 clients, durable, bcrypt cost 10",
        reach: "≥ 4000 calls/s",
        peers: "15.5",
        run: send::calls,
    },
    Row {
        name: "attendance",
        what: "attendance request to acknowledgement queued; a crowd of them; most memory meanwhile",
        reach: "p99 ≤ 10 ms; ≥ 2000/s; ≤ 64 MB",
        peers: "–",
        run: attendance::requests,
    },
    Row {
        name: "mail",
        what: "received SMS to mail accepted, above the server's own time; a crowd of them; most memory meanwhile",
        reach: "p99 ≤ 50 ms; ≥ 80 % of a bare lettre loop; ≤ 64 MB",
        peers: "–",
        run: mail::accepted,
    },
    Row {
        name: "alerts",
        what: "alert lines without picture over 4 connections, answered once durable; most memory meanwhile",
        reach: "≥ 10000/s; ≤ 64 MB",
        peers: "measured beside it",
        run: |scene| alerts::lines(scene, None),
    },
    Row {
        name: "alerts-pictures",
        what: "alert lines with a picture of 100 kB over 4 connections, answered once durable; most memory meanwhile",
        reach: "≥ 200/s; ≤ 64 MB",
        peers: "measured beside it",
        run: |scene| alerts::lines(scene, Some(100_000)),
    },
    Row {
        name: "smpp",
        what: "submit_sm, durable when answered, one session, by window; a bare group commit of the same rows",
        reach: "≥ 60 / 60 / 50 % of it at window 1 / 10 / 100; ≥ 12700 / 14400 at 10 / 100",
        peers: "614 / 1270 / 1440, not synced",
        run: smpp::submissions,
    },
    Row {
        name: "smpp-codec",
        what: "submit_sm, codec and session alone, one session, window 64, over loopback",
        reach: "≥ smpp34",
        peers: "measured beside it",
        run: smpp::alone,
    },
    Row {
        name: "smpp-sessions",
        what: "1000 SMPP sessions bound, idle",
        reach: "≤ 60 MB; ≤ 2 % of a core",
        peers: "–",
        run: smpp::idle,
    },
    Row {
        name: "kill-sends",
        what: "20 × kill -9 in 200 sends",
        reach: "0 lost; doubled only if marked maybe twice",
        peers: "0–93 lost, 2–19 doubled",
        run: |scene| kills::sends(scene, false),
    },
    Row {
        name: "kill-sends-journal",
        what: "20 × kill -9 in 200 sends, journal",
        reach: "0 lost, 0 doubled",
        peers: "0–93 lost, 2–19 doubled",
        run: |scene| kills::sends(scene, true),
    },
    Row {
        name: "kill-receives",
        what: "20 × kill -9 in 200 receives",
        reach: "0 lost, 0 doubled",
        peers: "–",
        run: kills::receives,
    },
    Row {
        name: "kill-smpp",
        what: "kill -9 while 10 000 messages with receipts are submitted by SMPP",
        reach: "every acknowledged one has one end and its receipt",
        peers: "–",
        run: smpp::receipts,
    },
];
