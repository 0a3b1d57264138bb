//! The settings of alerts, and what is made of them once.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use message::Severity;

use super::config::Config;
use super::rule::Rule;
use super::words::Words;

/// The settings, and what is made of them once.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) zone: TimeZone,
    pub(super) words: Words,
}

impl Plan {
    /// The plan of settings without problems.
    pub(super) fn new(config: Config) -> Self {
        Self {
            zone: config.zone(),
            words: Words::new(&config),
            config,
        }
    }

    /// Until when the quiet hours keep something this bad; nothing where they do not.
    pub(super) fn quiet_until(&self, rule: &Rule, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        let quiet = self.config.quiet?;
        let local = now.to_zoned(self.zone.clone()).datetime();
        let waits = !rule.loud && severity < self.config.quiet_below && quiet.hold(local, &[]);
        waits.then(|| quiet.end(now, &self.zone))
    }

    /// A number, or that of a person.
    pub(super) fn number(&self, to: &str) -> String {
        let person = self.config.person(to);
        person
            .and_then(|person| person.sms.clone())
            .unwrap_or_else(|| to.to_owned())
    }

    /// An address, or that of a person.
    pub(super) fn address(&self, to: &str) -> String {
        let person = self.config.person(to);
        person
            .and_then(|person| person.mail.clone())
            .unwrap_or_else(|| to.to_owned())
    }
}
