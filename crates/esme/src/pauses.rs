//! How long a connection that ended rests before it is made again.

use std::time::Duration;

/// Pauses that grow: doubled each time it fails, up to the longest, and none of two gateways' at the same moment.
#[derive(Debug)]
pub struct Pauses {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Pauses {
    /// From this one to that.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most: most.max(first),
            next: first,
        }
    }

    /// After a connection that lasted so long once it was bound.
    pub fn after(&mut self, bound: Duration) -> Duration {
        if bound > self.next {
            self.next = self.first;
        }
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        scattered(pause)
    }

    /// After a refusal that only a person can mend.
    pub fn long(&mut self) -> Duration {
        self.next = self.most;
        scattered(self.most)
    }
}

/// Three quarters of the pause to all of it.
fn scattered(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without chance the pause is as long as it is.
    let _ = getrandom::fill(&mut random);
    let share = u32::from(u16::from_be_bytes(random));
    pause - pause / 4 * share / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_begin_anew_after_a_connection_that_lasted() {
        let mut pauses = Pauses::new(Duration::from_secs(2), Duration::from_secs(10));
        let within = |pause: Duration, whole: u64| {
            let whole = Duration::from_secs(whole);
            assert!(pause <= whole && pause >= whole * 3 / 4, "{pause:?} of {whole:?}");
        };
        for whole in [2, 4, 8, 10, 10] {
            within(pauses.after(Duration::ZERO), whole);
        }
        within(pauses.after(Duration::from_secs(3)), 10);
        within(pauses.after(Duration::from_secs(11)), 2);
        within(pauses.long(), 10);
        within(pauses.after(Duration::ZERO), 10);
    }
}
