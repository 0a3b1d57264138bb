//! The clocks of this crate, both in one place so that tests can hold them.

use std::time::Instant;

use jiff::Timestamp;

/// The clock that only runs.
pub(crate) fn steady() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    message::now()
}
