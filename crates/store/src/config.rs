//! The store's settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the store keeps what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who gets every event: one delivery row per consumer. A consumer added later gets the events from then on.
    pub consumers: Vec<String>,
    /// Who of them gets alerts, which may be very many: nobody else has rows for them.
    pub alert_consumers: Vec<String>,
    /// How many parts one token may have waiting before `accept` refuses; 0: no limit.
    pub queue_limit_token: u64,
    /// How many parts may wait for one route (messages that name it) before `accept` refuses; 0: no limit.
    pub queue_limit_route: u64,
    /// The size in octets the database file may grow to; 0: no limit. The write-ahead log comes on top.
    pub max_size: u64,
    /// How long, in seconds, a part found attempting at start stays uncertain before its rule is applied.
    pub uncertain_wait_s: u32,
    /// How long, in seconds, the missing parts of a received message are waited for before it is shown without them.
    pub fragment_wait_s: u32,
    /// How long, in seconds, after a part was sent a status report may still belong to it.
    pub report_window_s: u32,
    /// How the audit log keeps numbers.
    pub audit_numbers: AuditNumbers,
    /// How long, in milliseconds, a write waits for another process that holds the database before it answers busy.
    pub busy_wait_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            consumers: Vec::new(),
            alert_consumers: Vec::new(),
            queue_limit_token: 100_000,
            queue_limit_route: 100_000,
            max_size: 0,
            uncertain_wait_s: 120,
            fragment_wait_s: 3_600,
            report_window_s: 7 * 24 * 3_600,
            audit_numbers: AuditNumbers::default(),
            busy_wait_ms: 1_000,
        }
    }
}

impl Config {
    /// [`Config::uncertain_wait_s`].
    pub fn uncertain_wait(&self) -> Duration {
        Duration::from_secs(self.uncertain_wait_s.into())
    }

    /// [`Config::fragment_wait_s`].
    pub fn fragment_wait(&self) -> Duration {
        Duration::from_secs(self.fragment_wait_s.into())
    }

    /// [`Config::report_window_s`].
    pub fn report_window(&self) -> Duration {
        Duration::from_secs(self.report_window_s.into())
    }
}

/// How the audit log keeps the numbers that an entry concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditNumbers {
    /// As hashes with a salt of this database: one number can be looked for, and none be read.
    #[default]
    Hashed,
    /// As they are.
    Plain,
}

/// How long what is settled is kept, in days; 0: for ever. Everything unsettled is kept until it is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days the texts of outgoing messages and their PDUs are kept.
    pub texts_days: u32,
    /// Days the facts of outgoing messages (who, when, what became of it), their attempts and reports are kept.
    pub facts_days: u32,
    /// Days received messages are kept.
    pub inbound_days: u32,
    /// Days alerts and what followed from them are kept.
    pub alerts_days: u32,
    /// Days the pictures of alerts are kept.
    pub pictures_days: u32,
    /// Days entries of the audit log are kept.
    pub audit_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            texts_days: 90,
            facts_days: 365,
            inbound_days: 365,
            alerts_days: 365,
            pictures_days: 30,
            audit_days: 730,
        }
    }
}
