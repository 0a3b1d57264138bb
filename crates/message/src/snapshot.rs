//! The one value that health, statistics, metrics and the command line read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ApplicationSnapshot, Balance, CertificateFacts, ConsumerFacts, Counted, DatabaseFacts, DiskFacts, KeepAlive,
    Number, Probe, Registrations, RouteId, Traffic, UpstreamSnapshot,
};

/// How things stand, all of it, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was put together.
    pub at: Timestamp,
    /// When the gateway started.
    pub started_at: Timestamp,
    /// Every slot, in the order of the configuration.
    pub slots: Vec<SlotSnapshot>,
    /// Every upstream, in the order of the configuration.
    #[serde(default)]
    pub upstreams: Vec<UpstreamSnapshot>,
    /// Every application that may bind by SMPP, in the order of the configuration.
    #[serde(default)]
    pub applications: Vec<ApplicationSnapshot>,
    /// The queue.
    pub queue: QueueFacts,
    /// What is wrong, worst first; empty means all is well.
    pub findings: Vec<Finding>,
    /// Counted since the database was made.
    pub totals: Totals,
    /// Counted since the gateway's start, each with how often.
    pub counts: Vec<(Counted, u64)>,
    /// Every consumer, in the order of the configuration.
    pub consumers: Vec<ConsumerFacts>,
    /// The disk, where it could be asked.
    pub disk: Option<DiskFacts>,
    /// The database, where it could be asked.
    pub database: Option<DatabaseFacts>,
    /// The API's certificate, where there is an API.
    pub certificate: Option<CertificateFacts>,
}

impl Snapshot {
    /// A snapshot of nothing.
    pub fn blank(at: Timestamp) -> Self {
        Self {
            at,
            started_at: at,
            slots: Vec::new(),
            upstreams: Vec::new(),
            applications: Vec::new(),
            queue: QueueFacts::default(),
            findings: Vec::new(),
            totals: Totals::default(),
            counts: Vec::new(),
            consumers: Vec::new(),
            disk: None,
            database: None,
            certificate: None,
        }
    }

    /// The worst level of all findings.
    pub fn level(&self) -> Level {
        self.findings
            .iter()
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Ok)
    }

    /// What is wrong with one subject, worst first: a slot by its name, or `store`, `queue` and the like.
    pub fn findings_of<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |finding| finding.subject == subject)
    }

    /// The worst level of one subject.
    pub fn level_of(&self, subject: &str) -> Level {
        self.findings_of(subject)
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Ok)
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Somebody should look.
    Warning,
    /// Something does not work.
    Critical,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// What it is about: a slot's or a consumer's name, `store`, `disk`, `queue`, `clock`, `certificate`,
    /// `configuration`, `health` (the facts themselves are old).
    pub subject: String,
    /// What is the case.
    pub sentence: String,
    /// What to do about it.
    pub hint: String,
    /// Since when.
    pub since: Timestamp,
}

/// One slot: its port, its modem, its SIM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotSnapshot {
    /// The slot's name.
    pub slot: RouteId,
    /// Where its modem stands.
    pub state: SlotState,
    /// Why it is in that state.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// The port it was found on.
    pub port: Option<String>,
    /// `+CGMI`.
    pub maker: Option<String>,
    /// `+CGMM`.
    pub model: Option<String>,
    /// `+CGMR`.
    pub revision: Option<String>,
    /// `+CGSN`.
    pub imei: Option<String>,
    /// The card's number.
    pub iccid: Option<String>,
    /// `+CIMI`.
    pub imsi: Option<String>,
    /// The SIM's own number, configured or read.
    pub number: Option<Number>,
    /// The SIM's lock.
    pub lock: Lock,
    /// Where it is registered.
    pub registration: Registration,
    /// The same by technology.
    pub registrations: Registrations,
    /// The operator's name.
    pub operator: Option<String>,
    /// In dBm (TS 27.007 8.5).
    pub signal_dbm: Option<i16>,
    /// The service centre.
    pub smsc: Option<String>,
    /// The memories with their use.
    pub storage: Vec<StorageUse>,
    /// Whether status reports can arrive.
    pub reports: bool,
    /// Times the modem was initialised since start.
    pub initialisations: u32,
    /// When it was initialised last.
    pub initialised_at: Option<Timestamp>,
    /// Why: a port was opened, the modem started anew, a step of recovery.
    pub initialised_why: Option<String>,
    /// Steps of recovery taken since start, by name.
    pub recoveries: u32,
    /// What the operator said last of the balance; none where it was never told.
    pub balance: Option<Balance>,
    /// Why the last query for it told nothing; none where it did, or was never made.
    pub balance_error: Option<String>,
    /// The currency that the settings give its balance.
    #[serde(default)]
    pub currency: String,
    /// The message it sends to itself, where it does.
    pub self_test: Option<Probe>,
    /// The message it sends to the next SIM, where it does.
    pub ring: Option<Probe>,
    /// When it has to spend something, where it has.
    pub keep_alive: Option<KeepAlive>,
    /// What went over it.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl SlotSnapshot {
    /// The currency of its balance: as it was told, else as it will be.
    pub fn balance_currency(&self) -> &str {
        self.balance
            .as_ref()
            .map_or(&self.currency, |balance| &balance.currency)
    }

    /// A slot of which nothing is known yet.
    pub fn blank(slot: RouteId, at: Timestamp) -> Self {
        Self {
            slot,
            state: SlotState::Absent,
            reason: "its port is looked for".to_owned(),
            since: at,
            port: None,
            maker: None,
            model: None,
            revision: None,
            imei: None,
            iccid: None,
            imsi: None,
            number: None,
            lock: Lock::Unknown,
            registration: Registration::Unknown,
            registrations: Registrations::default(),
            operator: None,
            signal_dbm: None,
            smsc: None,
            storage: Vec::new(),
            reports: false,
            initialisations: 0,
            initialised_at: None,
            initialised_why: None,
            recoveries: 0,
            balance: None,
            balance_error: None,
            currency: String::new(),
            self_test: None,
            ring: None,
            keep_alive: None,
            traffic: Traffic::default(),
        }
    }
}

/// Where a slot's modem stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// Not to be used, by configuration.
    Disabled,
    /// No port found.
    Absent,
    /// A port is open; the modem is asked who it is and set up.
    Starting,
    /// Set up, but not registered in a network.
    Searching,
    /// Ready to send and receive.
    Ready,
    /// Ready, with an exchange going on.
    Busy,
    /// The SIM wants a PIN or PUK that the gateway does not enter.
    Locked,
    /// No SIM, or the SIM failed.
    NoSim,
    /// Another card than the one bound to the slot.
    WrongSim,
    /// Being brought back by the recovery ladder.
    Recovering,
    /// Given up for a while after too many recoveries.
    Quarantined,
}

impl SlotState {
    /// Whether a part may be given to it.
    pub fn can_send(self) -> bool {
        matches!(self, Self::Ready | Self::Busy)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Absent => "absent",
            Self::Starting => "starting",
            Self::Searching => "searching",
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Locked => "locked",
            Self::NoSim => "no SIM",
            Self::WrongSim => "wrong SIM",
            Self::Recovering => "recovering",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A SIM's lock (TS 27.007 8.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// Not read yet.
    #[default]
    Unknown,
    /// Open.
    Open,
    /// Wants the PIN; the tries left where readable.
    Pin {
        /// Tries left.
        tries: Option<u8>,
    },
    /// Wants the PUK.
    Puk {
        /// Tries left.
        tries: Option<u8>,
    },
    /// The gateway will not enter a PIN by itself any more; the reason for the operator.
    Held {
        /// Why.
        reason: String,
        /// Tries left, where that is why: the gateway never takes the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tries: Option<u8>,
    },
}

/// Where a SIM is registered, from +CREG, +CGREG and +CEREG together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Not read yet.
    #[default]
    Unknown,
    /// Nowhere, and not searching.
    Off,
    /// Searching.
    Searching,
    /// Refused by the network.
    Denied,
    /// At home.
    Home,
    /// In a foreign network.
    Roaming,
}

impl Registration {
    /// Whether SMS can be sent.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }
}

/// One of a modem's memories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageUse {
    /// `SM`, `ME`, …
    pub memory: String,
    /// Places taken.
    pub used: u16,
    /// Places there are.
    pub total: u16,
}

/// How full the queue is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueFacts {
    /// Parts waiting.
    pub queued: u64,
    /// Parts with a modem.
    pub attempting: u64,
    /// Parts nobody knows about.
    pub uncertain: u64,
    /// When the oldest waiting part was accepted.
    pub oldest: Option<Timestamp>,
}

/// What was counted since the database was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Messages accepted.
    pub accepted: u64,
    /// Parts sent.
    pub sent: u64,
    /// Parts delivered.
    pub delivered: u64,
    /// Parts failed, expired or refused.
    pub failed: u64,
    /// Messages received.
    pub received: u64,
}
