//! `simrelay erase`: everything of one number.

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::screen::{Screen, harmless};

/// Remove every message that was sent to or received from a number
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay erase +491711234567 --yes

It needs a token with the scope admin, and there is no way back.")]
pub(crate) struct EraseArgs {
    /// The number
    number: String,

    /// Yes, really
    #[arg(long)]
    yes: bool,
}

/// Removes the messages.
pub(crate) async fn run(args: EraseArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    if !args.yes {
        return Err(Failure::Usage(format!(
            "this removes every message to and from {} for good; say --yes",
            args.number
        )));
    }
    let result: Value = client.call("numbers.erase", json!({ "number": args.number })).await?;
    match screen.is_json() {
        true => screen.value(&result),
        false => screen.line(format!("everything of {} is removed", harmless(&args.number))),
    }
}
