//! `simrelay send`: one SMS.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use message::{Accepted, Alphabet, MessageState, MessageView, OnUncertain, SendRequest};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::client::{Client, Spell};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::text;
use crate::when::{parse_duration, parse_moment};

use super::status;

/// Send an SMS
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay send +491711234567 'The pump has stopped.'
  simrelay send 0171-1234567 'In two hours' --at +2h --from sim2 --strict
  df -h / | simrelay send +491711234567 - --transliterate
  simrelay send +491711234567 'Alarm' --priority 3 --validity 30m --wait
  simrelay send +491711234567 'Paid' --key order-4711    (repeating this sends nothing twice)

With --wait the exit code is 0 once the message arrived (or, with --no-report, left), and 1 where it failed or the time ran out.")]
pub(crate) struct SendArgs {
    /// The recipient: +49…, a short code, or a national number where the gateway has a country code
    to: String,

    /// The text; '-' reads it from standard input
    text: String,

    /// Send from this slot or from the SIM with this number
    #[arg(long, value_name = "SIM")]
    from: Option<String>,

    /// Refuse rather than use another SIM (what --from means by itself)
    #[arg(long, requires = "from", overrides_with = "no_strict")]
    strict: bool,

    /// Use another SIM where the one of --from cannot
    #[arg(long, requires = "from")]
    no_strict: bool,

    /// Show it at once on the phone, without storing it (class 0)
    #[arg(long, conflicts_with = "class")]
    flash: bool,

    /// The message class: 0 flash, 1 phone, 2 SIM, 3 terminal equipment
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=3))]
    class: Option<u8>,

    /// Do not ask the network for a status report
    #[arg(long)]
    no_report: bool,

    /// How long it is worth delivering: seconds, or 30m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    validity: Option<Duration>,

    /// 0 bulk, 1 normal, 2 high, 3 alarm
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=3))]
    priority: Option<u8>,

    /// Not before this moment: +2h, '2026-11-22 08:00' (local), 2026-11-22T08:00:00Z; one that is over means at once
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    at: Option<Timestamp>,

    /// An idempotency key: asking again with the same key gives the first message and sends nothing
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Replace characters outside the GSM alphabet by their nearest letters
    #[arg(long)]
    transliterate: bool,

    /// What to do when nobody can tell whether a part went out
    #[arg(long, value_name = "RULE", value_parser = ["resend", "hold"])]
    on_uncertain: Option<String>,

    /// Wait until it arrived or failed, so many seconds at most
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "120")]
    wait: Option<u64>,
}

/// Sends, and waits where asked to.
pub(crate) async fn run(args: SendArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let wait = args.wait.map(Duration::from_secs);
    let enough = Enough {
        sent_will_do: args.no_report,
    };
    let accepted: Accepted = client.call("sms.send", args.into_request()?).await?;
    match wait {
        Some(limit) => {
            if !screen.is_json() {
                screen.line(accepted_line(&accepted))?;
            }
            wait_for(&accepted, limit, enough, client, screen).await
        }
        None if screen.is_json() => screen.value(&accepted),
        None => screen.line(accepted_line(&accepted)),
    }
}

impl SendArgs {
    fn into_request(self) -> Result<SendRequest, Failure> {
        let strict = self.from.is_some().then_some(!self.no_strict);
        Ok(SendRequest {
            text: read_text(&self.text)?,
            to: self.to,
            from: self.from,
            strict,
            flash: self.flash,
            class: self.class,
            report: self.no_report.then_some(false),
            validity_s: self.validity.map(validity_seconds).transpose()?,
            priority: self.priority,
            send_at: self.at,
            idempotency_key: self.key,
            transliterate: self.transliterate,
            on_uncertain: self.on_uncertain.map(|rule| match rule.as_str() {
                "hold" => OnUncertain::Hold,
                _ => OnUncertain::Resend,
            }),
        })
    }
}

/// What `--wait` takes for the end.
#[derive(Clone, Copy)]
struct Enough {
    /// No report is asked for, so *sent* is all there will ever be.
    sent_will_do: bool,
}

impl Enough {
    fn is_end(self, state: MessageState) -> bool {
        state.is_final() || (self.sent_will_do && state == MessageState::Sent)
    }
}

async fn wait_for(
    accepted: &Accepted,
    limit: Duration,
    enough: Enough,
    client: &Client,
    screen: &Screen,
) -> Result<(), Failure> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_LOOK;
    let mut spell = Spell::none(client);
    loop {
        let asked = client.call("sms.status", json!({ "id": accepted.id })).await;
        let late = Instant::now() + pause > deadline;
        let view: MessageView = match asked {
            Err(failure) if !late => {
                spell.bear(failure).await?;
                continue;
            }
            asked => asked?,
        };
        spell.over();
        if enough.is_end(view.state) || late {
            status::show(&view, screen)?;
            return verdict(&view, enough, limit);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
}

fn verdict(view: &MessageView, enough: Enough, limit: Duration) -> Result<(), Failure> {
    match view.state {
        MessageState::Delivered => Ok(()),
        MessageState::Sent if enough.sent_will_do => Ok(()),
        state if state.is_final() => Err(Failure::Told(1)),
        state => Err(Failure::refused(format!(
            "still {} after {} s; ask again with: simrelay status {}",
            state.word(),
            limit.as_secs(),
            view.id
        ))),
    }
}

fn accepted_line(accepted: &Accepted) -> String {
    let parts = match accepted.parts {
        1 => "1 part".to_owned(),
        many => format!("{many} parts"),
    };
    let alphabet = match accepted.alphabet {
        Alphabet::Gsm7 => "GSM 7-bit",
        Alphabet::Octets => "8-bit",
        Alphabet::Ucs2 => "UCS-2",
    };
    let repeated = if accepted.repeated { ", known by its key" } else { "" };
    let state = accepted.state.word();
    format!("{}  {state}, {parts}, {alphabet}{repeated}", accepted.id)
}

fn read_text(text: &str) -> Result<String, Failure> {
    text::or_standard_input(text).map_err(|error| Failure::Usage(format!("the text on standard input: {error}")))
}

fn validity_seconds(validity: Duration) -> Result<u32, Failure> {
    u32::try_from(validity.as_secs()).map_err(|_| Failure::Usage("--validity is too long".into()))
}

const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(2);
