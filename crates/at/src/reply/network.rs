//! What makers tell about network and SIM beyond the standard: `^SYSINFO`,
//! `^SYSINFOEX`, `^HCSQ`, `+QNWINFO`, `+QSPN`, `#QSS`.

use super::{Malformed, named};
use crate::fields::Fields;

/// `^SYSINFO` and `^SYSINFOEX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SysInfo {
    /// 0 no service, 1 restricted, 2 service, 3 restricted region, 4 asleep.
    pub service: u8,
    /// 0 none, 1 circuit, 2 packet, 3 both, 4 neither yet.
    pub domain: u8,
    /// 1 roaming.
    pub roaming: u8,
    /// System by the maker's numbers; they differ between the two results.
    pub system: u8,
    /// 1 the SIM is usable; 255 absent.
    pub sim: u8,
    /// The finer system; 0 where not told.
    pub subsystem: u8,
    /// Whether the finer system is marked as valid.
    pub subsystem_valid: bool,
}

/// `^HCSQ`: system and its levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hcsq {
    /// `GSM`, `WCDMA`, `LTE`, `NOSERVICE`.
    pub system: String,
    /// Levels in steps of the system.
    pub levels: Vec<i64>,
}

/// One line of `+QNWINFO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInfo {
    /// Access technology in the modem's words.
    pub access: String,
    /// Country and network code.
    pub plmn: String,
    /// Band in the modem's words.
    pub band: String,
    /// Channel.
    pub channel: Option<u32>,
}

/// `+QSPN`: names of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkNames {
    /// Full name.
    pub full: String,
    /// Short name.
    pub short: String,
    /// The SIM's name for it.
    pub provider: String,
    /// 0 GSM alphabet, 1 UCS-2.
    pub alphabet: Option<u8>,
    /// Country and network code.
    pub plmn: String,
}

/// `#QSS`: the SIM's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimState {
    /// Not there.
    Removed,
    /// There.
    Inserted,
    /// There and unlocked.
    Unlocked,
    /// There, unlocked, and its messages and phone book can be read.
    Ready,
}

/// Reads `^SYSINFO`: service, domain, roaming, system, SIM, valid, subsystem.
/// Some firmware leaves the mark out and writes the subsystem in its place.
///
/// # Errors
/// When it is another result or one of the first five fields is missing.
pub fn sysinfo(line: &[u8]) -> Result<SysInfo, Malformed> {
    let fields = named(line, "^SYSINFO")?;
    let number = |at, field| fields.number::<u8>(at).ok_or(Malformed::of("^SYSINFO", field));
    Ok(SysInfo {
        service: number(0, "srv_status")?,
        domain: number(1, "srv_domain")?,
        roaming: number(2, "roam_status")?,
        system: number(3, "sys_mode")?,
        sim: number(4, "sim_state")?,
        subsystem: fields.number(6).or(fields.number(5)).unwrap_or_default(),
        subsystem_valid: fields.number::<u8>(6).is_some(),
    })
}

/// Reads `^SYSINFOEX`: service, domain, roaming, SIM, lock, system, its name,
/// subsystem, its name.
///
/// # Errors
/// When it is another result or a field is missing.
pub fn sysinfoex(line: &[u8]) -> Result<SysInfo, Malformed> {
    let fields = named(line, "^SYSINFOEX")?;
    let number = |at, field| fields.number::<u8>(at).ok_or(Malformed::of("^SYSINFOEX", field));
    Ok(SysInfo {
        service: number(0, "srv_status")?,
        domain: number(1, "srv_domain")?,
        roaming: number(2, "roam_status")?,
        sim: number(3, "sim_state")?,
        system: number(5, "sysmode")?,
        subsystem: number(7, "submode")?,
        subsystem_valid: true,
    })
}

/// Reads `^HCSQ`.
///
/// # Errors
/// When it is another result or names no system.
pub fn hcsq(line: &[u8]) -> Result<Hcsq, Malformed> {
    let fields = named(line, "^HCSQ")?;
    let system = fields.text(0).ok_or(Malformed::of("^HCSQ", "sysmode"))?;
    Ok(Hcsq {
        system,
        levels: fields.numbers(),
    })
}

/// Reads `+QNWINFO`.
///
/// # Errors
/// When it is another result or names no access technology.
pub fn qnwinfo(line: &[u8]) -> Result<NetworkInfo, Malformed> {
    let fields = named(line, "+QNWINFO")?;
    Ok(NetworkInfo {
        access: fields.text(0).ok_or(Malformed::of("+QNWINFO", "act"))?,
        plmn: text(&fields, 1),
        band: text(&fields, 2),
        channel: fields.number(3),
    })
}

/// Reads `+QSPN`.
///
/// # Errors
/// When it is another result.
pub fn qspn(line: &[u8]) -> Result<NetworkNames, Malformed> {
    let fields = named(line, "+QSPN")?;
    Ok(NetworkNames {
        full: text(&fields, 0),
        short: text(&fields, 1),
        provider: text(&fields, 2),
        alphabet: fields.number(3),
        plmn: text(&fields, 4),
    })
}

/// Reads the answer `#QSS: mode,status`.
///
/// # Errors
/// When it is another result or the status is missing or unknown.
pub fn qss(line: &[u8]) -> Result<SimState, Malformed> {
    match named(line, "#QSS")?.number(1) {
        Some(0) => Ok(SimState::Removed),
        Some(1) => Ok(SimState::Inserted),
        Some(2) => Ok(SimState::Unlocked),
        Some(3) => Ok(SimState::Ready),
        _ => Err(Malformed::of("#QSS", "status")),
    }
}

fn text(fields: &Fields<'_>, at: usize) -> String {
    fields.text(at).unwrap_or_default()
}
