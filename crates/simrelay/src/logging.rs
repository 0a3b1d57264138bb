//! The log: lines on standard error, for a person at a terminal or for the journal.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::Log;

/// Starts logging. A level that cannot be read was refused with the configuration; `info` stands in for it.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = io::stderr().is_terminal();
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal);
    // Only a second start in one process fails, and then the first one's log is there.
    let _ = match log.times.unwrap_or(terminal) {
        true => lines.try_init(),
        false => lines.without_time().try_init(),
    };
}
