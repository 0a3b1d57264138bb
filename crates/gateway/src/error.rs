//! What goes wrong between a caller and the flows.

use std::fmt;

use message::NumberError;

/// Why a request was not carried out: a sentence for the caller, and more for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind, which decides the code a front end answers with.
    pub kind: ErrorKind,
    /// A sentence for the caller: what is wrong and what would be right. It tells nothing of what lies inside.
    pub reason: String,
    /// The parameter it is about.
    pub field: Option<&'static str>,
    /// A sentence for the log.
    pub detail: Option<String>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller's: a parameter is wrong.
    Invalid,
    /// The caller's: there is nothing by that name.
    NotFound,
    /// The caller's: the token may not do that.
    NotAllowed,
    /// Nobody's: too much waits already; later again.
    QueueFull,
    /// Nobody's: a limit is used up; later again.
    LimitReached,
    /// The caller's: it is too late, or too early, for that.
    WrongState,
    /// The caller's: somebody else is at it.
    Conflict,
    /// The operator's: no SIM may carry it.
    NoRoute,
    /// The operator's: the disk, the database or a modem does not work now; later again.
    Unavailable,
    /// The network's: no answer in time; later again.
    Timeout,
    /// The network's: it does not do that.
    NotSupported,
    /// Ours.
    Internal,
}

impl ErrorKind {
    /// Whether the same request may succeed later without anybody changing it.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::QueueFull | Self::LimitReached | Self::Conflict | Self::Unavailable | Self::Timeout
        )
    }
}

impl Error {
    /// An error of this kind with a sentence for the caller.
    pub fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            field: None,
            detail: None,
        }
    }

    /// A wrong parameter.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(ErrorKind::Invalid, reason)
        }
    }

    /// The same error with a sentence for the log.
    pub fn with_detail(self, detail: impl fmt::Display) -> Self {
        Self {
            detail: Some(detail.to_string()),
            ..self
        }
    }

    pub(crate) fn number(field: &'static str, error: &NumberError) -> Self {
        Self::invalid(field, error.to_string())
    }

    /// Whoever was to answer has ended.
    pub(crate) fn stopping() -> Self {
        Self::new(ErrorKind::Unavailable, "the gateway is stopping")
    }

    pub(crate) fn unknown_message() -> Self {
        Self::new(
            ErrorKind::NotFound,
            "there is no message with this id that the token may see",
        )
    }

    pub(crate) fn unknown_sim(sim: &str) -> Self {
        let reason = format!(
            "there is no SIM '{}': name a slot or a SIM's number, as `modems.list` shows them",
            shown(sim)
        );
        Self {
            field: Some("sim"),
            ..Self::new(ErrorKind::NotFound, reason)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Error {}

/// A caller's text, short enough and clean enough to be quoted back.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
