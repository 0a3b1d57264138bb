//! `simrelay ussd`: codes like `*100#`, and the menus behind them.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use message::{UssdNotice, UssdReply};
use serde_json::{Value, json};

use crate::client::{Client, understood};
use crate::failure::Failure;
use crate::screen::{Screen, harmless_lines};

/// Ask the network by USSD, as with `*100#` for the balance
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay ussd sim1 '*100#'
  simrelay ussd sim1 '*104#' --reply 2 --reply 1
  simrelay ussd sim1 --cancel
  simrelay ussd sim1 --heard
  simrelay ussd sim1 --reply 1        (answers a question that is open: the network's own, or one that was left)

Where the network waits for an answer and this is a terminal, the answer is asked for; an empty line ends the
dialogue. Elsewhere --reply answers in turn, and a dialogue that is still open at the end is cancelled.")]
pub(crate) struct UssdArgs {
    /// The slot, or the number of its SIM
    sim: String,

    /// The code
    #[arg(required_unless_present_any = ["cancel", "heard", "reply"])]
    code: Option<String>,

    /// An answer to the network's question; may be given more than once
    #[arg(long, value_name = "TEXT")]
    reply: Vec<String>,

    /// End a dialogue that was left open
    #[arg(long, conflicts_with_all = ["code", "reply"])]
    cancel: bool,

    /// Show what the network said by itself last
    #[arg(long, conflicts_with_all = ["code", "reply", "cancel"])]
    heard: bool,
}

/// Holds the dialogue.
pub(crate) async fn run(args: UssdArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let dialogue = Dialogue { sim: &args.sim, client };
    if args.heard {
        return dialogue.heard(screen).await;
    }
    if args.cancel {
        dialogue.cancel().await?;
        return say(screen, "the dialogue is ended");
    }
    let mut answers = args.reply.into_iter();
    let mut reply = match args.code {
        Some(code) => dialogue.ask("ussd.start", "code", &code).await?,
        None => {
            let answer = answers.next().unwrap_or_default();
            dialogue.ask("ussd.reply", "text", &answer).await?
        }
    };
    loop {
        show(&reply, screen)?;
        if !reply.parsed.open {
            return Ok(());
        }
        let Some(answer) = answers.next().or_else(|| asked_for(screen)) else {
            dialogue.cancel().await?;
            return say(screen, "(the network waited for an answer; the dialogue is ended)");
        };
        reply = dialogue.ask("ussd.reply", "text", &answer).await?;
    }
}

/// One SIM's dialogue with its network.
struct Dialogue<'a> {
    sim: &'a str,
    client: &'a Client,
}

/// What the network said, as it came and as understood.
struct Reply {
    raw: Value,
    parsed: UssdReply,
}

impl Dialogue<'_> {
    async fn ask(&self, method: &str, key: &str, text: &str) -> Result<Reply, Failure> {
        let params = json!({ "sim": self.sim, key: text });
        let raw = self.client.call_raw(method, params, NETWORK_TIME).await?;
        let parsed = understood(method, raw.clone())?;
        Ok(Reply { raw, parsed })
    }

    async fn heard(&self, screen: &Screen) -> Result<(), Failure> {
        let raw: Value = self.client.call("ussd.heard", json!({ "sim": self.sim })).await?;
        if screen.is_json() {
            return screen.value_line(&raw);
        }
        let notice: Option<UssdNotice> = understood("ussd.heard", raw["notice"].clone())?;
        match notice {
            Some(notice) => {
                screen.line(format!("{:.0}: {}", notice.at, harmless_lines(&notice.text)))?;
                match notice.open {
                    true => screen.line(format!(
                        "(it asked for an answer: simrelay ussd {} --reply TEXT)",
                        self.sim
                    )),
                    false => Ok(()),
                }
            }
            None => screen.line("the network has said nothing by itself since the gateway's start"),
        }
    }

    async fn cancel(&self) -> Result<(), Failure> {
        let _: Value = self.client.call("ussd.cancel", json!({ "sim": self.sim })).await?;
        Ok(())
    }
}

fn show(reply: &Reply, screen: &Screen) -> Result<(), Failure> {
    match screen.is_json() {
        true => screen.value_line(&reply.raw),
        false => screen.line(harmless_lines(&reply.parsed.text)),
    }
}

fn say(screen: &Screen, sentence: &str) -> Result<(), Failure> {
    match screen.is_json() {
        true => Ok(()),
        false => screen.line(sentence),
    }
}

/// An answer typed by a person, where one sits there.
fn asked_for(screen: &Screen) -> Option<String> {
    if screen.is_json() || !io::stdin().is_terminal() {
        return None;
    }
    // Where even the prompt cannot be written, the answer is not waited for.
    write!(io::stdout(), "> ").and_then(|()| io::stdout().flush()).ok()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// What the network itself may take for an answer.
const NETWORK_TIME: Duration = Duration::from_secs(90);
