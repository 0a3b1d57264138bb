//! Attendance as callers are shown it: what came of each request, the last word of everybody, and who is in.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{MessageId, Number, RouteId};

/// A request in the history. Everything that was taken for one is there, good or bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceEvent {
    /// Its place in the history: grows with each request.
    pub cursor: i64,
    /// The received message.
    pub message: MessageId,
    /// Who sent it.
    pub number: Number,
    /// The person with that number, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The SIM it came to.
    pub sim: RouteId,
    /// The service centre's stamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_centre_time: Option<Timestamp>,
    /// When the gateway had it.
    pub received_at: Timestamp,
    /// The version of the protocol; 0 where it could not be told.
    pub version: u8,
    /// What came of it, in one word (docs/attendance.md).
    pub verdict: String,
    /// What was remarkable, in single words.
    pub flags: Vec<String>,
    /// What it states: `Arrival`, `Exit`, or nothing.
    pub status: String,
    /// The time as claimed, or the device's own and its note.
    pub time: String,
    /// How far the claimed time is from the network's, in seconds; above 0: the phone is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_s: Option<i32>,
    /// The device that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// The device's counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u32>,
    /// The device's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<Timestamp>,
    /// The acknowledgement, as an outgoing message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<MessageId>,
}

impl AttendanceEvent {
    /// When it was sent, as far as the network knows: the service centre's stamp, or the gateway's own where there is
    /// none or it lies in the future.
    pub fn moment(&self) -> Timestamp {
        let stamped = self.service_centre_time.filter(|stamp| *stamp <= self.received_at);
        stamped.unwrap_or(self.received_at)
    }
}

/// Which part of the history `attendance.history` is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttendanceSearch {
    /// Only of this number, or of the person who is called so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Only what came at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only what came before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only what stands behind this cursor, the oldest of it; without: the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// At most so many (default 100, at most 1000).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of the history, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendancePage {
    /// The requests.
    pub events: Vec<AttendanceEvent>,
    /// The cursor to go on after.
    pub next: i64,
}

/// The last word of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceState {
    /// Who.
    pub number: Number,
    /// The person with that number, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Arrival`, `Exit`, or nothing.
    pub status: String,
    /// The time as claimed, blanks and all.
    pub time: String,
    /// The SIM it came to.
    pub sim: RouteId,
    /// When the gateway had it.
    pub received_at: Timestamp,
}

/// Somebody's last word and latest requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceRecord {
    /// The last word; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AttendanceState>,
    /// The latest requests, oldest first.
    pub events: Vec<AttendanceEvent>,
}

/// Who is in, at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceRoll {
    /// The moment.
    pub at: Timestamp,
    /// The day it falls on, where people work.
    pub day: Date,
    /// Everybody who is expected or was heard of, by name and number.
    pub people: Vec<Presence>,
}

/// Where somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub number: Number,
    /// The name, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where.
    pub state: Whereabouts,
    /// When they came, by the network: the first arrival of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_at: Option<Timestamp>,
    /// When they went, by the network: the last word of the day, where it is an exit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_at: Option<Timestamp>,
    /// By how much they came, or are, late, in seconds; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_s: Option<u32>,
    /// What the last word claims, as it stands in the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// Whether something about the day's requests is to be looked at: a wrong clock, octets that came before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// Where somebody is, by their last word and the hours of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// They came and did not go.
    In,
    /// They went.
    Out,
    /// They are expected and should be there by now.
    Absent,
    /// They are expected, and it is not too late yet.
    Expected,
    /// It is not their day.
    Off,
}

impl Whereabouts {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Absent => "absent",
            Self::Expected => "expected",
            Self::Off => "off",
        }
    }
}

/// A registered device, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceDevice {
    /// Its id.
    pub id: u32,
    /// Whose it is.
    pub number: Number,
    /// The person with that number, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which versions are taken from its owner: `v1`, `both` or `v2`.
    pub mode: String,
    /// Whether any sender may use it.
    pub roaming: bool,
    /// Whether it was taken out of use.
    pub revoked: bool,
    /// The highest counter that was taken from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_time_counts_unless_it_lies_ahead() {
        let at = |seconds| Timestamp::from_second(seconds).expect("a time");
        let event = |stamp: Option<i64>| AttendanceEvent {
            cursor: 1,
            message: MessageId::fresh(),
            number: Number::received("+989126211770"),
            name: None,
            sim: RouteId::new("sim1"),
            service_centre_time: stamp.map(at),
            received_at: at(1000),
            version: 1,
            verdict: "taken".into(),
            flags: Vec::new(),
            status: "Arrival".into(),
            time: String::new(),
            skew_s: None,
            device: None,
            counter: None,
            device_time: None,
            answer: None,
        };
        for (stamp, moment) in [(None, 1000), (Some(400), 400), (Some(1000), 1000), (Some(1600), 1000)] {
            assert_eq!(event(stamp).moment(), at(moment), "{stamp:?}");
        }
    }
}
