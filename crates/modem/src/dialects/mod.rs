//! What differs between makers, as data: one file a maker, and every oddity names who showed it.
//!
//! A dialect never decides anything; the tasks read it. [`select`] finds it by `+CGMI` and `+CGMM`. A new one starts from
//! [`GENERIC`], changes what differs, says beside each change which device showed it, joins `ALL`, and gets a row in the
//! test below and a claim in `tests/quirks.rs`.

mod cinterion;
mod generic;
mod huawei;
mod quectel;
mod sierra_wavecom;
mod simcom;
mod telit;
mod ublox;
mod zte;

use std::time::Duration;

pub(crate) use generic::GENERIC;

/// How a family of modems differs from TS 27.005 and TS 27.007.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Its name, as the configuration and the facts have it.
    pub(crate) name: &'static str,
    /// `+CGMI` contains one of these, in small letters.
    pub(crate) makers: &'static [&'static str],
    /// And `+CGMM` contains one of these, in small letters; empty for any model.
    pub(crate) models: &'static [&'static str],
    /// Sent once after identification; what is refused does not matter. Nothing here may be kept by the modem over a restart.
    pub(crate) greeting: &'static [&'static str],
    /// Commands that tell the ICCID, best first; `+CRSM` (TS 27.007 8.18) is tried after them.
    pub(crate) iccid: &'static [&'static str],
    /// The command that tells how many PIN tries are left; `+CPINR` and the `+CSIM` probe are tried after it.
    pub(crate) pin_counter: Option<&'static str>,
    /// Ends `+CPIN:` without OK.
    pub(crate) pin_without_ok: bool,
    /// Character sets to choose from, best first.
    pub(crate) charsets: &'static [&'static str],
    /// Memories to receive into, best first.
    pub(crate) memories: &'static [[u8; 2]],
    /// `+CMGL` is not to be trusted: places are read one by one.
    pub(crate) reads_by_index: bool,
    /// The first index of a memory.
    pub(crate) first_index: u16,
    /// Where status reports lie, whatever `+CDSI` says.
    pub(crate) report_memory: Option<[u8; 2]>,
    /// How a USSD request is written.
    pub(crate) ussd: UssdForm,
    /// The answer deadline of `+CMGS` and `+CMSS`, where the maker states one; else the table's.
    pub(crate) result: Option<Duration>,
    /// Keeps the link open between messages (`+CMMS`).
    pub(crate) bursts: bool,
    /// Needs rest between commands.
    pub(crate) gap: Duration,
    /// Takes no message command before it said `SMS Ready` after a start.
    pub(crate) says_sms_ready: bool,
    /// Switches the radio off.
    pub(crate) radio_off: &'static str,
    /// Switches it on.
    pub(crate) radio_on: &'static str,
    /// Restarts the modem; `None` where that is dangerous or unknown.
    pub(crate) reset: Option<&'static str>,
    /// Hangs up, best first.
    pub(crate) hang_up: &'static [&'static str],
    /// Meanings of `+CMS ERROR` from 512 on, which belong to the maker.
    pub(crate) codes: &'static [(u16, VendorCode)],
    /// The last of the maker's codes that are known; those not listed up to it are permanent.
    pub(crate) last_code: u16,
}

/// How a USSD request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UssdForm {
    /// As it is.
    Plain,
    /// Packed septets in hex.
    Packed,
    /// UCS-2 in hex.
    Ucs2,
}

/// What a maker's own code means for a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VendorCode {
    /// Passes by itself.
    Retry,
    /// A collision with an incoming message.
    Collision,
}

/// Every dialect, the particular before the general.
const ALL: &[&Dialect] = &[
    &huawei::E1750,
    &huawei::HUAWEI,
    &zte::ZTE,
    &quectel::QUECTEL,
    &simcom::SIMCOM,
    &telit::TELIT,
    &ublox::UBLOX,
    &cinterion::TC35,
    &cinterion::CINTERION,
    &sierra_wavecom::SIERRA_WAVECOM,
    &GENERIC,
];

/// The names that [`Config::dialect`](crate::Config) may have.
pub fn dialect_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|dialect| dialect.name)
}

/// The dialect with this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Dialect> {
    ALL.iter().find(|dialect| dialect.name == name).copied()
}

/// The dialect of this maker and model.
pub(crate) fn select(maker: &str, model: &str) -> &'static Dialect {
    let maker = maker.to_lowercase();
    let model = model.to_lowercase();
    let found = ALL.iter().find(|dialect| dialect.speaks(&maker, &model));
    found.copied().unwrap_or(&GENERIC)
}

impl Dialect {
    fn speaks(&self, maker: &str, model: &str) -> bool {
        let made = self.makers.iter().any(|name| maker.contains(name));
        made && (self.models.is_empty() || self.models.iter().any(|name| model.contains(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_and_models_of_the_transcripts_find_their_dialect() {
        let cases = [
            ("huawei", "K3715", "huawei"),
            ("Vodafone (Huawei)", "K4505", "huawei"),
            ("huawei", "E1750", "huawei-e1750"),
            ("ZTE INCORPORATED", "K3565-Z", "zte"),
            ("QUALCOMM INCORPORATED", "M6280", "zte"),
            ("SIMCOM_Ltd", "SIMCOM_SIM800C", "simcom"),
            ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "simcom"),
            ("Quectel", "EC25", "quectel"),
            ("Telit", "LE910C1-EU", "telit"),
            ("u-blox", "SARA-R410M", "ublox"),
            ("Cinterion", "EHS6", "cinterion"),
            ("SIEMENS", "TC35i", "cinterion-tc35"),
            ("SIEMENS", "MC75", "cinterion"),
            (" WAVECOM MODEM", " MULTIBAND  900E  1800", "sierra-wavecom"),
            ("Sierra Wireless, Incorporated", "MC7455", "sierra-wavecom"),
            ("Nokia", "Nokia N79", "generic"),
            ("", "", "generic"),
        ];
        for (maker, model, name) in cases {
            assert_eq!(select(maker, model).name, name, "{maker} {model}");
        }
    }

    #[test]
    fn no_dialect_resets_a_huawei_stick() {
        for dialect in ALL.iter().filter(|dialect| dialect.name.starts_with("huawei")) {
            assert_eq!(dialect.reset, None, "{}", dialect.name);
        }
    }

    #[test]
    fn no_dialect_writes_to_the_modems_memory() {
        for dialect in ALL {
            let commands = dialect.greeting.iter().chain(dialect.iccid);
            for command in commands {
                assert!(!command.contains("&W") && !command.contains("ZCDRUN"), "{command}");
            }
        }
    }

    #[test]
    fn every_dialect_has_its_own_name() {
        for (place, name) in dialect_names().enumerate() {
            assert_eq!(dialect_names().position(|other| other == name), Some(place));
            assert_eq!(by_name(name).map(|dialect| dialect.name), Some(name));
        }
    }
}
