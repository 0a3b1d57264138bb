//! `simrelay trace`: what goes over a modem's wire, written down for a while.

use clap::{Args, ValueEnum};
use message::TraceView;
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when::local_or_dash;

/// Write down what goes over a modem's wire, for a while
///
/// Without a slot it lists what is written down. The file lies on the gateway's machine; PINs are never in it, and message texts
/// and numbers by their length only, unless --texts asks for them. A restart of the gateway ends it. The token needs the scope
/// admin.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay trace sim1 on
  simrelay trace sim1 on --texts --minutes 10
  simrelay trace sim1 off
  simrelay trace

A simulated modem answers as in a trace with: modemsim replay FILE")]
pub(crate) struct TraceArgs {
    /// The slot, or its SIM's number
    #[arg(requires = "wanted")]
    slot: Option<String>,

    /// Whether it is to be written down
    #[arg(value_enum)]
    wanted: Option<Wanted>,

    /// Message texts and numbers too
    #[arg(long)]
    texts: bool,

    /// After how many minutes it ends by itself
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
}

/// Which way a trace is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wanted {
    On,
    Off,
}

/// Switches a trace, or lists them.
pub(crate) async fn run(args: TraceArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let Some((slot, wanted)) = args.slot.as_ref().zip(args.wanted) else {
        return list(client, screen).await;
    };
    set(slot, wanted, args.texts, args.minutes, client, screen).await
}

/// Switches the trace of a slot, or of an account by the name that the gateway has for it.
pub(crate) async fn set(
    slot: &str,
    wanted: Wanted,
    texts: bool,
    minutes: u32,
    client: &Client,
    screen: &Screen,
) -> Result<(), Failure> {
    let on = wanted == Wanted::On;
    let mut asked = json!({ "sim": slot, "on": on });
    if on {
        asked["texts"] = texts.into();
        asked["minutes"] = minutes.into();
    }
    let result: Value = client.call("trace.set", asked).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    match understood::<Option<TraceView>>("trace.set", result["trace"].clone())? {
        Some(trace) => screen.line(format!(
            "{} is written to {} until {}",
            trace.sim,
            trace.file,
            local_or_dash(trace.until)
        )),
        None => screen.line(format!("{slot} is not written down any more")),
    }
}

/// All that is written down.
pub(crate) async fn list(client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("trace.list", json!({})).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let traces: Vec<TraceView> = understood("trace.list", result)?;
    let mut table = Table::new(&["SLOT OR ACCOUNT", "TEXTS", "UNTIL", "~FILE"]);
    for trace in traces {
        table.row([
            trace.sim.to_string(),
            if trace.texts { "yes" } else { "no" }.to_owned(),
            local_or_dash(trace.until),
            trace.file,
        ]);
    }
    screen.table(&table, "nothing is written down")
}
