//! Received messages to e-mail.
//!
//! [`Mail`] is the consumer. What it does with one message: [`recipients`] says who gets it, [`letter`] writes it,
//! [`postman`] brings it to each of them, [`server`] keeps the one connection, on which [`transaction`] hands it over, and
//! [`refusal`] reads what the server does not like. Mails about alerts go the same way.
//!
//! A mail is kept as its delivery in the store until the server has taken it. Where only some of several recipients
//! have it, that is kept with the delivery until the others have it too, so that nobody gets it twice; only a kill between
//! the server's word and our keeping it may, and then the Message-ID, which is the event's, tells the second from the
//! first. What the server
//! refuses for everybody (it is down, its certificate is wrong, the login fails) makes all mails wait, and none is given
//! up for it before its time; what it refuses for one mail ends that one alone.

mod bounce;
mod config;
mod letter;
mod postman;
mod recipients;
mod refusal;
#[cfg(test)]
mod samples;
mod server;
mod template;
mod transaction;

use futures_util::future::BoxFuture;
use gateway::Tally;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::transport::smtp::extension::ClientId;
use message::{Event, Inbound};
use store::Delivery;

use crate::{Consumer, Patience, Verdict, Wish};

pub use bounce::Bounces;
pub use config::{Config, Password, Rule, Security, Shipped};
pub(crate) use config::{address, is_domain};
pub(crate) use letter::{one_line, sender, text_part, with};
pub(crate) use postman::{Postman, missing, refused};
pub(crate) use refusal::{Consequence, Refusal};

use letter::Letterhead;
use recipients::Recipients;

/// Mails received messages.
#[derive(Debug)]
pub struct Mail {
    recipients: Recipients,
    letterhead: Letterhead,
    postman: Postman,
}

impl Mail {
    /// The consumer of these settings, which have no [`Config::problems`]. Nothing is connected yet.
    pub fn new(config: &Config) -> Self {
        Self {
            recipients: Recipients::new(config),
            letterhead: Letterhead::new(config, &host_name(), TimeZone::system()),
            postman: Postman::new(config),
        }
    }

    /// The same, and answers to its mails go to addresses in this domain, which are numbers (`[mail_to_sms]`).
    #[must_use]
    pub fn with_replies_to(mut self, domain: &str) -> Self {
        self.letterhead.reply_to(domain);
        self
    }

    /// The same, and what becomes of its mails is counted.
    #[must_use]
    pub fn counted(mut self, tally: &Tally) -> Self {
        self.postman = self.postman.counted(tally.clone(), NAME);
        self
    }

    async fn mail(&self, delivery: &Delivery, sms: &Inbound) -> Verdict {
        let to = self.recipients.of(sms);
        if missing(delivery, &to).is_empty() {
            return Verdict::Done;
        }
        match self.letterhead.compose(delivery.event_id, sms, &to, Timestamp::now()) {
            Ok(mail) => {
                let from = self.letterhead.from();
                self.postman.deliver(delivery, Some(from), &to, &mail).await
            }
            Err(error) => Verdict::give_up(format!("no mail can be made of it: {error}")),
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
        Patience {
            at_once: AT_ONCE,
            ..self.postman.patience()
        }
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.postman.stop())
    }
}

/// This machine's name.
pub(crate) fn host_name() -> String {
    match ClientId::default() {
        ClientId::Domain(host) => host,
        _ => "localhost".into(),
    }
}

/// One mail is written while another is on the one connection.
const AT_ONCE: usize = 2;

/// The name of the consumer.
pub const NAME: &str = "mail";
