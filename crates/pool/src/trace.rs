//! What goes over the wires, for an operator who asked for it.
//!
//! One file a slot, one line a piece: time, `>` for what was written and `<` for what was read, then the octets with control
//! characters escaped. PINs and passwords are never written; message texts and numbers only where the operator allowed it.
//! Writing is a thread's work: a slow disk delays no modem, it loses lines of the trace, which are counted there.
//!
//! A slot's trace is switched on by the settings, for good, or while the gateway runs, for a while. `modemsim replay` plays it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use at::Wiped;
use jiff::Timestamp;
use message::{RouteId, TraceView, TraceWish};
use zeroize::Zeroizing;

use crate::secrets::Secrets;

/// The traces of all slots: where they lie, and the thread that writes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces {
    shared: Arc<Shared>,
    /// What a slot's trace begins with.
    first: Mode,
}

/// The end of the trace that a slot holds. Clones are the same trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    shared: Arc<Shared>,
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Shared {
    folder: Option<PathBuf>,
    /// The way to the thread, once there is one.
    writer: Mutex<Option<mpsc::SyncSender<Piece>>>,
    lost: Arc<AtomicU64>,
}

/// Whether a slot is traced. It is looked at with every piece, so it is a number or two and no lock.
#[derive(Debug, Default)]
struct Switch {
    mode: AtomicU8,
    /// Until when, in seconds of Unix time; 0: for good.
    until: AtomicI64,
}

/// How a slot is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Off,
    /// Without texts and numbers.
    Veiled,
    /// With them.
    Open,
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

impl Mode {
    fn of(texts: bool) -> Self {
        if texts { Self::Open } else { Self::Veiled }
    }

    fn from_number(number: u8) -> Self {
        [Self::Off, Self::Veiled, Self::Open]
            .into_iter()
            .find(|mode| *mode as u8 == number)
            .unwrap_or_default()
    }
}

impl Traces {
    /// Traces that lie in `folder`. All slots are traced where `always` is set, else those that are switched on.
    pub(crate) fn into_folder(folder: Option<&Path>, always: bool, texts: bool) -> Self {
        let shared = Shared {
            folder: folder.map(Path::to_path_buf),
            ..Shared::default()
        };
        let traces = Self {
            shared: Arc::new(shared),
            first: if always { Mode::of(texts) } else { Mode::Off },
        };
        if traces.first != Mode::Off
            && let Err(error) = traces.shared.start()
        {
            tracing::warn!(%error, "no wire trace: it cannot be started");
        }
        traces
    }

    /// The trace of one slot.
    pub(crate) fn of_slot(&self) -> Trace {
        let switch = Switch::default();
        switch.mode.store(self.first as u8, Ordering::Relaxed);
        Trace {
            shared: Arc::clone(&self.shared),
            switch: Arc::new(switch),
        }
    }
}

impl Shared {
    /// The way to the thread; it is started where there is none yet.
    fn start(&self) -> io::Result<mpsc::SyncSender<Piece>> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.as_ref() {
            return Ok(writer.clone());
        }
        let Some(folder) = self.folder.clone() else {
            return Err(io::Error::other("no folder is known"));
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let (sender, pieces) = mpsc::sync_channel(WAITING_PIECES);
        let counter = Arc::clone(&self.lost);
        let named = thread::Builder::new().name(String::from("wire-trace"));
        let _runs_until_the_senders_are_gone = named.spawn(move || write_all(&folder, &pieces, &counter))?;
        *writer = Some(sender.clone());
        Ok(sender)
    }

    fn pass(&self, slot: &RouteId, line: String) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = Piece {
            slot: slot.clone(),
            line,
        };
        if writer.as_ref().is_none_or(|writer| writer.try_send(piece).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Trace {
    /// Switches the trace on, or off, for as long as the wish says.
    ///
    /// # Errors
    /// There is no folder for it.
    pub(crate) fn set(&self, slot: &RouteId, wish: Option<TraceWish>) -> io::Result<()> {
        let Some(wish) = wish else {
            self.switch_off(slot, "it is switched off");
            return Ok(());
        };
        self.shared.start()?;
        self.switch
            .until
            .store(wish.until.as_second().max(1), Ordering::Relaxed);
        self.switch.mode.store(Mode::of(wish.texts) as u8, Ordering::Relaxed);
        tracing::warn!(modem = %slot, texts = wish.texts, until = %wish.until, "what goes over the wire is written down");
        Ok(())
    }

    /// How the slot is traced; none where it is not.
    pub(crate) fn view(&self, slot: &RouteId) -> Option<TraceView> {
        let mode = self.mode(slot);
        let folder = self.shared.folder.as_ref().filter(|_| mode != Mode::Off)?;
        let until = self.switch.until.load(Ordering::Relaxed);
        Some(TraceView {
            sim: slot.clone(),
            file: path_of(folder, slot).display().to_string(),
            texts: mode == Mode::Open,
            until: (until != 0).then(|| Timestamp::from_second(until).ok()).flatten(),
        })
    }

    /// Notes octets that were read, as far as their lines are whole; the rest waits in `held`. A modem may give an echoed PIN
    /// back octet by octet, and only a whole line shows what it is. A prompt is whole without an end.
    pub(crate) fn note_read(&self, slot: &RouteId, octets: &[u8], held: &mut Wiped, secrets: &Secrets) {
        let mode = self.mode(slot);
        if mode == Mode::Off {
            return held.clear(0);
        }
        held.extend_from_slice(octets);
        let whole = held.iter().rposition(|&octet| octet == b'\r' || octet == b'\n');
        let whole = match held.ends_with(b"\n> ") {
            true => held.len().checked_sub(1),
            false => whole,
        };
        let long = held.len().checked_sub(MOST_HELD);
        let Some(end) = whole.map(|end| end + 1).max(long) else {
            return;
        };
        let line = line(Way::Read, &secrets.hidden_in(&held[..end]), mode == Mode::Open);
        self.shared.pass(slot, line);
        held.drop_front(end);
    }

    /// Notes octets.
    pub(crate) fn note(&self, slot: &RouteId, way: Way, bytes: &[u8]) {
        let mode = self.mode(slot);
        if mode != Mode::Off {
            self.shared.pass(slot, line(way, bytes, mode == Mode::Open));
        }
    }

    /// How the slot is traced now. A trace whose time is over is switched off.
    fn mode(&self, slot: &RouteId) -> Mode {
        let mode = Mode::from_number(self.switch.mode.load(Ordering::Relaxed));
        if mode == Mode::Off {
            return mode;
        }
        let until = self.switch.until.load(Ordering::Relaxed);
        if until != 0 && Timestamp::now().as_second() >= until {
            self.switch_off(slot, "its time is over");
            return Mode::Off;
        }
        mode
    }

    fn switch_off(&self, slot: &RouteId, why: &str) {
        if self.switch.mode.swap(Mode::Off as u8, Ordering::Relaxed) != Mode::Off as u8 {
            self.shared.pass(slot, format!("(the trace ends: {why})\n"));
            tracing::warn!(modem = %slot, "what goes over the wire is no longer written down: {why}");
        }
    }
}

fn write_all(folder: &Path, pieces: &mpsc::Receiver<Piece>, lost: &AtomicU64) {
    let mut files = Files::new();
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
        if file.1 >= LARGEST_FILE {
            lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        file.1 += piece.line.len() as u64;
        if let Err(error) = write!(file.0, "{missed}{}", piece.line) {
            tracing::warn!(%error, modem = %piece.slot, "the wire trace cannot be written");
        }
    }
}

/// The files by slot, with the octets each has.
type Files = HashMap<RouteId, (File, u64)>;

fn file_of<'a>(files: &'a mut Files, folder: &Path, slot: &RouteId) -> Option<&'a mut (File, u64)> {
    if !files.contains_key(slot) {
        let path = path_of(folder, slot);
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        match opened.and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((length, file)) => files.insert(slot.clone(), (file, length)),
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
    let plain = Zeroizing::new(at::latin1(bytes));
    let shown = redact(&plain, texts);
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
        let upper = Zeroizing::new(piece.to_ascii_uppercase());
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

/// Replaces digits of numbers and PDUs by their count, and what stands in quotes by its length.
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
            long if long >= LONGEST_SHOWN && quoted => drop(write!(shown, "\"<{}>\"", long - 2)),
            long if long >= LONGEST_SHOWN => drop(write!(shown, "<{long}>")),
            _ => shown.push_str(run),
        }
    }
    shown.push_str(rest);
}

/// Commands whose arguments are secrets: PINs and passwords (TS 27.007 7.4, 7.5, 8.3), and raw access to the card.
pub(crate) const SECRETS: &[&str] = &["+CPIN=", "+CLCK=", "+CPWD=", "+CSIM=", "^CPIN=", "+CPIN2="];

/// Texts and runs of hex from this length on are shown by their length only. Memory names and error codes are shorter.
const LONGEST_SHOWN: usize = 8;

/// Octets of a line without end that are held back; longer than any command with a secret in it.
const MOST_HELD: usize = 256;

/// Octets after which a file takes no more: an evening of a busy modem. What is left out is counted as lost.
const LARGEST_FILE: u64 = 64 << 20;

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
        let (trace, pieces) = traced(Mode::Open);
        let mut held = Wiped::default();
        for octet in b"AT+CPIN=\"1234\"\r\r\nOK\r\n" {
            trace.note_read(&RouteId::new("one"), &[*octet], &mut held, &Secrets::default());
        }
        drop(trace);
        let shown: String = pieces.iter().map(|piece| piece.line).collect();
        assert!(shown.contains("+CPIN=***") && shown.contains("OK"), "{shown}");
        assert!(!shown.contains("1234"), "{shown}");
        assert!(held.is_empty());
    }

    #[test]
    fn a_pin_whose_echo_is_broken_is_not_shown_either() {
        let secrets = Secrets::of(b"AT+CPIN=\"1234\"\r");
        for broken in [
            &b"PIN=\"1234\"\r\r\nOK\r\n"[..],
            b"AT+CP\r\n+CREG: 1\r\nIN=\"1234\"\r\r\nOK\r\n",
            b"AT+CP\xffN=1234\r\n+CME ERROR: 1234\r\n",
        ] {
            let (trace, pieces) = traced(Mode::Open);
            trace.note_read(&RouteId::new("one"), broken, &mut Wiped::default(), &secrets);
            drop(trace);
            let shown: String = pieces.iter().map(|piece| piece.line).collect();
            assert!(shown.contains("***") && !shown.contains("1234"), "{shown}");
        }
    }

    #[test]
    fn texts_and_numbers_are_shown_by_length_unless_wanted() {
        let pdu = "0011000B910516898088F20000A701C1\u{1a}";
        assert_eq!(redact(pdu, false), "<32>\u{1a}");
        assert_eq!(redact(pdu, true), pdu);
        assert_eq!(
            redact("+CUSD: 0,\"Your PIN is 1234\",15\r\n", false),
            "+CUSD: 0,\"<16>\",15\r\n"
        );
        assert_eq!(redact("+CMTI: \"SM\",3\r\n", false), "+CMTI: \"SM\",3\r\n");
    }

    #[test]
    fn a_line_shows_what_is_not_printable() {
        let shown = line(Way::Read, b"\r\nOK\r\n\x00\xff", true);
        assert!(shown.ends_with(" < \\r\\nOK\\r\\n\\x00\\xff\n"), "{shown}");
    }

    #[test]
    fn a_prompt_is_noted_before_it_is_answered() {
        let (trace, pieces) = traced(Mode::Open);
        let mut held = Wiped::default();
        trace.note_read(&RouteId::new("one"), b"\r\n> ", &mut held, &Secrets::default());
        assert!(held.is_empty());
        drop(trace);
        assert!(pieces.iter().next().unwrap().line.ends_with(" < \\r\\n> \n"));
    }

    #[test]
    fn a_trace_ends_when_its_time_is_over_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new");
        let traces = Traces::into_folder(Some(&place), false, false);
        let (trace, slot) = (traces.of_slot(), RouteId::new("a/b"));
        trace.note(&slot, Way::Written, b"AT+NOTYET\r");
        assert!(trace.view(&slot).is_none() && !place.exists());
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(3600);
        trace
            .set(
                &slot,
                Some(TraceWish {
                    texts: true,
                    until: later,
                }),
            )
            .unwrap();
        trace.note(&slot, Way::Written, b"AT\r");
        let view = trace.view(&slot).unwrap();
        assert!(view.texts && view.file.ends_with("/new/a_b.trace") && view.until.is_some());
        let past = Timestamp::now() - jiff::SignedDuration::from_secs(1);
        trace
            .set(
                &slot,
                Some(TraceWish {
                    texts: true,
                    until: past,
                }),
            )
            .unwrap();
        trace.note(&slot, Way::Written, b"AT+TOOLATE\r");
        assert!(trace.view(&slot).is_none());
        let text = wait_for(&place.join("a_b.trace"), "its time is over");
        assert!(
            text.contains(" > AT\\r\n") && !text.contains("NOTYET") && !text.contains("TOOLATE"),
            "{text}"
        );
    }

    #[test]
    fn without_a_folder_nothing_is_switched_on() {
        let (trace, slot) = (Traces::default().of_slot(), RouteId::new("one"));
        let until = Timestamp::now() + jiff::SignedDuration::from_secs(3600);
        assert!(trace.set(&slot, Some(TraceWish { texts: false, until })).is_err());
        assert!(trace.view(&slot).is_none());
    }

    #[test]
    fn a_trace_ends_up_in_the_slots_file() {
        let folder = tempfile::tempdir().unwrap();
        let trace = Traces::into_folder(Some(folder.path()), true, true).of_slot();
        trace.note(&RouteId::new("a/b"), Way::Written, b"AT\r");
        let text = wait_for(&folder.path().join("a_b.trace"), "AT");
        assert!(text.contains(" > AT\\r"), "{text}");
    }

    /// A trace whose pieces come here.
    fn traced(mode: Mode) -> (Trace, mpsc::Receiver<Piece>) {
        let (writer, pieces) = mpsc::sync_channel(WAITING_PIECES);
        let trace = Trace::default();
        *trace.shared.writer.lock().unwrap() = Some(writer);
        trace.switch.mode.store(mode as u8, Ordering::Relaxed);
        (trace, pieces)
    }

    fn wait_for(file: &Path, words: &str) -> String {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if text.contains(words) {
                return text;
            }
            assert!(std::time::Instant::now() < deadline, "{words} is not written: {text}");
            thread::yield_now();
        }
    }
}
