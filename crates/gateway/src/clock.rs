//! The clock, the only place that reads it.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Now.
pub(crate) fn now() -> Timestamp {
    message::now()
}

/// Waits until `due`; for ever where there is no due time.
pub(crate) async fn sleep_until(due: Option<Timestamp>) {
    match due {
        Some(due) => tokio::time::sleep(until(due)).await,
        None => std::future::pending().await,
    }
}

/// How long it is until `due`.
pub(crate) fn until(due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now())).unwrap_or(Duration::ZERO)
}

/// How long this machine runs, its sleep included: a clock that nobody sets.
pub(crate) fn steady() -> Duration {
    let shown = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(shown.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(shown.tv_nsec).unwrap_or(0))
}

/// Whether a clock that shows `now` can be believed: it is after this program was made. A box without a battery starts in
/// 1970; until its clock is set, schedules and deadlines wait.
pub(crate) fn is_sane(now: Timestamp) -> bool {
    now >= Timestamp::from_second(MADE).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// 2026-01-01T00:00:00Z: no gateway ever ran before it.
const MADE: i64 = 1_767_225_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_starts_in_1970_is_not_believed() {
        assert!(!is_sane(Timestamp::UNIX_EPOCH));
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().expect("a time");
        assert!(is_sane(now));
    }
}
