//! The parser's messages in the words of the person who wrote the file.

use super::suggest::nearest;

/// What is wrong with a value, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// What is wrong.
    pub(super) problem: String,
    /// What would be right.
    pub(super) right: String,
    /// A member that the table at the fault's place lacks.
    pub(super) missing: Option<String>,
}

/// How the keys of a table differ from those that serde knows of.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Keys that it has besides.
    pub(super) also: Vec<&'static str>,
    /// Keys that are not to be written there.
    pub(super) never: Vec<&'static str>,
}

/// Rewrites a message of serde's; what has another form is passed on as it is.
pub(super) fn reworded(message: &str, keys: &Keys) -> Words {
    let message = message.trim_end();
    let reworded = unknown_key(message, keys)
        .or_else(|| missing_key(message))
        .or_else(|| unknown_word(message))
        .or_else(|| wrong_kind(message))
        .or_else(|| wrong_form(message));
    reworded.unwrap_or_else(|| match message.split_once("; ") {
        Some((problem, right)) => words(problem, right),
        None => words(message, "see docs/config.md"),
    })
}

fn unknown_key(message: &str, keys: &Keys) -> Option<Words> {
    let rest = message.strip_prefix("unknown field ")?;
    let (name, known) = rest.split_once(", ")?;
    let mut known = quoted(known);
    known.retain(|key| !keys.never.contains(key));
    known.extend(&keys.also);
    let right = match nearest(name.trim_matches('`'), &known) {
        Some(key) => format!("did you mean '{key}'?"),
        None if known.is_empty() => "no key is known here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    };
    Some(words("unknown key", right))
}

fn missing_key(message: &str) -> Option<Words> {
    let name = message.strip_prefix("missing field ")?.trim_matches('`');
    Some(Words {
        problem: "is missing".to_owned(),
        right: "it has no default and must be given".to_owned(),
        missing: Some(name.to_owned()),
    })
}

fn unknown_word(message: &str) -> Option<Words> {
    let rest = message.strip_prefix("unknown variant ")?;
    let (word, known) = rest.split_once(", ")?;
    let known = quoted(known);
    let right = match nearest(word.trim_matches('`'), &known) {
        Some(near) => format!("did you mean \"{near}\"? (allowed: {})", known.join(", ")),
        None => format!("allowed: {}", known.join(", ")),
    };
    Some(words("unknown word", right))
}

fn wrong_kind(message: &str) -> Option<Words> {
    let of_kind = message.strip_prefix("invalid type: ");
    let of_value = message.strip_prefix("invalid value: ");
    let (_, expected) = of_kind.or(of_value)?.rsplit_once(", expected ")?;
    let problem = match of_kind {
        Some(_) => "wrong kind of value",
        None => "outside of what is allowed",
    };
    Some(words(problem, format!("write {}", kind(expected))))
}

/// Messages of types that read themselves from a text.
fn wrong_form(message: &str) -> Option<Words> {
    let right = match message {
        "invalid socket address syntax" => "write an address and a port, as 127.0.0.1:7000 or [::1]:7000",
        "invalid IP address syntax" => "write an address, as 127.0.0.1 or ::1",
        _ => return None,
    };
    Some(words("wrong form", right))
}

/// What serde calls a kind of value, in plain words.
fn kind(expected: &str) -> String {
    let plain = match expected {
        "socket address" => "an address and a port in quotes, as \"127.0.0.1:7000\"",
        "IP address" => "an address in quotes, as \"127.0.0.1\"",
        "struct PrefixCost" => "a table each, as { prefix = \"+49\" } or { prefix = \"+49\", cost_micros = 75000 }",
        "struct National" => "a table each, as { prefix = \"+90\", languages = [\"turkish\"] }",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "a borrowed string" | "path string" => "a text in quotes",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        "a nonzero u8" => "a whole number from 1 to 255",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        _ if expected.starts_with("struct ") => "a table",
        other => other,
    };
    plain.to_owned()
}

/// The words between backquotes.
pub(super) fn quoted(list: &str) -> Vec<&str> {
    list.split('`').skip(1).step_by(2).collect()
}

fn words(problem: impl Into<String>, right: impl Into<String>) -> Words {
    Words {
        problem: problem.into(),
        right: right.into(),
        missing: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> String {
        let words = reworded(message, &Keys::default());
        format!("{}; {}", words.problem, words.right)
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        assert_eq!(
            told("unknown field `prot`, expected one of `port`, `imei`"),
            "unknown key; did you mean 'port'?"
        );
        assert_eq!(
            told("unknown field `colour`, expected `port` or `imei`"),
            "unknown key; known here: port, imei"
        );
        assert_eq!(
            told("unknown field `x`, there are no fields"),
            "unknown key; no key is known here"
        );
    }

    #[test]
    fn a_wrong_kind_says_what_to_write() {
        assert_eq!(
            told("invalid type: string \"a, expected b\", expected u16"),
            "wrong kind of value; write a whole number from 0 to 65535"
        );
        assert_eq!(
            told("invalid value: integer `70000`, expected u16"),
            "outside of what is allowed; write a whole number from 0 to 65535"
        );
    }

    #[test]
    fn a_table_or_an_address_is_shown_as_it_is_written() {
        assert_eq!(
            told("invalid type: string \"+49\", expected struct PrefixCost"),
            "wrong kind of value; write a table each, as { prefix = \"+49\" } or { prefix = \"+49\", cost_micros = 75000 }"
        );
        assert_eq!(
            told("invalid type: integer `7000`, expected socket address"),
            "wrong kind of value; write an address and a port in quotes, as \"127.0.0.1:7000\""
        );
    }

    #[test]
    fn an_unknown_word_lists_the_allowed_ones() {
        assert_eq!(
            told("unknown variant `resent`, expected `resend` or `hold`"),
            "unknown word; did you mean \"resend\"? (allowed: resend, hold)"
        );
    }

    #[test]
    fn a_sentence_of_a_part_is_passed_on() {
        assert_eq!(
            told("the port is taken; choose another"),
            "the port is taken; choose another"
        );
    }
}
