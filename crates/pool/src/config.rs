//! What an operator says about ports and slots.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use message::{Number, RouteId};
use modem::Pin;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::glob;

/// Where modems are looked for, and which slots there are (`[pool]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folders whose entries are ports. Default: `/dev/serial/by-id`.
    pub directories: Vec<PathBuf>,
    /// Patterns of further ports, such as `/dev/ttyUSB*`. Default: none.
    pub globs: Vec<String>,
    /// Seconds between two looks around, besides being told of changes. Default: 5.
    pub rescan_s: u16,
    /// Seconds after which a port that says nothing intelligible is given up for a while. Default: 20.
    pub probe_s: u16,
    /// Where it is noted which modem was found at which port, so that it is looked for there first. Default: nowhere.
    pub hint_file: Option<PathBuf>,
    /// Lock ports against other programs. Default: yes.
    pub exclusive: bool,
    /// A folder for what goes over the wires, a file a slot. Default: nowhere. PINs are never written.
    pub trace_folder: Option<PathBuf>,
    /// Write message texts and numbers into the trace too. Default: no.
    pub trace_texts: bool,
    /// A folder for traces that are switched on while the gateway runs, where `trace_folder` names none.
    #[serde(skip)]
    pub trace_place: Option<PathBuf>,
    /// The slots by name.
    pub slots: BTreeMap<RouteId, SlotConfig>,
}

/// One slot: the place that ties a modem and its SIM together.
///
/// It is known by its port, by a pattern of ports, or by what the modem or its card says; of those that are given, all
/// must hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlotConfig {
    /// Whether it is used. Default: yes.
    pub enabled: bool,
    /// The path of the port.
    pub port: Option<PathBuf>,
    /// A pattern of ports.
    pub glob: Option<String>,
    /// The modem's IMEI.
    pub imei: Option<String>,
    /// The card's number.
    pub iccid: Option<String>,
    /// The card's IMSI. It can be read only from a card without PIN.
    pub imsi: Option<String>,
    /// Bits per second. Default: 115200; USB modems do not care.
    pub baud: u32,
    /// Whether RTS and CTS control the flow. Default: no.
    pub flow_control: bool,
    /// The SIM's PIN, in quotes.
    pub pin: Option<Secret>,
    /// The SIM's own number, where the card does not tell it.
    pub number: Option<Number>,
    /// The service centre to send through instead of the SIM's own.
    pub smsc: Option<String>,
    /// The dialect by name, where maker and model suggest a wrong one.
    pub dialect: Option<String>,
    /// Keep a trace of each attempt on the modem itself (`+CMGW`, then `+CMSS`), so that a crash in the middle of it is
    /// settled by reading the modem and nothing goes out twice. It costs a write to the SIM for each part. Default: no.
    pub journal: bool,
    /// Hang up incoming calls. Default: no.
    pub hang_up_calls: bool,
    /// Receive class 0 messages, which many modems else lose. Default: no.
    pub flash: bool,
    /// The memory that messages are to be stored in, `SM` or `ME`, instead of the dialect's choice.
    pub memory: Option<String>,
    /// Durations, for tests.
    #[serde(skip)]
    pub timers: modem::TimerTable,
}

/// A PIN as configured. Never shown, and wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// Something in the settings that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The key below `pool`.
    pub key: String,
    /// What it says, as far as it may be shown.
    pub value: String,
    /// What would be right.
    pub right: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directories: vec![PathBuf::from("/dev/serial/by-id")],
            globs: Vec::new(),
            rescan_s: 5,
            probe_s: 20,
            hint_file: None,
            exclusive: true,
            trace_folder: None,
            trace_texts: false,
            trace_place: None,
            slots: BTreeMap::new(),
        }
    }
}

impl Default for SlotConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            port: None,
            glob: None,
            imei: None,
            iccid: None,
            imsi: None,
            baud: 115_200,
            flow_control: false,
            pin: None,
            number: None,
            smsc: None,
            dialect: None,
            journal: false,
            hang_up_calls: false,
            flash: false,
            memory: None,
            timers: modem::TimerTable::default(),
        }
    }
}

impl Config {
    /// Everything that cannot be right, in the order of the slots.
    pub fn check(&self) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        if self.rescan_s == 0 {
            troubles.push(Trouble::new("rescan_s", 0, "1 to 65535 seconds"));
        }
        if self.probe_s < SHORTEST_PROBE {
            troubles.push(Trouble::new("probe_s", self.probe_s, "at least 3 seconds"));
        }
        for (index, pattern) in self.globs.iter().enumerate() {
            if !glob::is_sound(pattern) {
                troubles.push(Trouble::new(&format!("globs[{index}]"), pattern, GLOB));
            }
        }
        for (name, slot) in &self.slots {
            slot.check(&format!("slots.{name}"), &mut troubles);
        }
        self.check_twins(&mut troubles);
        troubles
    }

    /// The time between two looks around.
    pub fn rescan(&self) -> Duration {
        Duration::from_secs(self.rescan_s.max(1).into())
    }

    /// The time a port has to say something intelligible.
    pub fn probe(&self) -> Duration {
        Duration::from_secs(self.probe_s.max(SHORTEST_PROBE).into())
    }

    /// Two slots that nothing tells apart would take turns.
    fn check_twins(&self, troubles: &mut Vec<Trouble>) {
        let mut seen = BTreeMap::new();
        for (name, slot) in self.slots.iter().filter(|(_, slot)| slot.enabled) {
            // A pattern may serve several slots: each takes the next free port.
            if slot.port.is_none() && slot.glob.is_some() && !slot.has_identity() {
                continue;
            }
            let marks = (&slot.port, &slot.glob, &slot.imei, &slot.iccid, &slot.imsi);
            if let Some(twin) = seen.insert(marks, name) {
                let right = format!("something that tells it from slot {twin}: a port, a glob, an ICCID");
                troubles.push(Trouble::new(&format!("slots.{name}"), "the same marks", &right));
            }
        }
    }
}

impl SlotConfig {
    /// Whether what the modem or its card says decides about the port.
    pub fn has_identity(&self) -> bool {
        self.imei.is_some() || self.iccid.is_some() || self.imsi.is_some()
    }

    /// The settings of the machine.
    pub(crate) fn modem(&self) -> modem::Config {
        modem::Config {
            pin: self.pin.as_ref().and_then(|secret| Pin::new(&secret.0)),
            smsc: self.smsc.clone(),
            dialect: self.dialect.clone(),
            imei: self.imei.clone(),
            iccid: self.iccid.clone(),
            identify_only: false,
            hang_up_calls: self.hang_up_calls,
            flash: self.flash,
            memory: self.memory.as_deref().and_then(two_letters),
            timers: self.timers.clone(),
            ..modem::Config::default()
        }
    }

    fn check(&self, key: &str, troubles: &mut Vec<Trouble>) {
        let mut wrong = |name: &str, value: &str, right: &str| {
            troubles.push(Trouble::new(&format!("{key}.{name}"), value, right));
        };
        if self.port.is_none() && self.glob.is_none() && !self.has_identity() {
            wrong(
                "port",
                "missing",
                "one of port, glob, imei, iccid, imsi, so that the modem can be found",
            );
        }
        let digits = [
            ("imei", &self.imei, 14..=16, "15 digits"),
            ("iccid", &self.iccid, 18..=22, "18 to 22 digits, beginning with 89"),
            ("imsi", &self.imsi, 6..=15, "6 to 15 digits"),
        ];
        for (name, value, length, right) in digits {
            let Some(value) = value else { continue };
            if !length.contains(&value.len()) || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                wrong(name, value, right);
            }
        }
        if let Some(glob) = self.glob.as_deref().filter(|pattern| !glob::is_sound(pattern)) {
            wrong("glob", glob, GLOB);
        }
        if let Some(port) = self.port.as_deref().filter(|port| port.is_relative()) {
            wrong(
                "port",
                &port.display().to_string(),
                "a whole path, such as /dev/ttyUSB0",
            );
        }
        if let Some(memory) = self.memory.as_deref().filter(|name| !MEMORIES.contains(name)) {
            wrong("memory", memory, "SM (the SIM), ME (the modem) or MT (both)");
        }
        let known = |name: &&str| !modem::dialect_names().any(|dialect| dialect == *name);
        if let Some(dialect) = self.dialect.as_deref().filter(known) {
            let names: Vec<_> = modem::dialect_names().collect();
            wrong("dialect", dialect, &format!("one of {}", names.join(", ")));
        }
        let smsc = self.smsc.as_deref().unwrap_or("+1");
        let plain = smsc.strip_prefix('+').unwrap_or(smsc);
        if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
            wrong("smsc", smsc, "a number, such as +491710760000");
        }
        if let Some(number) = self.number.as_ref().filter(|number| !is_e164(number)) {
            let right = "a number with its country code (E.164), as \"+491711234567\"";
            wrong("number", &number.to_string(), right);
        }
        if !RATES.contains(&self.baud) {
            let rates: Vec<_> = RATES.iter().map(u32::to_string).collect();
            let right = format!("one of {}, most often 115200", rates.join(", "));
            wrong("baud", &self.baud.to_string(), &right);
        }
    }
}

impl Trouble {
    fn new(key: &str, value: impl ToString, right: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_string(),
            right: right.to_owned(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; right would be {}", self.key, self.value, self.right)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        if Pin::new(&text).is_none() {
            // The wrong value may be a right PIN with a slip, so it is not shown.
            return Err(serde::de::Error::custom(
                "a PIN has four to eight digits and stands in quotes",
            ));
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

fn two_letters(name: &str) -> Option<[u8; 2]> {
    let letters: [u8; 2] = name.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_uppercase).then_some(letters)
}

fn is_e164(number: &Number) -> bool {
    number.is_international() && Number::parse(&number.to_string(), None).is_ok()
}

const GLOB: &str = "a pattern of whole paths, such as /dev/ttyUSB* or /dev/ttyUSB[0-3]";

/// The memories that one can send from and store in (TS 27.005 3.2.2); `BM` and `SR` hold other things.
const MEMORIES: [&str; 3] = ["SM", "ME", "MT"];

/// The rates that serial drivers of Linux know by name.
const RATES: [u32; 23] = [
    300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600,
    1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

/// A modem that sleeps needs a second or two to answer at all.
const SHORTEST_PROBE: u16 = 3;
