//! `simrelay inbox`: received messages, and those still to come.

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use message::{FetchPage, FetchQuery, Inbound, InboundKind};

use crate::client::{Client, Spell, understood};
use crate::failure::Failure;
use crate::screen::{Screen, Table, harmless};
use crate::when::local;

/// Received messages, oldest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay inbox
  simrelay inbox --follow
  simrelay inbox --after 118 --limit 500 --json
  simrelay inbox --follow --json --text-matches 'code (\\d{6})' | jq -r .text

Without --after the last --limit messages are shown. --follow goes on with whatever arrives, until Ctrl-C;
with --json it prints one object a line. Where the gateway restarts it asks again until there is an answer, and loses nothing;
standard error says so. What asking again does not mend, such as a token that was revoked, ends it.")]
pub(crate) struct InboxArgs {
    /// Go on with what arrives
    #[arg(long, short)]
    follow: bool,

    /// Only messages to this slot
    #[arg(long, value_name = "SLOT")]
    sim: Option<String>,

    /// Only messages to the SIM with this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,

    /// Only senders that match this regular expression
    #[arg(long, value_name = "REGEX")]
    from_matches: Option<String>,

    /// Only texts that match this regular expression
    #[arg(long, value_name = "REGEX")]
    text_matches: Option<String>,

    /// The gateway's own tests too
    #[arg(long)]
    probes: bool,

    /// What no phone would show too: silent messages, and those for the SIM or the modem itself
    #[arg(long)]
    hidden: bool,

    /// Only messages after this cursor; 0 begins with the oldest one kept
    #[arg(long, value_name = "CURSOR", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,

    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Shows what came, and goes on where asked to.
pub(crate) async fn run(args: InboxArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let inbox = Inbox { client, args: &args };
    let page = match args.after {
        Some(after) => inbox.first(after).await?,
        None => inbox.last().await?,
    };
    if !args.follow {
        return show(&page, screen);
    }
    for message in &page.messages {
        show_one(message, screen)?;
    }
    let Err(failure) = inbox.follow(page.next, screen).await;
    Err(screen.broken_off(failure))
}

/// The received messages that fit the arguments.
struct Inbox<'a> {
    client: &'a Client,
    args: &'a InboxArgs,
}

impl Inbox<'_> {
    /// Shows what comes after a cursor, for ever. A page is whole or not there, so nothing is shown twice.
    async fn follow(&self, mut after: i64, screen: &Screen) -> Result<Infallible, Failure> {
        let mut spell = Spell::none(self.client);
        loop {
            let wait_s = if spell.lasts() { 0 } else { WAIT_S };
            let page = match self.page(after, PAGE, wait_s).await {
                Ok(page) => page,
                Err(failure) => {
                    spell.bear(failure).await?;
                    continue;
                }
            };
            spell.over();
            for message in &page.messages {
                show_one(message, screen)?;
            }
            after = page.next;
        }
    }

    async fn page(&self, after: i64, limit: u32, wait_s: u32) -> Result<FetchPage, Failure> {
        let query = FetchQuery {
            after,
            limit: Some(limit),
            wait_s: (wait_s > 0).then_some(wait_s),
            ..self.filters()
        };
        self.fetch(query, wait_s).await
    }

    /// The first messages after a cursor.
    async fn first(&self, after: i64) -> Result<FetchPage, Failure> {
        let mut page = self.page(after, self.args.limit, 0).await?;
        while let Some(stopped) = page.stopped {
            let more = self.page(stopped, self.missing(&page), 0).await?;
            page.messages.extend(more.messages);
            (page.next, page.stopped) = (more.next, more.stopped);
        }
        Ok(page)
    }

    /// The last messages.
    async fn last(&self) -> Result<FetchPage, Failure> {
        let query = FetchQuery {
            newest: true,
            limit: Some(self.args.limit),
            ..self.filters()
        };
        let mut page = self.fetch(query.clone(), 0).await?;
        while let Some(stopped) = page.stopped {
            let older = FetchQuery {
                before: Some(stopped),
                limit: Some(self.missing(&page)),
                ..query.clone()
            };
            let older = self.fetch(older, 0).await?;
            page.messages.splice(..0, older.messages);
            page.stopped = older.stopped;
        }
        Ok(page)
    }

    /// How many are wanted still. The gateway stops only where it has not found enough.
    fn missing(&self, page: &FetchPage) -> u32 {
        let found = u32::try_from(page.messages.len()).unwrap_or(u32::MAX);
        self.args.limit.saturating_sub(found).max(1)
    }

    fn filters(&self) -> FetchQuery {
        FetchQuery {
            sim: self.args.sim.clone(),
            number: self.args.number.clone(),
            from_matches: self.args.from_matches.clone(),
            text_matches: self.args.text_matches.clone(),
            probes: self.args.probes,
            hidden: self.args.hidden,
            ..FetchQuery::default()
        }
    }

    async fn fetch(&self, query: FetchQuery, wait_s: u32) -> Result<FetchPage, Failure> {
        let extra = Duration::from_secs(u64::from(wait_s));
        let result = self.client.call_raw("sms.fetch", query, extra).await?;
        understood("sms.fetch", result)
    }
}

fn show(page: &FetchPage, screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.value(page);
    }
    let mut table = Table::new(&[">CURSOR", "RECEIVED", "SIM", "FROM", "~TEXT"]);
    for message in &page.messages {
        table.row([
            message.cursor.to_string(),
            local(message.received_at),
            message.sim.to_string(),
            message.from.to_string(),
            words(message),
        ]);
    }
    screen.table(&table, "no messages")
}

fn show_one(message: &Inbound, screen: &Screen) -> Result<(), Failure> {
    match screen.is_json() {
        true => screen.value_line(message),
        false => screen.line(one_line(message)),
    }
}

/// A received message on one line, as `inbox --follow` and the demo show it.
pub(crate) fn one_line(message: &Inbound) -> String {
    let from = message.from.to_string();
    harmless(&format!(
        "{}  {}  from {from}: {}",
        local(message.received_at),
        message.sim,
        words(message)
    ))
}

/// The text, or what stands in for one.
fn words(message: &Inbound) -> String {
    let data = || message.data_hex.clone().unwrap_or_default();
    let text = match message.kind {
        InboundKind::Text => message.text.clone(),
        InboundKind::Data => format!("[data] {}", data()),
        InboundKind::WapPush => format!("[WAP push] {}{}", message.text, data()),
        InboundKind::Waiting => format!("[waiting] {}", message.text),
        InboundKind::Undecodable => format!("[unreadable] {}", data()),
        InboundKind::Probe => format!("[test] {}", message.text),
        InboundKind::Silent => format!("[silent] {}{}", message.text, data()),
        InboundKind::SimData => format!("[for the SIM] {}{}", message.text, data()),
        InboundKind::Device => format!("[for the modem] {}{}", message.text, data()),
    };
    match message.missing {
        0 => text,
        missing => format!("{text} [{missing} of {} parts missing]", message.parts),
    }
}

/// The largest page the gateway gives.
const PAGE: u32 = 1000;

/// The longest poll the gateway takes, in seconds.
const WAIT_S: u32 = 60;
