//! `simrelay status`, `cancel` and `resolve`: one outgoing message.

use clap::Args;
use message::{MessageId, MessageView, PartView, Resolution, WaitView};
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless, harmless_lines};
use crate::when::{local, local_or_dash};

/// What became of an outgoing message, part by part
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay status 01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10
  simrelay status 01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10 --json | jq -r .state")]
pub(crate) struct StatusArgs {
    /// The id that `send` printed
    id: MessageId,
}

/// Take a message back before its first attempt
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay cancel 01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10")]
pub(crate) struct CancelArgs {
    /// The id that `send` printed
    id: MessageId,
}

/// Decide about a message of which nobody can tell whether it went out
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay resolve 01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10 resend   (it may arrive twice)
  simrelay resolve 01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10 drop     (it may never have arrived)")]
pub(crate) struct ResolveArgs {
    /// The id that `send` printed
    id: MessageId,

    /// Send it again, or give it up
    #[arg(value_parser = ["resend", "drop"])]
    decision: String,
}

/// Shows a message's state.
pub(crate) async fn run(args: StatusArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let view: MessageView = client.call("sms.status", json!({ "id": args.id })).await?;
    show(&view, screen)
}

/// Cancels a message.
pub(crate) async fn cancel(args: CancelArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("sms.cancel", json!({ "id": args.id })).await?;
    match screen.is_json() {
        true => screen.value(&result),
        false => screen.line(format!("{} is cancelled", args.id)),
    }
}

/// Resolves a message.
pub(crate) async fn resolve(args: ResolveArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let (decision, done) = match args.decision.as_str() {
        "resend" => (Resolution::Resend, "is sent again; it may arrive twice"),
        _ => (Resolution::Drop, "is given up"),
    };
    let params = json!({ "id": args.id, "resolution": decision });
    let result: Value = client.call("sms.resolve", params).await?;
    match screen.is_json() {
        true => screen.value(&result),
        false => screen.line(format!("{} {done}", args.id)),
    }
}

/// Prints a message with its parts.
pub(crate) fn show(view: &MessageView, screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.value(view);
    }
    let twice = if view.maybe_twice { ", maybe twice" } else { "" };
    let to = harmless(&view.to.to_string());
    screen.line(format!("{}  to {to}: {}{twice}", view.id, view.state.word()))?;
    screen.line(format!(
        "accepted {}, worth sending until {}{}",
        local(view.accepted_at),
        local(view.expires_at),
        view.send_at
            .map_or_else(String::new, |at| format!(", not before {}", local(at))),
    ))?;
    if let Some(text) = &view.text {
        screen.line(indented(text))?;
    }
    screen.line("")?;
    screen.line(parts(&view.parts).lines())
}

fn parts(parts: &[PartView]) -> Table {
    let mut table = Table::new(&[">PART", "STATE", "SIM", ">REF", ">TRIES", "SENT", "SETTLED", "~REMARK"]);
    for part in parts {
        table.row([
            part.part.to_string(),
            part.state.word().to_owned(),
            part.sim.as_ref().map_or_else(dash, ToString::to_string),
            part.reference.map_or_else(dash, |reference| reference.to_string()),
            part.attempts.to_string(),
            local_or_dash(part.sent_at),
            local_or_dash(part.settled_at),
            remark(part),
        ]);
    }
    table
}

fn remark(part: &PartView) -> String {
    let code = part.code.as_ref().map(|code| format!("({code})"));
    let failed: Vec<String> = part.error.clone().into_iter().chain(code).collect();
    let mut remarks = vec![failed.join(" ")];
    remarks.extend(match &part.waits {
        Some(waits) => Some(waiting(waits)),
        None => part.due_at.map(|due| format!("next try {}", local(due))),
    });
    if part.maybe_twice {
        remarks.push("maybe twice".to_owned());
    }
    remarks.retain(|remark| !remark.is_empty());
    remarks.join("; ")
}

fn waiting(waits: &WaitView) -> String {
    let until = waits.until.map(|until| format!(", until {}", local(until)));
    format!("waits: {}{}", waits.reason, until.unwrap_or_default())
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = harmless_lines(text).lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn dash() -> String {
    "-".to_owned()
}
