//! Who is in, late, absent: from the day's requests, by the hours of work. No clock, no store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use message::{AttendanceEvent, AttendanceRoll, Number, Presence, Whereabouts};

use super::hours::{Hours, Person};
use super::protocol::Word;

/// A request that says where somebody is.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// When, by the network.
    moment: Timestamp,
    word: Word,
    /// As it stands in the message.
    claimed: String,
    flags: Vec<String>,
}

impl Heard {
    /// What a request says; nothing where it was refused or says nothing.
    pub(super) fn of(event: &AttendanceEvent) -> Option<Self> {
        let word = [Word::Arrival, Word::Exit]
            .into_iter()
            .find(|word| word.name() == event.status)?;
        let mut flags = event.flags.clone();
        match event.verdict.as_str() {
            "taken" => {}
            "skew" => flags.push("skew".to_owned()),
            _ => return None,
        }
        Some(Self {
            moment: event.moment(),
            word,
            claimed: event.time.trim().to_owned(),
            flags,
        })
    }
}

/// Where everybody is at a moment, by what was heard of each.
pub(super) fn roll(hours: &Hours, heard: BTreeMap<Number, Vec<Heard>>, at: Timestamp) -> AttendanceRoll {
    let day = hours.day(at);
    let mut known: BTreeMap<Number, (Option<&Person>, Vec<Heard>)> = BTreeMap::new();
    for person in hours.people() {
        known.insert(person.number.clone(), (Some(person), Vec::new()));
    }
    for (number, requests) in heard {
        let person = hours.person(&number);
        let number = person.map_or(number, |person| person.number.clone());
        known.entry(number).or_insert((person, Vec::new())).1.extend(requests);
    }
    let mut people: Vec<Presence> = known
        .into_iter()
        .filter_map(|(number, (person, requests))| presence(hours, number, person, requests, day, at))
        .collect();
    people.sort_by(|a, b| (a.name.is_none(), &a.name, &a.number).cmp(&(b.name.is_none(), &b.name, &b.number)));
    AttendanceRoll { at, day, people }
}

/// Where one is; nothing of somebody who is not expected and was not heard of today.
fn presence(
    hours: &Hours,
    number: Number,
    person: Option<&Person>,
    mut requests: Vec<Heard>,
    day: Date,
    at: Timestamp,
) -> Option<Presence> {
    requests.retain(|request| request.moment <= at);
    requests.sort_by_key(|request| request.moment);
    let last = requests.last();
    let today = || requests.iter().filter(|request| hours.day(request.moment) == day);
    let is_in = |last: &Heard| {
        let lately = at.duration_since(last.moment) <= hours.longest_stay;
        last.word == Word::Arrival && (hours.day(last.moment) == day || lately)
    };
    let due = person.filter(|person| hours.works(person, day));
    let start = due.and_then(|person| hours.start(person, day));
    let state = match last {
        Some(last) if is_in(last) => Whereabouts::In,
        Some(last) if hours.day(last.moment) == day => Whereabouts::Out,
        _ if due.is_none() => Whereabouts::Off,
        _ if start.is_some_and(|(_, late)| at > late) => Whereabouts::Absent,
        _ => Whereabouts::Expected,
    };
    if state == Whereabouts::Off && person.is_none() {
        return None;
    }
    let counts = matches!(state, Whereabouts::In | Whereabouts::Out);
    let came = today().find(|request| request.word == Word::Arrival).or(match state {
        Whereabouts::In => last,
        _ => None,
    });
    let missed = match state {
        Whereabouts::Absent => Some(at),
        // Whoever came the day before and is still in is not late.
        _ => came.map(|came| came.moment).filter(|moment| hours.day(*moment) == day),
    };
    let mut flags: Vec<String> = today().flat_map(|request| request.flags.clone()).collect();
    flags.sort();
    flags.dedup();
    Some(Presence {
        name: person.map(|person| person.name.clone()),
        number,
        state,
        came_at: came.map(|came| came.moment),
        went_at: last.filter(|_| state == Whereabouts::Out).map(|last| last.moment),
        late_s: missed.and_then(|moment| lateness(start?, moment)),
        claimed: last.filter(|_| counts).map(|last| last.claimed.clone()),
        flags,
    })
}

/// By how much a moment is late, from the start of the day; nothing within the grace.
fn lateness((starts, late): (Timestamp, Timestamp), moment: Timestamp) -> Option<u32> {
    (moment > late).then(|| u32::try_from(moment.duration_since(starts).as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::hours::Day;
    use super::*;

    const SARA: &str = "+989126211770";
    const REZA: &str = "+989126211771";
    const GUEST: &str = "+989126211779";

    /// Monday to Friday from 08:00 with 10 minutes of grace; Reza from 10:00, on Saturdays too.
    fn hours() -> Hours {
        let people = toml_like();
        Hours::of(&Config {
            time_zone: Some("Asia/Tehran".into()),
            people,
            ..serde_json::from_value(serde_json::json!({ "day_starts": "08:00" })).expect("a configuration")
        })
    }

    fn toml_like() -> Vec<Person> {
        serde_json::from_value(serde_json::json!([
            { "number": SARA, "name": "Sara" },
            { "number": REZA, "name": "Reza", "day_starts": "10:00", "grace_min": 0, "days": ["sat", "mon"] },
        ]))
        .expect("people")
    }

    /// A moment in Tehran (UTC+03:30) of the week of Monday, 2026-11-23.
    fn at(text: &str) -> Timestamp {
        format!("{text}:00+03:30").parse().expect("a time")
    }

    fn heard(requests: &[(&str, &str, Word)]) -> BTreeMap<Number, Vec<Heard>> {
        let mut all: BTreeMap<Number, Vec<Heard>> = BTreeMap::new();
        for (number, moment, word) in requests {
            all.entry(Number::received(number)).or_default().push(Heard {
                moment: at(moment),
                word: *word,
                claimed: "08.00".into(),
                flags: Vec::new(),
            });
        }
        all
    }

    /// `NAME STATE LATE` of everybody, late in minutes.
    fn told(requests: &[(&str, &str, Word)], now: &str) -> Vec<String> {
        let roll = roll(&hours(), heard(requests), at(now));
        let one = |one: &Presence| {
            let name = one.name.clone().unwrap_or_else(|| one.number.to_string());
            let late = one
                .late_s
                .map(|late| format!(" late {}", late / 60))
                .unwrap_or_default();
            format!("{name} {}{late}", one.state.word())
        };
        roll.people.iter().map(one).collect()
    }

    #[test]
    fn whoever_is_expected_is_absent_once_it_is_late() {
        assert_eq!(told(&[], "2026-11-23T07:00"), ["Reza expected", "Sara expected"]);
        assert_eq!(told(&[], "2026-11-23T08:10"), ["Reza expected", "Sara expected"]);
        assert_eq!(told(&[], "2026-11-23T08:11"), ["Reza expected", "Sara absent late 11"]);
        assert_eq!(
            told(&[], "2026-11-23T12:00"),
            ["Reza absent late 120", "Sara absent late 240"]
        );
    }

    #[test]
    fn the_first_arrival_of_the_day_says_how_late() {
        let requests = [
            (SARA, "2026-11-23T08:25", Word::Arrival),
            (SARA, "2026-11-23T12:00", Word::Exit),
            (SARA, "2026-11-23T12:30", Word::Arrival),
            (REZA, "2026-11-23T10:00", Word::Arrival),
        ];
        assert_eq!(told(&requests, "2026-11-23T11:00"), ["Reza in", "Sara in late 25"]);
        assert_eq!(told(&requests, "2026-11-23T12:10"), ["Reza in", "Sara out late 25"]);
        assert_eq!(told(&requests, "2026-11-23T13:00"), ["Reza in", "Sara in late 25"]);
    }

    #[test]
    fn days_are_everybodys_own() {
        // Saturday; Sunday.
        assert_eq!(told(&[], "2026-11-28T11:00"), ["Reza absent late 60", "Sara off"]);
        assert_eq!(told(&[], "2026-11-29T11:00"), ["Reza off", "Sara off"]);
        assert!(hours().works(&toml_like()[1], "2026-11-28".parse().expect("a day")));
        assert_eq!(Day::from(jiff::civil::Weekday::Saturday), Day::Sat);
    }

    #[test]
    fn a_night_counts_as_one_stay_for_so_long() {
        let night = [(SARA, "2026-11-22T22:00", Word::Arrival)];
        assert_eq!(told(&night, "2026-11-23T06:00"), ["Reza expected", "Sara in"]);
        assert_eq!(told(&night, "2026-11-23T13:59"), ["Reza absent late 239", "Sara in"]);
        assert_eq!(
            told(&night, "2026-11-23T14:01")[1],
            "Sara absent late 361",
            "after 16 hours"
        );
        let gone = [night[0], (SARA, "2026-11-23T06:30", Word::Exit)];
        assert_eq!(told(&gone, "2026-11-23T12:00")[1], "Sara out");
    }

    #[test]
    fn others_are_shown_on_the_day_they_are_heard_of() {
        let guest = [
            (GUEST, "2026-11-23T09:00", Word::Arrival),
            (GUEST, "2026-11-23T17:00", Word::Exit),
        ];
        assert_eq!(told(&guest, "2026-11-23T10:00")[2], format!("{GUEST} in"));
        assert_eq!(told(&guest, "2026-11-23T18:00")[2], format!("{GUEST} out"));
        assert_eq!(told(&guest, "2026-11-24T18:00").len(), 2);
    }

    #[test]
    fn what_comes_after_the_moment_is_not_known_then() {
        let later = [(SARA, "2026-11-23T08:00", Word::Arrival)];
        assert_eq!(told(&later, "2026-11-23T07:59")[1], "Sara expected");
    }
}
