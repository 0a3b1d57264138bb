//! Steps about the SIM's lock. A PIN goes out only against the store's proof that the try is recorded, and never with one
//! try left.

use at::reply::{self, PinState};
use message::{Lock, SlotState};

use crate::core::Core;
use crate::output::{Event, PinVerdict};
use crate::timer::Timer;
use crate::wire::Answer;

use super::steps::{Step, Then};
use super::{Next, ask as ask_text};

/// What a step about the lock asks.
pub(crate) fn ask(step: Step, core: &mut Core, variant: usize) -> Option<Next> {
    match step {
        Step::Lock | Step::Unlocked => {
            let deadline = if core.dialect.pin_without_ok {
                Timer::Alive
            } else {
                Timer::Answer
            };
            Some(Next::Ask(at::Command::new("AT+CPIN?"), deadline))
        }
        Step::Tries => ask_tries(core, variant),
        Step::Proof => want_proof(core),
        Step::Unlocking => enter(core),
        _ => None,
    }
}

/// What a step about the lock makes of its answer.
pub(crate) fn heard(step: Step, core: &mut Core, tries: u8, answer: &Answer) -> Then {
    match step {
        Step::Lock => lock(core, tries, answer),
        Step::Tries => tries_left(core, answer),
        Step::Unlocking => entered(core, answer),
        Step::Unlocked => unlocked(core, tries, answer),
        _ => Then::Next,
    }
}

/// The state of the lock that an answer tells, by its line or by its error (TS 27.007 9.2.2).
fn told(answer: &Answer) -> Option<PinState> {
    if let Ok(state) = answer.reply.find(reply::cpin) {
        return Some(state);
    }
    match answer.cme() {
        Some(10) => Some(PinState::NotInserted),
        Some(11) => Some(PinState::SimPin),
        Some(12) => Some(PinState::SimPuk),
        // PIN2 and PUK2 are of no concern to messages; some modems ask for them falsely (smstools).
        Some(17 | 18) => Some(PinState::Ready),
        Some(13 | 15) => Some(PinState::Other(answer.words().into())),
        // A plain OK means that nothing is asked for (smstools).
        _ if answer.is_ok() => Some(PinState::Ready),
        _ => None,
    }
}

/// A card that is gone, or another one that wants its PIN: the modem is set up anew, which tells what there is.
pub(super) fn card(core: &mut Core, answer: &Answer) -> Then {
    let reason = match told(answer) {
        Some(PinState::NotInserted) => "the SIM was taken out",
        Some(PinState::SimPin | PinState::SimPuk) => "the SIM asks for its PIN again",
        _ => return Then::Next,
    };
    core.restart(reason, None);
    Then::Stop
}

fn lock(core: &mut Core, tries: u8, answer: &Answer) -> Then {
    match told(answer) {
        Some(PinState::Ready | PinState::SimPin2 | PinState::SimPuk2) => {
            core.pin.opened();
            core.facts.set(|facts| &mut facts.lock, Lock::Open);
            Then::Go(Step::Imsi)
        }
        Some(PinState::SimPin) => Then::Next,
        Some(PinState::SimPuk) => puk(core),
        Some(PinState::NotInserted) => {
            core.no_sim(String::from("there is no SIM"));
            Then::Stop
        }
        // Asked once more, lest a garbled line locks the slot.
        Some(PinState::Other(_)) if tries < DOUBTS => Then::Again(Timer::Busy),
        Some(PinState::Other(words)) => held(core, format!("the modem asks for {words}; unlock it by hand")),
        Some(PinState::NotReady) | None if tries < LOCK_TRIES => Then::Again(Timer::Busy),
        Some(PinState::NotReady) => {
            core.no_sim(String::from("the SIM does not get ready"));
            Then::Stop
        }
        // A modem that does not know the question: whether the IMSI can be read tells.
        None => {
            core.facts.set(|facts| &mut facts.lock, Lock::Unknown);
            Then::Go(Step::Imsi)
        }
    }
}

fn puk(core: &mut Core) -> Then {
    core.facts.set(|facts| &mut facts.lock, Lock::Puk { tries: None });
    let reason = "the SIM is blocked and wants its PUK; enter it in a telephone";
    core.set_state(SlotState::Locked, reason);
    Then::Stop
}

/// The slot stays locked until the operator acts.
fn held(core: &mut Core, reason: String) -> Then {
    hold(core, reason, None)
}

fn hold(core: &mut Core, reason: String, tries: Option<u8>) -> Then {
    let lock = Lock::Held {
        reason: reason.clone(),
        tries,
    };
    core.facts.set(|facts| &mut facts.lock, lock);
    core.set_state(SlotState::Locked, reason);
    Then::Stop
}

fn ask_tries(core: &mut Core, variant: usize) -> Option<Next> {
    if variant == 0 {
        core.pin.tries = None;
    }
    let own = core.dialect.pin_counter;
    let all = own.into_iter().chain(COUNTERS.iter().copied());
    all.into_iter().nth(variant).map(ask_text)
}

fn tries_left(core: &mut Core, answer: &Answer) -> Then {
    let by_name = answer.reply.find(|line| reply::tries_left(line, &PinState::SimPin));
    let found = by_name.ok().and_then(|tries| tries.pin);
    let found = found.or_else(|| answer.reply.find(reply::csim_tries).ok());
    let Some(tries) = found.or_else(|| status_tries(answer)) else {
        return Then::Fallback;
    };
    core.pin.tries = Some(tries);
    Then::Next
}

/// The counter in the answer to STATUS of a 2G card: octet 19 of the response (TS 51.011 9.2.1).
fn status_tries(answer: &Answer) -> Option<u8> {
    let response = answer.reply.find(reply::any_named).ok()?;
    let data = response.texts.get(1).filter(|_| response.name == "+CSIM")?;
    let octet = u8::from_str_radix(data.get(36..38)?, 16).ok()?;
    let initialised = octet & 0x80 != 0;
    initialised.then_some(octet & 0x0F)
}

fn want_proof(core: &mut Core) -> Option<Next> {
    if core.pin.has_proof() {
        return None;
    }
    let tries = core.pin.tries;
    if let Some(reason) = core.pin.take_refusal() {
        held(core, reason);
        return Some(Next::Done);
    }
    if core.config.pin.is_none() {
        core.facts.set(|facts| &mut facts.lock, Lock::Pin { tries });
        core.set_state(SlotState::Locked, "the SIM wants its PIN and none is configured");
        return Some(Next::Done);
    }
    if tries.is_some_and(|tries| tries <= 1) {
        hold(
            core,
            String::from("only one PIN try is left, and the gateway never takes it; enter the PIN in a telephone"),
            tries,
        );
        return Some(Next::Done);
    }
    if core.pin.was_tried() {
        held(
            core,
            String::from("the PIN was tried once without success; check it, then unlock the SIM"),
        );
        return Some(Next::Done);
    }
    core.facts.set(|facts| &mut facts.lock, Lock::Pin { tries });
    let wanted = core.want_pin();
    core.event(Event::PinWanted(wanted));
    core.timers.start(Timer::PinProof, core.now);
    Some(Next::Wait)
}

fn enter(core: &mut Core) -> Option<Next> {
    core.timers.stop(Timer::PinProof);
    core.pin.use_proof()?;
    let pin = core.config.pin.as_ref()?;
    Some(Next::Ask(at::Command::cpin(pin.digits()), Timer::SlowAnswer))
}

fn entered(core: &mut Core, answer: &Answer) -> Then {
    if answer.is_ok() {
        return Then::Next;
    }
    match answer.cme() {
        Some(16) => {
            core.pin_verdict(PinVerdict::Rejected);
            held(core, String::from("the PIN is wrong; correct it, then unlock the SIM"))
        }
        Some(12) => {
            core.pin_verdict(PinVerdict::Rejected);
            puk(core)
        }
        _ => Then::Next,
    }
}

fn unlocked(core: &mut Core, tries: u8, answer: &Answer) -> Then {
    match told(answer) {
        Some(PinState::Ready | PinState::SimPin2 | PinState::SimPuk2) => {
            core.pin_verdict(PinVerdict::Accepted);
            core.pin.opened();
            core.facts.set(|facts| &mut facts.lock, Lock::Open);
            Then::Next
        }
        Some(PinState::SimPuk) => {
            core.pin_verdict(PinVerdict::Rejected);
            puk(core)
        }
        _ if tries < LOCK_TRIES => Then::Again(Timer::Busy),
        _ => {
            core.pin_verdict(PinVerdict::Unknown);
            held(
                core,
                String::from("the PIN was entered and the SIM did not open; check it, then unlock the SIM"),
            )
        }
    }
}

/// Ways to read the counter that belong to no maker: TS 27.007 8.65; VERIFY without data for a UICC (it uses no try up;
/// ModemManager); STATUS for a 2G card.
const COUNTERS: &[&str] = &[
    "AT+CPINR=\"SIM PIN\"",
    "AT+CPINR",
    "AT+CSIM=10,\"0020000100\"",
    "AT+CSIM=10,\"A0F2000016\"",
];

/// Times an unknown word about the lock is doubted.
const DOUBTS: u8 = 2;

/// Seconds until a SIM that starts tells its lock.
const LOCK_TRIES: u8 = 8;
