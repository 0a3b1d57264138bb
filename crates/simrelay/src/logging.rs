//! The log: lines on standard error for people, or entries with fields where standard error is the journal of systemd.
//!
//! What happens on a modem has the field `modem` (its slot), what happens to a message the field `sms` (its id), so that
//! `journalctl MODEM=sim1` and `journalctl SMS=…` find it. The journal has a `MESSAGE_ID` of its own, which is another thing.
//!
//! However much is asked for, no PIN, token or message text is logged. Our own parts are written so; other people's
//! crates are not (an HTTP library may trace whole bodies), so of them nothing below `info` is shown.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use nix::sys::stat::fstat;
use tracing::{Level, Metadata, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, registry, reload};

use crate::config::Log;

/// Starts logging. A level that cannot be read was refused with the configuration; `info` stands in for it.
pub(crate) fn start(log: &Log) {
    let (filter, handle) = reload::Layer::new(filter(log));
    // Only a second start in one process finds it set, and its log is not the one that is in use.
    let _ = LEVEL.set(handle);
    let logged = registry().with(filter).with(filter_fn(is_discreet));
    // Only a second start in one process fails, and then the first one's log is there.
    let _ = match journal() {
        Some(journal) => logged.with(journal).try_init(),
        None => logged.with(lines(log)).try_init(),
    };
}

/// Logs as much as these settings say from now on; whether lines have times is settled at the start.
pub(crate) fn adopt(log: &Log) {
    // Without a log there is nothing to change.
    let _ = LEVEL.get().map(|level| level.reload(filter(log)));
}

fn filter(log: &Log) -> EnvFilter {
    EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Whether standard error goes to the journal.
pub(crate) fn goes_to_journal() -> bool {
    let Ok(stderr) = fstat(io::stderr()) else { return false };
    env::var("JOURNAL_STREAM").is_ok_and(|named| named == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

/// How much is logged.
static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// The journal, where standard error goes there anyway: systemd then names its inode in the environment.
fn journal() -> Option<tracing_journald::Layer> {
    if !goes_to_journal() {
        return None;
    }
    // A journal that does not listen takes lines all the same, through standard error.
    let journal = tracing_journald::layer().ok()?;
    let journal = journal
        .with_field_prefix(None)
        .with_syslog_identifier(String::from("simrelay"));
    Some(journal.with_priority_mappings(PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    }))
}

/// Lines for people.
fn lines<S>(log: &Log) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let terminal = io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(terminal);
    match log.times.unwrap_or(terminal) {
        true => lines.boxed(),
        false => lines.without_time().boxed(),
    }
}

fn is_discreet(told: &Metadata<'_>) -> bool {
    *told.level() <= Level::INFO || is_ours(told.target())
}

fn is_ours(target: &str) -> bool {
    let part = target.split("::").next().unwrap_or(target);
    PARTS.contains(&part)
}

/// The crates of this workspace.
const PARTS: [&str; 15] = [
    "api",
    "at",
    "consumers",
    "esme",
    "gateway",
    "hardening",
    "message",
    "modem",
    "pool",
    "router",
    "simrelay",
    "smpp",
    "smsc",
    "store",
    "tpdu",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_workspace_may_say_more_than_others() {
        let parts = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
        let mut parts: Vec<String> = parts
            .map(|part| part.unwrap().file_name().into_string().unwrap())
            .collect();
        parts.sort();
        assert_eq!(parts, PARTS);
    }

    #[test]
    fn our_parts_are_known_by_their_names() {
        assert!(is_ours("pool::slot") && is_ours("simrelay"));
        assert!(!is_ours("jsonrpsee-http") && !is_ours("apis::x") && !is_ours("hyper::pool"));
    }
}
