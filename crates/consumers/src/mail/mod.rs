//! Received messages to e-mail.
//!
//! [`Mail`] is the consumer. What it does with one message: [`recipients`] says who gets it, [`letter`] writes it,
//! [`server`] hands it over on the one connection that is kept, [`refusal`] reads what the server does not like.
//!
//! A mail is kept as its delivery in the store until the server has taken it. Where only some of several recipients
//! have it, that is kept with the delivery until the others have it too, so that nobody gets it twice; only a kill between
//! the server's word and our keeping it may, and then the Message-ID, which is the event's, tells the second from the
//! first. What the server
//! refuses for everybody (it is down, its certificate is wrong, the login fails) makes all mails wait, and none is given
//! up for it before its time; what it refuses for one mail ends that one alone.

mod config;
mod letter;
mod recipients;
mod refusal;
#[cfg(test)]
mod samples;
mod server;
mod template;

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use lettre::transport::smtp::extension::ClientId;
use message::{Event, Inbound};
use store::Delivery;
use tracing::{debug, warn};

use crate::{Consumer, Patience, Verdict, Wish};

pub(crate) use config::is_domain;
pub use config::{Config, Password, Rule, Security, Shipped};

use letter::Letterhead;
use recipients::Recipients;
use refusal::{Consequence, Refusal};
use server::{Outcome, Server};

/// Mails received messages.
#[derive(Debug)]
pub struct Mail {
    recipients: Recipients,
    letterhead: Letterhead,
    server: Server,
    patience: Patience,
}

impl Mail {
    /// The consumer of these settings, which have no [`Config::problems`]. Nothing is connected yet.
    pub fn new(config: &Config) -> Self {
        let host = host_name();
        let day = Duration::from_secs(24 * 3600);
        let limit = Duration::from_secs(config.timeout_s.into());
        Self {
            recipients: Recipients::new(config),
            letterhead: Letterhead::new(config, &host, TimeZone::system()),
            server: Server::new(config),
            patience: Patience {
                longest_pause: LONGEST_PAUSE,
                oldest: (config.keep_trying_days > 0).then(|| day * config.keep_trying_days),
                each: limit * MOST_STEPS,
                ..Patience::default()
            },
        }
    }

    async fn mail(&self, delivery: &Delivery, sms: &Inbound) -> Verdict {
        let event = delivery.event_id;
        let to = self.recipients.of(sms);
        let had = settled(delivery);
        let missing: Vec<Address> = to.iter().filter(|to| !had.contains(to)).cloned().collect();
        if missing.is_empty() {
            return Verdict::Done;
        }
        let mail = match self.letterhead.compose(event, sms, &to, Timestamp::now()) {
            Ok(mail) => mail,
            Err(error) => return Verdict::give_up(format!("no mail can be made of it: {error}")),
        };
        match self.server.deliver(self.letterhead.from(), &missing, &mail).await {
            Ok(outcome) => settle(had, sms, outcome),
            Err(refusal) => self.refused(refusal),
        }
    }

    /// The verdict where nobody got it.
    fn refused(&self, refusal: Refusal) -> Verdict {
        match refusal.consequence {
            Consequence::AllWait => Verdict::Away { why: refusal.why },
            Consequence::Later => Verdict::later(refusal.why),
            Consequence::Never => Verdict::give_up(refusal.why),
        }
    }
}

impl Consumer for Mail {
    fn name(&self) -> &str {
        NAME
    }

    fn wish(&self, event: &Event) -> Wish {
        match event {
            Event::Message(sms) if !self.recipients.of(sms).is_empty() => Wish::Copy,
            _ => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            match &delivery.event {
                Event::Message(sms) => self.mail(delivery, sms).await,
                _ => Verdict::Done,
            }
        })
    }

    fn patience(&self) -> Patience {
        self.patience.clone()
    }
}

/// The verdict where the server took the mail for some, or found fault with recipients alone; `had` are those who were
/// settled before.
fn settle(mut had: Vec<Address>, sms: &Inbound, outcome: Outcome) -> Verdict {
    debug!("message {} is mailed to {} recipients", sms.id, outcome.accepted.len());
    if outcome.refused.is_empty() {
        return Verdict::Done;
    }
    let told = |(to, refusal): &(Address, Refusal)| format!("{to}: {}", refusal.why);
    let why = outcome.refused.iter().map(told).collect::<Vec<_>>().join("; ");
    let hopeless = |(to, refusal): (Address, Refusal)| (refusal.consequence == Consequence::Never).then_some(to);
    let refused = outcome.refused.len();
    let never: Vec<Address> = outcome.refused.into_iter().filter_map(hopeless).collect();
    if never.len() == refused {
        return Verdict::give_up(why);
    }
    for to in &never {
        warn!("message {} is never mailed to {to}: it is refused for good", sms.id);
    }
    // Whom it is hopeless for is not asked again.
    had.extend(outcome.accepted.into_iter().chain(never));
    if had.is_empty() {
        return Verdict::later(why);
    }
    let memo = had.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Verdict::Partly { why, memo }
}

/// Who has the mail already, or never will, by the memo of an earlier try.
fn settled(delivery: &Delivery) -> Vec<Address> {
    let memo = delivery.memo.as_deref().unwrap_or_default();
    memo.lines().filter_map(|line| line.parse().ok()).collect()
}

/// This machine's name.
pub(crate) fn host_name() -> String {
    match ClientId::default() {
        ClientId::Domain(host) => host,
        _ => "localhost".into(),
    }
}

/// The name of the consumer.
pub const NAME: &str = "mail";

/// The longest pause: when the server is back, nothing waits longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Many more steps than a mail has, each with its own time limit.
const MOST_STEPS: u32 = 10;
