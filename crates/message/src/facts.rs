//! Facts of the snapshot that are no modem's own: money, limits, probes, consumers, disk, certificate.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Level, Registration, RouteId};

/// What was counted on one slot since the database was made: it survives restarts, and never grows smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotTotals {
    /// Parts that went out.
    pub sent: u64,
    /// Parts of which a report said that they arrived.
    pub delivered: u64,
    /// Parts that failed, expired or were refused after an attempt here.
    pub failed: u64,
    /// Messages received.
    pub received: u64,
}

/// A SIM's balance, as its operator told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// In millionths of the currency.
    pub micros: i64,
    /// The currency, as configured: `EUR`; empty where nothing is configured.
    pub currency: String,
    /// When the operator told it.
    pub at: Timestamp,
}

/// How a SIM's balance stands, as `balance.list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceView {
    /// The SIM.
    pub sim: RouteId,
    /// Whether it is asked for at all.
    pub asked: bool,
    /// What the operator said last.
    pub balance: Option<Balance>,
    /// Why the last query told nothing.
    pub error: Option<String>,
    /// Below this health warns, in millionths.
    pub warning_micros: Option<i64>,
    /// Below this nothing is sent by the SIM, in millionths.
    pub critical_micros: Option<i64>,
    /// Whether the balance lets anything be sent.
    pub usable: bool,
}

/// One query for a balance, as `balance.history` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceLine {
    /// When.
    pub at: Timestamp,
    /// The balance, in millionths; nothing where the query told nothing.
    pub micros: Option<i64>,
    /// The currency.
    pub currency: String,
    /// Why it told nothing.
    pub error: Option<String>,
}

/// Where a modem is registered, by technology: all three are asked for, and any one is enough for SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Registrations {
    /// 2G and 3G voice and SMS (`+CREG`, TS 27.007 7.2).
    pub circuit: Registration,
    /// 2G and 3G data (`+CGREG`, TS 27.007 10.1.20).
    pub packet: Registration,
    /// LTE (`+CEREG`, TS 27.007 10.1.22).
    pub eps: Registration,
}

/// How far one limit of a SIM is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitUse {
    /// Which one, by its key in the settings: `per_minute`, `per_hour`, `per_day`, `per_month`, `recipients_per_month`.
    pub limit: String,
    /// Parts (or recipients) counted in its window.
    pub used: u32,
    /// Parts (or recipients) allowed in it.
    pub allowed: u32,
    /// Where it is reached: when it allows one more.
    pub until: Option<Timestamp>,
}

/// A message that the gateway sends between its own SIMs to see whether it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The SIM it is for; the sender itself in a self-test.
    pub to: RouteId,
    /// When the last one was handed in.
    pub at: Timestamp,
    /// How it stands.
    pub state: ProbeState,
    /// From handing in to arrival, in milliseconds, of the last one that arrived.
    pub latency_ms: Option<u64>,
    /// When one arrived last.
    pub arrived_at: Option<Timestamp>,
    /// Why it went wrong, for people.
    pub reason: Option<String>,
    /// When the next one is due.
    pub next: Option<Timestamp>,
}

/// How a probe stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeState {
    /// On its way.
    Waiting,
    /// It arrived.
    Arrived,
    /// On its way for longer than it should take.
    Late,
    /// It did not arrive, or could not be sent.
    Lost,
}

/// When a prepaid SIM has to have an event that costs something, so that its operator does not switch it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepAlive {
    /// The last event that cost something, as far as it is known.
    pub last_event: Option<Timestamp>,
    /// When the gateway spends one.
    pub due: Timestamp,
    /// When the operator switches the SIM off.
    pub deadline: Timestamp,
}

/// One consumer: how far it is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerFacts {
    /// Its name.
    pub name: String,
    /// Events that it has not worked yet.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Events that were given up, as far as they are kept.
    pub gave_up: u64,
    /// When the last of them was.
    pub gave_up_at: Option<Timestamp>,
    /// What went wrong last with one that waits, or else with one that was given up.
    pub error: Option<String>,
}

/// The disk that the database lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// Octets that the gateway may still take.
    pub free: u64,
    /// Octets it has.
    pub size: u64,
}

/// The database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Octets it takes on the disk, with its log.
    pub bytes: u64,
    /// Octets of it that hold something.
    pub used: u64,
    /// Octets it may grow to; none: as large as the disk.
    pub limit: Option<u64>,
    /// Transactions since the start.
    pub commits: u64,
}

/// The certificate that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// What is wrong with something that more than one looks at, in the same words for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// How bad.
    pub level: Level,
    /// What is the case.
    pub sentence: String,
    /// What to do about it.
    pub hint: &'static str,
    /// Since when, where the facts tell that.
    pub since: Option<Timestamp>,
}

impl DiskFacts {
    /// What is left of it, in whole megabytes of a million octets: the measure by which it is judged everywhere.
    pub fn free_megabytes(&self) -> u64 {
        self.free / MEGABYTE
    }

    /// Its size, in whole megabytes.
    pub fn megabytes(&self) -> u64 {
        self.size / MEGABYTE
    }

    /// That little is left. A share of the disk would say nothing: what the gateway needs does not grow with the disk.
    pub fn complaint(&self) -> Option<Complaint> {
        let left = self.free_megabytes();
        let level = match left {
            _ if left < Self::CRITICAL_MEGABYTES => Level::Critical,
            _ if left < Self::WARNING_MEGABYTES => Level::Warning,
            _ => return None,
        };
        Some(Complaint {
            level,
            sentence: format!("{left} MB are free on the disk of the database"),
            hint: "make room: a full disk stops sending and receiving, though nothing is lost",
            since: None,
        })
    }

    /// With less than so many megabytes left somebody should look.
    pub const WARNING_MEGABYTES: u64 = 500;

    /// With less than so many megabytes left it is about to stop.
    pub const CRITICAL_MEGABYTES: u64 = 50;

    /// [`DiskFacts::WARNING_MEGABYTES`] in octets.
    pub const WARNING_FREE: u64 = Self::WARNING_MEGABYTES * MEGABYTE;

    /// [`DiskFacts::CRITICAL_MEGABYTES`] in octets.
    pub const CRITICAL_FREE: u64 = Self::CRITICAL_MEGABYTES * MEGABYTE;
}

impl CertificateFacts {
    /// That it is not valid, or not for long. What is wrong with one that ends began so long before its end.
    pub fn complaint(&self, now: Timestamp) -> Option<Complaint> {
        let Self { not_before, not_after } = *self;
        if now < not_before {
            return Some(Complaint {
                level: Level::Critical,
                sentence: format!("it is not valid before {not_before:.0}"),
                hint: "set the clock, or use another certificate",
                since: None,
            });
        }
        if not_after <= now {
            return Some(Complaint {
                level: Level::Critical,
                sentence: format!("it expired on {not_after:.0}"),
                hint: "renew it; a changed file is taken up without a restart",
                since: Some(not_after),
            });
        }
        let left = not_after.duration_since(now);
        let level = match left {
            left if left < URGENT => Level::Critical,
            left if left < SOON => Level::Warning,
            _ => return None,
        };
        Some(Complaint {
            level,
            sentence: format!("it expires on {not_after:.0}"),
            // Another hint, since one that expires is another thing than one that has.
            hint: "renew it before that; a changed file is taken up without a restart",
            since: Some(not_after - SOON),
        })
    }
}

const MEGABYTE: u64 = 1_000_000;

const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
const URGENT: SignedDuration = SignedDuration::from_hours(3 * 24);
