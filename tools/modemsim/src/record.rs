//! What happened, for assertions and figures. Times are microseconds of Unix time.

use serde::{Deserialize, Serialize};

/// A message that the network accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Counted from 0 in the order of acceptance.
    pub sequence: u64,
    /// The modem's place in the network.
    pub modem: usize,
    /// The sender's number.
    pub from: String,
    /// The recipient's number.
    pub to: String,
    /// TP-MR that the modem gave.
    pub reference: u8,
    /// The SUBMIT as it was handed in, without SMSC part, in hexadecimal.
    pub tpdu: String,
    /// The text, where the user data is text.
    pub text: Option<String>,
    /// When Ctrl-Z (or `AT+CMSS`) came.
    pub asked_us: u64,
    /// When `+CMGS` was written; 0 where it never was.
    pub replied_us: u64,
}

/// A message or report that reached a modem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// The modem's place in the network.
    pub modem: usize,
    /// The SIM's number.
    pub to: String,
    /// The DELIVER or STATUS-REPORT, without SMSC part, in hexadecimal.
    pub tpdu: String,
    /// The text, where the user data is text.
    pub text: Option<String>,
    /// When `+CMTI`, `+CMT`, `+CDSI` or `+CDS` was written, or the message was stored where none is.
    pub announced_us: u64,
}

/// Counts of one modem since its first plugging.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Command lines executed.
    pub commands: u64,
    /// Messages that left.
    pub sent: u64,
    /// Submissions refused.
    pub refused: u64,
    /// Messages that came in.
    pub received: u64,
    /// Reports that came in.
    pub reports: u64,
    /// Places emptied by `+CMGD`.
    pub deleted: u64,
    /// `+CNMA` that were due.
    pub acknowledged: u64,
    /// Routed messages that were not acknowledged in time.
    pub unacknowledged: u64,
    /// PINs and PUKs entered.
    pub pins_entered: u64,
    /// Writes to the modem's NVRAM (`AT&W`).
    pub nvram_writes: u64,
    /// Starts.
    pub boots: u64,
    /// Octets that were not sent because nobody read them.
    pub dropped_octets: u64,
}

/// The whole network in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Messages accepted.
    pub sent: u64,
    /// Messages accepted for numbers that no SIM has.
    pub sunk: u64,
    /// Messages handed to modems.
    pub delivered: u64,
    /// Messages given up since they waited for longer than their validity.
    pub expired: u64,
    /// Reports handed to modems.
    pub reported: u64,
    /// Messages and reports that wait for a modem.
    pub waiting: u64,
    /// Sum of the latencies from Ctrl-Z to `+CMGS`, in microseconds.
    pub latency_sum_us: u64,
    /// How many latencies stand in that sum.
    pub latency_count: u64,
    /// First Ctrl-Z, 0 before.
    pub first_asked_us: u64,
    /// Last `+CMGS`, 0 before.
    pub last_replied_us: u64,
    /// Processor time of the whole process, user and system, in microseconds.
    pub processor_us: u64,
}
