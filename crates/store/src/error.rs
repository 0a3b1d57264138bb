//! What can go wrong, and whose turn it is.

use std::path::PathBuf;

use thiserror::Error;

use message::{MessageState, RouteId, TokenId};

/// Why something could not be kept or read. Nothing of the refused operation was kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The disk, or the size the configuration allows, is used up.
    #[error("the database is full: {0}")]
    Full(String),
    /// The disk or the database file does not work.
    #[error("the database does not work: {0}")]
    Sick(String),
    /// Another process holds the database.
    #[error("the database is held by another process: {0}")]
    Busy(String),
    /// The store could not do this one thing: a bug of ours. Others are not concerned.
    #[error("the store failed: {0}")]
    Internal(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later, without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Internal(_) | Self::Closed)
    }
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AcceptError {
    /// The idempotency key was used for another recipient or text.
    #[error("the idempotency key was used before for another recipient or text")]
    KeyReused,
    /// Too many parts wait already; retryable.
    #[error("the queue of {which} is full ({limit} parts)")]
    QueueFull {
        /// Whose queue.
        which: QueueOf,
        /// The limit that was reached, in parts.
        limit: u64,
    },
    /// With it the token would spend more than it may a day; retryable.
    #[error("the token's daily budget does not allow it")]
    Spent,
    /// A message has 1 to 255 parts.
    #[error("a message has 1 to 255 parts, not {0}")]
    Parts(usize),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The owner of a queue limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueOf {
    /// The parts a token has waiting.
    Token(TokenId),
    /// The parts that wait for a route by name.
    Route(RouteId),
}

impl std::fmt::Display for QueueOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(token) => write!(f, "token {token}"),
            Self::Route(route) => write!(f, "route {route}"),
        }
    }
}

/// Why a message was not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CancelError {
    /// There is no such message.
    #[error("no such message")]
    Unknown,
    /// A part was attempted already, or nothing is left to cancel.
    #[error("it cannot be cancelled any more")]
    TooLate {
        /// Where the message stands.
        state: MessageState,
    },
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why a message was not replaced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplaceError {
    /// The old one is out of reach.
    #[error(transparent)]
    Old(#[from] CancelError),
    /// The new one is not taken.
    #[error(transparent)]
    New(#[from] AcceptError),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why a message was not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// There is no such message.
    #[error("no such message")]
    Unknown,
    /// No part of it is uncertain.
    #[error("no part of it is uncertain")]
    NothingUncertain {
        /// Where the message stands.
        state: MessageState,
    },
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why a message did not leave its SIM.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoveError {
    /// There is no such message.
    #[error("no such message")]
    Unknown,
    /// A part is with a modem, uncertain, or settled for good: sending all of it anew could double it.
    #[error("part {part} does not allow it")]
    Bound {
        /// The first part that forbids it, from 1.
        part: u8,
        /// Where the message stands.
        state: MessageState,
    },
    /// A message has 1 to 255 parts.
    #[error("a message has 1 to 255 parts, not {0}")]
    Parts(usize),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why the store did not open. Each says what the operator can do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another daemon works on this folder.
    #[error("{} is used by another simrelay{}: stop it first, or give this one its own data folder",
        folder.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// The folder or a file in it cannot be used.
    #[error("{} cannot be used: {source}: check that it exists and that this user may write to it", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no database, or a broken one.
    #[error("{} is damaged ({detail}): move it away and restore a backup, or recover it with \
        `sqlite3 {} .recover`; without it the gateway starts empty", path.display(), path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The file is a database, and none of ours.
    #[error("{} holds no messages of a simrelay: name another file, or move it away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer simrelay.
    #[error("{} was written by a newer simrelay (layout {found}, this one knows {known}): \
        install that version again, or restore the copy it made before", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The layout it has.
        found: u32,
        /// The newest layout this program knows.
        known: u32,
    },
    /// The file has an older layout, and is only read.
    #[error("{} has an older layout ({found}, this simrelay knows {known}): start the gateway once, which brings it up \
        to date", path.display())]
    Older {
        /// The database file.
        path: PathBuf,
        /// The layout it has.
        found: u32,
        /// The newest layout this program knows.
        known: u32,
    },
    /// The file has an older layout, and no copy of it could be kept. It was not changed.
    #[error("{} gets a new layout, and a copy is kept before: {error}", path.display())]
    NotCopied {
        /// The database file.
        path: PathBuf,
        /// Why there is no copy.
        error: Box<crate::CopyError>,
    },
    /// The file says it has a layout that this program makes differently.
    #[error("{} was laid out by another build (step {version} differs): install the build that made it",
        path.display())]
    Altered {
        /// The database file.
        path: PathBuf,
        /// The step that differs.
        version: u32,
    },
    /// The database could not be opened for another reason (full, busy, sick).
    #[error("{}: {error}", path.display())]
    Store {
        /// The database file.
        path: PathBuf,
        /// What is wrong.
        error: Error,
    },
}
