//! What a received message is known by. SMPP tells nothing that stays the same when an upstream repeats a message, and two
//! messages may be the same in all that an SMS holds. So each gets a name of its own; only what an upstream repeats
//! because it did not hear our answer gets the name and the second that it had, so that it is known again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use message::MessageId;

/// Messages whose answer did not arrive, or was "later": they come again.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// The oldest are forgotten first.
    unheard: VecDeque<(Stamp, Instant)>,
}

/// What a message is known by when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Of all that the upstream told of it.
    digest: u64,
    /// The second that its SMS are stamped with.
    pub(crate) second: i64,
    /// Its name: no other message has it, whatever happened to the clock.
    name: MessageId,
}

impl Stamps {
    /// The stamp for a message of this digest that came in this second.
    pub(crate) fn stamp(&mut self, digest: u64, second: i64, now: Instant) -> Stamp {
        self.unheard.retain(|(_, until)| *until > now);
        let again = self.unheard.iter().position(|(stamp, _)| stamp.digest == digest);
        let name = MessageId::fresh();
        match again.and_then(|at| self.unheard.remove(at)) {
            Some((stamp, _)) => stamp,
            None => Stamp { digest, second, name },
        }
    }

    /// The upstream will repeat this message.
    pub(crate) fn comes_again(&mut self, stamp: Stamp, now: Instant) {
        if self.unheard.len() >= REMEMBERED {
            self.unheard.pop_front();
        }
        self.unheard.push_back((stamp, now + COMES_AGAIN));
    }
}

impl Stamp {
    /// What one of the message's SMS is recognised by.
    pub(crate) fn identity(&self, sms: u8) -> [u8; 32] {
        let mut identity = [0; 32];
        identity[..16].copy_from_slice(self.name.as_bytes());
        identity[31] = sms;
        identity
    }
}

/// How many messages are remembered.
const REMEMBERED: usize = 2048;
/// How long a repetition is waited for. Whatever comes later is a message of its own.
const COMES_AGAIN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_twice_in_a_second_is_two_messages() {
        let (mut stamps, now) = (Stamps::default(), Instant::now());
        let (first, second) = (stamps.stamp(1, 100, now), stamps.stamp(1, 100, now));
        assert_eq!((first.second, second.second), (100, 100), "the clock is not overtaken");
        let all = [
            first.identity(0),
            first.identity(1),
            second.identity(0),
            second.identity(1),
        ];
        let different: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(different.len(), 4);
    }

    #[test]
    fn what_is_repeated_has_the_stamp_that_it_had_once() {
        let (mut stamps, now) = (Stamps::default(), Instant::now());
        let first = stamps.stamp(1, 100, now);
        stamps.comes_again(first, now);
        assert_eq!(stamps.stamp(1, 130, now), first);
        let next = stamps.stamp(1, 130, now);
        assert_ne!(next, first, "and the next is another message");
        stamps.comes_again(next, now);
        assert_ne!(stamps.stamp(1, 900, now + COMES_AGAIN), next, "too late");
    }

    #[test]
    fn no_more_is_remembered_than_that() {
        let (mut stamps, now) = (Stamps::default(), Instant::now());
        for digest in 0..3 * REMEMBERED as u64 {
            let stamp = stamps.stamp(digest, 1, now);
            stamps.comes_again(stamp, now);
        }
        assert_eq!(stamps.unheard.len(), REMEMBERED);
    }
}
