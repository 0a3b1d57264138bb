//! What consumers are told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AlertLetter, Inbound, Level, MessageId, MessageState, Number, RaisedAlert, RouteId, TokenId};

/// Something a consumer may want to know. Each event is durable, with one delivery per consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A message arrived.
    Message(Inbound),
    /// An outgoing message changed its state for good, or a report told more.
    Report(ReportNotice),
    /// Somebody called a SIM.
    Call(CallNotice),
    /// Something got better or worse.
    Health(HealthChange),
    /// An alert was raised, or ended.
    Alert {
        /// The alert with its number.
        alert: Box<RaisedAlert>,
    },
    /// A mail about alerts is to be sent.
    Letter {
        /// The mail.
        letter: Box<AlertLetter>,
    },
}

/// An outgoing message's new state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportNotice {
    /// The message.
    pub id: MessageId,
    /// Its recipient.
    pub to: Number,
    /// Its state now.
    pub state: MessageState,
    /// When it changed.
    pub at: Timestamp,
    /// The SIM that had it last; none where it was never tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<RouteId>,
    /// Whose it is; none for the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
    /// Why it failed, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What whoever handed it in wanted to be told with this; nobody else is shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An incoming call, noted and perhaps hung up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallNotice {
    /// The SIM that rang.
    pub sim: RouteId,
    /// Who called, where shown.
    pub from: Option<Number>,
    /// When it rang first.
    pub at: Timestamp,
}

/// A finding of health that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    /// What it is about: a slot, the store, the queue.
    pub subject: String,
    /// How bad it is now.
    pub level: Level,
    /// A sentence for people.
    pub sentence: String,
    /// When it changed.
    pub at: Timestamp,
}
