//! `simrelay attendance`: who came and went, and the devices they say it with.

mod devices;
mod history;
mod query;
mod who;

use clap::{Args, Subcommand};
use message::{AttendanceEvent, AttendanceRecord, AttendanceState};
use serde_json::{Value, json};

use crate::client::{Client, Connection, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, beginning};
use crate::when::local;

pub(crate) use devices::DeviceCommand;

/// Who came and went by SMS (for a token with the scope attendance)
#[derive(Debug, Subcommand)]
pub(crate) enum AttendanceCommand {
    /// The last word of everybody
    #[command(after_help = "Example:
  simrelay attendance list")]
    List,
    /// The last word of one, and the latest requests
    #[command(after_help = "Examples:
  simrelay attendance show +989126211770
  simrelay attendance show 'Sara Ahmadi'

The exit code is 1 where nothing was ever heard of this number.")]
    Show(OneNumber),
    History(history::HistoryArgs),
    Who(who::WhoArgs),
    Query(query::QueryArgs),
    #[command(subcommand)]
    Device(DeviceCommand),
}

/// Whom it is about.
#[derive(Debug, Args)]
pub(crate) struct OneNumber {
    /// A number, with or without its plus, or a name of the gateway's configuration
    number: String,
}

/// Does what asks a gateway.
pub(crate) async fn run(command: AttendanceCommand, client: &Client, screen: &Screen) -> Result<(), Failure> {
    match command {
        AttendanceCommand::List => list(client, screen).await,
        AttendanceCommand::Show(OneNumber { number }) => show(&number, client, screen).await,
        AttendanceCommand::History(args) => history::run(args, client, screen).await,
        AttendanceCommand::Who(args) => who::run(&args, client, screen).await,
        AttendanceCommand::Query(_) => query::run(client, screen).await,
        AttendanceCommand::Device(command) => devices::list(&command, client, screen).await,
    }
}

/// Does what changes the key file, where the command is one that does: `true` then.
pub(crate) async fn run_here(
    command: &AttendanceCommand,
    connection: &Connection,
    screen: &Screen,
) -> Result<bool, Failure> {
    match command {
        AttendanceCommand::Device(command) => devices::change(command, connection, screen).await,
        _ => Ok(false),
    }
}

async fn list(client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("attendance.list", json!({})).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let states: Vec<AttendanceState> = understood("attendance.list", result)?;
    let mut table = Table::new(&["NUMBER", "NAME", "STATUS", "TIME", "RECEIVED"]);
    for state in &states {
        table.row(row(state));
    }
    screen.table(&table, "nobody has sent a request")
}

async fn show(number: &str, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("attendance.show", json!({ "number": number })).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let record: AttendanceRecord = understood("attendance.show", result)?;
    let mut table = Table::new(&["NUMBER", "NAME", "STATUS", "TIME", "RECEIVED"]);
    record.state.iter().for_each(|state| table.row(row(state)));
    screen.table(&table, "no request was taken")?;
    screen.line("")?;
    screen.table(&requests(&record.events), "no request came")
}

fn row(state: &AttendanceState) -> [String; 5] {
    [
        state.number.to_string(),
        or_dash(state.name.as_deref()),
        or_dash(Some(&state.status)),
        or_dash(Some(&beginning(state.time.trim(), LONGEST_TIME))),
        local(state.received_at),
    ]
}

/// Requests as `show` and `history` show them.
fn requests(events: &[AttendanceEvent]) -> Table {
    let mut table = Table::new(&[
        "RECEIVED", "NUMBER", "NAME", "VERDICT", "STATUS", "TIME", ">SKEW", "SIM", "FLAGS",
    ]);
    for event in events {
        table.row([
            local(event.received_at),
            event.number.to_string(),
            or_dash(event.name.as_deref()),
            event.verdict.clone(),
            or_dash(Some(&event.status)),
            or_dash(Some(&beginning(event.time.trim(), LONGEST_TIME))),
            event.skew_s.map_or_else(|| "-".to_owned(), skew),
            event.sim.to_string(),
            or_dash(Some(&event.flags.join(" "))),
        ]);
    }
    table
}

/// A difference of clocks as people say it: `-5 s`, `+12 min`, `+3 h 20 min`.
fn skew(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    match seconds.unsigned_abs() {
        0 => "0 s".to_owned(),
        seconds @ ..120 => format!("{sign}{seconds} s"),
        seconds @ ..7200 => format!("{sign}{} min", seconds / 60),
        seconds => format!("{sign}{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// How much of a claimed time is shown in tables, in letters: it is whatever the sender wrote. JSON and CSV have all of it.
const LONGEST_TIME: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_is_short_to_read() {
        let told = [0, -5, 119, 720, -7260, i32::MIN].map(skew);
        assert_eq!(told[..5], ["0 s", "-5 s", "+119 s", "+12 min", "-2 h 1 min"]);
        assert!(told[5].starts_with('-'));
    }
}
