//! Operators: `+COPS`.

use super::{Malformed, Reply, named};
use crate::fields::{Field, Fields};

/// Access technology, `<AcT>` (TS 27.007 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access(u8);

/// The answer to `+COPS?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// 0 automatic, 1 manual, 2 deregistered, 4 manual then automatic.
    pub mode: u8,
    /// 0 long name, 1 short name, 2 numeric.
    pub format: Option<u8>,
    /// Name or number, octets in the character set chosen by `+CSCS`.
    pub name: Option<Vec<u8>>,
    /// Access technology.
    pub access: Option<Access>,
}

/// One network of the answer to `+COPS=?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Whether it can be used.
    pub availability: Availability,
    /// Long name in the character set chosen by `+CSCS`.
    pub long: Option<Vec<u8>>,
    /// Short name in the same.
    pub short: Option<Vec<u8>>,
    /// Country and network code in digits, in the same.
    pub plmn: Option<Vec<u8>>,
    /// Access technology; GSM where the modem names none.
    pub access: Access,
}

/// `<stat>` of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Availability {
    /// Unknown, or a number that the standard does not name.
    Unknown,
    /// Available.
    Available,
    /// In use.
    Current,
    /// Forbidden.
    Forbidden,
}

impl Access {
    /// GSM.
    pub const GSM: Self = Self(0);

    /// By number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "GSM",
            1 => "GSM compact",
            2 => "UMTS",
            3 => "EDGE",
            4 => "HSDPA",
            5 => "HSUPA",
            6 => "HSPA",
            7 => "LTE",
            8 => "EC-GSM-IoT",
            9 => "NB-IoT",
            10 => "LTE (5G core)",
            11 => "5G NR",
            12 => "NG-RAN",
            13 => "LTE/NR dual",
            14 => "satellite NB-IoT",
            15 => "satellite LTE-M",
            16 => "satellite NG-RAN",
            _ => "unknown",
        }
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads the answer to `+COPS?` (TS 27.007 7.3).
///
/// # Errors
/// When it is another result or has no mode.
pub fn cops(line: &[u8]) -> Result<Operator, Malformed> {
    let fields = named(line, "+COPS")?;
    Ok(Operator {
        mode: fields.number(0).ok_or(Malformed::of("+COPS", "mode"))?,
        format: fields.number(1),
        name: fields.bytes(2).map(<[u8]>::to_vec),
        access: fields.number(3).map(Access::new),
    })
}

/// Reads the answer to `+COPS=?` (TS 27.007 7.3): networks, on one line or
/// several. The lists of modes and formats behind them are no networks.
pub fn networks(reply: &Reply) -> Vec<Network> {
    let mut networks: Vec<Network> = Vec::new();
    for line in reply.lines() {
        let fields = Fields::after(line, "+COPS").unwrap_or_else(|| Fields::read(line));
        for field in &fields.0 {
            match field {
                Field::Group(parts) => networks.extend(network(parts)),
                // Ericsson closes the bracket before the access technology.
                Field::Bare([digit @ b'0'..=b'9', b')']) => {
                    if let Some(last) = networks.last_mut() {
                        last.access = Access(digit - b'0');
                    }
                }
                _ => {}
            }
        }
    }
    networks
}

fn network(parts: &Fields<'_>) -> Option<Network> {
    let owned = |at| parts.bytes(at).map(<[u8]>::to_vec);
    let named = matches!(parts.get(3), Field::Quoted(_));
    let plmn = owned(3).filter(|plmn| plmn.len() >= SHORTEST_PLMN || named)?;
    Some(Network {
        availability: match parts.number::<u8>(0)? {
            1 => Availability::Available,
            2 => Availability::Current,
            3 => Availability::Forbidden,
            _ => Availability::Unknown,
        },
        long: owned(1),
        short: owned(2),
        plmn: Some(plmn),
        access: parts.number(4).map_or(Access::GSM, Access::new),
    })
}

/// Three digits of country and two of network.
const SHORTEST_PLMN: usize = 5;
