//! The shared vectors: where they lie, and how a file of them is run.
//!
//! Rows that contradict the specification are listed beside the test that
//! runs them, with the reason and the clause; every other row must hold.
#![allow(dead_code, reason = "every test file uses its own share of these helpers")]

use std::{env, fs, path::PathBuf};

use serde_json::Value;

/// A row of a vector file with its place in it.
pub(crate) struct Row {
    pub(crate) number: usize,
    pub(crate) value: Value,
}

/// What is not followed: rows by a piece of their line, the field, and why.
pub(crate) struct Exception {
    pub(crate) piece: &'static str,
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
}

impl Row {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value[key].as_str()
    }

    pub(crate) fn number_of(&self, key: &str) -> Option<u64> {
        self.value[key].as_u64()
    }

    pub(crate) fn is(&self, key: &str) -> bool {
        self.value[key].as_bool() == Some(true)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        !self.value[key].is_null()
    }
}

/// What a row found: everything that differs, in words.
#[derive(Default)]
pub(crate) struct Check {
    differences: Vec<(String, String)>,
}

impl Check {
    /// Compares a field with what the row says.
    pub(crate) fn same(&mut self, field: &str, row: &Value, ours: impl Into<Value>) {
        let ours = ours.into();
        if *row != ours {
            self.differences
                .push((field.to_owned(), format!("row {row}, ours {ours}")));
        }
    }

    /// As [`Check::same`], where the row says anything at all.
    pub(crate) fn same_if_told(&mut self, field: &str, row: &Value, ours: impl Into<Value>) {
        if !row.is_null() {
            self.same(field, row, ours);
        }
    }

    pub(crate) fn wrong(&mut self, what: impl Into<String>) {
        self.differences.push(("row".to_owned(), what.into()));
    }

    /// Sets the differences aside that an exception names.
    fn except(&mut self, exception: &Exception) -> Vec<String> {
        let (excepted, kept) = self
            .differences
            .drain(..)
            .partition(|(field, _)| field == exception.field);
        self.differences = kept;
        let excepted: Vec<(String, String)> = excepted;
        excepted
            .into_iter()
            .map(|(field, what)| format!("{field}: {what}"))
            .collect()
    }
}

/// The rows of a file, or `None` with a message where the vectors are missing.
pub(crate) fn rows(file: &str) -> Option<Vec<Row>> {
    let text = read(file)?;
    let rows = text.lines().filter(|line| !line.trim().is_empty()).enumerate();
    let row = |(number, line): (usize, &str)| Row {
        number,
        value: serde_json::from_str(line).unwrap(),
    };
    Some(rows.map(row).collect())
}

/// A file of the vectors, or `None` with a message where they are missing.
pub(crate) fn read(file: &str) -> Option<String> {
    let folder = env::var_os("SIMRELAY_VECTORS").map_or_else(default_folder, PathBuf::from);
    let path = folder.join(file);
    match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1") => {
            panic!("{}: {error}", path.display())
        }
        Err(error) => {
            eprintln!("skipped, no vectors: {}: {error}", path.display());
            None
        }
    }
}

/// Beside the workspace; in a work tree of it, beside the first parent that
/// has such a folder.
fn default_folder() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|folder| folder.join("shared/vectors"));
    beside
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| here.join("../../../shared/vectors"))
}

/// Runs every row of a file and prints how many held.
pub(crate) fn run(file: &str, exceptions: &[Exception], check: impl Fn(&Row, &mut Check)) {
    let Some(rows) = rows(file) else { return };
    let mut failures = Vec::new();
    let mut excepted = 0;
    for row in &rows {
        let mut found = Check::default();
        check(row, &mut found);
        let line = row.value.to_string();
        for exception in exceptions.iter().filter(|exception| line.contains(exception.piece)) {
            let differences = found.except(exception);
            if !differences.is_empty() {
                excepted += 1;
                let differences = differences.join("; ");
                println!(
                    "{file} row {}: not followed: {}: {differences}",
                    row.number, exception.reason
                );
            }
        }
        if !found.differences.is_empty() {
            failures.push(format!("row {}: {:?}", row.number, found.differences));
        }
    }
    println!("{file}: {} rows, {excepted} not followed", rows.len());
    assert!(
        failures.is_empty(),
        "{file}: {} rows fail\n{}",
        failures.len(),
        failures.join("\n")
    );
}
