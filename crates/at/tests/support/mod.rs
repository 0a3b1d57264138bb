//! Vectors, and a reader driven to its end.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{env, fs, path::PathBuf};

use at::{Command, Event, Final, Reader, Reply, Urc};
use serde_json::Value;

/// Where the vectors lie; nothing, with a message, where they are missing.
pub(crate) fn vectors() -> Option<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = match env::var_os("SIMRELAY_VECTORS") {
        Some(folder) => workspace.join(folder),
        None => workspace.join("../shared/vectors"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    let required = env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1");
    assert!(!required, "no vectors in {}", folder.display());
    eprintln!("skipped: no vectors in {}", folder.display());
    None
}

/// The rows of a file of vectors.
pub(crate) fn rows(file: &PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("a file of vectors is readable");
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).expect("a row is JSON"))
        .collect()
}

/// The octets of a text whose characters stand for octets where they can.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    if text.chars().all(|letter| u32::from(letter) < 256) {
        return text.chars().map(|letter| letter as u8).collect();
    }
    text.as_bytes().to_vec()
}

/// All that a modem said in answer to one command.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) reply: Reply,
    pub(crate) finals: Vec<Final>,
    pub(crate) urcs: Vec<Urc>,
    pub(crate) noise: Vec<Vec<u8>>,
    pub(crate) unknown: Vec<Vec<u8>>,
    pub(crate) echoes: usize,
    pub(crate) prompts: usize,
    pub(crate) overlong: usize,
    pub(crate) lost: usize,
}

impl Said {
    /// Every line that the framer gave, in whatever class.
    pub(crate) fn lines(&self) -> usize {
        let two_line = |urc: &&Urc| match urc {
            Urc::Cmt(direct) | Urc::Cds(direct) | Urc::Cbm(direct) => !direct.pdu.is_empty(),
            _ => false,
        };
        let named = self.reply.len() + self.finals.len() + self.urcs.len() + self.noise.len();
        let pairs = self.urcs.iter().filter(two_line).count();
        named + pairs + self.unknown.len() + self.echoes + self.overlong
    }

    pub(crate) fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Prompt => self.prompts += 1,
            Event::Final(result) => self.finals.push(result),
            Event::Urc(urc) => self.urcs.push(urc),
            Event::Info(line) => self.reply.push(line),
            Event::Echo(_) => self.echoes += 1,
            Event::Noise(line) => self.noise.push(line.to_vec()),
            Event::Unknown(line) => self.unknown.push(line.to_vec()),
            Event::Overlong(_) => self.overlong += 1,
            Event::Lost(octets) => self.lost += octets,
        }
    }
}

/// Reads all of it, in chunks of a size, then falls silent.
pub(crate) fn hear(bytes: &[u8], pending: Option<&Command>, chunk: usize) -> Said {
    let mut reader = Reader::default();
    let mut said = Said::default();
    for part in bytes.chunks(chunk) {
        reader.receive(part);
        while let Some(event) = reader.next(pending) {
            said.add(event);
        }
    }
    reader.flush();
    while let Some(event) = reader.next(pending) {
        said.add(event);
    }
    said
}
