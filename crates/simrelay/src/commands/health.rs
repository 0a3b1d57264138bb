//! `simrelay health`: what is wrong, worst first.

use api::Health;
use clap::Args;
use message::Level;
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when::{local, with_local_times};

use super::modems::level_word;

/// What is wrong with the gateway, worst first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay health
  simrelay health --json | jq -r .level

The exit code is 1 where something is CRITICAL, else 0.")]
pub(crate) struct HealthArgs {}

/// Shows the gateway's health.
pub(crate) async fn run(_args: HealthArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("health", json!({})).await?;
    let health: Health = understood("health", result.clone())?;
    match screen.is_json() {
        true => screen.value(&result)?,
        false => show(&health, screen)?,
    }
    match health.level {
        Level::Critical => Err(Failure::Told(1)),
        Level::Ok | Level::Warning => Ok(()),
    }
}

fn show(health: &Health, screen: &Screen) -> Result<(), Failure> {
    screen.line(level_word(health.level))?;
    if health.findings.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["LEVEL", "SINCE", "ABOUT", "~WHAT", "~WHAT TO DO"]);
    for finding in &health.findings {
        table.row([
            level_word(finding.level).to_owned(),
            local(finding.since),
            finding.subject.clone(),
            with_local_times(&finding.sentence),
            finding.hint.clone(),
        ]);
    }
    screen.line(table.lines())
}
