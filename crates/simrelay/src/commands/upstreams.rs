//! `simrelay upstreams`: the gateways that take messages over the network, beside the SIMs.

use clap::Args;
use jiff::Timestamp;
use message::{UpstreamSnapshot, UpstreamState};
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless};
use crate::when::{ago, local_or_dash};

/// Every upstream with its connections and counters
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay upstreams
  simrelay upstreams --long
  simrelay upstreams --json | jq '.[] | select(.state != \"bound\")'")]
pub(crate) struct UpstreamsArgs {
    /// Everything that is known, a block an upstream
    #[arg(long, short)]
    long: bool,
}

/// Lists the upstreams.
pub(crate) async fn run(args: UpstreamsArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let upstreams: Value = client.call(LIST, json!({})).await?;
    if screen.is_json() {
        return screen.value(&upstreams);
    }
    let upstreams: Vec<UpstreamSnapshot> = understood(LIST, upstreams)?;
    match args.long {
        true => upstreams.iter().try_for_each(|one| screen.line(block(one))),
        false => screen.table(&short(&upstreams, Timestamp::now()), "no upstreams are configured"),
    }
}

/// Shows them below the modems, where there are any.
pub(crate) async fn below(long: bool, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let upstreams = of(client).await?;
    if upstreams.is_empty() {
        return Ok(());
    }
    if long {
        return upstreams.iter().try_for_each(|one| screen.line(block(one)));
    }
    screen.line(String::new())?;
    screen.table(&short(&upstreams, Timestamp::now()), "")
}

/// The upstreams of a gateway; none where it is older than they are.
pub(crate) async fn of(client: &Client) -> Result<Vec<UpstreamSnapshot>, Failure> {
    match client.call(LIST, json!({})).await {
        Err(Failure::Refused(refusal)) if refusal.code == Some(UNKNOWN_METHOD) => Ok(Vec::new()),
        answer => understood(LIST, answer?),
    }
}

fn short(upstreams: &[UpstreamSnapshot], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "UPSTREAM",
        "STATE",
        "FOR",
        "ADDRESS",
        ">BOUND",
        ">SENT",
        ">FAILED",
        ">RECEIVED",
        ">RECEIPTS",
        "~REMARK",
    ]);
    for upstream in upstreams {
        table.row([
            upstream.upstream.to_string(),
            state_word(upstream.state).to_owned(),
            ago(upstream.since, now),
            upstream.address.clone(),
            format!("{}/{}", upstream.bound, upstream.wanted),
            upstream.traffic.sent.to_string(),
            upstream.traffic.failed.to_string(),
            upstream.traffic.received.to_string(),
            upstream.receipts.to_string(),
            remark(upstream),
        ]);
    }
    table
}

fn remark(upstream: &UpstreamSnapshot) -> String {
    match upstream.state {
        UpstreamState::Bound => String::new(),
        _ => upstream.reason.clone(),
    }
}

fn block(upstream: &UpstreamSnapshot) -> String {
    let tls = if upstream.tls { "TLS" } else { "plain" };
    let number = upstream
        .number
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    let failed = match &upstream.traffic.last_failure {
        Some(why) => format!(
            "{}, last {}: {why}",
            upstream.traffic.failed,
            local_or_dash(upstream.traffic.last_failed)
        ),
        None => upstream.traffic.failed.to_string(),
    };
    let rows = [
        ("state", format!("{} ({})", state_word(upstream.state), upstream.reason)),
        ("address", format!("{}, {tls}", upstream.address)),
        ("name", upstream.system_id.clone()),
        ("number", number),
        (
            "bound",
            format!(
                "{} of {} connections; {} binds, {} drops since the start",
                upstream.bound, upstream.wanted, upstream.binds, upstream.drops
            ),
        ),
        (
            "under way",
            format!("{} of {} parts at once", upstream.outstanding, upstream.window),
        ),
        (
            "sent",
            format!(
                "{}, last {}",
                upstream.traffic.sent,
                local_or_dash(upstream.traffic.last_sent)
            ),
        ),
        ("failed", failed),
        ("throttled", format!("{} times", upstream.throttled)),
        (
            "received",
            format!(
                "{}, last {}",
                upstream.traffic.received,
                local_or_dash(upstream.traffic.last_received)
            ),
        ),
        (
            "receipts",
            format!(
                "{}; {} fit no part yet, {} never did",
                upstream.receipts, upstream.receipts_waiting, upstream.receipts_stray
            ),
        ),
    ];
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("  {name:<9} {}", harmless(value)))
        .collect();
    format!("{}\n{}\n", harmless(upstream.upstream.as_str()), lines.join("\n"))
}

fn state_word(state: UpstreamState) -> &'static str {
    match state {
        UpstreamState::Disabled => "disabled",
        UpstreamState::Connecting => "connecting",
        UpstreamState::Bound => "bound",
        UpstreamState::Partly => "partly",
        UpstreamState::Throttled => "throttled",
        UpstreamState::Down => "down",
        UpstreamState::Refused => "refused",
    }
}

const LIST: &str = "upstreams.list";

/// JSON-RPC 2.0, 5.1.
const UNKNOWN_METHOD: i64 = -32601;

#[cfg(test)]
mod tests {
    use message::RouteId;

    use super::*;

    #[test]
    fn an_upstream_is_a_line_that_says_why_it_is_down_and_a_block_that_says_all() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let upstream = UpstreamSnapshot {
            state: UpstreamState::Down,
            reason: "connection refused".into(),
            wanted: 2,
            receipts_stray: 4,
            ..UpstreamSnapshot::blank(RouteId::new("operator"), "smpp.example.org:2776", at)
        };
        assert_eq!(remark(&upstream), "connection refused");
        let told = block(&upstream);
        assert!(told.contains("address   smpp.example.org:2776, plain"), "{told}");
        assert!(told.contains("0 of 2 connections"), "{told}");
        assert!(told.contains("4 never did"), "{told}");
    }
}
