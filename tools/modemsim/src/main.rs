//! `modemsim`: simulated modems for other people's clients, and for benchmarks that want them in a process of their own.

#![forbid(unsafe_code)]

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};

use modemsim::{Error, ModemSpec, Network, Profile, Record, Replay, Settings, Sink};

/// GSM modems and their network in software, on pseudo-terminals.
///
/// Prints a line for each modem (port and number) and then "ready". Lines of JSON on the standard input, and on the control socket,
/// are commands: {"cmd":"stats"}, {"cmd":"text","to":"+49151000001","from":"+4930","text":"hello"},
/// {"cmd":"fault","modem":0,"fault":{"kind":"unplug"}}. The answers are lines of JSON. It ends on SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    play: Option<Play>,
    /// How many modems.
    #[arg(long, default_value_t = 4)]
    modems: usize,
    /// From Ctrl-Z to +CMGS: 50ms, 1.5s, 200us.
    #[arg(long, default_value = "0ms", value_parser = span)]
    latency: Duration,
    /// From delivery to the status report.
    #[arg(long, default_value = "20ms", value_parser = span)]
    report_delay: Duration,
    /// From acceptance to the recipient's modem.
    #[arg(long, default_value = "0ms", value_parser = span)]
    delivery_delay: Duration,
    /// Folder of the symlinks to the ports; a temporary one where it is absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// A built-in profile or the path of a file; given more than once, the modems take turns.
    #[arg(long, default_value = "generic")]
    profile: Vec<String>,
    /// A unix socket for commands.
    #[arg(long)]
    control: Option<PathBuf>,
    /// The PIN of all SIMs.
    #[arg(long)]
    pin: Option<String>,
    /// Places for messages on each SIM.
    #[arg(long, default_value_t = 50)]
    sim_places: usize,
    /// What is kept of each message: everything, times or counts.
    #[arg(long, default_value = "everything", value_parser = record)]
    record: Record,
    /// Messages to numbers that no SIM has: delivered, silent or unassigned.
    #[arg(long, default_value = "delivered", value_parser = sink)]
    sink: Sink,
}

/// What else it does.
#[derive(Debug, Subcommand)]
enum Play {
    /// Be a modem that answers as a wire trace of the gateway has it.
    Replay {
        /// The trace.
        file: PathBuf,
        /// The symlink to the port; beside the trace where it is absent, with the ending .port.
        #[arg(long)]
        port: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("modemsim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    // Blocked before any thread starts, so that only the wait below takes them.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(std::io::Error::from)?;
    if let Some(Play::Replay { file, port }) = &options.play {
        let port = port.clone().unwrap_or_else(|| file.with_extension("port"));
        let replay = Replay::start(file, &port)?;
        println!("{}\nready", replay.path().display());
        signals.wait().map_err(std::io::Error::from)?;
        return Ok(());
    }
    let network = start(options)?;
    println!("ready");
    let asked = network.clone();
    std::thread::spawn(move || read_commands(&asked));
    signals.wait().map_err(std::io::Error::from)?;
    network.stop();
    Ok(())
}

fn start(options: &Options) -> Result<Network, Error> {
    let network = Network::start(Settings {
        dir: options.dir.clone(),
        latency: options.latency,
        delivery_delay: options.delivery_delay,
        report_delay: options.report_delay,
        record: options.record,
        sink: options.sink,
        ..Settings::default()
    })?;
    let profiles = options
        .profile
        .iter()
        .map(|name| Profile::find(name))
        .collect::<Result<Vec<_>, _>>()?;
    for index in 0..options.modems {
        let profile = profiles[index % profiles.len()].clone();
        let spec = ModemSpec {
            profile,
            pin: options.pin.clone(),
            sim_places: options.sim_places,
            ..ModemSpec::new(index)
        };
        let modem = network.plug(spec)?;
        println!("{} {}", modem.path().display(), modem.number());
    }
    if let Some(path) = &options.control {
        network.listen(path)?;
    }
    Ok(network)
}

/// Commands from the standard input, until it ends.
fn read_commands(network: &Network) {
    for line in std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .filter(|line| !line.trim().is_empty())
    {
        let asked = serde_json::from_str(&line).map_err(|error| error.to_string());
        let answer = match asked.and_then(|command| network.ask(command).map_err(|error| error.to_string())) {
            Ok(reply) => serde_json::json!({ "reply": reply }),
            Err(error) => serde_json::json!({ "error": error }),
        };
        println!("{answer}");
    }
}

/// A number with `us`, `ms` or `s` behind it.
fn span(text: &str) -> Result<Duration, String> {
    let at = text
        .find(|letter: char| letter.is_ascii_alphabetic())
        .ok_or("a unit is missing: us, ms or s")?;
    let number: f64 = text[..at]
        .trim()
        .parse()
        .map_err(|_| format!("{} is no number", &text[..at]))?;
    let unit = match &text[at..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        other => return Err(format!("{other} is no unit: us, ms or s")),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

fn record(text: &str) -> Result<Record, String> {
    match text {
        "everything" => Ok(Record::Everything),
        "times" => Ok(Record::Times),
        "counts" => Ok(Record::Counts),
        _ => Err("everything, times or counts".into()),
    }
}

fn sink(text: &str) -> Result<Sink, String> {
    match text {
        "delivered" => Ok(Sink::Delivered),
        "silent" => Ok(Sink::Silent),
        "unassigned" => Ok(Sink::Unassigned),
        _ => Err("delivered, silent or unassigned".into()),
    }
}
