//! Which counters of a device were seen.

/// The counters seen of one device: the highest, and which of the 64 up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// The highest counter taken; `None` before the first.
    highest: Option<u32>,
    /// Bit *n*: the counter *n* below the highest was taken. Bit 0 is the highest itself.
    seen: u64,
}

/// How a counter stands to those that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not seen, and not too old to tell.
    Fresh,
    /// Seen already: the same message again, or a replay.
    Seen,
    /// So far below the highest that nobody can tell: taken for a replay.
    Old,
}

impl Window {
    /// A window as it was kept; see [`Window::parts`].
    pub fn of(highest: Option<u32>, seen: u64) -> Self {
        Self { highest, seen }
    }

    /// What is to be kept of it: the highest counter, and the bits of those below.
    pub fn parts(&self) -> (Option<u32>, u64) {
        (self.highest, self.seen)
    }

    /// How a counter stands.
    pub fn standing(&self, counter: u32) -> Standing {
        let Some(highest) = self.highest.filter(|highest| counter <= *highest) else {
            return Standing::Fresh;
        };
        match 1u64.checked_shl(highest - counter) {
            None => Standing::Old,
            Some(bit) if self.seen & bit != 0 => Standing::Seen,
            Some(_) => Standing::Fresh,
        }
    }

    /// The window after a counter was taken. One that is too old changes nothing.
    #[must_use]
    pub fn with(self, counter: u32) -> Self {
        match self.highest {
            Some(highest) if counter <= highest => Self {
                highest: self.highest,
                seen: self.seen | 1u64.checked_shl(highest - counter).unwrap_or(0),
            },
            highest => Self {
                highest: Some(counter),
                seen: 1 | highest
                    .and_then(|below| self.seen.checked_shl(counter - below))
                    .unwrap_or(0),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_counter_is_taken_once_and_in_any_order_within_the_window() {
        let window = Window::default().with(100).with(98);
        assert_eq!(window.standing(100), Standing::Seen);
        assert_eq!(window.standing(99), Standing::Fresh);
        assert_eq!(window.standing(98), Standing::Seen);
        assert_eq!(window.standing(101), Standing::Fresh);
        assert_eq!(window.standing(37), Standing::Fresh);
        assert_eq!(window.standing(36), Standing::Old);
    }

    #[test]
    fn the_first_and_the_last_counter_are_counters() {
        assert_eq!(Window::default().standing(0), Standing::Fresh);
        let window = Window::default().with(0).with(u32::MAX);
        assert_eq!(window.standing(u32::MAX), Standing::Seen);
        assert_eq!(window.standing(0), Standing::Old);
    }

    proptest! {
        #[test]
        fn none_is_fresh_twice(counters in prop::collection::vec(0u32..200, 0..300)) {
            let mut taken = HashSet::new();
            let mut window = Window::default();
            for counter in counters {
                let fresh = window.standing(counter) == Standing::Fresh;
                prop_assert!(!fresh || taken.insert(counter));
                if window.standing(counter) == Standing::Seen {
                    prop_assert!(taken.contains(&counter));
                }
                window = window.with(counter);
                prop_assert_ne!(window.standing(counter), Standing::Fresh);
                prop_assert_eq!(Window::of(window.parts().0, window.parts().1), window);
            }
        }
    }
}
