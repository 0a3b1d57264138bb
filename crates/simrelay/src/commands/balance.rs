//! `simrelay balance`: what is left on each SIM.

use std::time::Duration;

use clap::Args;
use gateway::Amount;
use message::{BalanceLine, BalanceView};
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table};
use crate::when::local;

/// What is left on each SIM, as its operator told it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay balance
  simrelay balance sim1 --now
  simrelay balance sim1 --history --json | jq '.[0].micros'

Balances are asked for by USSD where a slot has balance_ussd. --now needs a token with the scope ussd; the others need
health. The exit code is 1 where a balance lets nothing be sent.")]
pub(crate) struct BalanceArgs {
    /// The slot, or the number of its SIM; without it all are shown
    #[arg(required_if_eq_any([("now", "true"), ("history", "true")]))]
    sim: Option<String>,

    /// Ask the operator now
    #[arg(long)]
    now: bool,

    /// What was told before, newest first
    #[arg(long, conflicts_with = "now")]
    history: bool,

    /// At most so many lines of the history
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Shows balances, or asks for one.
pub(crate) async fn run(args: BalanceArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    match &args.sim {
        Some(sim) if args.history => history(sim, args.limit, client, screen).await,
        Some(sim) if args.now => {
            let asked = client
                .call_raw("balance.now", json!({ "sim": sim }), NETWORK_TIME)
                .await?;
            let view: BalanceView = understood("balance.now", asked.clone())?;
            show(&[view], asked, screen)
        }
        sim => {
            let raw: Value = client.call("balance.list", json!({})).await?;
            let mut views: Vec<BalanceView> = understood("balance.list", raw.clone())?;
            let Some(sim) = sim else {
                return show(&views, raw, screen);
            };
            views.retain(|view| view.sim.as_str() == sim);
            let raw = serde_json::to_value(&views).unwrap_or_default();
            match views.is_empty() {
                true => Err(Failure::refused(format!(
                    "there is no slot '{sim}' that the token may see"
                ))),
                false => show(&views, raw, screen),
            }
        }
    }
}

async fn history(sim: &str, limit: u32, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let raw: Value = client
        .call("balance.history", json!({ "sim": sim, "limit": limit }))
        .await?;
    if screen.is_json() {
        return screen.value(&raw);
    }
    let lines: Vec<BalanceLine> = understood("balance.history", raw)?;
    let mut table = Table::new(&["WHEN", "BALANCE", "~WHY NOT"]);
    for line in lines {
        let money = line
            .micros
            .map_or_else(|| "-".to_owned(), |micros| money(micros, &line.currency));
        table.row([local(line.at), money, line.error.unwrap_or_default()]);
    }
    screen.line(table.lines())
}

fn show(views: &[BalanceView], raw: Value, screen: &Screen) -> Result<(), Failure> {
    match screen.is_json() {
        true => screen.value(&raw)?,
        false => screen.line(table(views).lines())?,
    }
    match views.iter().all(|view| view.usable) {
        true => Ok(()),
        false => Err(Failure::Told(1)),
    }
}

fn table(views: &[BalanceView]) -> Table {
    let mut table = Table::new(&["SIM", "BALANCE", "WHEN", "~WORD"]);
    for view in views {
        let (money, when) = match &view.balance {
            Some(balance) => (money(balance.micros, &balance.currency), local(balance.at)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        table.row([view.sim.to_string(), money, when, word(view)]);
    }
    table
}

fn word(view: &BalanceView) -> String {
    let below = |threshold: Option<i64>| {
        let balance = view.balance.as_ref()?;
        threshold.filter(|threshold| balance.micros < *threshold)
    };
    let mut word = match (view.usable, below(view.warning_micros)) {
        (false, _) => "used up: nothing is sent by it".to_owned(),
        (true, Some(threshold)) => format!("below {}", Amount(threshold)),
        (true, None) if !view.asked => "not asked for: no balance_ussd".to_owned(),
        (true, None) => String::new(),
    };
    if let Some(error) = &view.error {
        if !word.is_empty() {
            word.push_str("; ");
        }
        word.push_str(error);
    }
    word
}

pub(super) fn money(micros: i64, currency: &str) -> String {
    format!("{} {currency}", Amount(micros)).trim_end().to_owned()
}

/// What a dialogue of several steps may take.
const NETWORK_TIME: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use message::{Balance, RouteId};

    use super::*;

    #[test]
    fn a_word_says_what_a_balance_means() {
        let view = |micros: Option<i64>, error: Option<&str>| BalanceView {
            sim: RouteId::new("sim1"),
            asked: true,
            balance: micros.map(|micros| Balance {
                micros,
                currency: "EUR".into(),
                at: jiff::Timestamp::UNIX_EPOCH,
            }),
            error: error.map(str::to_owned),
            warning_micros: Some(5_000_000),
            critical_micros: Some(1_000_000),
            usable: micros.is_none_or(|micros| micros >= 1_000_000),
        };
        assert_eq!(word(&view(Some(9_000_000), None)), "");
        assert_eq!(word(&view(Some(2_000_000), Some("no answer"))), "below 5.00; no answer");
        assert_eq!(word(&view(Some(500_000), None)), "used up: nothing is sent by it");
        let unasked = BalanceView {
            asked: false,
            ..view(None, None)
        };
        assert_eq!(word(&unasked), "not asked for: no balance_ussd");
    }
}
