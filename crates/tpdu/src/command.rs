//! SMS-COMMAND, an order about a message sent earlier: 3GPP TS 23.040 clause 9.2.2.4.

use crate::{Address, DecodeError, EncodeError, reader::Reader};

/// An order from the phone to the service centre.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Command {
    /// A status report is asked for (TP-SRR).
    pub report_request: bool,
    /// The command data begins with a header (TP-UDHI); it is kept in `data`.
    pub has_header: bool,
    /// TP-MR.
    pub reference: u8,
    /// TP-PID.
    pub pid: u8,
    /// TP-CT, what to do, clause 9.2.3.19.
    pub command: u8,
    /// TP-MN, the reference of the message that it is about.
    pub message: u8,
    /// TP-DA, the recipient of that message.
    pub to: Address,
    /// TP-CD.
    pub data: Vec<u8>,
}

impl Command {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.octet("TP-MTI")?;
        let reference = reader.octet("TP-MR")?;
        let pid = reader.octet("TP-PID")?;
        let command = reader.octet("TP-CT")?;
        let message = reader.octet("TP-MN")?;
        let to = Address::decode(reader, "TP-DA")?;
        let length = reader.octet("TP-CDL")?;
        let data = reader.take(length.into(), "TP-CD")?.to_vec();
        let report_request = first & 0x20 != 0;
        let has_header = first & 0x40 != 0;
        Ok(Self {
            report_request,
            has_header,
            reference,
            pid,
            command,
            message,
            to,
            data,
        })
    }

    /// The octets of the TPDU.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let flags = u8::from(self.report_request) << 5 | u8::from(self.has_header) << 6;
        let mut out = vec![0x02 | flags, self.reference, self.pid, self.command, self.message];
        self.to.encode(&mut out, "TP-DA")?;
        let length = u8::try_from(self.data.len()).ok().filter(|&length| length <= 156);
        out.push(length.ok_or(EncodeError::CommandDataTooLong)?);
        out.extend(&self.data);
        Ok(out)
    }
}
