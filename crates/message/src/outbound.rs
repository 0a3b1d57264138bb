//! What a caller asks to be sent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{MessageId, MessageState};

/// The longest text taken, in characters: 255 parts of UCS-2 hold no more.
pub const TEXT_LIMIT: usize = 39_015;

/// A request to send one message, as `sms.send` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendRequest {
    /// The recipient: E.164, a short code, or a national number where a country code is configured.
    pub to: String,
    /// The text.
    pub text: String,
    /// The sender: a slot's name or a SIM's number. Absent: the router chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether `from` binds: true (the default where `from` is given) refuses rather than falls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// A flash message: class 0, shown at once and not stored by the phone.
    #[serde(default)]
    pub flash: bool,
    /// The message class, 0 to 3 (TS 23.038 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u8>,
    /// Whether the network is asked for a status report. Default: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<bool>,
    /// How long the message is worth delivering, in seconds. Default: the configured validity (24 h).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_s: Option<u32>,
    /// 0 (bulk) to 3 (alarm). Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Repeating a request under the same key gives the first message's id and sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Replace characters outside the GSM alphabet by their nearest letters.
    #[serde(default)]
    pub transliterate: bool,
    /// What to do when it stays unknown whether a part went out. Default: the configured rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_uncertain: Option<OnUncertain>,
}

/// How urgent a message is; higher goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

impl Priority {
    /// What a message has that does not say.
    pub const NORMAL: Self = Self(1);
    /// The highest.
    pub const ALARM: Self = Self(3);
}

/// What happens to a part of which nobody can tell whether it went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Sent once more after the waiting time and marked *maybe twice*.
    #[default]
    Resend,
    /// Kept until an operator decides.
    Hold,
}

/// How the characters of a message are written on the wire (TS 23.038).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// Seven bits a character.
    Gsm7,
    /// Raw octets.
    #[serde(rename = "8bit")]
    Octets,
    /// Sixteen bits a code unit.
    Ucs2,
}

impl Alphabet {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Octets => "8bit",
            Self::Ucs2 => "ucs2",
        }
    }
}

/// The message class (TS 23.038 4): 0 flash, 1 phone, 2 SIM, 3 terminal equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Class(pub u8);

/// The answer to `sms.send`: the message is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its id.
    pub id: MessageId,
    /// How many parts it takes.
    pub parts: u8,
    /// The alphabet it goes out in.
    pub alphabet: Alphabet,
    /// Its state: queued, or what became of the first one where an idempotency key was repeated.
    pub state: MessageState,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}
