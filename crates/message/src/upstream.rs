//! An upstream as the snapshot shows it: a gateway that takes messages over the network, beside the SIMs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Number, RouteId, Traffic};

/// One upstream, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpstreamSnapshot {
    /// Its name.
    pub upstream: RouteId,
    /// How it stands.
    pub state: UpstreamState,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Where it is: host and port.
    pub address: String,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The name by which the gateway binds there.
    pub system_id: String,
    /// Our own number there, where configured.
    pub number: Option<Number>,
    /// Connections that should be bound.
    pub wanted: u32,
    /// Those that are.
    pub bound: u32,
    /// Parts that may wait for their answers at once, over all connections.
    pub window: u32,
    /// Parts that do.
    pub outstanding: u32,
    /// Times a connection was bound since start.
    pub binds: u32,
    /// Times a connection that was bound broke or was ended by the other side since start.
    pub drops: u32,
    /// Answers since start by which the other side asked for less (ESME_RTHROTTLED, ESME_RMSGQFUL).
    pub throttled: u64,
    /// Receipts received since start.
    pub receipts: u64,
    /// Receipts that are kept and fit no part yet, as one that comes before the answer to its part.
    pub receipts_waiting: u64,
    /// Receipts that fitted no part in time, counted since the database was made.
    pub receipts_stray: u64,
    /// What went over it.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl UpstreamSnapshot {
    /// An upstream of which nothing is known yet.
    pub fn blank(upstream: RouteId, address: &str, at: Timestamp) -> Self {
        Self {
            upstream,
            state: UpstreamState::Connecting,
            reason: "it was not reached yet".to_owned(),
            since: at,
            address: address.to_owned(),
            tls: false,
            system_id: String::new(),
            number: None,
            wanted: 1,
            bound: 0,
            window: 1,
            outstanding: 0,
            binds: 0,
            drops: 0,
            throttled: 0,
            receipts: 0,
            receipts_waiting: 0,
            receipts_stray: 0,
            traffic: Traffic::default(),
        }
    }
}

/// How an upstream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamState {
    /// Not to be used, by configuration.
    Disabled,
    /// No connection is bound, and one is being made for the first time.
    Connecting,
    /// All its connections are bound.
    Bound,
    /// Some are: messages go out, slower.
    Partly,
    /// Bound, but the other side asked for a pause.
    Throttled,
    /// None is bound: it cannot be reached, or went away; it is tried again.
    Down,
    /// The other side refused name or password: somebody has to correct that. It is tried again, seldom.
    Refused,
}

impl UpstreamState {
    /// Whether a part may be given to it.
    pub fn can_send(self) -> bool {
        matches!(self, Self::Bound | Self::Partly)
    }
}
