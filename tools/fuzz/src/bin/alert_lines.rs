//! The lines of the alert listener: however the stream is cut, the lines are the same, and a long one takes no more room
//! than a line may have.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The pure room alone, as for the other adapters of alerts.
#[path = "../../../../crates/consumers/src/alerts/intake/lines.rs"]
mod lines;

use lines::{Found, Lines};

fuzz_target!(|octets: &[u8]| {
    let Some((cut, stream)) = octets.split_first() else {
        return;
    };
    let cut = usize::from(*cut) + 1;
    let expected: Vec<&[u8]> = stream.split(|octet| *octet == b'\n').collect();
    let mut found = 0;
    let mut lines = Lines::new(LONGEST);
    for piece in stream.chunks(cut) {
        let mut rest = piece;
        while !rest.is_empty() {
            if let Some(octets) = lines.must_grow() {
                lines.grow(octets);
            }
            let space = lines.space();
            let count = rest.len().min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            lines.received(count);
            rest = &rest[count..];
            while let Some(line) = lines.next() {
                check(line, expected[found]);
                found += 1;
            }
            assert!(lines.shrink() <= LONGEST.next_power_of_two().max(16 * 1024));
        }
    }
    if let Some(line) = lines.rest() {
        check(line, expected[found]);
    }
});

fn check(found: Found<'_>, expected: &[u8]) {
    match found {
        Found::Line(line) => assert_eq!(line, expected),
        Found::TooLong { octets } => assert!(octets > LONGEST as u64 && octets == expected.len() as u64),
    }
}

const LONGEST: usize = 50;
