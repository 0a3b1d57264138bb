//! The one place where the store looks at the clock, and how times are kept: milliseconds UTC.

use jiff::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    message::now()
}

/// As it is kept.
pub(crate) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// As it was kept. A number beyond what a calendar holds becomes its end.
pub(crate) fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// As it was kept, where it was.
pub(crate) fn maybe_timestamp(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(timestamp)
}
