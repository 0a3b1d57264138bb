//! Any file that is said to be a capture, whole and behind a header that makes it one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smpp::{
    DefaultAlphabet,
    analyze::{analyze, show, show_message},
    capture::{Stamp, Writer},
};

fuzz_target!(|input: (bool, Vec<(bool, u16, &[u8])>, &[u8])| {
    let (raw, pieces, file) = input;
    if raw {
        return explain(file);
    }
    let mut made = Vec::new();
    let mut writer = Writer::new(&mut made);
    let [from, to] = ["10.0.0.1:1", "10.0.0.2:2775"].map(|address| address.parse().expect("an address"));
    let connection = writer.open(from, to, Stamp(0), &mut made);
    let mut at = 0;
    for (forth, pause, octets) in pieces {
        at += u64::from(pause) * 1_000_000;
        writer.write(connection, forth, octets, Stamp(at), &mut made);
    }
    made.extend_from_slice(file);
    explain(&made);
});

fn explain(file: &[u8]) {
    let Ok(analysis) = analyze(file, DefaultAlphabet::Gsm7) else {
        return;
    };
    let _ = show(&analysis);
    for message in &analysis.messages {
        let _ = show_message(message);
    }
}
