//! What became of one attempt to send a part.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The network took it, under this TP-MR where the modem told it (TS 23.040 9.2.3.6).
    Sent {
        /// The message reference; some modems do not tell it.
        reference: Option<u8>,
    },
    /// It did not go out.
    Failed(Failure),
    /// It was never begun, and whoever had it gives it back: nothing was tried, and nothing is held against it.
    NotBegun {
        /// Why, for people.
        reason: String,
    },
    /// Nobody can tell: the PDU was handed over and no answer came, or one that settles nothing.
    Uncertain {
        /// What was seen, for people.
        reason: String,
    },
}

/// Why a part did not go out, and what that means for the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to do about it.
    pub class: ErrorClass,
    /// The code it came with.
    pub cause: Cause,
    /// A sentence for people: what is wrong and whose turn it is.
    pub reason: String,
}

/// What an error means for the next attempt (`facts`: TS 27.005 3.2.5 with what devices do in the field).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same SIM again after a while; after `times` failures of this class it is permanent.
    RetryLater {
        /// Not before this much later; the store's back-off may be longer.
        after: Duration,
        /// How many times at most; `None`: until the validity ends.
        times: Option<u8>,
        /// What is left alone until then, beside the part.
        rests: Rests,
    },
    /// This SIM cannot: try another, and stop using this one for the message.
    OtherRoute,
    /// The network cannot take this form: try the other alphabet or class once.
    OtherEncoding,
    /// The message waits until the modem is usable again (SIM absent, locked, no network).
    Hold,
    /// No attempt can succeed.
    Permanent,
}

/// What is left alone after a failure that passes: whoever it was that could not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rests {
    /// The recipient, on every route: it cannot be reached.
    Recipient,
    /// The route, whoever the recipient: another route may take the part at once.
    Route,
    /// Neither: nobody knows whose fault it was.
    Nobody,
}

/// Where a failure's code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// `+CMS ERROR` (TS 27.005 3.2.5).
    Cms(u16),
    /// `+CME ERROR` (TS 27.007 9.2).
    Cme(u16),
    /// TP-ST of a status report (TS 23.040 9.2.3.15).
    Status(u8),
    /// command_status of a response (SMPP 3.4 5.1.3).
    Smpp(u32),
    /// A bare `ERROR`, or a text no table knows.
    Plain,
    /// The gateway itself: no port, no answer, not allowed.
    Gateway,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cms(code) => write!(f, "CMS {code}"),
            Self::Cme(code) => write!(f, "CME {code}"),
            Self::Status(status) => write!(f, "TP-ST 0x{status:02X}"),
            Self::Smpp(status) => write!(f, "SMPP 0x{status:02X}"),
            Self::Plain => f.write_str("ERROR"),
            Self::Gateway => f.write_str("gateway"),
        }
    }
}

impl ErrorClass {
    /// The word the API and the history use.
    pub fn word(self) -> ClassWord {
        match self {
            Self::RetryLater { .. } => ClassWord::RetryLater,
            Self::OtherRoute => ClassWord::OtherRoute,
            Self::OtherEncoding => ClassWord::OtherEncoding,
            Self::Hold => ClassWord::Hold,
            Self::Permanent => ClassWord::Permanent,
        }
    }
}

/// [`ErrorClass`] without its figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWord {
    /// The same SIM again later.
    RetryLater,
    /// Another SIM.
    OtherRoute,
    /// Another alphabet or class.
    OtherEncoding,
    /// Wait until the modem is usable.
    Hold,
    /// Never.
    Permanent,
}
