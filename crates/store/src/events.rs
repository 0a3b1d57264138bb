//! Events and their deliveries to consumers.

use jiff::Timestamp;

use message::{Event, EventId};

/// The store's name for one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    /// The consumer's row.
    pub(crate) consumer: i64,
    /// The event's row.
    pub(crate) event: i64,
}

/// An event that a consumer has not worked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its name, for `delivery_done` and its sisters.
    pub id: DeliveryId,
    /// The event's id: the same for every consumer and every repetition.
    pub event_id: EventId,
    /// What happened.
    pub event: Event,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it waits.
    pub since: Timestamp,
}

/// How far behind a consumer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The consumer.
    pub consumer: String,
    /// Events it has not worked yet.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Events that were given up.
    pub gave_up: u64,
    /// What went wrong last with one that waits or was given up.
    pub error: Option<String>,
}
