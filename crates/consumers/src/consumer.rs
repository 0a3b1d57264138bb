//! What a consumer is.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use message::Event;
use store::Delivery;

/// Somebody who does something with events.
///
/// Every consumer has a durable row for every event. Rows are worked oldest first; one that fails waits by itself and
/// lets the next one pass, so nothing here promises an order.
pub trait Consumer: fmt::Debug + Send + Sync + 'static {
    /// Its name: that of its rows, of its lines in health and of its section. It must stay the same over restarts.
    fn name(&self) -> &str;

    /// Whether it wants this event. It depends on the event and the configuration alone, so that it is the same
    /// answer after a restart; it is asked for each event, also by those behind it, and must be quick.
    fn wish(&self, event: &Event) -> Wish;

    /// Works one delivery. Dropped midway at a stop, and given again under the same [`Delivery::event_id`] after it:
    /// what must not be done twice has to be recognised by that id. A future that takes longer than
    /// [`Patience::each`] is dropped and counts as [`Verdict::Later`].
    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict>;

    /// Says goodbye to the other side, after its last delivery at a stop in order. It may take [`FAREWELL`] and not be
    /// heard; nothing depends on it.
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// How long it goes on trying.
    fn patience(&self) -> Patience {
        Patience::default()
    }
}

/// What a consumer does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Nothing.
    Pass,
    /// Works it, and those behind it see it too.
    Copy,
    /// Works it, and nobody behind it in the configuration sees it.
    Take,
}

/// What came of working a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is worked.
    Done,
    /// It did not work now; it is tried again after the back-off of [`Patience`].
    Later {
        /// What went wrong, for people: shown in health, without secrets and without the text of the message.
        why: String,
        /// The other side's own wish when to come again (a `Retry-After`): not before that.
        after: Option<Duration>,
    },
    /// A part of it is worked, and the rest is tried again after the back-off of [`Patience`]. The memo is kept, and
    /// comes back as [`Delivery::memo`] with every further try.
    Partly {
        /// What went wrong with the rest, for people, as in [`Verdict::Later`].
        why: String,
        /// What the consumer has to know of what it did, for itself.
        memo: String,
    },
    /// The other side cannot be reached at all, so it is no use to try the next one now: this one waits as in
    /// [`Verdict::Later`], and the consumer rests, for at most [`LONGEST_REST`](crate::LONGEST_REST).
    Away {
        /// What went wrong, for people, as in [`Verdict::Later`].
        why: String,
    },
    /// It will never work: it is given up at once, and shown in health.
    GiveUp {
        /// What is wrong with it, for people, as in [`Verdict::Later`].
        why: String,
    },
}

impl Verdict {
    /// Later, by the usual back-off.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later {
            why: why.into(),
            after: None,
        }
    }

    /// Later, and nothing else until then.
    pub fn away(why: impl Into<String>) -> Self {
        Self::Away { why: why.into() }
    }

    /// Never.
    pub fn give_up(why: impl Into<String>) -> Self {
        Self::GiveUp { why: why.into() }
    }
}

/// How a consumer goes on trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// The pause after the first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How often it is tried before it is given up; `None`: as long as the age allows.
    pub most_tries: Option<u32>,
    /// How old an event may be before a failure is its last; `None`: as old as it gets.
    pub oldest: Option<Duration>,
    /// How long one try may take.
    pub each: Duration,
    /// How many deliveries are worked at the same time, at least 1.
    pub at_once: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(900),
            most_tries: None,
            oldest: Some(Duration::from_secs(7 * 24 * 3600)),
            each: Duration::from_secs(60),
            at_once: 1,
        }
    }
}

impl Patience {
    /// The pause after this many failures (1 and up).
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = failures.saturating_sub(1).min(MOST_DOUBLINGS);
        self.first_pause.saturating_mul(1 << doubled).min(self.longest_pause)
    }
}

/// How long a consumer may take to say goodbye.
pub const FAREWELL: Duration = Duration::from_secs(2);

/// Past this no pause grows: it is longer than any `longest_pause` by then.
const MOST_DOUBLINGS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let patience = Patience::default();
        let pauses: Vec<u64> = [1, 2, 3, 8, 9, 40, u32::MAX]
            .map(|failures| patience.pause(failures).as_secs())
            .into();
        assert_eq!(pauses, [5, 10, 20, 640, 900, 900, 900]);
    }
}
