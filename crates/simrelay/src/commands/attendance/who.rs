//! `simrelay attendance who`: who is in, late, absent.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use message::{AttendanceRoll, Presence, Whereabouts};
use serde_json::{Value, json};

use super::{LONGEST_TIME, or_dash};
use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, beginning};
use crate::when::{local, parse_past};

/// Who is in now, who is late, who is absent
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay attendance who
  simrelay attendance who --at '2026-11-20 09:00'
  simrelay attendance who --json | jq -r '.people[] | select(.state == \"absent\") | .name'

Who is expected, from when on they are late and on which days they work stands in [attendance] of the gateway's
configuration. What counts is when the network had a message; the claimed time is shown beside it.")]
pub(crate) struct WhoArgs {
    /// Another moment than now: '2026-11-20 09:00', or 2h or 1d ago
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    at: Option<Timestamp>,
}

/// Shows everybody.
pub(super) async fn run(args: &WhoArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let params = args.at.map_or_else(|| json!({}), |at| json!({ "at": at }));
    let result: Value = client.call("attendance.who", params).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let mut roll: AttendanceRoll = understood("attendance.who", result)?;
    roll.people.sort_by_key(|one| one.state);
    let mut table = Table::new(&["WHO", "NUMBER", "STATE", "CAME", "WENT", ">LATE", "CLAIMED", "FLAGS"]);
    for one in &roll.people {
        table.row([
            or_dash(one.name.as_deref()),
            one.number.to_string(),
            one.state.word().to_owned(),
            clock(one.came_at),
            clock(one.went_at),
            one.late_s.map_or_else(|| "-".to_owned(), minutes),
            or_dash(
                one.claimed
                    .as_deref()
                    .map(|claimed| beginning(claimed.trim(), LONGEST_TIME))
                    .as_deref(),
            ),
            or_dash(Some(&one.flags.join(" "))),
        ]);
    }
    screen.table(&table, "nobody is expected, and nobody was heard of")?;
    screen.line(format!("\n{}: {}", local(roll.at), summary(&roll.people)))
}

/// How many are where, on one line.
fn summary(people: &[Presence]) -> String {
    let count = |state| people.iter().filter(|one| one.state == state).count();
    let late = people
        .iter()
        .filter(|one| one.late_s.is_some() && one.state != Whereabouts::Absent)
        .count();
    [
        (count(Whereabouts::In), "in"),
        (count(Whereabouts::Out), "out"),
        (late, "late"),
        (count(Whereabouts::Absent), "absent"),
        (count(Whereabouts::Expected), "expected"),
    ]
    .map(|(number, word)| format!("{number} {word}"))
    .join(", ")
}

fn clock(moment: Option<Timestamp>) -> String {
    let shown = moment.map(|moment| moment.to_zoned(TimeZone::system()).strftime("%H:%M").to_string());
    or_dash(shown.as_deref())
}

fn minutes(seconds: u32) -> String {
    match seconds / 60 {
        minutes @ ..60 => format!("{minutes} min"),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use message::Number;

    use super::*;

    #[test]
    fn the_last_line_counts() {
        let one = |state, late_s| Presence {
            number: Number::received("+989126211770"),
            name: None,
            state,
            came_at: None,
            went_at: None,
            late_s,
            claimed: None,
            flags: Vec::new(),
        };
        let people = [
            one(Whereabouts::In, Some(60)),
            one(Whereabouts::In, None),
            one(Whereabouts::Absent, Some(3600)),
        ];
        assert_eq!(summary(&people), "2 in, 0 out, 1 late, 1 absent, 0 expected");
    }
}
