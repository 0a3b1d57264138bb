//! Cuts the octets of a connection into PDUs.

use crate::{
    Header,
    header::{HEADER_LENGTH, is_sane},
};

/// Octets in, PDUs out. Nothing is ever reserved because a length field says so: what is kept is what came.
#[derive(Debug, Default)]
pub struct FrameReader {
    octets: Vec<u8>,
    /// Where the next PDU begins.
    start: usize,
    /// A length was no length. Nobody knows where the next PDU begins.
    lost: bool,
}

/// One thing that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole PDU, its header included.
    Pdu(&'a [u8]),
    /// A header whose length cannot be, which ends the connection. Told once; nothing follows.
    Lost(Header),
}

impl FrameReader {
    /// Takes octets in any pieces. Whoever limits memory looks at [`FrameReader::waiting`] first.
    pub fn receive(&mut self, octets: &[u8]) {
        if self.lost {
            return;
        }
        self.reclaim();
        self.octets.extend_from_slice(octets);
    }

    /// The next PDU, or nothing until more octets come.
    pub fn take(&mut self) -> Option<Frame<'_>> {
        let rest = self.octets.get(self.start..)?;
        if self.lost || rest.len() < HEADER_LENGTH {
            return None;
        }
        let header = Header::decode(rest)?;
        if !is_sane(header.length) {
            self.lost = true;
            return Some(Frame::Lost(header));
        }
        let end = header.octets();
        if rest.len() < end {
            return None;
        }
        let from = self.start;
        self.start += end;
        Some(Frame::Pdu(&self.octets[from..from + end]))
    }

    /// The header of what comes next, if that is whole.
    pub fn peek(&self) -> Option<Header> {
        Header::decode(self.octets.get(self.start..)?)
    }

    /// Octets that came and were not handed out.
    pub fn waiting(&self) -> usize {
        self.octets.len() - self.start
    }

    /// Gives memory back that a burst took. A session does so when it is idle, so that a thousand of them cost little.
    pub fn trim(&mut self) {
        self.reclaim();
        self.octets.shrink_to(KEPT);
    }

    /// Moves what is unread to the front of the buffer.
    fn reclaim(&mut self) {
        if self.start > 0 {
            self.octets.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Octets of room that an idle reader keeps.
const KEPT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandId;

    const ENQUIRE: [u8; 16] = [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 7];

    #[test]
    fn octets_that_dribble_are_put_together() {
        let mut reader = FrameReader::default();
        for octet in &ENQUIRE[..15] {
            reader.receive(&[*octet]);
            assert_eq!(reader.take(), None);
        }
        reader.receive(&ENQUIRE[15..]);
        reader.receive(&ENQUIRE);
        assert_eq!(reader.take(), Some(Frame::Pdu(&ENQUIRE)));
        assert_eq!(reader.take(), Some(Frame::Pdu(&ENQUIRE)));
        assert_eq!(reader.take(), None);
        assert_eq!(reader.waiting(), 0);
    }

    #[test]
    fn a_length_that_cannot_be_is_told_once_and_reserves_nothing() {
        for length in [0_u32, 15, 70_001, u32::MAX] {
            let mut reader = FrameReader::default();
            reader.receive(&length.to_be_bytes());
            assert_eq!(reader.take(), None);
            reader.receive(&ENQUIRE[4..]);
            let lost = Header {
                length,
                command: CommandId::ENQUIRE_LINK,
                status: crate::Status::OK,
                sequence: 7,
            };
            assert_eq!(reader.take(), Some(Frame::Lost(lost)));
            reader.receive(&ENQUIRE);
            assert_eq!(reader.take(), None);
            assert!(reader.octets.capacity() < 100);
        }
    }
}
