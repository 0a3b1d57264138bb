//! The times of a schedule: a value, without a clock of its own.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::config::{Every, Schedule};

impl Schedule {
    /// The first time after `after`, by the wall clock of `zone`; nothing where it is never.
    ///
    /// A time that the clock skips in spring is as long after midnight as it would be; one that comes twice in autumn
    /// counts the first time.
    pub(crate) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = after.to_zoned(zone.clone()).date();
        // The day before may still be to come: a zone's day does not begin at midnight UTC.
        let mut day = today.checked_sub(1.day()).ok()?;
        for _ in 0..LONGEST {
            if self.falls_on(day) {
                let at = day.to_datetime(self.at).to_zoned(zone.clone()).ok()?.timestamp();
                if at > after {
                    return Some(at);
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The last time that is not after `now`, from `since` on; nothing where none is due.
    pub(crate) fn due(&self, since: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut due = None;
        let mut after = since;
        while let Some(next) = self.next_after(after, zone).filter(|next| *next <= now) {
            due = Some(next);
            // After a long time off only the last one matters.
            after = next.max(now.checked_sub(MONTH).unwrap_or(next));
        }
        due
    }

    fn falls_on(&self, day: Date) -> bool {
        match self.every {
            Every::Never => false,
            Every::Daily => true,
            Every::Weekly => day.weekday() == self.weekday,
            Every::Monthly => day.day().unsigned_abs() == self.month_day,
        }
    }
}

/// Days within which every schedule has a time: a month, and the one before.
const LONGEST: u32 = 34;

/// Longer than the longest pause between two times.
const MONTH: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 32);

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, Weekday};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn schedule(every: Every) -> Schedule {
        Schedule {
            every,
            at: Time::constant(2, 30, 0, 0),
            weekday: Weekday::Tuesday,
            month_day: 15,
            ..Schedule::default()
        }
    }

    #[test]
    fn a_day_a_week_and_a_month_have_their_times() {
        let after = at("2026-11-22T12:00:00Z");
        let next = |every| schedule(every).next_after(after, &berlin()).map(|at| at.to_string());
        assert_eq!(next(Every::Never), None);
        assert_eq!(next(Every::Daily).as_deref(), Some("2026-11-23T01:30:00Z"));
        assert_eq!(next(Every::Weekly).as_deref(), Some("2026-11-24T01:30:00Z"));
        assert_eq!(next(Every::Monthly).as_deref(), Some("2026-12-15T01:30:00Z"));
        let exactly = at("2026-11-23T01:30:00Z");
        assert_eq!(
            schedule(Every::Daily).next_after(exactly, &berlin()),
            Some(at("2026-11-24T01:30:00Z"))
        );
    }

    #[test]
    fn a_day_with_a_changed_clock_has_its_time_once() {
        let daily = schedule(Every::Daily);
        let times = |mut after: Timestamp, count: usize| -> Vec<String> {
            let next = |after: &mut Timestamp| {
                *after = daily.next_after(*after, &berlin()).unwrap();
                after.to_string()
            };
            (0..count).map(|_| next(&mut after)).collect()
        };
        assert_eq!(
            times(at("2026-03-28T12:00:00Z"), 2),
            ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            times(at("2026-10-24T12:00:00Z"), 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
    }

    #[test]
    fn of_the_times_that_were_missed_the_last_one_is_made_up_for() {
        let daily = schedule(Every::Daily);
        let now = at("2026-11-22T12:00:00Z");
        assert_eq!(
            daily.due(at("2026-11-22T01:30:00Z"), now, &berlin()),
            None,
            "it was done today"
        );
        assert_eq!(
            daily.due(at("2026-11-20T01:30:00Z"), now, &berlin()),
            Some(at("2026-11-22T01:30:00Z"))
        );
        assert_eq!(
            daily.due(at("2019-01-01T00:00:00Z"), now, &berlin()),
            Some(at("2026-11-22T01:30:00Z"))
        );
        let monthly = schedule(Every::Monthly);
        assert_eq!(
            monthly.due(at("2019-01-01T00:00:00Z"), now, &berlin()),
            Some(at("2026-11-15T01:30:00Z"))
        );
    }
}
