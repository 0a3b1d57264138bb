//! The fields of a result line: numbers, names, quoted strings, lists in
//! brackets (TS 27.007 4). Total: whatever a modem writes gives some fields.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_till, take_while},
    character::complete::char,
    combinator::{opt, value},
    multi::separated_list0,
    sequence::{delimited, preceded, terminated},
};

use crate::latin1;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Nothing between two commas, or an empty string.
    Empty,
    /// Without quotes.
    Bare(&'a [u8]),
    /// What stood between quotes.
    Quoted(&'a [u8]),
    /// What stood between brackets.
    Group(Fields<'a>),
}

/// Fields in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a>(pub(crate) Vec<Field<'a>>);

impl<'a> Fields<'a> {
    /// The fields behind a name and its colon; nothing for another line.
    pub(crate) fn after(line: &'a [u8], name: &str) -> Option<Self> {
        rest_after(line, name).map(Self::read)
    }

    /// The fields of a text that has no name.
    pub(crate) fn read(text: &'a [u8]) -> Self {
        fields(0)(text).map_or_else(|_| Self::default(), |(_, fields)| fields)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|field| *field == Field::Empty)
    }

    pub(crate) fn get(&self, at: usize) -> &Field<'a> {
        self.0.get(at).unwrap_or(&Field::Empty)
    }

    /// A field's octets without quotes; nothing when empty or a list.
    pub(crate) fn bytes(&self, at: usize) -> Option<&'a [u8]> {
        self.get(at).bytes()
    }

    pub(crate) fn text(&self, at: usize) -> Option<String> {
        self.bytes(at).map(latin1)
    }

    /// A decimal number, quoted or not, with any number of leading zeros.
    pub(crate) fn number<T: TryFrom<i64>>(&self, at: usize) -> Option<T> {
        self.get(at).number()
    }

    /// The list in a field; a single value is a list of one.
    pub(crate) fn list(&self, at: usize) -> Vec<Field<'a>> {
        match self.get(at) {
            Field::Empty => Vec::new(),
            Field::Group(list) => list.0.iter().filter(|f| **f != Field::Empty).cloned().collect(),
            single => vec![single.clone()],
        }
    }

    /// All numbers of a field like `(0-2,7)`.
    pub(crate) fn range(&self, at: usize) -> Vec<u16> {
        self.list(at).iter().flat_map(Field::span).collect()
    }

    /// All fields as numbers; what is none is left out.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.0.iter().filter_map(Field::number).collect()
    }
}

impl<'a> Field<'a> {
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bare(bytes) | Self::Quoted(bytes) => Some(bytes),
            Self::Empty | Self::Group(_) => None,
        }
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        let text = std::str::from_utf8(self.bytes()?).ok()?;
        T::try_from(text.trim().parse::<i64>().ok()?).ok()
    }

    /// The numbers of `3` or `0-3`.
    fn span(&self) -> Vec<u16> {
        if let Some(number) = self.number() {
            return vec![number];
        }
        let text = self.bytes().map(latin1).unwrap_or_default();
        let Some((low, high)) = text.split_once('-') else {
            return Vec::new();
        };
        let (Ok(low), Ok(high)) = (low.trim().parse::<u16>(), high.trim().parse::<u16>()) else {
            return Vec::new();
        };
        (low..=high).take(LONGEST_SPAN).collect()
    }
}

/// What stands behind a name and its colon, and the blanks behind that.
///
/// The colon may be missing where the name ends in a blank, as some modems have it.
pub(crate) fn rest_after<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let line = line.trim_ascii();
    let head = line.get(..name.len())?;
    if !head.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    let rest = line[name.len()..].trim_ascii_start();
    let rest = rest.strip_prefix(b":")?;
    Some(rest.trim_ascii())
}

fn fields<'a>(depth: u8) -> impl Fn(&'a [u8]) -> IResult<&'a [u8], Fields<'a>> {
    move |input| {
        let field = delimited(blanks, field(depth), junk(depth));
        let (rest, list) = separated_list0(char(','), field).parse(input)?;
        Ok((rest, Fields(list)))
    }
}

fn field<'a>(depth: u8) -> impl Fn(&'a [u8]) -> IResult<&'a [u8], Field<'a>> {
    move |input| {
        if depth < DEEPEST && input.first() == Some(&b'(') {
            return group(depth)(input);
        }
        alt((quoted, bare(depth))).parse(input)
    }
}

fn group<'a>(depth: u8) -> impl Fn(&'a [u8]) -> IResult<&'a [u8], Field<'a>> {
    move |input| {
        let closing = opt(char(')'));
        let inner = preceded(char('('), fields(depth + 1));
        let (rest, list) = terminated(inner, closing).parse(input)?;
        Ok((rest, Field::Group(list)))
    }
}

/// A quoted string. Its end is a quote that something other than text follows,
/// since texts hold quotes of their own.
fn quoted(input: &[u8]) -> IResult<&[u8], Field<'_>> {
    let (text, _) = tag("\"")(input)?;
    let closes = |&at: &usize| {
        let followed = || text[at + 1..].trim_ascii_start().first();
        text[at] == b'"' && matches!(followed(), None | Some(b',' | b')'))
    };
    let end = (0..text.len()).find(closes);
    let rest = end.map_or(&text[text.len()..], |end| &text[end + 1..]);
    let inner = &text[..end.unwrap_or(text.len())];
    let field = if inner.is_empty() {
        Field::Empty
    } else {
        Field::Quoted(inner)
    };
    Ok((rest, field))
}

fn bare<'a>(depth: u8) -> impl Fn(&'a [u8]) -> IResult<&'a [u8], Field<'a>> {
    move |input| {
        let (rest, text) = take_till(|byte| ends_field(byte, depth))(input)?;
        // A quote on one side only is a modem's mistake.
        let text = text.trim_ascii();
        let text = text.strip_prefix(b"\"").unwrap_or(text);
        let text = text.strip_suffix(b"\"").unwrap_or(text);
        let field = if text.is_empty() {
            Field::Empty
        } else {
            Field::Bare(text)
        };
        Ok((rest, field))
    }
}

/// What stands between the end of a field and the next comma.
fn junk<'a>(depth: u8) -> impl Fn(&'a [u8]) -> IResult<&'a [u8], ()> {
    move |input| value((), take_till(|byte| ends_field(byte, depth))).parse(input)
}

fn blanks(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while(|byte: u8| byte == b' ' || byte == b'\t')(input)
}

fn ends_field(byte: u8, depth: u8) -> bool {
    byte == b',' || (byte == b')' && depth > 0)
}

/// Brackets within brackets beyond this are read as text.
const DEEPEST: u8 = 3;

/// `(0-65535)` is an honest range, but nobody needs its numbers one by one.
const LONGEST_SPAN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_ranges_and_strings_are_told_apart() {
        let fields = Fields::read(b"(0-2,7) , \"a,b\",, x y ,(\"SM\",\"ME\")");
        assert_eq!(fields.len(), 5);
        assert_eq!(fields.range(0), [0, 1, 2, 7]);
        assert_eq!(fields.bytes(1), Some(&b"a,b"[..]));
        assert_eq!(*fields.get(2), Field::Empty);
        assert_eq!(fields.bytes(3), Some(&b"x y"[..]));
        assert_eq!(fields.list(4).len(), 2);
    }

    #[test]
    fn quotes_within_a_text_do_not_end_it() {
        let fields = Fields::read(b"0,\"tariff \"Mega\". More\",15");
        assert_eq!(fields.bytes(1), Some(&b"tariff \"Mega\". More"[..]));
        assert_eq!(fields.number::<u8>(2), Some(15));
    }

    #[test]
    fn deep_brackets_do_not_grow_the_stack() {
        let deep = [b'('; 100_000];
        assert_eq!(Fields::read(&deep).len(), 1);
    }
}
