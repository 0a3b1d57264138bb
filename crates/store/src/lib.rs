//! Every message, part, attempt, report, event and delivery, durable, in one SQLite file.

#![forbid(unsafe_code)]

mod config;
mod error;
mod events;
mod health;
mod incoming;
mod outgoing;
mod retention;
mod sim;
mod store;

pub use config::{Config, Retention};
pub use error::{AcceptError, CancelError, Error, MoveError, OpenError, QueueOf, ResolveError};
pub use events::{Backlog, Delivery, DeliveryId};
pub use health::Health;
pub use incoming::{Joined, Joiner, Received};
pub use outgoing::{
    AcceptedParts, Attempt, Attempted, Attempting, DuePart, HistoryLine, NewMessage, Owner, PartKey, Policies,
    Progress, ReportOutcome, Settle, Settled, Ticked,
};
pub use retention::Retained;
pub use sim::{Binding, PinState, PinTry, PinVerdict};
pub use store::Store;

/// What `open` found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Parts that were with a modem when the gateway died; they are uncertain now.
    pub uncertain: Vec<PartKey>,
    /// Until when reports are waited for before the rule of their messages is applied.
    pub until: Option<jiff::Timestamp>,
    /// Parts that wait.
    pub queued: u64,
}
