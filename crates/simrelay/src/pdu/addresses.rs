//! Numbers of `pdu encode`, as people write them.

use tpdu::{Address, NumberingPlan, TypeOfNumber};

use super::Trouble;

/// The recipient. Letters only where the kind says so; nothing at all only where some kind is named.
pub(super) fn recipient(text: &str, kind: Option<TypeOfNumber>) -> Result<Address, Trouble> {
    let Some(kind) = kind else {
        let expected = "a number such as +491711234567 (--to-type alphanumeric for letters)";
        return number(text).ok_or_else(|| wrong("to", expected));
    };
    if kind == TypeOfNumber::Alphanumeric {
        return Ok(Address::new(kind, NumberingPlan::UNKNOWN, text));
    }
    let digits = without_marks(text);
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    match digits.chars().all(is_digit) {
        true => Ok(Address::new(kind, NumberingPlan::ISDN, digits)),
        false => Err(wrong("to", "digits, *, # and a to c")),
    }
}

/// The service centre; it is always a number.
pub(super) fn service_centre(text: &str) -> Result<Address, Trouble> {
    number(text).ok_or_else(|| wrong("smsc", "the number of a service centre such as +491710760000"))
}

fn number(text: &str) -> Option<Address> {
    let plain = without_marks(text);
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    let dialled = |c: char| c.is_ascii_digit() || "*#".contains(c);
    if digits.is_empty() || !digits.chars().all(dialled) {
        return None;
    }
    let kind = match plain.starts_with('+') {
        true => TypeOfNumber::International,
        false => TypeOfNumber::Unknown,
    };
    Some(Address::new(kind, NumberingPlan::ISDN, digits))
}

/// Without the marks that people write between digits, the same that `send` does not mind.
fn without_marks(text: &str) -> String {
    let is_mark = |c: &char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
    text.trim().chars().filter(|c| !is_mark(c)).collect()
}

/// The digits of TS 23.040 9.1.2.3.
fn is_digit(c: char) -> bool {
    matches!(c, '0'..='9' | '*' | '#' | 'a'..='c')
}

fn wrong(name: &'static str, expected: &str) -> Trouble {
    Trouble::Option {
        name,
        expected: expected.to_owned(),
    }
}
