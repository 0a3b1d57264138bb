//! Text to the parts of a message, in the alphabet that takes the fewest.

mod split;
mod why;

use std::{borrow::Cow, fmt, ops::Range};

use crate::{
    Address, Alphabet, Class, Concat, Dcs, Element, Gsm7Tables, Header, Language, Ports, Reference, Submit, UserData,
    Validity,
    gsm7::{Septets, Unencodable},
    ucs2,
};

use self::split::split;
pub use self::why::{Forcing, Why};

/// How a text is to become a message. The default is what a caller wants who
/// wants nothing special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which alphabets may be used.
    pub alphabet: Choice,
    /// National tables that the receiver is known to show. None by default:
    /// many phones show other letters in their place.
    pub national: Vec<Language>,
    /// Write letters that the alphabet lacks with those it has (`ł` as `l`).
    /// Off by default, since it changes the text.
    pub transliterate: bool,
    /// The reference that a message of several parts gets, and its width.
    pub reference: Reference,
    /// Application ports, put into every part.
    pub ports: Option<Ports>,
    /// The class; [`Class::Immediate`] is "flash".
    pub class: Option<Class>,
    /// The most parts that are allowed; 255 is the most that can be.
    pub max_parts: u8,
}

/// Which alphabets may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Choice {
    /// GSM 7 bit where it has every letter, else what takes the fewest parts
    /// of the allowed national tables and UCS-2. Where they take as many, the
    /// alphabet wins that more phones know: default, UCS-2, national.
    #[default]
    Cheapest,
    /// GSM 7 bit with the default or an allowed national table, or an error.
    Gsm7,
    /// UCS-2 in any case.
    Ucs2,
}

/// A message in parts, with the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The coding of every part.
    pub dcs: Dcs,
    /// The 7 bit tables, where the alphabet is GSM 7 bit.
    pub tables: Gsm7Tables,
    /// The user data of each part, in order.
    pub parts: Vec<UserData>,
    /// Why this alphabet, and what another would cost.
    pub why: Why,
}

/// What a submission asks of the network, the same for all parts of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// A status report.
    pub report_request: bool,
    /// How long to keep trying; the service centre's own time without it.
    pub validity: Option<Validity>,
    /// To refuse what is already held under the same reference.
    pub reject_duplicates: bool,
    /// A reply by the same service centre.
    pub reply_path: bool,
    /// TP-PID.
    pub pid: u8,
    /// TP-MR; modems put their own in its place.
    pub reference: u8,
}

/// Why a text cannot become a message. It is the caller's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComposeError {
    /// The text takes more parts than are allowed.
    TooManyParts {
        /// Parts that it takes.
        parts: usize,
        /// Parts that are allowed.
        allowed: usize,
    },
    /// The demanded alphabet lacks a character.
    NotInAlphabet(Unencodable),
}

/// Splits a text into parts.
///
/// Never is an escape, a surrogate pair or a grapheme cluster cut that fits
/// into a part as a whole.
///
/// # Errors
/// Too many parts, or a character that the demanded alphabet lacks.
pub fn compose(text: &str, options: &Options) -> Result<Composed, ComposeError> {
    let plan = Plan::choose(text, options)?;
    let parts = plan.parts(options)?;
    Ok(Composed {
        dcs: plan.coding.dcs(options.class),
        tables: plan.coding.tables(),
        parts,
        why: plan.why,
    })
}

/// Splits octets into parts of 8 bit data. The alphabet options do not matter.
///
/// # Errors
/// Too many parts.
pub fn compose_data(octets: &[u8], options: &Options) -> Result<Composed, ComposeError> {
    let dcs = Dcs::new(Alphabet::Data, options.class);
    let tables = Gsm7Tables::DEFAULT;
    let alone = MAX_OCTETS - header(options, tables, None).encoded_len();
    let bodies: Vec<Vec<u8>> = if octets.len() <= alone {
        vec![octets.to_vec()]
    } else {
        let room = MAX_OCTETS - header(options, tables, Some(a_part(options))).encoded_len();
        octets.chunks(room).map(<[u8]>::to_vec).collect()
    };
    Ok(Composed {
        dcs,
        tables,
        parts: with_headers(bodies, options, tables)?,
        why: Why::default(),
    })
}

impl Composed {
    /// The alphabet of the parts.
    pub fn alphabet(&self) -> Alphabet {
        self.dcs.alphabet()
    }

    /// Gives all parts another reference of the same width; of a number too
    /// wide for it the low bits. Parts that are sent anew need a new one, or
    /// receivers join old with new.
    pub fn renumber(&mut self, number: u16) {
        for element in self.parts.iter_mut().flat_map(|part| &mut part.header.elements) {
            match element {
                Element::Concat8 { reference, .. } => *reference = number.to_be_bytes()[1],
                Element::Concat16 { reference, .. } => *reference = number,
                _ => {}
            }
        }
    }

    /// The submission of one part, counted from 0.
    pub fn submit(&self, part: usize, to: &Address, wishes: &Wishes) -> Option<Submit> {
        let user_data = self.parts.get(part)?.clone();
        Some(Submit {
            reject_duplicates: wishes.reject_duplicates,
            report_request: wishes.report_request,
            reply_path: wishes.reply_path,
            reference: wishes.reference,
            pid: wishes.pid,
            validity: wishes.validity,
            ..Submit::new(to.clone(), self.dcs, user_data)
        })
    }

    /// The submissions of all parts, in order.
    pub fn submits(&self, to: &Address, wishes: &Wishes) -> Vec<Submit> {
        (0..self.parts.len())
            .filter_map(|part| self.submit(part, to, wishes))
            .collect()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alphabet: Choice::Cheapest,
            national: Vec::new(),
            transliterate: false,
            reference: Reference::Eight(0),
            ports: None,
            class: None,
            max_parts: u8::MAX,
        }
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyParts { parts, allowed } => {
                write!(f, "the text takes {parts} parts, {allowed} are allowed")
            }
            Self::NotInAlphabet(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ComposeError {}

/// How one text will be coded.
struct Plan<'a> {
    text: Cow<'a, str>,
    coding: Coding,
    why: Why,
}

/// An alphabet with its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gsm7(Gsm7Tables),
    Ucs2,
}

impl<'a> Plan<'a> {
    fn choose(text: &'a str, options: &Options) -> Result<Self, ComposeError> {
        let plain = Coding::Gsm7(Gsm7Tables::DEFAULT);
        let text = Cow::Borrowed(text);
        if options.alphabet == Choice::Ucs2 {
            let why = Why::of(&text, why::forcing(&text), Coding::Ucs2, options);
            return Ok(Self {
                text,
                coding: Coding::Ucs2,
                why,
            });
        }
        let Some(missing) = plain.missing(&text) else {
            return Ok(Self::plain(text, options));
        };
        let forcing = why::forcing(&text);
        let national = why::cheapest_national(&text, &forcing, &options.national, options);
        let wants_text_changed = options.transliterate && national.is_none();
        let must = options.alphabet == Choice::Gsm7;
        if let Some(changed) = wants_text_changed.then(|| why::transliterate(&text, must)).flatten() {
            return Ok(Self {
                text: Cow::Owned(changed),
                coding: plain,
                why: Why {
                    forcing,
                    replaced: true,
                    ..Why::default()
                },
            });
        }
        let coding = match national {
            Some((tables, _)) if must => Coding::Gsm7(tables),
            None if must => return Err(ComposeError::NotInAlphabet(missing)),
            Some((tables, parts)) if parts < Coding::Ucs2.count(&text, options) => Coding::Gsm7(tables),
            _ => Coding::Ucs2,
        };
        let why = Why::of(&text, forcing, coding, options);
        Ok(Self { text, coding, why })
    }

    /// The default alphabet has every letter; a national table is only worth
    /// it where it saves a part.
    fn plain(text: Cow<'a, str>, options: &Options) -> Self {
        let plain = Coding::Gsm7(Gsm7Tables::DEFAULT);
        if options.national.is_empty() || plain.is_one_part(&text, options) {
            return Self {
                text,
                coding: plain,
                why: Why::default(),
            };
        }
        let parts = plain.count(&text, options);
        let national = why::cheapest_national(&text, &[], &options.national, options);
        let coding = match national {
            Some((tables, fewer)) if fewer < parts => Coding::Gsm7(tables),
            _ => plain,
        };
        Self {
            text,
            coding,
            why: Why::default(),
        }
    }

    fn parts(&self, options: &Options) -> Result<Vec<UserData>, ComposeError> {
        let ranges = self.coding.split(&self.text, options);
        let bodies = ranges
            .into_iter()
            .map(|range| self.coding.encode(&self.text[range]))
            .collect();
        with_headers(bodies, options, self.coding.tables())
    }
}

impl Coding {
    fn tables(self) -> Gsm7Tables {
        match self {
            Self::Gsm7(tables) => tables,
            Self::Ucs2 => Gsm7Tables::DEFAULT,
        }
    }

    fn dcs(self, class: Option<Class>) -> Dcs {
        let alphabet = match self {
            Self::Gsm7(_) => Alphabet::Gsm7,
            Self::Ucs2 => Alphabet::Ucs2,
        };
        Dcs::new(alphabet, class)
    }

    /// Septets or UTF-16 units of a character.
    fn cost(self, character: char) -> usize {
        match self {
            Self::Gsm7(tables) => tables.find(character).map_or(0, Septets::len),
            Self::Ucs2 => character.len_utf16(),
        }
    }

    /// The first character that this alphabet lacks.
    fn missing(self, text: &str) -> Option<Unencodable> {
        let Self::Gsm7(tables) = self else { return None };
        let lacks = |&(_, character): &(usize, char)| tables.find(character).is_none();
        let (at, character) = text.chars().enumerate().find(lacks)?;
        Some(Unencodable { character, at })
    }

    /// The body of a part; characters that lack are left out, which `choose`
    /// has excluded.
    fn encode(self, text: &str) -> Vec<u8> {
        let Self::Gsm7(tables) = self else {
            return ucs2::encode(text);
        };
        let mut septets = Vec::with_capacity(text.len());
        let found = text.chars().filter_map(|character| tables.find(character));
        found.for_each(|character| character.push_to(&mut septets));
        septets
    }

    fn split(self, text: &str, options: &Options) -> Vec<Range<usize>> {
        if self.is_one_part(text, options) {
            let whole = 0..text.len();
            return vec![whole];
        }
        let room = self.room(options, Some(a_part(options)));
        split(text, room, |character| self.cost(character))
    }

    /// How many parts the text takes.
    fn count(self, text: &str, options: &Options) -> usize {
        self.split(text, options).len()
    }

    fn is_one_part(self, text: &str, options: &Options) -> bool {
        let mut room = self.room(options, None);
        text.chars()
            .all(|character| match room.checked_sub(self.cost(character)) {
                Some(left) => {
                    room = left;
                    true
                }
                None => false,
            })
    }

    /// Septets or UTF-16 units that fit beside the header.
    fn room(self, options: &Options, concat: Option<Concat>) -> usize {
        let octets = MAX_OCTETS - header(options, self.tables(), concat).encoded_len();
        match self {
            Self::Gsm7(_) => octets * 8 / 7,
            Self::Ucs2 => octets / 2,
        }
    }
}

/// The header of a part: ports, then concatenation, then national tables.
fn header(options: &Options, tables: Gsm7Tables, concat: Option<Concat>) -> Header {
    let locking = tables.locking.map(|language| Element::LockingShift(language.id()));
    let single = tables.single.map(|language| Element::SingleShift(language.id()));
    let elements = [
        options.ports.map(Ports::element),
        concat.map(Concat::element),
        locking,
        single,
    ];
    Header::new(elements.into_iter().flatten().collect())
}

fn with_headers(bodies: Vec<Vec<u8>>, options: &Options, tables: Gsm7Tables) -> Result<Vec<UserData>, ComposeError> {
    let parts = bodies.len();
    let total = u8::try_from(parts).ok().filter(|&total| total <= options.max_parts);
    let allowed = usize::from(options.max_parts);
    let total = total.ok_or(ComposeError::TooManyParts { parts, allowed })?;
    let part = |(sequence, body): (u8, Vec<u8>)| {
        let concat = (total > 1).then_some(Concat {
            reference: options.reference,
            total,
            sequence,
        });
        UserData {
            header: header(options, tables, concat),
            body,
            missing: 0,
        }
    };
    Ok((1..=total).zip(bodies).map(part).collect())
}

/// Some part of several, where only the size of the header matters.
fn a_part(options: &Options) -> Concat {
    Concat {
        reference: options.reference,
        total: 2,
        sequence: 1,
    }
}

/// What one message carries, header and body together, clause 9.2.3.24.
const MAX_OCTETS: usize = 140;

#[cfg(test)]
mod tests;
