//! What goes over a route, be it a SIM or an upstream: both are counted alike.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Durations, LimitUse, SlotTotals};

/// What went over a route, and what failed there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Parts that went out since start.
    pub sent: u64,
    /// Parts that failed since start.
    pub failed: u64,
    /// What was received since start, without reports and receipts: a modem's PDUs, an upstream's messages.
    pub received: u64,
    /// How long the parts took that went out since start, from being handed over to the answer.
    pub send_times: Durations,
    /// When a part went out last.
    pub last_sent: Option<Timestamp>,
    /// When something came in last.
    pub last_received: Option<Timestamp>,
    /// When a part failed last.
    pub last_failed: Option<Timestamp>,
    /// Why, for people.
    pub last_failure: Option<String>,
    /// Parts that failed since the last one that went out.
    pub failures_in_row: u32,
    /// When the first of those failed.
    pub failing_since: Option<Timestamp>,
    /// Counted since the database was made.
    pub totals: SlotTotals,
    /// The parts among those that failed, by why.
    #[serde(default)]
    pub failures: BTreeMap<FailureReason, u64>,
    /// Its limits, as far as it has any.
    pub limits: Vec<LimitUse>,
}

impl Traffic {
    /// A part went out, after so long.
    pub fn went_out(&mut self, took: Option<Duration>, at: Timestamp) {
        took.into_iter().for_each(|took| self.send_times.note(took));
        self.last_sent = Some(at);
        self.failures_in_row = 0;
        self.failing_since = None;
    }

    /// A part failed, for this reason.
    pub fn went_wrong(&mut self, reason: &str, at: Timestamp) {
        self.last_failed = Some(at);
        self.last_failure = Some(reason.to_owned());
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.failing_since.get_or_insert(at);
    }
}

/// Why a part failed, in one word of few: its last error's class, or what else ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// As often as it may be tried, the same error.
    RetryLater,
    /// The route could not carry it, and no other did.
    OtherRoute,
    /// The network took it in no alphabet or class.
    OtherEncoding,
    /// The route was not usable.
    Hold,
    /// It can never go out so.
    Permanent,
    /// Nobody knows whether it went out, and it was given up.
    Uncertain,
    /// It went out, and a report said that it does not arrive.
    Report,
    /// Its validity ran out.
    Expired,
    /// It was not allowed to go out.
    Refused,
    /// Nobody counted why: it failed in an older version.
    Unknown,
}

impl FailureReason {
    /// All of them, in the order of the store's codes.
    pub const ALL: [Self; 10] = [
        Self::RetryLater,
        Self::OtherRoute,
        Self::OtherEncoding,
        Self::Hold,
        Self::Permanent,
        Self::Uncertain,
        Self::Report,
        Self::Expired,
        Self::Refused,
        Self::Unknown,
    ];

    /// As the API and labels write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RetryLater => "retry_later",
            Self::OtherRoute => "other_route",
            Self::OtherEncoding => "other_encoding",
            Self::Hold => "hold",
            Self::Permanent => "permanent",
            Self::Uncertain => "uncertain",
            Self::Report => "report",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// The reason that [`FailureReason::name`] calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The number the store keeps.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this number; [`FailureReason::Unknown`] for one of a newer version.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_code_and_a_name_of_its_own() {
        for (code, reason) in (0..).zip(FailureReason::ALL) {
            assert_eq!(reason.code(), code);
            assert_eq!(FailureReason::from_code(code), reason);
            assert_eq!(FailureReason::from_name(reason.name()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        assert_eq!(FailureReason::from_code(200), FailureReason::Unknown);
    }

    #[test]
    fn failures_in_a_row_end_with_a_part_that_goes_out() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let mut traffic = Traffic::default();
        traffic.went_wrong("CMS 38", at(1));
        traffic.went_wrong("CMS 41", at(2));
        assert_eq!((traffic.failures_in_row, traffic.failing_since), (2, Some(at(1))));
        assert_eq!(traffic.last_failure.as_deref(), Some("CMS 41"));
        traffic.went_out(Some(Duration::from_secs(3)), at(4));
        assert_eq!((traffic.failures_in_row, traffic.failing_since), (0, None));
        assert_eq!((traffic.last_sent, traffic.last_failed), (Some(at(4)), Some(at(2))));
    }

    #[test]
    fn what_is_told_can_be_read_back_beside_other_fields() {
        let mut traffic = Traffic::default();
        traffic.failures.insert(FailureReason::Expired, 3);
        let slot = crate::SlotSnapshot {
            traffic,
            ..crate::SlotSnapshot::blank(crate::RouteId::new("sim1"), Timestamp::UNIX_EPOCH)
        };
        let told = serde_json::to_value(&slot).unwrap();
        assert_eq!((&told["failed"], &told["failures"]["expired"]), (&0.into(), &3.into()));
        assert_eq!(serde_json::from_value::<crate::SlotSnapshot>(told).unwrap(), slot);
    }
}
