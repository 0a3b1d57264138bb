//! Telephone numbers and names, as people and programs write them.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where a message goes to or comes from.
///
/// Outgoing numbers are E.164 or short codes. An alphanumeric name (TS 23.040 9.1.2.5) only ever comes in from the
/// network; nobody can answer it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Number {
    /// E.164 digits with the country code, without the plus (7 to 15 digits).
    International(String),
    /// A short code, or a number whose plan the network did not state: digits, `*`, `#` and a–c as they came.
    Short(String),
    /// A name of up to eleven characters.
    Name(String),
}

/// Why a text is no number one can send to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NumberError {
    /// Nothing there.
    #[error("the number is empty")]
    Empty,
    /// Something that stands in no number.
    #[error("'{0}' cannot stand in a number: use +, digits, blanks, dots, dashes, slashes and parentheses")]
    Character(char),
    /// Not 7 to 15 digits after the plus (E.164 6.1).
    #[error("an international number has 7 to 15 digits after the plus, this one has {0}")]
    Length(usize),
    /// A country code never starts with 0.
    #[error("an international number never starts with +0")]
    Zero,
    /// A national number where no country code is configured.
    #[error("a national number needs a country code: write it as +…, or set `country_code`")]
    National,
}

impl Number {
    /// Reads a number to send to: `+49 171 1234567`, `0049…`, a short code of 3 to 6 digits, or, where
    /// `country_code` (digits, as `49`) is given, a national number.
    ///
    /// A leading zero of a national number is its trunk prefix and is dropped.
    pub fn parse(text: &str, country_code: Option<&str>) -> Result<Self, NumberError> {
        let plain = plain(text)?;
        if let Some(digits) = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")) {
            return international(digits);
        }
        if is_short_code(&plain) {
            return Ok(Self::Short(plain));
        }
        let code = country_code.ok_or(NumberError::National)?;
        let rest = plain.strip_prefix('0').unwrap_or(&plain);
        international(&format!("{code}{rest}"))
    }

    /// Reads what the network delivered; never fails: what is no number is a name.
    pub fn received(text: &str) -> Self {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() || !digits.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'a'..='c')) {
            return Self::Name(text.to_owned());
        }
        match text.starts_with('+') {
            true => Self::International(digits.to_owned()),
            false => Self::Short(digits.to_owned()),
        }
    }

    /// The digits (or the name) without a plus.
    pub fn digits(&self) -> &str {
        match self {
            Self::International(text) | Self::Short(text) | Self::Name(text) => text,
        }
    }

    /// Whether it carries its country code.
    pub fn is_international(&self) -> bool {
        matches!(self, Self::International(_))
    }

    /// Whether two numbers mean the same subscriber: equal, or one is the national form of the other (the last
    /// eight digits agree and one side has no country code). Networks report back in either form.
    pub fn matches(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let (a, b) = (self.digits(), other.digits());
        let short = a.len().min(b.len());
        let forms_differ = self.is_international() != other.is_international();
        forms_differ && short >= NATIONAL_MATCH && a[a.len() - NATIONAL_MATCH..] == b[b.len() - NATIONAL_MATCH..]
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::International(digits) => f.pad(&format!("+{digits}")),
            Self::Short(text) | Self::Name(text) => f.pad(text),
        }
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.to_string()
    }
}

impl From<String> for Number {
    fn from(text: String) -> Self {
        Self::received(&text)
    }
}

/// Whether numbers one can send to begin with a text: a plus and 1 to 15 digits, or a whole short code (3 to 6 digits).
///
/// One or two digits alone are refused: they would begin short codes only, and whoever writes `49` means `+49`.
pub fn is_prefix(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return text.bytes().all(|byte| byte.is_ascii_digit()) && is_short_code(text);
    };
    let fits = (1..=E164_MAX).contains(&digits.len()) && !digits.starts_with('0');
    fits && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number without the marks people write between digits.
fn plain(text: &str) -> Result<String, NumberError> {
    let mut plain = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '0'..='9' => plain.push(c),
            '+' if plain.is_empty() => plain.push(c),
            ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')' => {}
            other => return Err(NumberError::Character(other)),
        }
    }
    if plain.is_empty() {
        Err(NumberError::Empty)
    } else {
        Ok(plain)
    }
}

fn international(digits: &str) -> Result<Number, NumberError> {
    if digits.starts_with('0') {
        return Err(NumberError::Zero);
    }
    if !(E164_MIN..=E164_MAX).contains(&digits.len()) {
        return Err(NumberError::Length(digits.len()));
    }
    Ok(Number::International(digits.to_owned()))
}

fn is_short_code(digits: &str) -> bool {
    (3..=6).contains(&digits.len()) && !digits.starts_with('0')
}

const E164_MIN: usize = 7;
const E164_MAX: usize = 15;

/// How many trailing digits must agree for a national and an international form to be one subscriber.
const NATIONAL_MATCH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_plus_and_digits_or_a_whole_short_code() {
        for right in ["+4", "+49", "+4917", "110", "80808", "123456"] {
            assert!(is_prefix(right), "{right}");
        }
        let wrong = [
            "",
            "+",
            "49",
            "0",
            "0171",
            "1234567",
            "49x",
            "++49",
            "+49 17",
            "+0",
            "+1234567890123456",
            "٤٩٤",
        ];
        for wrong in wrong {
            assert!(!is_prefix(wrong), "{wrong}");
        }
    }

    #[test]
    fn people_write_numbers_in_many_ways() {
        for text in [
            "+49 171 1234567",
            "0049 171/1234567",
            "0171 123-4567",
            "+49(171)123.4567",
        ] {
            assert_eq!(
                Number::parse(text, Some("49")).map(|n| n.to_string()),
                Ok("+491711234567".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_short_code_stays_short() {
        assert_eq!(Number::parse("80808", None), Ok(Number::Short("80808".into())));
    }

    #[test]
    fn what_is_no_number_says_why() {
        assert_eq!(Number::parse("", None), Err(NumberError::Empty));
        assert_eq!(Number::parse("+49171x", None), Err(NumberError::Character('x')));
        assert_eq!(Number::parse("+0123456789", None), Err(NumberError::Zero));
        assert_eq!(Number::parse("+49", None), Err(NumberError::Length(2)));
        assert_eq!(Number::parse("01711234567", None), Err(NumberError::National));
        assert_eq!(Number::parse("1+2", None), Err(NumberError::Character('+')));
    }

    #[test]
    fn a_report_in_national_form_is_still_the_same_subscriber() {
        let sent = Number::parse("+491711234567", None).expect("a number");
        assert!(sent.matches(&Number::received("01711234567")));
        assert!(!sent.matches(&Number::received("01711234568")));
        assert!(!sent.matches(&Number::received("4567")));
    }

    #[test]
    fn a_name_survives() {
        assert_eq!(Number::received("Vodafone"), Number::Name("Vodafone".into()));
        assert_eq!(Number::received("+49a"), Number::International("49a".into()));
    }

    proptest::proptest! {
        #[test]
        fn what_was_understood_once_is_understood_again(text in ".{0,24}") {
            if let Ok(number) = Number::parse(&text, Some("49")) {
                proptest::prop_assert_eq!(Number::parse(&number.to_string(), None), Ok(number));
            }
        }

        #[test]
        fn whatever_is_received_is_shown_as_it_came(text in ".{0,24}") {
            proptest::prop_assert_eq!(Number::received(&text).to_string(), text);
        }
    }
}
