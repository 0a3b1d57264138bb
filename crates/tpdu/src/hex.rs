//! Octets as the modem writes them: two hexadecimal digits each (3GPP TS 27.005, clause 3.1).

use crate::{DecodeError, error::Problem};

/// Reads hexadecimal digits of either case, white space around them allowed.
///
/// # Errors
/// Names the first octet that is not two hexadecimal digits.
pub fn from_hex(text: &str) -> Result<Vec<u8>, DecodeError> {
    let digits = text.trim().as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for (octet, pair) in digits.chunks(2).enumerate() {
        let error = DecodeError {
            field: "PDU",
            octet,
            problem: Problem::NotHex,
        };
        let &[high, low] = pair else { return Err(error) };
        let (Some(high), Some(low)) = (nibble(high), nibble(low)) else {
            return Err(error);
        };
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}

/// Writes octets as upper-case hexadecimal digits, as modems expect them.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0F)])
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&all)).unwrap(), all);
        assert_eq!(from_hex(" 0aFf\r\n").unwrap(), [0x0A, 0xFF]);
    }

    #[test]
    fn half_an_octet_and_a_stray_letter_are_named() {
        assert_eq!(from_hex("0102F").unwrap_err().octet, 2);
        assert_eq!(from_hex("01G2").unwrap_err().octet, 1);
        assert_eq!(from_hex("01é2").unwrap_err().octet, 1);
    }
}
