//! Addresses: 3GPP TS 23.040 clause 9.1.2.5, and the SMSC part of TS 24.011 clause 8.2.5.

use std::{fmt, str::FromStr};

use crate::{
    DecodeError, EncodeError, Gsm7Tables,
    gsm7::{pack, unpack},
    reader::Reader,
};

/// Who sent it or who gets it: a number, or letters where the network allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// What kind of number it is.
    pub kind: TypeOfNumber,
    /// The numbering plan, four bits.
    pub plan: NumberingPlan,
    /// Digits (`0`–`9 * # a b c`), without a plus; or letters of the default
    /// alphabet where the kind is alphanumeric.
    pub value: String,
}

/// The type-of-number bits, clause 9.1.2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeOfNumber {
    /// 000, the network's own rules decide: as dialled.
    Unknown,
    /// 001, with country code, shown with a plus.
    International,
    /// 010, without prefix or trunk digit.
    National,
    /// 011, administration or service numbers of the network.
    NetworkSpecific,
    /// 100, a subscriber number.
    Subscriber,
    /// 101, letters in the default alphabet.
    Alphanumeric,
    /// 110, an abbreviated number.
    Abbreviated,
    /// 111, reserved for extension.
    Reserved,
}

/// The numbering-plan bits, clause 9.1.2.5; any of sixteen values is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberingPlan(u8);

impl Address {
    /// A number with country code, digits only.
    pub fn international(digits: impl Into<String>) -> Self {
        Self::new(TypeOfNumber::International, NumberingPlan::ISDN, digits)
    }

    /// An address of any kind. Nothing is checked before encoding.
    pub fn new(kind: TypeOfNumber, plan: NumberingPlan, value: impl Into<String>) -> Self {
        Self {
            kind,
            plan,
            value: value.into(),
        }
    }

    /// An address that names nobody; some messages have one.
    pub fn empty() -> Self {
        Self::new(TypeOfNumber::Unknown, NumberingPlan::ISDN, "")
    }

    /// The address without its value as one octet, bit 8 set.
    pub fn type_of_address(&self) -> u8 {
        0x80 | self.kind.bits() << 4 | self.plan.0
    }

    /// Reads an address field: semi-octet count, type, value.
    ///
    /// # Errors
    /// See [`DecodeError`]; `field` names the field in it.
    pub(crate) fn decode(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let start = reader.at();
        let semi_octets = usize::from(reader.octet(field)?);
        if semi_octets > MAX_SEMI_OCTETS {
            let found = semi_octets.to_le_bytes()[0];
            return Err(DecodeError::unexpected(field, start, found, "at most 20 digits"));
        }
        let type_octet = reader.octet(field)?;
        if type_octet & 0x80 == 0 && semi_octets == 0 {
            return Err(DecodeError::unexpected(field, start + 1, type_octet, TYPE_EXPECTED));
        }
        let octets = reader.take(semi_octets.div_ceil(2), field)?;
        Ok(Self::read(type_octet, octets, semi_octets))
    }

    /// Reads the SMSC part that modems put before a TPDU: octet count, type,
    /// value; a count of zero means the modem's own SMSC.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub(crate) fn decode_smsc(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let start = reader.at();
        let count = reader.octet(SMSC)?;
        if count == 0 {
            return Ok(None);
        }
        if count > MAX_SMSC_OCTETS {
            return Err(DecodeError::unexpected(SMSC, start, count, "at most 11 octets"));
        }
        let octets = reader.take(usize::from(count), SMSC)?;
        let (type_octet, value) = (octets[0], &octets[1..]);
        if type_octet & 0x80 == 0 {
            return Err(DecodeError::unexpected(SMSC, start + 1, type_octet, TYPE_EXPECTED));
        }
        Ok(Some(Self::read(type_octet, value, value.len() * 2)))
    }

    fn read(type_octet: u8, octets: &[u8], semi_octets: usize) -> Self {
        let kind = TypeOfNumber::from_bits(type_octet >> 4);
        let value = match kind {
            TypeOfNumber::Alphanumeric => Gsm7Tables::DEFAULT.decode(&unpack(octets, 0, semi_octets * 4 / 7)),
            _ => read_digits(octets, semi_octets),
        };
        Self {
            kind,
            plan: NumberingPlan(type_octet & 0x0F),
            value,
        }
    }

    /// Writes an address field; `field` names it in errors.
    ///
    /// # Errors
    /// A value that is too long or holds characters its kind does not allow.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, field: &'static str) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend([0, self.type_of_address()]);
        let semi_octets = self.write_value(out, field)?;
        out[start] = semi_octets;
        Ok(())
    }

    /// Writes the SMSC part.
    ///
    /// # Errors
    /// As [`Address::encode`].
    pub(crate) fn encode_smsc(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend([0, self.type_of_address()]);
        let semi_octets = self.write_value(out, SMSC)?;
        out[start] = semi_octets.div_ceil(2) + 1;
        Ok(())
    }

    /// Writes the value and tells how many semi-octets of it are useful.
    fn write_value(&self, out: &mut Vec<u8>, field: &'static str) -> Result<u8, EncodeError> {
        let semi_octets = match self.kind {
            TypeOfNumber::Alphanumeric => {
                let septets =
                    Gsm7Tables::DEFAULT
                        .encode(&self.value)
                        .map_err(|error| EncodeError::AddressCharacter {
                            field,
                            character: error.character,
                        })?;
                pack(&septets, 0, out);
                (septets.len() * 7).div_ceil(4)
            }
            _ => write_digits(&self.value, out, field)?,
        };
        match u8::try_from(semi_octets) {
            Ok(count) if semi_octets <= MAX_SEMI_OCTETS => Ok(count),
            _ => Err(EncodeError::AddressTooLong { field }),
        }
    }
}

impl fmt::Display for Address {
    /// The value, with a plus where it is international.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == TypeOfNumber::International && !self.value.is_empty() {
            f.write_str("+")?;
        }
        f.write_str(&self.value)
    }
}

impl FromStr for Address {
    type Err = std::convert::Infallible;

    /// Reads what people write: a plus makes it international, digits with
    /// `*` and `#` are dialled as they are, anything else is letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || "*#".contains(c));
        Ok(match text.strip_prefix('+') {
            Some(digits) if is_digits(digits) => Self::international(digits),
            None if is_digits(text) => Self::new(TypeOfNumber::Unknown, NumberingPlan::ISDN, text),
            _ => Self::new(TypeOfNumber::Alphanumeric, NumberingPlan::UNKNOWN, text),
        })
    }
}

impl TypeOfNumber {
    /// Every kind, in the order of the bits.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::International,
        Self::National,
        Self::NetworkSpecific,
        Self::Subscriber,
        Self::Alphanumeric,
        Self::Abbreviated,
        Self::Reserved,
    ];

    /// The kind in three bits.
    pub fn from_bits(bits: u8) -> Self {
        Self::ALL[usize::from(bits & 0x07)]
    }

    /// The three bits.
    pub fn bits(self) -> u8 {
        self as u8
    }

    /// One word for it, as in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::International => "international",
            Self::National => "national",
            Self::NetworkSpecific => "network",
            Self::Subscriber => "subscriber",
            Self::Alphanumeric => "alphanumeric",
            Self::Abbreviated => "abbreviated",
            Self::Reserved => "reserved",
        }
    }

    /// The kind that [`TypeOfNumber::name`] calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

impl NumberingPlan {
    /// No plan is told; used with letters.
    pub const UNKNOWN: Self = Self(0);
    /// E.164, the telephone numbering plan.
    pub const ISDN: Self = Self(1);
    /// The national numbering plan.
    pub const NATIONAL: Self = Self(8);
    /// A private numbering plan.
    pub const PRIVATE: Self = Self(9);

    /// The plan in four bits.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 0x0F)
    }

    /// The four bits.
    pub fn bits(self) -> u8 {
        self.0
    }
}

/// Semi-octets to digits, the low half first; an end mark ends them.
fn read_digits(octets: &[u8], semi_octets: usize) -> String {
    octets
        .iter()
        .flat_map(|octet| [octet & 0x0F, octet >> 4])
        .take(semi_octets)
        .map_while(|semi_octet| DIGITS.get(usize::from(semi_octet)))
        .map(|&digit| char::from(digit))
        .collect()
}

/// Digits to semi-octets, an end mark in the last half octet where odd.
fn write_digits(digits: &str, out: &mut Vec<u8>, field: &'static str) -> Result<usize, EncodeError> {
    let mut count = 0;
    for character in digits.chars() {
        let position = DIGITS.iter().position(|&digit| char::from(digit) == character);
        let semi_octet = position
            .and_then(|position| u8::try_from(position).ok())
            .ok_or(EncodeError::AddressCharacter { field, character })?;
        if count % 2 == 0 {
            out.push(0xF0 | semi_octet);
        } else if let Some(last) = out.last_mut() {
            *last = semi_octet << 4 | *last & 0x0F;
        }
        count += 1;
    }
    Ok(count)
}

/// The semi-octets 0 to 14, clause 9.1.2.3; 15 is the end mark.
const DIGITS: &[u8; 15] = b"0123456789*#abc";
/// Twelve octets of address with two of length and type leave this.
const MAX_SEMI_OCTETS: usize = 20;
const MAX_SMSC_OCTETS: u8 = 11;
const SMSC: &str = "SMSC";
const TYPE_EXPECTED: &str = "a type of address with bit 8 set";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_hex;

    fn decoded(hex: &str) -> Address {
        let bytes = from_hex(hex).unwrap();
        Address::decode(&mut Reader::new(&bytes), "TP-OA").unwrap()
    }

    #[test]
    fn every_semi_octet_has_its_sign() {
        let address = decoded("09E1BADCBE5AF1");
        assert_eq!(address.value, "*#abc#*51");
        assert_eq!(address.kind, TypeOfNumber::Abbreviated);
    }

    #[test]
    fn letters_end_with_the_last_useful_semi_octet() {
        assert_eq!(decoded("0DD0CDF2396C7EBB01").value, "Megafon");
        assert_eq!(decoded("04D01100").value, "_@");
    }

    #[test]
    fn what_people_write_finds_its_type() {
        let kind = |text: &str| text.parse::<Address>().unwrap().type_of_address();
        assert_eq!(kind("+49170"), 0x91);
        assert_eq!(kind("0170"), 0x81);
        assert_eq!(kind("*100#"), 0x81);
        assert_eq!(kind("Mybank"), 0xD0);
        assert_eq!(kind("+x"), 0xD0);
    }

    #[test]
    fn every_type_and_plan_survives() {
        for octet in 0x80..=0xFF_u8 {
            let address = Address::read(octet, &[0x21, 0xF3], 3);
            assert_eq!(address.type_of_address(), octet);
        }
    }

    #[test]
    fn too_long_and_foreign_characters_are_refused() {
        let mut out = Vec::new();
        let long = Address::international("1".repeat(21));
        assert_eq!(
            long.encode(&mut out, "TP-DA"),
            Err(EncodeError::AddressTooLong { field: "TP-DA" })
        );
        let letter = Address::international("12x");
        let error = EncodeError::AddressCharacter {
            field: "TP-DA",
            character: 'x',
        };
        assert_eq!(letter.encode(&mut out, "TP-DA"), Err(error));
    }
}
