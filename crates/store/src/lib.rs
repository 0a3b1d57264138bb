//! Every message, part, attempt, report, event and delivery, durable, in one SQLite file.
//!
//! [`Store`] is the handle: cheap to clone, all of its calls asynchronous, none of them blocking. Behind it stand one
//! thread that writes and two that read. A write answers [`Committed`](message::Committed) when its transaction is on the
//! disk and synced, so whoever holds that value may delete a message from a modem, write a PDU, or tell a caller.
//!
//! # Where the bytes lie
//! In the data folder: `simrelay.db`, its write-ahead log `simrelay.db-wal` with the index `simrelay.db-shm`, and
//! `simrelay.lock`, which keeps a second daemon out. A power cut loses nothing that was answered and keeps nothing by
//! halves; a part whose attempt was on record comes back as *uncertain*.
//!
//! # The rooms
//! - outgoing: `accept` → `due` → `progress` → `report`, and by the clock `tick`; a part changes its state in one place
//!   (`outgoing/row.rs`) and never after a final one.
//! - incoming: `receive` recognises twins, gathers parts and completes messages; `fetch` reads them by cursor.
//! - events: what consumers are told, with one delivery each.
//! - alerts: what cameras and monitoring systems report, with pictures, and what followed.
//! - attendance: requests of employees' phones, judged and kept with their acknowledgement.
//! - audit: who had what done, chained by hashes.
//! - sim, care, stop, facts: PINs and cards, balances and tests, the STOP list, figures for limits.
//! - writer and reader: the threads; connection, migrate, lock, recover: the way from a file to them.
//! - retention, erase, upkeep, backup, moved: how things go, looking after the file, copies of it and the way back, and a
//!   clock that was set.
//!
//! # What is left to others
//! When to try again, on which route, and what a PDU says: the gateway decides, the store keeps. SQL is spoken here and
//! nowhere else.

#![forbid(unsafe_code)]

mod alerts;
mod attendance;
mod audit;
mod backup;
mod begins;
mod belongings;
mod care;
mod clock;
mod config;
mod connection;
mod desk;
mod erase;
mod error;
mod events;
mod facts;
mod fault;
mod folder;
mod health;
mod incoming;
mod job;
mod lock;
mod migrate;
mod moved;
mod names;
mod outgoing;
mod reader;
mod recover;
mod retention;
mod signs;
mod sim;
mod stop;
mod store;
mod tally;
mod upkeep;
mod writer;

pub use alerts::{
    AlertFacts, AlertIncident, AlertNotice, AlertQuery, AlertRow, AlertTold, AlertWork, AlertsLeft, IncidentRow,
    NoticeBy,
};
pub use attendance::{
    AttendanceKnown, AttendanceQuery, AttendanceRequest, AttendanceRuling, Attended, ProjectionError,
};
pub use audit::{AuditEntry, AuditHead, AuditLine, AuditVerdict, AuditWalk, audit_read, audit_verify};
pub use backup::{Copied, CopyError, back_up, restore};
pub use care::{BalanceRow, BalanceState, ProbeKind, ProbeRow};
pub use config::{AuditNumbers, Config, Retention};
pub use error::{AcceptError, CancelError, Error, MoveError, OpenError, QueueOf, ReplaceError, ResolveError};
pub use events::{Backlog, Delivery, DeliveryId};
pub use facts::{RoomFacts, RouteTotals};
pub use folder::FolderFacts;
pub use health::Health;
pub use incoming::{Joined, Joiner, Look, Received, Seen};
pub use outgoing::{
    AcceptedParts, Attempt, Attempted, Attempting, Budget, DuePart, HistoryLine, NewMessage, Owner, PartKey, Policies,
    Progress, ReportOutcome, Settle, Settled, Ticked,
};
pub use recover::Recovered;
pub use retention::Retained;
pub use sim::{Binding, PinState, PinTry, PinVerdict};
pub use store::Store;
pub use upkeep::examine;
