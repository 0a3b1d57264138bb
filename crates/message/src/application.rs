//! Applications that may bind by SMPP, as statistics and metrics show them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An application's account, with the sessions that are bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSnapshot {
    /// What it binds as.
    pub system_id: String,
    /// Its sessions, the oldest first.
    pub sessions: Vec<SessionFacts>,
    /// What it did since the gateway's start.
    pub counts: SessionCounts,
}

/// A session that is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// What for.
    pub bound_for: BoundFor,
    /// From where.
    pub from: IpAddr,
    /// Since when.
    pub since: Timestamp,
    /// How many requests may wait for their answers, either way.
    pub window: u32,
    /// How many of its requests wait.
    pub waiting_in: u32,
    /// How many of ours wait.
    pub waiting_out: u32,
    /// What it did since then.
    pub counts: SessionCounts,
}

/// How often an application was told what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionCounts {
    /// Submissions that were taken.
    pub submitted: u64,
    /// Submissions that were too many.
    pub throttled: u64,
    /// Submissions that were refused for another reason.
    pub refused: u64,
    /// Messages and receipts that it took.
    pub delivered: u64,
    /// Messages and receipts that it did not take, each time.
    pub undelivered: u64,
}

/// What a session is bound for, seen from the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundFor {
    /// It receives.
    Receiver,
    /// It sends.
    Transmitter,
    /// It does both.
    Transceiver,
}

impl BoundFor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Receiver, Self::Transmitter, Self::Transceiver];

    /// `receiver`, `transmitter` or `transceiver`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Transmitter => "transmitter",
            Self::Transceiver => "transceiver",
        }
    }
}
