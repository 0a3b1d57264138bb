//! The GSM 7 bit alphabets of 3GPP TS 23.038: letters to septets, septets to octets.
//!
//! [`Tables`] says which two tables are in force: a locking one for plain
//! septets and a single shift one for those after an escape. Packing eight
//! septets into seven octets is [`pack`] and [`unpack`]; USSD and cell
//! broadcast use [`decode_packed`] and [`encode_packed`], which know about the
//! carriage return that fills the last octet there.

mod packing;
mod tables;

use std::fmt;

use self::tables::{Locking, Single};

pub use self::packing::{decode_packed, encode_packed, pack, packed_len, unpack};

/// A national language of TS 23.038 annex A, by its identifier (clause 6.2.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Language {
    /// Turkish, 1.
    Turkish = 1,
    /// Spanish, 2. It has a single shift table only; its locking identifier
    /// is void and means the default alphabet.
    Spanish = 2,
    /// Portuguese, 3.
    Portuguese = 3,
    /// Bengali and Assamese, 4.
    Bengali = 4,
    /// Gujarati, 5.
    Gujarati = 5,
    /// Hindi, 6.
    Hindi = 6,
    /// Kannada, 7.
    Kannada = 7,
    /// Malayalam, 8.
    Malayalam = 8,
    /// Oriya, 9.
    Oriya = 9,
    /// Punjabi, 10.
    Punjabi = 10,
    /// Tamil, 11.
    Tamil = 11,
    /// Telugu, 12.
    Telugu = 12,
    /// Urdu, 13.
    Urdu = 13,
}

impl Language {
    /// Every language, in the order of the identifiers.
    pub const ALL: [Self; 13] = [
        Self::Turkish,
        Self::Spanish,
        Self::Portuguese,
        Self::Bengali,
        Self::Gujarati,
        Self::Hindi,
        Self::Kannada,
        Self::Malayalam,
        Self::Oriya,
        Self::Punjabi,
        Self::Tamil,
        Self::Telugu,
        Self::Urdu,
    ];

    /// The language of an identifier, if that is assigned.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id).checked_sub(1)?).copied()
    }

    /// The identifier on the wire.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// The language of an English name in any case, such as `turkish`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.name().eq_ignore_ascii_case(name))
    }

    /// The English name in lower case.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.id()) - 1]
    }

    /// Whether a locking shift table of its own exists.
    pub fn has_locking(self) -> bool {
        self != Self::Spanish
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The two tables in force for a piece of text. The default is the default
/// alphabet with its extension, which every phone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tables {
    /// Replaces the default alphabet.
    pub locking: Option<Language>,
    /// Replaces the extension table.
    pub single: Option<Language>,
}

impl Tables {
    /// The default alphabet and its extension.
    pub const DEFAULT: Self = Self {
        locking: None,
        single: None,
    };

    /// How a character is written, if these tables have it.
    pub fn find(&self, character: char) -> Option<Septets> {
        if *self == Self::DEFAULT && character.is_ascii() {
            return Septets::from_table(ASCII[character as usize]);
        }
        let wanted = u16::try_from(u32::from(character)).ok().filter(|&code| code != 0)?;
        if let Some(at) = self.plain().iter().position(|&code| code == wanted) {
            return Some(Septets::Plain(narrow(at)));
        }
        let &(septet, _) = self.shifted().iter().find(|&&(_, code)| code == wanted)?;
        Some(Septets::Escaped(septet))
    }

    /// The text as unpacked septets, one an octet.
    ///
    /// # Errors
    /// Names the first character that these tables do not have.
    pub fn encode(&self, text: &str) -> Result<Vec<u8>, Unencodable> {
        let mut septets = Vec::with_capacity(text.len());
        for (at, character) in text.chars().enumerate() {
            let found = self.find(character).ok_or(Unencodable { character, at })?;
            found.push_to(&mut septets);
        }
        Ok(septets)
    }

    /// The text of unpacked septets. Never fails: an escape without a partner
    /// is a space and a second escape likewise (clause 6.2.1.1), an escaped
    /// septet that the single shift table lacks is read in the plain table,
    /// and a place without a character becomes U+FFFD.
    pub fn decode(&self, septets: &[u8]) -> String {
        let mut text = String::with_capacity(septets.len() + septets.len() / 8);
        let mut septets = septets.iter().map(|septet| septet & 0x7F);
        while let Some(septet) = septets.next() {
            text.push(match septet {
                ESCAPE => septets.next().map_or(' ', |shifted| self.read_shifted(shifted)),
                plain => self.read_plain(plain),
            });
        }
        text
    }

    fn read_plain(&self, septet: u8) -> char {
        character(self.plain()[usize::from(septet)]).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn read_shifted(&self, septet: u8) -> char {
        if septet == ESCAPE {
            return ' ';
        }
        let found = self.shifted().iter().find(|&&(code, _)| code == septet);
        match found.and_then(|&(_, code)| character(code)) {
            Some(character) => character,
            None => self.read_plain(septet),
        }
    }

    fn plain(&self) -> &'static Locking {
        self.locking.map_or(&tables::DEFAULT, locking)
    }

    fn shifted(&self) -> &'static Single {
        self.single.map_or(tables::DEFAULT_SINGLE, single)
    }
}

/// How one character stands in septets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Septets {
    /// One septet of the plain table.
    Plain(u8),
    /// An escape and a septet of the single shift table.
    Escaped(u8),
}

impl Septets {
    /// How many septets it takes: one or two.
    #[expect(clippy::len_without_is_empty, reason = "a character is never nothing")]
    pub fn len(self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Escaped(_) => 2,
        }
    }

    /// Writes them, one an octet.
    pub(crate) fn push_to(self, septets: &mut Vec<u8>) {
        match self {
            Self::Plain(septet) => septets.push(septet),
            Self::Escaped(septet) => septets.extend([ESCAPE, septet]),
        }
    }

    /// Reads an entry of [`ASCII`].
    fn from_table(entry: u8) -> Option<Self> {
        match entry {
            ABSENT => None,
            escaped if escaped & 0x80 != 0 => Some(Self::Escaped(escaped & 0x7F)),
            plain => Some(Self::Plain(plain)),
        }
    }
}

/// A character that an alphabet does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unencodable {
    /// The character.
    pub character: char,
    /// Its place in the text, in characters from 0.
    pub at: usize,
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "character {} ({:?}) is not in the alphabet",
            self.at + 1,
            self.character
        )
    }
}

impl std::error::Error for Unencodable {}

/// The escape septet, clause 6.2.1.
pub const ESCAPE: u8 = 0x1B;

fn locking(language: Language) -> &'static Locking {
    match language {
        Language::Turkish => &tables::TURKISH,
        Language::Spanish => &tables::DEFAULT,
        Language::Portuguese => &tables::PORTUGUESE,
        Language::Bengali => &tables::BENGALI,
        Language::Gujarati => &tables::GUJARATI,
        Language::Hindi => &tables::HINDI,
        Language::Kannada => &tables::KANNADA,
        Language::Malayalam => &tables::MALAYALAM,
        Language::Oriya => &tables::ORIYA,
        Language::Punjabi => &tables::PUNJABI,
        Language::Tamil => &tables::TAMIL,
        Language::Telugu => &tables::TELUGU,
        Language::Urdu => &tables::URDU,
    }
}

fn single(language: Language) -> &'static Single {
    match language {
        Language::Turkish => tables::TURKISH_SINGLE,
        Language::Spanish => tables::SPANISH_SINGLE,
        Language::Portuguese => tables::PORTUGUESE_SINGLE,
        Language::Bengali => tables::BENGALI_SINGLE,
        Language::Gujarati => tables::GUJARATI_SINGLE,
        Language::Hindi => tables::HINDI_SINGLE,
        Language::Kannada => tables::KANNADA_SINGLE,
        Language::Malayalam => tables::MALAYALAM_SINGLE,
        Language::Oriya => tables::ORIYA_SINGLE,
        Language::Punjabi => tables::PUNJABI_SINGLE,
        Language::Tamil => tables::TAMIL_SINGLE,
        Language::Telugu => tables::TELUGU_SINGLE,
        Language::Urdu => tables::URDU_SINGLE,
    }
}

fn character(code: u16) -> Option<char> {
    char::from_u32(u32::from(code)).filter(|_| code != 0)
}

/// An index into a table of 128 as a septet.
const fn narrow(index: usize) -> u8 {
    (index & 0x7F) as u8
}

const NAMES: [&str; 13] = [
    "turkish",
    "spanish",
    "portuguese",
    "bengali",
    "gujarati",
    "hindi",
    "kannada",
    "malayalam",
    "oriya",
    "punjabi",
    "tamil",
    "telugu",
    "urdu",
];

/// An ASCII character that the default alphabet lacks.
const ABSENT: u8 = 0xFF;

/// ASCII to the default alphabet: the septet, or with the top bit set the
/// septet after an escape. Most text is ASCII, and this spares it the search.
static ASCII: [u8; 128] = ascii();

const fn ascii() -> [u8; 128] {
    let mut entries = [ABSENT; 128];
    let mut at = 0;
    while at < 128 {
        let code = tables::DEFAULT[at];
        if code != 0 && code < 128 {
            entries[code as usize] = narrow(at);
        }
        at += 1;
    }
    let mut at = 0;
    while at < tables::DEFAULT_SINGLE.len() {
        let (septet, code) = tables::DEFAULT_SINGLE[at];
        if code < 128 {
            entries[code as usize] = septet | 0x80;
        }
        at += 1;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_tables() -> Vec<Tables> {
        let languages = || std::iter::once(None).chain(Language::ALL.into_iter().map(Some));
        languages()
            .flat_map(|locking| languages().map(move |single| Tables { locking, single }))
            .collect()
    }

    #[test]
    fn every_character_of_every_table_survives() {
        for tables in all_tables() {
            for septet in (0..128).filter(|&septet| septet != ESCAPE) {
                let text = tables.decode(&[septet]);
                if text == "\u{FFFD}" {
                    continue;
                }
                assert_eq!(tables.encode(&text).unwrap(), [septet], "{tables:?}");
            }
            for &(septet, _) in tables.shifted() {
                let text = tables.decode(&[ESCAPE, septet]);
                let back = tables.encode(&text).unwrap();
                assert_eq!(tables.decode(&back), text, "{tables:?} {septet:#x}");
            }
        }
    }

    #[test]
    fn an_escape_alone_and_an_escape_twice_are_a_space() {
        assert_eq!(Tables::DEFAULT.decode(&[0x1B]), " ");
        assert_eq!(Tables::DEFAULT.decode(&[0x1B, 0x1B, 0x41]), " A");
    }

    #[test]
    fn an_unknown_escape_shows_the_plain_letter() {
        assert_eq!(Tables::DEFAULT.decode(&[0x1B, 0x41]), "A");
        let turkish = Tables {
            locking: Some(Language::Turkish),
            single: None,
        };
        assert_eq!(turkish.decode(&[0x1B, 0x07]), "ı");
    }

    #[test]
    fn the_missing_character_is_named_with_its_place() {
        let error = Tables::DEFAULT.encode("abж").unwrap_err();
        assert_eq!(error, Unencodable { character: 'ж', at: 2 });
        assert!(Tables::DEFAULT.encode("\0").is_err());
    }

    #[test]
    fn names_and_identifiers_lead_back() {
        for language in Language::ALL {
            assert_eq!(Language::from_id(language.id()), Some(language));
            assert_eq!(Language::from_name(language.name()), Some(language));
        }
        assert_eq!(Language::from_id(0), None);
        assert_eq!(Language::from_id(14), None);
    }
}
