//! Validity periods: 3GPP TS 23.040 clause 9.2.3.12.

use std::fmt;

use crate::{DecodeError, Scts, reader::Reader};

/// TP-VP: how long the service centre keeps trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// One octet that counts from submission, clause 9.2.3.12.1.
    Relative(u8),
    /// A moment, clause 9.2.3.12.2.
    Absolute(Scts),
    /// Seven octets whose first says what they hold, clause 9.2.3.12.3.
    Enhanced([u8; 7]),
}

/// What the seven octets of an enhanced validity say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enhanced {
    /// No period is given.
    Unspecified,
    /// As [`Validity::Relative`].
    Relative(u8),
    /// Seconds, 0 to 255 (0 is reserved).
    Seconds(u8),
    /// Hours, minutes and seconds.
    Time(u8, u8, u8),
    /// A format that is reserved, or digits that are none.
    Reserved,
}

impl Validity {
    /// The longest relative period that is not longer than `seconds`; five
    /// minutes where it is shorter, 63 weeks where it is longer.
    pub fn lasting(seconds: u64) -> Self {
        let octet = match seconds {
            0..300 => 0,
            300..=43_200 => seconds / 300 - 1,
            43_201..=86_400 => (seconds - 43_200) / 1800 + 143,
            86_401..=2_592_000 => (seconds / 86_400) + 166,
            _ => (seconds / 604_800).clamp(5, 63) + 192,
        };
        // 30 days are octet 196 and 34 are still 196, five weeks begin at 197.
        let octet = if (2_592_001..3_024_000).contains(&seconds) {
            196
        } else {
            octet
        };
        Self::Relative(u8::try_from(octet).unwrap_or(u8::MAX))
    }

    /// The period in seconds; `None` where it is a moment or says nothing.
    pub fn seconds(&self) -> Option<u64> {
        match self {
            Self::Relative(octet) => Some(relative_seconds(*octet)),
            Self::Absolute(_) => None,
            Self::Enhanced(octets) => match Enhanced::of(octets) {
                Enhanced::Relative(octet) => Some(relative_seconds(octet)),
                Enhanced::Seconds(seconds) => Some(u64::from(seconds)),
                Enhanced::Time(hours, minutes, seconds) => {
                    Some(u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds))
                }
                Enhanced::Unspecified | Enhanced::Reserved => None,
            },
        }
    }

    /// The two format bits of the first octet, clause 9.2.3.3; 0 means none.
    pub(crate) fn format_bits(validity: Option<&Self>) -> u8 {
        match validity {
            None => 0b00,
            Some(Self::Enhanced(_)) => 0b01,
            Some(Self::Relative(_)) => 0b10,
            Some(Self::Absolute(_)) => 0b11,
        }
    }

    /// Reads what the two format bits announce.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub(crate) fn decode(reader: &mut Reader<'_>, format: u8) -> Result<Option<Self>, DecodeError> {
        Ok(match format & 0b11 {
            0b00 => None,
            0b01 => {
                let mut octets = [0; 7];
                octets.copy_from_slice(reader.take(7, TP_VP)?);
                Some(Self::Enhanced(octets))
            }
            0b10 => Some(Self::Relative(reader.octet(TP_VP)?)),
            _ => Some(Self::Absolute(Scts::decode(reader, TP_VP)?)),
        })
    }

    /// Writes the octets of the field.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Relative(octet) => out.push(*octet),
            Self::Absolute(moment) => out.extend(moment.octets()),
            Self::Enhanced(octets) => out.extend(octets),
        }
    }
}

impl Enhanced {
    /// Reads the seven octets. Further functionality octets are passed over.
    pub fn of(octets: &[u8; 7]) -> Self {
        let [indicator, values @ ..] = octets;
        let values = if indicator & 0x80 == 0 {
            &values[..]
        } else {
            &values[1..]
        };
        match indicator & 0b111 {
            0b000 => Self::Unspecified,
            0b001 => Self::Relative(values[0]),
            0b010 => Self::Seconds(values[0]),
            0b011 => Self::time(values).unwrap_or(Self::Reserved),
            _ => Self::Reserved,
        }
    }

    /// Whether the first octet asks for a single attempt.
    pub fn single_shot(octets: &[u8; 7]) -> bool {
        octets[0] & 0x40 != 0
    }

    fn time(values: &[u8]) -> Option<Self> {
        let number = |octet: u8| {
            let (tens, units) = (octet & 0x0F, octet >> 4);
            (tens < 10 && units < 10).then_some(tens * 10 + units)
        };
        Some(Self::Time(number(values[0])?, number(values[1])?, number(values[2])?))
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.seconds()) {
            (Self::Absolute(moment), _) => write!(f, "until {moment}"),
            (_, Some(seconds)) => write!(f, "{seconds} s"),
            (Self::Enhanced(octets), None) if Enhanced::of(octets) == Enhanced::Unspecified => {
                f.write_str("unspecified")
            }
            _ => f.write_str("reserved"),
        }
    }
}

/// The period of a relative octet.
fn relative_seconds(octet: u8) -> u64 {
    let value = u64::from(octet);
    match octet {
        0..=143 => (value + 1) * 300,
        144..=167 => 43_200 + (value - 143) * 1800,
        168..=196 => (value - 166) * 86_400,
        197..=255 => (value - 192) * 604_800,
    }
}

const TP_VP: &str = "TP-VP";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relative_octet_leads_back() {
        for octet in 0..=255 {
            let validity = Validity::Relative(octet);
            assert_eq!(Validity::lasting(validity.seconds().unwrap()), validity);
        }
    }

    #[test]
    fn a_period_is_never_made_longer_except_to_five_minutes() {
        let mut last = 0;
        for seconds in (0..6_000_000).step_by(97) {
            let period = Validity::lasting(seconds).seconds().unwrap();
            assert!(period <= seconds.max(300), "{seconds} became {period}");
            assert!(period >= last, "{seconds}");
            last = period;
        }
        assert_eq!(Validity::lasting(u64::MAX), Validity::Relative(255));
    }

    #[test]
    fn all_enhanced_forms_are_read() {
        assert_eq!(Enhanced::of(&[1, 5, 0, 0, 0, 0, 0]), Enhanced::Relative(5));
        assert_eq!(Enhanced::of(&[2, 255, 0, 0, 0, 0, 0]), Enhanced::Seconds(255));
        assert_eq!(Enhanced::of(&[3, 0x30, 0x21, 0x54, 0, 0, 0]), Enhanced::Time(3, 12, 45));
        assert_eq!(Enhanced::of(&[3, 0xFF, 0x21, 0x54, 0, 0, 0]), Enhanced::Reserved);
        assert_eq!(Enhanced::of(&[0x40, 0, 0, 0, 0, 0, 0]), Enhanced::Unspecified);
        assert!(Enhanced::single_shot(&[0x40, 0, 0, 0, 0, 0, 0]));
    }
}
