//! The log: lines on standard error, for a person at a terminal or for the journal.
//!
//! However much is asked for, no PIN, token or message text is logged. Our own parts are written so; other people's
//! crates are not (an HTTP library may trace whole bodies), so of them nothing below `info` is shown.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::config::Log;

/// Starts logging. A level that cannot be read was refused with the configuration; `info` stands in for it.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(terminal);
    let lines = match log.times.unwrap_or(terminal) {
        true => lines.boxed(),
        false => lines.without_time().boxed(),
    };
    // Only a second start in one process fails, and then the first one's log is there.
    let _ = registry()
        .with(filter)
        .with(filter_fn(is_discreet))
        .with(lines)
        .try_init();
}

fn is_discreet(told: &Metadata<'_>) -> bool {
    *told.level() <= Level::INFO || is_ours(told.target())
}

fn is_ours(target: &str) -> bool {
    let part = target.split("::").next().unwrap_or(target);
    PARTS.contains(&part)
}

/// The crates of this workspace.
const PARTS: [&str; 11] = [
    "api",
    "at",
    "consumers",
    "gateway",
    "message",
    "modem",
    "pool",
    "router",
    "simrelay",
    "store",
    "tpdu",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_parts_are_known_by_their_names() {
        assert!(is_ours("pool::slot") && is_ours("simrelay"));
        assert!(!is_ours("jsonrpsee-http") && !is_ours("apis::x") && !is_ours("hyper::pool"));
    }
}
