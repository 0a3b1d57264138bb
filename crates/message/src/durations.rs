//! How long something took, many times, in few numbers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A histogram of durations.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// How many took up to each of [`Durations::BOUNDS_S`] and longer than the one before; the last longer than all.
    pub counts: [u64; BOUNDS + 1],
    /// All of them together, in seconds.
    pub sum_s: f64,
}

impl Durations {
    /// The bounds in seconds: a network takes two to ten for a message, and three minutes at most.
    pub const BOUNDS_S: [f64; BOUNDS] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0];

    /// Counts one.
    pub fn note(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = Self::BOUNDS_S.partition_point(|bound| *bound < seconds);
        self.counts[place] += 1;
        self.sum_s += seconds;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

const BOUNDS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_up_to_its_bound() {
        let mut durations = Durations::default();
        for milliseconds in [0, 50, 51, 160_000, 160_001, 900_000] {
            durations.note(Duration::from_millis(milliseconds));
        }
        assert_eq!(durations.counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(durations.count(), 6);
        assert!((durations.sum_s - 1220.102).abs() < 1e-9, "{durations:?}");
    }
}
