//! SMS-STATUS-REPORT and the delivery and submission reports: 3GPP TS 23.040
//! clauses 9.2.2.3, 9.2.2.1a and 9.2.2.2a.

use crate::{Address, Content, Dcs, DecodeError, DeliveryStatus, EncodeError, Scts, UserData, reader::Reader};

/// The network's word on a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatusReport {
    /// More messages wait at the service centre (TP-MMS, inverted on the wire).
    pub more_to_send: bool,
    /// The message was forwarded or spawned and must not loop (TP-LP).
    pub loop_prevention: bool,
    /// The report answers a command rather than a submission (TP-SRQ).
    pub answers_command: bool,
    /// TP-MR, the reference of the message that it is about.
    pub reference: u8,
    /// TP-RA, who should have got that message.
    pub to: Address,
    /// TP-SCTS, when the service centre got that message.
    pub time: Scts,
    /// TP-DT, when it was delivered, or last tried.
    pub discharge: Scts,
    /// TP-ST, how it went.
    pub status: DeliveryStatus,
    /// What follows, if anything.
    pub parameters: Parameters,
}

/// Answer to a submission, from the network. `cause` is only on the wire of a
/// refusal; the two forms cannot be told apart by their octets, and this crate
/// reads and writes the one with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubmitReport {
    /// TP-FCS, why it was refused, clause 9.2.3.22.
    pub cause: u8,
    /// TP-SCTS, when the service centre got the submission.
    pub time: Scts,
    /// What follows, if anything.
    pub parameters: Parameters,
}

/// Answer to a delivery, from the phone. As for [`SubmitReport`], `cause` is
/// always on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliverReport {
    /// TP-FCS, why it was refused, clause 9.2.3.22.
    pub cause: u8,
    /// What follows, if anything.
    pub parameters: Parameters,
}

/// The optional tail of a report; TP-PI says which fields are there
/// (clause 9.2.3.27).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Parameters {
    /// TP-PID.
    pub pid: Option<u8>,
    /// TP-DCS; user data without it is GSM 7 bit.
    pub dcs: Option<Dcs>,
    /// TP-UD.
    pub user_data: Option<UserData>,
}

impl StatusReport {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.octet("TP-MTI")?;
        Ok(Self {
            more_to_send: first & 0x04 == 0,
            loop_prevention: first & 0x08 != 0,
            answers_command: first & 0x20 != 0,
            reference: reader.octet("TP-MR")?,
            to: Address::decode(reader, "TP-RA")?,
            time: Scts::decode(reader, "TP-SCTS")?,
            discharge: Scts::decode(reader, "TP-DT")?,
            status: DeliveryStatus(reader.octet("TP-ST")?),
            parameters: match is_padding(reader) {
                true => Parameters::default(),
                false => Parameters::decode(reader, first & 0x40 != 0)?,
            },
        })
    }

    /// The octets of the TPDU, as a network would send them.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let flags = u8::from(!self.more_to_send) << 2
            | u8::from(self.loop_prevention) << 3
            | u8::from(self.answers_command) << 5
            | self.parameters.header_bit();
        let mut out = vec![0x02 | flags, self.reference];
        self.to.encode(&mut out, "TP-RA")?;
        out.extend(self.time.octets());
        out.extend(self.discharge.octets());
        out.push(self.status.0);
        if self.parameters != Parameters::default() {
            out.push(self.parameters.indicator());
            self.parameters.encode(&mut out)?;
        }
        Ok(out)
    }
}

impl SubmitReport {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.octet("TP-MTI")?;
        let cause = reader.octet("TP-FCS")?;
        let indicator = read_indicator(reader)?;
        let time = Scts::decode(reader, "TP-SCTS")?;
        let parameters = Parameters::read(reader, indicator, first & 0x40 != 0)?;
        Ok(Self {
            cause,
            time,
            parameters,
        })
    }

    /// The octets of the TPDU.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let first = 0x01 | self.parameters.header_bit();
        let mut out = vec![first, self.cause, self.parameters.indicator()];
        out.extend(self.time.octets());
        self.parameters.encode(&mut out)?;
        Ok(out)
    }
}

impl DeliverReport {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.octet("TP-MTI")?;
        let cause = reader.octet("TP-FCS")?;
        let indicator = read_indicator(reader)?;
        let parameters = Parameters::read(reader, indicator, first & 0x40 != 0)?;
        Ok(Self { cause, parameters })
    }

    /// The octets of the TPDU.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let first = self.parameters.header_bit();
        let mut out = vec![first, self.cause, self.parameters.indicator()];
        self.parameters.encode(&mut out)?;
        Ok(out)
    }
}

impl Parameters {
    /// What the user data says, if there is any.
    pub fn content(&self) -> Option<Content> {
        Some(self.user_data.as_ref()?.content(self.coding()))
    }

    /// The coding of the user data.
    fn coding(&self) -> Dcs {
        self.dcs.unwrap_or(Dcs::GSM7)
    }

    /// TP-PI as it is to be written.
    pub fn indicator(&self) -> u8 {
        u8::from(self.pid.is_some()) | u8::from(self.dcs.is_some()) << 1 | u8::from(self.user_data.is_some()) << 2
    }

    fn header_bit(&self) -> u8 {
        let has_header = self.user_data.as_ref().is_some_and(|data| !data.header.is_empty());
        u8::from(has_header) << 6
    }

    /// Reads TP-PI and what it announces; nothing left means nothing announced.
    fn decode(reader: &mut Reader<'_>, has_header: bool) -> Result<Self, DecodeError> {
        if reader.left() == 0 {
            return Ok(Self::default());
        }
        let indicator = read_indicator(reader)?;
        Self::read(reader, indicator, has_header)
    }

    fn read(reader: &mut Reader<'_>, indicator: u8, has_header: bool) -> Result<Self, DecodeError> {
        let has = |bit: u8| indicator & bit != 0;
        let pid = has(0x01).then(|| reader.octet("TP-PID")).transpose()?;
        let dcs = has(0x02).then(|| reader.octet("TP-DCS").map(Dcs)).transpose()?;
        let coding = dcs.unwrap_or(Dcs::GSM7);
        let user_data = has(0x04)
            .then(|| UserData::decode(reader, coding, has_header))
            .transpose()?;
        Ok(Self { pid, dcs, user_data })
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend(self.pid);
        out.extend(self.dcs.map(|dcs| dcs.0));
        match &self.user_data {
            Some(user_data) => user_data.encode(self.coding(), out),
            None => Ok(()),
        }
    }
}

/// TP-PI with its extensions, of which only the first octet means anything yet.
fn read_indicator(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let indicator = reader.octet("TP-PI")?;
    let mut last = indicator;
    while last & 0x80 != 0 {
        last = reader.octet("TP-PI")?;
    }
    Ok(indicator)
}

/// SIMs keep reports in records of fixed length, filled with 0xFF.
fn is_padding(reader: &Reader<'_>) -> bool {
    reader.left() > 0 && reader.rest().iter().all(|&octet| octet == 0xFF)
}
