//! Any bytes from a modem: reading them whole or in pieces gives the same events.
#![no_main]

use at::{Command, Event, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let command = Command::new("AT+CMGR=1");
    let whole = events(&command, std::iter::once(bytes));
    let pieces = events(&command, bytes.chunks(usize::from(size).max(1)));
    assert_eq!(whole, pieces);
});

fn events<'a>(command: &Command, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut reader = Reader::default();
    let mut seen = Vec::new();
    for chunk in chunks {
        reader.receive(chunk);
        while let Some(event) = reader.next(Some(command)) {
            if !matches!(event, Event::Noise(_)) {
                seen.push(format!("{event:?}"));
            }
        }
    }
    seen
}
