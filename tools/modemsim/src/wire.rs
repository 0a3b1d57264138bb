//! The octets of a TPDU as a service centre handles them: it reads the addresses, stamps the time and passes the user
//! data on as it came. Written apart from the `tpdu` crate on purpose: the network between the modems must not share
//! the gateway's mistakes, and what the gateway put into the user data must arrive octet for octet.

use std::time::Duration;

use thiserror::Error;

use crate::validity;

/// Why a SUBMIT was refused. The modem answers `+CMS ERROR: 304` (invalid PDU mode parameter).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    #[error("the text between the prompt and Ctrl-Z is not hexadecimal")]
    NotHex,
    #[error("the length given with the command is not the length of the TPDU")]
    WrongLength,
    #[error("the TPDU ends too early")]
    Truncated,
    #[error("the TPDU is no SUBMIT")]
    NotSubmit,
}

/// Decodes hexadecimal digits, blanks and line ends between them ignored, into `octets`.
pub(crate) fn unhex(text: &[u8], octets: &mut Vec<u8>) -> Result<(), WireError> {
    octets.clear();
    let mut high = None;
    for &byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return Err(WireError::NotHex),
        };
        match high.take() {
            None => high = Some(digit << 4),
            Some(first) => octets.push(first | digit),
        }
    }
    if high.is_some() { Err(WireError::NotHex) } else { Ok(()) }
}

/// Appends `octets` as upper case hexadecimal digits.
pub(crate) fn push_hex(text: &mut Vec<u8>, octets: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for octet in octets {
        text.push(DIGITS[usize::from(octet >> 4)]);
        text.push(DIGITS[usize::from(octet & 15)]);
    }
}

/// Splits a PDU into its SMSC part and the TPDU, whose length the command gave (TS 27.005 3.1 `<length>`).
pub(crate) fn split_smsc(pdu: &[u8], tpdu_len: usize) -> Result<(&[u8], &[u8]), WireError> {
    let (&len, _) = pdu.split_first().ok_or(WireError::Truncated)?;
    let cut = 1 + usize::from(len);
    if pdu.len() < cut {
        return Err(WireError::Truncated);
    }
    let (smsc, tpdu) = pdu.split_at(cut);
    if tpdu.len() == tpdu_len {
        Ok((smsc, tpdu))
    } else {
        Err(WireError::WrongLength)
    }
}

/// The parts of a SUBMIT that a service centre looks at (TS 23.040 9.2.2.2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submit<'a> {
    first: u8,
    /// TP-DA as it stands: digits, type, semi-octets.
    to: &'a [u8],
    pid: u8,
    dcs: u8,
    /// TP-VP.
    validity: &'a [u8],
    /// TP-UDL and TP-UD.
    user_data: &'a [u8],
}

impl<'a> Submit<'a> {
    pub(crate) fn decode(tpdu: &'a [u8]) -> Result<Self, WireError> {
        let &[first, _reference, digits, ..] = tpdu else {
            return Err(WireError::Truncated);
        };
        if first & 0x03 != 0x01 {
            return Err(WireError::NotSubmit);
        }
        let after_address = 2 + 2 + usize::from(digits).div_ceil(2);
        let validity = match first >> 3 & 0x03 {
            0 => 0,
            2 => 1,
            _ => 7,
        };
        let data = after_address + 2 + validity;
        let (to, rest) = (tpdu.get(2..after_address), tpdu.get(after_address..));
        let (Some(to), Some(&[pid, dcs, ..]), Some(user_data)) = (to, rest, tpdu.get(data..)) else {
            return Err(WireError::Truncated);
        };
        let validity = &tpdu[data - validity..data];
        let submit = Self {
            first,
            to,
            pid,
            dcs,
            validity,
            user_data,
        };
        if submit.user_data_fits() {
            Ok(submit)
        } else {
            Err(WireError::Truncated)
        }
    }

    /// TP-SRR: the sender asks for a status report.
    pub(crate) fn wants_report(&self) -> bool {
        self.first & 0x20 != 0
    }

    /// How long it is good when it is accepted at `now`, in seconds of Unix time; `None`: for ever.
    pub(crate) fn lifetime(&self, now: i64) -> Option<Duration> {
        validity::lifetime(self.first >> 3 & 0x03, self.validity, now)
    }

    /// TP-DA as octets, for the status report.
    pub(crate) fn to(&self) -> &'a [u8] {
        self.to
    }

    /// The destination's number, with `+` where it is international.
    pub(crate) fn number(&self) -> String {
        number_of(self.to)
    }

    /// The DELIVER that the recipient gets: same user data, the sender's address, the centre's time stamp.
    pub(crate) fn to_deliver(self, from: &[u8], scts: [u8; 7]) -> Vec<u8> {
        let mut deliver = Vec::with_capacity(1 + from.len() + 9 + self.user_data.len());
        // MTI 00, MMS 1 (no more messages), SRI as the sender's SRR, UDHI and RP as they came.
        deliver.push(0x04 | self.first & 0xE0);
        deliver.extend_from_slice(from);
        deliver.extend_from_slice(&[self.pid, self.dcs]);
        deliver.extend_from_slice(&scts);
        deliver.extend_from_slice(self.user_data);
        deliver
    }

    fn user_data_fits(&self) -> bool {
        let Some((&len, data)) = self.user_data.split_first() else {
            return false;
        };
        let octets = match Alphabet::of(self.dcs) {
            Alphabet::Septets => (usize::from(len) * 7).div_ceil(8),
            Alphabet::Octets => usize::from(len),
        };
        octets == data.len() && octets <= 140
    }
}

/// A STATUS-REPORT (TS 23.040 9.2.2.3): reference, recipient, when accepted, when settled, TP-ST.
pub(crate) fn status_report(reference: u8, to: &[u8], scts: [u8; 7], done: [u8; 7], status: u8) -> Vec<u8> {
    let mut report = Vec::with_capacity(2 + to.len() + 15);
    report.extend_from_slice(&[0x06, reference]);
    report.extend_from_slice(to);
    report.extend_from_slice(&scts);
    report.extend_from_slice(&done);
    report.push(status);
    report
}

/// The message class of a DELIVER, where its data coding scheme has one (TS 23.038 4).
pub(crate) fn class_of(deliver: &[u8]) -> Option<u8> {
    let digits = usize::from(*deliver.get(1)?);
    let dcs = *deliver.get(3 + digits.div_ceil(2) + 1)?;
    let has_class = dcs & 0xC0 == 0 && dcs & 0x10 != 0 || dcs & 0xF0 == 0xF0;
    has_class.then_some(dcs & 0x03)
}

/// An address field as the TPDU carries it: number of digits, type, semi-octets (TS 23.040 9.1.2.5).
pub(crate) fn address(number: &str) -> Vec<u8> {
    let digits: Vec<u8> = number.bytes().filter_map(semi_octet).collect();
    let kind = if number.starts_with('+') { 0x91 } else { 0x81 };
    let mut field = vec![u8::try_from(digits.len()).unwrap_or(0), kind];
    field.extend(
        digits
            .chunks(2)
            .map(|pair| pair[0] | pair.get(1).copied().unwrap_or(0x0F) << 4),
    );
    field
}

/// The SMSC part of a PDU: number of octets that follow, type, semi-octets (TS 27.005 3.1 `<pdu>`).
pub(crate) fn smsc_part(number: &str) -> Vec<u8> {
    let mut field = address(number);
    field[0] = u8::try_from(field.len() - 1).unwrap_or(0);
    field
}

/// The number in an address field, with `+` where it is international.
pub(crate) fn number_of(field: &[u8]) -> String {
    let &[digits, kind, ref octets @ ..] = field else {
        return String::new();
    };
    let mut number = String::with_capacity(usize::from(digits) + 1);
    if kind & 0x70 == 0x10 {
        number.push('+');
    }
    let semi_octets = octets.iter().flat_map(|octet| [octet & 15, octet >> 4]);
    number.extend(
        semi_octets
            .take(digits.into())
            .map(|digit| char::from(b"0123456789*#abc "[usize::from(digit)])),
    );
    number
}

enum Alphabet {
    Septets,
    Octets,
}

impl Alphabet {
    /// How TP-UDL counts under a data coding scheme (TS 23.038 4).
    fn of(dcs: u8) -> Self {
        let compressed_or_wide = dcs & 0x80 == 0 && (dcs & 0x20 != 0 || dcs & 0x0C != 0 && dcs & 0x0C != 0x0C);
        let waiting_ucs2 = dcs & 0xF0 == 0xE0;
        let data = dcs & 0xF4 == 0xF4;
        if compressed_or_wide || waiting_ucs2 || data {
            Self::Octets
        } else {
            Self::Septets
        }
    }
}

fn semi_octet(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'*' => Some(10),
        b'#' => Some(11),
        b'a'..=b'c' => Some(digit - b'a' + 12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_data_arrives_octet_for_octet() {
        let submit = hex::decode("2100 0B 91 2143658709F1 00 00 05 E8329BFD06".replace(' ', "")).unwrap();
        let submit = Submit::decode(&submit).unwrap();
        assert!(submit.wants_report());
        assert_eq!(submit.number(), "+12345678901");
        let deliver = submit.to_deliver(&address("+4917"), [0x32, 0x11, 0x41, 0x12, 0x31, 0x02, 0x40]);
        assert_eq!(hex::encode(deliver), "240491947100003211411231024005e8329bfd06");
    }

    #[test]
    fn a_submit_cut_anywhere_is_refused() {
        let whole = hex::decode("11000B912143658709F10000AA05E8329BFD06").unwrap();
        assert!(Submit::decode(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(Submit::decode(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn the_class_is_read_behind_the_sender() {
        let submit = hex::decode("01000B912143658709F1001005E8329BFD06").unwrap();
        let deliver = Submit::decode(&submit).unwrap().to_deliver(&address("+4917"), [0; 7]);
        assert_eq!(class_of(&deliver), Some(0));
    }
}
