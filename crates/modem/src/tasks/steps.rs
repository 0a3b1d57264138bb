//! The steps of setting up: what each asks, and what it makes of the answer.

use at::reply;
use message::{Lock, SlotState};

use crate::core::Core;
use crate::dialects;
use crate::output::Event;
use crate::timer::Timer;
use crate::wire::Answer;

use super::{Next, ask, ask_slowly, network, pin, routing};

/// One step. Those without a command of their own only look at what is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Leaves a prompt that somebody left open, and lets old answers pass.
    Escape,
    /// Waits until somebody answers.
    Alive,
    EchoOff,
    /// Errors with numbers.
    Errors,
    Maker,
    Model,
    Revision,
    Imei,
    /// Tells who it is, and stops at another modem than before.
    Identified,
    /// The dialect's own commands.
    Greeting,
    Iccid,
    /// The ICCID from the card's file, where no command tells it.
    IccidFile,
    /// The IMSI, by which a slot may know its card, where nothing else is to be asked.
    EarlyImsi,
    /// Waits for the slot's settings.
    Adoption,
    /// Full functionality.
    Function,
    Lock,
    Tries,
    Proof,
    Unlocking,
    Unlocked,
    Imsi,
    /// The ICCID of a card that showed it only now.
    IccidAgain,
    /// Tells whose card it is.
    SimIdentified,
    ServiceCentre,
    PduMode,
    Charset,
    MemoriesOffered,
    Memories,
    RoutingOffered,
    /// `+CSMS=1`, where messages are to be acknowledged.
    Service,
    Routing,
    CircuitNotices,
    PacketNotices,
    EpsNotices,
    Circuit,
    Packet,
    Eps,
    /// Operators by name.
    OperatorFormat,
    Operator,
    Signal,
    /// Whether the card is still there: a modem that says nothing of its own tells it when asked.
    Card,
    OwnNumber,
    /// `+CLIP`.
    CallerNumber,
}

/// How a walk goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// With the next step.
    Next,
    /// With the next fallback of this step.
    Fallback,
    /// With the same, after a rest.
    Again(Timer),
    /// With another step.
    Go(Step),
    /// Not at all; the state says why.
    Stop,
    /// With recovery.
    Trouble(String),
}

impl Step {
    /// What the step asks; nothing when it has nothing (left) to ask.
    pub(crate) fn ask(self, core: &mut Core, variant: usize) -> Option<Next> {
        let first = variant == 0;
        match self {
            Self::Escape => Some(Next::Write(b"\x1b\r", Timer::Drain)),
            Self::Alive => Some(Next::Ask(at::Command::new("AT"), Timer::Alive)),
            Self::EchoOff => first.then(|| ask("ATE0")),
            Self::Errors => ["AT+CMEE=1", "AT+CMEE=2"].get(variant).map(ask),
            Self::Maker => ["AT+CGMI", "AT+GMI"].get(variant).map(ask),
            Self::Model => ["AT+CGMM", "AT+GMM"].get(variant).map(ask),
            Self::Revision => first.then(|| ask("AT+CGMR")),
            Self::Imei => ["AT+CGSN", "AT+GSN"].get(variant).map(ask),
            Self::Identified => identified(core),
            Self::Greeting => core.dialect.greeting.get(variant).map(ask),
            Self::Iccid | Self::IccidAgain => ask_iccid(core, variant),
            Self::IccidFile => (first && core.facts.sim.iccid.is_none()).then(|| ask_slowly(READ_ICCID)),
            Self::EarlyImsi => (first && core.config.identify_only).then(|| ask("AT+CIMI")),
            Self::Adoption => {
                core.tell_sim();
                core.await_adoption()
            }
            Self::Function => ["AT+CFUN?", "AT+CFUN=1"].get(variant).map(ask_slowly),
            Self::Lock | Self::Tries | Self::Proof | Self::Unlocking | Self::Unlocked => pin::ask(self, core, variant),
            Self::Imsi => first.then(|| ask("AT+CIMI")),
            Self::SimIdentified => sim_identified(core),
            Self::ServiceCentre => first.then(|| ask("AT+CSCA?")),
            Self::Card => first.then(|| ask_slowly("AT+CPIN?")),
            Self::PduMode => Some(ask("AT+CMGF=0")),
            Self::Charset => core
                .charset_choice(variant)
                .map(|name| ask(format!("AT+CSCS=\"{name}\""))),
            Self::MemoriesOffered | Self::Memories | Self::RoutingOffered | Self::Service | Self::Routing => {
                routing::ask(self, core, variant)
            }
            _ => network::ask(self, variant),
        }
    }

    /// What the step makes of an answer. `tries`: how often the same was asked before.
    pub(crate) fn heard(self, core: &mut Core, variant: usize, tries: u8, answer: &Answer) -> Then {
        match self {
            Self::Alive => alive(tries, answer),
            Self::EchoOff => Then::Next,
            Self::Errors => ok_or_fallback(answer),
            Self::Maker | Self::Model | Self::Revision | Self::Imei => identity(self, core, answer),
            Self::Greeting => Then::Fallback,
            Self::Iccid | Self::IccidAgain | Self::IccidFile => iccid(core, answer),
            Self::Function => function(variant, answer),
            Self::Lock | Self::Tries | Self::Proof | Self::Unlocking | Self::Unlocked => {
                pin::heard(self, core, tries, answer)
            }
            Self::EarlyImsi => early_imsi(core, answer),
            Self::Imsi => imsi(core, answer),
            Self::ServiceCentre => service_centre(core, tries, answer),
            Self::Card => pin::card(core, answer),
            Self::PduMode => pdu_mode(core, tries, answer),
            Self::Charset => charset(core, variant, answer),
            Self::MemoriesOffered | Self::Memories | Self::RoutingOffered | Self::Service | Self::Routing => {
                routing::heard(self, core, variant, answer)
            }
            _ => network::heard(self, core, answer),
        }
    }

    /// What to do when the modem is there but did not answer this.
    pub(crate) fn unanswered(self, _core: &mut Core, _variant: usize) -> Then {
        match self {
            Self::PduMode => Then::Trouble(format!("no answer to {}", self.words())),
            Self::Unlocking => Then::Next,
            Self::Lock | Self::Unlocked => Then::Again(Timer::Busy),
            Self::Greeting | Self::Tries | Self::Iccid | Self::IccidAgain | Self::Routing | Self::Memories => {
                Then::Fallback
            }
            _ => Then::Next,
        }
    }
}

/// The next step after OK, the next fallback after anything else.
pub(crate) fn ok_or_fallback(answer: &Answer) -> Then {
    if answer.is_ok() { Then::Next } else { Then::Fallback }
}

fn alive(tries: u8, answer: &Answer) -> Then {
    if answer.is_ok() {
        return Then::Next;
    }
    if tries < ALIVE_TRIES {
        return Then::Again(Timer::Drain);
    }
    Then::Trouble(match answer.is_silent() {
        true => String::from("no answer to AT"),
        false => format!("no OK to AT, but {}", answer.words()),
    })
}

fn identity(step: Step, core: &mut Core, answer: &Answer) -> Then {
    let text = match step {
        Step::Imei => reply::imei(&answer.reply),
        _ => reply::free_text(&answer.reply),
    };
    let Some(text) = text.ok().filter(|_| answer.is_ok()) else {
        return Then::Fallback;
    };
    let text = Some(text.trim().to_owned());
    core.facts.set(
        |facts| match step {
            Step::Maker => &mut facts.identity.maker,
            Step::Model => &mut facts.identity.model,
            Step::Revision => &mut facts.identity.revision,
            _ => &mut facts.identity.imei,
        },
        text,
    );
    Then::Next
}

/// Chooses the dialect, and goes no further with a modem that does not belong here.
fn identified(core: &mut Core) -> Option<Next> {
    let identity = core.facts.identity.clone();
    let maker = identity.maker.as_deref().unwrap_or_default();
    let model = identity.model.as_deref().unwrap_or_default();
    let chosen = core.config.dialect.as_deref().and_then(dialects::by_name);
    core.dialect = chosen.unwrap_or_else(|| dialects::select(maker, model));
    let name = core.dialect.name;
    core.facts.set(|facts| &mut facts.dialect, name);
    core.event(Event::Identified(identity.clone()));
    let imei = identity.imei?;
    let before = core.imei.replace(imei.clone());
    let expected = core.config.imei.clone().or(before)?;
    if expected == imei {
        return None;
    }
    let reason = format!("another modem answers: IMEI {imei} instead of {expected}");
    core.imei = Some(expected);
    core.forget_messages();
    core.set_state(SlotState::WrongSim, reason);
    Some(Next::Done)
}

fn ask_iccid(core: &Core, variant: usize) -> Option<Next> {
    if core.facts.sim.iccid.is_some() {
        return None;
    }
    core.dialect.iccid.get(variant).map(ask)
}

fn iccid(core: &mut Core, answer: &Answer) -> Then {
    let found = reply::iccid(&answer.reply).or_else(|_| answer.reply.find(reply::crsm_iccid));
    match found {
        Ok(iccid) if answer.is_ok() => {
            core.facts.set(|facts| &mut facts.sim.iccid, Some(iccid));
            Then::Next
        }
        _ => Then::Fallback,
    }
}

fn sim_identified(core: &mut Core) -> Option<Next> {
    core.tell_sim();
    core.compare_sim();
    None
}

fn function(variant: usize, answer: &Answer) -> Then {
    if variant > 0 {
        return Then::Next;
    }
    // A ZTE answers with the list of choices; then nobody knows, and it is left as it is.
    match answer.reply.find(reply::cfun) {
        Ok(0 | 4) => Then::Fallback,
        _ => Then::Next,
    }
}

/// A card that wants its PIN first does not tell it.
fn early_imsi(core: &mut Core, answer: &Answer) -> Then {
    if let (true, Ok(imsi)) = (answer.is_ok(), reply::imsi(&answer.reply)) {
        core.facts.set(|facts| &mut facts.sim.imsi, Some(imsi));
    }
    Then::Next
}

fn imsi(core: &mut Core, answer: &Answer) -> Then {
    if let (true, Ok(imsi)) = (answer.is_ok(), reply::imsi(&answer.reply)) {
        core.facts.set(|facts| &mut facts.sim.imsi, Some(imsi));
        core.facts.set(|facts| &mut facts.lock, Lock::Open);
        return Then::Next;
    }
    if matches!(answer.cme(), Some(10 | 13 | 15)) || core.facts.lock == Lock::Unknown {
        core.no_sim(format!("the SIM cannot be read: {}", answer.words()));
        return Then::Stop;
    }
    Then::Next
}

/// After unlocking it takes some ten seconds until the card tells its service centre.
fn service_centre(core: &mut Core, tries: u8, answer: &Answer) -> Then {
    if let Ok(smsc) = answer.reply.find(reply::csca) {
        let number = core.text(smsc.number.as_bytes());
        let smsc = core.config.smsc.clone().unwrap_or(number);
        core.facts.set(|facts| &mut facts.smsc, Some(smsc));
        return Then::Next;
    }
    if core.pin.was_entered() && tries < SIM_TRIES {
        return Then::Again(Timer::Busy);
    }
    let smsc = core.config.smsc.clone();
    core.facts.set(|facts| &mut facts.smsc, smsc);
    Then::Next
}

fn pdu_mode(core: &Core, tries: u8, answer: &Answer) -> Then {
    if answer.is_ok() {
        return Then::Next;
    }
    let patience = if core.dialect.says_sms_ready {
        SIM_TRIES * 2
    } else {
        SIM_TRIES
    };
    if tries < patience {
        return Then::Again(Timer::Busy);
    }
    Then::Trouble(format!("it refuses PDU mode: {}", answer.words()))
}

fn charset(core: &mut Core, variant: usize, answer: &Answer) -> Then {
    if !answer.is_ok() {
        return Then::Fallback;
    }
    core.ucs2 = core.charset_choice(variant).is_some_and(|name| name == "UCS2");
    Then::Next
}

/// READ BINARY of the ten octets of EF-ICCID (TS 27.007 8.18, TS 51.011 10.1.1).
const READ_ICCID: &str = "AT+CRSM=176,12258,0,0,10";

/// The first `AT` after a wake is often lost, and a modem may be busy starting.
const ALIVE_TRIES: u8 = 4;

/// Seconds until a card that was just unlocked answers (python-gsmmodem 10).
const SIM_TRIES: u8 = 12;
