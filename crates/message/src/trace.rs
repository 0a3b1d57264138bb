//! Wire traces: what goes between the gateway and a modem, written down for finding faults.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RouteId;

/// How a slot is to be traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceWish {
    /// Whether message texts and numbers are written too. PINs never are.
    pub texts: bool,
    /// When it ends by itself, so that it is not forgotten.
    pub until: Timestamp,
}

/// A slot that is traced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceView {
    /// The slot.
    pub sim: RouteId,
    /// Where the trace lies, on the gateway's machine.
    pub file: String,
    /// Whether message texts and numbers are written too.
    pub texts: bool,
    /// When it ends; none where the settings trace the slot for good.
    pub until: Option<Timestamp>,
}
