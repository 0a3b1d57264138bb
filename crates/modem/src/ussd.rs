//! The strings of USSD: how a request is written, and what an answer says.
//!
//! TS 27.007 7.15 leaves the form of the string to `+CSCS` and the data coding scheme, and modems go their own ways: text
//! as it is, UCS-2 in hex, packed septets in hex, whatever the data coding scheme says. So an answer is read by its looks
//! where the scheme does not settle it.

use tpdu::gsm7;

use crate::dialects::UssdForm;

/// The string of a request in this form; nothing when the form cannot say it.
pub(crate) fn encode(text: &str, form: UssdForm) -> Option<String> {
    match form {
        UssdForm::Plain => text.is_ascii().then(|| text.to_owned()),
        UssdForm::Packed => gsm7::encode_packed(text).ok().map(|octets| tpdu::to_hex(&octets)),
        UssdForm::Ucs2 => Some(tpdu::to_hex(&tpdu::ucs2::encode(text))),
    }
}

/// What an answer says. `packs`: this modem is known to pack septets, so that short strings are taken for packed ones too.
pub(crate) fn decode(text: &[u8], dcs: Option<u8>, packs: bool) -> String {
    let Some(octets) = hex_octets(text) else {
        return plain(text);
    };
    let scheme = dcs.map(Scheme::of);
    let whole_units = octets.len().is_multiple_of(2);
    match scheme {
        Some(Scheme::Ucs2) if whole_units => return tpdu::ucs2::decode_lossy(&octets),
        // The language stands before the text, in two packed septets (TS 23.038 5).
        Some(Scheme::Ucs2AfterLanguage) if whole_units => return tpdu::ucs2::decode_lossy(&octets[2..]),
        Some(Scheme::Octets) => return at::latin1(&octets),
        _ => {}
    }
    if whole_units && is_surely_ucs2(&octets) {
        return tpdu::ucs2::decode_lossy(&octets);
    }
    let only_digits = text.iter().all(u8::is_ascii_digit);
    if only_digits || (!packs && octets.len() < SHORTEST_PACKED) {
        return plain(text);
    }
    let packed = gsm7::decode_packed(&octets);
    let readable = readable_percent(&packed);
    if readable >= SURELY_READABLE {
        return after_language(packed, scheme);
    }
    if whole_units && is_perhaps_ucs2(&octets) {
        return tpdu::ucs2::decode_lossy(&octets);
    }
    if readable >= PERHAPS_READABLE {
        after_language(packed, scheme)
    } else {
        plain(text)
    }
}

/// A string in the character set chosen by `+CSCS`, such as an operator's name or a number.
pub(crate) fn text_of_charset(bytes: &[u8], ucs2: bool) -> String {
    let units = hex_octets(bytes).filter(|octets| ucs2 && octets.len().is_multiple_of(2));
    // Some modems write numbers in UCS-2 whatever was chosen (+CSCA in at_replies), and then they look like it.
    let units = units.or_else(|| hex_octets(bytes).filter(|octets| octets.len() > 4 && is_ascii_ucs2(octets)));
    match units {
        Some(octets) => tpdu::ucs2::decode_lossy(&octets),
        None => plain(bytes),
    }
}

/// The alphabet that a data coding scheme of cell broadcast and USSD names (TS 23.038 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Septets,
    /// Two letters of language and a CR before the text.
    SeptetsAfterLanguage,
    Octets,
    Ucs2,
    Ucs2AfterLanguage,
}

impl Scheme {
    fn of(dcs: u8) -> Self {
        match (dcs >> 4, dcs & 0x0F) {
            (1, 0) => Self::SeptetsAfterLanguage,
            (1, 1) => Self::Ucs2AfterLanguage,
            (4..=7 | 9, low) if low & 0x0C == 0x04 => Self::Octets,
            (4..=7 | 9, low) if low & 0x0C == 0x08 => Self::Ucs2,
            (15, low) if low & 0x04 != 0 => Self::Octets,
            _ => Self::Septets,
        }
    }
}

fn after_language(text: String, scheme: Option<Scheme>) -> String {
    let tagged = scheme == Some(Scheme::SeptetsAfterLanguage) && text.as_bytes().get(2) == Some(&b'\r');
    if tagged { text[3..].to_owned() } else { text }
}

fn hex_octets(text: &[u8]) -> Option<Vec<u8>> {
    let fits = text.len() >= 4 && text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(text).ok().filter(|_| fits)?;
    tpdu::from_hex(text).ok()
}

/// UTF-8 where it is that, else every octet is a letter.
fn plain(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => at::latin1(text),
    }
}

fn units(octets: &[u8]) -> impl Iterator<Item = u16> {
    octets
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// Every unit is a letter of an alphabet or a sign, as packed septets hardly ever look: their octets would all but be
/// controls.
fn is_surely_ucs2(octets: &[u8]) -> bool {
    let common = units(octets).filter(|unit| *unit < 0x1000).count();
    common * 4 >= octets.len() && units(octets).all(is_letter_or_sign)
}

fn is_letter_or_sign(unit: u16) -> bool {
    matches!(unit, 0x0A | 0x0D | 0x20..=0x7E | 0xA0..=0x17FF | 0x1E00..=0x22FF | 0xFEFF)
}

/// Also the scripts of East Asia, forms of Arabic, and surrogates.
fn is_perhaps_ucs2(octets: &[u8]) -> bool {
    let asian = |unit: u16| matches!(unit, 0x2300..=0x9FFF | 0xAC00..=0xDFFF | 0xF900..=0xFFEF);
    units(octets).all(|unit| asian(unit) || is_letter_or_sign(unit))
}

fn is_ascii_ucs2(octets: &[u8]) -> bool {
    octets.len().is_multiple_of(2) && units(octets).all(|unit| matches!(unit, 0x20..=0x7E))
}

fn readable_percent(text: &str) -> usize {
    let all = text.chars().count().max(1);
    let good = text.chars().filter(|&c| matches!(c, ' '..='~' | '\n' | '\r')).count();
    good * 100 / all
}

/// Octets that a packed string has at least, where the modem is not known to pack.
const SHORTEST_PACKED: usize = 5;

const SURELY_READABLE: usize = 80;

const PERHAPS_READABLE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_short_words_in_hex_digits_stay_as_they_are() {
        assert_eq!(decode(b"12345678", Some(15), false), "12345678");
        assert_eq!(decode(b"2024", None, false), "2024");
        assert_eq!(decode(b"FACE", Some(15), false), "FACE");
    }

    #[test]
    fn east_asian_text_is_read_by_its_scheme_or_its_looks() {
        let hex = tpdu::to_hex(&tpdu::ucs2::encode("您的话费余额为12.5元"));
        assert_eq!(decode(hex.as_bytes(), Some(72), false), "您的话费余额为12.5元");
        assert_eq!(decode(hex.as_bytes(), Some(15), false), "您的话费余额为12.5元");
    }

    #[test]
    fn the_language_before_the_text_is_taken_off() {
        let mut octets = gsm7::encode_packed("en").unwrap();
        octets.extend(tpdu::ucs2::encode("Привет"));
        assert_eq!(decode(tpdu::to_hex(&octets).as_bytes(), Some(0x11), false), "Привет");
        let packed = gsm7::encode_packed("en\rHello there").unwrap();
        assert_eq!(
            decode(tpdu::to_hex(&packed).as_bytes(), Some(0x10), false),
            "Hello there"
        );
    }

    #[test]
    fn octets_of_an_8_bit_scheme_are_letters() {
        assert_eq!(decode(b"48656C6C6F", Some(68), false), "Hello");
    }

    #[test]
    fn every_scheme_reads_anything_without_panic() {
        for dcs in 0..=u8::MAX {
            for text in ["", "0", "00", "0000", "D83DDE00", "FFFF", "F", "zz"] {
                decode(text.as_bytes(), Some(dcs), true);
                decode(text.as_bytes(), Some(dcs), false);
            }
        }
    }
}
