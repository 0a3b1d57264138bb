//! The frame: what stands between two dollars and two dollars.

/// How a delimiter is written.
///
/// `$` is code 0x02 of the GSM default alphabet (TS 23.038 6.2.1). A carrier that hands on codes shows `02 02`; one that
/// hands on text shows `$$`. Both stand for the same message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delimiter {
    /// `$$`, 0x24: a text, as everything that goes over a SIM.
    Dollar,
    /// 0x02 0x02: codes of the GSM alphabet, as SMPP peers may want them.
    Code,
}

/// A frame found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// How the opening delimiter was written; an answer is written alike where the carrier carries codes.
    pub delimiter: Delimiter,
    /// What stands between the delimiters; up to the end of the text where the closing one is missing.
    pub body: &'a str,
    /// Whether the closing delimiter was there.
    pub closed: bool,
}

/// What a frame holds, by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Base64 of the first version.
    V1(&'a str),
    /// Base64 of the second: `2:` stood before it, and a colon is never in base64.
    V2(&'a str),
}

impl<'a> Frame<'a> {
    /// The first frame of a text. What stands before and after it is not looked at.
    pub fn find(text: &'a str) -> Option<Self> {
        let (delimiter, rest) = after_mark(text)?;
        let closing = mark(rest);
        Some(Self {
            delimiter,
            body: closing.map_or(rest, |(at, _)| &rest[..at]),
            closed: closing.is_some(),
        })
    }

    /// What it holds.
    pub fn content(&self) -> Content<'a> {
        match self.body.strip_prefix(V2_PREFIX) {
            Some(sealed) => Content::V2(sealed),
            None => Content::V1(self.body),
        }
    }
}

impl Delimiter {
    /// Puts a body between delimiters.
    pub fn wrap(self, body: &str) -> String {
        let mark = match self {
            Self::Dollar => "$$",
            Self::Code => "\u{2}\u{2}",
        };
        format!("{mark}{body}{mark}")
    }
}

/// The text after its first delimiter.
fn after_mark(text: &str) -> Option<(Delimiter, &str)> {
    let (at, octets) = mark(text)?;
    let delimiter = match text[at..].starts_with('\u{2}') {
        true => Delimiter::Code,
        false => Delimiter::Dollar,
    };
    Some((delimiter, &text[at + octets..]))
}

/// Where the first delimiter of a text begins, and its length in octets.
fn mark(text: &str) -> Option<(usize, usize)> {
    let pairs = text.char_indices().zip(text.chars().skip(1));
    let mut marks = pairs.filter(|((_, first), second)| is_dollar(*first) && is_dollar(*second));
    marks
        .next()
        .map(|((at, first), second)| (at, first.len_utf8() + second.len_utf8()))
}

/// A dollar, its code, or what a dollar's ASCII octet becomes when somebody took it for a code.
fn is_dollar(letter: char) -> bool {
    matches!(letter, '$' | '\u{2}' | '¤')
}

/// What stands before the base64 of the second version.
pub(super) const V2_PREFIX: &str = "2:";

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Option<&str> {
        Frame::find(text).map(|frame| frame.body)
    }

    #[test]
    fn dollars_and_their_codes_delimit_in_any_mix() {
        for text in [
            "$$YQ==$$",
            "\u{2}\u{2}YQ==\u{2}\u{2}",
            "$\u{2}YQ==\u{2}$",
            "$$YQ==\u{2}\u{2}",
            "¤¤YQ==¤¤",
        ] {
            assert_eq!(body(text), Some("YQ=="), "{text:?}");
        }
    }

    #[test]
    fn what_stands_around_the_frame_is_ignored_and_its_end_may_be_missing() {
        assert_eq!(body("hello $$YQ==$$ bye $$Yg==$$"), Some("YQ=="));
        assert_eq!(body("5 $ and $$YQ=="), Some("YQ=="));
        assert_eq!(Frame::find("$$YQ==").map(|frame| frame.closed), Some(false));
        assert_eq!(body("$$$$"), Some(""));
        assert_eq!(body("$$$YQ==$$"), Some("$YQ=="));
    }

    #[test]
    fn a_text_without_two_dollars_in_a_row_has_no_frame() {
        for text in ["", "$", "hello", "$ $", "a$b$c", "\u{2}x\u{2}"] {
            assert_eq!(body(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_answer_is_delimited_as_the_request_was() {
        for text in ["$$YQ==$$", "\u{2}\u{2}YQ==\u{2}\u{2}"] {
            let frame = Frame::find(text).unwrap();
            assert_eq!(frame.delimiter.wrap(frame.body), text);
        }
    }

    #[test]
    fn the_version_is_told_by_the_colon() {
        let content = |text| Frame::find(text).map(|frame| frame.content());
        assert_eq!(content("$$2:YQ$$"), Some(Content::V2("YQ")));
        assert_eq!(content("$$2YQ=$$"), Some(Content::V1("2YQ=")));
    }
}
