//! `simrelay audit`: who had what done, and whether the log of it is whole.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use message::Number;
use store::{AuditHead, AuditLine, AuditVerdict};

use super::backup::Place;
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when;

/// Look at the audit log: who had what done
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    List(ListArgs),
    Verify(VerifyArgs),
}

/// Show the entries of the audit log
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sudo -u simrelay simrelay audit list --since 1d
  simrelay audit list --data /var/lib/simrelay --number +491711234567 --json

It reads the database itself, also while the gateway runs, and prints one JSON object a line with --json. Numbers are
shown as they are kept (store.audit_numbers).")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,

    /// Only what was noted since: a time, or 2h or 31d ago
    #[arg(long, value_parser = when::parse_past)]
    since: Option<Timestamp>,

    /// Only what concerns this number, with its plus and country code
    #[arg(long)]
    number: Option<String>,
}

/// Check that nothing in the audit log was changed, removed or moved
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sudo -u simrelay simrelay audit verify
  simrelay audit verify --expect 1042:5f0c…

Every entry stands under a hash over all before it. What is wrong is named, and the exit code is 1. That entries were cut
off at the end shows only against an end that was noted elsewhere: the gateway logs one at each start.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    place: Place,

    /// An end of the log that was noted before, as ENTRY:HASH
    #[arg(long, value_name = "ENTRY:HASH", value_parser = head)]
    expect: Option<AuditHead>,
}

/// Shows or checks it.
pub(crate) fn run(command: &AuditCommand, screen: &Screen) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list(args, screen),
        AuditCommand::Verify(args) => verify(args, screen),
    }
}

fn list(args: &ListArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = args.place.folder()?;
    let number = args.number.as_deref().map(|text| Number::parse(text, None)).transpose();
    let number = number.map_err(|error| Failure::Usage(format!("--number: {error}")))?;
    let mut table = Table::new(&["ENTRY", "AT", "WHAT", "BY", "SIM", "NUMBER", "MESSAGE", "FACTS"]);
    let mut shown = Ok(());
    let read = store::audit_read(&folder, args.since, number.as_ref(), |line| {
        match screen.is_json() {
            true => shown = screen.value_line(&line),
            false => table.row(cells(line)),
        }
        shown.is_ok()
    });
    read.map_err(|error| Failure::refused(error.to_string()))?;
    shown?;
    match screen.is_json() {
        true => Ok(()),
        false => screen.table(&table, "nothing is noted"),
    }
}

fn cells(line: AuditLine) -> [String; 8] {
    let AuditLine {
        n,
        at,
        what,
        token,
        message,
        sim,
        facts,
        number,
    } = line;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let by = match what.as_str() {
        // Somebody who is not known: what was claimed stands among the facts.
        "token.refused" => or_dash(token),
        _ => token.unwrap_or_else(|| "the gateway".to_owned()),
    };
    [
        n.to_string(),
        when::local(at),
        what,
        by,
        or_dash(sim),
        or_dash(number),
        or_dash(message.map(|id| id.to_string())),
        or_dash(facts),
    ]
}

fn verify(args: &VerifyArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = args.place.folder()?;
    let verdict =
        store::audit_verify(&folder, args.expect.as_ref()).map_err(|error| Failure::refused(error.to_string()))?;
    match screen.is_json() {
        true => screen.value(&verdict)?,
        false => tell(&verdict, screen)?,
    }
    match verdict.faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::Told(1)),
    }
}

fn tell(verdict: &AuditVerdict, screen: &Screen) -> Result<(), Failure> {
    for fault in &verdict.faults {
        screen.line(fault)?;
    }
    let AuditVerdict {
        entries, first, erased, ..
    } = verdict;
    let head = format!("{}:{}", verdict.head.entry, verdict.head.hash);
    screen.line(match verdict.faults.len() {
        0 => format!("whole: entries from {first} on: {entries}, numbers erased: {erased}; it ends with {head}"),
        1 => "1 fault".to_owned(),
        many => format!("{many} faults"),
    })
}

fn head(text: &str) -> Result<AuditHead, String> {
    let wrong = || format!("'{text}' is no end of a log: write ENTRY:HASH, as the gateway logs it");
    let (entry, hash) = text.split_once(':').ok_or_else(wrong)?;
    Ok(AuditHead {
        entry: entry.parse().map_err(|_| wrong())?,
        hash: hash.to_owned(),
    })
}
