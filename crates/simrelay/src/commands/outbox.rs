//! `simrelay outbox`: outgoing messages, newest first.

use clap::Args;
use message::{ListQuery, MessageId, MessageState, MessageView};
use serde_json::Value;

use crate::client::{Client, understood};
use crate::failure::{Failure, Refusal};
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
    let messages = all(args, client).await?;
    if screen.is_json() {
        return screen.value(&messages);
    }
    let messages: Vec<MessageView> = understood("sms.list", Value::from(messages))?;
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

/// As many as are wanted. The gateway looks at so many messages a call and no more, so it is asked until it finds none.
async fn all(args: OutboxArgs, client: &Client) -> Result<Vec<Value>, Failure> {
    let is_search = args.state.is_some() || args.to.is_some();
    let limit = args.limit as usize;
    let mut query = ListQuery {
        state: args.state,
        to: args.to,
        before: args.before,
        limit: Some(args.limit),
    };
    let mut messages: Vec<Value> = Vec::new();
    loop {
        let more: Vec<Value> = match client.call("sms.list", &query).await {
            Err(Failure::Refused(refusal)) => match stopped(&refusal) {
                Some(before) => {
                    query.before = Some(before);
                    continue;
                }
                None => return Err(Failure::Refused(refusal)),
            },
            more => more?,
        };
        let last = more.last().and_then(|message| message["id"].as_str()?.parse().ok());
        messages.extend(more);
        query.before = match last {
            Some(last) if is_search && messages.len() < limit => Some(last),
            _ => return Ok(messages),
        };
        query.limit = u32::try_from(limit - messages.len()).ok();
    }
}

/// Where a search that found nothing so far goes on.
fn stopped(refusal: &Refusal) -> Option<MessageId> {
    refusal.data.as_ref()?.get("before")?.as_str()?.parse().ok()
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
