//! The flows between store, router and carriers, and the one handle that the floors above hold.
//!
//! - [`Gateway`] is the handle: cloned freely, asked by front ends, never blocking for anything but the answer.
//! - [`Desks`] are what front ends ask of those who consume messages, handed in by the binary.
//! - [`Failures`] is who showed front ends wrong secrets, and is locked out.
//! - [`Carrier`] is what carries messages: the pool of modems ([`PoolCarrier`]) now, an SMPP upstream later.
//! - Outgoing parts are decided on by a desk without clock or I/O and dispatched by one task; incoming ones are kept by
//!   one task per carrier; a keeper looks after deadlines, retention and the [`Snapshot`](message::Snapshot), an auditor
//!   whether the audit log is whole.
//!
//! Promises: nothing is answered before it is kept, nothing is written to a modem before its attempt is kept, nothing
//! is deleted from a modem before it is kept. All of it lies in the store; what this crate holds may be lost at any
//! moment without losing a message.

#![forbid(unsafe_code)]

mod alerts;
mod applications;
mod audit;
mod auditor;
mod care;
mod carrier;
mod clock;
mod config;
mod desks;
mod error;
mod failures;
mod fetch;
mod handle;
mod health;
mod in_force;
mod incoming;
mod keeper;
mod origin;
mod outgoing;
mod pool_carrier;
mod pump;
mod reload;
mod sim;
mod tally;
mod trace;
mod unkept;
mod ussd;

pub use audit::AuditTrail;
pub use care::{Amount, CareSettings, Every, Schedule, SlotCare};
pub use carrier::{
    Ahead, Carrier, CarrierEvent, CarrierEvents, NotTaken, Obstacle, PinTry, RouteStatus, UssdFailure, UssdStep,
};
pub use config::{Config, National, RouteSettings};
pub use desks::{AlertDesk, AttendanceDesk, Desks, SettingsDesk, WireDesk};
pub use error::{Error, ErrorKind};
pub use failures::{Failures, Neighbour};
pub use handle::{Gateway, Parts, joiner};
pub use origin::Origin;
pub use outgoing::compose::Manner;
pub use outgoing::desk::Handover;
pub use outgoing::verbatim::Verbatim;
pub use pool_carrier::PoolCarrier;
pub use reload::Prepared;
pub use store::AuditEntry;
pub use tally::Tally;
pub use ussd::UssdAwaited;
