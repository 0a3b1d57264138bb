//! What a modem asks of its loop, and what it tells.

use std::time::{Duration, Instant};

use message::{JournalEntry, Outcome, RawInbound, SlotState, UssdFault, UssdReply};

use crate::facts::{Identity, Sim};

/// The loop gives up a write that the port has not taken for this long, and calls [`Modem::lost`](crate::Modem::lost).
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Something for the loop to do or to pass on, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these octets, all of them and in order.
    ///
    /// The machine measures its deadlines from the moment it hands them out, so the loop writes at once and keeps no clock
    /// for answers. What the port has not taken within [`WRITE_DEADLINE`] is a dead port: the loop then calls `lost`.
    /// Octets still unwritten at `Reopen` or `Close` are dropped.
    Write(Vec<u8>),
    /// From here on this part may go out: what comes next writes it. Whoever keeps a record of that keeps it now.
    Begins {
        /// Of which attempt.
        ticket: u64,
    },
    /// Something happened.
    Event(Event),
    /// Close the port, open it again and call [`Modem::opened`](crate::Modem::opened).
    Reopen {
        /// Why, for the log.
        reason: String,
        /// Not before this, since the modem needs the time to come back.
        not_before: Instant,
    },
    /// Close the port and leave it until then; open it afterwards and call [`Modem::opened`](crate::Modem::opened).
    Close {
        /// Why, for the log.
        reason: String,
        /// The end of the quarantine.
        until: Instant,
    },
}

/// What happened at a modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// [`Facts::state`](crate::Facts) changed, or its reason.
    StateChanged {
        /// The state now.
        state: SlotState,
        /// Why, for people.
        reason: String,
    },
    /// The modem told who it is (again after each start).
    Identified(Identity),
    /// The card told who it is; before unlocking only the ICCID, if that.
    SimIdentified(Sim),
    /// The PIN is to be entered: record the try, then answer with [`Job::EnterPin`](crate::Job::EnterPin), or with
    /// [`Job::RefusePin`](crate::Job::RefusePin) where the record shows an earlier try without success.
    PinWanted(PinTry),
    /// What became of the try.
    PinVerdict {
        /// The try.
        pin_try: PinTry,
        /// Its end.
        verdict: PinVerdict,
    },
    /// A message or a status report, to be kept and then deleted or acknowledged.
    Received(RawInbound),
    /// The end of an attempt. An uncertain one may be settled once more, by an answer that came late.
    Settled {
        /// Of which attempt.
        ticket: u64,
        /// Its end.
        outcome: Outcome,
        /// Its journal entry, to be freed when this is kept. That of an uncertain attempt is needed still: its status tells
        /// what became of it.
        journal: Option<JournalEntry>,
    },
    /// A sweep found an outgoing message in a memory: an entry of our own journal that a crash left, or somebody else's
    /// draft. Told once in a session.
    JournalFound {
        /// What lies there, and where.
        entry: JournalEntry,
        /// Whether it went out (`STO SENT`, TS 27.005 3.1).
        sent: bool,
    },
    /// The end of [`Job::Free`](crate::Job::Free).
    JournalFreed {
        /// The entry.
        entry: JournalEntry,
        /// Whether its place is known to hold nothing any more. If not, a sweep tells again what lies there.
        gone: bool,
    },
    /// The network's word in a USSD dialogue, or a notice it sent by itself.
    UssdReplied {
        /// What it said.
        reply: UssdReply,
        /// Whether a job asked for it.
        asked: bool,
    },
    /// A USSD step came to nothing.
    UssdFailed {
        /// Why, for people.
        reason: String,
        /// What that means for the next try.
        fault: UssdFault,
    },
    /// Somebody calls; once per call.
    Called {
        /// The number, where shown.
        from: Option<String>,
    },
    /// A message memory has no place left, so the network keeps what comes.
    StorageFull {
        /// Its name, where told.
        memory: Option<String>,
    },
    /// A step of the recovery ladder was taken.
    Recovery {
        /// Which.
        step: Rung,
        /// What made it necessary.
        reason: String,
    },
    /// Something an operator may want to know that changes no state.
    Notice(String),
}

/// An entry of a PIN that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinTry {
    /// Whose PIN: the card's, or the modem's where the card cannot be read before unlocking.
    pub identity: PinIdentity,
    /// Tries left before it, where readable. Where not, one try only is ever right.
    pub tries_left: Option<u8>,
    /// Tells a PIN from most others, and nothing of what it is.
    pub mark: u8,
}

/// What a PIN try is recorded under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PinIdentity {
    /// The card.
    Iccid(String),
    /// The modem, for a card that does not show its ICCID before it is unlocked.
    Imei(String),
    /// Neither could be read; the record is then the slot's.
    Unknown,
}

/// How a PIN try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinVerdict {
    /// The card is open.
    Accepted,
    /// The PIN is wrong.
    Rejected,
    /// The modem did not say; it is not tried again.
    Unknown,
}

/// The steps of recovery, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// ESC, and everything that comes is thrown away; then `AT`.
    Drain,
    /// The port is closed and opened.
    Reopen,
    /// The radio is switched off and on (`+CFUN`).
    Radio,
    /// The modem is restarted, where its dialect knows how.
    Reset,
    /// The modem is left alone for a while.
    Quarantine,
}

impl Rung {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Drain, Self::Reopen, Self::Radio, Self::Reset, Self::Quarantine];

    /// The word for people and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Reopen => "reopen",
            Self::Radio => "radio off and on",
            Self::Reset => "reset",
            Self::Quarantine => "quarantine",
        }
    }
}
