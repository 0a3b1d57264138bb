//! What a modem echoed of a PIN is nowhere in memory once it was read. A program of its own, since it looks through all of
//! its memory.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use at::{Command, Event, Reader, Reply};
use zeroize::Zeroizing;

#[test]
fn an_echoed_pin_is_nowhere_in_memory_once_it_was_read() {
    let mut reader = Reader::default();
    let mut reply = Reply::default();
    {
        let mut pin = Zeroizing::new(String::with_capacity(HIDDEN.len()));
        pin.extend(HIDDEN.iter().map(|octet| char::from(octet ^ 0x55)));
        let command = Command::cpin(&pin);
        let mut line = Zeroizing::new(Vec::with_capacity(4096));
        // The echo whole, then broken, so that it goes for an answer; and much in front, so that buffers grow meanwhile.
        for noise in [0, 300, 3_000] {
            line.clear();
            line.extend((0..noise).map(|_| b'x'));
            line.extend_from_slice(b"\r\n+CPIN: ");
            line.extend_from_slice(pin.as_bytes());
            line.extend_from_slice(b"\r\nAT+CPIN=\"");
            line.extend_from_slice(pin.as_bytes());
            assert!(found_in_memory() > 0, "the search finds what is there");
            for piece in line.chunks(100) {
                reader.receive(piece);
                while let Some(event) = reader.next(Some(&command)) {
                    if let Event::Info(line) = event {
                        reply.push(line);
                    }
                }
            }
            reader.receive(b"\"\r\r\nOK\r\n");
            while reader.next(Some(&command)).is_some() {}
            assert!(!reply.is_empty(), "the broken echo was taken for an answer");
            reply.clear();
        }
    }
    assert_eq!(found_in_memory(), 0);
}

/// How often the PIN lies in the memory that this program can write to.
fn found_in_memory() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux tells");
    let memory = File::open("/proc/self/mem").expect("it is ours");
    let mut piece = Zeroizing::new(vec![0_u8; PIECE]);
    let own = piece.as_ptr() as u64..piece.as_ptr() as u64 + PIECE as u64;
    let mut found = 0;
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (from, to) = map
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'))
            .expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("hex");
        let (mut at, end) = (number(from), number(to));
        while at < end {
            let length = PIECE.min(usize::try_from(end - at).expect("it fits"));
            if memory.read_exact_at(&mut piece[..length], at).is_err() {
                break;
            }
            let hits = piece[..length].windows(HIDDEN.len()).enumerate();
            let hits =
                hits.filter(|(_, window)| window.iter().zip(HIDDEN).all(|(octet, hidden)| octet ^ 0x55 == hidden));
            // What the search itself has read is no find.
            found += hits.filter(|(offset, _)| !own.contains(&(at + *offset as u64))).count();
            at += length as u64;
        }
    }
    found
}

/// The PIN `73914628`, hidden, so that it lies nowhere as it is.
const HIDDEN: [u8; 8] = [
    b'7' ^ 0x55,
    b'3' ^ 0x55,
    b'9' ^ 0x55,
    b'1' ^ 0x55,
    b'4' ^ 0x55,
    b'6' ^ 0x55,
    b'2' ^ 0x55,
    b'8' ^ 0x55,
];

const PIECE: usize = 1 << 20;
