//! `simrelay smpp`: SMPP traffic by hand.
//!
//! - [`account`] makes what lets an application in.
//! - [`decode`] shows PDUs field by field; [`fields`] names what is in them for programs.
//! - [`analyze`] reads a capture of the network and tells what went on.
//! - [`sessions`] shows who is bound.
//! - [`trace`] has a gateway write down its own sessions.

mod account;
mod analyze;
mod decode;
mod fields;
mod sessions;
mod trace;

use clap::{Subcommand, ValueEnum};
use smpp::DefaultAlphabet;

use crate::cli::runtime;
use crate::client::{Client, Connection};
use crate::failure::Failure;
use crate::screen::Screen;

/// Make accounts of applications, and read SMPP traffic: PDUs and captures of the network, and the gateway's own sessions
#[derive(Debug, Subcommand)]
pub(crate) enum Args {
    Account(account::AccountArgs),
    Decode(decode::DecodeArgs),
    Analyze(analyze::AnalyzeArgs),
    Sessions(sessions::SessionsArgs),
    Trace(trace::TraceArgs),
}

/// What data_coding 0 means to these peers.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Alphabet {
    /// GSM 7 bit, a septet an octet
    Gsm7,
    /// ISO 8859-1
    Latin1,
    /// UTF-8
    Utf8,
    /// ASCII
    Ascii,
}

/// Does it.
///
/// # Errors
/// Input that cannot be read, or a gateway that refuses.
pub(crate) fn run(args: &Args, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    match args {
        Args::Account(args) => account::run(args, screen),
        Args::Decode(args) => decode::run(args, screen),
        Args::Analyze(args) => analyze::run(args, screen),
        Args::Sessions(_) => runtime()?.block_on(sessions::run(&Client::new(connection)?, screen)),
        Args::Trace(args) => runtime()?.block_on(trace::run(args, &Client::new(connection)?, screen)),
    }
}

impl From<Alphabet> for DefaultAlphabet {
    fn from(alphabet: Alphabet) -> Self {
        match alphabet {
            Alphabet::Gsm7 => Self::Gsm7,
            Alphabet::Latin1 => Self::Latin1,
            Alphabet::Utf8 => Self::Utf8,
            Alphabet::Ascii => Self::Ascii,
        }
    }
}
