//! Alerts as they are shown: with what followed from them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AlertReceipt, MessageId, RaisedAlert};

/// Which alerts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSearch {
    /// Only those before this number, for paging.
    pub before: Option<i64>,
    /// At most so many, the newest first; 1 to 1000, usually 20.
    pub limit: Option<u32>,
    /// Those too that were only counted as repetitions of an earlier one.
    pub all: bool,
    /// Only those that somebody may still take.
    pub open: bool,
}

/// An alert with what followed from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertView {
    /// The alert.
    #[serde(flatten)]
    pub alert: RaisedAlert,
    /// Where it stands: the most urgent of its incidents.
    pub state: AlertState,
    /// What the rules made of it; empty where none was for it.
    pub incidents: Vec<IncidentView>,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The rules did not see it yet.
    Waiting,
    /// No rule is for it.
    Unmatched,
    /// Told, and nothing follows any more.
    Closed,
    /// Somebody took it.
    Taken,
    /// Told; repetitions are counted.
    Told,
    /// It waits for the end of the quiet hours.
    Held,
    /// Somebody is called and has not answered yet.
    Calling,
    /// Everybody was called and nobody answered.
    Unanswered,
}

/// What one rule made of an alert and its repetitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentView {
    /// The number it is called by: that of its first alert.
    pub number: i64,
    /// The rule.
    pub rule: String,
    /// Where it stands.
    pub state: AlertState,
    /// How many alerts it has.
    pub count: u64,
    /// When the gateway had the last of them.
    pub last_at: Timestamp,
    /// Since when it is over, as the sender said.
    pub ended_at: Option<Timestamp>,
    /// Who took it.
    pub taken_by: Option<String>,
    /// When something follows next.
    pub due: Option<Timestamp>,
    /// Who was told.
    pub told: Vec<ToldView>,
}

/// That somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldView {
    /// When.
    pub at: Timestamp,
    /// How: `sms`, `flash`, `mail` or `nobody`.
    pub way: String,
    /// Whom.
    pub to: String,
    /// Why it did not reach them, where that is known.
    pub problem: Option<String>,
    /// The SMS, for `sms.status`.
    pub message: Option<MessageId>,
}

/// What came of taking an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertTaken {
    /// Its number.
    pub number: i64,
    /// What it is about.
    pub about: String,
    /// Who has it.
    pub by: String,
}

/// What would be made of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertTrial {
    /// Every rule, in their order.
    pub rules: Vec<RuleTrial>,
    /// The alert, where it was really raised.
    pub raised: Option<AlertReceipt>,
}

/// What one rule would make of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTrial {
    /// The rule.
    pub rule: String,
    /// Whether it is for the alert.
    pub fits: bool,
    /// Why not, or what else is to be said.
    pub why: String,
    /// Who would be told.
    pub tells: Vec<TrialNotice>,
}

/// Who would be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialNotice {
    /// How: `sms`, `flash`, `mail` or `nobody`.
    pub way: String,
    /// Whom.
    pub to: String,
    /// What they would read: the SMS, or the subject of the mail.
    pub text: String,
    /// Why it would not reach them, where that can be told before.
    pub problem: Option<String>,
}
