//! The SIM lock and how many tries are left.

use super::{Malformed, named};
use crate::{
    fields::{Fields, rest_after},
    latin1,
};

/// The answer to `+CPIN?` (TS 27.007 8.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PinState {
    /// Nothing is asked for.
    Ready,
    /// The PIN is asked for.
    SimPin,
    /// The PUK is asked for.
    SimPuk,
    /// PIN2, which no gateway needs.
    SimPin2,
    /// PUK2, which no gateway needs.
    SimPuk2,
    /// There is no SIM.
    NotInserted,
    /// The SIM is not ready yet.
    NotReady,
    /// A network or device lock, in the modem's words (`PH-NET PIN`).
    Other(Box<str>),
}

/// How many tries are left before the next harm; nothing where it is not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TriesLeft {
    /// For the PIN.
    pub pin: Option<u8>,
    /// For the PUK.
    pub puk: Option<u8>,
    /// For PIN2.
    pub pin2: Option<u8>,
    /// For PUK2.
    pub puk2: Option<u8>,
}

/// Reads `+CPIN: READY` and its like, with or without quotes.
///
/// # Errors
/// When it is another result.
pub fn cpin(line: &[u8]) -> Result<PinState, Malformed> {
    let text = rest_after(line, "+CPIN").ok_or(Malformed::of("+CPIN", "name"))?;
    let text = latin1(text).trim_matches(['"', ' ']).to_ascii_uppercase();
    Ok(match text.as_str() {
        "READY" => PinState::Ready,
        "SIM PIN" => PinState::SimPin,
        "SIM PUK" => PinState::SimPuk,
        "SIM PIN2" => PinState::SimPin2,
        "SIM PUK2" => PinState::SimPuk2,
        "NOT INSERTED" | "SIM NOT INSERTED" | "REMOVED" | "SIM REMOVED" => PinState::NotInserted,
        "NOT READY" => PinState::NotReady,
        "" => return Err(Malformed::of("+CPIN", "code")),
        _ => PinState::Other(text.into()),
    })
}

/// Reads the tries left from any of the results by which modems tell them.
///
/// | result | shape |
/// |---|---|
/// | `+CPINR: SIM PIN,3,3` (TS 27.007 8.65) | one line a code |
/// | `+CPINC: 3,3,10,10` | PIN, PIN2, PUK, PUK2 |
/// | `+UPINCNT: 3,3,10,10` | PIN, PIN2, PUK, PUK2 |
/// | `+EPINC: 3,3,10,10` | PIN, PIN2, PUK, PUK2 |
/// | `+SPIC: 3,10,3,10` | PIN, PUK, PIN2, PUK2 |
/// | `+QPINC: "SC",3,10` | PIN and PUK; `"P2"` for the second pair |
/// | `^CPIN: SIM PIN,3,10,3,10,3` | code, times, PUK, PIN, PUK2, PIN2 |
/// | `^SPIC: 3`, `#PCT: 3` | of the code that is asked for now |
///
/// # Errors
/// When it is none of these, or holds no number.
pub fn tries_left(line: &[u8], asked: &PinState) -> Result<TriesLeft, Malformed> {
    let ordered = [
        ("+CPINC", false),
        ("+UPINCNT", false),
        ("+EPINC", false),
        ("+SPIC", true),
    ];
    for (name, puk_second) in ordered {
        if let Some(fields) = Fields::after(line, name) {
            return ordered_tries(name, &fields, puk_second);
        }
    }
    for name in ["^SPIC", "#PCT"] {
        if let Some(fields) = Fields::after(line, name) {
            let tries = fields.number(0).ok_or(Malformed::of(name, "counter"))?;
            return Ok(TriesLeft::of(asked, tries));
        }
    }
    if let Some(fields) = Fields::after(line, "^CPIN") {
        return huawei_tries(&fields);
    }
    if let Some(fields) = Fields::after(line, "+QPINC") {
        return facility_tries(&fields);
    }
    let fields = named(line, "+CPINR")?;
    let code = cpin(&[b"+CPIN: ", fields.bytes(0).unwrap_or_default()].concat())?;
    let tries = fields.number(1).ok_or(Malformed::of("+CPINR", "retries"))?;
    Ok(TriesLeft::of(&code, tries))
}

/// Reads the status word of a VERIFY without data, sent by `+CSIM` or `+CRSM`:
/// `63Cx` leaves x tries, `9000` says that none is needed, `6983` that it is
/// blocked (ETSI TS 102 221 11.1.9).
///
/// # Errors
/// When the status word tells no counter.
pub fn csim_tries(line: &[u8]) -> Result<u8, Malformed> {
    let fields = named(line, "+CSIM")?;
    let text = fields.text(1).ok_or(Malformed::of("+CSIM", "response"))?;
    let word = text.trim().to_ascii_uppercase();
    let word = word.get(word.len().saturating_sub(4)..).unwrap_or_default();
    match word.as_bytes() {
        [b'6', b'3', b'C', digit] => char::from(*digit)
            .to_digit(16)
            .map(|tries| tries as u8)
            .ok_or(Malformed::of("+CSIM", "status word")),
        b"6983" | b"6984" => Ok(0),
        _ => Err(Malformed::of("+CSIM", "status word")),
    }
}

impl TriesLeft {
    /// The tries left for one code.
    pub fn of(code: &PinState, tries: u8) -> Self {
        let mut left = Self::default();
        match code {
            PinState::SimPin | PinState::Ready => left.pin = Some(tries),
            PinState::SimPuk => left.puk = Some(tries),
            PinState::SimPin2 => left.pin2 = Some(tries),
            PinState::SimPuk2 => left.puk2 = Some(tries),
            _ => {}
        }
        left
    }

    /// Both together, where each line tells one.
    pub fn or(self, other: Self) -> Self {
        Self {
            pin: self.pin.or(other.pin),
            puk: self.puk.or(other.puk),
            pin2: self.pin2.or(other.pin2),
            puk2: self.puk2.or(other.puk2),
        }
    }
}

fn ordered_tries(name: &'static str, fields: &Fields<'_>, puk_second: bool) -> Result<TriesLeft, Malformed> {
    let (puk, pin2) = if puk_second { (1, 2) } else { (2, 1) };
    Ok(TriesLeft {
        pin: Some(fields.number(0).ok_or(Malformed::of(name, "PIN counter"))?),
        pin2: fields.number(pin2),
        puk: fields.number(puk),
        puk2: fields.number(3),
    })
}

/// Huawei writes the code that is asked for, its counter, then all four.
fn huawei_tries(fields: &Fields<'_>) -> Result<TriesLeft, Malformed> {
    let pin = fields.number(3).ok_or(Malformed::of("^CPIN", "PIN counter"))?;
    Ok(TriesLeft {
        puk: fields.number(2),
        pin: Some(pin),
        puk2: fields.number(4),
        pin2: fields.number(5),
    })
}

fn facility_tries(fields: &Fields<'_>) -> Result<TriesLeft, Malformed> {
    let pin: u8 = fields.number(1).ok_or(Malformed::of("+QPINC", "PIN counter"))?;
    let puk = fields.number(2);
    Ok(match fields.bytes(0) {
        Some(b"P2") => TriesLeft {
            pin2: Some(pin),
            puk2: puk,
            ..TriesLeft::default()
        },
        _ => TriesLeft {
            pin: Some(pin),
            puk,
            ..TriesLeft::default()
        },
    })
}
