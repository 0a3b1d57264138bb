//! What front ends ask of those who consume messages. Neither knows the other: the binary brings them together.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use message::{
    AlertSearch, AlertTaken, AlertTrial, AlertView, AttendanceDevice, AttendancePage, AttendanceRecord, AttendanceRoll,
    AttendanceSearch, AttendanceState, RawAlert, Reloaded, TraceView, TraceWish,
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
    /// What goes over the sessions of applications, where there are any.
    pub wires: Option<Arc<dyn WireDesk>>,
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

/// Writes down what goes over the sessions of applications.
pub trait WireDesk: Send + Sync {
    /// Whoever has this name is to be written down from now on, or no longer; what it looks like then. `None`: nobody has it.
    fn trace(&self, name: &str, wish: Option<TraceWish>) -> Option<Result<Option<TraceView>, Error>>;

    /// Who is written down.
    fn traces(&self) -> Vec<TraceView>;
}

impl fmt::Debug for Desks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desks")
            .field("attendance", &self.attendance.is_some())
            .field("alerts", &self.alerts.is_some())
            .field("settings", &self.settings.is_some())
            .field("wires", &self.wires.is_some())
            .finish()
    }
}
