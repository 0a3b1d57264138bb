//! Registration: `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`.

use super::{Access, Malformed};
use crate::fields::{Field, Fields};

/// Where and how the modem is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Which network's registration this is.
    pub domain: Domain,
    /// Its state.
    pub state: RegistrationState,
    /// Location or tracking area code, hex as it came.
    pub area: Option<Box<str>>,
    /// Cell, hex as it came.
    pub cell: Option<Box<str>>,
    /// Access technology.
    pub access: Option<Access>,
}

/// The networks that a modem registers with separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    /// Circuit switched, `+CREG` (TS 27.007 7.2).
    Circuit,
    /// GPRS, `+CGREG` (TS 27.007 10.1.20).
    Packet,
    /// LTE, `+CEREG` (TS 27.007 10.1.22).
    Eps,
    /// 5G, `+C5GREG` (TS 27.007 10.1.47).
    FiveG,
}

/// `<stat>` (TS 27.007 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistrationState {
    /// Not registered, not looking for a network.
    Idle,
    /// Registered at home.
    Home,
    /// Looking for a network.
    Searching,
    /// The network refused.
    Denied,
    /// Unknown, such as out of coverage.
    Unclear,
    /// Registered while roaming.
    Roaming,
    /// Registered at home for SMS only.
    HomeSmsOnly,
    /// Registered while roaming for SMS only.
    RoamingSmsOnly,
    /// Emergency calls only.
    Emergency,
    /// At home, CSFB not preferred.
    HomeCsfbNotPreferred,
    /// Roaming, CSFB not preferred.
    RoamingCsfbNotPreferred,
    /// A number that the standard does not name.
    Other(u8),
}

impl RegistrationState {
    /// By number.
    pub fn new(number: u8) -> Self {
        match number {
            0 => Self::Idle,
            1 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::Unclear,
            5 => Self::Roaming,
            6 => Self::HomeSmsOnly,
            7 => Self::RoamingSmsOnly,
            8 => Self::Emergency,
            9 => Self::HomeCsfbNotPreferred,
            10 => Self::RoamingCsfbNotPreferred,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Idle => 0,
            Self::Home => 1,
            Self::Searching => 2,
            Self::Denied => 3,
            Self::Unclear => 4,
            Self::Roaming => 5,
            Self::HomeSmsOnly => 6,
            Self::RoamingSmsOnly => 7,
            Self::Emergency => 8,
            Self::HomeCsfbNotPreferred => 9,
            Self::RoamingCsfbNotPreferred => 10,
            Self::Other(number) => number,
        }
    }

    /// Whether messages can be sent and received in this state.
    pub fn is_usable(self) -> bool {
        matches!(self.number(), 1 | 5 | 6 | 7 | 9 | 10)
    }

    /// Whether the network is not the SIM's own.
    pub fn is_roaming(self) -> bool {
        matches!(self.number(), 5 | 7 | 10)
    }
}

impl Registration {
    /// The area code as a number; nothing when the modem's text is none.
    pub fn area_code(&self) -> Option<u32> {
        hex(self.area.as_deref())
    }

    /// The cell as a number; nothing when the modem's text is none.
    pub fn cell_id(&self) -> Option<u64> {
        hex(self.cell.as_deref())
    }
}

/// Reads a registration, asked for or not.
///
/// The two differ by a leading `<n>`, and modems disagree on when to write it;
/// so the shape decides: an area code is hex of four digits or in quotes, a
/// state is a small number.
///
/// # Errors
/// When it is another result or has no state.
pub fn registration(line: &[u8]) -> Result<Registration, Malformed> {
    let (name, domain, fields) = split(line).ok_or(Malformed::of("+CREG", "name"))?;
    let at = state_at(&fields);
    let state = fields.number(at).ok_or(Malformed::of(name, "stat"))?;
    let text = |at| fields.text(at).map(Into::into);
    // Novatel and others write the routing area between area and cell.
    let is_access = |&number: &u8| number < MOST_ACCESS;
    let access = fields.number(at + 3).filter(is_access);
    let routing = access.is_none() && fields.bytes(at + 3).is_some_and(|field| field.len() > 2);
    let cell = if routing { at + 3 } else { at + 2 };
    Ok(Registration {
        domain,
        state: RegistrationState::new(state),
        area: text(at + 1),
        cell: text(cell),
        access: fields.number(cell + 1).map(Access::new),
    })
}

/// Whether a registration line has the shape of an answer, with `<n>` before
/// the state.
pub(crate) fn is_solicited_registration(line: &[u8]) -> bool {
    split(line).is_some_and(|(_, _, fields)| state_at(&fields) == 1 || is_test(&fields))
}

/// The answer to `=?`: a list of modes.
fn is_test(fields: &Fields<'_>) -> bool {
    matches!(fields.get(0), Field::Group(_))
}

fn split(line: &[u8]) -> Option<(&'static str, Domain, Fields<'_>)> {
    let known = [
        ("+CREG", Domain::Circuit),
        ("+CGREG", Domain::Packet),
        ("+CEREG", Domain::Eps),
        ("+C5GREG", Domain::FiveG),
    ];
    known
        .into_iter()
        .find_map(|(name, domain)| Some((name, domain, Fields::after(line, name)?)))
}

/// Where the state stands: behind `<n>` or first.
fn state_at(fields: &Fields<'_>) -> usize {
    let Field::Bare(second) = fields.get(1) else {
        return 0;
    };
    let small = second.len() <= 3 && second.iter().all(u8::is_ascii_digit);
    // Three fields are state, area and cell, even where the area is short.
    usize::from(small && fields.len() != 3)
}

/// Access technologies are small numbers; what is greater is a cell.
const MOST_ACCESS: u8 = 32;

fn hex<T: TryFrom<u64>>(text: Option<&str>) -> Option<T> {
    let digits = text?.trim();
    T::try_from(u64::from_str_radix(digits, 16).ok()?).ok()
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Circuit => "CREG",
            Self::Packet => "CGREG",
            Self::Eps => "CEREG",
            Self::FiveG => "C5GREG",
        })
    }
}
