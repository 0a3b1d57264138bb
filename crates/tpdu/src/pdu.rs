//! Whole PDUs: the SMSC part that modems put in front (3GPP TS 27.005 clause
//! 3.1), and which TPDU stands behind it (TS 23.040 clause 9.2.3.1).

use crate::{
    Address, Command, DecodeError, Deliver, DeliverReport, EncodeError, StatusReport, Submit, SubmitReport,
    deliver::TYPICAL_LEN, reader::Reader, to_hex,
};

/// A TPDU of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tpdu {
    /// A message that came.
    Deliver(Deliver),
    /// A message to send.
    Submit(Submit),
    /// The network's word on a message that was sent.
    StatusReport(StatusReport),
    /// An order about a message sent earlier.
    Command(Command),
    /// Answer to a submission.
    SubmitReport(SubmitReport),
    /// Answer to a delivery.
    DeliverReport(DeliverReport),
}

/// Who sent the octets: the type bits mean different things each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the network to the phone.
    ToPhone,
    /// From the phone to the network.
    ToNetwork,
}

/// A TPDU with the service centre that it came from or goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pdu {
    /// The service centre; `None` where the SMSC part is empty or absent.
    pub smsc: Option<Address>,
    /// What it carries.
    pub tpdu: Tpdu,
    /// Octets of the TPDU without anything behind it, as `+CMT` and `+CMGR` count.
    pub tpdu_len: usize,
    /// Octets behind the TPDU that nothing announced; SIMs fill records so.
    pub trailing: usize,
}

/// A PDU ready for `AT+CMGS` or `AT+CMGW`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Encoded {
    /// SMSC part and TPDU.
    pub bytes: Vec<u8>,
    /// The number for the command: octets without the SMSC part.
    pub tpdu_len: usize,
}

/// Reads what a modem hands over for a message or report that came, SMSC part
/// first: a [`Tpdu::Deliver`] or [`Tpdu::StatusReport`].
///
/// # Errors
/// See [`DecodeError`]. Submission reports stay in the modem, so their type is
/// an error too; see [`decode_stored`] for submissions that it keeps.
pub fn decode_incoming(bytes: &[u8]) -> Result<Pdu, DecodeError> {
    let mut reader = Reader::new(bytes);
    let smsc = Address::decode_smsc(&mut reader)?;
    match reader.rest().first() {
        Some(&first) if first & 0b11 == 0b01 => Err(DecodeError::unexpected(
            TP_MTI,
            reader.at(),
            first,
            "message type 0 or 2, a delivery or a report",
        )),
        _ => Pdu::read(reader, Direction::ToPhone, smsc),
    }
}

/// Reads what a modem has in its memories, SMSC part first: as
/// [`decode_incoming`], or a [`Tpdu::Submit`] that was stored for sending.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_stored(bytes: &[u8]) -> Result<Pdu, DecodeError> {
    let mut reader = Reader::new(bytes);
    let smsc = Address::decode_smsc(&mut reader)?;
    let is_submit = reader.rest().first().is_some_and(|first| first & 0b11 == 0b01);
    let direction = if is_submit {
        Direction::ToNetwork
    } else {
        Direction::ToPhone
    };
    Pdu::read(reader, direction, smsc)
}

/// Reads what a phone sends, SMSC part first: a [`Tpdu::Submit`],
/// [`Tpdu::Command`] or [`Tpdu::DeliverReport`].
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_outgoing(bytes: &[u8]) -> Result<Pdu, DecodeError> {
    Pdu::decode(bytes, Direction::ToNetwork)
}

/// What stays the same when the network repeats a message: the octets from
/// the address on, without what trails. First octet and SMSC may differ.
/// Octets that are no PDU are their own fingerprint.
pub fn fingerprint(bytes: &[u8]) -> &[u8] {
    let Ok(pdu) = decode_incoming(bytes) else { return bytes };
    let end = bytes.len() - pdu.trailing;
    &bytes[end - pdu.tpdu_len + 1..end]
}

impl Pdu {
    /// Reads an SMSC part and a TPDU.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(bytes: &[u8], direction: Direction) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let smsc = Address::decode_smsc(&mut reader)?;
        Self::read(reader, direction, smsc)
    }

    /// Reads a TPDU that has no SMSC part before it.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode_bare(bytes: &[u8], direction: Direction) -> Result<Self, DecodeError> {
        Self::read(Reader::new(bytes), direction, None)
    }

    fn read(mut reader: Reader<'_>, direction: Direction, smsc: Option<Address>) -> Result<Self, DecodeError> {
        let start = reader.at();
        let tpdu = Tpdu::decode(&mut reader, direction)?;
        Ok(Self {
            smsc,
            tpdu,
            tpdu_len: reader.at() - start,
            trailing: reader.left(),
        })
    }

    /// Writes the SMSC part and the TPDU.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        Encoded::new(self.smsc.as_ref(), |out| {
            out.extend(self.tpdu.encode()?);
            Ok(())
        })
    }
}

impl Tpdu {
    fn decode(reader: &mut Reader<'_>, direction: Direction) -> Result<Self, DecodeError> {
        let start = reader.at();
        let first = match reader.rest().first() {
            Some(first) => first & 0b11,
            None => return Err(reader.short(1, TP_MTI)),
        };
        match (direction, first) {
            (Direction::ToPhone, 0b00) => Deliver::decode(reader).map(Self::Deliver),
            (Direction::ToPhone, 0b01) => SubmitReport::decode(reader).map(Self::SubmitReport),
            (Direction::ToPhone, 0b10) => StatusReport::decode(reader).map(Self::StatusReport),
            // A phone treats the reserved type as a delivery, clause 9.2.3.1.
            (Direction::ToPhone, _) => Deliver::decode(reader)
                .map(Self::Deliver)
                .map_err(|_| reserved(start, first)),
            (Direction::ToNetwork, 0b00) => DeliverReport::decode(reader).map(Self::DeliverReport),
            (Direction::ToNetwork, 0b01) => Submit::decode(reader).map(Self::Submit),
            (Direction::ToNetwork, 0b10) => Command::decode(reader).map(Self::Command),
            (Direction::ToNetwork, _) => Err(reserved(start, first)),
        }
    }

    /// The octets of the TPDU.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Deliver(tpdu) => tpdu.encode(),
            Self::Submit(tpdu) => tpdu.encode(),
            Self::StatusReport(tpdu) => tpdu.encode(),
            Self::Command(tpdu) => tpdu.encode(),
            Self::SubmitReport(tpdu) => tpdu.encode(),
            Self::DeliverReport(tpdu) => tpdu.encode(),
        }
    }

    /// The name in the standard without `SMS-`, such as `STATUS-REPORT`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deliver(_) => "DELIVER",
            Self::Submit(_) => "SUBMIT",
            Self::StatusReport(_) => "STATUS-REPORT",
            Self::Command(_) => "COMMAND",
            Self::SubmitReport(_) => "SUBMIT-REPORT",
            Self::DeliverReport(_) => "DELIVER-REPORT",
        }
    }
}

impl Submit {
    /// The PDU for `AT+CMGS`, by a service centre or, with `None`, by the
    /// modem's own.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn to_pdu(&self, smsc: Option<&Address>) -> Result<Encoded, EncodeError> {
        Encoded::new(smsc, |out| self.encode_into(out))
    }
}

impl Encoded {
    fn new(
        smsc: Option<&Address>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<Self, EncodeError> {
        let mut bytes = Vec::with_capacity(TYPICAL_LEN);
        match smsc {
            Some(smsc) => smsc.encode_smsc(&mut bytes)?,
            None => bytes.push(0),
        }
        let start = bytes.len();
        write(&mut bytes)?;
        let tpdu_len = bytes.len() - start;
        Ok(Self { bytes, tpdu_len })
    }

    /// The octets as the modem wants them.
    pub fn hex(&self) -> String {
        to_hex(&self.bytes)
    }
}

fn reserved(octet: usize, found: u8) -> DecodeError {
    DecodeError::unexpected(TP_MTI, octet, found, "message type 0, 1 or 2")
}

const TP_MTI: &str = "TP-MTI";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_hex;

    /// A message by two service centres, the second time with TP-MMS and TP-SRI changed.
    const FIRST: &str = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07";
    const AGAIN: &str = "07911326040000F1200B911346610089F60000208062917314080CC8F71D14969741F977FD07FFFF";

    #[test]
    fn a_repeated_message_has_the_same_fingerprint() {
        let (first, again) = (from_hex(FIRST).unwrap(), from_hex(AGAIN).unwrap());
        assert_eq!(fingerprint(&first), fingerprint(&again));
        assert_eq!(fingerprint(&first), &first[9..]);
        assert_eq!(fingerprint(&[1, 2, 3]), [1, 2, 3]);
    }

    #[test]
    fn what_trails_is_counted_and_not_part_of_the_tpdu() {
        let pdu = decode_incoming(&from_hex(AGAIN).unwrap()).unwrap();
        assert_eq!((pdu.tpdu_len, pdu.trailing), (30, 2));
        let again = pdu.encode().unwrap();
        assert_eq!(format!("{}FFFF", again.hex()), AGAIN);
    }

    #[test]
    fn a_stored_submission_is_read_and_no_incoming_message() {
        let bytes = from_hex("00010004919471000005E8329BFD06").unwrap();
        assert!(matches!(decode_stored(&bytes).unwrap().tpdu, Tpdu::Submit(_)));
        let error = decode_incoming(&bytes).unwrap_err();
        assert_eq!((error.field, error.octet), ("TP-MTI", 1));
        let report = decode_stored(&from_hex("0006D60B911326880736F4111011719551401110117195714000").unwrap());
        assert_eq!(report.unwrap().tpdu.name(), "STATUS-REPORT");
    }

    #[test]
    fn the_reserved_type_is_a_delivery_to_a_phone_and_nothing_to_the_network() {
        let bytes = from_hex(&FIRST.replace("F0040B", "F0070B")).unwrap();
        assert!(matches!(decode_incoming(&bytes).unwrap().tpdu, Tpdu::Deliver(_)));
        assert_eq!(decode_outgoing(&bytes).unwrap_err().field, "TP-MTI");
        assert_eq!(decode_incoming(&[0]).unwrap_err().octet, 1);
    }
}
