//! `simrelay attendance history`: every request with what came of it, for people, programs and spreadsheets.

use clap::Args;
use jiff::Timestamp;
use message::{AttendanceEvent, AttendancePage, AttendanceSearch};

use super::requests;
use crate::client::Client;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::when::parse_past;

/// Every request, good or bad, with what came of it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay attendance history
  simrelay attendance history --number +989126211770 --since '2026-11-01'
  simrelay attendance history --since 31d --csv > november.csv

Without --since and --until the last --limit requests are shown, with one of them all that fit. docs/attendance.md
says what each verdict means. In CSV, a claimed time that a spreadsheet would take for a formula has a ' before it.")]
pub(crate) struct HistoryArgs {
    /// Only what came at this time or later: '2026-11-01', '2026-11-20 09:00', or 2h or 31d ago
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    since: Option<Timestamp>,

    /// Only what came before this time
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    until: Option<Timestamp>,

    /// Only of this number, or of who is called so
    #[arg(long, value_name = "NUMBER|NAME")]
    number: Option<String>,

    /// At most this many, the newest (default: 50, or all where --since, --until or --csv is given)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,

    /// Print CSV (RFC 4180)
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Shows the history.
pub(super) async fn run(args: HistoryArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let everything = args.limit.is_none() && (args.csv || args.since.is_some() || args.until.is_some());
    if args.csv {
        screen.line(COLUMNS.join(","))?;
    }
    let mut found = Vec::new();
    let mut after = everything.then_some(0);
    loop {
        let page = page(&args, after, client).await?;
        let last = page.events.is_empty() || after.is_none();
        after = Some(page.next);
        match args.csv {
            true => page.events.iter().try_for_each(|event| screen.line(csv(event)))?,
            false => found.extend(page.events),
        }
        if last {
            break;
        }
    }
    match (args.csv, screen.is_json()) {
        (true, _) => Ok(()),
        (false, true) => screen.value(&found),
        (false, false) => screen.table(&requests(&found), "no request came"),
    }
}

async fn page(args: &HistoryArgs, after: Option<i64>, client: &Client) -> Result<AttendancePage, Failure> {
    let search = AttendanceSearch {
        number: args.number.clone(),
        since: args.since,
        until: args.until,
        after,
        limit: Some(after.map_or(args.limit.unwrap_or(USUAL), |_| PAGE)),
    };
    client.call("attendance.history", search).await
}

/// A request as a line of CSV, without its end.
fn csv(event: &AttendanceEvent) -> String {
    let maybe = |value: Option<String>| value.unwrap_or_default();
    let fields = [
        event.cursor.to_string(),
        event.received_at.to_string(),
        maybe(event.service_centre_time.map(|time| time.to_string())),
        event.number.to_string(),
        maybe(event.name.clone()),
        event.sim.to_string(),
        event.version.to_string(),
        event.verdict.clone(),
        event.flags.join(" "),
        event.status.clone(),
        tame(&event.time),
        maybe(event.skew_s.map(|skew| skew.to_string())),
        maybe(event.device.map(|device| device.to_string())),
        maybe(event.counter.map(|counter| counter.to_string())),
        maybe(event.device_time.map(|time| time.to_string())),
        maybe(event.answer.map(|answer| answer.to_string())),
    ];
    fields.map(|field| quoted(&field)).join(",")
}

/// What a stranger wrote, so that no spreadsheet reckons with it.
fn tame(text: &str) -> String {
    match text.trim_start().starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// A field of CSV (RFC 4180, 2.5 to 2.7).
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

/// The names of [`csv`]'s fields.
const COLUMNS: [&str; 16] = [
    "cursor",
    "received_at",
    "service_centre_time",
    "number",
    "name",
    "sim",
    "version",
    "verdict",
    "flags",
    "status",
    "time",
    "skew_s",
    "device",
    "counter",
    "device_time",
    "answer",
];
/// How many requests are shown where nothing says how many.
const USUAL: u32 = 50;
/// How many are asked for at a time.
const PAGE: u32 = 1000;

#[cfg(test)]
mod tests {
    use message::{MessageId, Number, RouteId};

    use super::*;

    #[test]
    fn what_a_stranger_wrote_stays_in_its_field_and_is_no_formula() {
        let at: Timestamp = "2026-11-22T04:30:07Z".parse().expect("a time");
        let message = MessageId::fresh();
        let event = AttendanceEvent {
            cursor: 7,
            message,
            number: Number::received("+989126211770"),
            name: Some("Ahmadi, \"Sara\"".into()),
            sim: RouteId::new("sim1"),
            service_centre_time: None,
            received_at: at,
            version: 1,
            verdict: "taken".into(),
            flags: vec!["repeated".into(), "skew".into()],
            status: "Arrival".into(),
            time: " =cmd|x\n".into(),
            skew_s: Some(-5),
            device: None,
            counter: None,
            device_time: None,
            answer: None,
        };
        let line = csv(&event);
        let expected = "7,2026-11-22T04:30:07Z,,+989126211770,\"Ahmadi, \"\"Sara\"\"\",sim1,1,taken,repeated skew,Arrival,\
                        \"' =cmd|x\n\",-5,,,,";
        assert_eq!(line, expected);
        assert_eq!(tame(" 08.00"), " 08.00");
    }
}
