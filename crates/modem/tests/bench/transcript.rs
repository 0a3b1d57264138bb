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
            let reply: String = row["replies"]
                .as_array()
                .unwrap()
                .iter()
                .map(|text| text.as_str().unwrap())
                .collect();
            // A row that ends without line end is one whose end was cut by its source.
            let reply = format!("{reply}\r\n");
            let when = row["when"].as_str().unwrap_or_default();
            let normal = ["", "normal", "any command not listed", "SMSC set to +27831000015"].contains(&when);
            match command {
                "*" if when == "any command not listed" => default = reply.into_bytes(),
                _ if normal => drop(answers.insert(command.to_owned(), reply.into_bytes())),
                _ => {}
            }
        }
        Self {
            rows: answers,
            default,
            line: Vec::new(),
        }
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
                        let answer = self.rows.get(&line).unwrap_or(&self.default);
                        answers.push((millis(3), answer.clone()));
                    }
                }
                octet => self.line.push(octet),
            }
        }
        answers
    }
}
