//! What goes over the wires, for an operator who asked for it.
//!
//! One file a slot, one line a piece: time, `>` for what was written and `<` for what was read, then the octets with control
//! characters escaped. PINs and passwords are never written; message texts and numbers only where the operator allowed it.
//! Writing is a thread's work: a slow disk delays no modem, it loses lines of the trace, which are counted there.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use jiff::Timestamp;
use message::RouteId;

/// The end of the trace that a slot holds; nothing is traced by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    writer: Option<mpsc::SyncSender<Piece>>,
    lost: Arc<AtomicU64>,
    texts: bool,
}

/// Which way octets went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Written,
    Read,
}

/// One line of the trace.
#[derive(Debug)]
struct Piece {
    slot: RouteId,
    line: String,
}

impl Trace {
    /// A trace into a folder; nothing where none is named.
    pub(crate) fn into_folder(folder: Option<&Path>, texts: bool) -> Self {
        let Some(folder) = folder.map(Path::to_path_buf) else {
            return Self::default();
        };
        let (writer, pieces) = mpsc::sync_channel(WAITING_PIECES);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let named = thread::Builder::new().name(String::from("wire-trace"));
        match named.spawn(move || write_all(&folder, &pieces, &counter)) {
            Ok(_runs_until_the_senders_are_gone) => Self {
                writer: Some(writer),
                lost,
                texts,
            },
            Err(error) => {
                tracing::warn!(%error, "no wire trace: its thread cannot be started");
                Self::default()
            }
        }
    }

    /// Notes octets that were read, as far as their lines are whole; the rest waits in `held`. A modem may give an echoed PIN
    /// back octet by octet, and only a whole line shows what it is.
    pub(crate) fn note_read(&self, slot: &RouteId, octets: &[u8], held: &mut Vec<u8>) {
        if self.writer.is_none() {
            return;
        }
        held.extend_from_slice(octets);
        let whole = held.iter().rposition(|&octet| octet == b'\r' || octet == b'\n');
        let long = held.len().checked_sub(MOST_HELD);
        let Some(end) = whole.map(|end| end + 1).max(long) else {
            return;
        };
        self.note(slot, Way::Read, &held[..end]);
        held.drain(..end);
    }

    /// Notes octets.
    pub(crate) fn note(&self, slot: &RouteId, way: Way, bytes: &[u8]) {
        let Some(writer) = &self.writer else { return };
        let line = line(way, bytes, self.texts);
        if writer
            .try_send(Piece {
                slot: slot.clone(),
                line,
            })
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(folder: &Path, pieces: &mpsc::Receiver<Piece>, lost: &AtomicU64) {
    let mut files: HashMap<RouteId, File> = HashMap::new();
    for piece in pieces {
        let missed = lost.swap(0, Ordering::Relaxed);
        let Some(file) = file_of(&mut files, folder, &piece.slot) else {
            continue;
        };
        let missed = if missed > 0 {
            format!("({missed} lines of the trace were lost)\n")
        } else {
            String::new()
        };
        if let Err(error) = write!(file, "{missed}{}", piece.line) {
            tracing::warn!(%error, slot = %piece.slot, "the wire trace cannot be written");
        }
    }
}

fn file_of<'a>(files: &'a mut HashMap<RouteId, File>, folder: &Path, slot: &RouteId) -> Option<&'a mut File> {
    if !files.contains_key(slot) {
        let path = path_of(folder, slot);
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => files.insert(slot.clone(), file),
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "the wire trace cannot be opened");
                return None;
            }
        };
    }
    files.get_mut(slot)
}

/// A slot's name may hold anything; a file's name may not.
fn path_of(folder: &Path, slot: &RouteId) -> PathBuf {
    let plain = |letter: char| {
        if letter.is_alphanumeric() || "-_.+".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let name: String = slot.as_str().chars().map(plain).collect();
    folder.join(format!("{name}.trace"))
}

fn line(way: Way, bytes: &[u8], texts: bool) -> String {
    let sign = if way == Way::Written { '>' } else { '<' };
    let mut text = format!("{:.3} {sign} ", Timestamp::now());
    let shown = redact(&at::latin1(bytes), texts);
    for letter in shown.chars() {
        match letter {
            '\r' => text.push_str("\\r"),
            '\n' => text.push_str("\\n"),
            '\\' => text.push_str("\\\\"),
            ' '..='~' => text.push(letter),
            // Writing to a String cannot fail.
            other => drop(write!(text, "\\x{:02x}", u32::from(other))),
        }
    }
    text.push('\n');
    text
}

/// Takes out what is nobody's business: always the arguments of commands that hold secrets, and unless texts are wanted
/// long runs of hex (PDUs) and everything between quotes.
fn redact(text: &str, texts: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\r', '\n']) {
        let upper = piece.to_ascii_uppercase();
        let secret = SECRETS.iter().find_map(|name| Some(upper.find(name)? + name.len()));
        match secret {
            Some(end) => {
                shown.push_str(&piece[..end]);
                shown.push_str("***");
                shown.push_str(&piece[piece.trim_end().len().max(end)..]);
            }
            None if texts => shown.push_str(piece),
            None => veil(piece, &mut shown),
        }
    }
    shown
}

/// Replaces digits of numbers and PDUs by their count.
fn veil(piece: &str, shown: &mut String) {
    let mut rest = piece;
    while let Some(at) = rest.find(|letter: char| letter == '"' || letter.is_ascii_hexdigit()) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        let quoted = rest.starts_with('"');
        let length = match quoted {
            true => rest[1..].find('"').map_or(rest.trim_end().len(), |end| end + 2),
            false => rest
                .find(|letter: char| !letter.is_ascii_hexdigit())
                .unwrap_or(rest.len()),
        };
        let (run, after) = rest.split_at(length.max(1));
        rest = after;
        match run.len() {
            long if long >= LONGEST_SHOWN => drop(write!(shown, "<{long}>")),
            _ => shown.push_str(run),
        }
    }
    shown.push_str(rest);
}

/// Commands whose arguments are secrets: PINs and passwords (TS 27.007 7.4, 7.5, 8.3), and raw access to the card.
const SECRETS: &[&str] = &["+CPIN=", "+CLCK=", "+CPWD=", "+CSIM=", "^CPIN=", "+CPIN2="];

/// Texts and runs of hex from this length on are shown by their length only. Memory names and error codes are shorter.
const LONGEST_SHOWN: usize = 8;

/// Octets of a line without end that are held back; longer than any command with a secret in it.
const MOST_HELD: usize = 256;

/// Lines that wait for the disk; what comes on top is lost and counted.
const WAITING_PIECES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_never_shown_not_even_where_texts_are() {
        for texts in [false, true] {
            let shown = redact("AT+CPIN=\"1234\"\r\nAT+CSQ\r", texts);
            assert_eq!(shown, "AT+CPIN=***\r\nAT+CSQ\r");
            assert!(!redact("at+clck=\"SC\",0,\"1234\"\r", texts).contains("1234"));
        }
    }

    #[test]
    fn a_pin_that_is_echoed_octet_by_octet_is_not_shown() {
        let (writer, pieces) = mpsc::sync_channel(WAITING_PIECES);
        let trace = Trace {
            writer: Some(writer),
            texts: true,
            ..Trace::default()
        };
        let mut held = Vec::new();
        for octet in b"AT+CPIN=\"1234\"\r\r\nOK\r\n" {
            trace.note_read(&RouteId::new("one"), &[*octet], &mut held);
        }
        drop(trace);
        let shown: String = pieces.iter().map(|piece| piece.line).collect();
        assert!(shown.contains("+CPIN=***") && shown.contains("OK"), "{shown}");
        assert!(!shown.contains("1234"), "{shown}");
        assert!(held.is_empty());
    }

    #[test]
    fn texts_and_numbers_are_shown_by_length_unless_wanted() {
        let pdu = "0011000B910516898088F20000A701C1\u{1a}";
        assert_eq!(redact(pdu, false), "<32>\u{1a}");
        assert_eq!(redact(pdu, true), pdu);
        assert_eq!(
            redact("+CUSD: 0,\"Your PIN is 1234\",15\r\n", false),
            "+CUSD: 0,<18>,15\r\n"
        );
        assert_eq!(redact("+CMTI: \"SM\",3\r\n", false), "+CMTI: \"SM\",3\r\n");
    }

    #[test]
    fn a_line_shows_what_is_not_printable() {
        let shown = line(Way::Read, b"\r\nOK\r\n\x00\xff", true);
        assert!(shown.ends_with(" < \\r\\nOK\\r\\n\\x00\\xff\n"), "{shown}");
    }

    #[test]
    fn a_trace_ends_up_in_the_slots_file() {
        let folder = tempfile::tempdir().unwrap();
        let trace = Trace::into_folder(Some(folder.path()), true);
        trace.note(&RouteId::new("a/b"), Way::Written, b"AT\r");
        let Trace { writer, .. } = trace;
        drop(writer);
        let file = folder.path().join("a_b.trace");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::fs::read_to_string(&file).unwrap_or_default().is_empty() {
            assert!(std::time::Instant::now() < deadline, "nothing was written");
            thread::yield_now();
        }
        assert!(std::fs::read_to_string(&file).unwrap().contains(" > AT\\r"));
    }
}
