//! The second that a received message is stamped with. SMPP tells none, and the store takes two messages of one sender
//! with the same text and stamp for one that came twice. So the same text in the same second gets the next one; and what
//! an upstream repeats because it did not hear our answer gets the stamp that it had, so that it is known again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Stamps that were given lately.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// The last second that a message was stamped with; the oldest are forgotten first.
    given: VecDeque<(u64, i64)>,
    /// Messages whose answer did not arrive, or was "later": they come again.
    unheard: VecDeque<Unheard>,
}

#[derive(Debug)]
struct Unheard {
    digest: u64,
    second: i64,
    until: Instant,
}

impl Stamps {
    /// The second for a message.
    pub(crate) fn stamp(&mut self, digest: u64, second: i64, now: Instant) -> i64 {
        self.unheard.retain(|unheard| unheard.until > now);
        let again = self.unheard.iter().position(|unheard| unheard.digest == digest);
        if let Some(unheard) = again.and_then(|at| self.unheard.remove(at)) {
            return unheard.second;
        }
        let last = self.given.iter().position(|(known, _)| *known == digest);
        let last = last.and_then(|at| self.given.remove(at));
        let second = last.map_or(second, |(_, last)| second.max(last + 1));
        if self.given.len() >= REMEMBERED {
            self.given.pop_front();
        }
        self.given.push_back((digest, second));
        second
    }

    /// The upstream will repeat this message.
    pub(crate) fn comes_again(&mut self, digest: u64, second: i64, now: Instant) {
        if self.unheard.len() >= REMEMBERED {
            self.unheard.pop_front();
        }
        self.unheard.push_back(Unheard {
            digest,
            second,
            until: now + COMES_AGAIN,
        });
    }
}

/// How many messages are remembered of either kind.
const REMEMBERED: usize = 2048;
/// How long a repetition is waited for. Whatever comes later is a message of its own.
const COMES_AGAIN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_twice_in_a_second_is_two_messages() {
        let (mut stamps, now) = (Stamps::default(), Instant::now());
        assert_eq!(stamps.stamp(1, 100, now), 100);
        assert_eq!(stamps.stamp(1, 100, now), 101);
        assert_eq!(stamps.stamp(2, 100, now), 100);
        assert_eq!(stamps.stamp(1, 110, now), 110);
    }

    #[test]
    fn what_is_repeated_has_the_stamp_that_it_had_once() {
        let (mut stamps, now) = (Stamps::default(), Instant::now());
        let first = stamps.stamp(1, 100, now);
        stamps.comes_again(1, first, now);
        assert_eq!(stamps.stamp(1, 130, now), 100);
        assert_eq!(stamps.stamp(1, 130, now), 130, "and the next is another message");
        stamps.comes_again(1, 130, now);
        assert_eq!(stamps.stamp(1, 900, now + COMES_AGAIN), 900, "too late");
    }

    #[test]
    fn no_more_is_remembered_than_that() {
        let (mut stamps, now) = (Stamps::default(), Instant::now());
        for digest in 0..3 * REMEMBERED as u64 {
            stamps.stamp(digest, 1, now);
            stamps.comes_again(digest, 1, now);
        }
        assert_eq!((stamps.given.len(), stamps.unheard.len()), (REMEMBERED, REMEMBERED));
    }
}
