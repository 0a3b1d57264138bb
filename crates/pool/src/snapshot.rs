//! What is shown of a slot: the machine's facts, put into the words of the floors above.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use message::{ErrorClass, Failure, Number, Outcome, Registration, Registrations, RouteId, SlotSnapshot, SlotState};
use modem::{Event, Facts};
use tokio::sync::watch;

use crate::SlotConfig;

/// The slot's one snapshot, kept fresh by the slot's task. Whoever looks gets a shared value and disturbs nobody.
#[derive(Debug)]
pub(crate) struct Show {
    shown: watch::Sender<Arc<SlotSnapshot>>,
    /// The facts' revision that is shown.
    revision: Option<u64>,
    busy: bool,
    /// What the machines of earlier stays counted.
    before: Counted,
    /// Why the modem is being set up, or was last.
    cause: String,
}

/// Counters that go on where another machine takes over.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    initialisations: u32,
    recoveries: u32,
    sent: u64,
    failed: u64,
    received: u64,
}

impl Show {
    /// The snapshot of a slot that has nothing yet.
    pub(crate) fn new(slot: &RouteId, config: &SlotConfig) -> (Self, watch::Receiver<Arc<SlotSnapshot>>) {
        let (shown, reader) = watch::channel(Arc::new(blank(slot, config)));
        (
            Self {
                shown,
                revision: None,
                busy: false,
                before: Counted::default(),
                cause: String::new(),
            },
            reader,
        )
    }

    /// The slot has no modem, for this reason.
    pub(crate) fn absent(&mut self, state: SlotState, reason: &str) {
        self.revision = None;
        self.shown.send_if_modified(|shown| {
            if shown.state == state && shown.reason == reason && shown.port.is_none() {
                return false;
            }
            let shown = Arc::make_mut(shown);
            if shown.state != state {
                shown.since = message::now();
            }
            shown.state = state;
            shown.reason = reason.to_owned();
            shown.port = None;
            forget(shown);
            true
        });
    }

    /// The port and the number that the settings give.
    pub(crate) fn seated(&mut self, port: &Path, config: &SlotConfig) {
        self.revision = None;
        self.cause = format!("the port {} was opened", port.display());
        self.shown.send_modify(|shown| {
            let shown = Arc::make_mut(shown);
            shown.port = Some(port.display().to_string());
            shown.number = config.number.clone().or(shown.number.take());
        });
    }

    /// Notes what an event says about times, failures and causes; `took` is how long its part was with the modem.
    pub(crate) fn note(&mut self, event: &Event, took: Option<Duration>) {
        match event {
            Event::Settled { outcome, .. } => self.note_end(outcome, took),
            Event::Received(raw) if !raw.is_report() => {
                self.change(|shown| shown.traffic.last_received = Some(message::now()));
            }
            Event::Recovery { step, reason } => self.cause = format!("{}: {reason}", step.word()),
            Event::StateChanged {
                state: SlotState::Starting,
                reason,
            } => self.cause.clone_from(reason),
            _ => {}
        }
    }

    fn note_end(&self, outcome: &Outcome, took: Option<Duration>) {
        let now = message::now();
        match outcome {
            Outcome::Sent { .. } => self.change(|shown| shown.traffic.went_out(took, now)),
            Outcome::Failed(failure) if counts(failure) => {
                self.change(|shown| shown.traffic.went_wrong(&failure.reason, now));
            }
            Outcome::Failed(_) | Outcome::Uncertain { .. } | Outcome::NotBegun { .. } => {}
        }
    }

    fn change(&self, change: impl FnOnce(&mut SlotSnapshot)) {
        self.shown.send_modify(|shown| change(Arc::make_mut(shown)));
    }

    /// The machine has ended: its counters are kept.
    pub(crate) fn ended(&mut self) {
        let shown = self.shown.borrow();
        self.before = Counted {
            initialisations: shown.initialisations,
            recoveries: shown.recoveries,
            sent: shown.traffic.sent,
            failed: shown.traffic.failed,
            received: shown.traffic.received,
        };
    }

    /// Shows the facts, if they are news.
    pub(crate) fn refresh(&mut self, facts: &Facts, busy: bool, config: &SlotConfig, now: Instant) {
        if self.revision == Some(facts.revision) && self.busy == busy {
            return;
        }
        self.revision = Some(facts.revision);
        self.busy = busy;
        let (before, cause) = (self.before, &self.cause);
        self.shown.send_modify(|shown| {
            let shown = Arc::make_mut(shown);
            copy(shown, facts, busy, config, now);
            count(shown, facts, before, cause);
        });
    }
}

fn copy(shown: &mut SlotSnapshot, facts: &Facts, busy: bool, config: &SlotConfig, now: Instant) {
    let ready = facts.state == SlotState::Ready;
    let state = if ready && busy { SlotState::Busy } else { facts.state };
    // Ready and busy take turns many times a second; the time since is that of being usable.
    if state.can_send() != shown.state.can_send() || (!state.can_send() && state != shown.state) {
        shown.since = ago(now.saturating_duration_since(facts.since));
    }
    shown.state = state;
    renew(&mut shown.reason, &facts.reason);
    renew(&mut shown.maker, &facts.identity.maker);
    renew(&mut shown.model, &facts.identity.model);
    renew(&mut shown.revision, &facts.identity.revision);
    renew(&mut shown.imei, &facts.identity.imei);
    renew(&mut shown.iccid, &facts.sim.iccid);
    renew(&mut shown.imsi, &facts.sim.imsi);
    renew(&mut shown.lock, &facts.lock);
    renew(&mut shown.smsc, &facts.smsc);
    if config.number.is_none() {
        let number = facts.sim.number.as_deref().map(Number::received);
        renew(&mut shown.number, &number);
    }
    shown.reports = facts.reports;
    if facts.state == SlotState::Quarantined {
        // It answers no more, so what it said last is no fact any longer.
        return forget(shown);
    }
    renew(&mut shown.operator, &facts.operator);
    renew(&mut shown.storage, &facts.storage);
    shown.registration = facts.registration;
    shown.registrations = facts.registrations;
    shown.signal_dbm = facts.signal_dbm;
}

/// What only a modem that answers can tell, and what changes by itself.
fn forget(shown: &mut SlotSnapshot) {
    shown.operator = None;
    shown.storage.clear();
    shown.registration = Registration::Unknown;
    shown.registrations = Registrations::default();
    shown.signal_dbm = None;
}

fn count(shown: &mut SlotSnapshot, facts: &Facts, before: Counted, cause: &str) {
    let counters = &facts.counters;
    let initialisations = before.initialisations + counters.initialisations;
    if initialisations > shown.initialisations {
        shown.initialised_at = Some(message::now());
        shown.initialised_why = Some(cause.to_owned());
    }
    shown.initialisations = initialisations;
    shown.recoveries = before.recoveries + counters.recoveries_total();
    shown.traffic.sent = before.sent + counters.sent;
    shown.traffic.failed = before.failed + counters.failed;
    shown.traffic.received = before.received + counters.received;
}

/// Copies what changed; texts rarely do, and counters change with every message.
fn renew<T: Clone + PartialEq>(place: &mut T, value: &T) {
    if place != value {
        place.clone_from(value);
    }
}

fn ago(past: std::time::Duration) -> Timestamp {
    let now = message::now();
    let past = SignedDuration::try_from(past).unwrap_or_default();
    now.checked_sub(past).unwrap_or(now)
}

fn blank(slot: &RouteId, config: &SlotConfig) -> SlotSnapshot {
    let (state, reason) = match config.enabled {
        true => (SlotState::Absent, "its port is looked for"),
        false => (SlotState::Disabled, "not used, by the settings"),
    };
    SlotSnapshot {
        state,
        reason: reason.to_owned(),
        number: config.number.clone(),
        ..SlotSnapshot::blank(slot.clone(), message::now())
    }
}

/// Whether a failure says something about the SIM: one that only waits for its modem, or for another form, does not.
fn counts(failure: &Failure) -> bool {
    !matches!(failure.class, ErrorClass::Hold | ErrorClass::OtherEncoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modem_that_is_given_up_has_no_network_and_no_signal() {
        let mut shown = SlotSnapshot::blank(RouteId::new("sim1"), Timestamp::UNIX_EPOCH);
        let now = Instant::now();
        let mut facts = modem::Modem::new(modem::Config::default(), now).facts().clone();
        facts.state = SlotState::Ready;
        facts.operator = Some("Testnet".into());
        facts.registration = Registration::Home;
        facts.signal_dbm = Some(-71);
        copy(&mut shown, &facts, false, &SlotConfig::default(), now);
        assert_eq!(
            (shown.registration, shown.signal_dbm, shown.operator.as_deref()),
            (Registration::Home, Some(-71), Some("Testnet"))
        );
        facts.state = SlotState::Quarantined;
        copy(&mut shown, &facts, false, &SlotConfig::default(), now);
        assert_eq!(
            (shown.registration, shown.signal_dbm, shown.operator),
            (Registration::Unknown, None, None)
        );
    }
}
