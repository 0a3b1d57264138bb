//! The user data header: 3GPP TS 23.040 clause 9.2.3.24.

use crate::{DecodeError, EncodeError, Gsm7Tables, Language, reader::Reader, waiting::Waiting};

/// The elements before the text, in the order in which they stand. Empty
/// means that there is no header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Header {
    /// The elements.
    pub elements: Vec<Element>,
}

/// One information element. What is not known here, or does not have the
/// length its identifier asks for, is kept as it came and goes out so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Element {
    /// 0x00, part of a message with an 8 bit reference.
    Concat8 {
        /// Reference number, one a message.
        reference: u8,
        /// Number of parts.
        total: u8,
        /// Which part, from 1.
        sequence: u8,
    },
    /// 0x08, part of a message with a 16 bit reference.
    Concat16 {
        /// Reference number, one a message.
        reference: u16,
        /// Number of parts.
        total: u8,
        /// Which part, from 1.
        sequence: u8,
    },
    /// 0x01, something waits: kind with the storage bit, and how many.
    Waiting {
        /// Kind in the low bits, bit 8 for *store the message too*.
        indication: u8,
        /// How many wait.
        count: u8,
    },
    /// 0x04, application ports of 8 bits.
    Ports8 {
        /// Port of the receiver.
        destination: u8,
        /// Port of the sender.
        source: u8,
    },
    /// 0x05, application ports of 16 bits.
    Ports16 {
        /// Port of the receiver.
        destination: u16,
        /// Port of the sender.
        source: u16,
    },
    /// 0x24, identifier of a national single shift table.
    SingleShift(u8),
    /// 0x25, identifier of a national locking shift table.
    LockingShift(u8),
    /// Any other element, or one of a length that its identifier does not have.
    Unknown(u8, Vec<u8>),
}

/// Which part of which message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The reference and its width: parts of one message agree in both.
    pub reference: Reference,
    /// Number of parts, at least 1.
    pub total: u8,
    /// Which part, from 1 to `total`.
    pub sequence: u8,
}

/// A concatenation reference of one of two widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// 8 bits: 153 septets, 67 UCS-2 characters or 134 octets a part.
    Eight(u8),
    /// 16 bits: 152 septets, 66 UCS-2 characters or 133 octets a part.
    Sixteen(u16),
}

/// The ports of an application message, clauses 9.2.3.24.3 and .4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ports {
    /// Port of the receiver.
    pub destination: u16,
    /// Port of the sender.
    pub source: u16,
    /// 8 or 16.
    pub bits: u8,
}

impl Header {
    /// A header of these elements.
    pub fn new(elements: Vec<Element>) -> Self {
        Self { elements }
    }

    /// Whether there is no header.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Which part this is. Of several such elements the last counts, and one
    /// that cannot be (no parts, number 0 or beyond the total) is passed over
    /// (clause 9.2.3.24.1).
    pub fn concat(&self) -> Option<Concat> {
        self.elements.iter().rev().find_map(Element::concat)
    }

    /// The application ports, of several the last (clause 9.2.3.24.3).
    pub fn ports(&self) -> Option<Ports> {
        self.elements.iter().rev().find_map(|element| match *element {
            Element::Ports8 { destination, source } => Some(Ports {
                destination: destination.into(),
                source: source.into(),
                bits: 8,
            }),
            Element::Ports16 { destination, source } => Some(Ports {
                destination,
                source,
                bits: 16,
            }),
            _ => None,
        })
    }

    /// The tables for 7 bit text. Identifiers that are not assigned mean the
    /// default tables (clauses 9.2.3.24.15 and .16).
    pub fn tables(&self) -> Gsm7Tables {
        let mut tables = Gsm7Tables::DEFAULT;
        for element in &self.elements {
            match element {
                Element::SingleShift(id) => tables.single = Language::from_id(*id),
                Element::LockingShift(id) => {
                    tables.locking = Language::from_id(*id).filter(|found| found.has_locking());
                }
                _ => {}
            }
        }
        tables
    }

    /// What waits, of several indications the first that is about voicemail,
    /// else the first.
    pub fn waiting(&self) -> Option<Waiting> {
        let mut found = self.elements.iter().filter_map(|element| match *element {
            Element::Waiting { indication, count } => Some(Waiting::from_header(indication, count)),
            _ => None,
        });
        let first = found.next()?;
        let is_voicemail = |waiting: &Waiting| waiting.kind == crate::WaitingKind::Voicemail;
        if is_voicemail(&first) {
            return Some(first);
        }
        Some(found.find(is_voicemail).unwrap_or(first))
    }

    /// Octets on the wire with the length octet; 0 where there is no header.
    pub fn encoded_len(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        1 + self.elements.iter().map(Element::encoded_len).sum::<usize>()
    }

    /// The octets on the wire, length octet first; empty where there is no header.
    ///
    /// # Errors
    /// [`EncodeError::HeaderTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode_into(&mut out)?;
        Ok(out)
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.is_empty() {
            return Ok(());
        }
        let length = u8::try_from(self.encoded_len() - 1).ok();
        out.push(
            length
                .filter(|&length| length < 140)
                .ok_or(EncodeError::HeaderTooLong)?,
        );
        self.elements.iter().for_each(|element| element.encode_into(out));
        Ok(())
    }

    /// Reads a header, its length octet first, and nothing behind it.
    ///
    /// # Errors
    /// See [`DecodeError`]: an element that reaches beyond the header.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        let length = usize::from(reader.octet("TP-UDHL")?);
        let elements = reader.take(length, "TP-UDH")?;
        Self::decode_elements(elements).map_err(|error| error.shifted(1))
    }

    /// Reads elements without the length octet.
    ///
    /// # Errors
    /// See [`DecodeError`]: an element that reaches beyond the end.
    pub fn decode_elements(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        let mut elements = Vec::new();
        while reader.left() > 0 {
            let id = reader.octet("TP-UDH element identifier")?;
            let length = usize::from(reader.octet("TP-UDH element length")?);
            elements.push(Element::read(id, reader.take(length, "TP-UDH element")?));
        }
        Ok(Self { elements })
    }
}

impl Element {
    /// The identifier on the wire.
    pub fn id(&self) -> u8 {
        match self {
            Self::Concat8 { .. } => 0x00,
            Self::Waiting { .. } => 0x01,
            Self::Ports8 { .. } => 0x04,
            Self::Ports16 { .. } => 0x05,
            Self::Concat16 { .. } => 0x08,
            Self::SingleShift(_) => 0x24,
            Self::LockingShift(_) => 0x25,
            Self::Unknown(id, _) => *id,
        }
    }

    /// The octets behind identifier and length.
    pub fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        self.write_data(&mut data);
        data
    }

    fn read(id: u8, data: &[u8]) -> Self {
        match (id, data) {
            (0x00, &[reference, total, sequence]) => Self::Concat8 {
                reference,
                total,
                sequence,
            },
            (0x01, &[indication, count]) => Self::Waiting { indication, count },
            (0x04, &[destination, source]) => Self::Ports8 { destination, source },
            (0x05, &[a, b, c, d]) => Self::Ports16 {
                destination: u16::from_be_bytes([a, b]),
                source: u16::from_be_bytes([c, d]),
            },
            (0x08, &[a, b, total, sequence]) => Self::Concat16 {
                reference: u16::from_be_bytes([a, b]),
                total,
                sequence,
            },
            (0x24, &[language]) => Self::SingleShift(language),
            (0x25, &[language]) => Self::LockingShift(language),
            (id, data) => Self::Unknown(id, data.to_vec()),
        }
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.id());
        let length_at = out.len();
        out.push(0);
        self.write_data(out);
        out[length_at] = (out.len() - length_at - 1).to_le_bytes()[0];
    }

    fn write_data(&self, out: &mut Vec<u8>) {
        match self {
            Self::Concat8 {
                reference,
                total,
                sequence,
            } => {
                out.extend([*reference, *total, *sequence]);
            }
            Self::Concat16 {
                reference,
                total,
                sequence,
            } => {
                out.extend(reference.to_be_bytes());
                out.extend([*total, *sequence]);
            }
            Self::Waiting { indication, count } => out.extend([*indication, *count]),
            Self::Ports8 { destination, source } => out.extend([*destination, *source]),
            Self::Ports16 { destination, source } => {
                out.extend(destination.to_be_bytes());
                out.extend(source.to_be_bytes());
            }
            Self::SingleShift(language) | Self::LockingShift(language) => out.push(*language),
            Self::Unknown(_, data) => out.extend(data),
        }
    }

    fn encoded_len(&self) -> usize {
        2 + match self {
            Self::Concat8 { .. } => 3,
            Self::Concat16 { .. } | Self::Ports16 { .. } => 4,
            Self::Waiting { .. } | Self::Ports8 { .. } => 2,
            Self::SingleShift(_) | Self::LockingShift(_) => 1,
            Self::Unknown(_, data) => data.len(),
        }
    }

    fn concat(&self) -> Option<Concat> {
        let (reference, total, sequence) = match *self {
            Self::Concat8 {
                reference,
                total,
                sequence,
            } => (Reference::Eight(reference), total, sequence),
            Self::Concat16 {
                reference,
                total,
                sequence,
            } => (Reference::Sixteen(reference), total, sequence),
            _ => return None,
        };
        (1..=total).contains(&sequence).then_some(Concat {
            reference,
            total,
            sequence,
        })
    }
}

impl Concat {
    /// The element that says so.
    pub fn element(self) -> Element {
        let Self {
            reference,
            total,
            sequence,
        } = self;
        match reference {
            Reference::Eight(reference) => Element::Concat8 {
                reference,
                total,
                sequence,
            },
            Reference::Sixteen(reference) => Element::Concat16 {
                reference,
                total,
                sequence,
            },
        }
    }
}

impl Reference {
    /// The number.
    pub fn number(self) -> u16 {
        match self {
            Self::Eight(number) => number.into(),
            Self::Sixteen(number) => number,
        }
    }

    /// 8 or 16.
    pub fn bits(self) -> u8 {
        match self {
            Self::Eight(_) => 8,
            Self::Sixteen(_) => 16,
        }
    }
}

impl Ports {
    /// The element that says so.
    pub fn element(self) -> Element {
        match (u8::try_from(self.destination), u8::try_from(self.source)) {
            (Ok(destination), Ok(source)) if self.bits == 8 => Element::Ports8 { destination, source },
            _ => Element::Ports16 {
                destination: self.destination,
                source: self.source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_elements_go_out_as_they_came() {
        let octets = [0x0A, 0x70, 0x03, 1, 2, 3, 0x00, 0x01, 9, 0x24, 0x00];
        let header = Header::decode(&octets).unwrap();
        assert_eq!(header.elements[1], Element::Unknown(0x00, vec![9]));
        assert_eq!(header.encode().unwrap(), octets);
    }

    #[test]
    fn the_last_of_two_concatenations_counts_and_an_impossible_one_does_not() {
        let header = Header::new(vec![
            Element::Concat8 {
                reference: 1,
                total: 2,
                sequence: 1,
            },
            Element::Concat16 {
                reference: 700,
                total: 3,
                sequence: 2,
            },
            Element::Concat8 {
                reference: 9,
                total: 2,
                sequence: 3,
            },
        ]);
        let concat = header.concat().unwrap();
        assert_eq!((concat.reference, concat.total), (Reference::Sixteen(700), 3));
    }

    #[test]
    fn an_element_beyond_the_header_is_named() {
        let error = Header::decode(&[0x03, 0x00, 0x03, 0x01]).unwrap_err();
        assert_eq!((error.field, error.octet), ("TP-UDH element", 3));
    }
}
