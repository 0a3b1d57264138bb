//! Answers by SMS: `ACK 17`.

use message::{Inbound, InboundKind};

use super::config::Config;

/// What somebody who is known wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The number they name, where they do.
    pub(super) number: Option<i64>,
    /// Who it is.
    pub(super) by: String,
}

impl Answer {
    /// Reads a message; nothing where it is no answer, or not from anybody who is known: whoever else writes such a text
    /// is not answered, and their message goes on as any other.
    pub(super) fn read(message: &Inbound, config: &Config) -> Option<Self> {
        if message.kind != InboundKind::Text {
            return None;
        }
        let number = number(&message.text, &config.ack_words)?;
        let by = config.person_of(&message.from)?.name.clone();
        Some(Self { number, by })
    }
}

/// The number behind one of the words: `ACK 17`, `ack17`, `Ack #17 thanks`, or none: `ACK`.
fn number(text: &str, words: &[String]) -> Option<Option<i64>> {
    let text = text.trim();
    let fits = |word: &&String| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let word = words.iter().filter(fits).max_by_key(|word| word.len())?;
    let rest = &text[word.len()..];
    // `ACKNOWLEDGED` is another word.
    if rest.starts_with(char::is_alphabetic) {
        return None;
    }
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '#' | ':' | '-' | '.'));
    let digits: String = rest
        .chars()
        .take_while(char::is_ascii_digit)
        .take(MOST_DIGITS)
        .collect();
    Some(digits.parse().ok())
}

/// No alert has a longer number.
const MOST_DIGITS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_answers_in_many_ways() {
        let words = ["ACK".to_owned(), "OK".to_owned()];
        for (text, expected) in [
            ("ACK 17", Some(Some(17))),
            (" ack17 ", Some(Some(17))),
            ("Ack #17, on my way", Some(Some(17))),
            ("ok: 9", Some(Some(9))),
            ("ACK", Some(None)),
            ("ACK please", Some(None)),
            ("ACK 99999999999999999999", Some(Some(999_999_999_999_999_999))),
            ("ACKNOWLEDGED 17", None),
            ("okay", None),
            ("17 ACK", None),
            ("", None),
            ("Ä", None),
        ] {
            assert_eq!(number(text, &words), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(ACK|ack|Ä)?[\\s\\S]{0,20}") {
            number(&text, &["ACK".to_owned()]);
        }
    }
}
