//! The sixteen octets that every PDU begins with: SMPP 3.4 clause 3.2.

use nom::{IResult, Parser, number::complete::be_u32};

use crate::{CommandId, Status};

/// Octets of a header.
pub const HEADER_LENGTH: usize = 16;

/// The longest PDU that is read: a message_payload of 64 K with everything around it. A longer length is no length but a
/// peer out of step.
pub const LONGEST_PDU: usize = 70_000;

/// The highest sequence number that the specification allows (clause 5.1.4); the lowest is 1.
pub const HIGHEST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// command_length, command_id, command_status and sequence_number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Octets of the PDU, these sixteen included.
    pub length: u32,
    /// Which PDU it is.
    pub command: CommandId,
    /// How the request went; 0 in requests.
    pub status: Status,
    /// What ties a response to its request.
    pub sequence: u32,
}

impl Header {
    /// Reads a header; nothing while sixteen octets are not there.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let (_, header) = header(octets).ok()?;
        Some(header)
    }

    /// Whether a PDU can have this length.
    pub fn is_sane(&self) -> bool {
        is_sane(self.length)
    }

    /// The length as a count, which [`Header::is_sane`] keeps small.
    pub(crate) fn octets(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }
}

/// Whether a PDU can have this length.
pub(crate) fn is_sane(length: u32) -> bool {
    usize::try_from(length).is_ok_and(|length| (HEADER_LENGTH..=LONGEST_PDU).contains(&length))
}

fn header(octets: &[u8]) -> IResult<&[u8], Header> {
    let fields = (be_u32, be_u32, be_u32, be_u32);
    let named = |(length, command, status, sequence)| Header {
        length,
        command: CommandId(command),
        status: Status(status),
        sequence,
    };
    fields.map(named).parse(octets)
}
