//! An incident: alerts that belong together, which people are told of and somebody takes.

use jiff::Timestamp;
use message::{Alert, RaisedAlert, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An incident, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    /// The number of the alert that opened it: what it is called by.
    pub(super) number: i64,
    /// The rule that it belongs to, by name.
    pub(super) rule: String,
    /// What its alerts share, by the rule's `fold`.
    pub(super) fold: String,
    /// When it was opened.
    pub(super) opened_at: Timestamp,
    /// The alert that opened it.
    pub(super) head: Alert,
    /// The worst of its alerts.
    pub(super) worst: Severity,
    /// How many alerts it has.
    pub(super) count: u64,
    /// When the gateway had the last of them.
    pub(super) last_at: Timestamp,
    /// Those that nobody was told of yet.
    pub(super) waiting: Tally,
    /// Alerts with pictures among those, the newest.
    pub(super) pictures: Vec<i64>,
    /// Until when repetitions are only counted; nothing once that is over.
    pub(super) until: Option<Timestamp>,
    /// Nothing was told yet, or nothing more: it waits for the end of the quiet hours.
    pub(super) held: bool,
    /// Where it stands.
    pub(super) state: State,
    /// Since when it is over, as the sender said.
    pub(super) ended_at: Option<Timestamp>,
    /// The search for somebody who answers, while it goes on.
    pub(super) call: Option<Call>,
    /// People that were called, each once, in their order.
    pub(super) called: Vec<String>,
    /// How many notices went out.
    pub(super) notices: u32,
}

/// Where an incident stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(super) enum State {
    /// Nobody took it.
    Open,
    /// Somebody took it.
    Taken {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Everybody was called and nobody answered.
    Unanswered {
        /// Since when.
        since: Timestamp,
    },
    /// It is closed; `by`: whoever took it.
    Closed {
        /// Who took it.
        by: Option<String>,
    },
}

/// The search for somebody who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    /// How many were called.
    pub(super) step: u32,
    /// When the next one is.
    pub(super) due: Timestamp,
}

/// Alerts, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// All of them.
    pub(super) total: u64,
    /// When the gateway had the first and the last.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// How many of each kind, the first kinds that came; the rest is in `total` alone.
    pub(super) kinds: Vec<Kind>,
}

/// How many of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kind {
    /// The event.
    pub(super) event: String,
    /// The camera.
    pub(super) camera: String,
    /// How many.
    pub(super) count: u64,
}

impl Incident {
    /// An incident with one alert, of which nobody was told.
    pub(super) fn open(rule: &str, fold: String, alert: &RaisedAlert, now: Timestamp) -> Self {
        let mut head = alert.alert.clone();
        if head.meta.to_string().len() > META_MOST {
            head.meta = Value::Null;
        }
        let mut incident = Self {
            number: alert.number,
            rule: rule.to_owned(),
            fold,
            opened_at: now,
            head,
            worst: alert.alert.severity,
            count: 0,
            last_at: alert.alert.received_at,
            waiting: Tally::default(),
            pictures: Vec::new(),
            until: None,
            held: false,
            state: State::Open,
            ended_at: None,
            call: None,
            called: Vec::new(),
            notices: 0,
        };
        incident.add(alert);
        incident
    }

    /// Counts an alert in.
    pub(super) fn add(&mut self, alert: &RaisedAlert) {
        self.count += 1;
        self.last_at = self.last_at.max(alert.alert.received_at);
        self.worst = self.worst.max(alert.alert.severity);
        self.waiting.add(&alert.alert);
        if !alert.alert.images.is_empty() {
            if self.pictures.len() >= PICTURES_MOST {
                self.pictures.remove(0);
            }
            self.pictures.push(alert.number);
        }
    }

    /// When something is to be done about it.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let parked = match self.state {
            State::Unanswered { since } if self.until.is_none() => Some(since + PARKED),
            _ => None,
        };
        let call = self.call.as_ref().map(|call| call.due);
        self.until.into_iter().chain(call).chain(parked).min()
    }

    /// Whether repetitions belong to it.
    pub(super) fn is_live(&self) -> bool {
        !self.is_closed() && (self.until.is_some() || self.call.is_some())
    }

    /// Whether nothing follows any more.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Whether somebody may still take it.
    pub(super) fn can_be_taken(&self) -> bool {
        matches!(self.state, State::Open | State::Unanswered { .. })
    }

    /// Closes it where nothing is left to do.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.until.is_some() || self.call.is_some() {
            return;
        }
        match &self.state {
            State::Unanswered { since } if now < *since + PARKED => {}
            State::Taken { by, .. } => self.state = State::Closed { by: Some(by.clone()) },
            State::Open | State::Unanswered { .. } => self.state = State::Closed { by: None },
            State::Closed { .. } => {}
        }
    }
}

impl Tally {
    fn add(&mut self, alert: &Alert) {
        let at = alert.received_at;
        self.total += 1;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        let same = |kind: &&mut Kind| kind.event == alert.event && kind.camera == alert.camera;
        if let Some(kind) = self.kinds.iter_mut().find(same) {
            kind.count += 1;
        } else if self.kinds.len() < KINDS_MOST {
            self.kinds.push(Kind {
                event: alert.event.clone(),
                camera: alert.camera.clone(),
                count: 1,
            });
        }
    }
}

/// How long one that nobody answered is shown and can be taken.
const PARKED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// The longest JSON of what else the first alert said that is kept with it, in octets.
const META_MOST: usize = 2 << 10;
/// How many alerts' pictures go with a digest.
const PICTURES_MOST: usize = 3;
/// How many kinds a digest counts by name.
const KINDS_MOST: usize = 20;
