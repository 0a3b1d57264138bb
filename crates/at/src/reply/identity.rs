//! Who the modem and its SIM are: `+CGMI`, `+CGMM`, `+CGMR`, `+CGSN`, `ATI`,
//! `+CIMI`, `+CCID` and its many sisters, `+CNUM`.

use super::{Malformed, Reply, named};
use crate::{
    fields::{Fields, rest_after},
    latin1,
};

/// The answer to `ATI` where it names its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Maker.
    pub maker: Option<Box<str>>,
    /// Model.
    pub model: Option<Box<str>>,
    /// Firmware.
    pub revision: Option<Box<str>>,
    /// IMEI.
    pub imei: Option<Box<str>>,
}

/// Reads a line of free text such as the answers to `+CGMI`, `+CGMM` and
/// `+CGMR` (TS 27.007 5.1–5.3): the first line, without the name and quotes
/// that some modems add. Blanks inside stay.
///
/// # Errors
/// When there is no line.
pub fn free_text(reply: &Reply) -> Result<String, Malformed> {
    let texts = reply.lines().map(|line| latin1(plain(line)));
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .ok_or(Malformed::NOTHING)
}

/// Reads the IMEI from the answer to `+CGSN` (TS 27.007 5.4): fourteen to
/// sixteen digits, wherever they stand.
///
/// # Errors
/// When no line has them.
pub fn imei(reply: &Reply) -> Result<String, Malformed> {
    digits_of(reply, 14..=16).ok_or(Malformed::of("+CGSN", "IMEI"))
}

/// Reads the IMSI from the answer to `+CIMI` (TS 27.007 5.6): six to fifteen
/// digits.
///
/// # Errors
/// When no line has them.
pub fn imsi(reply: &Reply) -> Result<String, Malformed> {
    digits_of(reply, 6..=15).ok_or(Malformed::of("+CIMI", "IMSI"))
}

/// Reads the ICCID from the answer to `+CCID`, `+QCCID`, `+ICCID`, `^ICCID` and
/// the like: eighteen to twenty-two digits, with the `F` that fills it taken off.
///
/// # Errors
/// When no line has them.
pub fn iccid(reply: &Reply) -> Result<String, Malformed> {
    let found = reply.lines().find_map(|line| iccid_in(plain(line)));
    found.ok_or(Malformed::of("+CCID", "ICCID"))
}

/// Reads the ICCID from the file EF-ICCID read by `+CRSM=176,12258,0,0,10`:
/// twenty semi-octets with their digits swapped (TS 51.011 10.1.1).
///
/// # Errors
/// When the SIM refused or the data is no ICCID.
pub fn crsm_iccid(line: &[u8]) -> Result<String, Malformed> {
    let fields = named(line, "+CRSM")?;
    let answered = matches!(fields.number::<u16>(0), Some(144 | 145));
    if !answered {
        return Err(Malformed::of("+CRSM", "status word"));
    }
    let data = fields.bytes(2).unwrap_or_default();
    let swapped: Vec<u8> = data.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    iccid_in(&swapped).ok_or(Malformed::of("+CRSM", "data"))
}

/// Reads one line of `+CNUM: [alpha],number,type` (TS 27.007 7.1): the SIM's own
/// number, empty when the SIM does not know it.
///
/// # Errors
/// When it is another result.
pub fn cnum(line: &[u8]) -> Result<String, Malformed> {
    let fields = named(line, "+CNUM")?;
    Ok(fields.text(1).unwrap_or_default().trim().to_owned())
}

/// Reads the answer to `ATI` or `ATI4` where its lines have names.
pub fn ati(reply: &Reply) -> Identity {
    let line = |name: &str| {
        let found = reply.lines().find_map(|line| rest_after(line, name));
        found.filter(|text| !text.is_empty()).map(|text| latin1(text).into())
    };
    Identity {
        maker: line("Manufacturer"),
        model: line("Model"),
        revision: line("Revision"),
        imei: line("IMEI"),
    }
}

/// Reads `+GCAP` (V.250 6.1.9): what the modem can, such as `+CGSM`.
///
/// # Errors
/// When it is another result.
pub fn gcap(line: &[u8]) -> Result<Vec<String>, Malformed> {
    let rest = rest_after(line, "+GCAP").ok_or(Malformed::of("+GCAP", "name"))?;
    let text = latin1(rest);
    let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(str::to_owned).collect())
}

/// Reads the answer to `+CLAC` (TS 27.007 8.37): one command a line, or all on
/// one line, with or without the name.
pub fn clac(reply: &Reply) -> Vec<String> {
    let mut commands = Vec::new();
    for line in reply.lines() {
        let list = rest_after(line, "+CLAC").unwrap_or(line);
        let fields = Fields::read(list);
        let names = (0..fields.len()).filter_map(|at| fields.text(at));
        commands.extend(names.map(|name| name.trim().trim_start_matches("AT").to_owned()));
    }
    commands.retain(|name| !name.is_empty());
    commands
}

/// A line without the name that some modems put before it, and without quotes.
fn plain(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let named = line.first().is_some_and(|first| b"+^#$%*".contains(first));
    let colon = line.iter().position(|&byte| byte == b':');
    let prefixed = line.len() > 6 && line[..6].eq_ignore_ascii_case(b"ICCID:");
    let text = match colon.filter(|_| named || prefixed) {
        Some(colon) => line[colon + 1..].trim_ascii(),
        None => line,
    };
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    text.strip_suffix(b"\"").unwrap_or(text)
}

/// The first run of digits whose length fits, not touching further digits.
fn digits_of(reply: &Reply, length: std::ops::RangeInclusive<usize>) -> Option<String> {
    let runs = reply
        .lines()
        .flat_map(|line| plain(line).split(|byte| !byte.is_ascii_digit()));
    runs.into_iter().find(|run| length.contains(&run.len())).map(latin1)
}

/// The ICCID within a text: it starts with 89, the industry's number for
/// telecoms (ITU-T E.118). Some modems swap its digits.
fn iccid_in(text: &[u8]) -> Option<String> {
    let runs = text.split(|byte| !byte.is_ascii_hexdigit());
    runs.into_iter().find_map(|run| {
        let text = latin1(run).to_ascii_uppercase();
        let digits = text.trim_end_matches('F');
        let right = (18..=22).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit());
        if right && digits.starts_with("89") {
            return Some(digits.to_owned());
        }
        if text.starts_with("98") && text.len().is_multiple_of(2) {
            let pairs = text.as_bytes().chunks_exact(2);
            let swapped: Vec<u8> = pairs.flat_map(|pair| [pair[1], pair[0]]).collect();
            let swapped = latin1(&swapped);
            let digits = swapped.trim_end_matches('F');
            let fits = (18..=22).contains(&digits.len());
            return (fits && digits.bytes().all(|c| c.is_ascii_digit())).then(|| digits.to_owned());
        }
        None
    })
}
