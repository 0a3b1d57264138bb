//! Real modems' sessions: every line is told, and every answer ends as it did.

mod support;

use std::fs;

use at::{Command, Frame, Framer};
use support::{hear, octets, rows, vectors};

#[test]
fn no_line_of_any_transcript_is_lost() {
    let Some(folder) = vectors() else { return };
    let files = fs::read_dir(folder.join("transcripts")).expect("a folder of transcripts");
    let mut seen = 0;
    for file in files {
        let path = file.expect("a directory entry").path();
        if path.extension().is_none_or(|kind| kind != "jsonl") {
            continue;
        }
        for row in rows(&path) {
            let replies = row["replies"].as_array().expect("replies is a list");
            let text: Vec<&str> = replies.iter().filter_map(|reply| reply.as_str()).collect();
            let bytes: Vec<u8> = text.iter().flat_map(|text| octets(text)).collect();
            let command = row["command"].as_str().filter(|text| text.starts_with("AT"));
            let command = command.map(Command::new);
            let whole = hear(&bytes, command.as_ref(), usize::MAX);
            assert_eq!(whole, hear(&bytes, command.as_ref(), 1), "{row}");
            assert_eq!(whole.lines() + whole.prompts, frames(&bytes), "{row}");
            if command.is_some() {
                // The emulator answers this one command under another's name.
                let foreign = |line: &&Vec<u8>| !line.starts_with(b"+CTEC:");
                assert_eq!(whole.unknown.iter().filter(foreign).count(), 0, "{row}");
                check_end(&bytes, &whole, &row);
            }
            seen += 1;
        }
    }
    assert!(seen > 250, "only {seen} rows");
}

/// An answer that has a line `OK` or a refusal ends in one.
fn check_end(bytes: &[u8], said: &support::Said, row: &serde_json::Value) {
    let text = at::latin1(bytes);
    let ends = ["OK", "ERROR", "+CME ERROR", "+CMS ERROR", "COMMAND NOT SUPPORT"];
    let last = text.split(['\r', '\n']).rfind(|line| !line.is_empty());
    if last.is_some_and(|last| ends.iter().any(|end| last.starts_with(end))) {
        assert!(!said.finals.is_empty(), "{row}: {said:?}");
    }
}

fn frames(bytes: &[u8]) -> usize {
    let mut framer = Framer::default();
    framer.receive(bytes);
    framer.flush();
    let mut count = 0;
    while let Some(frame) = framer.next(false) {
        assert!(!matches!(frame, Frame::Lost(_)));
        count += 1;
    }
    count
}
