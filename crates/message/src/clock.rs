//! The time of day.

use jiff::Timestamp;

/// Now, to the millisecond: as times are kept and told.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    // Fails for no time that a timestamp holds.
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
