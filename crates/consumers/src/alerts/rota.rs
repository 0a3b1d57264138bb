//! Who is on call.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::hours::time;

/// Who is on call when (`[[alerts.rotas]]`): each for a turn, one after the other, and exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rota {
    /// Its name.
    pub name: String,
    /// Who takes turns, by their names, in their order.
    pub people: Vec<String>,
    /// The day on which the turn of the first of them begins; its weekday is that of every hand-over where turns are
    /// weeks.
    pub start: Date,
    /// The time of day of the hand-over, as `08:00`.
    #[serde(default = "handover")]
    pub handover: String,
    /// How long a turn is, in days.
    #[serde(default = "turn_days")]
    pub turn_days: u16,
    /// Exceptions; the first that holds decides.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

/// Somebody who stands in (`overrides` of a rota).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// From when, in local time, as `2026-12-24T08:00`.
    pub from: DateTime,
    /// Until when.
    pub to: DateTime,
    /// Who.
    pub person: String,
}

impl Rota {
    /// Who is on call at a moment, and behind them who comes next when they do not answer: the others in the order of
    /// their turns. Empty where nobody is named.
    pub fn on_call(&self, at: Timestamp, zone: &TimeZone) -> Vec<&str> {
        let now = at.to_zoned(zone.clone()).datetime();
        let turn = self.turn(now);
        let mut order: Vec<&str> = (0..self.people.len())
            .map(|place| self.people[(turn + place) % self.people.len()].as_str())
            .collect();
        let stands_in = |one: &&Override| one.from <= now && now < one.to;
        if let Some(exception) = self.overrides.iter().find(stands_in) {
            order.retain(|person| *person != exception.person);
            order.insert(0, &exception.person);
        }
        order
    }

    /// Whose turn it is. Whole days count, so a day of 23 or 25 hours is a day.
    fn turn(&self, now: DateTime) -> usize {
        let handover = time(&self.handover).unwrap_or(jiff::civil::Time::midnight());
        let late = now.time() < handover;
        let days = now
            .date()
            .since(self.start)
            .map_or(0, |span| i64::from(span.get_days()))
            - i64::from(late);
        let turns = days.div_euclid(i64::from(self.turn_days.max(1)));
        let people = i64::try_from(self.people.len().max(1)).unwrap_or(1);
        usize::try_from(turns.rem_euclid(people)).unwrap_or(0)
    }
}

fn handover() -> String {
    "08:00".into()
}

fn turn_days() -> u16 {
    7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rota() -> Rota {
        Rota {
            name: "night".into(),
            people: ["anna", "ben", "cleo"].map(str::to_owned).into(),
            // A Monday.
            start: "2026-01-05".parse().unwrap(),
            handover: "08:00".into(),
            turn_days: 7,
            overrides: vec![Override {
                from: "2026-01-14T12:00".parse().unwrap(),
                to: "2026-01-15T12:00".parse().unwrap(),
                person: "anna".into(),
            }],
        }
    }

    fn on_call(rota: &Rota, local: &str) -> Vec<String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = local.parse::<DateTime>().unwrap().to_zoned(zone.clone()).unwrap();
        rota.on_call(at.timestamp(), &zone)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn turns_change_at_the_hand_over() {
        for (local, expected) in [
            ("2026-01-05T07:59", ["cleo", "anna", "ben"]),
            ("2026-01-05T08:00", ["anna", "ben", "cleo"]),
            ("2026-01-12T07:59", ["anna", "ben", "cleo"]),
            ("2026-01-12T08:00", ["ben", "cleo", "anna"]),
            ("2026-01-26T08:00", ["anna", "ben", "cleo"]),
            ("2025-12-29T09:00", ["cleo", "anna", "ben"]),
        ] {
            assert_eq!(on_call(&rota(), local), expected, "{local}");
        }
    }

    #[test]
    fn turns_keep_their_hour_when_clocks_change() {
        // The clocks are put forward on the 29th of March, a Sunday.
        assert_eq!(on_call(&rota(), "2026-03-30T07:59")[0], "cleo");
        assert_eq!(on_call(&rota(), "2026-03-30T08:00")[0], "anna");
        assert_eq!(on_call(&rota(), "2026-10-26T07:59")[0], "cleo");
        assert_eq!(on_call(&rota(), "2026-10-26T08:00")[0], "anna");
    }

    #[test]
    fn somebody_stands_in_and_the_others_come_after() {
        assert_eq!(on_call(&rota(), "2026-01-14T11:59"), ["ben", "cleo", "anna"]);
        assert_eq!(on_call(&rota(), "2026-01-14T12:00"), ["anna", "ben", "cleo"]);
        assert_eq!(on_call(&rota(), "2026-01-15T12:00"), ["ben", "cleo", "anna"]);
    }

    #[test]
    fn a_turn_may_be_a_day_and_nobody_may_be_named() {
        let daily = Rota {
            turn_days: 1,
            overrides: Vec::new(),
            ..rota()
        };
        assert_eq!(on_call(&daily, "2026-01-06T09:00")[0], "ben");
        assert_eq!(on_call(&daily, "2026-01-06T07:00")[0], "anna");
        let empty = Rota {
            people: Vec::new(),
            ..daily
        };
        assert!(on_call(&empty, "2026-01-06T09:00").is_empty());
    }
}
