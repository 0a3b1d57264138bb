//! SMS-SUBMIT, a message to send: 3GPP TS 23.040 clause 9.2.2.2.

use crate::{
    Address, Content, Dcs, DecodeError, EncodeError, UserData, Validity, deliver::TYPICAL_LEN, reader::Reader,
};

/// A message from the phone to the network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Submit {
    /// Refuse the message if one with the same reference to the same
    /// destination is still held (TP-RD).
    pub reject_duplicates: bool,
    /// A status report is asked for (TP-SRR).
    pub report_request: bool,
    /// A reply by the same service centre is asked for (TP-RP).
    pub reply_path: bool,
    /// TP-MR; modems put their own in its place.
    pub reference: u8,
    /// TP-DA, who gets it.
    pub to: Address,
    /// TP-PID, the protocol identifier, clause 9.2.3.9.
    pub pid: u8,
    /// TP-DCS.
    pub dcs: Dcs,
    /// TP-VP; without it the service centre decides.
    pub validity: Option<Validity>,
    /// TP-UD.
    pub user_data: UserData,
}

impl Submit {
    /// A message without any wish: reference 0, no report, no validity.
    pub fn new(to: Address, dcs: Dcs, user_data: UserData) -> Self {
        Self {
            reject_duplicates: false,
            report_request: false,
            reply_path: false,
            reference: 0,
            to,
            pid: 0,
            dcs,
            validity: None,
            user_data,
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.octet("TP-MTI")?;
        let reference = reader.octet("TP-MR")?;
        let to = Address::decode(reader, "TP-DA")?;
        let pid = reader.octet("TP-PID")?;
        let dcs = Dcs(reader.octet("TP-DCS")?);
        let validity = Validity::decode(reader, first >> 3)?;
        let user_data = UserData::decode(reader, dcs, first & 0x40 != 0)?;
        Ok(Self {
            reject_duplicates: first & 0x04 != 0,
            report_request: first & 0x20 != 0,
            reply_path: first & 0x80 != 0,
            reference,
            to,
            pid,
            dcs,
            validity,
            user_data,
        })
    }

    /// The octets of the TPDU; their number is the one for `AT+CMGS`.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(TYPICAL_LEN);
        self.encode_into(&mut out)?;
        Ok(out)
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend([self.first_octet(), self.reference]);
        self.to.encode(out, "TP-DA")?;
        out.extend([self.pid, self.dcs.0]);
        if let Some(validity) = &self.validity {
            validity.encode(out);
        }
        self.user_data.encode(self.dcs, out)
    }

    fn first_octet(&self) -> u8 {
        0x01 | u8::from(self.reject_duplicates) << 2
            | Validity::format_bits(self.validity.as_ref()) << 3
            | u8::from(self.report_request) << 5
            | u8::from(!self.user_data.header.is_empty()) << 6
            | u8::from(self.reply_path) << 7
    }

    /// What the message says, this part alone.
    pub fn content(&self) -> Content {
        self.user_data.content(self.dcs)
    }
}
