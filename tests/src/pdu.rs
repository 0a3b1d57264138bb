//! Octets of TPDUs, put together and taken apart by hand: the tests do not ask the codec that they test.

use std::fmt::Write;

/// An SMS-DELIVER as a network hands it to a phone (TS 23.040 9.2.2.1), without SMSC part.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The sender: digits with `+`.
    pub from: String,
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS.
    pub dcs: u8,
    /// The user data header without its length; empty: none.
    pub header: Vec<u8>,
    /// The user data as octets: UCS-2, 8-bit, or septets where `septets` counts them.
    pub body: Vec<u8>,
    /// The number of septets, where the user data is packed.
    pub septets: Option<u8>,
}

impl Delivery {
    /// A text in UCS-2.
    pub fn text(from: &str, text: &str) -> Self {
        Self {
            from: from.to_owned(),
            pid: 0,
            dcs: 0x08,
            header: Vec::new(),
            body: text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            septets: None,
        }
    }

    /// Part `sequence` of `total` of message `reference` (TS 23.040 9.2.3.24.1).
    pub fn part(from: &str, reference: u8, total: u8, sequence: u8, text: &str) -> Self {
        Self {
            header: vec![0x00, 0x03, reference, total, sequence],
            ..Self::text(from, text)
        }
    }

    /// Octets without an alphabet, with this header.
    pub fn data(from: &str, header: &[u8], body: &[u8]) -> Self {
        Self {
            dcs: 0x04,
            header: header.to_vec(),
            body: body.to_vec(),
            ..Self::text(from, "")
        }
    }

    /// The TPDU in hexadecimal.
    pub fn hex(&self) -> String {
        let digits: Vec<u8> = self
            .from
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(|digit| digit - b'0')
            .collect();
        let mut octets = vec![if self.header.is_empty() { 0x04 } else { 0x44 }];
        octets.push(u8::try_from(digits.len()).expect("a number"));
        octets.push(0x91);
        octets.extend(
            digits
                .chunks(2)
                .map(|pair| pair.get(1).copied().unwrap_or(0xf) << 4 | pair[0]),
        );
        octets.extend([self.pid, self.dcs]);
        // 2026-11-22 10:00:00 +00:00.
        octets.extend([0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00]);
        let mut data = Vec::new();
        if !self.header.is_empty() {
            data.push(u8::try_from(self.header.len()).expect("a short header"));
            data.extend(&self.header);
        }
        data.extend(&self.body);
        octets.push(
            self.septets
                .unwrap_or(u8::try_from(data.len()).expect("a short message")),
        );
        octets.extend(data);
        octets.iter().fold(String::new(), |mut hex, octet| {
            let _ = write!(hex, "{octet:02X}");
            hex
        })
    }
}

/// The fields of an SMS-SUBMIT (TS 23.040 9.2.2.2) that tests look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Whether a status report is asked for (TP-SRR).
    pub report: bool,
    /// The type-of-address octet of the recipient.
    pub kind: u8,
    /// TP-DCS.
    pub dcs: u8,
    /// TP-VP in its relative form.
    pub validity: Option<u8>,
    /// The user data header without its length.
    pub header: Vec<u8>,
}

impl Submission {
    /// Reads a TPDU without SMSC part.
    ///
    /// # Panics
    /// It is too short, or no hexadecimal.
    pub fn read(tpdu: &str) -> Self {
        let octet = |at: usize| u8::from_str_radix(&tpdu[2 * at..2 * at + 2], 16).expect("hexadecimal");
        let first = octet(0);
        let digits = usize::from(octet(2));
        let dcs_at = 4 + digits.div_ceil(2) + 1;
        let relative = first >> 3 & 3 == 2;
        let data_at = dcs_at + 2 + usize::from(relative);
        let header = match first & 0x40 {
            0 => Vec::new(),
            _ => (1..=usize::from(octet(data_at)))
                .map(|at| octet(data_at + at))
                .collect(),
        };
        Self {
            report: first & 0x20 != 0,
            kind: octet(3),
            dcs: octet(dcs_at),
            validity: relative.then(|| octet(dcs_at + 1)),
            header,
        }
    }
}
