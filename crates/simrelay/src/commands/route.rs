//! `simrelay route` and `simrelay preview`: what would happen, without doing it.

use clap::Args;
use message::{Alphabet, Preview, RouteExplanation};
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless, harmless_lines};
use crate::when::with_local_times;

/// Which SIM a message to a number would take, why, and why no other
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay route +491711234567

Nothing is sent. The exit code is 1 where no SIM could take the message now.")]
pub(crate) struct RouteArgs {
    /// The recipient
    number: String,
}

/// What a text would become: parts, alphabet, and why
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay preview 'Costs 5 €'
  simrelay preview \"$(cat letter.txt)\"

Nothing is sent.")]
pub(crate) struct PreviewArgs {
    /// The text
    text: String,

    /// Replace characters outside the GSM alphabet by their nearest letters
    #[arg(long)]
    transliterate: bool,
}

/// Explains the route.
pub(crate) async fn run(args: RouteArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("route.explain", json!({ "to": args.number })).await?;
    let explanation: RouteExplanation = understood("route.explain", result.clone())?;
    match screen.is_json() {
        true => screen.value(&result)?,
        false => show(&explanation, screen)?,
    }
    match explanation.chosen {
        Some(_) => Ok(()),
        None => Err(Failure::Told(1)),
    }
}

/// Explains the text.
pub(crate) async fn preview(args: PreviewArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let params = json!({ "text": args.text, "transliterate": args.transliterate });
    let result: Value = client.call("sms.preview", params).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let preview: Preview = understood("sms.preview", result)?;
    let alphabet = match preview.alphabet {
        Alphabet::Gsm7 => "GSM 7-bit",
        Alphabet::Octets => "8-bit",
        Alphabet::Ucs2 => "UCS-2",
    };
    screen.line(format!("parts: {}, alphabet: {alphabet}", preview.parts))?;
    screen.line(harmless(&preview.why))?;
    let numbered = preview.texts.iter().enumerate();
    numbered
        .map(|(index, text)| format!("\n{}/{}:\n{}", index + 1, preview.parts, harmless_lines(text)))
        .try_for_each(|part| screen.line(part))
}

fn show(explanation: &RouteExplanation, screen: &Screen) -> Result<(), Failure> {
    let to = harmless(&explanation.to.to_string());
    screen.line(match (&explanation.chosen, &explanation.refusal) {
        (Some(route), _) => format!("{to} goes out on {}", harmless(route.as_str())),
        (None, Some(refusal)) => format!("{to}: {}", harmless(&with_local_times(refusal))),
        (None, None) => format!("{to}: no SIM can take it now"),
    })?;
    let mut table = Table::new(&["SIM", "USABLE", "PREFIX", ">COST", "~WHY"]);
    for verdict in &explanation.routes {
        table.row([
            verdict.route.to_string(),
            if verdict.usable { "yes" } else { "no" }.to_owned(),
            verdict.prefix.clone().unwrap_or_else(|| "-".to_owned()),
            money(verdict.cost_micros),
            with_local_times(&verdict.why),
        ]);
    }
    screen.line("")?;
    screen.table(&table, "no routes are configured")
}

/// Millionths of the currency as people write money: `0.075`, `-` for nothing.
pub(crate) fn money(micros: i64) -> String {
    if micros == 0 {
        return "-".to_owned();
    }
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let fraction = format!("{rest:06}");
    let fraction = fraction.trim_end_matches('0');
    format!("{sign}{whole}.{fraction:0<2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_digits_and_more_where_they_count() {
        assert_eq!(money(75_000), "0.075");
        assert_eq!(money(90_000), "0.09");
        assert_eq!(money(1_500_000), "1.50");
        assert_eq!(money(2_000_000), "2.00");
        assert_eq!(money(1), "0.000001");
        assert_eq!(money(-90_000), "-0.09");
        assert_eq!(money(0), "-");
    }
}
