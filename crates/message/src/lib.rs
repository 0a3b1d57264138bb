//! The vocabulary of simrelay: the words every floor above speaks.
//!
//! Nothing here does anything but hold, check and show values: there is no I/O, no clock, no SQL. A *message* has
//! *parts*; a part goes out on a *route* (a SIM, or an upstream); what came in is an *inbound*; whatever a consumer may
//! want to know is an *event*. The words are those of `docs/architecture.md`.
//!
//! - [`Number`], [`RouteId`], [`MessageId`]: who, over what, which.
//! - [`SendRequest`] → [`MessageView`]: what a caller asks and is later told.
//! - [`PartState`], [`Outcome`], [`ErrorClass`]: what became of one attempt; [`MessageState::of`] is the one place where
//!   the state of a message is computed.
//! - [`Inbound`], [`Event`]: what arrived.
//! - [`RawAlert`] → [`NewAlert`] → [`Alert`]: what a camera or a monitoring system says, cleaned at the door.
//! - [`AttendanceEvent`], [`AttendanceState`], [`Presence`]: attendance by SMS as callers are shown it.
//! - [`Reloaded`]: what came of reading the settings again.
//! - [`Snapshot`]: the one value that health, statistics and the command line read.
//! - [`Committed`]: the proof that something is kept, asked for by whatever is only right afterwards.

#![forbid(unsafe_code)]

mod alert;
mod alert_view;
mod application;
mod attendance;
mod begin_mark;
mod clock;
mod committed;
mod counts;
mod durations;
mod event;
mod facts;
mod id;
mod inbound;
mod journal;
mod network;
mod number;
mod outbound;
mod outcome;
mod part;
mod receipt;
mod reload;
mod snapshot;
mod trace;
mod traffic;
mod upstream;
mod view;

pub use alert::{Alert, AlertLetter, AlertReceipt, ImageNote, NewAlert, RaisedAlert, RawAlert, RawImage, Severity};
pub use alert_view::{
    AlertSearch, AlertState, AlertTaken, AlertTrial, AlertView, IncidentView, RuleTrial, ToldView, TrialNotice,
};
pub use application::{ApplicationSnapshot, BoundFor, SessionCounts, SessionFacts};
pub use attendance::{
    AttendanceDevice, AttendanceEvent, AttendancePage, AttendanceRecord, AttendanceRoll, AttendanceSearch,
    AttendanceState, Presence, Whereabouts,
};
pub use begin_mark::BeginMark;
pub use clock::now;
pub use committed::Committed;
pub use counts::{Api, Counted};
pub use durations::Durations;
pub use event::{CallNotice, Event, HealthChange, ReportNotice};
pub use facts::{
    Balance, BalanceLine, BalanceView, CertificateFacts, Complaint, ConsumerFacts, DatabaseFacts, DiskFacts, KeepAlive,
    LimitUse, Probe, ProbeState, Registrations, SlotTotals,
};
pub use id::{AlertId, EventId, MessageId, NoId, RouteId, TokenId};
pub use inbound::{
    Concat, Inbound, InboundKind, Memory, Payload, Ports, RawInbound, Reception, ReportStatus, StatusReport, Waiting,
    WaitingFor,
};
pub use journal::{JournalEntry, same_submit};
pub use network::Network;
pub use number::{Number, NumberError, is_prefix};
pub use outbound::{Accepted, Alphabet, Class, OnUncertain, Priority, SendRequest, TEXT_LIMIT};
pub use outcome::{Cause, ClassWord, ErrorClass, Failure, Outcome, Rests};
pub use part::{MessageState, PartState};
pub use receipt::{PeerId, Receipt};
pub use reload::Reloaded;
pub use snapshot::{
    Finding, Level, Lock, QueueFacts, Registration, SlotSnapshot, SlotState, Snapshot, StorageUse, Totals,
};
pub use trace::{TraceView, TraceWish};
pub use traffic::{FailureReason, Traffic};
pub use upstream::{UpstreamSnapshot, UpstreamState};
pub use view::{
    Direction, FetchPage, FetchQuery, ListPage, ListQuery, MessageView, PartView, Preview, ReceiptView, Resolution,
    RouteExplanation, RouteVerdict, UssdFault, UssdNotice, UssdReply, WaitView, cursor,
};
