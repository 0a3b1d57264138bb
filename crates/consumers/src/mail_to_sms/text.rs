//! The text of a message out of a mail.

use unicode_segmentation::UnicodeSegmentation;

use super::Subject;
use crate::smtp::Letter;

/// What a mail says: its text up to the signature, with the subject where that is wanted or all there is. Of an answer
/// to a message, what it quotes of that is left out, and its subject is not its own.
pub(super) fn of(letter: &Letter, subject: Subject, is_answer: bool) -> String {
    let lines = letter.text.lines().map(str::trim_end);
    let mut lines: Vec<&str> = lines.take_while(|line| *line != SIGNATURE).collect();
    if is_answer {
        unquote(&mut lines);
    }
    let text = lines.join("\n");
    let text = text.trim();
    match subject {
        _ if is_answer => text.to_owned(),
        _ if text.is_empty() => letter.subject.clone(),
        Subject::PutFirst if !letter.subject.is_empty() => format!("{}\n{text}", letter.subject),
        _ => text.to_owned(),
    }
}

/// Leaves out what is quoted, and the line above it that says whose words those are.
fn unquote(lines: &mut Vec<&str>) {
    let is_quote = |line: &&str| line.starts_with('>');
    if let Some(first) = lines.iter().position(is_quote) {
        let above = lines[..first].iter().rposition(|line| !line.is_empty());
        if let Some(above) = above.filter(|above| lines[*above].ends_with(':')) {
            // Many writers fold it before its last word.
            let folded = lines[above].chars().count() <= LAST_WORD;
            let start = above - usize::from(folded && above > 0);
            lines.drain(start..first);
        }
    }
    lines.retain(|line| !is_quote(line));
}

/// As much of a text as fits into so many parts, by what `count` says of a text: all of it, or its start and three
/// dots. Nothing where not one letter does.
pub(super) fn fitting(text: &str, parts: u8, count: impl Fn(&str) -> Option<u8>) -> Option<String> {
    let fits = |text: &str| count(text).is_some_and(|needed| needed <= parts);
    // No letter takes less than seven bits, so looking at more is no use.
    let most = usize::from(parts) * SEPTETS;
    if text.len() <= most * LETTER_MOST && fits(text) {
        return Some(text.to_owned());
    }
    let ends: Vec<usize> = text
        .grapheme_indices(true)
        .take(most)
        .map(|(at, letter)| at + letter.len())
        .collect();
    let cut = |letters: usize| format!("{}{ELLIPSIS}", text[..ends[letters - 1]].trim_end());
    let (mut fitting, mut too_many) = (0, ends.len() + 1);
    while too_many - fitting > 1 {
        let middle = fitting.midpoint(too_many);
        match fits(&cut(middle)) {
            true => fitting = middle,
            false => too_many = middle,
        }
    }
    (fitting > 0).then(|| cut(fitting))
}

/// What stands before a signature; the blank behind it is lost on many ways.
const SIGNATURE: &str = "--";
/// How long a line is, in letters, that is the end of another.
const LAST_WORD: usize = 12;
/// It is in the GSM alphabet, which `…` is not.
const ELLIPSIS: &str = "...";
/// The most letters in a part.
const SEPTETS: usize = 160;
/// The most octets of a letter that a phone shows as one.
const LETTER_MOST: usize = 64;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::smtp::{Sender, Trust};

    fn letter(mail: &str) -> Letter {
        let sender = Sender {
            address: None,
            peer: Ipv4Addr::LOCALHOST.into(),
            account: None,
            trust: Trust::Login,
        };
        Letter::read(mail.as_bytes(), sender, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_signature_is_cut_off() {
        let read = |text: &str| of(&letter(&format!("Subject: s\r\n\r\n{text}")), Subject::LeaveOut, false);
        assert_eq!(
            read("\r\nHello\r\n  there \r\n\r\n-- \r\nMe\r\n-- \r\n"),
            "Hello\n  there"
        );
        assert_eq!(read("a\n--\nMe"), "a");
        assert_eq!(read("a -- b\n--- c"), "a -- b\n--- c");
    }

    #[test]
    fn the_subject_is_there_when_wanted_or_alone() {
        let mail = letter("Subject: =?utf-8?q?T=C3=BCr?=\r\n\r\nopen\r\n");
        assert_eq!(of(&mail, Subject::LeaveOut, false), "open");
        assert_eq!(of(&mail, Subject::PutFirst, false), "Tür\nopen");
        let bare = letter("Subject: Alarm\r\n\r\n-- \r\nMe\r\n");
        assert_eq!(of(&bare, Subject::LeaveOut, false), "Alarm");
        assert_eq!(of(&letter("A: b\r\n\r\n"), Subject::PutFirst, false), "");
    }

    #[test]
    fn an_answer_is_what_was_written_and_not_what_it_quotes() {
        let read = |text: &str| {
            of(
                &letter(&format!("Subject: Re: x\r\n\r\n{text}")),
                Subject::PutFirst,
                true,
            )
        };
        assert_eq!(read("Yes\n\nOn Friday you\nwrote:\n> Come?\n> \n\n-- \nMe\n"), "Yes");
        assert_eq!(
            read("On Friday you wrote:\n\n> Come?\n\nYes\n> When?\nAt 8:\nsharp"),
            "Yes\nAt 8:\nsharp"
        );
        assert_eq!(read("Yes\nOn Friday, at 8 o'clock, you wrote:\n> Come?"), "Yes");
        assert_eq!(read("Yes:\nno quote"), "Yes:\nno quote");
        assert_eq!(read("> all of it"), "");
    }

    /// Ten letters a part.
    fn tens(text: &str) -> Option<u8> {
        u8::try_from(text.chars().count().div_ceil(10)).ok()
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        assert_eq!(fitting("short", 1, tens).as_deref(), Some("short"));
        assert_eq!(fitting("0123456789abc", 1, tens).as_deref(), Some("0123456..."));
        assert_eq!(fitting("012345 789abc", 1, tens).as_deref(), Some("012345..."));
        let family = "👨‍👩‍👧";
        assert_eq!(fitting(&family.repeat(9), 1, tens).unwrap(), format!("{family}..."));
        assert_eq!(fitting(&format!("{}x", "\u{301}".repeat(20)), 1, tens), None);
        assert_eq!(fitting(&"x".repeat(10_000_000), 3, tens).unwrap().len(), 30);
    }

    proptest! {
        #[test]
        fn what_fits_is_a_start_and_fits(text in ".{0,60}", parts in 1_u8..4) {
            if let Some(cut) = fitting(&text, parts, tens) {
                prop_assert!(tens(&cut).unwrap() <= parts);
                let start = cut.strip_suffix(ELLIPSIS).unwrap_or(&cut);
                prop_assert!(text.starts_with(start) || text == cut);
            }
        }
    }
}
