//! What is counted since the gateway's start, beside what the database counts.

use serde::{Deserialize, Serialize};

/// Something that is counted, with what tells it from others of its kind. None of it is a phone number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// A message was accepted.
    Submitted(Api),
    /// A mail server took a mail.
    MailSent {
        /// The consumer that wrote it.
        consumer: String,
    },
    /// A try to hand over a mail ended without anybody getting it, or without some of those it was for.
    MailFailed {
        /// The consumer that wrote it.
        consumer: String,
    },
    /// An alert was taken.
    Alert {
        /// Which way it came, as `dvr`.
        source: String,
        /// What happened, as `MOTION`.
        event: String,
    },
    /// An attendance request was judged.
    Attendance {
        /// The version of its protocol; 0 where it could not be told.
        version: u8,
        /// What came of it, in one word.
        verdict: String,
    },
}

impl Counted {
    /// What it is counted as where there are too many others of its kind: senders of alerts choose their words.
    #[must_use]
    pub fn without_particulars(self) -> Self {
        let other = || "other".to_owned();
        match self {
            Self::Alert { .. } => Self::Alert {
                source: other(),
                event: other(),
            },
            few => few,
        }
    }
}

/// By which way messages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// JSON-RPC, over HTTP or a WebSocket.
    JsonRpc,
    /// XML-RPC, as clients of SMSgate speak it.
    XmlRpc,
    /// A mail.
    Mail,
    /// SMPP.
    Smpp,
    /// What the rules for alerts tell people.
    Alerts,
    /// Acknowledgements of attendance requests.
    Attendance,
    /// The gateway's own: tests and what keeps a SIM alive.
    #[default]
    Own,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::JsonRpc,
        Self::XmlRpc,
        Self::Mail,
        Self::Smpp,
        Self::Alerts,
        Self::Attendance,
        Self::Own,
    ];

    /// Its name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonRpc => "json_rpc",
            Self::XmlRpc => "xml_rpc",
            Self::Mail => "mail",
            Self::Smpp => "smpp",
            Self::Alerts => "alerts",
            Self::Attendance => "attendance",
            Self::Own => "own",
        }
    }
}
