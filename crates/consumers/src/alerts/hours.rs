//! Times of day and days of the week, as settings name them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Hours of the day, as `22:00-06:00`: from the first minute up to, and without, the last. Where they end before they
/// begin they go on over midnight, and belong to the day on which they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

/// A day of the week, as `mon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Hours {
    /// Whether a moment lies in them, on one of these days (none named: on any).
    pub fn hold(self, at: DateTime, days: &[Day]) -> bool {
        let on = |date: jiff::civil::Date| days.is_empty() || days.iter().any(|day| day.is(date.weekday()));
        let time = at.time();
        if self.from < self.to {
            return self.from <= time && time < self.to && on(at.date());
        }
        let began_today = self.from <= time && on(at.date());
        let began_yesterday = || time < self.to && at.date().yesterday().is_ok_and(on);
        began_today || began_yesterday()
    }

    /// When they end that hold at a moment.
    pub fn end(self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let local = at.to_zoned(zone.clone()).datetime();
        let today = local.date().to_datetime(self.to);
        let end = match today > local {
            true => today,
            false => today.checked_add(Span::new().days(1)).unwrap_or(today),
        };
        // Where a clock is put forward over this time it is the moment after.
        zone.to_ambiguous_zoned(end)
            .compatible()
            .map_or(at, |zoned| zoned.timestamp())
    }
}

impl Day {
    /// Whether it is this one.
    pub fn is(self, weekday: Weekday) -> bool {
        self as i8 + 1 == weekday.to_monday_one_offset()
    }
}

impl FromStr for Hours {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text.split_once('-').ok_or(HOURS)?;
        let (from, to) = (time(from).ok_or(HOURS)?, time(to).ok_or(HOURS)?);
        match from == to {
            true => Err(HOURS),
            false => Ok(Self { from, to }),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A time of day, as `08:00`; `24:00` is midnight.
pub(super) fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |digits: &str| (digits.len() <= 2).then(|| digits.parse::<i8>().ok()).flatten();
    match (two(hour)?, two(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

const HOURS: &str = "no hours; write them as \"22:00-06:00\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[test]
    fn hours_may_go_over_midnight_and_belong_to_the_day_they_begin_on() {
        let night: Hours = "22:00-06:00".parse().unwrap();
        // The 5th of January 2026 is a Monday.
        for (moment, monday, any) in [
            ("2026-01-05T21:59:59", false, false),
            ("2026-01-05T22:00:00", true, true),
            ("2026-01-06T05:59:59", true, true),
            ("2026-01-06T06:00:00", false, false),
            ("2026-01-05T03:00:00", false, true),
        ] {
            assert_eq!(night.hold(at(moment), &[Day::Mon]), monday, "{moment}");
            assert_eq!(night.hold(at(moment), &[]), any, "{moment}");
        }
        let day: Hours = "8:00-16:30".parse().unwrap();
        assert!(day.hold(at("2026-01-05T08:00:00"), &[Day::Mon]));
        assert!(!day.hold(at("2026-01-05T16:30:00"), &[]));
        assert_eq!(day.to_string(), "08:00-16:30");
    }

    #[test]
    fn the_end_is_the_next_one_also_when_clocks_are_put_forward() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let night: Hours = "22:00-02:30".parse().unwrap();
        let local = |text: &str| at(text).to_zoned(zone.clone()).unwrap().timestamp();
        assert_eq!(
            night.end(local("2026-01-05T23:00:00"), &zone),
            local("2026-01-06T02:30:00")
        );
        assert_eq!(
            night.end(local("2026-01-06T01:00:00"), &zone),
            local("2026-01-06T02:30:00")
        );
        // There is no half past two on the 29th of March 2026.
        assert_eq!(
            night.end(local("2026-03-28T23:00:00"), &zone),
            local("2026-03-29T03:30:00")
        );
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for wrong in [
            "",
            "8",
            "8:00",
            "08:00-08:00",
            "25:00-01:00",
            "a:b-c:d",
            "008:00-9:00",
            "-1:00-2:00",
        ] {
            assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
        }
    }
}
