//! Profiles of real devices: `transcripts/*.jsonl` of the test vectors, played back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{Answers, millis};

/// A modem that answers as a transcript does.
pub struct Transcript {
    rows: HashMap<String, Vec<u8>>,
    /// For what is not listed.
    default: Vec<u8>,
    /// What counts instead while the SIM is locked, and for anything else.
    locked: Option<HashMap<String, Vec<u8>>>,
    line: Vec<u8>,
}

/// The folder of the vectors, or nothing with a message (a failure where they are required).
pub fn vectors() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = std::env::var_os("SIMRELAY_VECTORS").map_or_else(|| PathBuf::from(default), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1");
    assert!(!required, "no test vectors in {}", folder.display());
    println!("skipped: no test vectors in {}", folder.display());
    None
}

/// The rows of a file of JSON lines.
pub fn rows(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The octets of a row's replies; one that ends without line end was cut by its source.
pub fn replies(row: &Value) -> Vec<u8> {
    let texts = row["replies"].as_array().unwrap().iter();
    let text: String = texts.map(|text| text.as_str().unwrap()).collect();
    format!("{text}\r\n").into_bytes()
}

impl Transcript {
    /// The rows that hold in the normal state; `also` stands for what the source left out.
    pub fn load(path: &std::path::Path, also: &[(&str, &str)]) -> Self {
        let mut answers = HashMap::new();
        let mut default = b"\r\nERROR\r\n".to_vec();
        for (command, reply) in also {
            answers.insert((*command).to_owned(), reply.as_bytes().to_vec());
        }
        for row in rows(path) {
            let Some(command) = row["command"].as_str() else {
                continue;
            };
            let when = row["when"].as_str().unwrap_or_default();
            let normal = ["", "normal", "any command not listed", "SMSC set to +27831000015"].contains(&when);
            match command {
                "*" if when == "any command not listed" => default = replies(&row),
                _ if normal => drop(answers.insert(command.to_owned(), replies(&row))),
                _ => {}
            }
        }
        Self {
            rows: answers,
            default,
            locked: None,
            line: Vec::new(),
        }
    }

    /// The same with its SIM locked, until the right PIN comes.
    pub fn locked(path: &std::path::Path, also: &[(&str, &str)]) -> Self {
        let mut transcript = Self::load(path, also);
        let mut locked = HashMap::new();
        for (command, reply) in also {
            locked.insert((*command).to_owned(), reply.as_bytes().to_vec());
        }
        for row in rows(path) {
            let locks = row["when"].as_str().is_some_and(|when| when.starts_with("SIM locked"));
            if let (true, Some(command)) = (locks, row["command"].as_str()) {
                locked.insert(command.to_owned(), replies(&row));
            }
        }
        transcript.locked = Some(locked);
        transcript
    }

    /// Another answer while the SIM is locked.
    pub fn while_locked(&mut self, command: &str, reply: &str) {
        let locked = self.locked.get_or_insert_default();
        locked.insert(command.to_owned(), reply.as_bytes().to_vec());
    }

    fn answer(&mut self, line: &str) -> Vec<u8> {
        let Some(locked) = &self.locked else {
            return self.rows.get(line).unwrap_or(&self.default).clone();
        };
        let refused = b"+CME ERROR: 11\r\n".to_vec();
        let answer = locked.get(line).cloned().unwrap_or(refused);
        if line == "AT+CPIN=\"1234\"" {
            self.locked = None;
        }
        answer
    }
}

impl Answers for Transcript {
    fn take(&mut self, octets: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let mut answers = Vec::new();
        for &octet in octets {
            match octet {
                0x1B => self.line.clear(),
                b'\r' => {
                    let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                    if !line.is_empty() {
                        answers.push((millis(3), self.answer(&line)));
                    }
                }
                octet => self.line.push(octet),
            }
        }
        answers
    }
}
