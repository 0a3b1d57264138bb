//! Calls: `+CLCC`.

use super::{Malformed, named};

/// One call of the answer to `+CLCC` (TS 27.007 7.18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number in the list.
    pub index: u8,
    /// It came from outside.
    pub incoming: bool,
    /// 0 active, 1 held, 2 dialling, 3 alerting, 4 incoming, 5 waiting.
    pub state: u8,
    /// 0 voice, 1 data, 2 fax.
    pub mode: u8,
    /// It is part of a conference.
    pub conference: bool,
    /// The other side, where known.
    pub number: Option<Box<str>>,
    /// Type of address, such as 145 for international.
    pub kind: Option<u8>,
}

/// Reads one line of `+CLCC`.
///
/// # Errors
/// When it is another result, one of the first five fields is missing, or a
/// number has no type: then the line was cut.
pub fn clcc(line: &[u8]) -> Result<Call, Malformed> {
    let fields = named(line, "+CLCC")?;
    let number = |at, field| fields.number::<u8>(at).ok_or(Malformed::of("+CLCC", field));
    let call = Call {
        index: number(0, "id")?,
        incoming: number(1, "dir")? == 1,
        state: number(2, "stat")?,
        mode: number(3, "mode")?,
        conference: number(4, "mpty")? == 1,
        number: fields.text(5).map(Into::into),
        kind: fields.number(6),
    };
    if call.number.is_some() && call.kind.is_none() {
        return Err(Malformed::of("+CLCC", "type"));
    }
    Ok(call)
}
