//! What is going on: devices that say the same every second while it lasts, and what they mean by it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What is going on, by what devices say. In memory alone: after a restart the next repetition counts as the first.
#[derive(Debug)]
pub(super) struct Standing {
    active: HashMap<String, Active>,
    quiet: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Active {
    last: Instant,
    pictured: bool,
}

/// What a device means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Something happened.
    New,
    /// It still goes on.
    Repeated,
    /// It is over.
    Over,
    /// Nothing: what never began is over. Many devices say that as a sign of life.
    Nothing,
}

impl Standing {
    /// What is not repeated for so long is over without a word, since many devices never give it.
    pub(super) fn new(quiet: Duration) -> Self {
        Self {
            active: HashMap::new(),
            quiet,
        }
    }

    /// A device says that something goes on. A repetition is news once where it brings the first picture.
    pub(super) fn active(&mut self, key: &str, pictured: bool, now: Instant) -> Meaning {
        if let Some(active) = self.active.get_mut(key)
            && now.saturating_duration_since(active.last) <= self.quiet
        {
            active.last = now;
            let first_picture = pictured && !active.pictured;
            active.pictured |= pictured;
            return match first_picture {
                true => Meaning::New,
                false => Meaning::Repeated,
            };
        }
        if self.active.len() >= MOST {
            let quiet = self.quiet;
            self.active
                .retain(|_, active| now.saturating_duration_since(active.last) <= quiet);
        }
        // Where there is no room left every repetition counts: too much is told rather than too little.
        if self.active.len() < MOST {
            self.active.insert(key.to_owned(), Active { last: now, pictured });
        }
        Meaning::New
    }

    /// A device says that it is over.
    pub(super) fn inactive(&mut self, key: &str, now: Instant) -> Meaning {
        let was = self.active.remove(key);
        match was.is_some_and(|active| now.saturating_duration_since(active.last) <= self.quiet) {
            true => Meaning::Over,
            false => Meaning::Nothing,
        }
    }

    /// What was said could not be kept: its repetition counts as the first.
    pub(super) fn forget(&mut self, key: &str) {
        self.active.remove(key);
    }
}

/// More than all channels of a site have kinds of events.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(60);

    #[test]
    fn what_goes_on_is_told_once_until_it_is_over() {
        let (mut standing, now) = (Standing::new(QUIET), Instant::now());
        let mut says = |key: &str, second: u64| standing.active(key, false, now + Duration::from_secs(second));
        assert_eq!(says("a", 0), Meaning::New);
        assert_eq!(says("a", 59), Meaning::Repeated);
        assert_eq!(says("b", 59), Meaning::New);
        assert_eq!(says("a", 118), Meaning::Repeated);
        assert_eq!(says("a", 179), Meaning::New, "it was silent for too long");
        let later = now + Duration::from_secs(180);
        assert_eq!(standing.inactive("a", later), Meaning::Over);
        assert_eq!(standing.inactive("a", later), Meaning::Nothing);
        assert_eq!(standing.active("a", false, later), Meaning::New);
    }

    #[test]
    fn the_first_picture_of_it_is_news() {
        let (mut standing, now) = (Standing::new(QUIET), Instant::now());
        let said = [false, false, true, true, false].map(|pictured| standing.active("a", pictured, now));
        use Meaning::{New, Repeated};
        assert_eq!(said, [New, Repeated, New, Repeated, Repeated]);
    }

    #[test]
    fn more_than_it_remembers_is_told_every_time() {
        let (mut standing, now) = (Standing::new(QUIET), Instant::now());
        for number in 0..2 * MOST {
            standing.active(&number.to_string(), false, now);
        }
        assert_eq!(standing.active.len(), MOST);
        assert_eq!(standing.active("9000", false, now), Meaning::New);
        let later = now + QUIET * 2;
        standing.active("x", false, later);
        assert_eq!(standing.active.len(), 1);
    }
}
