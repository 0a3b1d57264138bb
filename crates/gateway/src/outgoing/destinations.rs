//! Recipients that cannot be reached just now, so that one dead number never holds up the others.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use message::Number;

/// Back-off per recipient. Lives in memory only: after a restart every recipient gets a fresh chance.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    resting: HashMap<Number, Rest>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    failures: u32,
    until: Timestamp,
}

impl Destinations {
    /// Until when nothing should be tried for `number`; `None`: now is fine.
    pub(crate) fn resting_until(&self, number: &Number, now: Timestamp) -> Option<Timestamp> {
        if self.resting.is_empty() {
            return None;
        }
        self.resting
            .get(number)
            .map(|rest| rest.until)
            .filter(|until| *until > now)
    }

    /// A temporary failure towards `number`: rests it, longer each time. Answers until when.
    pub(crate) fn failed(&mut self, number: &Number, at_least: Duration, now: Timestamp) -> Timestamp {
        if self.resting.len() >= CAPACITY {
            self.resting.retain(|_, rest| rest.until > now);
        }
        let failures = self.resting.get(number).map_or(0, |rest| rest.failures) + 1;
        let until = now + backoff(failures).max(at_least);
        // Full of numbers that rest already: this one goes without, its own part still backs off.
        if self.resting.len() < CAPACITY || self.resting.contains_key(number) {
            self.resting.insert(number.clone(), Rest { failures, until });
        }
        until
    }

    /// The clock was set by `by`; rests last as long as before.
    pub(crate) fn clock_moved(&mut self, by: SignedDuration) {
        for rest in self.resting.values_mut() {
            rest.until = rest.until.checked_add(by).unwrap_or(rest.until);
        }
    }

    /// Something got through to `number`.
    pub(crate) fn reached(&mut self, number: &Number) {
        if !self.resting.is_empty() {
            self.resting.remove(number);
        }
    }
}

/// 5 s, 10 s, 20 s … up to half an hour.
pub(crate) fn backoff(failures: u32) -> Duration {
    let doubled = FIRST_REST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_REST)
}

const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(1800);

/// How many recipients may rest at once.
const CAPACITY: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_number_rests_longer_each_time_and_is_forgiven_at_once() {
        let (now, number) = (Timestamp::UNIX_EPOCH, Number::Short("12345".into()));
        let mut destinations = Destinations::default();
        assert_eq!(
            destinations.failed(&number, Duration::ZERO, now),
            now + Duration::from_secs(5)
        );
        assert_eq!(
            destinations.failed(&number, Duration::ZERO, now),
            now + Duration::from_secs(10)
        );
        assert!(destinations.resting_until(&number, now).is_some());
        destinations.reached(&number);
        assert_eq!(destinations.resting_until(&number, now), None);
    }

    #[test]
    fn the_rest_never_exceeds_half_an_hour() {
        assert_eq!(backoff(u32::MAX), LONGEST_REST);
    }
}
