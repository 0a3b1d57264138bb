//! The one place where this crate asks what time it is.

use jiff::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    message::now()
}
