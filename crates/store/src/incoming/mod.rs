//! Received messages: recognised, gathered, joined.

mod complete;
pub(crate) mod fetch;
mod receive;

use std::sync::Arc;

use message::{Alphabet, Inbound, InboundKind, Ports, Waiting};

pub(crate) use complete::overdue;
pub use fetch::{Look, Seen};

/// Joins the PDUs of a message's parts, in order, `None` where one is missing. Called in the writer thread, so it must
/// be quick and must not wait for anything.
pub type Joiner = Arc<dyn Fn(&[Option<Vec<u8>>]) -> Joined + Send + Sync>;

/// What the parts of a received message say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The text; empty for octets.
    pub text: String,
    /// What kind of message it is.
    pub kind: InboundKind,
    /// The message class.
    pub class: Option<u8>,
    /// How its characters were written.
    pub alphabet: Option<Alphabet>,
    /// The octets of an 8-bit message, in hex.
    pub data_hex: Option<String>,
    /// The application ports.
    pub ports: Option<Ports>,
    /// What waits for the subscriber.
    pub waiting: Option<Waiting>,
}

/// What became of a received PDU: it is kept, so the modem may delete or acknowledge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Whether it was kept before.
    pub twin: bool,
    /// The message it completed.
    pub completed: Option<Inbound>,
}
