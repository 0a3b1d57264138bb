//! Brings events to applications: one consumer an account.

use std::sync::Arc;
use std::time::Duration;

use consumers::{Consumer, Patience, Verdict, Wish};
use futures_util::future::BoxFuture;
use gateway::Gateway;
use message::{Event, Inbound, ReportNotice};
use smpp::{Reaction, Status};
use store::Delivery;
use tokio::sync::oneshot;

use crate::connection::Order;
use crate::letter::{self, Letter};
use crate::member::Member;
use crate::question::network_error;
use crate::ticket::{Ticket, state};

/// Tells an application what is for it.
#[derive(Debug)]
pub struct Mailman {
    name: String,
    member: Arc<Member>,
    gateway: Gateway,
}

/// The name of an account's consumer.
pub fn consumer_name(system_id: &str) -> String {
    format!("smpp.{system_id}")
}

impl Mailman {
    pub(crate) fn new(member: Arc<Member>, gateway: Gateway) -> Self {
        Self {
            name: consumer_name(&member.account.system_id),
            member,
            gateway,
        }
    }

    /// Whether the application gets this message.
    fn is_for_us(&self, sms: &Inbound) -> bool {
        let account = &self.member.account;
        let word = sms.text.split_whitespace().next().unwrap_or_default();
        let keyword =
            account.keywords.is_empty() || account.keywords.iter().any(|known| known.eq_ignore_ascii_case(word));
        account.receive && keyword && self.member.origin.may_use(&sms.sim)
    }

    /// Whether the application submitted this message and wants to hear of it.
    fn is_awaited(&self, notice: &ReportNotice) -> bool {
        let ours = notice.token == self.member.origin.token;
        ours && Ticket::of(notice).is_some_and(|ticket| ticket.wants(state(notice.state)))
    }

    async fn tell(&self, notice: &ReportNotice) -> Verdict {
        let Some(ticket) = Ticket::of(notice) else {
            return Verdict::Done;
        };
        let view = self.gateway.status(&self.member.origin, notice.id).await;
        let error = view.ok().as_ref().and_then(network_error);
        self.member.answer_is_out(notice.id).await;
        let letter = letter::of_notice(notice, &ticket, state(notice.state), error);
        self.bring(vec![letter]).await
    }

    /// Brings letters one after the other. Where one is not taken, all come again.
    async fn bring(&self, letters: Vec<Letter>) -> Verdict {
        for (body, tlvs) in letters {
            let Some(receiver) = self.member.receiver().await else {
                return Verdict::away("the application is not bound as receiver or transceiver");
            };
            let (done, answer) = oneshot::channel();
            let order = Order { body, tlvs, done };
            if receiver.orders.send(order).await.is_err() {
                return Verdict::later("the session ended");
            }
            match answer.await {
                Ok(status) if status.is_ok() => {}
                Ok(status) => return refused(status),
                Err(_) => return Verdict::later("the session gave no answer"),
            }
        }
        Verdict::Done
    }
}

impl Consumer for Mailman {
    fn name(&self) -> &str {
        &self.name
    }

    fn wish(&self, event: &Event) -> Wish {
        let wanted = match event {
            Event::Message(sms) => self.is_for_us(sms),
            Event::Report(notice) => self.is_awaited(notice),
            _ => false,
        };
        match wanted {
            true => Wish::Copy,
            false => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            match &delivery.event {
                Event::Message(sms) => self.bring(letter::of_message(sms, &self.member.account)).await,
                Event::Report(notice) => self.tell(notice).await,
                _ => Verdict::Done,
            }
        })
    }

    fn patience(&self) -> Patience {
        Patience {
            first_pause: PAUSE,
            longest_pause: PAUSE,
            each: EACH,
            at_once: self.member.account.window.into(),
            ..Patience::default()
        }
    }
}

fn refused(status: Status) -> Verdict {
    let why = format!("the application answers {status}: {}", status.meaning());
    match status.reaction() {
        Reaction::Taken => Verdict::Done,
        Reaction::SlowDown | Reaction::Later => Verdict::later(why),
        _ => Verdict::give_up(why),
    }
}

/// How soon it is tried again: an application that binds again is not to wait.
const PAUSE: Duration = Duration::from_secs(5);
/// How long one event may take: waiting for a bind, and the answers of several PDUs.
const EACH: Duration = Duration::from_secs(300);
