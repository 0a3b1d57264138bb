//! What can be wrong, and the rules that say so.

use serde::{Serialize, Serializer};

use crate::capture::Stamp;

/// Something against a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// When it was seen.
    pub at: Stamp,
    /// Which connection, by its number.
    pub session: usize,
    /// Which message, as a place in [`Analysis::messages`](super::Analysis::messages).
    pub message: Option<usize>,
    /// The sequence number of the PDU.
    pub sequence: Option<u32>,
    /// What.
    pub kind: Kind,
    /// The rule that it breaks.
    pub rule: String,
    /// The particulars.
    pub what: String,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A receipt came before the response with its id.
    ReceiptBeforeResponse,
    /// A receipt that nobody asked for.
    UnaskedReceipt,
    /// A message that asks for no receipt, among others that do or with one that came.
    NoReceiptAsked,
    /// A receipt was asked for and is not in the capture.
    NoReceipt,
    /// A receipt for a message that is not in the capture.
    UnknownReceipt,
    /// A deliver_sm that reads like a receipt and is not marked as one.
    UnmarkedReceipt,
    /// A receipt after a final one that says something else.
    ReceiptChanged,
    /// The id of a receipt is written in another form than in the response.
    IdForm,
    /// Two messages have one id.
    IdReused,
    /// A request without a response.
    Unanswered,
    /// A response to nothing.
    StrayResponse,
    /// A sequence number that was still in use.
    SequenceReused,
    /// A length that no PDU has.
    WrongLength,
    /// A PDU that cannot be read.
    Unreadable,
    /// A field, parameter or number that the specification does not allow.
    Format,
    /// A command that SMPP 3.4 does not have.
    UnknownCommand,
    /// Throttled.
    Throttled,
    /// Refused otherwise.
    Refused,
    /// Not what this bind allows.
    WrongState,
    /// Optional parameters for a peer that does not know them.
    OldPeer,
    /// A part that is shorter than it could be: 152 septets instead of 153.
    ShortPart,
    /// A part that fits no message.
    LongPart,
    /// A letter that is cut between two parts.
    CutLetter,
    /// Parts of a message are missing.
    MissingPart,
    /// A user data header that esm_class does not tell of, or the other way round.
    Header,
    /// Octets that are not of the alphabet that data_coding names.
    Alphabet,
    /// The capture has a gap.
    Gap,
}

impl Kind {
    /// A name for programs, such as `receipt-before-response`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The rule that it breaks.
    pub fn rule(self) -> &'static str {
        self.row().2
    }

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        // The table stands in the order of the enum, which a test holds.
        &TABLE[self as usize]
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Names and rules, in the order of the enum.
const TABLE: [(Kind, &str, &str); 27] = [
    (
        Kind::ReceiptBeforeResponse,
        "receipt-before-response",
        "SMPP 3.4 4.4.2, 5.3.2.12: a receipt names the message by the id that submit_sm_resp gives, so it follows that",
    ),
    (
        Kind::UnaskedReceipt,
        "unasked-receipt",
        "SMPP 3.4 5.2.17: receipts are sent as registered_delivery asks",
    ),
    (
        Kind::NoReceiptAsked,
        "no-receipt-asked",
        "SMPP 3.4 5.2.17: without registered_delivery no receipt is sent",
    ),
    (
        Kind::NoReceipt,
        "no-receipt",
        "SMPP 3.4 5.2.17: registered_delivery 1 asks for a receipt of any end",
    ),
    (
        Kind::UnknownReceipt,
        "unknown-receipt",
        "SMPP 3.4 5.3.2.12: the id of a receipt is that of a message that was submitted",
    ),
    (
        Kind::UnmarkedReceipt,
        "unmarked-receipt",
        "SMPP 3.4 5.2.12: esm_class marks a receipt by xx0001xx",
    ),
    (
        Kind::ReceiptChanged,
        "receipt-changed",
        "SMPP 3.4 5.2.28: nothing follows a final message state",
    ),
    (
        Kind::IdForm,
        "id-form",
        "SMPP 3.4 5.2.23, 5.3.2.12: a message id is an opaque string, the same wherever it stands",
    ),
    (
        Kind::IdReused,
        "id-reused",
        "SMPP 3.4 5.2.23: a message id names one message",
    ),
    (
        Kind::Unanswered,
        "unanswered",
        "SMPP 3.4 2.9, 7.2: every request is answered before the response timer ends",
    ),
    (
        Kind::StrayResponse,
        "stray-response",
        "SMPP 3.4 5.1.4: a response has the sequence number of its request",
    ),
    (
        Kind::SequenceReused,
        "sequence-reused",
        "SMPP 3.4 5.1.4: sequence numbers are unique among requests that wait for an answer",
    ),
    (
        Kind::WrongLength,
        "wrong-length",
        "SMPP 3.4 3.2: command_length counts the octets of the PDU, at least 16",
    ),
    (
        Kind::Unreadable,
        "unreadable",
        "SMPP 3.4 4: every PDU has its mandatory fields",
    ),
    (Kind::Format, "format", "SMPP 3.4"),
    (
        Kind::UnknownCommand,
        "unknown-command",
        "SMPP 3.4 5.1.2.1: the number is reserved",
    ),
    (
        Kind::Throttled,
        "throttled",
        "SMPP 3.4 5.1.3: the peer takes fewer messages than are sent",
    ),
    (
        Kind::Refused,
        "refused",
        "SMPP 3.4 5.1.3: a command_status other than 0 is a refusal",
    ),
    (
        Kind::WrongState,
        "wrong-state",
        "SMPP 3.4 2.3, table 2-1: which PDU may be sent in which session state",
    ),
    (
        Kind::OldPeer,
        "old-peer",
        "SMPP 3.4 3.4.3: no optional parameters for a peer with an interface_version below 0x34",
    ),
    (
        Kind::ShortPart,
        "short-part",
        "TS 23.040 9.2.3.24.1: 153 septets, 67 UCS-2 characters or 134 octets fit beside an 8 bit reference, 152, 66 \
         or 133 beside a 16 bit one",
    ),
    (
        Kind::LongPart,
        "long-part",
        "TS 23.040 9.2.3.24.1: at most 140 octets with the header fit into a message",
    ),
    (
        Kind::CutLetter,
        "cut-letter",
        "TS 23.038 6.2.1, 6.2.3: an escape and its letter, or a surrogate pair, stay in one part",
    ),
    (
        Kind::MissingPart,
        "missing-part",
        "TS 23.040 9.2.3.24.1: a message is shown when all its parts came",
    ),
    (
        Kind::Header,
        "header",
        "SMPP 3.4 5.2.12: bit 6 of esm_class tells of a user data header",
    ),
    (
        Kind::Alphabet,
        "alphabet",
        "SMPP 3.4 5.2.19: data_coding tells what the octets are",
    ),
    (
        Kind::Gap,
        "gap",
        "the capture lost packets here; what follows from it is nobody's fault",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, place, "{}", row.1);
        }
    }
}
