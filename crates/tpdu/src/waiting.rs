//! Message waiting indications, from wherever a message may carry one.
//!
//! TS 23.038 clause 4 puts it into TP-DCS, TS 23.040 clause 9.2.3.24.2 into
//! the header, and the older CPHS 4.2 clause B.4.2 into an alphanumeric
//! originating address of two letters.

use crate::{Address, TypeOfNumber};

/// Something waits for the subscriber, or no longer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// What waits.
    pub kind: WaitingKind,
    /// Whether any waits.
    pub active: bool,
    /// How many wait, where that is told (255 means 255 or more).
    pub count: Option<u8>,
    /// Whether the message itself may be thrown away afterwards.
    pub discard: bool,
}

/// What a message waiting indication is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitingKind {
    /// Voicemail.
    Voicemail,
    /// Fax.
    Fax,
    /// E-mail.
    Email,
    /// Something else, such as video mail.
    Other,
}

impl WaitingKind {
    /// The kind in the two lowest bits.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 0x03 {
            0 => Self::Voicemail,
            1 => Self::Fax,
            2 => Self::Email,
            _ => Self::Other,
        }
    }

    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Voicemail => "voicemail",
            Self::Fax => "fax",
            Self::Email => "email",
            Self::Other => "other",
        }
    }
}

impl Waiting {
    /// The special message indication of a header: kind with storage bit, count.
    pub(crate) fn from_header(indication: u8, count: u8) -> Self {
        Self {
            kind: WaitingKind::from_bits(indication),
            active: count > 0,
            count: Some(count),
            discard: indication & 0x80 == 0,
        }
    }

    /// The indication that CPHS hides in an originating address: a delta or
    /// an underscore, and a second letter.
    pub fn from_cphs(address: &Address) -> Option<Self> {
        let mut letters = address.value.chars();
        let (Some(first), Some(_), None) = (letters.next(), letters.next(), letters.next()) else {
            return None;
        };
        let active = match first {
            '_' => true,
            'Δ' => false,
            _ => return None,
        };
        let is_letters = address.kind == TypeOfNumber::Alphanumeric;
        let kind = WaitingKind::Voicemail;
        is_letters.then_some(Self {
            kind,
            active,
            count: None,
            discard: true,
        })
    }
}
