//! `simrelay outbox`: outgoing messages, newest first.

use clap::Args;
use message::{ListQuery, MessageId, MessageState, MessageView};
use serde_json::Value;

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when::local;

/// Outgoing messages, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay outbox
  simrelay outbox --state failed --limit 100
  simrelay outbox --to +491711234567 --json | jq -r '.[].id'")]
pub(crate) struct OutboxArgs {
    /// Only messages in this state
    #[arg(long, value_parser = parse_state, value_name = "STATE")]
    state: Option<MessageState>,

    /// Only messages to this number
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,

    /// Only messages accepted before the one with this id, for paging
    #[arg(long, value_name = "ID")]
    before: Option<MessageId>,

    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Lists the messages.
pub(crate) async fn run(args: OutboxArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let query = ListQuery {
        state: args.state,
        to: args.to,
        before: args.before,
        limit: Some(args.limit),
    };
    let messages: Value = client.call("sms.list", query).await?;
    if screen.is_json() {
        return screen.value(&messages);
    }
    let messages: Vec<MessageView> = understood("sms.list", messages)?;
    let mut table = Table::new(&["ID", "ACCEPTED", "TO", "STATE", ">PARTS", "~TEXT"]);
    for view in messages {
        table.row([
            view.id.to_string(),
            local(view.accepted_at),
            view.to.to_string(),
            view.state.word().to_owned(),
            view.parts.len().to_string(),
            view.text.unwrap_or_default(),
        ]);
    }
    screen.table(&table, "no outgoing messages")
}

fn parse_state(text: &str) -> Result<MessageState, String> {
    let known = [
        MessageState::Queued,
        MessageState::Sending,
        MessageState::Uncertain,
        MessageState::Sent,
        MessageState::Delivered,
        MessageState::Failed,
        MessageState::Expired,
        MessageState::Cancelled,
        MessageState::Refused,
    ];
    let words = known.map(MessageState::word);
    let found = known.into_iter().find(|state| state.word() == text);
    found.ok_or_else(|| format!("one of {}", words.join(", ")))
}
