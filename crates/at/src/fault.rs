//! Final results: how an exchange ends.

mod codes;

pub use codes::{cme_meaning, cms_meaning};

use crate::latin1;

/// The line that ends an exchange (V.250 5.7, TS 27.007 9.2, TS 27.005 3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Final {
    /// `OK`.
    Ok,
    /// `CONNECT`: data mode.
    Connect,
    /// `ERROR`, or a maker's own words for it, which are then kept.
    Error(Option<Box<str>>),
    /// `+CME ERROR`: the equipment's reason.
    Cme(Fault),
    /// `+CMS ERROR`: the message service's reason.
    Cms(Fault),
    /// `NO CARRIER`.
    NoCarrier,
    /// `BUSY`.
    Busy,
    /// `NO ANSWER`.
    NoAnswer,
    /// `NO DIALTONE`.
    NoDialtone,
}

/// A reason by number, by words, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The number, also where the modem gave words that stand for one.
    pub code: Option<u16>,
    /// The words, where the modem gave words (`+CMEE=2`).
    pub text: Option<Box<str>>,
}

impl Final {
    /// Reads a whole line; nothing when it does not end an exchange.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        match line {
            b"OK" => return Some(Self::Ok),
            b"ERROR" => return Some(Self::Error(None)),
            b"NO CARRIER" => return Some(Self::NoCarrier),
            b"BUSY" => return Some(Self::Busy),
            b"NO ANSWER" => return Some(Self::NoAnswer),
            b"NO DIALTONE" | b"NO DIAL TONE" => return Some(Self::NoDialtone),
            b"CONNECT" => return Some(Self::Connect),
            _ => {}
        }
        if !could_be_final(line) {
            return None;
        }
        if let Some(reason) = after(line, b"+CMS ERROR") {
            return Some(Self::Cms(Fault::cms(reason)));
        }
        if let Some(reason) = after(line, b"+CME ERROR") {
            return Some(Self::Cme(Fault::cme(reason)));
        }
        if line.starts_with(b"CONNECT ") {
            return Some(Self::Connect);
        }
        let refusal = REFUSALS.iter().any(|&text| line.eq_ignore_ascii_case(text));
        let begins = REFUSAL_STARTS.iter().any(|&text| line.starts_with(text));
        (refusal || begins).then(|| Self::Error(Some(latin1(line).into())))
    }

    /// `OK` or `CONNECT`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok | Self::Connect)
    }

    /// The number of a `+CME ERROR`.
    pub fn cme(&self) -> Option<u16> {
        match self {
            Self::Cme(fault) => fault.code,
            _ => None,
        }
    }

    /// The number of a `+CMS ERROR`.
    pub fn cms(&self) -> Option<u16> {
        match self {
            Self::Cms(fault) => fault.code,
            _ => None,
        }
    }

    /// Whether it only ends an exchange that dialled, and is otherwise the end
    /// of somebody's call.
    pub(crate) fn is_of_call(&self) -> bool {
        matches!(self, Self::NoCarrier | Self::Busy | Self::NoAnswer | Self::NoDialtone)
    }
}

impl std::fmt::Display for Final {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::Connect => f.write_str("CONNECT"),
            Self::Error(None) => f.write_str("ERROR"),
            Self::Error(Some(text)) => f.write_str(text),
            Self::Cme(fault) => show(f, "+CME ERROR", fault, cme_meaning),
            Self::Cms(fault) => show(f, "+CMS ERROR", fault, cms_meaning),
            Self::NoCarrier => f.write_str("NO CARRIER"),
            Self::Busy => f.write_str("BUSY"),
            Self::NoAnswer => f.write_str("NO ANSWER"),
            Self::NoDialtone => f.write_str("NO DIALTONE"),
        }
    }
}

impl Fault {
    fn cme(reason: &[u8]) -> Self {
        Self::read(reason, codes::cme_code)
    }

    fn cms(reason: &[u8]) -> Self {
        Self::read(reason, codes::cms_code)
    }

    fn read(reason: &[u8], code_of: fn(&str) -> Option<u16>) -> Self {
        let reason = latin1(reason);
        let reason = reason.trim().trim_matches('"');
        if let Ok(code) = reason.parse() {
            return Self {
                code: Some(code),
                text: None,
            };
        }
        Self {
            code: code_of(reason),
            text: Some(reason.into()),
        }
    }
}

fn show(
    f: &mut std::fmt::Formatter<'_>,
    name: &str,
    fault: &Fault,
    meaning: fn(u16) -> Option<&'static str>,
) -> std::fmt::Result {
    let known = fault.code.and_then(meaning);
    match (fault.code, known.or(fault.text.as_deref())) {
        (Some(code), Some(words)) => write!(f, "{name} {code} ({words})"),
        (Some(code), None) => write!(f, "{name} {code}"),
        (None, words) => write!(f, "{name} ({})", words.unwrap_or("no reason given")),
    }
}

/// A cheap first look, since this is asked about every line.
fn could_be_final(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'+' | b'A'..=b'Z' | b'a'..=b'z'))
}

/// What stands behind the name and its colon.
fn after<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    Some(rest.strip_prefix(b":").unwrap_or(rest))
}

/// Makers' words for ERROR: Huawei, Samsung Z810, Cross PD1101wi.
const REFUSALS: [&[u8]; 6] = [
    b"COMMAND NOT SUPPORT",
    b"COMMAND NOT SUPPORTED",
    b"TOO MANY PARAMETERS",
    b"NA",
    b"NOT FOND ^,NOT CUSTOM AT",
    b"UNKNOWN CALLING ERROR",
];

/// Beginnings of such words: Huawei's `ERROR+CNUM:`, Android's `ERROR: UNSUPPORTED`.
const REFUSAL_STARTS: [&[u8]; 3] = [b"ERROR:", b"ERROR+", b"MODEM ERROR:"];
