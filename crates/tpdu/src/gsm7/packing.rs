//! Eight septets in seven octets, 3GPP TS 23.038 clause 6.1.2.

use super::{Tables, Unencodable};

/// Octets that `septets` septets take behind `fill_bits` bits.
pub const fn packed_len(septets: usize, fill_bits: usize) -> usize {
    (septets * 7 + fill_bits).div_ceil(8)
}

/// Packs septets (one an octet, the top bit ignored) behind `fill_bits` zero
/// bits, which bring text behind a header to a septet boundary (TS 23.040,
/// clause 9.2.3.24), and appends the octets to `octets`.
pub fn pack(septets: &[u8], fill_bits: usize, octets: &mut Vec<u8>) {
    octets.reserve(packed_len(septets.len(), fill_bits));
    let mut pending: u32 = 0;
    let mut bits = fill_bits;
    for &septet in septets {
        pending |= u32::from(septet & 0x7F) << bits;
        bits += 7;
        while bits >= 8 {
            octets.push((pending & 0xFF) as u8);
            pending >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        octets.push((pending & 0xFF) as u8);
    }
}

/// Unpacks at most `count` septets behind `fill_bits` bits: as many as the
/// octets hold.
pub fn unpack(octets: &[u8], fill_bits: usize, count: usize) -> Vec<u8> {
    let held = (octets.len() * 8).saturating_sub(fill_bits) / 7;
    let mut septets = Vec::with_capacity(held.min(count));
    let mut bit = fill_bits;
    for _ in 0..held.min(count) {
        let (octet, shift) = (bit / 8, bit % 8);
        let low = u16::from(octets[octet]);
        let high = octets.get(octet + 1).map_or(0, |&octet| u16::from(octet));
        septets.push((((high << 8 | low) >> shift) & 0x7F) as u8);
        bit += 7;
    }
    septets
}

/// The text of packed septets whose number is not told, as in USSD strings
/// and cell broadcast pages. The carriage return that fills the last seven
/// bits is taken away (TS 23.038, clause 6.1.2.3.1).
pub fn decode_packed(octets: &[u8]) -> String {
    let mut septets = unpack(octets, 0, usize::MAX);
    let filled = septets.len().is_multiple_of(8);
    if filled && septets.last() == Some(&CARRIAGE_RETURN) {
        septets.pop();
    }
    Tables::DEFAULT.decode(&septets)
}

/// The text as packed septets for USSD: seven spare bits are filled with a
/// carriage return, and a text that ends in one on an octet boundary gets a
/// second, so that the receiver does not take it for the filler (clause
/// 6.1.2.3.1).
///
/// # Errors
/// Names the first character that the default alphabet lacks.
pub fn encode_packed(text: &str) -> Result<Vec<u8>, Unencodable> {
    let mut septets = Tables::DEFAULT.encode(text)?;
    let ends_in_return = septets.last() == Some(&CARRIAGE_RETURN);
    let boundary = septets.len().is_multiple_of(8) && ends_in_return;
    if septets.len() % 8 == 7 || boundary {
        septets.push(CARRIAGE_RETURN);
    }
    let mut octets = Vec::new();
    pack(&septets, 0, &mut octets);
    Ok(octets)
}

const CARRIAGE_RETURN: u8 = 0x0D;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_and_unpacking_meet_for_every_length_and_fill() {
        for count in 0..=170 {
            for fill in 0..7 {
                let septets: Vec<u8> = (0..count).map(|n| (n * 37 % 128) as u8).collect();
                let mut octets = Vec::new();
                pack(&septets, fill, &mut octets);
                assert_eq!(octets.len(), packed_len(count, fill));
                assert_eq!(unpack(&octets, fill, count), septets);
            }
        }
    }

    #[test]
    fn unpacking_takes_no_more_than_there_is() {
        assert_eq!(unpack(&[0xFF], 0, 99).len(), 1);
        assert_eq!(unpack(&[], 6, 99).len(), 0);
        assert_eq!(unpack(&[0xFF], 20, 99).len(), 0);
    }

    #[test]
    fn the_filler_goes_and_a_true_return_stays() {
        for text in ["", "1234567", "12345678", "1234567\r", "123456789\r"] {
            let octets = encode_packed(text).unwrap();
            let decoded = decode_packed(&octets);
            assert_eq!(decoded.trim_end_matches('\r'), text.trim_end_matches('\r'));
            assert_eq!(decoded.ends_with('\r'), text.ends_with('\r'));
        }
    }
}
