//! Answers to commands: the lines in between, and readers for them.
//!
//! A reader of one line takes the line; one of a whole answer takes the
//! [`Reply`]. All are total: they tell which field of which result they missed,
//! and take quotes, blanks, leading zeros and missing tails as modems have them.

mod call;
mod clock;
mod identity;
mod message;
mod network;
mod operator;
mod pin;
mod registration;
mod settings;
mod signal;
mod storage;
mod ussd;

pub use call::*;
pub use clock::cclk;
pub use identity::*;
pub use message::*;
pub use network::*;
pub use operator::*;
pub use pin::*;
pub use registration::*;
pub use settings::*;
pub use signal::*;
pub use storage::*;
pub use ussd::*;

use clock::timestamp;

pub(crate) use registration::is_solicited_registration;

use crate::Wiped;
use crate::fields::Fields;

/// The lines of an answer, in one buffer that is used again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Wiped with each answer: what came may have been the broken echo of a PIN.
    text: Wiped,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
    /// Lines that did not fit.
    dropped: usize,
}

/// A result that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Which result, as its command names it.
    pub reply: &'static str,
    /// Which of its fields is missing or wrong; `name` when the line is another
    /// result altogether.
    pub field: &'static str,
}

/// Most octets that an answer may have. A list of 255 stored messages has about
/// 90 kB.
pub const MAX_REPLY: usize = 128 * 1024;

/// A buffer grown beyond this is given back by [`Reply::clear`].
const KEEP_CAPACITY: usize = 4 * 1024;

impl Reply {
    /// Adds a line; one that would go beyond [`MAX_REPLY`] is dropped and counted.
    pub fn push(&mut self, line: &[u8]) {
        if self.text.len() + line.len() > MAX_REPLY || self.ends.len() >= MAX_REPLY / 8 {
            self.dropped += 1;
            return;
        }
        self.text.extend_from_slice(line);
        self.ends.push(self.text.len());
    }

    /// Empties it for the next answer.
    pub fn clear(&mut self) {
        self.text.clear(KEEP_CAPACITY);
        self.ends.clear();
        self.dropped = 0;
        self.ends.shrink_to(KEEP_CAPACITY / 8);
    }

    /// The lines as they came.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(self.ends.iter().copied());
        spans.map(|(from, to)| &self.text[from..to])
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there was none but the final result.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many lines did not fit.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// What a reader makes of the first line that it can read.
    ///
    /// # Errors
    /// What it missed in the line that came closest, or [`Malformed::NOTHING`].
    pub fn find<T>(&self, read: impl Fn(&[u8]) -> Result<T, Malformed>) -> Result<T, Malformed> {
        let mut missed = Malformed::NOTHING;
        for line in self.lines() {
            match read(line) {
                Ok(value) => return Ok(value),
                Err(error) if error.field != "name" || missed == Malformed::NOTHING => missed = error,
                Err(_) => {}
            }
        }
        Err(missed)
    }

    /// What a reader makes of every line that it can read.
    pub fn all<T>(&self, read: impl Fn(&[u8]) -> Result<T, Malformed>) -> Vec<T> {
        self.lines().filter_map(|line| read(line).ok()).collect()
    }
}

impl<'a> FromIterator<&'a [u8]> for Reply {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(lines: I) -> Self {
        let mut reply = Self::default();
        lines.into_iter().for_each(|line| reply.push(line));
        reply
    }
}

impl Malformed {
    /// The answer had no line at all.
    pub const NOTHING: Self = Self {
        reply: "answer",
        field: "line",
    };

    const fn of(reply: &'static str, field: &'static str) -> Self {
        Self { reply, field }
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: no usable {}", self.reply, self.field)
    }
}

impl std::error::Error for Malformed {}

/// The fields of a line of this name.
fn named<'a>(line: &'a [u8], name: &'static str) -> Result<Fields<'a>, Malformed> {
    Fields::after(line, name).ok_or(Malformed::of(name, "name"))
}

/// Names of the results that have a reader here.
pub const NAMES: &[&str] = &[
    "+CREG",
    "+CGREG",
    "+CEREG",
    "+C5GREG",
    "+COPS",
    "+CPIN",
    "+CPINR",
    "+CPINC",
    "+UPINCNT",
    "+EPINC",
    "+SPIC",
    "^SPIC",
    "#PCT",
    "^CPIN",
    "+QPINC",
    "+CSIM",
    "+CRSM",
    "+CSQ",
    "+CESQ",
    "+CPMS",
    "+CNMI",
    "+CUSD",
    "+CMGR",
    "+CMGL",
    "+CMGS",
    "+CMSS",
    "+CMGW",
    "+CSCA",
    "+CCLK",
    "+CGSN",
    "+CIMI",
    "+CCID",
    "+CNUM",
    "+GCAP",
    "+CLAC",
    "+CSCS",
    "+CFUN",
    "+CMEE",
    "+CGATT",
    "+CSMS",
    "+CSMP",
    "+CBC",
    "+CEER",
    "+CLCC",
    "^SYSINFO",
    "^SYSINFOEX",
    "^HCSQ",
    "+QNWINFO",
    "+QSPN",
    "#QSS",
];

/// Lets every reader read an answer, and says how many made something of it.
///
/// For fuzzing: none may panic, whatever the lines are.
pub fn read_all(reply: &Reply) -> usize {
    fn ok<T>(result: Result<T, Malformed>) -> usize {
        usize::from(result.is_ok())
    }
    let of_lines = reply.lines().map(|line| {
        ok(registration(line))
            + ok(cops(line))
            + ok(cpin(line))
            + ok(tries_left(line, &PinState::SimPin))
            + ok(csim_tries(line))
            + ok(csq(line))
            + ok(cesq(line))
            + ok(cpms(line))
            + ok(cpms_choices(line))
            + ok(cnmi(line))
            + ok(cnmi_choices(line))
            + ok(cusd(line))
            + ok(cmgl_header(line))
            + ok(cmgr_header(line))
            + ok(cmgs(line))
            + ok(cmss(line))
            + ok(cmgw(line))
            + ok(csca(line))
            + ok(cclk(line))
            + ok(crsm_iccid(line))
            + ok(cnum(line))
            + ok(gcap(line))
            + ok(any_named(line))
            + ok(cscs(line))
            + ok(cscs_choices(line))
            + ok(cfun(line))
            + ok(cmee(line))
            + ok(cgatt(line))
            + ok(csms(line))
            + ok(csmp(line))
            + ok(cbc(line))
            + ok(ceer(line))
            + ok(clcc(line))
            + ok(sysinfo(line))
            + ok(sysinfoex(line))
            + ok(hcsq(line))
            + ok(qnwinfo(line))
            + ok(qspn(line))
            + ok(qss(line))
    });
    let of_whole = ok(free_text(reply))
        + ok(imei(reply))
        + ok(imsi(reply))
        + ok(iccid(reply))
        + networks(reply).len()
        + cmgl(reply).len()
        + clac(reply).len()
        + usize::from(cmgr(reply).is_some())
        + usize::from(ati(reply) != Identity::default());
    of_lines.sum::<usize>() + of_whole
}
