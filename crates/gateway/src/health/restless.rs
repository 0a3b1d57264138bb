//! Modems that are set up again and again.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use message::{Finding, Level, RouteId, SlotSnapshot};

use super::finding;

/// When each slot's modem was set up lately.
#[derive(Debug, Default)]
pub(crate) struct Restless(HashMap<RouteId, Counted>);

#[derive(Debug, Default)]
struct Counted {
    last: u32,
    times: VecDeque<Timestamp>,
}

impl Restless {
    /// Counts, and tells where it is too often.
    pub(crate) fn look(&mut self, slot: &SlotSnapshot, now: Timestamp) -> Option<Finding> {
        let counted = self.0.entry(slot.slot.clone()).or_default();
        if slot.initialisations > counted.last {
            counted.last = slot.initialisations;
            counted.times.push_back(now);
        }
        while counted
            .times
            .front()
            .is_some_and(|first| now.duration_since(*first).abs() > WINDOW)
        {
            counted.times.pop_front();
        }
        let first = counted.times.front().filter(|_| counted.times.len() > OFTEN)?;
        let why = slot.initialised_why.as_deref().unwrap_or("nobody could say why");
        let sentence = format!(
            "its modem was set up {} times within an hour, last because {why}",
            counted.times.len()
        );
        let hint = "look at its power supply, cable and hub; the log names each time";
        Some(finding(Level::Warning, slot.slot.as_str(), sentence, hint, *first))
    }
}

const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// A start and two restarts are a working day.
const OFTEN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_within_an_hour_is_too_often() {
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + minute * 60).unwrap();
        let mut restless = Restless::default();
        let mut slot = SlotSnapshot::blank(RouteId::new("sim1"), at(0));
        slot.initialised_why = Some("the modem answered nothing".into());
        for (times, minute) in [(1, 0), (2, 20), (3, 40)] {
            slot.initialisations = times;
            assert_eq!(restless.look(&slot, at(minute)), None);
        }
        assert_eq!(restless.look(&slot, at(41)), None, "counted once");
        slot.initialisations = 4;
        let found = restless.look(&slot, at(59)).expect("told");
        assert!(
            found
                .sentence
                .ends_with("4 times within an hour, last because the modem answered nothing")
        );
        assert_eq!(found.since, at(0));
        assert_eq!(restless.look(&slot, at(61)), None, "the first is an hour ago");
    }
}
