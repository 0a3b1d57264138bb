//! The shared vectors: where they lie.
#![allow(dead_code, reason = "every test file uses its own share of these helpers")]

use std::{env, fs, path::PathBuf};

use serde_json::Value;

/// The rows of a file, or nothing with a message where the vectors are missing.
pub(crate) fn rows(file: &str) -> Option<Vec<Value>> {
    let folder = env::var_os("SIMRELAY_VECTORS").map_or_else(default_folder, PathBuf::from);
    let path = folder.join(file);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1") => {
            panic!("{}: {error}", path.display())
        }
        Err(error) => {
            eprintln!("skipped, no vectors: {}: {error}", path.display());
            return None;
        }
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Some(
        lines
            .map(|line| serde_json::from_str(line).expect("a row of the known form"))
            .collect(),
    )
}

/// Beside the workspace; in a work tree of it, beside the first parent that has such a folder.
fn default_folder() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut beside = here.ancestors().map(|folder| folder.join("shared/vectors"));
    beside
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| here.join("../../../shared/vectors"))
}

/// What is not followed: a field of rows that hold a piece, and why.
pub(crate) struct Exception {
    pub(crate) piece: &'static str,
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
}

/// What differs in a row, by field.
#[derive(Default)]
pub(crate) struct Differences(pub(crate) Vec<(String, String)>);

impl Differences {
    pub(crate) fn same(&mut self, field: &str, row: &Value, ours: impl Into<Value>) {
        let ours = ours.into();
        if *row != ours {
            self.wrong(field, format!("row {row}, ours {ours}"));
        }
    }

    pub(crate) fn wrong(&mut self, field: &str, what: impl Into<String>) {
        self.0.push((field.to_owned(), what.into()));
    }
}

/// Runs every row; prints what is not followed and fails on anything else.
pub(crate) fn run(file: &str, exceptions: &[Exception], check: impl Fn(&Value, &mut Differences)) {
    let Some(rows) = rows(file) else { return };
    let mut failures = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let mut found = Differences::default();
        check(row, &mut found);
        let line = row.to_string();
        let excused = |field: &str| {
            exceptions
                .iter()
                .find(|exception| exception.field == field && line.contains(exception.piece))
        };
        for (field, what) in found.0 {
            match excused(&field) {
                Some(exception) => println!(
                    "{file} row {number}: not followed: {field}: {}: {what}",
                    exception.reason
                ),
                None => failures.push(format!("row {number}: {field}: {what} in {line}")),
            }
        }
    }
    println!("{file}: {} rows", rows.len());
    assert!(
        failures.is_empty(),
        "{} differences\n{}",
        failures.len(),
        failures.join("\n")
    );
}
