//! What SQLite's errors mean to us.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::{Error, OpenError};

/// Reads an error of SQLite.
pub(crate) fn error(fault: &rusqlite::Error) -> Error {
    let text = fault.to_string();
    match fault.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full(text),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy(text),
        _ if has_no_room_for_index(fault) => Error::Full(text),
        _ if is_common(fault) => Error::Sick(text),
        _ => Error::Internal(text),
    }
}

/// The log's index is a file of its own; SQLite calls it an I/O error where that cannot grow.
fn has_no_room_for_index(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error().map(|error| error.extended_code) == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether the disk, the file or its lock is at fault, so that every other write fails as well; else it is this one
/// job's own fault.
pub(crate) fn is_common(fault: &rusqlite::Error) -> bool {
    matches!(
        fault.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// Whether the file itself is damaged.
pub(crate) fn is_damage(fault: &rusqlite::Error) -> bool {
    matches!(
        fault.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// The same, while opening.
pub(crate) fn opening(path: &Path, fault: rusqlite::Error) -> OpenError {
    if is_damage(&fault) {
        return OpenError::Corrupt {
            path: path.to_owned(),
            detail: fault.to_string(),
        };
    }
    OpenError::Store {
        path: path.to_owned(),
        error: error(&fault),
    }
}

/// What the operator can do about it.
pub(crate) fn hint(error: &Error) -> &'static str {
    match error {
        Error::Full(_) => "free space on the disk of the data folder, or raise the store's `max_size`",
        Error::Sick(_) => "look at the disk and the system log; `simrelay doctor` checks the database file",
        Error::Busy(_) => "another program has the database open for writing: end it",
        Error::Internal(_) => "this is a bug: tell those who maintain simrelay, with the log",
        Error::Closed => "start the gateway again",
    }
}
