//! data_coding: SMPP 3.4 clause 5.2.19 and, above 0x0F, TS 23.038 clause 4.

use std::fmt;

use tpdu::{Class, Content, Dcs, Gsm7Tables, ucs2};

/// data_coding: what a message's octets are. Reserved values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Coding(pub u8);

/// What octets of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// The message centre's own; see [`DefaultAlphabet`].
    Default,
    /// The GSM 7 bit alphabet, a septet an octet.
    Gsm7,
    /// ASCII (IA5). What lies beyond it is read as Latin-1.
    Ascii,
    /// ISO 8859-1.
    Latin1,
    /// ISO 8859-5.
    Cyrillic,
    /// ISO 8859-8.
    Hebrew,
    /// UCS-2, in practice UTF-16, most significant octet first.
    Ucs2,
    /// Octets without a meaning known here.
    Data,
}

/// What data_coding 0 means. The specification leaves it to the message centre, so every account and every upstream says
/// it; only GSM 7 bit is widely understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DefaultAlphabet {
    /// GSM 7 bit, a septet an octet. Octets above 0x7F show that the peer means something else: those texts are read as
    /// UTF-8 where they are, else as Latin-1.
    #[default]
    Gsm7,
    /// ISO 8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
    /// ASCII.
    Ascii,
}

impl Coding {
    /// The message centre's default.
    pub const DEFAULT: Self = Self(0x00);
    /// ASCII.
    pub const ASCII: Self = Self(0x01);
    /// ISO 8859-1.
    pub const LATIN_1: Self = Self(0x03);
    /// 8 bit data.
    pub const DATA: Self = Self(0x04);
    /// UCS-2.
    pub const UCS2: Self = Self(0x08);

    /// What the octets are.
    pub fn alphabet(self) -> Alphabet {
        match self.0 {
            0x00 => Alphabet::Default,
            0x01 => Alphabet::Ascii,
            0x03 => Alphabet::Latin1,
            0x06 => Alphabet::Cyrillic,
            0x07 => Alphabet::Hebrew,
            0x08 => Alphabet::Ucs2,
            // 8 bit data, the Japanese and Korean sets, which no phone here shows, and what is reserved.
            0x02..=0x0F => Alphabet::Data,
            octet => match Dcs(octet) {
                dcs if dcs.is_compressed() => Alphabet::Data,
                dcs => dcs.alphabet().into(),
            },
        }
    }

    /// The class, where the coding gives one; [`Class::Immediate`] is "flash".
    pub fn class(self) -> Option<Class> {
        if self.0 < GSM { None } else { Dcs(self.0).class() }
    }

    /// The coding of the same octets in a TPDU, where they can go there as they are: septets, UCS-2 and data.
    pub fn dcs(self) -> Option<Dcs> {
        match self.alphabet() {
            _ if self.0 >= GSM => Some(Dcs(self.0)),
            Alphabet::Default | Alphabet::Gsm7 => Some(Dcs::GSM7),
            Alphabet::Ucs2 => Some(Dcs::UCS2),
            Alphabet::Data => Some(Dcs::DATA),
            Alphabet::Ascii | Alphabet::Latin1 | Alphabet::Cyrillic | Alphabet::Hebrew => None,
        }
    }

    /// The coding for a message out of a TPDU of this coding.
    pub fn from_dcs(dcs: Dcs) -> Self {
        let keeps_meaning = dcs.0 >= GSM && (dcs.class().is_some() || dcs.waiting().is_some());
        if keeps_meaning {
            return Self(dcs.0);
        }
        match dcs.alphabet() {
            _ if dcs.is_compressed() => Self::DATA,
            tpdu::Alphabet::Gsm7 => Self::DEFAULT,
            tpdu::Alphabet::Data => Self::DATA,
            tpdu::Alphabet::Ucs2 => Self::UCS2,
        }
    }

    /// What octets of this coding say. Text never fails; what cannot be read becomes U+FFFD.
    pub fn decode(self, octets: &[u8], default: DefaultAlphabet) -> Content {
        self.decode_with(octets, default, Gsm7Tables::DEFAULT)
    }

    /// As [`Coding::decode`], with the national tables that a message's header names.
    pub fn decode_with(self, octets: &[u8], default: DefaultAlphabet, tables: Gsm7Tables) -> Content {
        Content::Text(match self.alphabet() {
            Alphabet::Data => return Content::Data(octets.to_vec()),
            Alphabet::Default => default.decode(octets, tables),
            Alphabet::Gsm7 => DefaultAlphabet::Gsm7.decode(octets, tables),
            Alphabet::Ascii | Alphabet::Latin1 => latin1(octets),
            Alphabet::Cyrillic => octets.iter().copied().map(cyrillic).collect(),
            Alphabet::Hebrew => octets.iter().copied().map(hebrew).collect(),
            Alphabet::Ucs2 => ucs2::decode_lossy(octets),
        })
    }

    /// The octets of a text in this coding; nothing where it lacks a letter, and for data.
    pub fn encode(self, text: &str, default: DefaultAlphabet) -> Option<Vec<u8>> {
        match self.alphabet() {
            Alphabet::Data => None,
            Alphabet::Default => default.encode(text),
            Alphabet::Gsm7 => DefaultAlphabet::Gsm7.encode(text),
            Alphabet::Ascii => DefaultAlphabet::Ascii.encode(text),
            Alphabet::Latin1 => DefaultAlphabet::Latin1.encode(text),
            Alphabet::Cyrillic => text.chars().map(|letter| found(letter, cyrillic)).collect(),
            Alphabet::Hebrew => text.chars().map(|letter| found(letter, hebrew)).collect(),
            Alphabet::Ucs2 => Some(ucs2::encode(text)),
        }
    }

    /// The default alphabet where it has every letter, else UCS-2, and the octets.
    pub fn best(text: &str, default: DefaultAlphabet) -> (Self, Vec<u8>) {
        match default.encode(text) {
            Some(octets) => (Self::DEFAULT, octets),
            None => (Self::UCS2, ucs2::encode(text)),
        }
    }
}

impl DefaultAlphabet {
    /// `gsm7`, `latin1`, `utf8` or `ascii`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Latin1 => "latin1",
            Self::Utf8 => "utf8",
            Self::Ascii => "ascii",
        }
    }

    /// The alphabet that [`DefaultAlphabet::name`] calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gsm7, Self::Latin1, Self::Utf8, Self::Ascii]
            .into_iter()
            .find(|alphabet| alphabet.name() == name)
    }

    fn decode(self, octets: &[u8], tables: Gsm7Tables) -> String {
        match self {
            Self::Gsm7 if octets.is_ascii() => tables.decode(octets),
            Self::Gsm7 => String::from_utf8(octets.to_vec()).unwrap_or_else(|_| latin1(octets)),
            Self::Utf8 => String::from_utf8_lossy(octets).into_owned(),
            Self::Latin1 | Self::Ascii => latin1(octets),
        }
    }

    fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Gsm7 => Gsm7Tables::DEFAULT.encode(text).ok(),
            Self::Latin1 => text.chars().map(|letter| u8::try_from(letter).ok()).collect(),
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
        }
    }
}

impl From<tpdu::Alphabet> for Alphabet {
    fn from(alphabet: tpdu::Alphabet) -> Self {
        match alphabet {
            tpdu::Alphabet::Gsm7 => Self::Gsm7,
            tpdu::Alphabet::Data => Self::Data,
            tpdu::Alphabet::Ucs2 => Self::Ucs2,
        }
    }
}

impl fmt::Display for Coding {
    /// The number and what it means, such as `0x08 UCS-2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.alphabet() {
            Alphabet::Default => "default",
            Alphabet::Gsm7 => "GSM 7 bit",
            Alphabet::Ascii => "ASCII",
            Alphabet::Latin1 => "Latin-1",
            Alphabet::Cyrillic => "ISO 8859-5",
            Alphabet::Hebrew => "ISO 8859-8",
            Alphabet::Ucs2 => "UCS-2",
            Alphabet::Data => "data",
        };
        write!(f, "0x{:02X} {name}", self.0)?;
        match self.class() {
            Some(class) => write!(f, ", class {}", class.number()),
            None => Ok(()),
        }
    }
}

/// Where the codings of TS 23.038 begin.
const GSM: u8 = 0x10;

fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// A letter of ISO 8859-5: the Cyrillic block of Unicode from 0xA1 on, but for three signs.
fn cyrillic(octet: u8) -> char {
    match octet {
        0x00..=0xA0 | 0xAD => char::from(octet),
        0xF0 => '№',
        0xFD => '§',
        0xA1..=0xFF => char::from_u32(0x0360 + u32::from(octet)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// A letter of ISO 8859-8: Latin-1 with Hebrew at its end.
fn hebrew(octet: u8) -> char {
    match octet {
        0xAA => '×',
        0xBA => '÷',
        0xDF => '‗',
        0xE0..=0xFA => char::from_u32(0x04F0 + u32::from(octet)).unwrap_or(char::REPLACEMENT_CHARACTER),
        0xFD => '\u{200E}',
        0xFE => '\u{200F}',
        0xA1 | 0xBF..=0xDE | 0xFB | 0xFC | 0xFF => char::REPLACEMENT_CHARACTER,
        _ => char::from(octet),
    }
}

/// The octet that a table reads as this letter.
fn found(letter: char, table: fn(u8) -> char) -> Option<u8> {
    (0..=u8::MAX).find(|octet| table(*octet) == letter && letter != char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_has_an_alphabet() {
        for octet in 0..=255_u8 {
            let expected = match octet {
                0 => Alphabet::Default,
                1 => Alphabet::Ascii,
                3 => Alphabet::Latin1,
                6 => Alphabet::Cyrillic,
                7 => Alphabet::Hebrew,
                8 => Alphabet::Ucs2,
                2..=15 => Alphabet::Data,
                _ if Dcs(octet).is_compressed() => Alphabet::Data,
                _ => Dcs(octet).alphabet().into(),
            };
            assert_eq!(Coding(octet).alphabet(), expected, "{octet:#x}");
            assert!(!Coding(octet).to_string().is_empty());
        }
    }

    #[test]
    fn flash_is_known_in_all_its_forms() {
        for (octet, alphabet) in [
            (0x10, Alphabet::Gsm7),
            (0xF0, Alphabet::Gsm7),
            (0x18, Alphabet::Ucs2),
            (0xF4, Alphabet::Data),
        ] {
            assert_eq!(Coding(octet).class(), Some(Class::Immediate), "{octet:#x}");
            assert_eq!(Coding(octet).alphabet(), alphabet, "{octet:#x}");
            assert_eq!(Coding(octet).dcs(), Some(Dcs(octet)));
            assert_eq!(Coding::from_dcs(Dcs(octet)), Coding(octet));
        }
        assert_eq!(Coding::UCS2.class(), None);
    }

    #[test]
    fn letters_that_differ_between_ascii_and_gsm_7_bit_are_told_apart() {
        let text = "@$_[]€";
        let gsm = Coding::DEFAULT.encode(text, DefaultAlphabet::Gsm7).unwrap();
        assert_eq!(gsm, [0x00, 0x02, 0x11, 0x1B, 0x3C, 0x1B, 0x3E, 0x1B, 0x65]);
        let read = |coding: Coding, octets: &[u8]| coding.decode(octets, DefaultAlphabet::Gsm7);
        assert_eq!(read(Coding::DEFAULT, &gsm).text(), Some(text));
        assert_eq!(read(Coding::ASCII, b"@$_[]").text(), Some("@$_[]"));
        assert_eq!(read(Coding::LATIN_1, b"Gr\xFC\xDFe").text(), Some("Grüße"));
        assert_eq!(read(Coding::DEFAULT, "Grüße".as_bytes()).text(), Some("Grüße"));
        assert_eq!(read(Coding::DEFAULT, b"Gr\xFC\xDFe").text(), Some("Grüße"));
    }

    #[test]
    fn cyrillic_and_hebrew_go_both_ways() {
        for (coding, text) in [(Coding(6), "Привет Ёё №§"), (Coding(7), "שלום ×÷")] {
            let octets = coding.encode(text, DefaultAlphabet::Gsm7).unwrap();
            assert_eq!(octets.len(), text.chars().count());
            assert_eq!(coding.decode(&octets, DefaultAlphabet::Gsm7).text(), Some(text));
        }
        assert_eq!(Coding(6).encode("ש", DefaultAlphabet::Gsm7), None);
    }

    #[test]
    fn ucs_2_is_taken_only_where_the_default_lacks_a_letter() {
        assert_eq!(Coding::best("plain", DefaultAlphabet::Gsm7).0, Coding::DEFAULT);
        let (coding, octets) = Coding::best("😀", DefaultAlphabet::Gsm7);
        assert_eq!((coding, octets.len()), (Coding::UCS2, 4));
    }
}
