//! The PDUs of one direction of a captured connection, also where its beginning or its middle is missing.

use crate::{Frame, FrameReader, HEADER_LENGTH, HIGHEST_SEQUENCE, Header};

/// One direction.
#[derive(Debug)]
pub(super) struct Framing {
    reader: FrameReader,
    /// Octets in which the beginning of a PDU is looked for; nothing while the reader is in step.
    seeking: Option<Vec<u8>>,
    /// Whether any PDU was found.
    pub(super) found: bool,
    /// The first octets are those of a TLS handshake.
    pub(super) tls: bool,
    /// Octets that came so far, up to the few that tell TLS.
    heard: usize,
}

impl Framing {
    /// A direction whose beginning is known, or not.
    pub(super) fn new(whole: bool) -> Self {
        Self {
            reader: FrameReader::default(),
            seeking: (!whole).then(Vec::new),
            found: false,
            tls: false,
            heard: 0,
        }
    }

    /// Takes octets behind so many that are missing.
    pub(super) fn receive(&mut self, octets: &[u8], missing: usize) {
        if self.heard == 0 {
            self.tls = octets.starts_with(&TLS_HANDSHAKE);
        }
        self.heard = self.heard.saturating_add(octets.len());
        if missing > 0 {
            self.seeking = Some(Vec::new());
        }
        let Some(seeking) = &mut self.seeking else {
            return self.reader.receive(octets);
        };
        seeking.extend_from_slice(octets);
        self.seek();
    }

    /// The next PDU, or a length that cannot be; then the next PDU is looked for further on.
    pub(super) fn take(&mut self) -> Option<Result<Vec<u8>, Header>> {
        match self.reader.take()? {
            Frame::Pdu(octets) => {
                self.found = true;
                Some(Ok(octets.to_vec()))
            }
            Frame::Lost(header) => {
                // What does not begin like SMPP is something else, and stays so.
                self.seeking = Some(Vec::new());
                self.found.then_some(Err(header))
            }
        }
    }

    /// Throws away what stands before a plausible header.
    fn seek(&mut self) {
        let Some(seeking) = &mut self.seeking else { return };
        let place = seeking.windows(HEADER_LENGTH).position(is_plausible);
        match place {
            Some(place) => {
                let mut reader = FrameReader::default();
                reader.receive(&seeking[place..]);
                self.reader = reader;
                self.seeking = None;
            }
            None => {
                let kept = seeking.len().saturating_sub(HEADER_LENGTH - 1);
                seeking.drain(..kept);
            }
        }
    }
}

/// Whether a PDU may well begin here.
fn is_plausible(octets: &[u8]) -> bool {
    Header::decode(octets).is_some_and(|header| {
        let sequence = (1..=HIGHEST_SEQUENCE).contains(&header.sequence);
        let status = header.status.0 <= 0xFFFF && (header.command.is_response() || header.status.is_ok());
        header.is_sane() && header.command.is_known() && sequence && status
    })
}

const TLS_HANDSHAKE: [u8; 2] = [0x16, 0x03];
