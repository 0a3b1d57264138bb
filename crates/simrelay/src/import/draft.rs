//! The configuration that is being written, and the notes on what changes: beside the settings as comments, and together
//! for the summary.

use std::fmt::{Display, Write};

/// What is written so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: String,
    notes: Vec<String>,
    losses: Vec<String>,
    secrets: bool,
}

impl Draft {
    /// Begins a table, as `[mail]` or `[[api.legacy_tokens]]`.
    pub(super) fn table(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    /// A comment, on as many lines as it takes.
    pub(super) fn comment(&mut self, words: &str) {
        let mut line = String::from("#");
        for word in words.split_whitespace() {
            if line.chars().count() + word.chars().count() >= WIDTH {
                self.line(&line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line);
    }

    /// Something changes.
    pub(super) fn note(&mut self, place: &str, words: impl Display) {
        let note = harmless(&format!("{place}: {words}"));
        self.comment(&note);
        self.notes.push(note);
    }

    /// Something is not taken over, so that somebody has to act.
    pub(super) fn lose(&mut self, place: &str, words: impl Display) {
        let loss = harmless(&format!("{place}: {words}"));
        self.comment(&format!("To put right: {loss}"));
        self.losses.push(loss);
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.line(format_args!("{key} = {}", quoted(value)));
    }

    /// A text that nobody may see.
    pub(super) fn secret(&mut self, key: &str, value: &str) {
        self.secrets = true;
        self.text(key, value);
    }

    /// A list of texts.
    pub(super) fn texts<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        let values: Vec<_> = values.into_iter().map(quoted).collect();
        self.line(format_args!("{key} = [{}]", values.join(", ")));
    }

    /// A number, true or false, or anything else that is written as it is.
    pub(super) fn plain(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    /// The file.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Everything that is lost.
    pub(super) fn losses(&self) -> &[String] {
        &self.losses
    }

    /// Everything that is merely different.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether a secret stands in it.
    pub(super) fn holds_secret(&self) -> bool {
        self.secrets
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _infallible = writeln!(self.text, "{line}");
    }
}

/// A text as TOML's basic string (1.0, "String").
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _infallible = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// On one line and without anything that a terminal or a comment in TOML would not bear.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How wide a comment is, in characters.
const WIDTH: usize = 110;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_one_value_in_toml() {
        let hostile = [
            "plain",
            "a\"b",
            "back\\slash",
            "'''",
            "\"\"\"\n[api]\nx = 1",
            "\u{0}\u{1b}\u{7f}\u{85}",
            "ü👋",
            "# no comment",
        ];
        for text in hostile {
            let mut draft = Draft::default();
            draft.text("key", text);
            draft.texts("list", [text, "x"]);
            draft.note("place", text);
            let read: toml::Table = draft.as_str().parse().expect("TOML");
            assert_eq!(read["key"].as_str(), Some(text));
            assert_eq!(read["list"][0].as_str(), Some(text));
            assert_eq!(read.len(), 2);
        }
    }

    #[test]
    fn a_long_comment_goes_on_in_the_next_line() {
        let mut draft = Draft::default();
        draft.comment(&"word ".repeat(60));
        assert!(
            draft
                .as_str()
                .lines()
                .all(|line| line.starts_with("# word") && line.len() <= WIDTH)
        );
        assert_eq!(draft.as_str().lines().count(), 3);
    }
}
