//! `simrelay pdu`: SMS PDUs by hand, without a gateway.
//!
//! - [`decode`] finds out what octets are; [`fields`] names what is in them, for programs and people alike.
//! - [`encode`] makes PDUs of a text; [`wishes`] reads the values of its options, [`addresses`] its numbers.
//!
//! The field names are those of the vectors that the codec is tested with, so that both can be laid side by side.

mod addresses;
mod decode;
mod encode;
mod fields;
mod wishes;

use std::{fmt, process::ExitCode};

use clap::Subcommand;
use serde_json::{Value, json};
use tpdu::{ComposeError, DecodeError, EncodeError};

use crate::failure::{Failure, MISUSE};
use crate::screen::Screen;

/// Read or write an SMS PDU; no gateway is asked
#[derive(Debug, Subcommand)]
pub(crate) enum Args {
    Decode(decode::DecodeArgs),
    Encode(encode::EncodeArgs),
}

/// Does it, tells what went wrong, and gives the exit code: 0, or 2 for what is malformed.
pub(crate) fn run(args: Args) -> ExitCode {
    let (json, done) = match args {
        Args::Decode(args) => (args.json, decode::run(&args)),
        Args::Encode(args) => (args.json, encode::run(&args)),
    };
    let screen = Screen::new(json);
    match done {
        Ok(outcome) => show(&outcome, &screen),
        Err(trouble) => tell(&trouble, &screen),
    }
}

/// What a command found, for both kinds of reader.
struct Outcome {
    /// One object, for programs.
    object: Value,
    /// Lines, for people.
    lines: String,
}

/// Input that cannot be read or written. It is the caller's turn.
#[derive(Debug)]
enum Trouble {
    /// Octets that are no PDU.
    Octets(DecodeError),
    /// Fields that make no PDU.
    Fields(EncodeError),
    /// A text that makes no message.
    Text(ComposeError),
    /// An option that means nothing.
    Option {
        /// Its name.
        name: &'static str,
        /// What would have been right.
        expected: String,
    },
}

impl Trouble {
    fn object(&self) -> Value {
        let mut error = json!({ "kind": "malformed", "message": self.to_string() });
        match self {
            Self::Octets(inner) => {
                error["field"] = inner.field.into();
                error["octet"] = inner.octet.into();
            }
            Self::Option { name, .. } => error["field"] = (*name).into(),
            Self::Text(_) => error["field"] = "text".into(),
            Self::Fields(_) => {}
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(error) => error.fmt(f),
            Self::Fields(error) => error.fmt(f),
            Self::Text(error) => error.fmt(f),
            Self::Option { name, expected } => write!(f, "{name}: {expected} expected"),
        }
    }
}

impl From<DecodeError> for Trouble {
    fn from(error: DecodeError) -> Self {
        Self::Octets(error)
    }
}

impl From<EncodeError> for Trouble {
    fn from(error: EncodeError) -> Self {
        Self::Fields(error)
    }
}

impl From<ComposeError> for Trouble {
    fn from(error: ComposeError) -> Self {
        Self::Text(error)
    }
}

fn show(outcome: &Outcome, screen: &Screen) -> ExitCode {
    let shown = match screen.is_json() {
        true => screen.value(&outcome.object),
        false => screen.line(outcome.lines.trim_end()),
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            failure.exit()
        }
    }
}

fn tell(trouble: &Trouble, screen: &Screen) -> ExitCode {
    let told = screen.is_json().then(|| screen.value(&trouble.object()));
    match told {
        Some(Ok(())) => ExitCode::from(MISUSE),
        _ => {
            let failure = Failure::Usage(trouble.to_string());
            screen.failure(&failure);
            failure.exit()
        }
    }
}

#[cfg(test)]
mod tests;
