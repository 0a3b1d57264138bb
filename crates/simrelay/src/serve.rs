//! `simrelay serve`: the daemon.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use store::{Recovered, Store};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::arena;
use crate::config::{self, Settings};
use crate::confine::{self, Confined};
use crate::failure::Failure;
use crate::handover::Handover;
use crate::logging;
use crate::reload::{Bell, Start, reload};
use crate::running::{Door, Running, open_store};
use crate::supervisor::Reporting;
use crate::threads::Threads;

/// Run the gateway
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay serve --config /etc/simrelay/simrelay.toml

SIGTERM and SIGINT stop it in order: the API, then what is with a modem, the database last; a second one stops it at
once, which loses nothing but may leave a part uncertain. SIGHUP reads the file again, as simrelay reload does:
a file that is not right is refused whole.
The exit code is 78 where the configuration is not right and 1 where it cannot start for another reason; the last line
says why.")]
pub(crate) struct ServeArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = config::USUAL_FILE)]
    config: PathBuf,
}

impl ServeArgs {
    /// Reads `serve` and `serve --config FILE`, as units write it, without the parser of command lines: a gateway needs
    /// nothing of that, and what was touched once of a program stays in its memory.
    pub(crate) fn plain(arguments: &[OsString]) -> Option<Self> {
        let config = match arguments {
            [_, serve] if serve == "serve" => config::USUAL_FILE.into(),
            [_, serve, option, file] if serve == "serve" && option == "--config" => PathBuf::from(file),
            _ => return None,
        };
        let is_option = config.as_os_str().as_encoded_bytes().starts_with(b"-");
        (!is_option && !config.as_os_str().is_empty()).then_some(Self { config })
    }
}

/// Runs until it is told to stop.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    arena::share();
    let settings = config::load(&args.config).map_err(|faults| refuse(&args.config, &faults))?;
    logging::start(&settings.log);
    let sockets = Handover::receive();
    // Before there are other threads: what is given up, is given up by this one and those that it starts.
    let needed = confine::allowed(&settings, &args.config);
    let confined = Confined::begin(settings.hardening.mode, needed);
    let (store, recovered) = open_store(&settings)?;
    let start = Start {
        file: args.config.clone(),
        confined,
    };
    Threads::new()?.run(|api| daemon(&start, settings, sockets, (store, recovered), api))
}

async fn daemon(
    start: &Start,
    settings: Settings,
    sockets: Handover,
    (store, recovered): (Store, Recovered),
    api: Handle,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    if !recovered.uncertain.is_empty() {
        warn!(
            "{} parts were with a modem when the gateway ended last; they are uncertain now",
            recovered.uncertain.len()
        );
    }
    if recovered.not_begun > 0 {
        info!(
            "{} parts stood behind others at a modem and had not begun; they wait again",
            recovered.not_begun
        );
    }
    if let Some(doubted) = recovered.restored {
        warn!(
            "the database is a restored copy; {doubted} parts that waited in it may have been sent since and are uncertain"
        );
    }
    let door = Door::open(settings.api.listen, sockets, api.clone()).await?;
    let (bell, mut wishes) = Bell::new();
    let mut running = Running::start(settings, store, door, Some(bell)).await?;
    info!(
        "listening on https://{}; {} parts wait",
        running.address(),
        recovered.queued
    );
    note_start(&start.file, &recovered, &running).await;
    let reporting = Reporting::begin(running.gateway(), &api);
    let end = loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Wish::Stop => break Ok(()),
                Wish::Reload => drop(reload(start, &mut running).await),
            },
            Some(wisher) = wishes.recv() => {
                // Whoever asked may have gone away.
                let _ = wisher.send(reload(start, &mut running).await);
            }
            failure = running.failed() => break Err(failure),
        }
    };
    info!("stopping");
    reporting.end(STOP_LIMIT);
    tokio::select! {
        () = running.stop() => info!("stopped"),
        () = signals.stop() => warn!("stopped at once; a part that is with a modem is uncertain now"),
        () = tokio::time::sleep(STOP_LIMIT) => warn!("the modems do not finish; a part that is with one is uncertain now"),
    }
    end
}

/// Notes the start in the audit log, and tells the log where that ends: whoever keeps the one elsewhere can check the other.
async fn note_start(file: &Path, recovered: &Recovered, running: &Running) {
    let restored = match recovered.restored {
        Some(_) => "; the database is a restored copy",
        None => "",
    };
    let version = env!("CARGO_PKG_VERSION");
    let facts = format!("simrelay {version}, configuration {}{restored}", config::digest(file));
    running.note("start", facts).await;
    if let Ok(head) = running.store.audit_head().await {
        info!("the audit log ends with {}:{}", head.entry, head.hash);
    }
}

/// The signals a daemon listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::refused(format!("cannot listen to signals: {error}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The next signal.
    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }

    /// The next signal that means to stop.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }

    /// The next signal of any kind: for a program in a terminal, whose closing (SIGHUP) is the end, too.
    pub(crate) async fn any(&mut self) {
        self.next().await;
    }
}

/// What a signal asks for.
#[derive(PartialEq, Eq)]
enum Wish {
    Stop,
    Reload,
}

fn refuse(file: &Path, faults: &[config::Fault]) -> Failure {
    let mut told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.push(format!(
        "{} is not right, so the gateway does not start",
        file.display()
    ));
    Failure::Misconfigured(told.join("\n"))
}

/// The unit waits a little longer before it kills.
const STOP_LIMIT: Duration = Duration::from_secs(230);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_units_write_is_read_without_the_parser_and_all_else_is_left_to_it() {
        let plain = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(Into::into).collect();
            ServeArgs::plain(&words).map(|args| args.config)
        };
        assert_eq!(plain(&["simrelay", "serve"]), Some(config::USUAL_FILE.into()));
        assert_eq!(
            plain(&["simrelay", "serve", "--config", "a.toml"]),
            Some("a.toml".into())
        );
        for left in [
            &["simrelay", "serve", "--help"][..],
            &["simrelay", "serve", "--config", "--help"],
            &["simrelay", "serve", "--config", ""],
            &["simrelay", "serve", "--config=a.toml"],
            &["simrelay", "modems"],
            &["simrelay"],
        ] {
            assert_eq!(plain(left), None, "{left:?}");
        }
    }
}
