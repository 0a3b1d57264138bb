//! The recovery ladder: which step comes next, and whether the modem floods.

use std::time::{Duration, Instant};

use crate::output::Rung;

/// How far recovery has gone lately.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    /// The last step taken, until a calm time.
    last: Option<Rung>,
    /// Quarantines in a row.
    quarantines: u32,
    /// Starts that nobody asked for, until a calm time.
    reboots: u32,
    /// Lines of no use that are still tolerated.
    tolerance: Tolerance,
}

/// A bucket of useless lines that fills up with time.
#[derive(Debug)]
struct Tolerance {
    lines: u32,
    filled: Option<Instant>,
}

impl Ladder {
    /// The next step, at least this one.
    pub(crate) fn climb(&mut self, least: Rung) -> Rung {
        let after = |last: Rung| Rung::ALL.into_iter().find(|&rung| rung > last);
        let next = self
            .last
            .map_or(Rung::Drain, |last| after(last).unwrap_or(Rung::Quarantine));
        let rung = next.max(least);
        self.last = Some(rung);
        rung
    }

    /// How long the next quarantine lasts.
    pub(crate) fn pause(&mut self, first: Duration) -> Duration {
        let doublings = self.quarantines.min(MOST_DOUBLINGS);
        self.quarantines += 1;
        first.saturating_mul(2u32.pow(doublings)).min(LONGEST_PAUSE.max(first))
    }

    /// A start that nobody asked for; true when there were too many.
    pub(crate) fn rebooted(&mut self) -> bool {
        self.reboots += 1;
        self.reboots > MOST_REBOOTS
    }

    /// A calm time has passed: the next trouble starts at the foot.
    pub(crate) fn rest(&mut self) {
        self.last = None;
        self.quarantines = 0;
        self.reboots = 0;
    }

    /// Counts useless lines; true when they are too many.
    pub(crate) fn noise(&mut self, lines: u32, now: Instant) -> bool {
        let tolerance = &mut self.tolerance;
        let since = tolerance
            .filled
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let fresh = u32::try_from(since.as_millis() / MILLIS_PER_LINE).unwrap_or(u32::MAX);
        if fresh > 0 || tolerance.filled.is_none() {
            tolerance.lines = tolerance.lines.saturating_add(fresh).min(MOST_NOISE);
            tolerance.filled = Some(now);
        }
        let floods = tolerance.lines < lines;
        tolerance.lines = tolerance.lines.saturating_sub(lines);
        if floods {
            tolerance.lines = MOST_NOISE / 4;
        }
        floods
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            lines: MOST_NOISE,
            filled: None,
        }
    }
}

/// Useless lines tolerated at once; a chatty Huawei says some five a second.
const MOST_NOISE: u32 = 2_000;

/// One more line is tolerated after so long: fifty a second.
const MILLIS_PER_LINE: u128 = 20;

/// Starts by itself within a calm time; more are a brown-out that no command cures.
const MOST_REBOOTS: u32 = 8;

const MOST_DOUBLINGS: u32 = 10;

const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_in_a_row_climbs_and_calm_climbs_down() {
        let mut ladder = Ladder::default();
        for rung in Rung::ALL {
            assert_eq!(ladder.climb(Rung::Drain), rung);
        }
        assert_eq!(ladder.climb(Rung::Drain), Rung::Quarantine);
        ladder.rest();
        assert_eq!(ladder.climb(Rung::Drain), Rung::Drain);
    }

    #[test]
    fn quarantines_grow_up_to_an_hour() {
        let mut ladder = Ladder::default();
        let pauses: Vec<u64> = (0..8)
            .map(|_| ladder.pause(Duration::from_secs(60)).as_secs())
            .collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    }

    #[test]
    fn chatter_is_tolerated_and_a_flood_is_not() {
        let start = Instant::now();
        let mut ladder = Ladder::default();
        for second in 0..100_000 {
            assert!(!ladder.noise(20, start + Duration::from_secs(second)));
        }
        let late = start + Duration::from_secs(200_000);
        assert!((0..3000).any(|_| ladder.noise(1, late)));
    }
}
