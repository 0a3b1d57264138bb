//! Jumps of the clock: the wall's clock beside one that only runs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use message::{Finding, Level};

use super::finding;
use crate::clock;

/// Looks at both clocks together, again and again.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch {
    /// What both showed at the last look.
    last: Option<(Timestamp, Duration)>,
    /// The last jump, and what the running clock showed then.
    jump: Option<(Jump, Duration)>,
}

/// The clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump {
    /// By how much: above zero forwards.
    pub(crate) by: SignedDuration,
    /// When it was noticed, by the clock as it is now.
    pub(crate) at: Timestamp,
    /// It undoes the jump before it, as when a clock that went back is set right.
    pub(crate) undoes: bool,
}

impl ClockWatch {
    /// Notes what the clock shows (`wall`) and how long this machine runs (`steady`, sleep included). The jump since the
    /// last look, if there was one.
    pub(crate) fn look(&mut self, wall: Timestamp, steady: Duration) -> Option<Jump> {
        let (was, ran) = self
            .last
            .replace((wall, steady))
            .map(|(was, then)| (was, steady.saturating_sub(then)))?;
        let by = wall.duration_since(was) - SignedDuration::try_from(ran).unwrap_or_default();
        if by.abs() <= SLACK {
            return None;
        }
        let undoes = self
            .recent(steady)
            .is_some_and(|last| last.by.abs() > CORRECTION && (last.by + by).abs() <= CORRECTION);
        let jump = Jump { by, at: wall, undoes };
        self.jump = Some((jump, steady));
        Some(jump)
    }

    /// A jump that nobody saw: while the gateway did not run the clock went back behind what is on record, or what is on
    /// record is of a clock that was not set yet.
    pub(crate) fn unseen(&mut self, recorded: Timestamp, wall: Timestamp, steady: Duration) -> Option<Jump> {
        let by = wall.duration_since(recorded);
        let set_since = clock::is_sane(wall) && !clock::is_sane(recorded);
        if by >= -CORRECTION && !set_since {
            return None;
        }
        let jump = Jump {
            by,
            at: wall,
            undoes: false,
        };
        self.jump = Some((jump, steady));
        Some(jump)
    }

    /// Whether the clock was set by much within the last day: what is old by it may be young.
    pub(crate) fn is_doubtful(&self, steady: Duration) -> bool {
        self.recent(steady).is_some_and(|jump| jump.by.abs() > CORRECTION)
    }

    /// What is wrong with the clock, for a day after it was set.
    pub(crate) fn finding(&self, steady: Duration) -> Option<Finding> {
        let jump = self.recent(steady)?;
        let level = match jump.by.abs() > CORRECTION && !jump.undoes {
            true => Level::Critical,
            false => Level::Warning,
        };
        let hint = "check the time service (timedatectl). Deadlines were moved with the clock; what is to be sent at a time \
                    waits for that time, and nothing old is removed for a day";
        Some(finding(level, "clock", jump.words(), hint, jump.at))
    }

    fn recent(&self, steady: Duration) -> Option<Jump> {
        let (jump, then) = self.jump?;
        (steady.saturating_sub(then) <= REMEMBERED).then_some(jump)
    }
}

impl Jump {
    /// Whether deadlines on the disk have to move with it.
    pub(crate) fn moves_deadlines(&self) -> bool {
        self.by.abs() >= MOVING
    }

    /// What happened, for people.
    pub(crate) fn words(&self) -> String {
        let direction = if self.by.is_negative() { "back" } else { "forward" };
        let seconds = self.by.abs().as_secs();
        let length = match seconds {
            0..120 => format!("{seconds} s"),
            120..7_200 => format!("{} minutes", seconds / 60),
            7_200..172_800 => format!("{} hours", seconds / 3_600),
            _ => format!("{} days", (seconds + 43_200) / 86_400),
        };
        let right = if self.undoes { ", right again" } else { "" };
        format!("it was set {direction} by {length}, to {:.0}{right}", self.at)
    }
}

/// What both clocks may differ by between two looks: setting a clock little by little moves it by half a millisecond a
/// second.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// A clock that is set by this much is only being corrected.
const CORRECTION: SignedDuration = SignedDuration::from_hours(1);

/// From here on deadlines that are kept move too.
const MOVING: SignedDuration = SignedDuration::from_secs(60);

/// How long a jump is shown.
const REMEMBERED: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn watch() -> ClockWatch {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.look(wall(0), Duration::from_secs(100)), None);
        watch
    }

    #[test]
    fn a_clock_that_runs_does_not_jump_though_nobody_looked_for_long() {
        let mut watch = watch();
        assert_eq!(watch.look(wall(5_000), Duration::from_secs(5_100)), None);
        assert_eq!(watch.look(wall(5_003), Duration::from_secs(5_101)), None, "slack");
        assert_eq!(watch.finding(Duration::from_secs(5_101)), None);
    }

    #[test]
    fn a_clock_set_back_a_year_is_told_for_a_day_by_the_clock_that_runs() {
        let mut watch = watch();
        let year = 365 * 86_400;
        let jump = watch.look(wall(1 - year), Duration::from_secs(101)).expect("a jump");
        assert_eq!(jump.by, SignedDuration::from_secs(-year));
        assert!(jump.moves_deadlines() && watch.is_doubtful(Duration::from_secs(101)));
        let found = watch.finding(Duration::from_secs(102)).expect("told");
        assert_eq!((found.level, found.since), (Level::Critical, wall(1 - year)));
        assert!(
            found.sentence.starts_with("it was set back by 365 days, to "),
            "{}",
            found.sentence
        );
        assert_eq!(watch.look(wall(2 - year), Duration::from_secs(102)), None, "told once");
        assert!(watch.finding(Duration::from_secs(101 + 86_400)).is_some());
        assert_eq!(watch.finding(Duration::from_secs(102 + 86_400)), None);
    }

    #[test]
    fn a_jump_that_is_undone_is_no_second_disaster() {
        let mut watch = watch();
        let year = 365 * 86_400;
        watch.look(wall(1 - year), Duration::from_secs(101)).expect("a jump");
        let right = watch.look(wall(15), Duration::from_secs(120)).expect("another");
        assert!(right.undoes);
        let found = watch.finding(Duration::from_secs(120)).expect("told");
        assert_eq!(found.level, Level::Warning);
        assert!(
            found.sentence.starts_with("it was set forward by 365 days, to "),
            "{found:?}"
        );
        assert!(found.sentence.ends_with(", right again"), "{found:?}");
        assert!(
            watch.is_doubtful(Duration::from_secs(120)),
            "what is old may still be young"
        );
    }

    #[test]
    fn a_small_correction_is_a_warning() {
        let mut watch = watch();
        watch.look(wall(1_000), Duration::from_secs(101)).expect("a jump");
        let found = watch.finding(Duration::from_secs(101)).expect("told");
        assert_eq!(found.level, Level::Warning);
        assert!(
            found.sentence.starts_with("it was set forward by 16 minutes"),
            "{}",
            found.sentence
        );
        assert!(!watch.is_doubtful(Duration::from_secs(101)));
    }

    #[test]
    fn a_clock_behind_what_is_on_record_went_back_unseen() {
        let mut watch = ClockWatch::default();
        let steady = Duration::from_secs(7);
        assert_eq!(
            watch.unseen(wall(3_600), wall(0), steady),
            None,
            "an hour is a correction"
        );
        let jump = watch.unseen(wall(86_400), wall(0), steady).expect("a jump");
        assert_eq!(jump.by, SignedDuration::from_hours(-24));
        assert!(watch.finding(steady).is_some());
    }

    #[test]
    fn a_box_without_a_battery_is_seen_when_it_starts_and_when_its_clock_is_set() {
        let mut watch = ClockWatch::default();
        let (steady, boot) = (Duration::from_secs(7), Timestamp::from_second(60).unwrap());
        let back = watch.unseen(wall(0), boot, steady).expect("what waits moves to 1970");
        assert_eq!(boot.duration_since(wall(0)), back.by);
        let mut watch = ClockWatch::default();
        let on = watch.unseen(boot, wall(0), steady).expect("and from there");
        assert_eq!(on.by, -back.by);
        assert_eq!(watch.unseen(wall(0), wall(86_400), steady), None, "off for a day");
    }
}
