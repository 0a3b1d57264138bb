//! The one place where the API reads the time of day.

use jiff::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    message::now()
}
