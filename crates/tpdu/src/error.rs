//! What goes wrong, told so that the reader can act on it.

use std::fmt;

/// Why octets could not be read as the PDU they were said to be: always with
/// the field, where it begins to be wrong, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The field in the words of 3GPP TS 23.040, such as `TP-SCTS`.
    pub field: &'static str,
    /// Octet at which the trouble shows, counted from 0 at the first octet
    /// that was handed in (so the SMSC part counts where there is one).
    pub octet: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong at the place a [`DecodeError`] names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The octets end too early.
    Short {
        /// Octets that the field needs from here on.
        needed: usize,
        /// Octets that are left.
        present: usize,
    },
    /// An octet has a value that the field does not allow.
    Unexpected {
        /// The octet that was found.
        found: u8,
        /// What would have been right.
        expected: &'static str,
    },
    /// The text is not hexadecimal.
    NotHex,
}

impl DecodeError {
    /// An octet that the field does not allow.
    pub(crate) fn unexpected(field: &'static str, octet: usize, found: u8, expected: &'static str) -> Self {
        Self {
            field,
            octet,
            problem: Problem::Unexpected { found, expected },
        }
    }

    /// The same error, where the octets began `by` octets later in the whole.
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        self.octet += by;
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}: {}", self.field, self.octet, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, present } => {
                let plural = if *needed == 1 { "" } else { "s" };
                write!(f, "{needed} octet{plural} expected, {present} left")
            }
            Self::Unexpected { found, expected } => {
                write!(f, "{expected} expected, found 0x{found:02X}")
            }
            Self::NotHex => f.write_str("two hexadecimal digits expected"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why fields could not be written as a PDU. It is the caller's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// An address holds more than its field can carry (20 semi-octets).
    AddressTooLong {
        /// The field, such as `TP-DA`.
        field: &'static str,
    },
    /// An address holds a character that its type does not allow.
    AddressCharacter {
        /// The field, such as `TP-DA`.
        field: &'static str,
        /// The character.
        character: char,
    },
    /// The user data is longer than one PDU carries (140 octets, clause 9.2.3.24).
    UserDataTooLong {
        /// Octets that it would take.
        octets: usize,
    },
    /// The user data header is longer than its length octet can say.
    HeaderTooLong,
    /// Command data longer than 156 octets (clause 9.2.3.21).
    CommandDataTooLong,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressTooLong { field } => {
                write!(f, "{field}: at most 20 digits or 11 letters fit into an address")
            }
            Self::AddressCharacter { field, character } => {
                write!(f, "{field}: {character:?} cannot stand in an address of this type")
            }
            Self::UserDataTooLong { octets } => {
                write!(f, "TP-UD: {octets} octets do not fit into one message of 140")
            }
            Self::HeaderTooLong => f.write_str("TP-UDH: a header holds at most 139 octets"),
            Self::CommandDataTooLong => f.write_str("TP-CD: command data holds at most 156 octets"),
        }
    }
}

impl std::error::Error for EncodeError {}
