//! What the log says of a consumer that fails: that it began, now and then that it lasts, and that it ended.
//!
//! A server may be down for days while thousands of events wait for it, and each try of each of them would be a line. A
//! spell begins with the first try that fails and ends with the first that works.

use std::time::Duration;

use tokio::time::Instant;

/// How one consumer does, and what was said of it.
#[derive(Debug, Default)]
pub(crate) struct Spell {
    /// The spell that lasts.
    now: Option<Failing>,
    /// When somebody was last told that something fails.
    told: Option<Instant>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    tries: u64,
    /// Somebody was told, so they are told of the end too.
    told: bool,
}

/// What is to be said now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something fails.
    Begins,
    /// It still does.
    Lasts {
        /// For how long.
        lasts: Duration,
        /// How many tries failed.
        tries: u64,
    },
    /// It works again.
    Ends {
        /// How long it did not.
        after: Duration,
        /// How many tries failed.
        tries: u64,
    },
}

impl Spell {
    /// A try failed.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<Said> {
        let failing = self.now.get_or_insert(Failing {
            since: now,
            tries: 0,
            told: false,
        });
        failing.tries += 1;
        let (since, tries) = (failing.since, failing.tries);
        let rested = self.told.is_none_or(|told| now.duration_since(told) >= PERIOD);
        // One message that fails by itself among others that do not would begin a spell at each of its tries.
        let first_word = !failing.told && now.duration_since(since) >= SERIOUS;
        if !rested && !first_word {
            return None;
        }
        let said = match failing.told {
            false => Said::Begins,
            true => Said::Lasts {
                lasts: now.duration_since(since),
                tries,
            },
        };
        failing.told = true;
        self.told = Some(now);
        Some(said)
    }

    /// A try worked.
    pub(crate) fn worked(&mut self, now: Instant) -> Option<Said> {
        let Failing { since, tries, told } = self.now.take()?;
        told.then(|| Said::Ends {
            after: now.duration_since(since),
            tries,
        })
    }
}

/// Nothing is said again of a consumer that fails before this.
const PERIOD: Duration = Duration::from_secs(600);

/// A spell that lasts so long is told whatever was said before it.
const SERIOUS: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_failures_is_told_a_few_times_and_its_end_once() {
        let (mut spell, start) = (Spell::default(), Instant::now());
        let at = |second: u64| start + Duration::from_secs(second);
        assert_eq!(spell.worked(start), None, "nothing is said of what works");
        let said: Vec<Said> = (0..3600).filter_map(|second| spell.failed(at(second))).collect();
        assert_eq!(said[0], Said::Begins);
        assert_eq!(said.len(), 6, "{said:?}");
        assert!(said[1..].iter().all(|said| matches!(said, Said::Lasts { .. })));
        let end = Said::Ends {
            after: Duration::from_secs(3600),
            tries: 3600,
        };
        assert_eq!(spell.worked(at(3600)), Some(end));
        assert_eq!(spell.worked(at(3601)), None);
    }

    #[test]
    fn one_that_fails_among_others_that_do_not_is_told_once_a_period() {
        let (mut spell, start) = (Spell::default(), Instant::now());
        let mut said = Vec::new();
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            said.extend(spell.failed(now));
            said.extend(spell.worked(now));
        }
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(spell.failed(start + Duration::from_secs(600)).is_some());
    }

    #[test]
    fn a_second_spell_that_lasts_is_told_though_the_first_was_just_now() {
        let (mut spell, start) = (Spell::default(), Instant::now());
        let at = |second: u64| start + Duration::from_secs(second);
        assert_eq!(spell.failed(at(0)), Some(Said::Begins));
        assert!(spell.worked(at(1)).is_some());
        assert_eq!(spell.failed(at(2)), None);
        assert_eq!(spell.failed(at(61)), None);
        assert_eq!(spell.failed(at(62)), Some(Said::Begins));
        assert!(spell.worked(at(63)).is_some());
    }
}
