//! `simrelay smpp decode`: PDUs field by field.

use std::{
    fs,
    io::{self, Read},
};

use clap::Args;
use serde_json::{Value, json};
use smpp::{Frame, FrameReader, Pdu, analyze::show_pdu};

use super::{Alphabet, fields};
use crate::failure::Failure;
use crate::screen::Screen;

/// Read SMPP PDUs and show every field of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay smpp decode 00000010000000150000000000000001
  simrelay smpp decode --json session.bin
  xxd -p session.bin | simrelay smpp decode -

One PDU after the other is read, up to the end or to a length that no PDU has. What the
specification does not allow is marked with its clause. Passwords are not shown. The exit code
is 2 where anything could not be read as a PDU.")]
pub(crate) struct DecodeArgs {
    /// Octets in hexadecimal, or a file of octets or hexadecimal, or - for standard input
    input: String,

    /// What data_coding 0 means
    #[arg(long, value_enum, default_value = "gsm7", value_name = "ALPHABET")]
    default_alphabet: Alphabet,
}

/// What was read: objects and lines, and whether all of it could be.
#[derive(Default)]
struct Found {
    objects: Vec<Value>,
    lines: String,
    trouble: bool,
}

/// Reads and shows.
///
/// # Errors
/// No input, or something in it that is no PDU, which is shown before.
pub(super) fn run(args: &DecodeArgs, screen: &Screen) -> Result<(), Failure> {
    let octets = input(&args.input)?;
    let found = read(&octets, args.default_alphabet);
    match screen.is_json() {
        true => screen.value(&found.objects)?,
        false => screen.text(&found.lines)?,
    }
    match found.trouble {
        true => Err(Failure::Told(crate::failure::MISUSE)),
        false => Ok(()),
    }
}

fn read(octets: &[u8], default: Alphabet) -> Found {
    let mut found = Found::default();
    let mut reader = FrameReader::default();
    reader.receive(octets);
    while let Some(frame) = reader.take() {
        match frame {
            Frame::Lost(header) => found.trouble(&format!("{}: no PDU has {} octets", header.command, header.length)),
            Frame::Pdu(octets) => found.pdu(octets, default),
        }
    }
    if reader.waiting() > 0 && !found.trouble {
        found.trouble(&format!("{} octets are left, which are no whole PDU", reader.waiting()));
    }
    found
}

impl Found {
    fn pdu(&mut self, octets: &[u8], default: Alphabet) {
        let mut oddities = Vec::new();
        match Pdu::decode_noting(octets, &mut oddities) {
            Ok(pdu) => {
                self.objects.push(fields::of(&pdu, &oddities, default.into()));
                self.lines.push_str(&show_pdu(&pdu, &oddities, default.into()));
            }
            Err(error) => self.trouble(&error.to_string()),
        }
    }

    fn trouble(&mut self, what: &str) {
        self.trouble = true;
        self.objects
            .push(json!({ "error": { "kind": "malformed", "message": what } }));
        self.lines.push_str(&format!("! {what}\n"));
    }
}

/// The octets that are meant: hexadecimal if it is that, else what a file or standard input holds.
fn input(input: &str) -> Result<Vec<u8>, Failure> {
    if let Some(octets) = hexadecimal(input.as_bytes()) {
        return Ok(octets);
    }
    let mut content = Vec::new();
    match input {
        "-" => io::stdin().take(MOST_OCTETS).read_to_end(&mut content).map(drop),
        path => fs::File::open(path).and_then(|file| file.take(MOST_OCTETS).read_to_end(&mut content).map(drop)),
    }
    .map_err(|error| {
        Failure::Usage(format!(
            "{input} is neither hexadecimal nor a file that can be read: {error}"
        ))
    })?;
    Ok(hexadecimal(&content).unwrap_or(content))
}

/// Octets of hexadecimal digits with blanks or colons between them.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let digits: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != ':')
        .collect();
    let octets = tpdu::from_hex(&digits).ok()?;
    (!octets.is_empty()).then_some(octets)
}

/// More than anybody reads field by field; captures are for `smpp analyze`.
const MOST_OCTETS: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_with_blanks_and_colons_and_nothing_else_is() {
        assert_eq!(hexadecimal(b"00 00:00\n10"), Some(vec![0, 0, 0, 0x10]));
        assert_eq!(hexadecimal(b"session.bin"), None);
        assert_eq!(hexadecimal(b""), None);
        assert_eq!(hexadecimal(b"\xFF\x00"), None);
    }

    #[test]
    fn every_pdu_is_shown_and_what_is_none_is_told() {
        let octets = hexadecimal(b"00000010000000150000000000000001 000000108000001500000000000000010000").unwrap();
        let found = read(&octets, Alphabet::Gsm7);
        assert_eq!(found.objects.len(), 3);
        assert_eq!(found.objects[0]["command"], "enquire_link");
        assert_eq!(found.objects[1]["sequence_number"], 1);
        assert!(
            found.trouble && found.lines.contains("2 octets are left"),
            "{}",
            found.lines
        );
    }
}
