//! Outgoing messages: accepted, attempted, settled.

pub(crate) mod accept;
mod decide;
mod due;
pub(crate) mod journal;
mod progress;
pub(crate) mod receipt;
mod report;
mod revise;
pub(crate) mod row;
mod tick;
mod view;

use jiff::Timestamp;

use message::{
    Accepted, Alphabet, Cause, Class, Failure, JournalEntry, MessageId, MessageState, Number, OnUncertain, PartState,
    PeerId, Priority, RouteId, TokenId,
};

pub(crate) use progress::QUARTER_MS;

/// The store's name for one part of an outgoing message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartKey {
    /// The message's row; rows grow in the order of acceptance.
    pub message: i64,
    /// Which part, from 1.
    pub part: u8,
}

/// A message to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Who asks.
    pub token: Option<TokenId>,
    /// The recipient.
    pub to: Number,
    /// The text.
    pub text: String,
    /// The route the caller named.
    pub from: Option<RouteId>,
    /// Whether `from` binds.
    pub strict: bool,
    /// How urgent.
    pub priority: Priority,
    /// The message class.
    pub class: Option<Class>,
    /// Whether a status report is asked for.
    pub report: bool,
    /// The alphabet of the parts.
    pub alphabet: Alphabet,
    /// Now.
    pub accepted_at: Timestamp,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// Worth nothing after.
    pub expires_at: Timestamp,
    /// The caller's key for repeating the request.
    pub idempotency_key: Option<String>,
    /// What happens to parts whose fate is unknown.
    pub on_uncertain: OnUncertain,
    /// What whoever hands it in wants to be told with its end ([`message::ReportNotice::note`]).
    pub note: Option<String>,
    /// What the token may spend; `None`: it is not limited.
    pub budget: Option<Budget>,
    /// One SUBMIT TPDU a part, in order.
    pub parts: Vec<Vec<u8>>,
}

/// What a token may spend, in millionths of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In 24 hours, with all that waits.
    pub most_micros: i64,
    /// What a part of this message costs at most.
    pub each_micros: i64,
}

/// The answer to `accept`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedParts {
    /// The answer for the caller.
    pub accepted: Accepted,
    /// The parts, ready to be worked on without reading them back; empty for a repeated request.
    pub due: Vec<DuePart>,
}

/// A part that waits for its turn, with all that routing and sending need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePart {
    /// Its key.
    pub key: PartKey,
    /// The message's id.
    pub message: MessageId,
    /// How many parts the message has.
    pub parts: u8,
    /// How urgent.
    pub priority: Priority,
    /// The place in the order of acceptance.
    pub seq: i64,
    /// The recipient.
    pub to: Number,
    /// The route the caller named.
    pub from: Option<RouteId>,
    /// Whether `from` binds.
    pub strict: bool,
    /// The route on which a part of the message was attempted first: the message stays on it.
    pub route: Option<RouteId>,
    /// The SUBMIT TPDU.
    pub tpdu: Vec<u8>,
    /// Whether a status report is asked for.
    pub report: bool,
    /// Worth nothing after.
    pub expires_at: Timestamp,
    /// Not before; `None`: at once.
    pub due_at: Option<Timestamp>,
    /// How often it was attempted.
    pub attempts: u32,
    /// The routes that said they cannot take this message.
    pub excluded: Vec<RouteId>,
    /// What happens when its fate is unknown.
    pub on_uncertain: OnUncertain,
    /// Who asked.
    pub token: Option<TokenId>,
}

/// One step on the hot path, kept in one transaction: the end of one attempt and the beginning of the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// What became of a part.
    pub settle: Option<Settle>,
    /// The part that goes out next.
    pub attempt: Option<Attempt>,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Which part.
    pub key: PartKey,
    /// The route it was attempted on. A word about a route that has no say over the part any more is ignored.
    pub route: RouteId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub result: Settled,
    /// What lies of it on the modem. It is known as ours from this commit on, until [`Store::journal_gone`]. Only for an
    /// end that needs the entry no more: an uncertain attempt is still to be settled by it.
    ///
    /// [`Store::journal_gone`]: crate::Store::journal_gone
    pub journal: Option<JournalEntry>,
}

/// How an attempt ended, with what it means for the part. A part in a final state never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The network took it.
    Sent {
        /// TP-MR, where the modem told it.
        reference: Option<u8>,
        /// What it cost, in millionths of the currency.
        cost_micros: i64,
        /// The name that an upstream gave it: its receipts tell it.
        peer_id: Option<PeerId>,
    },
    /// It did not go out and is tried again.
    Retry {
        /// Not before; expires with the message.
        due_at: Timestamp,
        /// Why it did not go out.
        failure: Failure,
        /// A route that the message shall not be tried on again.
        exclude_route: Option<RouteId>,
    },
    /// It will not go out.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It is not allowed to go out.
    Refused {
        /// Why.
        failure: Failure,
    },
    /// Nobody can tell whether it went out.
    Uncertain {
        /// When the rule of the message ([`OnUncertain`]) is applied.
        until: Timestamp,
        /// What was seen.
        reason: String,
    },
    /// It waits; nothing went out and no attempt is counted. Also for a part that was not attempted.
    Held {
        /// Not before.
        due_at: Timestamp,
        /// The code of it, where a modem or the network gave one.
        cause: Option<Cause>,
        /// Why, for people.
        reason: String,
    },
    /// Nothing went out: due at once, and the attempt is not counted.
    Requeued,
}

impl Settled {
    /// Whether the part is queued once more.
    pub fn is_queued_again(&self) -> bool {
        matches!(self, Self::Retry { .. } | Self::Held { .. } | Self::Requeued)
    }
}

/// The beginning of an attempt: kept before a byte goes to a modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which part.
    pub key: PartKey,
    /// On which route.
    pub route: RouteId,
    /// When.
    pub at: Timestamp,
    /// The TPDU where it was rebuilt (another validity, another reference).
    pub tpdu: Option<Vec<u8>>,
    /// It may wait there before it begins, and gets a [mark](Store::begin_mark) then.
    pub ahead: bool,
}

/// The proof that an attempt is on record: only now may the part be written to a modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Which part.
    pub key: PartKey,
    /// On which route.
    pub route: RouteId,
    /// Which attempt of this part it is, from 1.
    pub attempts: u32,
    /// It may wait there before it begins.
    pub ahead: bool,
}

/// What a status report or a receipt did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It settled a part.
    Settled {
        /// Which part.
        key: PartKey,
        /// The message.
        message: MessageId,
        /// The part's state now.
        part: PartState,
        /// The message's state now.
        state: MessageState,
    },
    /// It belongs to this part and settles nothing (the service centre still tries, a reserved status, or the part was
    /// settled before).
    Noted {
        /// Which part.
        key: PartKey,
        /// The message.
        message: MessageId,
    },
    /// The same report came before.
    Twin,
    /// Not exactly one part fits; it is kept and tried again when a part is settled as sent.
    Unmatched {
        /// How many parts fitted.
        candidates: usize,
    },
}

/// A part with a modem, or uncertain since the gateway died: what the modem's memory may tell about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempting {
    /// Which part.
    pub key: PartKey,
    /// The TPDU as it was to go out.
    pub tpdu: Vec<u8>,
    /// When the attempt began.
    pub since: Timestamp,
    /// Attempting or uncertain.
    pub state: PartState,
}

/// Who asked for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The token; `None`: the gateway itself.
    pub token: Option<TokenId>,
}

/// One line of a part's history: an attempt that did not end with the network's acceptance, or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// Which part, from 1.
    pub part: u8,
    /// When it ended.
    pub at: Timestamp,
    /// On which route.
    pub route: Option<RouteId>,
    /// What to do about it, in one word.
    pub class: String,
    /// The code, as `CMS 38`.
    pub code: String,
    /// A sentence for people.
    pub reason: String,
}

/// How much one [`tick`](crate::Store::tick) may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// How many rows one tick changes at most; what is left is done by the next ([`Ticked::more`]).
    pub batch: u32,
}

impl Default for Policies {
    fn default() -> Self {
        Self { batch: 500 }
    }
}

/// What a tick changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ticked {
    /// Parts whose time has come: `due` gives them now.
    pub woken: usize,
    /// Messages that lost a part to the end of their validity.
    pub expired: Vec<MessageId>,
    /// Messages of which an uncertain part is sent once more, marked *maybe twice*.
    pub resent: Vec<MessageId>,
    /// Messages that lost an uncertain part for good.
    pub failed: Vec<MessageId>,
    /// Messages whose uncertain part waits for the operator from now on.
    pub held: Vec<MessageId>,
    /// Received messages completed with parts missing.
    pub overdue: Vec<message::Inbound>,
    /// Receipts of upstreams that fitted no part in time.
    pub strays: usize,
    /// Whether more was due than one tick may do.
    pub more: bool,
}
