//! What the gateway asks of a modem.

use std::sync::Arc;

use message::{BeginMark, Committed, JournalEntry, Memory, SlotState, UssdFault};

use crate::{Config, PinTry};

/// A piece of work. The `proof`s come from the store: what must not happen before a commit asks for one.
#[derive(Debug, Clone)]
pub enum Job {
    /// Send a part; ends with [`Event::Settled`](crate::Event::Settled). The machine has
    /// two at most: one goes out, and one stands behind it.
    Send(Send),
    /// Give back the part of this ticket, where it still waits: it ends as [not begun](message::Outcome::NotBegun). One that
    /// has begun goes on.
    Withdraw {
        /// Of which attempt.
        ticket: u64,
    },
    /// Delete a message that was handed over and is kept now.
    Delete {
        /// That the message there is kept.
        proof: Committed<Memory>,
    },
    /// Delete an entry of our own journal; ends with [`Event::JournalFreed`](crate::Event::JournalFreed). The place is
    /// read first, and left alone unless it still holds that entry.
    Free {
        /// That the end of its attempt is kept, and the entry known as ours.
        proof: Committed<JournalEntry>,
    },
    /// Acknowledge (`+CNMA`) the oldest message that was routed directly.
    Acknowledge {
        /// That the message is kept.
        proof: Committed<()>,
    },
    /// Read every memory.
    Sweep {
        /// Hand over again what was handed over in this session and is not deleted yet.
        again: bool,
    },
    /// Talk to the network's service menu.
    Ussd(UssdAction),
    /// Enter the PIN that [`Event::PinWanted`](crate::Event::PinWanted) asked for.
    EnterPin {
        /// That this try is recorded.
        proof: Committed<PinTry>,
    },
    /// Do not enter the PIN: it was tried before, and the slot stays locked.
    RefusePin {
        /// Why, for the operator.
        reason: String,
    },
    /// The operator released a locked slot: the PIN may be tried once more, though never with one try left.
    Unlock,
    /// Hang up the call that rings.
    HangUp,
    /// Read registration, operator, signal and storage now.
    Refresh,
    /// Set the modem up anew; with `radio`, after the radio was switched off and on.
    Reset {
        /// Switch the radio off and on first.
        radio: bool,
    },
    /// The settings of the slot this modem belongs to, after [`Config::identify_only`].
    Adopt(Box<Config>),
}

/// A part to send.
#[derive(Debug, Clone)]
pub struct Send {
    /// The caller's name for this attempt, given back with the outcome.
    pub ticket: u64,
    /// The SUBMIT TPDU without its SMSC part; the machine puts the slot's service centre before it.
    pub tpdu: Vec<u8>,
    /// That the attempt is recorded.
    pub proof: Committed<()>,
    /// Store it on the modem first (`+CMGW`, `+CMSS`), so that a crash can be settled by reading the slot.
    pub journal: bool,
    /// Set by whoever drives the machine when the part [begins](crate::Output::Begins); `None`: nobody needs to know.
    pub mark: Option<Arc<dyn BeginMark>>,
    /// More parts follow at once: keep the link open in between (`+CMMS`, TS 27.005 3.5.6) where the modem can.
    pub burst: bool,
}

/// One step of a USSD dialogue (TS 27.007 7.15). One dialogue at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UssdAction {
    /// Dial a code such as `*100#`.
    Start {
        /// The code.
        code: String,
    },
    /// Answer the menu that is open.
    Reply {
        /// The answer.
        text: String,
    },
    /// End the dialogue.
    Cancel,
}

/// Why a job is not taken. Nothing was done and nothing will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The modem cannot do this in its state; the facts say why.
    NotReady(SlotState),
    /// As many of this kind wait as may; try again after the next event.
    Full,
    /// The memory was not handed over in this session, or is gone: deleting there might hit another message.
    Unknown,
    /// No PIN was asked for, or not this one.
    NotWanted,
    /// A dialogue is going on already.
    Dialogue,
    /// No dialogue is open to answer.
    NoDialogue,
    /// The TPDU is empty or longer than a SUBMIT can be (TS 23.040 9.2.2.2), or a text holds what no command may.
    Malformed,
}

impl Rejected {
    /// What it means for a USSD step.
    pub fn ussd_fault(self) -> UssdFault {
        match self {
            Self::Dialogue => UssdFault::Taken,
            _ => UssdFault::Passing,
        }
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotReady(state) => write!(f, "the modem is not ready: {}", state.words()),
            Self::Full => f.write_str("as many wait for the modem as may"),
            Self::Unknown => f.write_str("the modem was set up anew since"),
            Self::NotWanted => f.write_str("the modem asked for no PIN"),
            Self::Dialogue => f.write_str("a USSD dialogue is open on this SIM already"),
            Self::NoDialogue => f.write_str("no USSD dialogue is open on this SIM to answer"),
            Self::Malformed => f.write_str("the modem cannot be given this"),
        }
    }
}
