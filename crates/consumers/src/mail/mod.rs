//! Received messages to e-mail.
//!
//! [`Mail`] is the consumer. What it does with one message: [`recipients`] says who gets it, [`letter`] writes it,
//! [`server`] hands it over on the one connection that is kept, [`refusal`] reads what the server does not like.
//!
//! A mail is kept as its delivery in the store until the server has taken it. Where only some of several recipients
//! have it, they are remembered until the others have it too, so that nobody gets it twice; a restart in between
//! forgets that, and then the Message-ID, which is the event's, tells the second from the first. What the server
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

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use lettre::transport::smtp::extension::ClientId;
use message::{Event, EventId, Inbound};
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
    /// Who has a mail already that others still wait for. At most [`MOST_PARTIAL`]; the oldest is forgotten.
    partial: Mutex<BTreeMap<EventId, Vec<Address>>>,
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
            partial: Mutex::default(),
        }
    }

    async fn mail(&self, event: EventId, sms: &Inbound) -> Verdict {
        let to = self.recipients.of(sms);
        let had = self.partial(event);
        let missing: Vec<Address> = to.iter().filter(|to| !had.contains(to)).cloned().collect();
        if missing.is_empty() {
            return Verdict::Done;
        }
        let mail = match self.letterhead.compose(event, sms, &to, Timestamp::now()) {
            Ok(mail) => mail,
            Err(error) => return Verdict::give_up(format!("no mail can be made of it: {error}")),
        };
        match self.server.deliver(self.letterhead.from(), &missing, &mail).await {
            Ok(outcome) => self.settle(event, sms, outcome),
            Err(refusal) => self.refused(refusal),
        }
    }

    /// The verdict where the server took the mail for some, or found fault with recipients alone.
    fn settle(&self, event: EventId, sms: &Inbound, outcome: Outcome) -> Verdict {
        debug!("message {} is mailed to {} recipients", sms.id, outcome.accepted.len());
        let told = |refused: &[(Address, Refusal)]| {
            let told: Vec<String> = refused
                .iter()
                .map(|(to, refusal)| format!("{to}: {}", refusal.why))
                .collect();
            told.join("; ")
        };
        if outcome.refused.is_empty() {
            self.forget(event);
            return Verdict::Done;
        }
        let why = told(&outcome.refused);
        let hopeless = |(to, refusal): (Address, Refusal)| (refusal.consequence == Consequence::Never).then_some(to);
        let refused = outcome.refused.len();
        let never: Vec<Address> = outcome.refused.into_iter().filter_map(hopeless).collect();
        if never.len() == refused {
            self.forget(event);
            return Verdict::give_up(why);
        }
        for to in &never {
            warn!("message {} is never mailed to {to}: it is refused for good", sms.id);
        }
        // Whom it is hopeless for is not asked again.
        self.remember(event, outcome.accepted.into_iter().chain(never).collect());
        Verdict::later(why)
    }

    /// The verdict where nobody got it.
    fn refused(&self, refusal: Refusal) -> Verdict {
        match refusal.consequence {
            Consequence::AllWait => Verdict::Away { why: refusal.why },
            Consequence::Later => Verdict::later(refusal.why),
            Consequence::Never => Verdict::give_up(refusal.why),
        }
    }

    fn partial(&self, event: EventId) -> Vec<Address> {
        let partial = self.partial.lock();
        partial
            .ok()
            .and_then(|partial| partial.get(&event).cloned())
            .unwrap_or_default()
    }

    fn remember(&self, event: EventId, settled: Vec<Address>) {
        let Ok(mut partial) = self.partial.lock() else { return };
        if partial.len() >= MOST_PARTIAL {
            partial.pop_first();
        }
        partial.entry(event).or_default().extend(settled);
    }

    fn forget(&self, event: EventId) {
        if let Ok(mut partial) = self.partial.lock() {
            partial.remove(&event);
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
                Event::Message(sms) => self.mail(delivery.event_id, sms).await,
                _ => Verdict::Done,
            }
        })
    }

    fn patience(&self) -> Patience {
        self.patience.clone()
    }
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

/// How many mails with recipients missing are remembered.
const MOST_PARTIAL: usize = 1000;
