//! `simrelay alert list`.

use clap::Args;
use message::{AlertSearch, AlertState, AlertView, IncidentView, ToldView};
use serde_json::Value;

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when::local;

/// Alerts, newest first, with who was told and who took them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay alert list --open
  simrelay alert list --all --limit 100
  simrelay alert list --json | jq '.[0].incidents[0].told'

COUNT is how many alerts are counted into one: repetitions have no line of their own but with --all.")]
pub(crate) struct ListArgs {
    /// Only those of which something may still follow
    #[arg(long)]
    open: bool,

    /// Those too that were only counted as repetitions of an earlier one
    #[arg(long)]
    all: bool,

    /// Only those before this number, for paging
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,

    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Lists the alerts.
pub(super) async fn run(args: &ListArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let search = AlertSearch {
        before: args.before,
        limit: Some(args.limit),
        all: args.all,
        open: args.open,
    };
    let result: Value = client.call("alert.list", search).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let alerts: Vec<AlertView> = understood("alert.list", result)?;
    let mut table = Table::new(&[
        ">NUMBER", "RECEIVED", "SEVERITY", "EVENT", "CAMERA", ">COUNT", "STATE", "BY", "~TOLD",
    ]);
    for view in &alerts {
        table.row(row(view));
    }
    screen.table(&table, "no alerts")
}

fn row(view: &AlertView) -> [String; 9] {
    let alert = &view.alert.alert;
    let counts = view.incidents.iter().map(|incident| incident.count);
    let event = match alert.ended {
        true => format!("{} (over)", alert.event),
        false => alert.event.clone(),
    };
    let by = view.incidents.iter().find_map(|incident| incident.taken_by.clone());
    [
        view.alert.number.to_string(),
        local(alert.received_at),
        alert.severity.word().to_owned(),
        event,
        alert.camera.clone(),
        counts.max().map_or_else(|| "-".to_owned(), |count| count.to_string()),
        state(view.state).to_owned(),
        by.unwrap_or_else(|| "-".to_owned()),
        told(&view.incidents),
    ]
}

/// Whom, each once; what did not reach them is marked.
fn told(incidents: &[IncidentView]) -> String {
    let mut told: Vec<String> = Vec::new();
    let word = |told: &ToldView| match told.problem {
        Some(_) => format!("{} (failed)", told.to),
        None => told.to.clone(),
    };
    for one in incidents.iter().flat_map(|incident| &incident.told).map(word) {
        if !told.contains(&one) {
            told.push(one);
        }
    }
    match told.is_empty() {
        true => "-".to_owned(),
        false => told.join(", "),
    }
}

fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Waiting => "waiting",
        AlertState::Unmatched => "no rule",
        AlertState::Closed => "closed",
        AlertState::Taken => "taken",
        AlertState::Told => "told",
        AlertState::Held => "held (quiet)",
        AlertState::Calling => "calling",
        AlertState::Unanswered => "unanswered",
    }
}
