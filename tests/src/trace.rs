//! The system calls of a gateway, watched with strace.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Gateway, Rig};

/// Watches the system calls of one life. A kill -9 says nothing about a power cut; the order of these calls does.
#[derive(Debug)]
pub struct Trace {
    file: PathBuf,
}

/// A system call, as far as the order of keeping and telling goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Octets were written to the database's log.
    Write,
    /// The log was synced.
    Sync,
    /// These octets began to go out where the test looks.
    Out,
}

impl Trace {
    /// Whether strace is there. Where it is not, says so; in CI that is an error.
    ///
    /// # Panics
    /// It is missing and `SIMRELAY_REQUIRE_PEERS=1`.
    pub fn is_possible() -> bool {
        let found = Command::new("strace")
            .arg("-V")
            .output()
            .is_ok_and(|output| output.status.success());
        if !found {
            assert!(
                std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() != Ok("1"),
                "strace is missing: run `tools/peers install`"
            );
            eprintln!("skipped: strace is not installed (Debian package strace)");
        }
        found
    }

    /// Starts a gateway that is watched.
    pub fn start(rig: &Rig) -> (Gateway, Self) {
        let file = rig.folder().join("calls");
        let output = file.clone();
        let gateway = Gateway::start_through(rig, move |program| {
            let mut strace = Command::new("strace");
            // -D: the gateway stays the child of the test, and strace ends with it. -yy: descriptors by name.
            strace.args([
                "-D",
                "-f",
                "-q",
                "-yy",
                "-s",
                "20000",
                "-e",
                CALLS,
                "-e",
                "signal=none",
                "-o",
            ]);
            strace.arg(output).arg(program);
            strace
        });
        (gateway, Self { file })
    }

    /// The calls so far, as strace wrote them.
    ///
    /// # Panics
    /// There are none.
    pub fn text(&self) -> String {
        let text = fs::read(&self.file).expect("the calls");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What was written and synced to the log of the database, and what went out where `out` says so, in the order in
    /// which it happened: a sync counts when it ended, anything else when it began.
    ///
    /// # Panics
    /// A sync failed.
    pub fn acts(text: &str, out: impl Fn(&str) -> bool) -> Vec<(Act, String)> {
        let mut acts = Vec::new();
        let mut syncing: Vec<&str> = Vec::new();
        for line in text.lines() {
            let (thread, call) = line.split_once(' ').unwrap_or_default();
            let call = call.trim_start();
            let is_log = call.contains(LOG);
            let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
            if is_sync && is_log && call.contains("<unfinished") {
                syncing.push(thread);
            } else if is_sync && is_log || is_resumed_sync(call) && forget(&mut syncing, thread) {
                assert!(call.ends_with("= 0"), "a sync failed: {call}");
                acts.push((Act::Sync, call.to_owned()));
            } else if call.starts_with("pwrite64(") && is_log {
                acts.push((Act::Write, call.to_owned()));
            } else if out(call) {
                acts.push((Act::Out, call.to_owned()));
            }
        }
        acts
    }

    /// The same calls as if nothing had ever been synced.
    pub fn without_syncs(text: &str) -> String {
        let lines = text.lines().filter(|line| !line.contains("sync"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn is_resumed_sync(call: &str) -> bool {
    call.starts_with("<... fdatasync resumed") || call.starts_with("<... fsync resumed")
}

/// Takes `thread` out; whether it was there.
fn forget(threads: &mut Vec<&str>, thread: &str) -> bool {
    let place = threads.iter().position(|waiting| *waiting == thread);
    place.map(|place| threads.swap_remove(place)).is_some()
}

/// The calls that keep and tell.
const CALLS: &str = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg";

/// The database's log, as strace names its descriptor.
const LOG: &str = "simrelay.db-wal>";
