//! GSM 7-bit text of USSD (TS 23.038 6.1.2.3), kept apart from `tpdu` for the reason given in [`crate::wire`]: the characters
//! that USSD scripts use.

/// The default alphabet (TS 23.038 6.2.1) in order.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Seven spare bits at the end would read as `@`; CR fills them.
const FILLER: u8 = 0x0D;

/// Text as packed octets; what the alphabet lacks becomes `?`.
pub(crate) fn pack_ussd(text: &str) -> Vec<u8> {
    let code = |wanted| {
        ALPHABET
            .chars()
            .position(|known| known == wanted)
            .and_then(|at| u8::try_from(at).ok())
    };
    let mut codes: Vec<u8> = text.chars().map(|letter| code(letter).unwrap_or(0x3F)).collect();
    if codes.len() % 8 == 7 || codes.len().is_multiple_of(8) && codes.last() == Some(&FILLER) {
        codes.push(FILLER);
    }
    let mut octets = vec![0; (codes.len() * 7).div_ceil(8)];
    for (at, code) in codes.into_iter().enumerate() {
        let (octet, shift) = (at * 7 / 8, at * 7 % 8);
        octets[octet] |= code << shift;
        if shift > 1 {
            octets[octet + 1] |= code >> (8 - shift);
        }
    }
    octets
}

/// Packed octets as text, without the filler at the end.
pub(crate) fn unpack_ussd(octets: &[u8]) -> String {
    let letters: Vec<char> = ALPHABET.chars().collect();
    let count = octets.len() * 8 / 7;
    let code = |at: usize| {
        let (octet, shift) = (at * 7 / 8, at * 7 % 8);
        let next = octets.get(octet + 1).copied().unwrap_or(0);
        let pair = u16::from(octets[octet]) | u16::from(next) << 8;
        usize::from(pair >> shift & 0x7F)
    };
    let text: String = (0..count).map(|at| letters[code(at)]).collect();
    let filled = count.is_multiple_of(8) && text.ends_with('\r');
    if filled { text[..text.len() - 1].into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_that_huawei_users_send_are_understood() {
        // wdoekes/asterisk-chan-dongle issue 116, mybroadband.co.za thread 361998.
        assert_eq!(unpack_ussd(&hex::decode("AA182C3602").unwrap()), "*101#");
        assert_eq!(unpack_ussd(&hex::decode("AA188D3602").unwrap()), "*144#");
    }

    #[test]
    fn packing_and_unpacking_give_the_text_at_every_length() {
        assert_eq!(ALPHABET.chars().count(), 128);
        for length in 0..40 {
            let text: String = "Guthaben 7.95 Euro à ".chars().cycle().take(length).collect();
            assert_eq!(unpack_ussd(&pack_ussd(&text)), text);
        }
    }
}
