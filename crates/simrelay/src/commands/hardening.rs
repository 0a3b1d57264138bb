//! `simrelay hardening try`: what a confined gateway is refused, tried.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::thread;

use clap::{Subcommand, ValueEnum};
use hardening::trial::{self, Attempt};
use hardening::{Allowance, Mode, Part};
use serde_json::{Value, json};

use crate::config::{self, Settings};
use crate::confine;
use crate::failure::Failure;
use crate::screen::{Screen, Table};

/// Look after what a gateway may do
#[derive(Debug, Subcommand)]
pub(crate) enum HardeningCommand {
    /// Confine this command as the gateway would be, try what must be refused and what must not, and show what came of it
    #[command(after_help = "Examples:
  sudo -u simrelay simrelay hardening try
  simrelay hardening try --config /etc/simrelay/simrelay.toml --json

It disturbs no running gateway: it touches nothing that was there before. Run it as the user the gateway runs as. The exit
code is 1 where something is not as it should be, else 0.")]
    Try {
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = config::USUAL_FILE)]
        config: PathBuf,

        /// Try this mode instead of the one that is configured
        #[arg(long, value_name = "MODE")]
        mode: Option<ModeWord>,
    },
}

/// A mode, as the command line says it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeWord {
    Enforce,
    Log,
    Off,
}

/// Whether something should be refused, and whether it was.
struct Tried {
    should_be_refused: bool,
    attempt: Attempt,
}

/// Confines this process and tries.
pub(crate) fn run(command: &HardeningCommand, screen: &Screen) -> Result<(), Failure> {
    let HardeningCommand::Try { config: file, mode } = command;
    let settings = config::look(file).map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::refused(told.join("\n"))
    })?;
    let mode = mode.map_or(settings.hardening.mode, Mode::from);
    let allowance = confine::allowed(&settings, file);
    let confinement = hardening::confine(mode, &allowance);
    let tried = attempts(&settings, file, &allowance);
    let wrong = tried.iter().filter(|tried| !tried.is_right()).count();
    match screen.is_json() {
        true => screen.value(&as_json(&confinement.parts(), &tried))?,
        false => show(&confinement.parts(), &tried, screen)?,
    }
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::Told(1)),
    }
}

/// What a gateway does comes first: the forbidden things change this process where they are not refused.
fn attempts(settings: &Settings, file: &Path, allowance: &Allowance) -> Vec<Tried> {
    let needed = needed(settings, file).into_iter().map(|attempt| (false, attempt));
    let mut tried: Vec<(bool, Attempt)> = needed.collect();
    tried.extend(trial::forbidden(allowance).into_iter().map(|attempt| (true, attempt)));
    let tried = tried.into_iter().map(|(should_be_refused, attempt)| Tried {
        should_be_refused,
        attempt,
    });
    tried.collect()
}

fn needed(settings: &Settings, file: &Path) -> Vec<Attempt> {
    let read = |what: &str, path: &Path| Attempt::of(format!("read {what} {}", path.display()), File::open(path));
    let write = Attempt::of(
        format!("write in {}", settings.data.display()),
        write_in(&settings.data),
    );
    let names = ("localhost", 0).to_socket_addrs();
    let thread = thread::Builder::new().spawn(|| ());
    let port = settings.api.listen.port();
    vec![
        read("the configuration", file),
        read("the certificate", &settings.api.certificate),
        read("the key", &settings.api.key),
        write,
        Attempt::of("list the devices", fs::read_dir("/dev")),
        Attempt::of("find a host by its name", names),
        Attempt::of("start a thread", thread),
        Attempt::of(
            format!("listen on port {port}"),
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)),
        ),
    ]
}

/// Writes a file that was not there, and removes it.
fn write_in(folder: &Path) -> io::Result<()> {
    drop(tempfile::NamedTempFile::new_in(folder)?);
    Ok(())
}

impl Tried {
    fn is_right(&self) -> bool {
        self.should_be_refused == self.attempt.refused
    }

    fn verdict(&self) -> &'static str {
        match (self.should_be_refused, self.attempt.refused) {
            (false, false) if self.attempt.missing => "not tried",
            (true, true) => "refused",
            (true, false) => "NOT REFUSED",
            (false, false) => "possible",
            (false, true) => "REFUSED",
        }
    }
}

fn show(parts: &[(&str, &Part)], tried: &[Tried], screen: &Screen) -> Result<(), Failure> {
    for (what, part) in parts {
        let line = match part {
            Part::Held(sentence) => format!("{what}: confined: {sentence}"),
            Part::Partly(sentence) => format!("{what}: confined in part: {sentence}"),
            Part::Failed(sentence) => format!("{what}: NOT CONFINED: {sentence}"),
            Part::Free => format!("{what}: NOT CONFINED"),
        };
        screen.line(line)?;
    }
    let mut table = Table::new(&["WHAT", "IS", "~ANSWER"]);
    for one in tried {
        table.row([
            one.attempt.what.clone(),
            one.verdict().to_owned(),
            one.attempt.answer.clone(),
        ]);
    }
    screen.line("")?;
    screen.line(table.lines())
}

fn as_json(parts: &[(&str, &Part)], tried: &[Tried]) -> Value {
    let parts = parts
        .iter()
        .map(|(what, part)| json!({ "part": what, "in_force": part.is_in_force(), "sentence": part.sentence() }));
    let tried = tried.iter().map(|one| {
        json!({
            "what": one.attempt.what,
            "should_be_refused": one.should_be_refused,
            "refused": one.attempt.refused,
            "answer": one.attempt.answer,
        })
    });
    json!({ "parts": parts.collect::<Vec<_>>(), "tried": tried.collect::<Vec<_>>() })
}

impl From<ModeWord> for Mode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Enforce => Self::Enforce,
            ModeWord::Log => Self::Log,
            ModeWord::Off => Self::Off,
        }
    }
}
