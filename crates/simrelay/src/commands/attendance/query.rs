//! `simrelay attendance query`: the two questions of the first server's query program, word for word, so that whoever
//! or whatever talks to that one can talk to this one.

use std::io::{self, BufRead, Write};

use clap::Args;
use consumers::attendance::protocol::query::{self, Choice, Row};
use message::AttendanceState;
use serde_json::json;

use crate::client::Client;
use crate::failure::Failure;
use crate::screen::Screen;

/// Ask as the first server's query program does: A for all records, S for one sender
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay attendance query
  printf 'S\\n989126211770\\n' | simrelay attendance query

It prompts and answers word for word as that program does, with numbers without a plus. For programs that are yet to be
written, simrelay attendance list --json is the better one.")]
pub(crate) struct QueryArgs {}

/// Asks and answers.
pub(super) async fn run(client: &Client, screen: &Screen) -> Result<(), Failure> {
    let answer = match Choice::read(&ask(query::PROMPT)?) {
        None => query::INVALID.to_owned(),
        Some(Choice::All) => query::all(&rows(client).await?),
        Some(Choice::Sender) => {
            let sender = ask(query::SENDER_PROMPT)?;
            let rows = rows(client).await?;
            let sender = sender.trim_start_matches('+');
            query::one(rows.iter().find(|row| row.source_address == sender))
        }
    };
    screen.text(&answer)
}

async fn rows(client: &Client) -> Result<Vec<Row>, Failure> {
    let mut states: Vec<AttendanceState> = client.call("attendance.list", json!({})).await?;
    // As they stand in the projection.
    states.sort_by_key(|state| state.received_at);
    let row = |state: AttendanceState| Row {
        source_address: state.number.digits().to_owned(),
        status: state.status,
        time: state.time,
    };
    Ok(states.into_iter().map(row).collect())
}

/// Prints a question and reads the line that answers it.
fn ask(question: &str) -> Result<String, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(question.as_bytes())?;
    out.flush()?;
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::Usage(format!("the answer on standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
