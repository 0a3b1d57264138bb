//! Brings a mail to everybody it is for, each once: who has it already is kept with the delivery.

use std::time::Duration;

use gateway::Tally;
use lettre::Address;
use message::Counted;
use store::Delivery;
use tracing::{debug, warn};

use super::config::Config;
use super::refusal::{Consequence, Refusal};
use super::server::Server;
use super::transaction::Outcome;
use crate::{Patience, Verdict};

/// A server, and how long it is tried.
#[derive(Debug)]
pub(crate) struct Postman {
    server: Server,
    patience: Patience,
    counted: Option<(Tally, &'static str)>,
}

impl Postman {
    /// The postman of these settings. Nothing is connected yet.
    pub(crate) fn new(config: &Config) -> Self {
        let day = Duration::from_secs(24 * 3600);
        let limit = Duration::from_secs(config.timeout_s.into());
        Self {
            server: Server::new(config),
            patience: Patience {
                longest_pause: LONGEST_PAUSE,
                oldest: (config.keep_trying_days > 0).then(|| day * config.keep_trying_days),
                each: limit * MOST_STEPS,
                ..Patience::default()
            },
            counted: None,
        }
    }

    /// The same, and what becomes of its mails is counted as those of `consumer`.
    pub(crate) fn counted(mut self, tally: Tally, consumer: &'static str) -> Self {
        for what in [Self::sent, Self::failed] {
            tally.expect(what(consumer.to_owned()));
        }
        self.counted = Some((tally, consumer));
        self
    }

    /// How long it goes on trying.
    pub(crate) fn patience(&self) -> Patience {
        self.patience.clone()
    }

    /// Says goodbye to the server.
    pub(crate) async fn stop(&self) {
        self.server.quit().await;
    }

    /// Hands a mail over to those of `to` who do not have it yet. `from`: the envelope's sender; `None` is `<>`, which
    /// nobody reports failures to.
    pub(crate) async fn deliver(
        &self,
        delivery: &Delivery,
        from: Option<&Address>,
        to: &[Address],
        mail: &[u8],
    ) -> Verdict {
        let offered = self.offer(delivery, from, to, mail).await;
        offered.unwrap_or_else(refused)
    }

    /// As [`Postman::deliver`], for a mail that has another form where the server takes this one for nobody: that is the
    /// error.
    pub(crate) async fn offer(
        &self,
        delivery: &Delivery,
        from: Option<&Address>,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Verdict, Refusal> {
        let delivered = self.server.deliver(from, &missing(delivery, to), mail).await;
        self.count(delivered.as_ref().ok());
        Ok(settle(settled(delivery), delivery, delivered?))
    }

    /// Counts a try; `None`: it failed for everybody.
    fn count(&self, outcome: Option<&Outcome>) {
        let Some((tally, consumer)) = &self.counted else { return };
        if outcome.is_some_and(|outcome| !outcome.accepted.is_empty()) {
            tally.count(Self::sent((*consumer).to_owned()));
        }
        if outcome.is_none_or(|outcome| !outcome.refused.is_empty()) {
            tally.count(Self::failed((*consumer).to_owned()));
        }
    }

    fn sent(consumer: String) -> Counted {
        Counted::MailSent { consumer }
    }

    fn failed(consumer: String) -> Counted {
        Counted::MailFailed { consumer }
    }
}

/// Who of these does not have the mail yet.
pub(crate) fn missing(delivery: &Delivery, to: &[Address]) -> Vec<Address> {
    let had = settled(delivery);
    to.iter().filter(|to| !had.contains(to)).cloned().collect()
}

/// The verdict where the server took the mail for some, or found fault with recipients alone; `had` are those who were
/// settled before.
fn settle(mut had: Vec<Address>, delivery: &Delivery, outcome: Outcome) -> Verdict {
    let event = delivery.event_id;
    debug!("event {event} is mailed to {} recipients", outcome.accepted.len());
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
        warn!("event {event} is never mailed to {to}: it is refused for good");
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

/// The verdict where nobody got it.
pub(crate) fn refused(refusal: Refusal) -> Verdict {
    match refusal.consequence {
        Consequence::AllWait => Verdict::Away { why: refusal.why },
        Consequence::Later => Verdict::later(refusal.why),
        Consequence::Never => Verdict::give_up(refusal.why),
    }
}

/// The longest pause: when the server is back, nothing waits longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Many more steps than two mails have, each with its own time limit.
const MOST_STEPS: u32 = 20;
