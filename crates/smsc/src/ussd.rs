//! USSD: an application's dialogues with the network, over a SIM (clauses 5.3.2.44 and 5.3.2.43).
//!
//! The application begins with `ussd_service_op` 1 and a code, and is answered when it is dialled. What the network says
//! comes as deliver_sm: 2 where it waits for an answer, 17 where it was its last word. Answers go under 18, and so does
//! the end, which the last bit of `its_session_info` says. Nothing of it is kept: a dialogue ends with its SIM, its network
//! or the gateway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway::{Error, ErrorKind, Gateway, UssdAwaited};
use message::{MessageId, RouteId, UssdReply};
use smpp::session::Answer;
use smpp::{Body, Carried, Coding, NetworkError, Receipt, Sm, Status, Tag, Tlvs};
use tokio::sync::oneshot;
use tpdu::Content;

use crate::config::Source;
use crate::connection::{Answered, Order};
use crate::letter::Letter;
use crate::marks::Mark;
use crate::member::Member;
use crate::refusal::Refusal;
use crate::submit::{Submission, number, payload};
use crate::taking::Taken;
use crate::ticket::Address;

/// The dialogues of an account by their session numbers: one a SIM at most, as the network has it, and besides it those whose
/// last word is still to be told.
#[derive(Debug, Default)]
pub(crate) struct Dialogues(Mutex<BTreeMap<u8, Dialogue>>);

/// A dialogue.
#[derive(Debug, Clone)]
struct Dialogue {
    /// Tells it from others that have its number before and after it.
    id: MessageId,
    sim: RouteId,
    /// The application's address, and that which it wrote to.
    ours: Address,
    theirs: Address,
    /// What the network said so far.
    steps: u8,
    /// A step was taken, and what came of it is not told yet.
    awaits: bool,
}

/// A number that is kept for a dialogue that is being dialled; dropped, it is as before.
struct Reserved<'a> {
    dialogues: &'a Dialogues,
    session: u8,
    /// The one before it on its SIM that had this number, for the case that it is not dialled.
    before: Option<Dialogue>,
    dialled: bool,
}

/// A step of an application.
struct Step {
    operation: u8,
    /// The session number that it names.
    session: Option<u8>,
    /// It ends the dialogue.
    ends: bool,
    text: String,
    ours: Address,
    theirs: Address,
}

/// What is told, and to whom.
struct Told {
    session: u8,
    dialogue: Dialogue,
    reply: Result<UssdReply, Error>,
}

/// Takes a step. The mark is on its answer: what the network says waits for that.
pub(crate) async fn take(
    gateway: &Gateway,
    member: &Arc<Member>,
    connection: u64,
    body: &Body,
    tlvs: &Tlvs,
) -> (Answer, Vec<Taken>) {
    let taken = async {
        let step = Step::of(body, tlvs, member)?;
        work(gateway, member, connection, step).await
    };
    match taken.await {
        Ok(mark) => (Answer::taken(mark.id.to_string()), vec![Taken { mark, parts: None }]),
        Err(refusal) => (refusal.tell(member, body.command()), Vec::new()),
    }
}

async fn work(gateway: &Gateway, member: &Arc<Member>, connection: u64, step: Step) -> Result<Mark, Refusal> {
    if !member.terms().account.ussd {
        return Err(failed("the account may not use USSD"));
    }
    let mark = member.unanswered.put(MessageId::fresh());
    let (session, dialogue, awaited) = match step.operation {
        PSSR_INDICATION => begin(gateway, member, step).await?,
        USSR_CONFIRM if step.ends => {
            end(gateway, member, &step).await?;
            return Ok(mark);
        }
        USSR_CONFIRM => go_on(gateway, member, &step).await?,
        _ => return Err(failed("ussd_service_op is neither 1 (a code) nor 18 (an answer)")),
    };
    let (gateway, member, answer) = (gateway.clone(), Arc::clone(member), mark.id);
    tokio::spawn(async move {
        let reply = awaited.reply().await;
        member.unanswered.gone(answer, ANSWER_WAIT).await;
        tell(&gateway, &member, connection, (session, dialogue), reply).await;
    });
    Ok(mark)
}

/// Dials a code. Its number is kept before that: nothing is dialled whose words nobody could tell from another's.
async fn begin(gateway: &Gateway, member: &Member, step: Step) -> Result<(u8, MessageId, UssdAwaited), Refusal> {
    let sim = gateway.usable_sim(&member.terms().origin, &sim(gateway, member, &step.ours)?)?;
    let code = match step.text.is_empty() {
        true => step.theirs.address.clone(),
        false => step.text,
    };
    let dialogue = Dialogue {
        id: MessageId::fresh(),
        sim: sim.clone(),
        ours: step.ours,
        theirs: step.theirs,
        steps: 0,
        awaits: true,
    };
    let id = dialogue.id;
    let reserved = member.dialogues.reserve(step.session, dialogue);
    let reserved = reserved.ok_or_else(|| failed("its_session_info names a dialogue that is going on"))?;
    let begun = gateway.ussd_begin(&member.terms().origin, sim.as_str(), &code).await?;
    Ok((reserved.begun(&sim), id, begun))
}

/// The SIM that the source address names; an account with one SIM need not name it.
fn sim(gateway: &Gateway, member: &Member, source: &Address) -> Result<String, Refusal> {
    let named = [number(source), source.address.clone()];
    let named = named.into_iter().find(|name| gateway.has_sender(name));
    let only = match member.terms().account.sims.as_deref() {
        Some([only]) if member.terms().account.source != Source::Strict || source.address.is_empty() => {
            Some(only.to_string())
        }
        _ => None,
    };
    named
        .or(only)
        .ok_or_else(|| Refusal::new(Status::INVALID_SOURCE, "source_addr names no SIM to dial on"))
}

/// Answers the network. Where that does not wait any more, the dialogue is over.
async fn go_on(gateway: &Gateway, member: &Member, step: &Step) -> Result<(u8, MessageId, UssdAwaited), Refusal> {
    let (session, dialogue) = member.dialogues.find(step.session).ok_or_else(unknown)?;
    let sim = dialogue.sim.as_str();
    match gateway.ussd_go_on(&member.terms().origin, sim, &step.text).await {
        Ok(awaited) => {
            member.dialogues.awaits(session, dialogue.id);
            Ok((session, dialogue.id, awaited))
        }
        Err(error) => {
            // One whose last word is about to be told ends with that.
            if error.kind == ErrorKind::WrongState && !dialogue.awaits {
                member.dialogues.close(session, dialogue.id);
            }
            Err(error.into())
        }
    }
}

/// Ends a dialogue.
async fn end(gateway: &Gateway, member: &Member, step: &Step) -> Result<(), Refusal> {
    let (session, dialogue) = member.dialogues.find(step.session).ok_or_else(unknown)?;
    member.dialogues.close(session, dialogue.id);
    Ok(gateway
        .ussd_cancel(&member.terms().origin, dialogue.sim.as_str())
        .await?)
}

/// A session of the application has ended. With the last one nobody is left who could answer the network: what waits for
/// that is ended there too, or its SIM would stay taken until the network gives up. A word that is still to come ends
/// its dialogue when nobody takes it.
pub(crate) async fn left(gateway: &Gateway, member: &Member) {
    if member.is_present() {
        return;
    }
    for sim in member.dialogues.leave() {
        tracing::info!(account = member.system_id, %sim, "the application is gone; its dialogue ends");
        // A network that hears nothing ends it as well.
        let _ = gateway.ussd_abandon(&member.terms().origin, sim.as_str()).await;
    }
}

/// Tells the application what the network said, unless the dialogue was ended meanwhile.
async fn tell(
    gateway: &Gateway,
    member: &Member,
    connection: u64,
    (session, id): (u8, MessageId),
    reply: Result<UssdReply, Error>,
) {
    let open = reply.as_ref().is_ok_and(|reply| reply.open);
    let dialogue = match open {
        true => member.dialogues.step(session, id),
        false => member.dialogues.close(session, id),
    };
    let Some(dialogue) = dialogue else { return };
    let sim = dialogue.sim.clone();
    let told = Told {
        session,
        dialogue,
        reply,
    };
    let taken = deliver(member, connection, told.letter(member)).await;
    if open && !taken {
        tracing::info!(
            account = member.system_id,
            %sim,
            "nobody takes the network's word; the dialogue ends"
        );
        member.dialogues.close(session, id);
        // A network that hears nothing ends it as well.
        let _ = gateway.ussd_abandon(&member.terms().origin, sim.as_str()).await;
    }
}

/// Over the connection that asked, or another one where that is gone.
async fn deliver(member: &Member, connection: u64, (body, tlvs): Letter) -> bool {
    let Some(receiver) = member.receiver_near(connection) else {
        return false;
    };
    let (done, answer) = oneshot::channel();
    let sent = receiver.orders.send(Order { body, tlvs, done }).await;
    sent.is_ok() && answer.await == Ok(Answered::With(Status::OK))
}

impl Step {
    fn of(body: &Body, tlvs: &Tlvs, member: &Member) -> Result<Self, Refusal> {
        let octets = |tag| tlvs.get(tag).unwrap_or_default();
        let [operation] = octets(Tag::USSD_SERVICE_OP) else {
            return Err(Refusal::new(
                Status::INVALID_PARAMETER_LENGTH,
                "ussd_service_op has one octet",
            ));
        };
        let (session, ends) = match octets(Tag::ITS_SESSION_INFO) {
            [] => (None, false),
            [session, last] => (Some(*session), last & END != 0),
            _ => {
                return Err(Refusal::new(
                    Status::INVALID_PARAMETER_LENGTH,
                    "its_session_info has two octets",
                ));
            }
        };
        let submission = Submission::of(body).ok_or_else(|| failed("this is no submission"))?;
        let [theirs] = &submission.to[..] else {
            return Err(failed("a dialogue has one other side"));
        };
        let Content::Text(text) = payload(body, tlvs)?.content(member.terms().account.charset.into()) else {
            return Err(failed("USSD is text"));
        };
        Ok(Self {
            operation: *operation,
            session,
            ends,
            text,
            theirs: theirs.clone(),
            ours: submission.source,
        })
    }
}

impl Told {
    fn letter(&self, member: &Member) -> Letter {
        let open = self.reply.as_ref().is_ok_and(|reply| reply.open);
        let text = self
            .reply
            .as_ref()
            .map_or_else(|error| error.reason.as_str(), |reply| &reply.text);
        let (coding, octets) = Coding::best(text, member.terms().account.charset.into());
        let Carried {
            short_message,
            mut tlvs,
            ..
        } = Carried::whole(octets);
        tlvs.push_octet(Tag::USSD_SERVICE_OP, if open { USSR_REQUEST } else { PSSR_RESPONSE });
        let last = self.dialogue.steps << 1 | u8::from(!open);
        tlvs.push(Tag::ITS_SESSION_INFO, &[self.session, last][..]);
        if self.reply.is_err() {
            let receipt = Receipt {
                network_error: Some(NetworkError {
                    network: GSM,
                    code: SYSTEM_FAILURE,
                }),
                ..Receipt::default()
            };
            receipt.push_tlvs(&mut tlvs);
        }
        let (from, to) = (&self.dialogue.theirs, &self.dialogue.ours);
        let sm = Sm {
            service_type: SERVICE.into(),
            source_addr_ton: from.ton,
            source_addr_npi: from.npi,
            source_addr: from.fitting(),
            dest_addr_ton: to.ton,
            dest_addr_npi: to.npi,
            destination_addr: to.fitting(),
            data_coding: coding.0,
            short_message,
            ..Sm::default()
        };
        (Body::DeliverSm(sm), tlvs)
    }
}

impl Dialogues {
    /// Keeps this number, or a free one, for a dialogue that is to be dialled; `None` where that is taken. One on the same SIM
    /// that nobody waits for does not keep its number from it.
    fn reserve(&self, wanted: Option<u8>, dialogue: Dialogue) -> Option<Reserved<'_>> {
        let mut open = self.lock();
        let yields = |old: &Dialogue| old.sim == dialogue.sim && !old.awaits;
        let session = match wanted {
            Some(wanted) => open.get(&wanted).is_none_or(yields).then_some(wanted)?,
            None => (1..=u8::MAX).find(|number| !open.contains_key(number))?,
        };
        let before = open.insert(session, dialogue);
        Some(Reserved {
            dialogues: self,
            session,
            before,
            dialled: false,
        })
    }

    /// A step was taken.
    fn awaits(&self, session: u8, id: MessageId) {
        let mut open = self.lock();
        if let Some(dialogue) = open.get_mut(&session).filter(|dialogue| dialogue.id == id) {
            dialogue.awaits = true;
        }
    }

    /// The one with this number; without one the only one.
    fn find(&self, session: Option<u8>) -> Option<(u8, Dialogue)> {
        let open = self.lock();
        let found = match session {
            Some(session) => open.get_key_value(&session),
            None if open.len() == 1 => open.first_key_value(),
            None => None,
        };
        found.map(|(session, dialogue)| (*session, dialogue.clone()))
    }

    /// The network said something more, and waits.
    fn step(&self, session: u8, id: MessageId) -> Option<Dialogue> {
        let mut open = self.lock();
        let dialogue = open.get_mut(&session).filter(|dialogue| dialogue.id == id)?;
        dialogue.steps = (dialogue.steps + 1) & 0x7F;
        dialogue.awaits = false;
        Some(dialogue.clone())
    }

    /// Forgets those that wait for the application; their SIMs.
    fn leave(&self) -> Vec<RouteId> {
        let mut open = self.lock();
        let left = open.extract_if(.., |_, dialogue| !dialogue.awaits);
        left.map(|(_, dialogue)| dialogue.sim).collect()
    }

    fn close(&self, session: u8, id: MessageId) -> Option<Dialogue> {
        let mut open = self.lock();
        open.get(&session).filter(|dialogue| dialogue.id == id)?;
        open.remove(&session)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u8, Dialogue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    /// It was dialled: what was left open on its SIM before is over.
    fn begun(mut self, sim: &RouteId) -> u8 {
        self.dialled = true;
        let over = |old: &Dialogue| old.sim == *sim && !old.awaits;
        let mut open = self.dialogues.lock();
        open.retain(|number, old| *number == self.session || !over(old));
        self.session
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if self.dialled {
            return;
        }
        let mut open = self.dialogues.lock();
        match self.before.take() {
            Some(before) => open.insert(self.session, before),
            None => open.remove(&self.session),
        };
    }
}

fn failed(why: &str) -> Refusal {
    Refusal::new(Status::SUBMIT_FAILED, why)
}

fn unknown() -> Refusal {
    failed("no dialogue is open under this its_session_info")
}

/// Values of ussd_service_op: a code of the application's; what the network asks, and the answer to it; its last word.
const PSSR_INDICATION: u8 = 1;
const USSR_REQUEST: u8 = 2;
const PSSR_RESPONSE: u8 = 17;
const USSR_CONFIRM: u8 = 18;
/// The bit of its_session_info that ends a dialogue.
const END: u8 = 0x01;
/// service_type of USSD (clause 5.2.11).
const SERVICE: &str = "USSD";
/// The network of network_error_code that is GSM, and its systemFailure (TS 29.002 17.6.1).
const GSM: u8 = 3;
const SYSTEM_FAILURE: u16 = 34;
/// How long the network's word waits for the answer to the application's step.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue(sim: &str) -> Dialogue {
        Dialogue {
            id: MessageId::fresh(),
            sim: RouteId::new(sim),
            ours: Address::default(),
            theirs: Address::default(),
            steps: 0,
            awaits: true,
        }
    }

    fn open(dialogues: &Dialogues, wanted: Option<u8>, sim: &str) -> Option<(u8, MessageId)> {
        let dialogue = dialogue(sim);
        let id = dialogue.id;
        let session = dialogues.reserve(wanted, dialogue)?.begun(&RouteId::new(sim));
        Some((session, id))
    }

    #[test]
    fn numbers_of_dialogues_are_the_applications_or_the_lowest_that_is_free() {
        let dialogues = Dialogues::default();
        let number = |wanted, sim: &str| open(&dialogues, wanted, sim).map(|(session, _)| session);
        assert_eq!(number(Some(2), "a"), Some(2));
        assert_eq!(number(Some(2), "b"), None);
        assert!(
            dialogues.find(None).is_some_and(|(session, _)| session == 2),
            "the only one"
        );
        let (session, id) = open(&dialogues, None, "b").expect("a free one");
        assert_eq!((session, number(None, "c")), (1, Some(3)));
        assert!(dialogues.find(None).is_none());
        assert_eq!(dialogues.step(1, id).map(|dialogue| dialogue.steps), Some(1));
        assert!(dialogues.close(1, id).is_some() && dialogues.step(1, id).is_none());
    }

    #[test]
    fn a_menu_that_was_left_does_not_keep_its_number() {
        let dialogues = Dialogues::default();
        let (_, left) = open(&dialogues, Some(7), "a").expect("a number");
        assert!(
            dialogues.reserve(Some(7), dialogue("a")).is_none(),
            "its word is to come"
        );
        dialogues.step(7, left).expect("the network asks");
        assert!(dialogues.reserve(Some(7), dialogue("b")).is_none(), "another SIM's");
        let in_vain = dialogues.reserve(Some(7), dialogue("a")).expect("the same SIM's");
        drop(in_vain);
        assert!(
            dialogues.find(Some(7)).is_some_and(|(_, found)| found.id == left),
            "it could not be dialled: the menu is as it was"
        );
        let (_, next) = open(&dialogues, Some(7), "a").expect("the same SIM's");
        assert!(dialogues.close(7, left).is_none(), "an old word ends no new dialogue");
        dialogues.step(7, next).expect("the network asks");
        assert_eq!(open(&dialogues, None, "a").map(|(session, _)| session), Some(1));
        assert!(dialogues.find(Some(7)).is_none(), "one a SIM");
    }
}
