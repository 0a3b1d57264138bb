//! Foreign text made harmless for a terminal.
//!
//! The text of an SMS is written by strangers. Printed as it is, an escape sequence in it could move the cursor,
//! rename the window or paint a false answer; a bidirectional override could turn a line around.

/// The text on one line, with every character that a terminal would act on shown as a picture of itself.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(shown).collect()
}

/// The same with its line breaks kept, for texts that stand alone.
pub(crate) fn harmless_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().map(|c| if c == '\n' { c } else { shown(c) }).collect()
}

/// At most so many characters of a text; three dots in one say that more follows.
pub(crate) fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn shown(c: char) -> char {
    match c {
        '\n' | '\r' => '↵',
        // U+2400 on are pictures of the control characters, in their order.
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(UNSHOWABLE),
        '\u{7f}' => '␡',
        '\u{80}'..='\u{9f}' => UNSHOWABLE,
        // Bidirectional embeddings, overrides and isolates; line and paragraph separators.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => UNSHOWABLE,
        other => other,
    }
}

const UNSHOWABLE: char = '\u{fffd}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_not_obeyed() {
        assert_eq!(harmless("\x1b[2Jhello\x07"), "␛[2Jhello␇");
    }

    #[test]
    fn no_control_character_is_left_over() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(!harmless(&all).chars().any(char::is_control));
        assert!(!harmless_lines(&all).chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn a_line_break_stays_visible_on_one_line() {
        assert_eq!(harmless("two\nlines"), "two↵lines");
        assert_eq!(harmless_lines("two\r\nlines"), "two\nlines");
    }

    #[test]
    fn of_a_long_text_the_beginning_is_shown() {
        assert_eq!(beginning("ساعت خروج", 9), "ساعت خروج");
        assert_eq!(beginning("ساعت خروج", 6), "ساعت …");
    }

    #[test]
    fn a_turned_around_line_is_not_turned() {
        assert_eq!(harmless("\u{202e}abc"), "\u{fffd}abc");
    }

    #[test]
    fn letters_of_all_peoples_stay() {
        let text = "Grüße, Ελλάδα, 你好, 👩‍👩‍👧, حسنا";
        assert_eq!(harmless(text), text);
    }
}
