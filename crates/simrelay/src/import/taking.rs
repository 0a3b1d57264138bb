//! Taking a section over: each key is asked for and crossed off, and what nobody asked for is told at the end.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;

use super::draft::Draft;
use super::ini::{Ini, Section, Value, shown};

/// A section that is being taken over.
pub(super) struct Taking<'a> {
    ini: &'a Ini,
    section: &'a Section,
    left: BTreeSet<&'a str>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(ini: &'a Ini, section: &'a Section) -> Self {
        let left = ini.keys(section).collect();
        Self { ini, section, left }
    }

    /// Where a key stands, for people.
    pub(super) fn place(&self, line: usize, key: &str) -> String {
        let file = self.ini.file.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "{}:{line}: [{}] {}",
            shown(&file),
            shown(&self.section.name),
            shown(key)
        )
    }

    /// The folders that a path without one is looked for in: SMSgate was started above its folder `conf`.
    pub(super) fn folders(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let folder = self
            .ini
            .file
            .canonicalize()
            .ok()
            .and_then(|file| Some(file.parent()?.to_owned()));
        let above = folder.as_ref().and_then(|folder| Some(folder.parent()?.to_owned()));
        above.into_iter().chain(folder)
    }

    /// Notes something about the section as a whole.
    pub(super) fn note(&self, draft: &mut Draft, words: impl Display) {
        draft.note(&self.heading(), words);
    }

    /// Tells that something of the section is lost.
    pub(super) fn lose(&self, draft: &mut Draft, words: impl Display) {
        draft.lose(&self.heading(), words);
    }

    /// Where the section begins.
    fn heading(&self) -> String {
        let file = self.ini.file.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "{}:{}: [{}]",
            shown(&file),
            self.section.line,
            shown(&self.section.name)
        )
    }

    /// Notes something about a key, if it is there.
    pub(super) fn note_key(&mut self, draft: &mut Draft, key: &'a str, words: impl Display) {
        if let Some(value) = self.take(draft, key) {
            draft.note(&self.place(value.line, key), words);
        }
    }

    /// Tells that what a key said is lost, if it is there.
    pub(super) fn lose_key(&mut self, draft: &mut Draft, key: &'a str, words: impl Display) {
        if let Some(value) = self.take(draft, key) {
            draft.lose(&self.place(value.line, key), words);
        }
    }

    /// The value of a key; empty ones count as left out.
    pub(super) fn text(&mut self, draft: &mut Draft, key: &str) -> Option<Value> {
        self.take(draft, key).filter(|value| !value.text.is_empty())
    }

    /// Whether a key that is there says yes, as Python reads it.
    pub(super) fn flag(&mut self, draft: &mut Draft, key: &str) -> Option<bool> {
        let value = self.take(draft, key)?;
        let read = match value.text.to_lowercase().as_str() {
            "1" | "yes" | "true" | "on" => Some(true),
            "0" | "no" | "false" | "off" => Some(false),
            _ => None,
        };
        if read.is_none() {
            draft.note(
                &self.place(value.line, key),
                "neither True nor False, so it is left out",
            );
        }
        read
    }

    /// A number that a key holds, within bounds.
    pub(super) fn number(&mut self, draft: &mut Draft, key: &str, most: f64) -> Option<f64> {
        let value = self.text(draft, key)?;
        let read = value
            .text
            .parse::<f64>()
            .ok()
            .filter(|number| (0.0..=most).contains(number));
        if read.is_none() {
            let words = format!("no number from 0 to {most}, so it is left out");
            draft.note(&self.place(value.line, key), words);
        }
        read
    }

    /// Crosses a key off and gives its value.
    pub(super) fn take(&mut self, draft: &mut Draft, key: &str) -> Option<Value> {
        self.left.remove(key);
        let value = self.ini.value(self.section, key)?;
        if value.odd_percent {
            let words = "SMSgate cannot have read the % in it; it is taken as it stands";
            draft.note(&self.place(value.line, key), words);
        }
        Some(value)
    }

    /// The keys that are left and of which `chosen` makes something, with it.
    pub(super) fn like<T>(&self, chosen: impl Fn(&'a str) -> Option<T>) -> Vec<(&'a str, T)> {
        self.left.iter().filter_map(|key| Some((*key, chosen(key)?))).collect()
    }

    /// Tells the keys that nobody asked for.
    pub(super) fn rest(self, draft: &mut Draft) {
        for key in &self.left {
            let line = self
                .ini
                .value(self.section, key)
                .map_or(self.section.line, |value| value.line);
            draft.note(&self.place(line, key), "SMSgate knows no such key; it is left out");
        }
    }
}
