//! The handle.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use message::{
    Committed, Event, EventId, Inbound, ListQuery, MessageId, MessageState, MessageView, Number, Payload, QueueFacts,
    RawInbound, Resolution, RouteId, StatusReport, TokenId, Totals,
};

use crate::events::{Backlog, Delivery, DeliveryId};
use crate::incoming::{Joiner, Received};
use crate::outgoing::{
    AcceptedParts, Attempted, Attempting, DuePart, HistoryLine, NewMessage, Owner, Policies, Progress, ReportOutcome,
    Ticked,
};
use crate::sim::{Binding, PinState};
use crate::{
    AcceptError, CancelError, Config, Error, Health, MoveError, OpenError, Recovered, ResolveError, Retained, Retention,
};

/// The store. Clones share one writer thread and the readers; no call blocks the caller's thread.
#[derive(Debug, Clone)]
pub struct Store {
    health: watch::Receiver<Health>,
    arrivals: watch::Receiver<i64>,
    events: watch::Receiver<i64>,
    _inner: Arc<()>,
}

#[expect(unused_variables, reason = "the doors are drawn, the rooms behind them follow")]
#[allow(missing_docs, clippy::unused_async, reason = "as above")]
impl Store {
    pub fn open(folder: &Path, config: &Config, join: Joiner) -> Result<(Self, Recovered), OpenError> {
        Err(OpenError::InUse {
            folder: folder.to_owned(),
            pid: None,
        })
    }
    pub async fn close(&self) {}
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
    /// The cursor of the last completed inbound message.
    pub fn arrivals(&self) -> watch::Receiver<i64> {
        self.arrivals.clone()
    }
    /// The row of the last event that has deliveries: consumers wait on it.
    pub fn events(&self) -> watch::Receiver<i64> {
        self.events.clone()
    }

    // Outgoing.
    pub async fn accept(&self, message: NewMessage) -> Result<Committed<AcceptedParts>, AcceptError> {
        Err(Error::Closed)?
    }
    pub async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DuePart>, Error> {
        Err(Error::Closed)
    }
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        Err(Error::Closed)
    }
    /// `None`: no attempt was asked for, or the part does not wait any more (cancelled, expired): do not send it.
    pub async fn progress(&self, step: Progress) -> Result<Committed<Option<Attempted>>, Error> {
        Err(Error::Closed)
    }
    pub async fn progress_many(&self, steps: Vec<Progress>) -> Result<Committed<Vec<Option<Attempted>>>, Error> {
        Err(Error::Closed)
    }
    /// The number of parts may change (another alphabet).
    pub async fn move_message(
        &self,
        id: MessageId,
        tpdus: Vec<Vec<u8>>,
        exclude: Option<RouteId>,
    ) -> Result<Committed<Vec<DuePart>>, MoveError> {
        Err(Error::Closed)?
    }
    pub async fn report(
        &self,
        route: &RouteId,
        report: StatusReport,
        raw: &RawInbound,
        at: Timestamp,
    ) -> Result<Committed<ReportOutcome>, Error> {
        Err(Error::Closed)
    }
    pub async fn status(&self, id: MessageId) -> Result<Option<MessageView>, Error> {
        Err(Error::Closed)
    }
    pub async fn history(&self, id: MessageId) -> Result<Vec<HistoryLine>, Error> {
        Err(Error::Closed)
    }
    pub async fn list(&self, query: ListQuery, token: Option<&TokenId>) -> Result<Vec<MessageView>, Error> {
        Err(Error::Closed)
    }
    pub async fn owner(&self, id: MessageId) -> Result<Option<Owner>, Error> {
        Err(Error::Closed)
    }
    pub async fn cancel(&self, id: MessageId, at: Timestamp) -> Result<Committed<()>, CancelError> {
        Err(Error::Closed)?
    }
    pub async fn resolve(
        &self,
        id: MessageId,
        how: Resolution,
        at: Timestamp,
    ) -> Result<Committed<MessageState>, ResolveError> {
        Err(Error::Closed)?
    }
    pub async fn tick(&self, now: Timestamp, policies: &Policies) -> Result<Committed<Ticked>, Error> {
        Err(Error::Closed)
    }
    pub async fn attempting_on(&self, route: &RouteId) -> Result<Vec<Attempting>, Error> {
        Err(Error::Closed)
    }

    // Incoming.
    pub async fn receive(
        &self,
        route: &RouteId,
        raw: RawInbound,
        payload: Payload,
        own_number: Option<Number>,
        at: Timestamp,
    ) -> Result<Committed<Received>, Error> {
        Err(Error::Closed)
    }
    pub async fn fetch(
        &self,
        after: i64,
        limit: usize,
        sims: Option<&[RouteId]>,
        number: Option<&Number>,
    ) -> Result<Vec<Inbound>, Error> {
        Err(Error::Closed)
    }

    // Events.
    /// `None` where no consumer is configured: nothing is kept then.
    pub async fn add_event(&self, event: Event, at: Timestamp) -> Result<Committed<Option<EventId>>, Error> {
        Err(Error::Closed)
    }
    pub async fn deliveries(&self, consumer: &str, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, Error> {
        Err(Error::Closed)
    }
    pub async fn delivery_done(&self, id: DeliveryId) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn delivery_later(&self, id: DeliveryId, due_at: Timestamp, error: &str) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn delivery_gave_up(&self, id: DeliveryId, error: &str) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn backlog(&self) -> Result<Vec<Backlog>, Error> {
        Err(Error::Closed)
    }

    // SIM cards.
    pub async fn record_pin_try(&self, identity: &str, hash: [u8; 32], at: Timestamp) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn pin_rejected(&self, identity: &str, hash: [u8; 32]) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn pin_accepted(&self, identity: &str, hash: [u8; 32]) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn pin_state(&self, identity: &str) -> Result<PinState, Error> {
        Err(Error::Closed)
    }
    pub async fn release_pin(&self, identity: &str) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn bind_sim(&self, slot: &RouteId, iccid: &str) -> Result<Committed<Binding>, Error> {
        Err(Error::Closed)
    }
    pub async fn binding(&self, slot: &RouteId) -> Result<Option<String>, Error> {
        Err(Error::Closed)
    }
    pub async fn rebind(&self, slot: &RouteId, iccid: &str) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }

    // Limits.
    pub async fn sent_since(&self, route: &RouteId, since: Timestamp) -> Result<Vec<(Timestamp, Number)>, Error> {
        Err(Error::Closed)
    }
    pub async fn spent(&self, token: &TokenId, since: Timestamp) -> Result<i64, Error> {
        Err(Error::Closed)
    }
    pub async fn stop_add(&self, number: &Number, at: Timestamp) -> Result<Committed<()>, Error> {
        Err(Error::Closed)
    }
    pub async fn stop_remove(&self, number: &Number) -> Result<Committed<bool>, Error> {
        Err(Error::Closed)
    }
    /// Answered from memory.
    pub fn stopped(&self, number: &Number) -> bool {
        false
    }
    pub async fn stop_list(&self) -> Result<Vec<(Number, Timestamp)>, Error> {
        Err(Error::Closed)
    }

    // Upkeep.
    pub async fn queue_facts(&self) -> Result<QueueFacts, Error> {
        Err(Error::Closed)
    }
    pub async fn totals(&self) -> Result<Totals, Error> {
        Err(Error::Closed)
    }
    pub async fn retain(&self, now: Timestamp, retention: &Retention) -> Result<Committed<Retained>, Error> {
        Err(Error::Closed)
    }
    pub async fn erase(&self, number: &Number) -> Result<Committed<Retained>, Error> {
        Err(Error::Closed)
    }
    pub async fn integrity_check(&self) -> Result<Vec<String>, Error> {
        Err(Error::Closed)
    }
    pub async fn backup(&self, path: &Path) -> Result<(), Error> {
        Err(Error::Closed)
    }
}
