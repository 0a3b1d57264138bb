//! What goes wrong with octets, told so that the peer can be answered and a person can act.

use std::fmt;

use crate::{CommandId, Header, Status, Tag};

/// Why a PDU of the right length could not be read. The session goes on: [`DecodeError::status`] is what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The header, which could be read.
    pub header: Header,
    /// The field in the words of the specification, such as `sm_length`.
    pub field: &'static str,
    /// Octet at which the trouble shows, counted from 0 at the first of the header.
    pub octet: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong at the place that a [`DecodeError`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The PDU ends too early.
    Short {
        /// Octets that the field needs from here on.
        needed: usize,
        /// Octets that are left.
        present: usize,
    },
    /// A dest_flag that is neither an address (1) nor a list (2), clause 5.2.25.
    DestFlag(u8),
    /// The header is not whole, or its length is not that of the octets.
    Length,
}

impl DecodeError {
    /// What the peer is answered.
    pub fn status(&self) -> Status {
        match (self.problem, self.field) {
            (Problem::Short { .. }, "sm_length") => Status::INVALID_MESSAGE_LENGTH,
            (Problem::DestFlag(_), _) => Status(0x40),
            (Problem::Short { .. } | Problem::Length, _) => Status::INVALID_COMMAND_LENGTH,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            header, field, octet, ..
        } = self;
        write!(f, "{}, {field} at octet {octet}: {}", header.command, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, present } => {
                let plural = if *needed == 1 { "" } else { "s" };
                write!(f, "{needed} octet{plural} expected, {present} left")
            }
            Self::DestFlag(flag) => write!(f, "1 or 2 expected, found {flag}"),
            Self::Length => f.write_str("command_length is not the length of the PDU"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// What was read although the specification does not allow it. Nothing of it stops a session; the analyser tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    /// A field is longer than the specification allows.
    Long {
        /// The field.
        field: &'static str,
        /// Its octets, the NUL included.
        octets: usize,
        /// As many as are allowed.
        most: usize,
    },
    /// A C-octet string ends with the PDU instead of a NUL.
    NoNul(&'static str),
    /// A C-octet string with octets that are not ASCII, as in senders with umlauts.
    NotAscii(&'static str),
    /// A time that has neither one nor seventeen octets (clause 7.1.1).
    TimeLength(&'static str, usize),
    /// A response ends before this field, which is taken to be empty.
    Missing(&'static str),
    /// An optional parameter reaches beyond the PDU; what there is of it is thrown away.
    CutTlv(Tag),
    /// So many octets behind the last field that are no optional parameter.
    Trailing(usize),
    /// A parameter that the specification knows has a length that it does not allow.
    TlvLength {
        /// Which.
        tag: Tag,
        /// Its octets.
        octets: usize,
    },
    /// A sequence number outside 1 to 0x7FFFFFFF (clause 5.1.4).
    Sequence(u32),
    /// A request with a command_status (clause 3.2 wants 0).
    StatusInRequest(Status),
    /// Text in short_message and in message_payload (clause 5.3.2.32).
    TwoMessages,
}

impl Oddity {
    /// The clause of SMPP 3.4 that does not allow it.
    pub fn clause(&self) -> &'static str {
        match self {
            Self::Long { .. } => "4",
            Self::NoNul(_) | Self::NotAscii(_) => "3.1",
            Self::TimeLength(..) => "7.1.1",
            Self::Missing(_) => "4",
            Self::CutTlv(_) | Self::Trailing(_) => "3.2.4.1",
            Self::TlvLength { .. } => "5.3.2",
            Self::Sequence(_) => "5.1.4",
            Self::StatusInRequest(_) => "3.2",
            Self::TwoMessages => "5.3.2.32",
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long { field, octets, most } => {
                write!(f, "{field} has {octets} octets, at most {most} are allowed")
            }
            Self::NoNul(field) => write!(f, "{field} does not end with a NUL"),
            Self::NotAscii(field) => write!(f, "{field} is not ASCII"),
            Self::TimeLength(field, octets) => write!(f, "{field} has {octets} octets, 1 or 17 are allowed"),
            Self::Missing(field) => write!(f, "the response ends before {field}"),
            Self::CutTlv(tag) => write!(f, "the optional parameter {tag} reaches beyond the PDU"),
            Self::Trailing(octets) => write!(f, "{octets} octets behind the last parameter"),
            Self::TlvLength { tag, octets } => write!(f, "the optional parameter {tag} has {octets} octets"),
            Self::Sequence(number) => write!(f, "sequence number 0x{number:08X}"),
            Self::StatusInRequest(status) => write!(f, "a request with the status {status}"),
            Self::TwoMessages => f.write_str("a message in short_message and one in message_payload"),
        }
    }
}

/// Why a PDU is not written. It is the caller's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// A field holds more than the specification allows.
    Long {
        /// The field.
        field: &'static str,
        /// Its octets, the NUL included.
        octets: usize,
        /// As many as are allowed.
        most: usize,
    },
    /// A NUL inside a C-octet string, which would end it.
    Nul(&'static str),
    /// A time that has neither 0 nor 16 octets (clause 7.1.1).
    Time(&'static str),
    /// The value of an optional parameter is longer than its length can say.
    TlvLong(Tag),
    /// Text in short_message and in message_payload (clause 5.3.2.32).
    TwoMessages,
    /// A PDU longer than [`LONGEST_PDU`](crate::LONGEST_PDU).
    PduLong(CommandId),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long { field, octets, most } => {
                write!(f, "{field}: {octets} octets do not fit into {most}")
            }
            Self::Nul(field) => write!(f, "{field}: a NUL cannot stand inside"),
            Self::Time(field) => write!(f, "{field}: nothing or 16 octets such as 261122103000000+ are expected"),
            Self::TlvLong(tag) => write!(f, "{tag}: at most 65535 octets fit into an optional parameter"),
            Self::TwoMessages => f.write_str("a message stands in short_message or in message_payload, not in both"),
            Self::PduLong(command) => write!(f, "{command}: the PDU is too long"),
        }
    }
}

impl std::error::Error for EncodeError {}
