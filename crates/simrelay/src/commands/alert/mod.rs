//! `simrelay alert`: what is raised, who was told, who takes it.

mod line;
mod list;
mod send;
mod trial;

use clap::{Args, Subcommand};
use message::AlertTaken;
use serde_json::{Value, json};

use crate::client::{Client, Connection, understood};
use crate::failure::Failure;
use crate::screen::{Screen, harmless};

/// Alerts of cameras and monitoring (all but send for a token with the scope alert)
#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    Send(send::SendArgs),
    List(list::ListArgs),
    Ack(AckArgs),
    Test(trial::TestArgs),
}

/// Take an alert, as ACK 17 by SMS does: nobody else is called for it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay alert ack 17
  simrelay alert ack 17 --by anna")]
pub(crate) struct AckArgs {
    /// The number of the alert, as `simrelay alert list` shows it
    number: i64,

    /// Who takes it; without it: the token's name
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Does what needs no API, where the command is such a one: `true` then.
pub(crate) fn run_here(command: &AlertCommand, connection: &Connection, screen: &Screen) -> Result<bool, Failure> {
    match command {
        AlertCommand::Send(args) => send::run(args, connection, screen).map(|()| true),
        _ => Ok(false),
    }
}

/// Does what asks a gateway.
pub(crate) async fn run(command: AlertCommand, client: &Client, screen: &Screen) -> Result<(), Failure> {
    match command {
        AlertCommand::Send(_) => Ok(()),
        AlertCommand::List(args) => list::run(&args, client, screen).await,
        AlertCommand::Ack(args) => ack(&args, client, screen).await,
        AlertCommand::Test(args) => trial::run(&args, client, screen).await,
    }
}

async fn ack(args: &AckArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let mut asked = json!({ "number": args.number });
    if let Some(by) = &args.by {
        asked["by"] = json!(by);
    }
    let result: Value = client.call("alert.ack", asked).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let AlertTaken { number, about, by } = understood("alert.ack", result)?;
    screen.line(harmless(&format!("{number} is {by}'s: {about}")))
}
