//! Unsolicited results that mean something to a gateway.

use crate::{
    Memory,
    fields::{Fields, rest_after},
    latin1,
    reply::{self, Csq, Cusd, PinState, Registration},
};

/// Something the modem said unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Urc {
    /// `+CMTI`: a message was stored (TS 27.005 3.4.1). Both fields may be
    /// missing when the line was damaged; a message came all the same.
    Cmti {
        /// Where it lies; not always the memory that is selected.
        memory: Option<Memory>,
        /// Its index; 0 is a valid one.
        index: Option<u16>,
    },
    /// `+CDSI`: a status report was stored.
    Cdsi {
        /// Where it is said to lie.
        memory: Option<Memory>,
        /// Its index.
        index: Option<u16>,
    },
    /// `+CBMI`: a cell broadcast was stored.
    Cbmi {
        /// Where it lies.
        memory: Option<Memory>,
        /// Its index.
        index: Option<u16>,
    },
    /// `+CMT`: a message, routed directly (TS 27.005 3.4.1).
    Cmt(Direct),
    /// `+CDS`: a status report, routed directly.
    Cds(Direct),
    /// `+CBM`: a cell broadcast, routed directly.
    Cbm(Direct),
    /// `+CUSD`: a USSD answer or notice (TS 27.007 7.15).
    Cusd(Cusd),
    /// `RING` or `+CRING` with its type (TS 27.007 6.11).
    Ring(Option<Box<str>>),
    /// `+CLIP`: who calls (TS 27.007 7.6). No number when it is withheld.
    Clip {
        /// The caller.
        number: Option<Box<str>>,
        /// Type of address, such as 145 for international.
        kind: Option<u8>,
    },
    /// A call has ended or was missed.
    CallEnded,
    /// `+CREG` and its sisters (TS 27.007 7.2, 10.1.20, 10.1.22, 10.1.47).
    Registration(Registration),
    /// Signal strength told unasked.
    Csq(Csq),
    /// A message memory is full.
    MemoryFull(Option<Memory>),
    /// The state of the SIM lock told unasked (`+CPIN`).
    Cpin(PinState),
    /// The SIM was put in or taken out.
    SimPresent(bool),
    /// `+CFUN` told unasked: the functionality that is set now.
    Cfun(u8),
    /// The modem starts, or goes down.
    Boot(Boot),
    /// The supply voltage is out of its range; `down` when the modem switches
    /// itself off.
    Voltage {
        /// It goes down because of it.
        down: bool,
    },
}

/// A message that came by `+CMT`, `+CDS` or `+CBM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    /// Octets of the TPDU without SMSC part, as the header says; nothing when
    /// the header is damaged.
    pub length: Option<u16>,
    /// The PDU in hex as it came; empty when no PDU followed the header.
    pub pdu: Box<str>,
}

/// Notices around start and end of a modem's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// It has started and takes commands (`RDY`, `^SYSSTART`, `+AT: READY`).
    Started,
    /// Calls can be made.
    CallReady,
    /// The message service is ready.
    SmsReady,
    /// The phone book is ready, which many modems say last.
    PhonebookReady,
    /// It switches itself off.
    Shutdown,
    /// It has crashed and says so.
    Crashed,
}

/// The first of two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Cmt(Option<u16>),
    Cds(Option<u16>),
    Cbm(Option<u16>),
}

impl Header {
    /// Reads `+CMT: [alpha],length`, `+CDS: length`, `+CBM: length`.
    pub(crate) fn parse(name: &[u8], line: &[u8]) -> Option<Self> {
        let make = match name {
            b"+CMT" => Self::Cmt,
            b"+CDS" => Self::Cds,
            b"+CBM" => Self::Cbm,
            _ => return None,
        };
        let name = std::str::from_utf8(name).ok()?;
        let fields = Fields::after(line, name)?;
        let last = fields.len().saturating_sub(1);
        Some(make(fields.number(last)))
    }

    /// Joins it with its second line.
    pub(crate) fn with(self, pdu: &[u8]) -> Urc {
        let pdu = latin1(pdu.trim_ascii()).into();
        match self {
            Self::Cmt(length) => Urc::Cmt(Direct { length, pdu }),
            Self::Cds(length) => Urc::Cds(Direct { length, pdu }),
            Self::Cbm(length) => Urc::Cbm(Direct { length, pdu }),
        }
    }
}

impl Urc {
    /// Reads a line that has a name; nothing when it means nothing here.
    pub(crate) fn parse(name: &[u8], line: &[u8]) -> Option<Self> {
        let stored = || stored(line);
        Some(match name {
            b"+CMTI" => {
                let (memory, index) = stored();
                Self::Cmti { memory, index }
            }
            b"+CDSI" => {
                let (memory, index) = stored();
                Self::Cdsi { memory, index }
            }
            b"+CBMI" => {
                let (memory, index) = stored();
                Self::Cbmi { memory, index }
            }
            b"+CUSD" => Self::Cusd(reply::cusd(line).ok()?),
            b"+CRING" => Self::Ring(rest_after(line, "+CRING").map(|kind| latin1(kind).into())),
            b"+CLIP" => clip(line)?,
            b"+CREG" | b"+CGREG" | b"+CEREG" | b"+C5GREG" => Self::Registration(reply::registration(line).ok()?),
            b"+CSQ" => Self::Csq(reply::csq(line).ok()?),
            b"^RSSI" => Self::Csq(Csq {
                rssi: first(line)?,
                ber: None,
            }),
            b"^SMMEMFULL" => Self::MemoryFull(stored().0),
            b"+CPIN" => Self::Cpin(reply::cpin(line).ok()?),
            b"+CFUN" => Self::Cfun(first(line)?),
            b"^SCKS" | b"^SIMST" => Self::SimPresent(first::<u8>(line)? > 0),
            b"#QSS" => Self::SimPresent(first::<u8>(line)? > 0),
            b"+WIND" => wind(first(line)?)?,
            b"+AT" => Self::Boot(Boot::Started),
            b"^EXIT" => Self::Boot(Boot::Crashed),
            b"HANGUP" | b"^CEND" => Self::CallEnded,
            _ => return None,
        })
    }

    /// Reads a line that has no name.
    pub(crate) fn parse_bare(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        if line.starts_with(b"RING") && line.len() == 4 {
            return Some(Self::Ring(None));
        }
        let notice = NOTICES
            .iter()
            .find(|(text, _)| line.eq_ignore_ascii_case(text.as_bytes()));
        if let Some((_, boot)) = notice {
            return Some(Self::Boot(*boot));
        }
        if line.starts_with(b"^SYSSTART") {
            return Some(Self::Boot(Boot::Started));
        }
        let voltage = line.starts_with(b"OVER-VOLTAGE") || line.starts_with(b"UNDER-VOLTAGE");
        if voltage {
            let down = line.ends_with(b"POWER DOWN");
            return Some(Self::Voltage { down });
        }
        None
    }
}

/// Memory and index of `"SM",3`.
fn stored(line: &[u8]) -> (Option<Memory>, Option<u16>) {
    let colon = line.iter().position(|&byte| byte == b':');
    let rest = colon.map_or(&[][..], |colon| &line[colon + 1..]);
    let fields = Fields::read(rest);
    (fields.bytes(0).and_then(Memory::new), fields.number(1))
}

/// The first number behind the colon; of `n,value` forms the last.
fn first<T: TryFrom<i64>>(line: &[u8]) -> Option<T> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Fields::read(&line[colon + 1..]).number(0)
}

fn clip(line: &[u8]) -> Option<Urc> {
    let fields = Fields::after(line, "+CLIP")?;
    Some(Urc::Clip {
        number: fields.text(0).map(Into::into),
        kind: fields.number(1),
    })
}

/// Wavecom's indications: 0 SIM out, 1 SIM in, 3 takes commands, 4 and 16 the
/// rest is ready too.
fn wind(event: u8) -> Option<Urc> {
    Some(match event {
        0 => Urc::SimPresent(false),
        1 => Urc::SimPresent(true),
        3 => Urc::Boot(Boot::Started),
        4 => Urc::Boot(Boot::PhonebookReady),
        16 => Urc::Boot(Boot::SmsReady),
        _ => return None,
    })
}

/// Whole lines.
const NOTICES: &[(&str, Boot)] = &[
    ("RDY", Boot::Started),
    ("APP RDY", Boot::Started),
    ("START", Boot::Started),
    ("Call Ready", Boot::CallReady),
    ("SMS Ready", Boot::SmsReady),
    ("SMS DONE", Boot::SmsReady),
    ("PB DONE", Boot::PhonebookReady),
    ("+PBREADY", Boot::PhonebookReady),
    ("NORMAL POWER DOWN", Boot::Shutdown),
    ("POWERED DOWN", Boot::Shutdown),
    ("POWER DOWN", Boot::Shutdown),
    ("^SHUTDOWN", Boot::Shutdown),
];
