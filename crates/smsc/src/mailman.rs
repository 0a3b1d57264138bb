//! Brings events to applications: one consumer an account.

use std::sync::Arc;
use std::time::Duration;

use consumers::{Consumer, Patience, Verdict, Wish};
use futures_util::future::BoxFuture;
use gateway::Gateway;
use message::{Event, Inbound, ReportNotice};
use smpp::{Reaction, Status, Tag};
use store::Delivery;
use tokio::sync::oneshot::{self, error::RecvError};

use crate::connection::{Answered, Order};
use crate::letter::{self, Letter};
use crate::member::Member;
use crate::question::{end_of, network_error};
use crate::ticket::{self, Ticket, state};

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
            name: consumer_name(&member.system_id),
            member,
            gateway,
        }
    }

    /// Whether the application gets this message.
    fn is_for_us(&self, sms: &Inbound) -> bool {
        let terms = self.member.terms();
        let account = &terms.account;
        let word = sms.text.split_whitespace().next().unwrap_or_default();
        let keyword =
            account.keywords.is_empty() || account.keywords.iter().any(|known| known.eq_ignore_ascii_case(word));
        let number = account.numbers.is_empty()
            || sms
                .to
                .as_ref()
                .is_some_and(|to| account.numbers.contains(&to.to_string()));
        account.receive && keyword && number && terms.origin.may_use(&sms.sim)
    }

    /// Whether the application submitted this message and wants to hear of it.
    fn is_awaited(&self, notice: &ReportNotice) -> bool {
        let terms = self.member.terms();
        let ours = notice.token == terms.origin.token && !terms.account.swallow_receipts;
        ours && Ticket::of(notice).is_some_and(|ticket| ticket.wants(state(notice.state)))
    }

    async fn tell(&self, delivery: &Delivery, notice: &ReportNotice) -> Verdict {
        let Some(ticket) = Ticket::of(notice) else {
            return Verdict::Done;
        };
        let state = state(notice.state);
        // Before the message is looked at: whoever tells its end after that waits for this.
        let _enroute = (!state.is_final()).then(|| self.member.enroute.put(notice.id));
        let view = self.gateway.status(&self.member.terms().origin, notice.id).await.ok();
        if state.is_final() {
            self.member.enroute.gone(notice.id, ENROUTE_WAIT).await;
        } else if view.as_ref().is_none_or(|view| ticket::state(view.state).is_final()) {
            // Its end is told, or will be; nothing is told after that.
            return Verdict::Done;
        }
        let state = match &view {
            Some(view) if state.is_final() => end_of(view),
            _ => state,
        };
        let error = view.as_ref().and_then(network_error);
        // A peer that reads nothing gets no receipt either: it stands behind the answer in the same queue.
        self.member.unanswered.gone(notice.id, ANSWER_WAIT).await;
        let letter = letter::of_notice(notice, &ticket, state, error);
        self.bring(delivery, |_| vec![letter]).await
    }

    /// Brings letters one after the other, over one session. Where one is not taken, all come again. `letters`: made for
    /// a session that knows optional parameters, or for one that does not.
    async fn bring(&self, delivery: &Delivery, letters: impl FnOnce(bool) -> Vec<Letter>) -> Verdict {
        let Some(receiver) = self.member.receiver().await else {
            return Verdict::away(self.member.absence());
        };
        for (body, tlvs) in letters(receiver.knows_tlvs) {
            if !receiver.knows_tlvs && tlvs.has(Tag::MESSAGE_PAYLOAD) {
                return Verdict::give_up("it is too long for a peer that knows no message_payload");
            }
            let (done, answer) = oneshot::channel();
            let order = Order { body, tlvs, done };
            if receiver.orders.send(order).await.is_err() {
                return Verdict::later("the session ended");
            }
            let most = self.member.terms().account.unanswered_most;
            if let Some(verdict) = untold(answer.await, most, delivery.memo.as_deref()) {
                return verdict;
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
                Event::Message(sms) => {
                    let terms = self.member.terms();
                    let letters = |knows_tlvs| letter::of_message(sms, &terms.account, knows_tlvs);
                    self.bring(delivery, letters).await
                }
                Event::Report(notice) => self.tell(delivery, notice).await,
                _ => Verdict::Done,
            }
        })
    }

    fn patience(&self) -> Patience {
        Patience {
            first_pause: PAUSE,
            longest_pause: PAUSE,
            each: EACH,
            at_once: self.member.terms().account.window().into(),
            ..Patience::default()
        }
    }
}

/// What becomes of a letter; `None` where it was taken. `most`: how often it may be given without an answer; `memo`: how
/// often it was.
fn untold(answer: Result<Answered, RecvError>, most: u32, memo: Option<&str>) -> Option<Verdict> {
    match answer {
        Ok(Answered::With(Status::OK)) => None,
        Ok(Answered::With(status)) => Some(refused(status)),
        Ok(Answered::Never) => Some(unanswered(most, memo)),
        Ok(Answered::Unwritable(error)) => Some(Verdict::give_up(format!("no deliver_sm can hold it: {error}"))),
        Err(_) => Some(Verdict::later("the session gave it back before it was written")),
    }
}

/// What an application never answers may be what it stumbles over each time.
fn unanswered(most: u32, memo: Option<&str>) -> Verdict {
    let before: u32 = memo.and_then(|memo| memo.parse().ok()).unwrap_or(0);
    let tries = before.saturating_add(1);
    if most > 0 && tries >= most {
        return Verdict::give_up(format!(
            "it was given {tries} times, and the application never answered"
        ));
    }
    Verdict::Partly {
        why: "the session gave no answer".into(),
        memo: tries.to_string(),
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
/// How long a receipt waits for the answer to its message, and the last one for one that says less.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const ENROUTE_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_was_written_counts_as_unanswered() {
        let (done, answer) = oneshot::channel::<Answered>();
        drop(done);
        assert!(matches!(
            untold(answer.await, 1, None),
            Some(Verdict::Later { after: None, .. })
        ));
        let silent = |most, memo| untold(Ok(Answered::Never), most, memo);
        assert!(matches!(silent(1, None), Some(Verdict::GiveUp { .. })));
        assert!(matches!(silent(3, Some("2")), Some(Verdict::GiveUp { .. })));
        assert!(matches!(silent(3, Some("1")), Some(Verdict::Partly { memo, .. }) if memo == "2"));
        assert!(matches!(silent(0, Some("7")), Some(Verdict::Partly { .. })), "no limit");
        let with = |status| untold(Ok(Answered::With(status)), 1, None);
        assert_eq!(with(Status::OK), None);
        assert!(matches!(with(Status::QUEUE_FULL), Some(Verdict::Later { .. })));
        let odd = with(Status(u32::MAX));
        assert!(
            matches!(&odd, Some(Verdict::GiveUp { why }) if why.starts_with("the application answers")),
            "any number is an answer: {odd:?}"
        );
    }

    #[test]
    fn what_no_pdu_can_hold_is_given_up_with_the_reason() {
        let error = smpp::EncodeError::Nul("source_addr");
        let Some(Verdict::GiveUp { why }) = untold(Ok(Answered::Unwritable(error)), 0, None) else {
            panic!("it would be tried for ever");
        };
        assert!(why.contains("source_addr"), "{why}");
    }
}
