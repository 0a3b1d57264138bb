//! Base64 as the first version's server reads it.

/// Decodes with the leniency that the phones in the field rely on, or happen to: characters outside the alphabet are
/// skipped, `=` counts only where it can end a group, and nothing is read after the end. `None` where a group is left
/// open, and for anything but ASCII.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut filled, mut padding) = (0u32, 0u8, 0u8);
    for letter in text.bytes() {
        if letter == b'=' {
            padding += u8::from(filled >= 2);
            if filled >= 2 && filled + padding >= 4 {
                return Some(octets);
            }
            continue;
        }
        let Some(bits) = value(letter) else { continue };
        padding = 0;
        group = group << 6 | u32::from(bits);
        filled = (filled + 1) % 4;
        match filled {
            1 => {}
            2 => octets.push((group >> 4) as u8),
            3 => octets.push((group >> 2) as u8),
            _ => octets.push(group as u8),
        }
    }
    (filled == 0).then_some(octets)
}

fn value(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strangers_are_skipped_and_padding_counts_only_where_it_ends() {
        // Each answer is that of Python 3's base64.b64decode.
        let rows: [(&str, Option<&[u8]>); 16] = [
            ("", Some(b"")),
            ("YWJj", Some(b"abc")),
            ("YW Jj\n", Some(b"abc")),
            ("YWI=", Some(b"ab")),
            ("YQ==", Some(b"a")),
            ("YQ=", None),
            ("YQ", None),
            ("YWI", None),
            ("Y", None),
            ("Y===", None),
            ("====", Some(b"")),
            ("=YQ==", Some(b"a")),
            ("YQ==YQ==", Some(b"a")),
            ("Y=Q==", Some(b"a")),
            ("YQ=Q", None),
            ("YW=Jj", Some(b"abc")),
        ];
        for (text, octets) in rows {
            assert_eq!(decode(text).as_deref(), octets, "{text:?}");
        }
        assert_eq!(decode("YWJjé"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_by_the_book_is_read(octets: Vec<u8>) {
            prop_assert_eq!(decode(&BASE64_STANDARD.encode(&octets)), Some(octets));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC*") {
            let _ = decode(&text);
        }
    }
}
