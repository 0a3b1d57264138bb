//! The reasons for an alphabet, and what another would save.

use std::fmt;

use deunicode::deunicode_char;

use super::{Coding, Options};
use crate::{Gsm7Tables, Language};

/// Why a message has its alphabet. Empty where the default alphabet has every
/// letter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Why {
    /// The characters that the default alphabet lacks, each once, in the
    /// order of the text; the first [`Why::MOST_FORCING`] of them.
    pub forcing: Vec<Forcing>,
    /// Whether they were replaced (transliteration), and did not force anything.
    pub replaced: bool,
    /// Parts that the message would have with all of them replaced; `None`
    /// where one has no replacement.
    pub parts_if_replaced: Option<usize>,
    /// The national tables that have all letters in the fewest parts, and
    /// how many those are. They need the receiver's help, see
    /// [`Options::national`].
    pub national: Option<(Gsm7Tables, usize)>,
}

/// A character that the default alphabet lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forcing {
    /// The character.
    pub character: char,
    /// Its first place in the text, in characters from 0.
    pub at: usize,
    /// How often it stands in the text.
    pub times: usize,
    /// What transliteration would write, if it knows something.
    pub replacement: Option<&'static str>,
}

impl Why {
    /// How many different characters are listed; more would not help anybody.
    pub const MOST_FORCING: usize = 16;

    /// The reasons for a coding of a text.
    pub(super) fn of(text: &str, forcing: Vec<Forcing>, coding: Coding, options: &Options) -> Self {
        if forcing.is_empty() {
            return Self::default();
        }
        let plain = Coding::Gsm7(Gsm7Tables::DEFAULT);
        let parts_if_replaced = transliterate(text, false).map(|changed| plain.count(&changed, options));
        let national = match coding {
            Coding::Gsm7(tables) => Some((tables, coding.count(text, options))),
            Coding::Ucs2 => cheapest_national(text, &forcing, &Language::ALL, options),
        };
        Self {
            forcing,
            replaced: false,
            parts_if_replaced,
            national,
        }
    }
}

impl fmt::Display for Why {
    /// A sentence for the operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.forcing.first() else {
            return f.write_str("the default alphabet has every character");
        };
        let verb = if self.replaced {
            "was replaced"
        } else {
            "is not in the default alphabet"
        };
        write!(f, "{:?} (character {}) {verb}", first.character, first.at + 1)?;
        if self.forcing.len() > 1 {
            write!(f, ", and {} more", self.forcing.len() - 1)?;
        }
        if let Some(parts) = self.parts_if_replaced {
            write!(f, "; with plain letters it would be {}", counted(parts))?;
        }
        if let Some((tables, parts)) = self.national
            && let Some(language) = tables.locking.or(tables.single)
        {
            write!(f, "; the {language} tables take {}", counted(parts))?;
        }
        Ok(())
    }
}

/// Of the national tables that have every letter, those with the fewest parts;
/// of equals the one with the shorter header. The forcing characters are asked
/// for first, since most tables lack one of those.
pub(super) fn cheapest_national(
    text: &str,
    forcing: &[Forcing],
    languages: &[Language],
    options: &Options,
) -> Option<(Gsm7Tables, usize)> {
    let candidates = languages.iter().flat_map(|&language| tables_of(language));
    candidates
        .filter(|tables| forcing.iter().all(|forcing| tables.find(forcing.character).is_some()))
        .filter(|&tables| Coding::Gsm7(tables).missing(text).is_none())
        .map(|tables| (tables, Coding::Gsm7(tables).count(text, options)))
        .min_by_key(|&(tables, parts)| (parts, tables.locking.is_some() && tables.single.is_some()))
}

/// The text in the default alphabet, other letters replaced. Where one has no
/// replacement: `None`, or with `must` a question mark for it.
pub(super) fn transliterate(text: &str, must: bool) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    for character in text.chars() {
        if Gsm7Tables::DEFAULT.find(character).is_some() {
            changed.push(character);
            continue;
        }
        match replacement(character) {
            Some(letters) => changed.push_str(letters),
            None if must => changed.push('?'),
            None => return None,
        }
    }
    Some(changed)
}

fn tables_of(language: Language) -> impl Iterator<Item = Gsm7Tables> {
    let single = Some(language);
    let locking = Some(language).filter(|language| language.has_locking());
    let all = [
        Gsm7Tables { locking: None, single },
        Gsm7Tables { locking, single: None },
        Gsm7Tables { locking, single },
    ];
    // Without a locking table the last two say nothing new.
    all.into_iter().take(if locking.is_some() { 3 } else { 1 })
}

/// The characters that the default alphabet lacks, each once.
pub(super) fn forcing(text: &str) -> Vec<Forcing> {
    let mut forcing: Vec<Forcing> = Vec::new();
    for (at, character) in text.chars().enumerate() {
        if Gsm7Tables::DEFAULT.find(character).is_some() {
            continue;
        }
        match forcing.iter().position(|known| known.character == character) {
            Some(known) => forcing[known].times += 1,
            None if forcing.len() == Why::MOST_FORCING => {}
            None => forcing.push(Forcing {
                character,
                at,
                times: 1,
                replacement: replacement(character),
            }),
        }
    }
    forcing
}

/// Letters of the default alphabet that stand for a character.
fn replacement(character: char) -> Option<&'static str> {
    deunicode_char(character).filter(|letters| letters.chars().all(|letter| Gsm7Tables::DEFAULT.find(letter).is_some()))
}

fn counted(parts: usize) -> String {
    if parts == 1 {
        "1 part".to_owned()
    } else {
        format!("{parts} parts")
    }
}
