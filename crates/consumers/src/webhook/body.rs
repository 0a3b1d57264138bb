//! What is posted.

use jiff::Timestamp;
use message::{Event, EventId, MessageState, ReportNotice};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Delivery;

/// The kinds of events, as the configuration and the bodies call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message arrived.
    Received,
    /// The network took every part of an outgoing message.
    Sent,
    /// Every part of it was delivered.
    Delivered,
    /// It failed, ran out of time, or was refused: `data.state` tells which.
    Failed,
    /// Somebody called a SIM.
    MissedCall,
    /// Something got better or worse.
    Health,
    /// An alert was raised, or ended.
    Alert,
}

impl Kind {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        vec![
            Self::Received,
            Self::Sent,
            Self::Delivered,
            Self::Failed,
            Self::MissedCall,
            Self::Health,
            Self::Alert,
        ]
    }

    /// The kind of an event; nothing for what no hook is told.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Message(_) => Some(Self::Received),
            Event::Call(_) => Some(Self::MissedCall),
            Event::Health(_) => Some(Self::Health),
            Event::Alert { .. } => Some(Self::Alert),
            Event::Letter { .. } => None,
            Event::Report(notice) => match notice.state {
                MessageState::Sent => Some(Self::Sent),
                MessageState::Delivered => Some(Self::Delivered),
                MessageState::Failed | MessageState::Expired | MessageState::Refused => Some(Self::Failed),
                MessageState::Queued | MessageState::Sending | MessageState::Uncertain | MessageState::Cancelled => {
                    None
                }
            },
        }
    }
}

/// A body with the id that its header repeats.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) id: EventId,
    pub(super) json: String,
}

/// What is posted of a delivery; nothing where no hook is told.
pub(super) fn of(hook: &str, delivery: &Delivery) -> Option<Body> {
    let kind = json!(Kind::of(&delivery.event)?);
    // An event that cannot be written could not have been kept.
    let data = match &delivery.event {
        Event::Message(message) => serde_json::to_value(message),
        Event::Report(notice) => {
            // The note is for whoever handed the message in.
            let notice = ReportNotice {
                note: None,
                ..notice.clone()
            };
            serde_json::to_value(notice)
        }
        Event::Call(call) => serde_json::to_value(call),
        Event::Health(change) => serde_json::to_value(change),
        Event::Alert { alert } => serde_json::to_value(alert),
        Event::Letter { letter } => serde_json::to_value(letter),
    };
    Some(body(hook, delivery.event_id, &kind, delivery.since, data.ok()?))
}

/// What is posted to try a hook.
pub(super) fn test(hook: &str, id: EventId, at: Timestamp) -> Body {
    body(hook, id, &json!("test"), at, json!({ "sentence": "this hook works" }))
}

fn body(hook: &str, id: EventId, kind: &Value, at: Timestamp, data: Value) -> Body {
    let json = json!({ "id": id, "event": kind, "at": at, "hook": hook, "data": data });
    Body {
        id,
        json: json.to_string(),
    }
}
