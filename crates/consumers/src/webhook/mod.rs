//! Webhooks: every event as a signed HTTPS POST to somebody's server.
//!
//! - [`Config`] is one hook, [`Webhook`] the consumer made of it;
//! - `body` says what is posted, `sign` how it is signed, `address` where it may go, `post` sends it and reads the
//!   answer.
//!
//! Each hook is a consumer of its own with rows of its own, so one server's trouble is no other's. An answer of 2xx
//! means that the other side has it; anything else comes again, under the same event id.

mod address;
mod body;
mod config;
mod post;
mod sign;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use message::{Event, EventId, Inbound};
use store::Delivery;

use crate::{Consumer, Patience, Verdict, Wish, clock};

pub use address::is_public;
pub use config::{Config, Secret};
pub use post::{Answer, Error, Trouble};
pub use sign::{ATTEMPT_HEADER, EVENT_HEADER, SIGNATURE_HEADER, TIME_HEADER};

pub use body::Kind;

/// One hook.
pub struct Webhook {
    config: Config,
    /// As its rows are called: `webhook.NAME`.
    name: String,
    poster: post::Poster,
}

impl Webhook {
    /// Makes a hook ready; its secret must be there.
    ///
    /// # Errors
    /// The secret or the URL is missing, or the authority's file cannot be used.
    pub fn new(config: Config) -> Result<Self, Error> {
        let poster = post::Poster::new(&config)?;
        Ok(Self {
            name: config.consumer(),
            poster,
            config,
        })
    }

    /// Posts a test event and tells the answer. Nothing of it is kept.
    ///
    /// # Errors
    /// What the other side answered instead of 2xx, or why there was no answer.
    pub async fn test(&self) -> Result<Answer, Trouble> {
        let body = body::test(&self.config.name, EventId::fresh(), clock::now());
        self.poster.post(&body, 1).await
    }

    fn wants_message(&self, message: &Inbound) -> bool {
        let config = &self.config;
        config.wants_sim(&message.sim)
            && config.wants_sender(&message.from.to_string())
            && config.text.as_ref().is_none_or(|text| text.is_in(&message.text))
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Consumer for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn wish(&self, event: &Event) -> Wish {
        let kind = Kind::of(event).filter(|kind| self.config.events.contains(kind));
        let wanted = kind.is_some()
            && match event {
                Event::Message(message) => self.wants_message(message),
                Event::Call(call) => {
                    let from = call.from.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.config.wants_sim(&call.sim) && self.config.wants_sender(&from)
                }
                // One that was never tried is of no SIM.
                Event::Report(notice) => {
                    self.config.sims.is_none() || notice.sim.as_ref().is_some_and(|sim| self.config.wants_sim(sim))
                }
                Event::Health(_) | Event::Alert { .. } => true,
                Event::Letter { .. } => false,
            };
        match wanted {
            true => Wish::Copy,
            false => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let Some(body) = body::of(&self.config.name, delivery) else {
                return Verdict::Done;
            };
            match self.poster.post(&body, delivery.attempts.saturating_add(1)).await {
                Ok(_) => Verdict::Done,
                Err(trouble) => trouble.into(),
            }
        })
    }

    fn patience(&self) -> Patience {
        Patience {
            first_pause: FIRST_PAUSE,
            longest_pause: LONGEST_PAUSE,
            most_tries: None,
            oldest: Some(Duration::from_secs(u64::from(self.config.max_age_h) * 3600)),
            each: self.config.timeout() + GRACE,
            at_once: usize::from(self.config.at_once),
        }
    }
}

/// The pauses between two tries of one event.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// The request has a limit of its own, which tells more; this is for what it does not cover.
const GRACE: Duration = Duration::from_secs(5);
