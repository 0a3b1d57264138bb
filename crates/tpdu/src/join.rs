//! Parts to the message they were: 3GPP TS 23.040 clause 9.2.3.24.1.
//!
//! Which parts belong together over days and restarts is for the one who
//! keeps them; here they are only put in order and read as a whole.

use std::{fmt, mem};

use crate::{Alphabet, Concat, Content, Dcs, Deliver, Gsm7Tables, UserData, ucs2};

/// Parts put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// What they say, in order.
    pub content: Content,
    /// The numbers of the parts that are not there, from 1.
    pub absent: Vec<u8>,
}

/// Why parts cannot be put together; each names the part by its place in what
/// was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssembleError {
    /// There is no part at all.
    Nothing,
    /// It says nothing about belonging to a longer message.
    NoPart(usize),
    /// It belongs to another message than the first: another sender,
    /// reference, width of reference or total.
    OtherMessage(usize),
    /// Its number is taken by a part that says something else: two messages
    /// under one reference.
    Collision(usize),
}

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("there are no parts"),
            Self::NoPart(at) => write!(f, "message {} is not part of another", at + 1),
            Self::OtherMessage(at) => write!(f, "part {} is of another message", at + 1),
            Self::Collision(at) => write!(f, "part {} contradicts another of its number", at + 1),
        }
    }
}

impl std::error::Error for AssembleError {}

/// Puts parts together that came in any order, some perhaps twice.
///
/// # Errors
/// Parts that do not belong together. Parts that are not there are no error.
pub fn assemble(parts: &[&Deliver]) -> Result<Assembled, AssembleError> {
    let first = parts.first().ok_or(AssembleError::Nothing)?;
    let mut total = 0;
    let mut ordered: Vec<(u8, &Deliver)> = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let concat = part.user_data.header.concat().ok_or(AssembleError::NoPart(at))?;
        if !belongs(part, first, concat) {
            return Err(AssembleError::OtherMessage(at));
        }
        total = concat.total;
        match ordered.binary_search_by_key(&concat.sequence, |&(sequence, _)| sequence) {
            Err(place) => ordered.insert(place, (concat.sequence, part)),
            Ok(place) if ordered[place].1.user_data == part.user_data => {}
            Ok(_) => return Err(AssembleError::Collision(at)),
        }
    }
    let is_absent = |number: &u8| ordered.iter().all(|(sequence, _)| sequence != number);
    let absent = (1..=total).filter(is_absent).collect();
    let content = join(ordered.iter().map(|(_, part)| (part.dcs, &part.user_data)));
    Ok(Assembled { content, absent })
}

/// Reads the user data of parts, in their order, as one: an escape or a
/// surrogate pair that was cut between two of them is whole again. Data if
/// the first part is data.
pub fn join<'a>(parts: impl IntoIterator<Item = (Dcs, &'a UserData)>) -> Content {
    let mut parts = parts.into_iter().peekable();
    let is_data = parts
        .peek()
        .is_some_and(|&(dcs, _)| Run::of(dcs, Gsm7Tables::DEFAULT) == Run::Data);
    if is_data {
        return Content::Data(parts.flat_map(|(_, part)| part.body.iter().copied()).collect());
    }
    let mut text = String::new();
    let mut pending: Vec<u8> = Vec::new();
    let mut run = Run::Data;
    for (dcs, part) in parts {
        let next = Run::of(dcs, part.header.tables());
        if next != run {
            run.read(&mem::take(&mut pending), &mut text);
            run = next;
        }
        pending.extend(&part.body);
        if part.missing > 0 {
            run.read_cut(&mem::take(&mut pending), &mut text);
        }
    }
    run.read(&pending, &mut text);
    Content::Text(text)
}

fn belongs(part: &Deliver, first: &Deliver, concat: Concat) -> bool {
    let first_concat = first.user_data.header.concat();
    let agrees = |first: Concat| (first.reference, first.total) == (concat.reference, concat.total);
    part.from == first.from && first_concat.is_some_and(agrees)
}

/// Neighbouring parts that are read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Gsm7(Gsm7Tables),
    Ucs2,
    Data,
}

impl Run {
    fn of(dcs: Dcs, tables: Gsm7Tables) -> Self {
        match dcs.alphabet() {
            _ if dcs.is_compressed() => Self::Data,
            Alphabet::Gsm7 => Self::Gsm7(tables),
            Alphabet::Ucs2 => Self::Ucs2,
            Alphabet::Data => Self::Data,
        }
    }

    /// Appends what the octets say; data among text says nothing.
    fn read(self, octets: &[u8], text: &mut String) {
        match self {
            Self::Gsm7(tables) => text.push_str(&tables.decode(octets)),
            Self::Ucs2 => text.push_str(&ucs2::decode_lossy(octets)),
            Self::Data => {}
        }
    }

    /// As [`Run::read`], for text whose end did not come. UCS-2 gets an
    /// ellipsis for it; 7 bit text stays within its letters.
    fn read_cut(self, octets: &[u8], text: &mut String) {
        let whole = octets.len() - octets.len() % 2;
        match self {
            Self::Ucs2 => {
                self.read(&octets[..whole], text);
                text.push('…');
            }
            _ => self.read(octets, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Element, Header, Reference, Scts};

    fn part(sequence: u8, total: u8, body: &[u8], dcs: Dcs) -> Deliver {
        let concat = Concat {
            reference: Reference::Eight(7),
            total,
            sequence,
        };
        let header = Header::new(vec![concat.element()]);
        Deliver {
            more_to_send: false,
            loop_prevention: false,
            report_indication: false,
            reply_path: false,
            from: Address::international("49170"),
            pid: 0,
            dcs,
            time: Scts::from_octets([0; 7]),
            user_data: UserData {
                header,
                body: body.to_vec(),
                missing: 0,
            },
        }
    }

    #[test]
    fn a_surrogate_pair_cut_between_parts_is_whole_again() {
        let first = part(1, 2, &[0, 0x41, 0xD8, 0x3D], Dcs::UCS2);
        let second = part(2, 2, &[0xDE, 0x00], Dcs::UCS2);
        let whole = assemble(&[&second, &first]).unwrap();
        assert_eq!(whole.content, Content::Text("A😀".into()));
        assert!(whole.absent.is_empty());
    }

    #[test]
    fn an_escape_cut_between_parts_is_whole_again() {
        let first = part(1, 2, &[0x41, 0x1B], Dcs::GSM7);
        let second = part(2, 2, &[0x65], Dcs::GSM7);
        let whole = assemble(&[&first, &second]).unwrap();
        assert_eq!(whole.content.text(), Some("A€"));
    }

    #[test]
    fn a_part_that_comes_twice_counts_once_and_absent_ones_are_told() {
        let second = part(2, 4, &[0x42], Dcs::GSM7);
        let fourth = part(4, 4, &[0x44], Dcs::GSM7);
        let some = assemble(&[&fourth, &second, &fourth]).unwrap();
        assert_eq!(
            some,
            Assembled {
                content: Content::Text("BD".into()),
                absent: vec![1, 3]
            }
        );
    }

    #[test]
    fn parts_of_different_alphabets_are_read_each_in_its_own() {
        let first = part(1, 2, &[0x41], Dcs::GSM7);
        let second = part(2, 2, &[0x04, 0x36], Dcs::UCS2);
        assert_eq!(assemble(&[&first, &second]).unwrap().content.text(), Some("Aж"));
    }

    #[test]
    fn parts_that_do_not_belong_together_are_named() {
        let first = part(1, 2, &[0x41], Dcs::GSM7);
        let other_total = part(2, 3, &[0x41], Dcs::GSM7);
        let other_text = part(1, 2, &[0x42], Dcs::GSM7);
        let mut alone = part(1, 2, &[0x41], Dcs::GSM7);
        alone.user_data.header.elements = vec![Element::SingleShift(1)];
        assert_eq!(assemble(&[]), Err(AssembleError::Nothing));
        assert_eq!(assemble(&[&first, &other_total]), Err(AssembleError::OtherMessage(1)));
        assert_eq!(assemble(&[&first, &other_text]), Err(AssembleError::Collision(1)));
        assert_eq!(assemble(&[&first, &alone]), Err(AssembleError::NoPart(1)));
    }
}
