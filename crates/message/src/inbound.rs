//! What arrives from the network.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Alphabet, MessageId, Number, RouteId};

/// A place in a modem's memory: the memory's two letters (TS 27.005 3.1) and the index in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    /// `SM`, `ME`, `MT`, `SR`, …; [`Memory::UNANSWERED`].
    pub name: [u8; 2],
    /// The index; Huawei starts at 0.
    pub index: u16,
}

impl Memory {
    /// No modem's: an upstream waits for the answer to what it handed over, and repeats it where none comes.
    pub const UNANSWERED: [u8; 2] = *b"DS";
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} {}",
            char::from(self.name[0]),
            char::from(self.name[1]),
            self.index
        )
    }
}

/// What a modem handed over: the octets as they came, and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawInbound {
    /// The PDU with its service-centre part.
    pub pdu: Vec<u8>,
    /// Where it is stored on the modem; `None`: routed directly, to be acknowledged by `+CNMA`.
    pub memory: Option<Memory>,
}

impl RawInbound {
    /// Whether it is a status report, and no message (TP-MTI, TS 23.040 9.2.3.1).
    pub fn is_report(&self) -> bool {
        let service_centre = self.pdu.first().map_or(0, |length| usize::from(*length));
        self.pdu
            .get(1 + service_centre)
            .is_some_and(|first| first & 0b11 == 0b10)
    }
}

/// What is known of a SIM while something arrives on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reception {
    /// The SIM's own number.
    pub own: Option<Number>,
    /// The network it is registered in, by its name.
    pub network: Option<String>,
}

/// A status report (TS 23.040 9.2.2.3), read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// TP-MR of the message it is about.
    pub reference: u8,
    /// Its recipient, as the network writes it.
    pub recipient: Number,
    /// When the service centre took the message.
    pub submitted: Option<Timestamp>,
    /// When it was delivered or given up.
    pub discharged: Option<Timestamp>,
    /// TP-ST.
    pub status: u8,
}

/// What a status report says (TP-ST, TS 23.040 9.2.3.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// 0x00–0x1F: completed.
    Delivered,
    /// 0x20–0x3F: the service centre still tries.
    StillTrying,
    /// 0x40–0x5F and 0x60–0x7F: given up; 0x46 is a validity that ran out.
    Failed,
    /// 0x46: the validity ran out.
    Expired,
    /// 0x80 and above: reserved, so never taken for delivered.
    Unknown,
}

impl ReportStatus {
    /// Reads TP-ST.
    pub fn of(status: u8) -> Self {
        match status {
            0x00..=0x1f => Self::Delivered,
            0x20..=0x3f => Self::StillTrying,
            0x46 => Self::Expired,
            0x40..=0x7f => Self::Failed,
            0x80.. => Self::Unknown,
        }
    }
}

/// A received message, whole or overdue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbound {
    /// Its id.
    pub id: MessageId,
    /// The place in the order of completion; the cursor of `sms.fetch`.
    pub cursor: i64,
    /// The SIM it came to.
    pub sim: RouteId,
    /// Who sent it.
    pub from: Number,
    /// The number of the SIM, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Number>,
    /// What it says.
    pub text: String,
    /// What kind of message it is.
    pub kind: InboundKind,
    /// The message class, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<u8>,
    /// How the sender's characters were written; not for one that could not be read, nor for those kept before it was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<Alphabet>,
    /// The network that the SIM was registered in when the message was complete, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The octets of an 8-bit message, in hex, or the raw PDU of one that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_hex: Option<String>,
    /// What the service centre stamped (of the first part that came).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_centre_time: Option<Timestamp>,
    /// The application ports that it is for and from, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Ports>,
    /// What waits for the subscriber, where it tells that; not for one that was kept before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// When the gateway had all of it.
    pub received_at: Timestamp,
    /// How many parts it was sent in.
    pub parts: u8,
    /// How many of them are missing (it was overdue), else 0.
    pub missing: u8,
}

impl Inbound {
    /// A text that came in one part, with nothing remarkable about it; what else is known of it is set on that.
    pub fn of_text(sim: &str, from: &str, text: &str, received_at: Timestamp) -> Self {
        Self {
            id: MessageId::fresh(),
            cursor: 1,
            sim: RouteId::new(sim),
            from: Number::received(from),
            to: None,
            text: text.to_owned(),
            kind: InboundKind::Text,
            class: None,
            alphabet: Some(Alphabet::Gsm7),
            network: None,
            data_hex: None,
            service_centre_time: None,
            ports: None,
            waiting: None,
            received_at,
            parts: 1,
            missing: 0,
        }
    }
}

/// The ports of a message for an application (TS 23.040 9.2.3.24.3 and .4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Port of the receiver, as 2948 for WAP push.
    pub destination: u16,
    /// Port of the sender.
    pub source: u16,
    /// How wide they are written: 8 or 16.
    pub bits: u8,
}

/// Something waits for the subscriber, or no longer does (TS 23.038 4, TS 23.040 9.2.3.24.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What.
    #[serde(rename = "for")]
    pub what: WaitingFor,
    /// Whether any waits.
    pub active: bool,
    /// How many, where that is told (255: that many or more).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u8>,
    /// Whether the message itself may be thrown away once it was looked at.
    pub discard: bool,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitingFor {
    /// Voicemail.
    Voicemail,
    /// Fax.
    Fax,
    /// E-mail.
    Email,
    /// Something else, such as video mail.
    Other,
}

impl WaitingFor {
    /// All of them, in the order of their numbers in the standard.
    pub const ALL: [Self; 4] = [Self::Voicemail, Self::Fax, Self::Email, Self::Other];
}

/// What kind of message arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundKind {
    /// A text for people.
    Text,
    /// Raw octets.
    Data,
    /// A WAP push, most often the notice of an MMS.
    WapPush,
    /// A voicemail or other waiting indication.
    Waiting,
    /// Octets nobody could read; kept as they came.
    Undecodable,
    /// A test that the gateway sent between its own SIMs; nobody is told of it.
    Probe,
    /// Short message type 0 (TS 23.040 9.2.3.9): acknowledged, and shown to nobody. By its report a sender learns
    /// whether, and with the network's help where, a SIM is.
    Silent,
    /// For the programs on the SIM: (U)SIM data download (TS 23.040 9.2.3.9), as an operator's settings.
    SimData,
    /// For the modem itself: device triggering, data download, de-personalization (TS 23.040 9.2.3.9).
    Device,
}

impl InboundKind {
    /// Whether anybody is told of it. What no phone would show makes no event and is no answer to anything; it is kept,
    /// and shown to whoever asks for it.
    pub fn is_shown(self) -> bool {
        match self {
            Self::Text | Self::Data | Self::WapPush | Self::Waiting | Self::Undecodable => true,
            Self::Probe | Self::Silent | Self::SimData | Self::Device => false,
        }
    }
}

/// The readable content of one received PDU, as the gateway decoded it for the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What kind it is.
    pub kind: InboundKind,
    /// Who sent it.
    pub from: Number,
    /// The service centre's stamp.
    pub service_centre_time: Option<Timestamp>,
    /// The message class.
    pub class: Option<u8>,
    /// Which part of which message: reference, total, sequence, and whether the reference has 16 bits.
    pub concat: Option<Concat>,
    /// The hash from the originating address on, by which a twin is recognised.
    pub fingerprint: [u8; 32],
}

/// The concatenation of a received part (TS 23.040 9.2.3.24.1 and .8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The reference all parts share.
    pub reference: u16,
    /// How many parts there are.
    pub total: u8,
    /// Which one this is, from 1.
    pub sequence: u8,
    /// Whether the reference was written in 16 bits.
    pub wide: bool,
}
