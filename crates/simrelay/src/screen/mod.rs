//! What commands print: tables and sentences for people, JSON for programs.

mod table;
mod text;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::logging;

pub(crate) use table::Table;
pub(crate) use text::{beginning, harmless, harmless_lines};

/// Where a command's results go.
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    /// A screen that prints JSON where `json` is set, else for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line for people.
    pub(crate) fn line(&self, line: impl AsRef<str>) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", line.as_ref())?;
        Ok(out.flush()?)
    }

    /// Prints a text that has its line breaks, made harmless.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        write!(out, "{}", harmless_lines(text))?;
        Ok(out.flush()?)
    }

    /// Prints a table, or `empty` where it has no rows.
    pub(crate) fn table(&self, table: &Table, empty: &str) -> Result<(), Failure> {
        match table.is_empty() {
            true => self.line(empty),
            false => self.line(table.lines()),
        }
    }

    /// Prints one JSON value: indented for a terminal, on one line for a program.
    pub(crate) fn value(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match io::stdout().is_terminal() {
            true => serde_json::to_string_pretty(value),
            false => serde_json::to_string(value),
        };
        self.line(text.map_err(|error| Failure::refused(format!("cannot write the result as JSON: {error}")))?)
    }

    /// Prints one JSON value on a line of its own, for streams of them.
    pub(crate) fn value_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value);
        self.line(text.map_err(|error| Failure::refused(format!("cannot write the result as JSON: {error}")))?)
    }

    /// Tells a failure that ends a stream of results, which alone go to standard output; gives its exit code to end with.
    pub(crate) fn broken_off(&self, failure: Failure) -> Failure {
        let Some(sentence) = failure.sentence() else {
            return failure;
        };
        let _ = writeln!(io::stderr(), "{}", told(sentence, false));
        Failure::Told(failure.code())
    }

    /// Tells a failure: a sentence on standard error, and with `--json` an object on standard output as well.
    pub(crate) fn failure(&self, failure: &Failure) {
        let Some(sentence) = failure.sentence() else { return };
        // Nobody is left to tell where even standard error is gone.
        let _ = writeln!(io::stderr(), "{}", told(sentence, logging::goes_to_journal()));
        if let (true, Some(object)) = (self.json, failure.to_json()) {
            let _ = self.value(&object);
        }
    }
}

/// Says something beside the results, on standard error.
pub(crate) fn note(line: &str) {
    // Whoever closed standard error does not want to know.
    let _ = writeln!(io::stderr(), "simrelay: {}", harmless(line));
}

/// A failure in lines. The journal takes each for an error by the mark before it (sd-daemon(3)).
fn told(sentence: &str, for_journal: bool) -> String {
    let told = format!("simrelay: {}", harmless_lines(sentence));
    match for_journal {
        true => told
            .lines()
            .map(|line| format!("<3>{line}"))
            .collect::<Vec<_>>()
            .join("\n"),
        false => told,
    }
}
