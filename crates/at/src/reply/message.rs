//! Stored and sent messages: `+CMGR`, `+CMGL`, `+CMGS`, `+CMSS`, `+CMGW`, `+CSCA`.

use super::{Malformed, Reply, named, timestamp};
use crate::{
    fields::{Field, Fields, rest_after},
    latin1,
};

/// A message as it lies in a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its index; nothing for `+CMGR`, where the caller knows it.
    pub index: Option<u16>,
    /// Whether it was received or is to be sent; nothing where the modem leaves
    /// it out.
    pub status: Option<StoredStatus>,
    /// Octets of the TPDU without SMSC part (PDU mode), characters of the text
    /// (text mode).
    pub length: Option<u16>,
    /// The PDU in hex (PDU mode) or the text (text mode), octets as they came.
    pub body: Vec<u8>,
    /// The fields of text mode, which this gateway never switches on but finds on.
    pub text_mode: Option<TextHeader>,
}

/// What text mode tells in the header (TS 27.005 3.4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextHeader {
    /// Originator or recipient.
    pub number: Option<Box<str>>,
    /// When the service centre got it; RFC 3339.
    pub time: Option<String>,
    /// The service centre.
    pub smsc: Option<Box<str>>,
}

/// `<stat>` (TS 27.005 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoredStatus {
    /// Received, not read.
    Unread,
    /// Received, read.
    Read,
    /// To be sent.
    Unsent,
    /// Sent.
    Sent,
    /// A number that the standard does not name.
    Other(u8),
}

impl StoredStatus {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::Read => 1,
            Self::Unsent => 2,
            Self::Sent => 3,
            Self::Other(number) => number,
        }
    }

    /// Its words in text mode.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unread => "REC UNREAD",
            Self::Read => "REC READ",
            Self::Unsent => "STO UNSENT",
            Self::Sent => "STO SENT",
            Self::Other(_) => "UNKNOWN",
        }
    }

    fn read(field: &Field<'_>) -> Option<Self> {
        if let Some(number) = field.number::<u8>() {
            return Some(match number {
                0 => Self::Unread,
                1 => Self::Read,
                2 => Self::Unsent,
                3 => Self::Sent,
                other => Self::Other(other),
            });
        }
        let words = latin1(field.bytes()?);
        [Self::Unread, Self::Read, Self::Unsent, Self::Sent]
            .into_iter()
            .find(|status| status.words() == words.trim())
    }
}

/// `+CMGS`, `+CMSS`, `+CMGW`: what was sent or stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// TP-MR for `+CMGS` and `+CMSS`, the index for `+CMGW`. Some modems leave
    /// it out, or write −1.
    pub number: Option<u16>,
}

/// `+CSCA` (TS 27.005 3.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smsc {
    /// The number, or the same in UCS-2 hex when `+CSCS` is UCS2.
    pub number: Box<str>,
    /// Type of address, such as 145 for international.
    pub kind: Option<u8>,
}

/// Reads the answer to `+CMGR`; nothing when that place is empty.
pub fn cmgr(reply: &Reply) -> Option<Stored> {
    stored(reply, "+CMGR").into_iter().next()
}

/// Reads the answer to `+CMGL`.
pub fn cmgl(reply: &Reply) -> Vec<Stored> {
    stored(reply, "+CMGL")
}

/// Reads one header line of `+CMGL`, for a caller that takes the list as it
/// comes; the line that follows is the [`body`](Stored::body).
///
/// # Errors
/// When it is another result or has no index.
pub fn cmgl_header(line: &[u8]) -> Result<Stored, Malformed> {
    let fields = named(line, "+CMGL")?;
    let index = fields.number(0).ok_or(Malformed::of("+CMGL", "index"))?;
    let rest = Fields(fields.0.get(1..).unwrap_or_default().to_vec());
    Ok(Stored {
        index: Some(index),
        ..header(&rest)
    })
}

/// Reads the header line of `+CMGR`.
///
/// # Errors
/// When it is another result.
pub fn cmgr_header(line: &[u8]) -> Result<Stored, Malformed> {
    Ok(header(&named(line, "+CMGR")?))
}

/// Reads `+CMGS: mr`.
///
/// # Errors
/// When it is another result.
pub fn cmgs(line: &[u8]) -> Result<Taken, Malformed> {
    taken(line, "+CMGS")
}

/// Reads `+CMSS: mr`.
///
/// # Errors
/// When it is another result.
pub fn cmss(line: &[u8]) -> Result<Taken, Malformed> {
    taken(line, "+CMSS")
}

/// Reads `+CMGW: index`.
///
/// # Errors
/// When it is another result.
pub fn cmgw(line: &[u8]) -> Result<Taken, Malformed> {
    taken(line, "+CMGW")
}

/// Reads `+CSCA: number,type`.
///
/// # Errors
/// When it is another result or the number is empty: then nothing can be sent.
pub fn csca(line: &[u8]) -> Result<Smsc, Malformed> {
    let fields = named(line, "+CSCA")?;
    let number = fields.text(0).ok_or(Malformed::of("+CSCA", "sca"))?;
    Ok(Smsc {
        number: number.trim().into(),
        kind: fields.number(1),
    })
}

fn taken(line: &[u8], name: &'static str) -> Result<Taken, Malformed> {
    let fields = named(line, name)?;
    Ok(Taken {
        number: fields.number(0),
    })
}

/// Headers and the lines up to the next header.
fn stored(reply: &Reply, name: &'static str) -> Vec<Stored> {
    let mut list: Vec<Stored> = Vec::new();
    for line in reply.lines() {
        if rest_after(line, name).is_some() {
            let read = if name == "+CMGL" {
                cmgl_header(line)
            } else {
                cmgr_header(line)
            };
            list.extend(read.ok());
            continue;
        }
        let Some(last) = list.last_mut() else {
            continue;
        };
        if !last.body.is_empty() {
            last.body.push(b'\n');
        }
        last.body.extend_from_slice(line);
    }
    list
}

/// `stat,[alpha],length` of PDU mode, or the header of text mode.
fn header(fields: &Fields<'_>) -> Stored {
    let status = StoredStatus::read(fields.get(0));
    let words = fields
        .bytes(0)
        .is_some_and(|stat| stat.first().is_some_and(u8::is_ascii_alphabetic));
    let plain = Stored {
        index: None,
        status,
        length: None,
        body: Vec::new(),
        text_mode: None,
    };
    if words {
        return text_header(plain, fields);
    }
    let last = fields.len().saturating_sub(1);
    Stored {
        length: fields.number(last.max(1)),
        ..plain
    }
}

/// `"stat","number",[alpha],"time"[,tooa,fo,pid,dcs,"sca",tosca,length]`.
///
/// A stored message that is to be sent has no time, and the places shift; so the
/// fields are known by their looks.
fn text_header(plain: Stored, fields: &Fields<'_>) -> Stored {
    let quoted = |at: usize| match fields.get(at) {
        Field::Quoted(text) => Some(latin1(text)),
        _ => None,
    };
    let time = (2..=3).find_map(|at| timestamp(&quoted(at)?));
    let smsc = (4..fields.len()).find_map(quoted);
    let length = smsc.as_ref().and_then(|_| fields.number(fields.len() - 1));
    let text_mode = TextHeader {
        number: fields.text(1).map(Into::into),
        time,
        smsc: smsc.map(Into::into),
    };
    Stored {
        length,
        text_mode: Some(text_mode),
        ..plain
    }
}
