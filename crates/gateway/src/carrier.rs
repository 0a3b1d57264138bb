//! What carries messages: the pool of modems now, an SMPP upstream later. The binary hands carriers in.

use std::fmt;

use futures_util::stream::BoxStream;
use message::{
    Committed, JournalEntry, Level, Memory, Number, Outcome, PeerId, RawInbound, Receipt, RouteId, SlotSnapshot,
    TraceView, TraceWish, UpstreamSnapshot, UssdFault, UssdReply,
};

use crate::outgoing::desk::Handover;

/// Something with routes. What happens on them comes through its [`CarrierEvents`].
///
/// No call waits: what cannot be taken at once is given back.
pub trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// Every route it has, as things stand.
    fn routes(&self) -> Vec<RouteStatus>;

    /// One of its routes, as it stands.
    fn route(&self, route: &RouteId) -> Option<RouteStatus> {
        self.routes().into_iter().find(|status| status.route == *route)
    }

    /// What is shown of its slots, where it has slots.
    fn slots(&self) -> Vec<SlotSnapshot> {
        Vec::new()
    }

    /// What is shown of its upstreams, where it has any.
    fn upstreams(&self) -> Vec<UpstreamSnapshot> {
        Vec::new()
    }

    /// Sends a part. Exactly one [`CarrierEvent::Settled`] follows for every part that was taken.
    fn submit(&self, handover: Handover) -> Result<(), NotTaken>;

    /// A part that may wait there ([`Ahead`]) is wanted back. Where it has not begun, its [`CarrierEvent::Settled`] says so;
    /// one that has begun goes on.
    fn withdraw(&self, _route: &RouteId, _ticket: u64) {}

    /// What was handed over is kept: delete it where it lies, or acknowledge it to the network.
    ///
    /// # Errors
    /// The route cannot take this now: what lies there has to be asked for again, or this repeated.
    fn confirm(&self, route: &RouteId, kept: Committed<Option<Memory>>) -> Result<(), NotTaken>;

    /// The end of an attempt is kept: delete what lies of it on the modem. [`CarrierEvent::JournalFreed`] tells the end.
    ///
    /// # Errors
    /// The route cannot take this, or keeps no journal. The entry stays, and is found again by a later session.
    fn free(&self, route: &RouteId, _entry: Committed<JournalEntry>) -> Result<(), NotTaken> {
        Err(NotTaken {
            reason: format!("{route} keeps no journal"),
        })
    }

    /// Something that was handed over on this route could not be kept or confirmed: hand over again what is not
    /// confirmed. Where the other side repeats it by itself there is nothing to do.
    fn hand_over_again(&self, _route: &RouteId) -> Result<(), NotTaken> {
        Ok(())
    }

    /// A step of a USSD dialogue; the answer is [`CarrierEvent::Ussd`].
    fn ussd(&self, route: &RouteId, step: UssdStep) -> Result<(), NotTaken>;

    /// The try is recorded (`Ok`), so the PIN may be entered; or it must not be, for this reason.
    fn enter_pin(&self, route: &RouteId, verdict: Result<Committed<PinTry>, String>);

    /// The card with this ICCID belongs into its slot (`Ok`), or nothing may be sent by it, for this reason. A slot
    /// sends nothing until its card was judged.
    fn judge_card(&self, route: &RouteId, verdict: Result<Option<String>, String>);

    /// The operator releases a locked SIM.
    fn unlock(&self, route: &RouteId) -> Result<(), NotTaken>;

    /// What goes over the route's wire is to be written down from now on, or no longer; what it looks like then.
    ///
    /// # Errors
    /// It has no wire, or there is no place to write to.
    fn trace(&self, route: &RouteId, _wish: Option<TraceWish>) -> Result<Option<TraceView>, NotTaken> {
        Err(NotTaken {
            reason: format!("{route} has no wire"),
        })
    }

    /// The routes whose wires are written down.
    fn traces(&self) -> Vec<TraceView> {
        Vec::new()
    }
}

/// A carrier's events. They are taken without delay: whoever works them has queues of its own.
pub type CarrierEvents = BoxStream<'static, CarrierEvent>;

/// How one route stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteStatus {
    /// Which.
    pub route: RouteId,
    /// Its own number, where known.
    pub number: Option<Number>,
    /// The network it is registered in, where it has one.
    pub network: Option<String>,
    /// Why it cannot send now.
    pub obstacle: Option<Obstacle>,
    /// Its health.
    pub level: Level,
    /// How many parts it takes at once: one by a modem, as many as are answered together by an upstream. Nought counts
    /// as one.
    pub at_once: u16,
    /// Which of the parts that it took may wait there.
    pub ahead: Ahead,
}

/// Which of the parts that a route took may wait there before they begin. It sets the mark of such a part before anything of
/// it may go out, and gives it back when [asked](Carrier::withdraw).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ahead {
    /// None: nobody asks them back.
    #[default]
    None,
    /// One more than it takes at once: it begins as soon as another has ended.
    OneMore,
    /// Each of them, until a connection and the rate allow it.
    Any,
}

/// Why a route cannot send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// For people.
    pub sentence: String,
    /// Whether it stays until somebody does something (a locked SIM, a wrong card).
    pub needs_operator: bool,
}

/// What a carrier tells.
#[derive(Debug)]
pub enum CarrierEvent {
    /// The state of a route changed: [`Carrier::routes`] tells.
    Changed,
    /// The end of an attempt. An uncertain one may be settled once more, by an answer that came late.
    Settled {
        /// On which route.
        route: RouteId,
        /// The handover's ticket.
        ticket: u64,
        /// Its end.
        outcome: Outcome,
        /// What lies of it on the modem, to be freed once this is kept.
        journal: Option<JournalEntry>,
        /// With [`Outcome::Sent`]: the name by which receipts will tell of it, where the route gives names.
        id: Option<PeerId>,
    },
    /// An upstream's word on a part; [`Carrier::confirm`] follows when it is kept.
    Receipt {
        /// On which route.
        route: RouteId,
        /// What it says.
        receipt: Receipt,
        /// What is answered once it is kept.
        place: Memory,
    },
    /// Something arrived.
    Received {
        /// Where.
        route: RouteId,
        /// As it came.
        raw: RawInbound,
        /// What it is recognised by when it comes again, where the carrier knows better than its octets do: two messages
        /// may have the same.
        identity: Option<[u8; 32]>,
    },
    /// An entry of our own journal that a crash left, or somebody else's draft, was found on a modem.
    JournalFound {
        /// Where.
        route: RouteId,
        /// What.
        entry: JournalEntry,
        /// Whether it went out.
        sent: bool,
    },
    /// The end of [`Carrier::free`].
    JournalFreed {
        /// Where.
        route: RouteId,
        /// What.
        entry: JournalEntry,
        /// Whether it is known that it lies there no more.
        gone: bool,
    },
    /// A step of a USSD dialogue ended, or the network spoke by itself.
    Ussd {
        /// Where.
        route: RouteId,
        /// The network's word, or why there is none.
        reply: Result<UssdReply, UssdFailure>,
        /// Whether a step asked for it.
        asked: bool,
    },
    /// Somebody calls.
    Called {
        /// Which SIM.
        route: RouteId,
        /// Who, where shown.
        from: Option<String>,
    },
    /// A card was read; [`Carrier::judge_card`] answers.
    SimIdentified {
        /// In which slot.
        route: RouteId,
        /// Its number, where readable.
        iccid: Option<String>,
    },
    /// A PIN is to be entered; [`Carrier::enter_pin`] answers.
    PinWanted {
        /// In which slot.
        route: RouteId,
        /// The try.
        pin_try: PinTry,
    },
    /// What became of a PIN.
    PinVerdict {
        /// In which slot.
        route: RouteId,
        /// The try.
        pin_try: PinTry,
        /// Whether the card took it; `None`: nobody knows.
        accepted: Option<bool>,
    },
}

/// A PIN that is about to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinTry {
    /// What it is recorded under: the ICCID, or the IMEI where that is unreadable before unlocking, or the slot.
    pub identity: String,
    /// Tries left before it, where readable.
    pub tries_left: Option<u8>,
    /// Tells a PIN from most others, and nothing of what it is.
    pub mark: u8,
}

/// Why a step of a USSD dialogue came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UssdFailure {
    /// For people.
    pub reason: String,
    /// What that means for the next try.
    pub fault: UssdFault,
}

/// A step of a USSD dialogue (TS 27.007 7.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UssdStep {
    /// Dial a code.
    Start(String),
    /// Answer what the network asked.
    Reply(String),
    /// End the dialogue.
    Cancel,
}

/// Why a carrier did not take something. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// For people.
    pub reason: String,
}
