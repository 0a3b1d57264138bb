//! The figures of the gateway, measured: `cargo run --release -p bench`.
//!
//! Everything is real: the release build of `simrelay` with its database on a disk that keeps what is synced, TLS, tokens, and
//! `modemsim` as a process of its own on the same machine. A [`Rig`](rig::Rig) puts the two together; each row in `rows` is one
//! measurement; the table at the end sets what was measured beside what is to be reached. The queue is filled before a modem is
//! plugged in, and N/latency uses the latency that the simulator stamped. It is a measurement, no test: it always prints what it
//! found.

#![forbid(unsafe_code)]

mod build;
mod client;
mod dice;
mod disk;
mod rig;
mod rows;
mod simulator;
mod sink;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use thiserror::Error;

use disk::Disk;
use rows::Scene;

/// Measures the gateway and prints a table.
///
/// Builds the release programs, then runs the rows one after another. It refuses a folder in memory (tmpfs), where durability costs
/// nothing.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  bench                        every row\n  bench --quick                every row, briefly\n  bench throughput-16 fetch    two rows\n  bench alerts                 both rows of alerts"
)]
struct Options {
    /// Rows to run, by name or by what their names begin with; all where none is given. `--list` shows the names.
    rows: Vec<String>,
    /// Shows the names of the rows.
    #[arg(long)]
    list: bool,
    /// Shorter runs, rougher figures.
    #[arg(long)]
    quick: bool,
    /// Where the database lies while measuring; must be on a real disk.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Take the programs from this folder and build nothing.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Ask the network for a status report of each message.
    #[arg(long)]
    reports: bool,
}

/// Why there is no figure.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The system refused.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: String,
        /// The system's word.
        cause: std::io::Error,
    },
    /// The gateway or the simulator did not do what was asked.
    #[error("{0}")]
    Refused(String),
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        rows::names().for_each(|name| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    if let Some(unknown) = options
        .rows
        .iter()
        .find(|asked| !rows::names().any(|name| rows::is_meant(name, asked)))
    {
        return Err(Error::Refused(format!(
            "there is no row {unknown}; --list shows the names"
        )));
    }
    let disk = Disk::measure(&options.dir)?;
    println!("{}\n{disk}", watch::machine());
    let programs = options.programs.clone().map_or_else(build::programs, Ok)?;
    let scene = Scene {
        dir: options.dir.clone(),
        programs,
        quick: options.quick,
        reports: options.reports,
    };
    let figures = rows::run(&scene, &options.rows);
    println!("{}", rows::table(&figures));
    Ok(())
}

/// Words for a failure of the system.
pub(crate) fn system<T>(what: &str, result: std::io::Result<T>) -> Result<T, Error> {
    result.map_err(|cause| Error::System {
        what: what.into(),
        cause,
    })
}
