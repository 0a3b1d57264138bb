//! UCS-2 text as messages carry it: UTF-16 code units, the high octet first.
//!
//! TS 23.038 speaks of UCS-2, but phones send and show surrogate pairs, so
//! both directions are UTF-16.

use std::fmt;

/// Why octets are not whole UCS-2 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ucs2Error {
    /// An odd number of octets.
    OddLength,
    /// Half of a surrogate pair without the other half.
    LoneSurrogate(u16),
}

impl fmt::Display for Ucs2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OddLength => f.write_str("UCS-2 text has an odd number of octets"),
            Self::LoneSurrogate(unit) => write!(f, "dangling surrogate {unit:04X}"),
        }
    }
}

impl std::error::Error for Ucs2Error {}

/// The text of UCS-2 octets.
///
/// # Errors
/// An odd number of octets, or half a surrogate pair: where text was cut
/// between parts, join the octets first.
pub fn decode(octets: &[u8]) -> Result<String, Ucs2Error> {
    if !octets.len().is_multiple_of(2) {
        return Err(Ucs2Error::OddLength);
    }
    char::decode_utf16(units(octets))
        .map(|unit| unit.map_err(|error| Ucs2Error::LoneSurrogate(error.unpaired_surrogate())))
        .collect()
}

/// The text of UCS-2 octets, with U+FFFD for half a surrogate pair and for a
/// last odd octet.
pub fn decode_lossy(octets: &[u8]) -> String {
    let odd = (octets.len() % 2 == 1).then_some(char::REPLACEMENT_CHARACTER);
    char::decode_utf16(units(octets))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(odd)
        .collect()
}

/// The text as UCS-2 octets.
pub fn encode(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len() * 2);
    octets.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    octets
}

fn units(octets: &[u8]) -> impl Iterator<Item = u16> {
    octets
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogate_pairs_survive() {
        assert_eq!(encode("A😀"), [0, 0x41, 0xD8, 0x3D, 0xDE, 0x00]);
        assert_eq!(decode(&encode("A😀")).unwrap(), "A😀");
    }

    #[test]
    fn half_a_pair_and_an_odd_octet_are_named_or_marked() {
        assert_eq!(decode(&[0xD8, 0x3D]), Err(Ucs2Error::LoneSurrogate(0xD83D)));
        assert_eq!(decode(&[0x00]), Err(Ucs2Error::OddLength));
        assert_eq!(decode_lossy(&[0xD8, 0x3D, 0x00]), "\u{FFFD}\u{FFFD}");
    }
}
