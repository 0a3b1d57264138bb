//! Signal: `+CSQ`, `+CESQ`, and dBm.

use super::{Malformed, named};

/// `+CSQ` (TS 27.007 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csq {
    /// 0–31, or 100–191 for TD-SCDMA; 99 and 199 unknown.
    pub rssi: u8,
    /// Bit error rate 0–7; nothing when unknown or missing.
    pub ber: Option<u8>,
}

/// `+CESQ` (TS 27.007 8.69); what is unknown (99 or 255) is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cesq {
    /// GSM level, 0–63.
    pub rxlev: Option<u8>,
    /// GSM bit error rate, 0–7.
    pub ber: Option<u8>,
    /// UMTS level, 0–96.
    pub rscp: Option<u8>,
    /// UMTS quality, 0–49.
    pub ecn0: Option<u8>,
    /// LTE quality, 0–34.
    pub rsrq: Option<u8>,
    /// LTE level, 0–97.
    pub rsrp: Option<u8>,
}

impl Csq {
    /// Level in dBm; nothing when unknown. 0 means −113 or less, 31 −51 or more.
    pub fn dbm(&self) -> Option<i16> {
        match self.rssi {
            level @ 0..=31 => Some(-113 + 2 * i16::from(level)),
            level @ 100..=191 => Some(-116 + i16::from(level) - 100),
            _ => None,
        }
    }
}

impl Cesq {
    /// Level in dBm by whichever technology tells one.
    pub fn dbm(&self) -> Option<i16> {
        let whole = |level: f32| level as i16;
        let gsm = self.rxlev.map(|level| -111 + i16::from(level));
        self.rsrp_dbm().or(self.rscp_dbm()).map(whole).or(gsm)
    }

    /// LTE level in dBm, the upper bound of its step.
    pub fn rsrp_dbm(&self) -> Option<f32> {
        self.rsrp.map(|level| -141.0 + f32::from(level))
    }

    /// LTE quality in dB, the upper bound of its step.
    pub fn rsrq_db(&self) -> Option<f32> {
        self.rsrq.map(|level| -20.0 + 0.5 * f32::from(level))
    }

    /// UMTS level in dBm, the upper bound of its step.
    pub fn rscp_dbm(&self) -> Option<f32> {
        self.rscp.map(|level| -121.0 + f32::from(level))
    }

    /// UMTS quality in dB, the upper bound of its step.
    pub fn ecn0_db(&self) -> Option<f32> {
        self.ecn0.map(|level| -24.5 + 0.5 * f32::from(level))
    }
}

/// Reads `+CSQ: rssi,ber`. Some modems add values, some leave `ber` out.
///
/// # Errors
/// When it is another result or has no level.
pub fn csq(line: &[u8]) -> Result<Csq, Malformed> {
    let fields = named(line, "+CSQ")?;
    Ok(Csq {
        rssi: fields.number(0).ok_or(Malformed::of("+CSQ", "rssi"))?,
        ber: fields.number(1).filter(|&rate: &u8| rate < 99),
    })
}

/// Reads `+CESQ`.
///
/// # Errors
/// When it is another result or has no field at all.
pub fn cesq(line: &[u8]) -> Result<Cesq, Malformed> {
    let fields = named(line, "+CESQ")?;
    if fields.is_empty() {
        return Err(Malformed::of("+CESQ", "rxlev"));
    }
    let known = |at, unknown| fields.number(at).filter(|&level: &u8| level != unknown);
    Ok(Cesq {
        rxlev: known(0, 99),
        ber: known(1, 99),
        rscp: known(2, 255),
        ecn0: known(3, 255),
        rsrq: known(4, 255),
        rsrp: known(5, 255),
    })
}
