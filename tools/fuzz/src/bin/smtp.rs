//! What a mail client sends: nothing panics, and a mail and its lines are the same however the octets are cut.
//!
//! The framing is taken in as a file: its crate needs far more than a fuzz target wants to build. Commands and mails are
//! read by the crates that read them there.

#![no_main]

#[path = "../../../../crates/consumers/src/smtp/framing.rs"]
#[allow(dead_code, clippy::all, reason = "it is checked where it belongs")]
mod framing;

use framing::{Data, Line, Lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, octets)) = input.split_first() else { return };
    let cut = usize::from(*first).min(octets.len());
    let bare_lf = first & 1 == 1;
    let (whole, pieces) = (mail(&[octets], bare_lf), mail(&[&octets[..cut], &octets[cut..]], bare_lf));
    assert_eq!(whole, pieces);
    if let Some((mail, end)) = whole {
        let ending: &[u8] = if bare_lf { b".\n" } else { b".\r\n" };
        assert!(octets[..end].ends_with(ending) || octets[..end].ends_with(b".\r\n"));
        assert!(mail.len() <= end);
        mail_parser::MessageParser::default().parse(&mail);
    }
    mail_parser::MessageParser::default().parse(octets);
    let lines = lines(&[octets]);
    assert_eq!(lines, self::lines(&[&octets[..cut], &octets[cut..]]));
    for line in lines {
        if let Line::Whole(line) = line {
            let _ = smtp_proto::Request::parse(&mut line.iter());
        }
    }
});

/// The mail in these octets, and how many of them are its.
fn mail(pieces: &[&[u8]], bare_lf: bool) -> Option<(Vec<u8>, usize)> {
    let mut data = Data::new(MOST, bare_lf);
    let mut before = 0;
    for piece in pieces {
        if let Some(end) = data.feed(piece) {
            return Some((data.into_mail(), before + end));
        }
        before += piece.len();
    }
    None
}

fn lines(pieces: &[&[u8]]) -> Vec<Line> {
    let mut lines = Lines::default();
    let mut all = Vec::new();
    for piece in pieces {
        lines.feed(piece);
        all.extend(std::iter::from_fn(|| lines.next()));
    }
    all
}

/// More than an input has.
const MOST: usize = 1 << 20;
