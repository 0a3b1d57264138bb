//! Cuts the bytes of a port into lines and prompts.
//!
//! A line ends at CR or LF, whichever comes, so CR LF, CR CR LF, a lone CR and
//! a lone LF all serve; blank lines vanish. Two things need more care: the
//! prompt `> ` has no line end (TS 27.005 4.3), and a `+CUSD` text may contain
//! line breaks within its quotes (TS 27.007 7.15).

use std::mem;

use crate::Wiped;

/// Longest line handed out, in octets; the rest up to its end is dropped and
/// the line marked [`Line::cut`]. The longest honest lines are answers to
/// `+CLAC`, about three thousand octets.
pub const MAX_LINE: usize = 8 * 1024;

/// Longest quoted text with line breaks that is joined into one line, in
/// octets. A USSD string has at most 182 characters, 728 as UCS-2 hex.
pub const MAX_JOINED: usize = 2 * 1024;

/// Most octets kept unread; what comes on top is dropped and told by
/// [`Frame::Lost`]. A caller that drains after each `receive` never gets there.
pub const MAX_UNREAD: usize = 64 * 1024;

/// Buffers grown beyond this are given back once they are empty.
const KEEP_CAPACITY: usize = 4 * 1024;

/// Lines whose quoted text may hold line breaks.
const JOINED_PREFIXES: [&[u8]; 1] = [b"+CUSD:"];

/// Bytes in, frames out.
#[derive(Debug, Default)]
pub struct Framer {
    /// What has been received and not handed out yet, from `start` on; wiped once it was handed out.
    bytes: Wiped,
    /// Where the next line starts.
    start: usize,
    /// Up to here no line end was found, so nobody looks again.
    scanned: usize,
    /// Before this position lines are not joined any more: silence or size
    /// showed that the quote will not be closed.
    unjoined: usize,
    /// The line end up to which the quote at `start` is known to be open, so
    /// that octets that trickle in do not cost a look at all of them each.
    open: usize,
    /// Inside the tail of an over-long line, up to its end.
    skipping: bool,
    /// The last thing handed out was a prompt; its blank is still to come.
    after_prompt: bool,
    /// Octets dropped since the last [`Frame::Lost`].
    lost: usize,
}

/// One thing that the modem said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A line without its line end.
    Line(Line<'a>),
    /// `> `: the modem waits for a PDU or a text.
    Prompt,
    /// So many octets were dropped because nobody drained the framer.
    Lost(usize),
}

/// A line, never empty, without CR and LF at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its octets as they came. A joined `+CUSD` text keeps its line breaks.
    pub bytes: &'a [u8],
    /// It was longer than [`MAX_LINE`].
    pub cut: bool,
}

/// A frame by position, before it is handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    Line { from: usize, to: usize, cut: bool },
    Prompt,
    Lost(usize),
}

impl Framer {
    /// Takes what was read from the port.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.reclaim();
        let room = MAX_UNREAD.saturating_sub(self.bytes.len());
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        self.lost += bytes.len() - taken;
    }

    /// The next frame, or nothing until more bytes come.
    ///
    /// `prompt_awaited` says whether a command that is answered by a prompt is
    /// open. Only then does `>` at the start of a line count at once; otherwise
    /// it is a prompt only when it stands alone on its line.
    pub fn next(&mut self, prompt_awaited: bool) -> Option<Frame<'_>> {
        Some(match self.advance(prompt_awaited)? {
            Cut::Prompt => Frame::Prompt,
            Cut::Lost(octets) => Frame::Lost(octets),
            Cut::Line { from, to, cut } => Frame::Line(Line {
                bytes: self.slice(from, to),
                cut,
            }),
        })
    }

    /// What stands at a [`Cut`], until the next `receive`.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &[u8] {
        &self.bytes[from..to]
    }

    /// Whether bytes wait for their line end, so that the owner of the clock
    /// should call [`flush`](Self::flush) after a silence.
    pub fn is_partial(&self) -> bool {
        self.start < self.bytes.len()
    }

    /// Gives up waiting for a line end: the modem has fallen silent.
    ///
    /// What is left comes out of [`next`](Self::next) as if a line end followed,
    /// and a quoted text that was never closed comes out line by line.
    pub fn flush(&mut self) {
        if !self.is_partial() {
            return;
        }
        self.bytes.extend_from_slice(b"\r");
        self.unjoined = self.bytes.len();
    }

    /// Forgets everything, as after opening a port.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Finds the next frame and steps over it.
    pub(crate) fn advance(&mut self, prompt_awaited: bool) -> Option<Cut> {
        let cut = self.find(prompt_awaited);
        if cut.is_none() {
            self.reclaim();
        }
        cut
    }

    fn find(&mut self, prompt_awaited: bool) -> Option<Cut> {
        loop {
            if self.skipping && !self.skip_tail() {
                return self.told_lost();
            }
            self.skip_line_ends();
            if self.takes_prompt(prompt_awaited) {
                return Some(Cut::Prompt);
            }
            let Some((from, to, cut)) = self.cut_line() else {
                return self.told_lost();
            };
            let (from, to) = self.clean(from, to);
            match &self.bytes[from..to] {
                [] | b"+" => continue,
                b">" | b"> " => return Some(Cut::Prompt),
                _ => return Some(Cut::Line { from, to, cut }),
            }
        }
    }

    fn told_lost(&mut self) -> Option<Cut> {
        (self.lost > 0).then(|| Cut::Lost(mem::take(&mut self.lost)))
    }

    /// Steps over line ends and the padding that stands before lines.
    fn skip_line_ends(&mut self) {
        while let Some(&byte) = self.bytes.get(self.start) {
            let blank_of_prompt = self.after_prompt && byte == b' ';
            if !is_line_end(byte) && byte != 0 && !blank_of_prompt {
                self.after_prompt = false;
                break;
            }
            self.after_prompt = false;
            self.start += 1;
        }
        self.scanned = self.scanned.max(self.start);
    }

    /// Steps to the end of an over-long line; false while it has not come.
    fn skip_tail(&mut self) -> bool {
        let tail = &self.bytes[self.start..];
        let Some(end) = tail.iter().position(|&byte| is_line_end(byte)) else {
            self.start = self.bytes.len();
            return false;
        };
        self.start += end;
        self.skipping = false;
        true
    }

    /// Takes the prompt at the start of a line, with or without its blank.
    fn takes_prompt(&mut self, awaited: bool) -> bool {
        if !awaited || self.bytes.get(self.start) != Some(&b'>') {
            return false;
        }
        self.start += 1;
        self.after_prompt = true;
        true
    }

    /// Cuts off the next whole line, or the head of one that is too long.
    fn cut_line(&mut self) -> Option<(usize, usize, bool)> {
        let from = self.start;
        let mut to = self.line_end(self.scanned.max(from));
        if let Some(first) = to
            && from >= self.unjoined
            && (self.open > from || is_open(&self.bytes[from..first]))
        {
            to = Some(self.joined_end(from, first)?);
        }
        let limit = from + MAX_LINE;
        if to.unwrap_or(self.bytes.len()) > limit {
            self.start = limit;
            self.skipping = true;
            return Some((from, limit, true));
        }
        let Some(to) = to else {
            self.scanned = self.bytes.len();
            return None;
        };
        self.start = to + 1;
        Some((from, to, false))
    }

    /// Where the line with line breaks in its quotes ends; its first line when
    /// that quote is never closed, nothing while that is open.
    fn joined_end(&mut self, from: usize, first: usize) -> Option<usize> {
        let mut end = first.max(self.open);
        while let Some(next) = self.line_end(end + 1) {
            if next - from > MAX_JOINED {
                break;
            }
            if is_result(&self.bytes[end + 1..next]) {
                self.unjoined = end;
                return Some(first);
            }
            end = next;
            self.open = end;
            if !is_open(&self.bytes[from..end]) {
                return Some(end);
            }
        }
        if self.bytes.len() - from <= MAX_JOINED {
            return None;
        }
        self.unjoined = from + MAX_JOINED;
        Some(first)
    }

    fn line_end(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        let found = rest.iter().position(|&byte| is_line_end(byte))?;
        Some(from + found)
    }

    /// Takes off control octets around a line, and NULs between its quotes.
    ///
    /// A NUL inside quotes stays: it is `@` where a modem passes the GSM
    /// alphabet through.
    fn clean(&mut self, mut from: usize, mut to: usize) -> (usize, usize) {
        while from < to && is_padding(self.bytes[from]) {
            from += 1;
        }
        while to > from && is_padding(self.bytes[to - 1]) {
            to -= 1;
        }
        if !self.bytes[from..to].contains(&0) {
            return (from, to);
        }
        let mut kept = from;
        let mut quoted = false;
        for at in from..to {
            let byte = self.bytes[at];
            quoted ^= byte == b'"';
            if byte != 0 || quoted {
                self.bytes[kept] = byte;
                kept += 1;
            }
        }
        self.bytes[kept..to].fill(0);
        (from, kept)
    }

    /// Moves what is unread to the front of the buffer.
    fn reclaim(&mut self) {
        if self.start == 0 {
            return;
        }
        self.bytes.drop_front(self.start);
        self.scanned = self.scanned.saturating_sub(self.start);
        self.unjoined = self.unjoined.saturating_sub(self.start);
        self.open = self.open.saturating_sub(self.start);
        self.start = 0;
        if self.bytes.is_empty() {
            self.bytes.clear(KEEP_CAPACITY);
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\r' || byte == b'\n'
}

/// Control octets have no business at the ends of a line. Ctrl-Z and ESC come
/// back as echo.
fn is_padding(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7F
}

/// Whether a line begins like a result, `+CMTI:`, which no text does: then the
/// quote before it was lost.
fn is_result(line: &[u8]) -> bool {
    let name = line.strip_prefix(b"+").unwrap_or_default();
    let letters = name.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    letters > 2 && name.get(letters) == Some(&b':')
}

/// Whether the line's quoted text goes on behind the line break.
///
/// Texts hold quotes of their own, so a closing quote is one followed by a
/// data coding scheme, or the last of an even number.
fn is_open(line: &[u8]) -> bool {
    let joined = JOINED_PREFIXES.iter().find(|&&name| line.starts_with(name));
    let Some(name) = joined else { return false };
    let rest = &line[name.len()..];
    let Some(comma) = rest.iter().position(|&byte| byte == b',') else {
        return false;
    };
    let text = rest[comma + 1..].trim_ascii();
    if text.first() != Some(&b'"') {
        return false;
    }
    let without_dcs = text.trim_ascii_end();
    let digits = without_dcs.iter().rev().take_while(|b| b.is_ascii_digit());
    let head = without_dcs[..without_dcs.len() - digits.count()].trim_ascii_end();
    if head.len() < without_dcs.len() && head.last() == Some(&b',') {
        let before = head[..head.len() - 1].trim_ascii_end();
        if before.len() > 1 && before.last() == Some(&b'"') {
            return false;
        }
    }
    let quotes = text.iter().filter(|&&byte| byte == b'"').count();
    text.last() != Some(&b'"') || quotes % 2 == 1
}
