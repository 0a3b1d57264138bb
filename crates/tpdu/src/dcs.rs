//! TP-DCS, the data coding scheme: 3GPP TS 23.038 clause 4.

use crate::waiting::{Waiting, WaitingKind};

/// One octet that says how user data is coded and what is to be done with
/// it. Reserved values are kept and read as the clause says: GSM 7 bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Dcs(pub u8);

/// The alphabet of user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// GSM 7 bit, with national tables where the header names them.
    Gsm7,
    /// 8 bit data without a meaning known here.
    Data,
    /// UCS-2, in practice UTF-16.
    Ucs2,
}

/// What the phone is to do with the message, clause 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Show at once and do not store: "flash".
    Immediate,
    /// Store in the phone.
    Phone,
    /// Store on the SIM.
    Sim,
    /// Hand on to a device.
    Terminal,
}

impl Dcs {
    /// GSM 7 bit, no class.
    pub const GSM7: Self = Self(0x00);
    /// 8 bit data, no class.
    pub const DATA: Self = Self(0x04);
    /// UCS-2, no class.
    pub const UCS2: Self = Self(0x08);

    /// The general scheme for an alphabet with or without a class.
    pub fn new(alphabet: Alphabet, class: Option<Class>) -> Self {
        let coding = match alphabet {
            Alphabet::Gsm7 => 0x00,
            Alphabet::Data => 0x04,
            Alphabet::Ucs2 => 0x08,
        };
        Self(coding | class.map_or(0, |class| 0x10 | class.number()))
    }

    /// The alphabet, compressed or not.
    pub fn alphabet(self) -> Alphabet {
        match self.0 >> 4 {
            0x0..=0x7 => match self.0 & 0x0C {
                0x04 => Alphabet::Data,
                0x08 => Alphabet::Ucs2,
                _ => Alphabet::Gsm7,
            },
            0xE => Alphabet::Ucs2,
            0xF if self.0 & 0x04 != 0 => Alphabet::Data,
            _ => Alphabet::Gsm7,
        }
    }

    /// Whether the text is compressed (TS 23.042). It is not unpacked here.
    pub fn is_compressed(self) -> bool {
        self.0 < 0x80 && self.0 & 0x20 != 0
    }

    /// Whether TP-UDL counts septets (and octets otherwise).
    pub fn counts_septets(self) -> bool {
        self.alphabet() == Alphabet::Gsm7 && !self.is_compressed()
    }

    /// The class, where the scheme gives one.
    pub fn class(self) -> Option<Class> {
        let has_class = match self.0 >> 4 {
            0x0..=0x7 => self.0 & 0x10 != 0,
            0xF => true,
            _ => false,
        };
        has_class.then(|| Class::from_number(self.0))
    }

    /// Whether the message asks to be deleted once read.
    pub fn is_deleted_automatically(self) -> bool {
        matches!(self.0 >> 4, 0x4..=0x7)
    }

    /// The message waiting indication of groups 1100 to 1110.
    pub fn waiting(self) -> Option<Waiting> {
        matches!(self.0 >> 4, 0xC..=0xE).then(|| Waiting {
            kind: WaitingKind::from_bits(self.0),
            active: self.0 & 0x08 != 0,
            count: None,
            discard: self.0 >> 4 == 0xC,
        })
    }
}

impl Alphabet {
    /// `gsm7`, `8bit` or `ucs2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Data => "8bit",
            Self::Ucs2 => "ucs2",
        }
    }

    /// The alphabet that [`Alphabet::name`] calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gsm7, Self::Data, Self::Ucs2]
            .into_iter()
            .find(|alphabet| alphabet.name().eq_ignore_ascii_case(name))
    }
}

impl Class {
    /// The class in the two lowest bits.
    pub fn from_number(number: u8) -> Self {
        match number & 0x03 {
            0 => Self::Immediate,
            1 => Self::Phone,
            2 => Self::Sim,
            _ => Self::Terminal,
        }
    }

    /// 0 to 3.
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_has_an_alphabet_and_reserved_ones_are_gsm7() {
        for octet in 0..=255_u8 {
            let dcs = Dcs(octet);
            let expected = match octet {
                0x80..=0xDF => Alphabet::Gsm7,
                0xE0..=0xEF => Alphabet::Ucs2,
                0xF0..=0xFF if octet & 4 != 0 => Alphabet::Data,
                0xF0..=0xFF => Alphabet::Gsm7,
                _ if octet & 0x0C == 4 => Alphabet::Data,
                _ if octet & 0x0C == 8 => Alphabet::Ucs2,
                _ => Alphabet::Gsm7,
            };
            assert_eq!(dcs.alphabet(), expected, "{octet:#x}");
            assert_eq!(dcs.waiting().is_some(), (0xC0..0xF0).contains(&octet));
            let classed = octet >= 0xF0 || octet < 0x80 && octet & 0x10 != 0;
            assert_eq!(dcs.class().is_some(), classed, "{octet:#x}");
        }
    }

    #[test]
    fn what_is_made_is_read() {
        for alphabet in [Alphabet::Gsm7, Alphabet::Data, Alphabet::Ucs2] {
            for class in [None, Some(Class::Immediate), Some(Class::Terminal)] {
                let dcs = Dcs::new(alphabet, class);
                assert_eq!((dcs.alphabet(), dcs.class()), (alphabet, class));
            }
        }
    }
}
