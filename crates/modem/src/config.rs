//! What the operator decides about one modem.

use std::fmt;

use zeroize::Zeroizing;

use crate::timer::TimerTable;

/// The settings of one modem and its SIM. [`Default`] suits an open SIM in a modem of any make.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The SIM's PIN. Without one, a SIM that asks for it leaves the modem locked.
    pub pin: Option<Pin>,
    /// The service centre to send through instead of the SIM's own, as `+491710760000`.
    pub smsc: Option<String>,
    /// The dialect by name (see [`dialect_names`](crate::dialect_names)) instead of the one that maker and model suggest.
    pub dialect: Option<String>,
    /// The modem that belongs here. Another IMEI is told and the modem is not used.
    pub imei: Option<String>,
    /// The card that belongs here. Another one is told and nothing is sent by it.
    pub iccid: Option<String>,
    /// Stop after identification (IMEI, ICCID, and the IMSI of an open card), before anything is set or a PIN is asked for,
    /// until
    /// [`Job::Adopt`](crate::Job::Adopt) brings the settings of the slot that was recognised.
    pub identify_only: bool,
    /// Hang up incoming calls.
    pub hang_up_calls: bool,
    /// Receive class 0 (flash) messages: they are routed directly (`mt=2`), which needs `+CSMS=1` and an acknowledgement
    /// for each message. Without it they are often lost by the modem.
    pub flash: bool,
    /// The memory that messages are to be stored in (`SM`, `ME`), instead of the dialect's choice.
    pub memory: Option<[u8; 2]>,
    /// The character set to ask for first (`+CSCS`), instead of the dialect's choice.
    pub charset: Option<String>,
    /// All durations.
    pub timers: TimerTable,
}

/// A PIN. Never shown, and wiped from memory when dropped.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// A PIN of four to eight digits (TS 31.101 9.5.1); nothing for any other text.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (4..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The digits, for the one command that enters them.
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }

    /// Eight bits of a sum of the digits (FNV-1a, then mixed as MurmurHash does at its end): enough to tell a PIN that was
    /// corrected from one that was not, and far too little to tell the PIN. One in 256 others has the same.
    pub(crate) fn mark(&self) -> u8 {
        let sum = self.0.bytes().fold(0x811c_9dc5_u32, |sum, octet| {
            (sum ^ u32::from(octet)).wrapping_mul(0x0100_0193)
        });
        let mixed = (sum ^ (sum >> 16)).wrapping_mul(0x85eb_ca6b);
        let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
        (mixed ^ (mixed >> 16)).to_be_bytes()[3]
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_a_corrected_pin_and_fits_many() {
        let mark = |text: &str| Pin::new(text).map(|pin| pin.mark());
        assert_eq!(mark("4711"), mark("4711"));
        for other in ["4710", "4171", "0815", "47110", "9999"] {
            assert_ne!(mark("4711"), mark(other), "{other}");
        }
        let mut alike = [0; 256];
        for pin in 0..10_000 {
            alike[usize::from(mark(&format!("{pin:04}")).unwrap())] += 1;
        }
        assert!(alike.iter().all(|count| (20..70).contains(count)), "{alike:?}");
    }

    #[test]
    fn a_pin_is_never_shown() {
        let pin = Pin::new("1234").unwrap();
        assert!(!format!("{pin:?}").contains("1234"));
    }

    #[test]
    fn a_pin_has_four_to_eight_digits() {
        assert!(Pin::new("123").is_none());
        assert!(Pin::new("123456789").is_none());
        assert!(Pin::new("12a4").is_none());
        assert!(Pin::new("0000").is_some());
    }
}
