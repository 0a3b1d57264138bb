//! USSD: an application's dialogues with the network, over a SIM (clauses 5.3.2.44 and 5.3.2.43).
//!
//! The application begins with `ussd_service_op` 1 and a code, and is answered when it is dialled. What the network says
//! comes as deliver_sm: 2 where it waits for an answer, 17 where it was its last word. Answers go under 18, and so does
//! the end, which the last bit of `its_session_info` says. Nothing of it is kept: a dialogue ends with its SIM, its network
//! or the gateway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway::{Error, Gateway, UssdAwaited};
use message::{MessageId, UssdReply};
use smpp::session::Answer;
use smpp::{Body, Carried, Coding, NetworkError, Receipt, Sm, Status, Tag, Tlvs};
use tokio::sync::oneshot;
use tpdu::Content;

use crate::config::Source;
use crate::connection::Order;
use crate::letter::Letter;
use crate::marks::Mark;
use crate::member::Member;
use crate::refusal::Refusal;
use crate::submit::{Submission, number, payload};
use crate::ticket::Address;

/// The dialogues of an account by their session numbers: one a SIM at most, as the network has it.
#[derive(Debug, Default)]
pub(crate) struct Dialogues(Mutex<BTreeMap<u8, Dialogue>>);

/// A dialogue.
#[derive(Debug, Clone)]
struct Dialogue {
    sim: String,
    /// The application's address, and that which it wrote to.
    ours: Address,
    theirs: Address,
    /// What the network said so far.
    steps: u8,
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
) -> (Answer, Vec<Mark>) {
    let taken = async {
        let step = Step::of(body, tlvs, member)?;
        work(gateway, member, connection, step).await
    };
    match taken.await {
        Ok(mark) => (Answer::taken(mark.id.to_string()), vec![mark]),
        Err(refusal) => {
            tracing::debug!(account = member.account.system_id, status = %refusal.status, "refused: {}", refusal.why);
            (refusal.answer(body), Vec::new())
        }
    }
}

async fn work(gateway: &Gateway, member: &Arc<Member>, connection: u64, step: Step) -> Result<Mark, Refusal> {
    if !member.account.ussd {
        return Err(failed("the account may not use USSD"));
    }
    let mark = member.unanswered.put(MessageId::fresh());
    let (session, awaited) = match step.operation {
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
        tell(&gateway, &member, connection, session, reply).await;
    });
    Ok(mark)
}

/// Dials a code.
async fn begin(gateway: &Gateway, member: &Member, step: Step) -> Result<(u8, UssdAwaited), Refusal> {
    let sim = sim(gateway, member, &step.ours)?;
    let code = match step.text.is_empty() {
        true => step.theirs.address.clone(),
        false => step.text,
    };
    let dialogue = Dialogue {
        sim,
        ours: step.ours,
        theirs: step.theirs,
        steps: 0,
    };
    let begun = gateway.ussd_begin(&member.origin, &dialogue.sim, &code).await?;
    match member.dialogues.open(step.session, dialogue.clone()) {
        Some(session) => Ok((session, begun)),
        None => {
            // Nobody could tell it from the other one.
            let _ = gateway.ussd_cancel(&member.origin, &dialogue.sim).await;
            Err(failed("its_session_info names a dialogue that is going on"))
        }
    }
}

/// The SIM that the source address names; an account with one SIM need not name it.
fn sim(gateway: &Gateway, member: &Member, source: &Address) -> Result<String, Refusal> {
    let named = [number(source), source.address.clone()];
    let named = named.into_iter().find(|name| gateway.has_sender(name));
    let only = match member.account.sims.as_deref() {
        Some([only]) if member.account.source != Source::Strict || source.address.is_empty() => Some(only.to_string()),
        _ => None,
    };
    named
        .or(only)
        .ok_or_else(|| Refusal::new(Status::INVALID_SOURCE, "source_addr names no SIM to dial on"))
}

/// Answers the network.
async fn go_on(gateway: &Gateway, member: &Member, step: &Step) -> Result<(u8, UssdAwaited), Refusal> {
    let (session, dialogue) = member.dialogues.find(step.session).ok_or_else(unknown)?;
    let awaited = gateway.ussd_go_on(&member.origin, &dialogue.sim, &step.text).await?;
    Ok((session, awaited))
}

/// Ends a dialogue.
async fn end(gateway: &Gateway, member: &Member, step: &Step) -> Result<(), Refusal> {
    let (session, dialogue) = member.dialogues.find(step.session).ok_or_else(unknown)?;
    member.dialogues.close(session);
    Ok(gateway.ussd_cancel(&member.origin, &dialogue.sim).await?)
}

/// Tells the application what the network said, unless the dialogue was ended meanwhile.
async fn tell(gateway: &Gateway, member: &Member, connection: u64, session: u8, reply: Result<UssdReply, Error>) {
    let open = reply.as_ref().is_ok_and(|reply| reply.open);
    let dialogue = match open {
        true => member.dialogues.step(session),
        false => member.dialogues.close(session),
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
            account = member.account.system_id,
            sim,
            "nobody takes the network's word; the dialogue ends"
        );
        member.dialogues.close(session);
        // A network that hears nothing ends it as well.
        let _ = gateway.ussd_cancel(&member.origin, &sim).await;
    }
}

/// Over the connection that asked, or another one where that is gone.
async fn deliver(member: &Member, connection: u64, (body, tlvs): Letter) -> bool {
    let Some(receiver) = member.receiver_near(connection) else {
        return false;
    };
    let (done, answer) = oneshot::channel();
    let sent = receiver.orders.send(Order { body, tlvs, done }).await;
    sent.is_ok() && answer.await.is_ok_and(Status::is_ok)
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
        let Content::Text(text) = payload(body, tlvs)?.content(member.account.charset.into()) else {
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
        let (coding, octets) = Coding::best(text, member.account.charset.into());
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
            source_addr: from.octets(),
            dest_addr_ton: to.ton,
            dest_addr_npi: to.npi,
            destination_addr: to.octets(),
            data_coding: coding.0,
            short_message,
            ..Sm::default()
        };
        (Body::DeliverSm(sm), tlvs)
    }
}

impl Dialogues {
    /// Begins one under this number, or a free one; `None` where that is taken.
    fn open(&self, wanted: Option<u8>, dialogue: Dialogue) -> Option<u8> {
        let mut open = self.lock();
        let session = match wanted {
            Some(wanted) => (!open.contains_key(&wanted)).then_some(wanted)?,
            None => (1..=u8::MAX).find(|number| !open.contains_key(number))?,
        };
        open.insert(session, dialogue);
        Some(session)
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

    /// The network said something more.
    fn step(&self, session: u8) -> Option<Dialogue> {
        let mut open = self.lock();
        let dialogue = open.get_mut(&session)?;
        dialogue.steps = (dialogue.steps + 1) & 0x7F;
        Some(dialogue.clone())
    }

    fn close(&self, session: u8) -> Option<Dialogue> {
        self.lock().remove(&session)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u8, Dialogue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            sim: sim.into(),
            ours: Address::default(),
            theirs: Address::default(),
            steps: 0,
        }
    }

    #[test]
    fn numbers_of_dialogues_are_the_applications_or_the_lowest_that_is_free() {
        let dialogues = Dialogues::default();
        assert_eq!(dialogues.open(Some(2), dialogue("a")), Some(2));
        assert_eq!(dialogues.open(Some(2), dialogue("b")), None);
        assert!(
            dialogues.find(None).is_some_and(|(session, _)| session == 2),
            "the only one"
        );
        assert_eq!(dialogues.open(None, dialogue("b")), Some(1));
        assert_eq!(dialogues.open(None, dialogue("c")), Some(3));
        assert!(dialogues.find(None).is_none());
        assert_eq!(dialogues.step(1).map(|dialogue| dialogue.steps), Some(1));
        assert!(dialogues.close(1).is_some() && dialogues.step(1).is_none());
    }
}
