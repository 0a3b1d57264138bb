//! A modem that answers as a wire trace of the gateway has it.
//!
//! A [`Script`] is the trace, a value: what a client writes goes in, what the modem said then comes out. [`Replay`] plays it
//! on a pseudo-terminal. So a trace that a customer sends becomes a modem on the desk.
//!
//! The client need not write just what was written then. Each of its commands is looked for in the trace, from where the last
//! one was found on, then from the start, and then one that differs in what it sets or sends only. One that was never written
//! is answered by a generic modem ([`StandIn`]): a trace that was begun while a modem was at work has no set-up, and a client
//! needs one. What a trace shows by its length only stands for anything a client may write, and is played as zeros.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use crate::Error;
use crate::port::Port;
use crate::stand_in::StandIn;

/// What was written and what was read, in order.
#[derive(Debug)]
pub struct Script {
    turns: Vec<Turn>,
    /// The turn after the one that was played last.
    next: usize,
    /// What the client wrote of a command that is not whole.
    unread: Vec<u8>,
    /// Answers what is not in the trace.
    stand_in: StandIn,
}

/// One command and what followed it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    /// With its last octet: a carriage return, Ctrl-Z or Escape.
    written: String,
    read: Vec<u8>,
}

/// A script on a pseudo-terminal; it ends with this value.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Script {
    /// Reads a trace: lines of a time, `>` or `<`, and octets with escapes. Others are passed over.
    ///
    /// # Errors
    /// Nothing in it was written to a modem.
    pub fn parse(trace: &str) -> Result<Self, Error> {
        let mut turns: Vec<Turn> = Vec::new();
        for line in trace.lines() {
            let mut parts = line.splitn(3, ' ');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(_), Some(">"), Some(text)) => turns.extend(commands(&unescaped(text))),
                (Some(_), Some("<"), Some(text)) => {
                    // What a modem said before it was asked anything answers nothing.
                    let Some(turn) = turns.last_mut() else { continue };
                    turn.read.extend(latin1(&filled(&unescaped(text))));
                }
                _ => {}
            }
        }
        match turns.is_empty() {
            true => Err(Error::NoTrace),
            false => Ok(Self {
                turns,
                next: 0,
                unread: Vec::new(),
                stand_in: StandIn::new(),
            }),
        }
    }

    /// What the client wrote; what the modem says to it.
    pub fn hear(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        for octet in octets {
            self.unread.push(*octet);
            if ENDS.contains(&char::from(*octet)) {
                let command = std::mem::take(&mut self.unread);
                said.extend(self.answer(&text(&command)));
            }
        }
        said
    }

    fn answer(&mut self, command: &str) -> Vec<u8> {
        if self.stand_in.is_at_prompt() {
            return self.stand_in.answer(&latin1(command));
        }
        let found = self.find(|turn| fits(&turn.written, command));
        if let Some(place) = found.or_else(|| self.find(|turn| is_alike(&turn.written, command))) {
            self.next = place + 1;
            return self.turns[place].read.clone();
        }
        match command.chars().next_back() {
            // The trace gave the prompt for it, and does not tell what came of it.
            Some('\u{1a}') => b"\r\nERROR\r\n".to_vec(),
            // Nobody waited for it.
            Some('\u{1b}') => Vec::new(),
            _ => self.stand_in.answer(&latin1(command)),
        }
    }

    /// The next turn of this kind, or else the first.
    fn find(&self, wanted: impl Fn(&Turn) -> bool) -> Option<usize> {
        let after = self.turns[self.next..].iter().position(&wanted);
        let after = after.map(|place| place + self.next);
        after.or_else(|| self.turns.iter().position(&wanted))
    }
}

impl Replay {
    /// Plays a trace at a fresh pseudo-terminal that `link` names.
    ///
    /// # Errors
    /// The trace cannot be read, or no pseudo-terminal can be had.
    pub fn start(trace: &Path, link: &Path) -> Result<Self, Error> {
        let script = Script::parse(&String::from_utf8_lossy(&fs::read(trace)?))?;
        let watcher = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK);
        let watcher = watcher.map_err(io::Error::from)?;
        let port = Port::open(link, watcher.as_fd())?;
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let mut player = Player { port, script };
        let play = move || {
            while !ends.load(Ordering::Relaxed) {
                if let Err(error) = turn(&watcher, &mut player) {
                    return eprintln!("the replay ends: {error}");
                }
            }
        };
        let thread = std::thread::Builder::new().name("replay".into()).spawn(play)?;
        Ok(Self {
            path: link.into(),
            over,
            thread: Some(thread),
        })
    }

    /// The symlink to the line.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by then.
            let _ = thread.join();
        }
    }
}

struct Player {
    port: Port,
    script: Script,
}

/// Waits a moment for the client and answers it.
fn turn(watcher: &std::os::fd::OwnedFd, player: &mut Player) -> io::Result<()> {
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: TICK_NS,
    };
    let (heard, changed) = {
        let master = player.port.master();
        let mut polled = [PollFd::new(&master, PollFlags::IN), PollFd::new(watcher, PollFlags::IN)];
        poll(&mut polled, Some(&tick))?;
        let ready = |place: usize| polled[place].revents().contains(PollFlags::IN);
        (ready(0), ready(1))
    };
    if changed && was_closed(watcher) {
        // A line that cannot be looked after can still be read.
        let _ = player.port.closed_by_someone(watcher.as_fd());
        player.script.unread.clear();
    }
    if heard {
        let mut buffer = [0; 4096];
        let octets = player.port.read(&mut buffer);
        let mut said = player.script.hear(&buffer[..octets]);
        while !said.is_empty() {
            let written = player.port.write(&said)?;
            said.drain(..written);
            if written == 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
    Ok(())
}

/// Whether someone closed the line since this was asked last.
fn was_closed(watcher: &std::os::fd::OwnedFd) -> bool {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(watcher, &mut buffer);
    let mut closed = false;
    while let Ok(event) = reader.next() {
        closed |= event
            .events()
            .intersects(inotify::ReadFlags::CLOSE_WRITE | inotify::ReadFlags::CLOSE_NOWRITE);
        if reader.is_buffer_empty() {
            break;
        }
    }
    closed
}

/// The commands in what was written in one go, each with nothing said to it yet.
fn commands(written: &str) -> Vec<Turn> {
    let turn = |written: &str| Turn {
        written: written.to_owned(),
        read: Vec::new(),
    };
    written.split_inclusive(ENDS).map(turn).collect()
}

/// Whether a command may be the one that was written, of which some was shown by its length only.
fn fits(written: &str, command: &str) -> bool {
    let mut pieces = known(written).into_iter();
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = command.strip_prefix(first.as_str()) else {
        return false;
    };
    let mut open = false;
    for piece in pieces {
        let Some(place) = rest.find(piece.as_str()) else {
            return false;
        };
        rest = &rest[place + piece.len()..];
        open = piece.is_empty();
    }
    open || rest.is_empty()
}

/// Whether two commands are the same but for what is set or sent: another number, another length, another message.
fn is_alike(written: &str, command: &str) -> bool {
    let name = |text: &str| match text.strip_suffix('\u{1a}') {
        Some(_message) => Some(String::from("\u{1a}")),
        None => text.split_once('=').map(|(name, _)| name.to_owned()),
    };
    !command.contains("=?") && !written.contains("=?") && name(command).is_some() && name(written) == name(command)
}

/// What of a text is shown as it was, between what is not.
fn known(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some((_, after)) = hidden(rest) {
            pieces.push(String::new());
            rest = after;
            continue;
        }
        if let Some(last) = pieces.last_mut() {
            last.push(letter);
        }
        rest = &rest[letter.len_utf8()..];
    }
    pieces
}

/// Zeros for what is not shown.
fn filled(text: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some((length, after)) = hidden(rest) {
            filled.extend(std::iter::repeat_n('0', length));
            rest = after;
            continue;
        }
        filled.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    filled
}

/// What is hidden at the start of a text, by its length, and what follows it: `<32>`, or `***` for a secret.
fn hidden(text: &str) -> Option<(usize, &str)> {
    if let Some(after) = text.strip_prefix("***") {
        return Some((4, after));
    }
    let (length, after) = text.strip_prefix('<')?.split_once('>')?;
    let length: usize = length.parse().ok().filter(|length| *length <= MOST_HIDDEN)?;
    Some((length, after))
}

/// Takes the escapes of a trace out: `\r`, `\n`, `\\`, `\x1a`.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let hex = escape.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (letter, length) = match (escape.chars().next(), hex) {
            (Some('r'), _) => ('\r', 1),
            (Some('n'), _) => ('\n', 1),
            (Some('x'), Some(octet)) => (char::from(octet), 3),
            (Some(other), _) => (other, other.len_utf8()),
            (None, _) => break,
        };
        plain.push(letter);
        rest = &escape[length..];
    }
    plain + rest.trim_end_matches('\\')
}

/// Octets as the letters of their numbers, and back.
fn text(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

/// What ends a command: a line, a message, or the wish to send none.
const ENDS: &[char] = &['\r', '\u{1a}', '\u{1b}'];

/// More is hidden by nobody.
const MOST_HIDDEN: usize = 4096;

/// How often it is looked whether it is over.
const TICK_NS: i64 = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "2026-11-22T10:00:00.000Z < \\r\\n^BOOT:1\\r\\n\n\
        2026-11-22T10:00:00.100Z > AT\\r\n\
        2026-11-22T10:00:00.101Z < AT\\r\\r\\nOK\\r\\n\n\
        (3 lines of the trace were lost)\n\
        2026-11-22T10:00:00.200Z > AT+CREG?\\r\n\
        2026-11-22T10:00:00.201Z < \\r\\n+CREG: 2,2\\r\\n\\r\\nOK\\r\\n\n\
        2026-11-22T10:00:01.200Z > AT+CREG?\\r\n\
        2026-11-22T10:00:01.201Z < \\r\\n+CREG: 2,1\\r\\n\\r\\nOK\\r\\n\n\
        2026-11-22T10:00:02.200Z > AT+CMGS=20\\r\n\
        2026-11-22T10:00:02.201Z < \\r\\n> \n\
        2026-11-22T10:00:02.202Z > <42>\\x1a\n\
        2026-11-22T10:00:02.203Z < \\r\\n+CMGS: 7\\r\\n\\r\\nOK\\r\\n\n\
        2026-11-22T10:00:03.000Z > AT+CPIN=***\\r\n\
        2026-11-22T10:00:03.001Z < \\r\\nOK\\r\\n\n\
        2026-11-22T10:00:03.100Z > AT+CGSN\\r\n\
        2026-11-22T10:00:03.101Z < \\r\\n<15>\\r\\n\\r\\nOK\\r\\n\n";

    #[test]
    fn a_trace_answers_as_the_modem_did() {
        let mut script = Script::parse(TRACE).unwrap();
        let mut said = |written: &str| text(&script.hear(written.as_bytes()));
        assert_eq!(said("AT\r"), "AT\r\r\nOK\r\n");
        assert_eq!(said("AT+CREG?\r"), "\r\n+CREG: 2,2\r\n\r\nOK\r\n");
        assert_eq!(said("AT+CRE"), "");
        assert_eq!(said("G?\r"), "\r\n+CREG: 2,1\r\n\r\nOK\r\n");
        assert_eq!(said("AT+CMGS=20\r"), "\r\n> ");
        assert_eq!(said("0011000B91\u{1a}"), "\r\n+CMGS: 7\r\n\r\nOK\r\n");
        assert_eq!(said("AT+CPIN=\"1234\"\r"), "\r\nOK\r\n");
        assert_eq!(said("AT+CGSN\r"), "\r\n000000000000000\r\n\r\nOK\r\n");
        // Another message, from the start again, and what no modem knows.
        assert_eq!(said("AT+CMGS=140\r"), "\r\n> ");
        assert_eq!(said("AT+CREG?\r"), "\r\n+CREG: 2,2\r\n\r\nOK\r\n");
        assert_eq!(said("AT+NEVER\r"), "\r\nERROR\r\n");
    }

    #[test]
    fn what_a_trace_lacks_is_answered_as_by_any_modem() {
        let running = "2026-11-22T10:00:00.200Z > AT+CSQ\\r\n\
            2026-11-22T10:00:00.201Z < \\r\\n+CSQ: 5,99\\r\\n\\r\\nOK\\r\\n\n\
            2026-11-22T10:00:02.200Z > AT+CMGR=3\\r\n\
            2026-11-22T10:00:02.201Z < \\r\\n+CMS ERROR: 500\\r\\n\n";
        let mut script = Script::parse(running).unwrap();
        let mut said = |written: &str| text(&script.hear(written.as_bytes()));
        assert_eq!(said("\u{1b}AT\r"), "\r\nOK\r\n");
        assert_eq!(said("ATE0\r"), "\r\nOK\r\n");
        assert_eq!(said("AT+CPIN?\r"), "\r\n+CPIN: READY\r\n\r\nOK\r\n");
        assert!(said("AT+CREG?\r").contains("+CREG: 0,1"), "at home");
        assert!(said("AT+CGSN\r").contains("86"), "an IMEI");
        assert_eq!(said("AT+CSQ\r"), "\r\n+CSQ: 5,99\r\n\r\nOK\r\n", "the trace goes first");
        assert_eq!(said("AT+CMGR=4\r"), "\r\n+CMS ERROR: 500\r\n", "with its faults");
        // A message that the trace has no like of.
        assert_eq!(said("AT+CMGF=0\r"), "\r\nOK\r\n");
        assert_eq!(said("AT+CMGS=15\r"), "\r\n> ");
        let sent = said("0011000B911771325476F80000AA01C1\u{1a}");
        assert!(sent.contains("+CMGS: ") && sent.ends_with("\r\nOK\r\n"), "{sent:?}");
        assert_eq!(said("AT\r"), "\r\nOK\r\n");
    }

    #[test]
    fn what_is_hidden_stands_for_anything() {
        for (written, command, fit) in [
            ("AT\r", "AT\r", true),
            ("AT\r", "ATI\r", false),
            ("<42>\u{1a}", "00\u{1a}", true),
            ("AT+CUSD=1,\"<13>\",15\r", "AT+CUSD=1,\"*100#\",15\r", true),
            ("AT+CUSD=1,\"<13>\",15\r", "AT+CUSD=2\r", false),
            ("AT+CPIN=***\r", "AT+CPIN=\"0000\"\r", true),
            ("AT+CPIN=***\r", "AT+CPIN?\r", false),
        ] {
            assert_eq!(fits(written, command), fit, "{written:?} {command:?}");
        }
    }

    #[test]
    fn what_is_no_trace_is_refused_and_nothing_panics() {
        assert!(Script::parse("").is_err() && Script::parse("a < b\nfoo").is_err());
        for odd in [
            "t > \\",
            "t > \\x",
            "t > \\xzz\\q",
            "t > <",
            "t > <99999999999999999999>\\r",
            "t > <9>ä\\xff\\r",
        ] {
            let Ok(mut script) = Script::parse(odd) else { continue };
            script.hear(b"AT\r\x1a\x1b\xff\r");
        }
    }
}
