//! `simrelay smpp sessions`: who is bound.

use clap::Args;
use jiff::Timestamp;
use message::{ApplicationSnapshot, SessionCounts};
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when::ago;

/// Who is bound, since when and from where, and what went over their sessions
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay smpp sessions
  simrelay smpp sessions --json | jq '.[] | select(.sessions == [])'

WAITS: requests that wait for their answers, the application's and the gateway's, and how many may. Counts are the
session's, or where nobody is bound the account's; those in --json beside the sessions are the account's, since the gateway's start.")]
pub(crate) struct SessionsArgs {}

pub(super) async fn run(client: &Client, screen: &Screen) -> Result<(), Failure> {
    let raw: Value = client.call(LIST, json!({})).await?;
    if screen.is_json() {
        return screen.value(&raw);
    }
    let applications: Vec<ApplicationSnapshot> = understood(LIST, raw)?;
    screen.table(
        &table(&applications, Timestamp::now()),
        "there are no accounts for SMPP",
    )
}

fn table(applications: &[ApplicationSnapshot], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "ACCOUNT",
        "BOUND AS",
        "FROM",
        "SINCE",
        "WAITS",
        "SUBMITTED",
        "THROTTLED",
        "REFUSED",
        "DELIVERED",
        "NOT TAKEN",
    ]);
    for application in applications {
        let name = &application.system_id;
        if application.sessions.is_empty() {
            table.row(row(name, ["-"; 4].map(str::to_owned), &application.counts));
        }
        for session in &application.sessions {
            let facts = [
                session.bound_for.word().to_owned(),
                session.from.to_string(),
                ago(session.since, now),
                format!("{}+{}/{}", session.waiting_in, session.waiting_out, session.window),
            ];
            table.row(row(name, facts, &session.counts));
        }
    }
    table
}

fn row(name: &str, facts: [String; 4], counts: &SessionCounts) -> [String; 10] {
    let [bound_for, from, since, waits] = facts;
    [
        name.to_owned(),
        bound_for,
        from,
        since,
        waits,
        counts.submitted.to_string(),
        counts.throttled.to_string(),
        counts.refused.to_string(),
        counts.delivered.to_string(),
        counts.undelivered.to_string(),
    ]
}

const LIST: &str = "smpp.sessions";
