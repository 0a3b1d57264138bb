//! How a command ends when it does not end well: the sentence and the exit code.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

/// Why a command failed. The variant decides the exit code, which is part of the command line's contract.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The gateway (or the operating system) refused, or the work failed: exit code 1.
    Refused(Refusal),
    /// The command was used wrongly, or its input is malformed: exit code 2.
    Usage(String),
    /// No answer from the gateway: refused connection, TLS, time-out: exit code 3.
    Unreachable(String),
    /// An answer from somebody whose certificate is not trusted: exit code 3, too, but asking again changes nothing.
    Untrusted(String),
    /// The token is missing, wrong, or lacks a scope: exit code 4.
    Unauthorised(String),
    /// Too many wrong tokens came from this address, so that for a while the right one is not looked at either: exit code 4.
    LockedOut(String),
    /// The configuration is not right, and waiting does not mend it: exit code 78, after which the unit does not start anew.
    Misconfigured(String),
    /// All has been said; only the exit code is left.
    Told(u8),
    /// The reader of our output has gone; nobody is left to tell. Exit code 0.
    Silent,
}

/// A refusal with what the gateway said beside the sentence.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// For people.
    pub(crate) sentence: String,
    /// The JSON-RPC code, where the gateway refused.
    pub(crate) code: Option<i64>,
    /// `data` of the JSON-RPC error: `{reason, retryable, field?}`.
    pub(crate) data: Option<Value>,
}

impl Failure {
    /// A refusal that is only a sentence.
    pub(crate) fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(Refusal {
            sentence: sentence.into(),
            code: None,
            data: None,
        })
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Silent => 0,
            Self::Refused(_) => 1,
            Self::Usage(_) => MISUSE,
            Self::Unreachable(_) | Self::Untrusted(_) => 3,
            Self::Unauthorised(_) | Self::LockedOut(_) => 4,
            Self::Misconfigured(_) => MISCONFIGURED,
            Self::Told(code) => *code,
        }
    }

    /// Whether the same call may succeed later without anybody changing it.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::LockedOut(_) => true,
            Self::Refused(refusal) => refusal.data.as_ref().is_some_and(|data| data["retryable"] == true),
            Self::Usage(_)
            | Self::Untrusted(_)
            | Self::Unauthorised(_)
            | Self::Misconfigured(_)
            | Self::Told(_)
            | Self::Silent => false,
        }
    }

    /// The sentence, where one is left to say.
    pub(crate) fn sentence(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.sentence),
            Self::Usage(sentence)
            | Self::Unreachable(sentence)
            | Self::Untrusted(sentence)
            | Self::Unauthorised(sentence)
            | Self::LockedOut(sentence)
            | Self::Misconfigured(sentence) => Some(sentence),
            Self::Told(_) | Self::Silent => None,
        }
    }

    /// The same as one JSON object, for `--json`.
    pub(crate) fn to_json(&self) -> Option<Value> {
        let sentence = self.sentence()?;
        let kind = match self {
            Self::Usage(_) => "usage",
            Self::Unreachable(_) | Self::Untrusted(_) => "unreachable",
            Self::Unauthorised(_) | Self::LockedOut(_) => "unauthorised",
            Self::Misconfigured(_) => "configuration",
            Self::Refused(_) | Self::Told(_) | Self::Silent => "refused",
        };
        let mut error = json!({ "kind": kind, "message": sentence });
        if let Self::Refused(Refusal { code, data, .. }) = self {
            code.inspect(|code| error["code"] = json!(code));
            data.iter().for_each(|data| error["data"] = data.clone());
        }
        Some(json!({ "error": error }))
    }

    /// The exit code for `main`.
    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// The exit code for wrong usage and malformed input.
pub(crate) const MISUSE: u8 = 2;

/// The exit code for a wrong configuration: EX_CONFIG of sysexits(3).
const MISCONFIGURED: u8 = 78;

/// Only output makes an `io::Error` of its own; whoever reads a file says which one it was.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Silent,
            _ => Self::refused(format!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_exit_code() {
        let codes = [
            Failure::Silent,
            Failure::refused(""),
            Failure::Usage(String::new()),
            Failure::Unreachable(String::new()),
            Failure::Untrusted(String::new()),
            Failure::Unauthorised(String::new()),
            Failure::LockedOut(String::new()),
            Failure::Misconfigured(String::new()),
        ];
        assert_eq!(codes.map(|failure| failure.code()), [0, 1, 2, 3, 3, 4, 4, 78]);
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(failure, Failure::Silent));
    }
}
