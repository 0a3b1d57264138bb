//! What front ends ask of those who consume messages. Neither knows the other: the binary brings them together.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use message::{
    AlertSearch, AlertTaken, AlertTrial, AlertView, AttendanceDevice, AttendancePage, AttendanceRecord, AttendanceRoll,
    AttendanceSearch, AttendanceState, RawAlert, Reloaded,
};

use crate::{Error, Origin};

/// The desks that are open.
#[derive(Clone, Default)]
pub struct Desks {
    /// Attendance, where it is configured.
    pub attendance: Option<Arc<dyn AttendanceDesk>>,
    /// Alerts.
    pub alerts: Option<Arc<dyn AlertDesk>>,
    /// The settings, where they can be read again.
    pub settings: Option<Arc<dyn SettingsDesk>>,
}

/// Answers what is asked about attendance. Who may use some SIMs alone is told of what came to those.
pub trait AttendanceDesk: Send + Sync {
    /// The last word of everybody, by number.
    fn list<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Vec<AttendanceState>, Error>>;

    /// The last word of one, by number or name, and the latest requests.
    fn show<'a>(&'a self, origin: &'a Origin, number: &'a str) -> BoxFuture<'a, Result<AttendanceRecord, Error>>;

    /// A page of the history.
    fn history<'a>(
        &'a self,
        origin: &'a Origin,
        search: &'a AttendanceSearch,
    ) -> BoxFuture<'a, Result<AttendancePage, Error>>;

    /// Who is in, at a moment or now.
    fn who<'a>(&'a self, origin: &'a Origin, at: Option<Timestamp>) -> BoxFuture<'a, Result<AttendanceRoll, Error>>;

    /// The devices, by id.
    fn devices(&self) -> BoxFuture<'_, Result<Vec<AttendanceDevice>, Error>>;

    /// Reads the keys again; how much is known of whom then.
    fn reload(&self) -> BoxFuture<'_, Result<String, Error>>;
}

/// Answers what is asked about alerts.
pub trait AlertDesk: Send + Sync {
    /// Alerts with what followed from them, the newest first.
    fn list(&self, search: AlertSearch) -> BoxFuture<'_, Result<Vec<AlertView>, Error>>;

    /// Somebody takes an alert.
    fn take<'a>(&'a self, number: i64, by: &'a str) -> BoxFuture<'a, Result<AlertTaken, Error>>;

    /// What would be made of an alert; where `send` says so, it is raised as any other.
    fn test(&self, raw: RawAlert, send: bool) -> BoxFuture<'_, Result<AlertTrial, Error>>;
}

/// Reads the settings again.
pub trait SettingsDesk: Send + Sync {
    /// What came of it; by whose wish, for the log.
    fn reload<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Reloaded, Error>>;
}

impl fmt::Debug for Desks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desks")
            .field("attendance", &self.attendance.is_some())
            .field("alerts", &self.alerts.is_some())
            .field("settings", &self.settings.is_some())
            .finish()
    }
}
