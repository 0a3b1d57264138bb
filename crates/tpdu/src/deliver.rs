//! SMS-DELIVER, a message that came: 3GPP TS 23.040 clause 9.2.2.1.

use crate::{Address, Content, Dcs, DecodeError, EncodeError, Scts, UserData, Waiting, reader::Reader};

/// A message from the network to the phone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Deliver {
    /// More messages wait at the service centre (TP-MMS, inverted on the wire).
    pub more_to_send: bool,
    /// The message was forwarded or spawned and must not loop (TP-LP).
    pub loop_prevention: bool,
    /// The sender asked for a report (TP-SRI).
    pub report_indication: bool,
    /// A reply may go by the same service centre (TP-RP).
    pub reply_path: bool,
    /// TP-OA, who sent it.
    pub from: Address,
    /// TP-PID, the protocol identifier, clause 9.2.3.9.
    pub pid: u8,
    /// TP-DCS.
    pub dcs: Dcs,
    /// TP-SCTS, when the service centre got it.
    pub time: Scts,
    /// TP-UD.
    pub user_data: UserData,
}

impl Deliver {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.octet("TP-MTI")?;
        let from = Address::decode(reader, "TP-OA")?;
        let pid = reader.octet("TP-PID")?;
        let dcs = Dcs(reader.octet("TP-DCS")?);
        let time = Scts::decode(reader, "TP-SCTS")?;
        let user_data = UserData::decode(reader, dcs, first & 0x40 != 0)?;
        Ok(Self {
            more_to_send: first & 0x04 == 0,
            loop_prevention: first & 0x08 != 0,
            report_indication: first & 0x20 != 0,
            reply_path: first & 0x80 != 0,
            from,
            pid,
            dcs,
            time,
            user_data,
        })
    }

    /// The octets of the TPDU, as a network would send them.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(TYPICAL_LEN);
        out.push(self.first_octet());
        self.from.encode(&mut out, "TP-OA")?;
        out.extend([self.pid, self.dcs.0]);
        out.extend(self.time.octets());
        self.user_data.encode(self.dcs, &mut out)?;
        Ok(out)
    }

    fn first_octet(&self) -> u8 {
        u8::from(!self.more_to_send) << 2
            | u8::from(self.loop_prevention) << 3
            | u8::from(self.report_indication) << 5
            | u8::from(!self.user_data.header.is_empty()) << 6
            | u8::from(self.reply_path) << 7
    }

    /// What the message says, this part alone.
    pub fn content(&self) -> Content {
        self.user_data.content(self.dcs)
    }

    /// What waits for the subscriber, if the message says so: by its header,
    /// which counts, else by TP-DCS, else the CPHS way.
    pub fn waiting(&self) -> Option<Waiting> {
        let coded = self.dcs.waiting();
        match self.user_data.header.waiting() {
            Some(told) => {
                let discard = coded.map_or(told.discard, |coded| coded.discard);
                Some(Waiting { discard, ..told })
            }
            None => coded.or_else(|| Waiting::from_cphs(&self.from)),
        }
    }

    /// Whether the message is for the SIM's own programs and no text for a
    /// reader: class 2 with (U)SIM data download (clause 9.2.3.9).
    pub fn is_for_sim(&self) -> bool {
        self.dcs.class() == Some(crate::Class::Sim) && matches!(self.pid, 0x7C | 0x7F)
    }

    /// Whether the phone is to acknowledge and forget it: a silent message,
    /// "short message type 0" (clause 9.2.3.9).
    pub fn is_silent(&self) -> bool {
        self.pid == 0x40
    }

    /// Whether the message is for the modem itself and no text for a reader:
    /// device triggering, ME data download, ME de-personalization (clause
    /// 9.2.3.9, TS 22.022).
    pub fn is_for_device(&self) -> bool {
        matches!(self.pid, 0x48 | 0x7D | 0x7E)
    }

    /// Which of seven replaceable messages of this sender it replaces, 1 to 7
    /// (clause 9.2.3.9).
    pub fn replaces(&self) -> Option<u8> {
        matches!(self.pid, 0x41..=0x47).then_some(self.pid & 0x07)
    }
}

/// Room for a full message, so that encoding allocates once.
pub(crate) const TYPICAL_LEN: usize = 176;
