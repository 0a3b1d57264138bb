//! `simrelay numbers`: the STOP list, and everything of one number.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless};
use crate::when::local;

/// The STOP list, and everything of one number (for a token with the scope admin)
#[derive(Debug, Subcommand)]
pub(crate) enum NumbersCommand {
    /// Numbers that asked for no more messages, or were put on the list
    #[command(after_help = "Example:
  simrelay numbers stopped")]
    Stopped,
    /// Send nothing to a number any more
    #[command(after_help = "Example:
  simrelay numbers stop +491711234567")]
    Stop(OneNumber),
    /// Take a number off the STOP list
    #[command(after_help = "Example:
  simrelay numbers allow +491711234567")]
    Allow(OneNumber),
    /// Remove every message that was sent to or received from a number; there is no way back
    #[command(after_help = "Example:
  simrelay numbers erase +491711234567 --yes")]
    Erase {
        /// The number
        number: String,

        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
}

/// The number it is about.
#[derive(Debug, Args)]
pub(crate) struct OneNumber {
    /// The number
    number: String,
}

/// Does it.
pub(crate) async fn run(command: NumbersCommand, client: &Client, screen: &Screen) -> Result<(), Failure> {
    match command {
        NumbersCommand::Stopped => stopped(client, screen).await,
        NumbersCommand::Stop(OneNumber { number }) => {
            let done = "is on the STOP list: nothing is sent to it any more";
            change("numbers.stop", &number, done, client, screen).await
        }
        NumbersCommand::Allow(OneNumber { number }) => {
            change("numbers.allow", &number, "may be sent to", client, screen).await
        }
        NumbersCommand::Erase { number, yes: true } => {
            change(
                "numbers.erase",
                &number,
                "has no messages here any more",
                client,
                screen,
            )
            .await
        }
        NumbersCommand::Erase { number, yes: false } => Err(Failure::Usage(format!(
            "this removes every message to and from {number} for good; say --yes"
        ))),
    }
}

#[derive(Deserialize)]
struct Stopped {
    number: String,
    since: Timestamp,
}

async fn stopped(client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("numbers.stopped", json!({})).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let list: Vec<Stopped> = understood("numbers.stopped", result)?;
    let mut table = Table::new(&["NUMBER", "SINCE"]);
    for stopped in list {
        table.row([stopped.number, local(stopped.since)]);
    }
    screen.table(&table, "nobody is on the STOP list")
}

async fn change(method: &str, number: &str, done: &str, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call(method, json!({ "number": number })).await?;
    match screen.is_json() {
        true => screen.value(&result),
        false => screen.line(format!("{} {done}", harmless(number))),
    }
}
