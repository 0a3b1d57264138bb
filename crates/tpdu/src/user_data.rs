//! TP-UDL and TP-UD: 3GPP TS 23.040 clauses 9.2.3.16 and 9.2.3.24.

use crate::{
    Alphabet, Dcs, DecodeError, EncodeError, Header,
    error::Problem,
    gsm7::{pack, packed_len, unpack},
    reader::Reader,
};

/// The header and what follows it. How the body is coded stands in the
/// message's [`Dcs`], which is therefore asked for wherever it matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UserData {
    /// The header; empty where there is none.
    pub header: Header,
    /// Septets, one an octet, where the coding counts septets; else octets.
    pub body: Vec<u8>,
    /// Octets that TP-UDL announced and the PDU did not bring. Only text that
    /// was plainly cut is taken so, see [`UserData::decode`].
    pub missing: usize,
}

/// User data as what it means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// Text.
    Text(String),
    /// Octets without a meaning known here: 8 bit data, or compressed text.
    Data(Vec<u8>),
}

impl UserData {
    /// Octets without a header.
    pub fn data(octets: Vec<u8>) -> Self {
        Self {
            body: octets,
            ..Self::default()
        }
    }

    /// Reads TP-UDL and TP-UD; `has_header` is TP-UDHI.
    ///
    /// Modems and their memories cut long messages. Where whole letters of
    /// plain text came and at least two octets lack, what came is taken and
    /// `missing` says how much did not. One octet short is rather a slip on
    /// the line, and data or compressed text is worth nothing in part: these
    /// are refused.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub(crate) fn decode(reader: &mut Reader<'_>, dcs: Dcs, has_header: bool) -> Result<Self, DecodeError> {
        let length = usize::from(reader.octet("TP-UDL")?);
        let septets = dcs.counts_septets();
        let announced = if septets { packed_len(length, 0) } else { length };
        let start = reader.at();
        let octets = reader.take_up_to(announced);
        let (header, header_len) = match has_header && length > 0 {
            true => read_header(octets, start)?,
            false => (Header::default(), 0),
        };
        let body = match septets {
            true => read_septets(octets, header_len, length, start)?,
            false => octets[header_len..].to_vec(),
        };
        // Behind a header without text some senders leave the fill bits out.
        let nothing_lacks = septets && length == (header_len * 8).div_ceil(7);
        let missing = if nothing_lacks { 0 } else { announced - octets.len() };
        Self { header, body, missing }.checked(dcs, octets.len(), start)
    }

    fn checked(self, dcs: Dcs, present: usize, start: usize) -> Result<Self, DecodeError> {
        let is_text = dcs.alphabet() != Alphabet::Data && !dcs.is_compressed();
        let plainly_cut = is_text && self.missing > 1 && self.body.len() > 1;
        if self.missing == 0 || plainly_cut {
            return Ok(self);
        }
        let problem = Problem::Short {
            needed: present + self.missing,
            present,
        };
        Err(DecodeError {
            field: "TP-UD",
            octet: start,
            problem,
        })
    }

    /// Writes TP-UDL and TP-UD.
    ///
    /// # Errors
    /// [`EncodeError::UserDataTooLong`] beyond 140 octets,
    /// [`EncodeError::HeaderTooLong`].
    pub(crate) fn encode(&self, dcs: Dcs, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let octets = self.encoded_len(dcs);
        if octets > MAX_OCTETS {
            return Err(EncodeError::UserDataTooLong { octets });
        }
        let header_len = self.header.encoded_len();
        let length = match dcs.counts_septets() {
            true => (header_len * 8).div_ceil(7) + self.body.len(),
            false => octets,
        };
        out.push(u8::try_from(length).map_err(|_| EncodeError::UserDataTooLong { octets })?);
        self.header.encode_into(out)?;
        match dcs.counts_septets() {
            true => pack(&self.body, fill_bits(header_len), out),
            false => out.extend(&self.body),
        }
        Ok(())
    }

    /// Octets of TP-UD on the wire.
    pub fn encoded_len(&self, dcs: Dcs) -> usize {
        let header_len = self.header.encoded_len();
        match dcs.counts_septets() {
            true => header_len + packed_len(self.body.len(), fill_bits(header_len)),
            false => header_len + self.body.len(),
        }
    }

    /// The body as text or data. Text never fails; see
    /// [`crate::join`] for the parts of a longer message.
    pub fn content(&self, dcs: Dcs) -> Content {
        crate::join([(dcs, self)])
    }
}

impl Content {
    /// The text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Data(_) => None,
        }
    }

    /// The octets, if it is data.
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Self::Text(_) => None,
            Self::Data(octets) => Some(octets),
        }
    }
}

fn read_header(octets: &[u8], start: usize) -> Result<(Header, usize), DecodeError> {
    let header = Header::decode(octets).map_err(|error| error.shifted(start))?;
    Ok((header, usize::from(octets[0]) + 1))
}

fn read_septets(octets: &[u8], header_len: usize, length: usize, start: usize) -> Result<Vec<u8>, DecodeError> {
    let header_septets = (header_len * 8).div_ceil(7);
    match length.checked_sub(header_septets) {
        Some(count) => Ok(unpack(&octets[header_len..], fill_bits(header_len), count)),
        None => Err(DecodeError::unexpected(
            "TP-UDL",
            start - 1,
            length.to_le_bytes()[0],
            "at least the septets of the header",
        )),
    }
}

/// Zero bits between a header of so many octets and the first septet.
fn fill_bits(header_len: usize) -> usize {
    (7 - header_len * 8 % 7) % 7
}

/// What one message carries, header and body together.
const MAX_OCTETS: usize = 140;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    #[test]
    fn headers_of_every_length_leave_the_septets_whole() {
        for extra in 0..40 {
            let element = Element::Unknown(0x70, vec![0xA5; extra]);
            let body: Vec<u8> = (0..60).collect();
            let sent = UserData {
                header: Header::new(vec![element]),
                body,
                missing: 0,
            };
            let mut out = Vec::new();
            sent.encode(Dcs::GSM7, &mut out).unwrap();
            let read = UserData::decode(&mut Reader::new(&out), Dcs::GSM7, true).unwrap();
            assert_eq!(read, sent);
        }
    }

    #[test]
    fn cut_text_is_kept_and_cut_data_refused() {
        let cut = [10, b'a', b'b', b'c'];
        let read = |dcs| UserData::decode(&mut Reader::new(&cut), dcs, false);
        assert_eq!(read(Dcs::UCS2).unwrap().missing, 7);
        assert_eq!(read(Dcs::DATA).unwrap_err().field, "TP-UD");
        let slip = [3, b'a', b'b'];
        assert!(UserData::decode(&mut Reader::new(&slip), Dcs::UCS2, false).is_err());
    }

    #[test]
    fn more_than_one_message_carries_is_refused() {
        let long = UserData::data(vec![0; 141]);
        let error = EncodeError::UserDataTooLong { octets: 141 };
        assert_eq!(long.encode(Dcs::DATA, &mut Vec::new()), Err(error));
        let septets = UserData::data(vec![0; 161]);
        assert!(septets.encode(Dcs::GSM7, &mut Vec::new()).is_err());
    }
}
