//! How a make of modem differs from the standard: data, one TOML file per make in `profiles/`.
//!
//! Each file says where its behaviour was seen. A file of one's own needs only the keys that differ from the generic
//! modem: everything has a default.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// The behaviour of one make of modem.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The name by which options and records know it.
    pub name: String,
    /// Answer to `AT+CGMI`.
    pub maker: String,
    /// Answer to `AT+CGMM`.
    pub model: String,
    /// Answer to `AT+CGMR`; empty: the command is refused.
    pub revision: String,
    /// Replies start with CR LF, as V.250 has it.
    pub leading_crlf: bool,
    /// Commands are echoed until `ATE0`.
    pub echo: bool,
    /// What invites the PDU.
    pub prompt: String,
    /// Number of the first place in a memory.
    pub index_base: usize,
    /// Places in the modem's own memory (`ME`).
    pub me_size: usize,
    /// Places for status reports (`SR`).
    pub sr_size: usize,
    /// Names accepted for `<mem1>`, `<mem2>` and `<mem3>` of `+CPMS`.
    pub memories: [Vec<String>; 3],
    /// Memory in use after power on.
    pub default_memory: String,
    /// Answer to `AT+CPMS=?` where it is not built from `memories`.
    pub cpms_test: Option<String>,
    /// Accepted values of mode, mt, bm, ds, bfr of `+CNMI`.
    pub cnmi: [Vec<u8>; 5],
    /// Answer to `AT+CNMI=?` where it promises something else than `cnmi`.
    pub cnmi_test: Option<String>,
    /// `+CNMI` in use after power on.
    pub cnmi_default: [u8; 5],
    /// `+CDSI` names this memory, whichever holds the report.
    pub cdsi_memory: Option<String>,
    /// `AT+CPIN?` is followed by `OK`.
    pub cpin_ok: bool,
    /// How many commands after `AT+CFUN=1` are answered `+CME ERROR: 515`.
    pub busy_after_cfun: u8,
    /// Only `+CPIN` and a few more work before the PIN (`+CME ERROR: 11` else); false: only what needs the SIM is refused.
    pub pin_gates_all: bool,
    /// How long after the PIN `+CSCA` and messages answer "SIM busy", in milliseconds.
    pub sim_busy_ms: u64,
    /// How long registration takes after the SIM is ready, in milliseconds.
    pub register_ms: u64,
    /// `AT+CSMP=` makes the modem forget its SMSC.
    pub csmp_clears_csca: bool,
    /// What reading an empty place answers.
    pub cmgr_empty: EmptyPlace,
    /// A message sent from its place by `+CMSS` is marked as sent.
    pub cmss_marks_sent: bool,
    /// Class 0 messages are stored and announced like others; false: they are shown on a display nobody sees.
    pub stores_class0: bool,
    /// Line sent when a message finds the memory full.
    pub full_urc: Option<String>,
    /// How USSD strings look.
    pub ussd: UssdForm,
    /// `<dcs>` of `+CUSD`; absent: no `<dcs>`.
    pub ussd_dcs: Option<u8>,
    /// `+CUSD` comes before the `OK`.
    pub ussd_before_ok: bool,
    /// A `+CUSD: 2` with the notice of release comes before the last text.
    pub ussd_extra_release: bool,
    /// What ESC at the prompt answers; absent: nothing.
    pub escape_reply: Option<String>,
    /// How long a reboot takes, in milliseconds.
    pub boot_ms: u64,
    /// Lines sent at the end of a reboot, before the SIM is ready.
    pub boot_urcs: Vec<String>,
    /// Lines sent when messages can be used.
    pub ready_urcs: Vec<String>,
    /// Lines that come by themselves, each in its turn.
    pub noise: Vec<String>,
    /// Time between two lines of noise, in milliseconds; 0: never.
    pub noise_ms: u64,
    /// Lines end with this instead of CR LF where they are noise.
    pub noise_end: String,
    /// Commands that ask for the ICCID and what they answer; `{iccid}` stands for it.
    pub iccid: BTreeMap<String, String>,
    /// Command that asks for the PIN counters, and its lines with `{pin}`, `{puk}`, `{pin2}`, `{puk2}`, `{state}`.
    pub pin_counter: BTreeMap<String, Vec<String>>,
    /// `AT+CPINR` works.
    pub cpinr: bool,
    /// `AT+CSIM` works.
    pub csim: bool,
    /// Values of `+CREG`, `+CGREG`, `+CEREG` when registered at home; 99: the command is unknown.
    pub registered: [u8; 3],
    /// Access technology given with registration and operator.
    pub act: u8,
    /// Character sets of `+CSCS`.
    pub charsets: Vec<String>,
    /// `+CSMS` services known: 0, or 0 and 1.
    pub csms: Vec<u8>,
    /// `+CMMS` works.
    pub cmms: bool,
    /// Lines of an incoming call; `{number}` stands for the caller. Sent with the `+CLIP` line where that is on.
    pub ring: String,
    /// Line at the end of a call.
    pub hangup: String,
    /// Answers that differ, by command as it is sent without `AT`. A last line of `ERROR`, `+CME ERROR: n` or `OK` is final,
    /// `-` means no answer at all; else `OK` follows.
    pub answers: BTreeMap<String, Vec<String>>,
}

/// What `AT+CMGR` of an empty place answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyPlace {
    /// `+CMS ERROR: 321`.
    Error,
    /// Only `OK`.
    Ok,
    /// `+CMGR: 0,,0` and `OK`.
    Zero,
}

/// How USSD strings stand in `+CUSD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UssdForm {
    /// As `+CSCS` says: text, or UCS-2 in hexadecimal.
    Charset,
    /// Always text.
    Plain,
    /// Always UCS-2 in hexadecimal.
    Ucs2,
    /// GSM 7-bit, packed, in hexadecimal, both ways.
    Packed,
}

impl Profile {
    /// The names of the profiles that are built in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A profile that is built in, or the one in the file of that path (a name with a slash or ending in `.toml`).
    ///
    /// # Errors
    /// An unknown name, an unreadable file, or a key or value that is not understood.
    pub fn find(name: &str) -> Result<Self, Error> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            return Self::parse(name, text);
        }
        if !name.contains('/') && !name.ends_with(".toml") {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            return Err(Error::Profile {
                name: name.into(),
                reason: format!("not built in (there are {known})"),
            });
        }
        let text = std::fs::read_to_string(Path::new(name)).map_err(|error| Error::Profile {
            name: name.into(),
            reason: error.to_string(),
        })?;
        Self::parse(name, &text)
    }

    /// Reads a profile; `name` is for the error only.
    ///
    /// # Errors
    /// A key or value that is not understood.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Profile {
            name: name.into(),
            reason: error.to_string(),
        })
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "generic".into(),
            maker: "Generic".into(),
            model: "GSM modem".into(),
            revision: "1.0".into(),
            leading_crlf: true,
            echo: true,
            prompt: "\r\n> ".into(),
            index_base: 1,
            me_size: 100,
            sr_size: 10,
            memories: ["SM ME MT SR", "SM ME MT", "SM ME MT"].map(|names| owned(&names.split(' ').collect::<Vec<_>>())),
            default_memory: "SM".into(),
            cpms_test: None,
            cnmi: [
                vec![0, 1, 2, 3],
                vec![0, 1, 2, 3],
                vec![0, 2, 3],
                vec![0, 1, 2],
                vec![0, 1],
            ],
            cnmi_test: None,
            cnmi_default: [0; 5],
            cdsi_memory: None,
            cpin_ok: true,
            busy_after_cfun: 0,
            pin_gates_all: false,
            sim_busy_ms: 0,
            register_ms: 0,
            csmp_clears_csca: false,
            cmgr_empty: EmptyPlace::Error,
            cmss_marks_sent: true,
            stores_class0: true,
            full_urc: None,
            ussd: UssdForm::Charset,
            ussd_dcs: Some(15),
            ussd_before_ok: false,
            ussd_extra_release: false,
            escape_reply: Some("OK".into()),
            boot_ms: 300,
            boot_urcs: Vec::new(),
            ready_urcs: Vec::new(),
            noise: Vec::new(),
            noise_ms: 0,
            noise_end: "\r\n".into(),
            iccid: [("+CCID", "+CCID: {iccid}"), ("+ICCID", "+ICCID: {iccid}")]
                .map(|(command, answer)| (command.into(), answer.into()))
                .into(),
            pin_counter: BTreeMap::new(),
            cpinr: true,
            csim: true,
            registered: [1, 1, 1],
            act: 7,
            charsets: owned(&["GSM", "IRA", "UCS2"]),
            csms: vec![0, 1],
            cmms: true,
            ring: "RING".into(),
            hangup: "NO CARRIER".into(),
            answers: BTreeMap::new(),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.into()).collect()
}

const BUILT_IN: [(&str, &str); 9] = [
    ("generic", include_str!("../profiles/generic.toml")),
    ("huawei", include_str!("../profiles/huawei.toml")),
    ("zte", include_str!("../profiles/zte.toml")),
    ("quectel", include_str!("../profiles/quectel.toml")),
    ("simcom", include_str!("../profiles/simcom.toml")),
    ("telit", include_str!("../profiles/telit.toml")),
    ("ublox", include_str!("../profiles/ublox.toml")),
    ("cinterion", include_str!("../profiles/cinterion.toml")),
    ("wavecom", include_str!("../profiles/wavecom.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_understood_and_bears_its_name() {
        for name in Profile::names() {
            assert_eq!(
                Profile::find(name).map(|profile| profile.name).ok().as_deref(),
                Some(name)
            );
        }
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let error = Profile::parse("mine", "indexbase = 0").unwrap_err().to_string();
        assert!(error.contains("indexbase"), "{error}");
    }
}
