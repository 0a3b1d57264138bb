//! Settings as they are and as they may be: `+CSCS`, `+CFUN`, `+CMEE`, `+CSMS`,
//! `+CSMP`, `+CBC`, and any result that is numbers.

use super::{Malformed, named};
use crate::{
    fields::{Field, Fields, rest_after},
    latin1,
};

/// `+CSMS` (TS 27.005 3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csms {
    /// The service; nothing in the answer to setting it. 1 asks for `+CNMA`.
    pub service: Option<u8>,
    /// Whether messages can be received.
    pub receives: bool,
    /// Whether messages can be sent.
    pub sends: bool,
    /// Whether broadcasts can be received.
    pub broadcasts: bool,
}

/// `+CSMP` (TS 27.005 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csmp {
    /// First octet.
    pub first_octet: Option<u8>,
    /// Validity period, where it is a number.
    pub validity: Option<u8>,
    /// Protocol identifier.
    pub pid: Option<u8>,
    /// Data coding scheme.
    pub dcs: Option<u8>,
}

/// `+CBC` (TS 27.007 8.4). Modules without a battery put millivolts where the
/// per cent stand, or in a third field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cbc {
    /// 0 on battery, 1 charging or powered, 2 no battery, 3 fault.
    pub status: u8,
    /// Charge in per cent.
    pub percent: Option<u8>,
    /// Voltage in mV.
    pub millivolts: Option<u16>,
}

/// A result by its name and numbers, for those that have no reader of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name without colon.
    pub name: String,
    /// All its numbers in order.
    pub values: Vec<i64>,
    /// All its fields as text in order; empty ones are empty.
    pub texts: Vec<String>,
}

/// Reads any `NAME: a,b,c`.
///
/// # Errors
/// When the line has no colon.
pub fn any_named(line: &[u8]) -> Result<Named, Malformed> {
    let colon = line.iter().position(|&byte| byte == b':');
    let colon = colon.ok_or(Malformed::of("any", "name"))?;
    let fields = Fields::read(line[colon + 1..].trim_ascii());
    Ok(Named {
        name: latin1(line[..colon].trim_ascii()),
        values: fields.numbers(),
        texts: (0..fields.len())
            .map(|at| fields.text(at).unwrap_or_default())
            .collect(),
    })
}

/// Reads the values a setting may take, as in `+CTZU: (0,1,3)` or
/// `^USSDMODE: (0-1)`: its first field.
///
/// # Errors
/// When it is another result.
pub fn choices(line: &[u8], name: &str) -> Result<Vec<u16>, Malformed> {
    let rest = rest_after(line, name).ok_or(Malformed::of("choices", "name"))?;
    Ok(Fields::read(rest).range(0))
}

/// Reads `+CSCS: "UCS2"` (TS 27.007 5.5), with or without quotes.
///
/// # Errors
/// When it is another result or empty.
pub fn cscs(line: &[u8]) -> Result<String, Malformed> {
    let fields = named(line, "+CSCS")?;
    fields.text(0).ok_or(Malformed::of("+CSCS", "chset"))
}

/// Reads the answer to `+CSCS=?`.
///
/// # Errors
/// When it is another result.
pub fn cscs_choices(line: &[u8]) -> Result<Vec<String>, Malformed> {
    let fields = named(line, "+CSCS")?;
    let list = if fields.len() > 1 {
        fields.0.clone()
    } else {
        fields.list(0)
    };
    Ok(list
        .iter()
        .filter_map(Field::bytes)
        .map(|name| latin1(name.trim_ascii()))
        .collect())
}

/// Reads `+CFUN: fun` (TS 27.007 8.2). Some modems answer with the list of
/// choices instead, which tells nothing.
///
/// # Errors
/// When it is another result or no number.
pub fn cfun(line: &[u8]) -> Result<u8, Malformed> {
    single(line, "+CFUN", "fun")
}

/// Reads `+CMEE: n` (TS 27.007 9.1).
///
/// # Errors
/// When it is another result or no number.
pub fn cmee(line: &[u8]) -> Result<u8, Malformed> {
    single(line, "+CMEE", "n")
}

/// Reads `+CGATT: state` (TS 27.007 10.1.9).
///
/// # Errors
/// When it is another result or no number.
pub fn cgatt(line: &[u8]) -> Result<bool, Malformed> {
    single(line, "+CGATT", "state").map(|state| state == 1)
}

/// Reads the answer to `+CSMS?` or `+CSMS=`.
///
/// # Errors
/// When it is another result or a flag is missing.
pub fn csms(line: &[u8]) -> Result<Csms, Malformed> {
    let fields = named(line, "+CSMS")?;
    let from = fields.len().saturating_sub(3);
    let flag = |at: usize, field| {
        let value: u8 = fields.number(from + at).ok_or(Malformed::of("+CSMS", field))?;
        Ok(value != 0)
    };
    Ok(Csms {
        service: (from > 0).then(|| fields.number(0)).flatten(),
        receives: flag(0, "mt")?,
        sends: flag(1, "mo")?,
        broadcasts: flag(2, "bm")?,
    })
}

/// Reads the answer to `+CSMP?`.
///
/// # Errors
/// When it is another result.
pub fn csmp(line: &[u8]) -> Result<Csmp, Malformed> {
    let fields = named(line, "+CSMP")?;
    Ok(Csmp {
        first_octet: fields.number(0),
        validity: fields.number(1),
        pid: fields.number(2),
        dcs: fields.number(3),
    })
}

/// Reads `+CBC`.
///
/// # Errors
/// When it is another result or has no status.
pub fn cbc(line: &[u8]) -> Result<Cbc, Malformed> {
    let fields = named(line, "+CBC")?;
    let second: Option<u16> = fields.number(1);
    let third: Option<u16> = fields.number(2);
    Ok(Cbc {
        status: fields.number(0).ok_or(Malformed::of("+CBC", "bcs"))?,
        percent: second
            .filter(|&value| value <= 100)
            .and_then(|value| u8::try_from(value).ok()),
        millivolts: third.or(second.filter(|&value| value > 100)),
    })
}

/// Reads `+CEER` (TS 27.007 6.10): why the last call or message failed.
///
/// # Errors
/// When it is another result.
pub fn ceer(line: &[u8]) -> Result<String, Malformed> {
    let rest = rest_after(line, "+CEER").ok_or(Malformed::of("+CEER", "name"))?;
    Ok(latin1(rest))
}

fn single(line: &[u8], name: &'static str, field: &'static str) -> Result<u8, Malformed> {
    named(line, name)?.number(0).ok_or(Malformed::of(name, field))
}
