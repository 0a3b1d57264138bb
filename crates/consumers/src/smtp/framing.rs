//! Octets to command lines and mails.
//!
//! A command ends at a line feed, with or without a carriage return before it: some devices leave it out. The end of a
//! mail is another matter: whoever takes `LF.LF` or `CR.CR` for the end, where others do not, can be made to see a second
//! mail inside of the first one. So it is `CRLF.CRLF` and nothing else, unless the configuration says that devices which
//! know no better come here alone.

/// Command lines out of octets as they come.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: Vec<u8>,
    /// How far it is known to hold no line feed.
    looked: usize,
    /// The line that is coming is too long already; its rest is dropped.
    overlong: bool,
}

/// A command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// With its end.
    Whole(Vec<u8>),
    /// It was longer than [`LINE_MOST`], and is gone.
    TooLong,
}

impl Lines {
    /// Takes octets.
    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.waiting.extend_from_slice(octets);
    }

    /// The next line, where one is complete.
    pub(super) fn next(&mut self) -> Option<Line> {
        let end = self.waiting[self.looked..].iter().position(|octet| *octet == b'\n');
        let Some(end) = end.map(|end| self.looked + end) else {
            self.looked = self.waiting.len();
            if self.waiting.len() > LINE_MOST {
                self.clear();
                self.overlong = true;
            }
            return None;
        };
        let line: Vec<u8> = self.waiting.drain(..=end).collect();
        self.looked = 0;
        let too_long = std::mem::take(&mut self.overlong) || line.len() > LINE_MOST;
        Some(if too_long { Line::TooLong } else { Line::Whole(line) })
    }

    /// Everything that came and is no line yet.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        self.looked = 0;
        std::mem::take(&mut self.waiting)
    }

    /// Forgets everything that came.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.looked = 0;
        self.overlong = false;
    }
}

/// A mail out of the octets after `DATA`, up to its end, without the dots that were put before its own.
#[derive(Debug)]
pub(super) struct Data {
    mail: Vec<u8>,
    most: usize,
    bare_lf: bool,
    state: State,
    length: usize,
}

/// What came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A line's end, or nothing.
    Start,
    /// A dot at a line's start.
    Dot,
    /// And a carriage return.
    DotCr,
    /// A carriage return.
    Cr,
    /// Anything else.
    Middle,
}

impl Data {
    /// A mail of at most `most` octets. `bare_lf`: a line feed alone ends a line, so that `LF.LF` ends the mail.
    pub(super) fn new(most: usize, bare_lf: bool) -> Self {
        Self {
            mail: Vec::new(),
            most,
            bare_lf,
            state: State::Start,
            length: 0,
        }
    }

    /// Takes octets. Where the mail ends among them: how many of them are the mail's and its end's.
    pub(super) fn feed(&mut self, octets: &[u8]) -> Option<usize> {
        for (place, octet) in octets.iter().enumerate() {
            if self.step(*octet) {
                return Some(place + 1);
            }
        }
        None
    }

    /// Whether it is longer than it may be; then the end is still looked for, and the rest is not kept.
    pub(super) fn is_too_long(&self) -> bool {
        self.length > self.most
    }

    /// How much of it is held.
    pub(super) fn held(&self) -> usize {
        self.mail.len()
    }

    /// Holds no more of it.
    pub(super) fn drop_it(&mut self) {
        self.most = 0;
        self.length = self.length.max(1);
        self.mail = Vec::new();
    }

    /// The mail.
    pub(super) fn into_mail(self) -> Vec<u8> {
        self.mail
    }

    /// Whether the mail ends with this octet.
    fn step(&mut self, octet: u8) -> bool {
        self.state = match (self.state, octet) {
            (State::Start, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => return true,
            (State::Dot, b'\n') if self.bare_lf => return true,
            (State::DotCr, _) => {
                self.keep(b'\r');
                self.plain(State::Cr, octet)
            }
            (before, _) => self.plain(before, octet),
        };
        false
    }

    fn plain(&mut self, before: State, octet: u8) -> State {
        self.keep(octet);
        match octet {
            b'\r' => State::Cr,
            b'\n' if before == State::Cr || self.bare_lf => State::Start,
            _ => State::Middle,
        }
    }

    fn keep(&mut self, octet: u8) {
        self.length = self.length.saturating_add(1);
        if self.length > self.most {
            self.mail = Vec::new();
        } else {
            self.mail.push(octet);
        }
    }
}

/// The longest command line, its end included. RFC 5321 4.5.3.1.4 wants 512, and what extensions add.
pub(super) const LINE_MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Option<Line> {
        Some(Line::Whole(text.as_bytes().to_vec()))
    }

    #[test]
    fn lines_come_in_pieces_and_several_at_once() {
        let mut lines = Lines::default();
        lines.feed(b"EHLO");
        assert_eq!(lines.next(), None);
        lines.feed(b" x\r\nRSET\nQU");
        assert_eq!(lines.next(), whole("EHLO x\r\n"));
        assert_eq!(lines.next(), whole("RSET\n"));
        assert_eq!(lines.next(), None);
        assert_eq!(lines.take_rest(), b"QU");
    }

    #[test]
    fn an_endless_line_takes_no_room_and_the_next_one_counts() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.feed(&[b'x'; 1000]);
            assert_eq!(lines.next(), None);
            assert!(lines.waiting.len() <= LINE_MOST + 1000);
        }
        lines.feed(b"x\r\nNOOP\r\n");
        assert_eq!(lines.next(), Some(Line::TooLong));
        assert_eq!(lines.next(), whole("NOOP\r\n"));
    }

    fn mail(octets: &[u8], bare_lf: bool) -> Option<(Vec<u8>, usize)> {
        let mut data = Data::new(1000, bare_lf);
        let end = data.feed(octets)?;
        Some((data.into_mail(), end))
    }

    #[test]
    fn a_mail_ends_at_a_dot_alone_on_its_line() {
        assert_eq!(mail(b".\r\n", false), Some((b"".to_vec(), 3)));
        assert_eq!(mail(b"a\r\n.\r\nQUIT", false), Some((b"a\r\n".to_vec(), 6)));
        assert_eq!(mail(b"..a\r\n..\r\n.b\r\n.\r\n", false).unwrap().0, b".a\r\n.\r\nb\r\n");
        assert_eq!(mail(b"a\r\r\n.\r\n", false).unwrap().0, b"a\r\r\n");
    }

    #[test]
    fn nothing_else_is_the_end_of_a_mail() {
        for inside in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\n",
            "\r\n.\r\r\n",
            "\r\n.\rx\r\n",
        ] {
            let octets = format!("a{inside}MAIL FROM:<x>\r\n.\r\n");
            let (_, end) = mail(octets.as_bytes(), false).unwrap();
            assert_eq!(end, octets.len(), "{inside:?}");
        }
    }

    #[test]
    fn devices_that_know_no_better_may_end_it_with_line_feeds() {
        assert_eq!(mail(b"a\n.\n", true), Some((b"a\n".to_vec(), 4)));
        assert_eq!(mail(b"a\r\n.\r\n", true), Some((b"a\r\n".to_vec(), 6)));
        assert_eq!(mail(b"a\n.\r\n", true), Some((b"a\n".to_vec(), 5)));
    }

    #[test]
    fn what_is_too_long_is_not_held_and_still_ends() {
        let mut data = Data::new(4, false);
        assert_eq!(data.feed(b"abcdefg\r\n.\r\n"), Some(12));
        assert!(data.is_too_long() && data.held() == 0);
        let mut data = Data::new(3, false);
        assert_eq!(data.feed(b"a\r\n.\r\n"), Some(6));
        assert!(!data.is_too_long());
    }

    proptest! {
        #[test]
        fn what_was_stuffed_comes_out_as_it_was(text in "[a.\r\n]{0,40}", cut in 0_usize..60) {
            let text = text.replace('\r', "").replace('\n', "\r\n");
            let mut wire: String = text.split_inclusive("\r\n").map(|line| {
                if line.starts_with('.') { format!(".{line}") } else { line.to_owned() }
            }).collect();
            let ended = wire.is_empty() || wire.ends_with("\r\n");
            wire.push_str(if ended { ".\r\n" } else { "\r\n.\r\n" });
            let mut data = Data::new(1000, false);
            let (first, second) = wire.as_bytes().split_at(cut.min(wire.len()));
            let end = data.feed(first).or_else(|| data.feed(second));
            prop_assert!(end.is_some());
            let expected = if ended { text } else { text + "\r\n" };
            prop_assert_eq!(String::from_utf8(data.into_mail()).unwrap(), expected);
        }
    }
}
