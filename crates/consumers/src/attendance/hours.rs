//! Who works when: the time zone, the start of the day, and the people who are expected.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use message::Number;
use serde::{Deserialize, Deserializer, Serialize};

use super::Config;
use crate::Problem;

/// Somebody who is expected (`[[attendance.people]]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The number that they send from, or that their device belongs to.
    pub number: Number,
    /// What they are called.
    pub name: String,
    /// When their day starts, where not as everybody's.
    #[serde(default)]
    pub day_starts: Option<TimeOfDay>,
    /// How many minutes later is not late, where not as everybody's.
    #[serde(default)]
    pub grace_min: Option<u32>,
    /// The days they work, where not as everybody's.
    #[serde(default)]
    pub days: Option<Vec<Day>>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the days")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A time of day, written as `08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(Time);

/// Who works when, ready to be asked.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    zone: TimeZone,
    starts: Option<TimeOfDay>,
    grace_min: u32,
    days: Vec<Day>,
    /// How long somebody who does not say *Exit* counts as in.
    pub(super) longest_stay: SignedDuration,
    people: Vec<Person>,
}

impl Hours {
    /// Those of a configuration. A time zone that is not known, which the check of the configuration tells, is UTC.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            zone: zone(config).unwrap_or(TimeZone::UTC),
            starts: config.day_starts,
            grace_min: config.grace_min,
            days: config.days.clone(),
            longest_stay: SignedDuration::from_hours(config.longest_stay_h.into()),
            people: config.people.clone(),
        }
    }

    /// Where people work.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Everybody who is expected on some day.
    pub(super) fn people(&self) -> &[Person] {
        &self.people
    }

    /// The person with a number, in whichever form the network writes it.
    pub(super) fn person(&self, number: &Number) -> Option<&Person> {
        let exact = self.people.iter().find(|person| person.number == *number);
        exact.or_else(|| self.people.iter().find(|person| person.number.matches(number)))
    }

    /// What the person with a number is called.
    pub(super) fn name(&self, number: &Number) -> Option<String> {
        self.person(number).map(|person| person.name.clone())
    }

    /// The person who is called so, in big or small letters.
    pub(super) fn called(&self, name: &str) -> Option<&Person> {
        let name = name.trim().to_lowercase();
        self.people.iter().find(|person| person.name.to_lowercase() == name)
    }

    /// The day that a moment falls on.
    pub(super) fn day(&self, moment: Timestamp) -> Date {
        self.zone.to_datetime(moment).date()
    }

    /// The first moment of a day.
    pub(super) fn midnight(&self, day: Date) -> Timestamp {
        self.moment(day, Time::midnight())
    }

    /// Whether somebody works on a day.
    pub(super) fn works(&self, person: &Person, day: Date) -> bool {
        person
            .days
            .as_ref()
            .unwrap_or(&self.days)
            .contains(&day.weekday().into())
    }

    /// When somebody's day starts, and from when on they are late.
    pub(super) fn start(&self, person: &Person, day: Date) -> Option<(Timestamp, Timestamp)> {
        let starts = self.moment(day, person.day_starts.or(self.starts)?.0);
        let grace = SignedDuration::from_mins(person.grace_min.unwrap_or(self.grace_min).into());
        Some((starts, starts.checked_add(grace).unwrap_or(Timestamp::MAX)))
    }

    /// A time that clocks skip is the next one that they show.
    fn moment(&self, day: Date, time: Time) -> Timestamp {
        let zoned = day.to_datetime(time).to_zoned(self.zone.clone());
        zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }
}

impl Config {
    /// What is wrong with the hours of work and the people.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if zone(self).is_none() {
            let right = "a name of the IANA database, as \"Asia/Tehran\", or nothing for the machine's";
            problems.push(Problem::new("time_zone", "no such time zone", right));
        }
        for (index, person) in self.people.iter().enumerate() {
            let key = |name: &str| format!("people[{index}].{name}");
            if !person.number.is_international() {
                let right = "it with plus and country code, as \"+989126211770\"";
                problems.push(Problem::new(key("number"), "no number that can be recognised", right));
            }
            if person.name.trim().is_empty() {
                problems.push(Problem::new(key("name"), "is empty", "what they are called"));
            }
            if self.people[..index].iter().any(|other| other.number == person.number) {
                problems.push(Problem::new(key("number"), "is there twice", "each number once"));
            }
        }
        problems
    }
}

impl TimeOfDay {
    fn read(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let field = |text: &str| match text.bytes().all(|digit| digit.is_ascii_digit()) {
            true => text.parse::<i8>().ok(),
            false => None,
        };
        Time::new(field(hour)?, field(minute)?, 0, 0).ok().map(Self)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("no time of day; write it as \"08:00\""))
    }
}

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// Where people work; `None` where nobody knows that place.
fn zone(config: &Config) -> Option<TimeZone> {
    match &config.time_zone {
        None => Some(TimeZone::system()),
        Some(name) => TimeZone::get(name).ok(),
    }
}

/// Monday to Friday.
pub(super) const WORKING_WEEK: [Day; 5] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_hour_and_minute() {
        let read = |text| TimeOfDay::read(text).map(|time| time.to_string());
        assert_eq!(read("08:00").as_deref(), Some("08:00"));
        assert_eq!(read("7:30").as_deref(), Some("07:30"));
        for wrong in ["", "8", "24:00", "08:60", "-1:00", "08:00:00", "8 Uhr"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn people_are_known_by_number_and_by_name() {
        let config = Config {
            people: vec![Person {
                number: Number::received("+989126211770"),
                name: "Sara Ahmadi".into(),
                day_starts: None,
                grace_min: None,
                days: None,
            }],
            ..Config::default()
        };
        let hours = Hours::of(&config);
        assert!(hours.person(&Number::received("09126211770")).is_some());
        assert!(hours.person(&Number::received("+989126211771")).is_none());
        assert!(hours.called(" sara ahmadi").is_some());
    }

    #[test]
    fn what_nobody_can_be_recognised_by_is_told() {
        let person = |number: &str, name: &str| Person {
            number: Number::received(number),
            name: name.into(),
            day_starts: None,
            grace_min: None,
            days: None,
        };
        let config = Config {
            time_zone: Some("Asia/Tehrn".into()),
            people: vec![
                person("+989126211770", "a"),
                person("0912", " "),
                person("+989126211770", "b"),
            ],
            ..Config::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|problem| problem.key).collect();
        assert_eq!(
            keys,
            ["time_zone", "people[1].number", "people[1].name", "people[2].number"]
        );
        assert!(Config::default().problems().is_empty());
    }
}
