//! Finds ports, runs one modem on each and keeps them alive.
//!
//! # Tour
//!
//! An operator configures [slots](SlotConfig): the places that tie a modem and its SIM together, each known by its port, a
//! pattern of ports, an IMEI, an ICCID or an IMSI. [`Pool::start`] gives back a [`PoolHandle`], through which the floor above
//! submits [jobs](modem::Job) and reads snapshots, and the channel on which the slots tell what happened.
//!
//! - The *keeper* is one task. It looks for ports (inotify, and a look around every few seconds), decides which slot gets
//!   which port (`plan.rs`), and lets unknown ports be *probed* where a slot is known by what its modem says.
//! - Each *slot* is one task. It owns its [`Modem`](modem::Modem), and its loop is dull: what is read goes in, what comes out
//!   is written or passed on.
//!
//! # Promises
//!
//! - One modem's silence, flood or loss takes nothing from the others: nothing is shared but bounded channels, and a flood is
//!   read a bounded piece at a time.
//! - A port that is gone is noticed by the first read that gives nothing, and never read again.
//! - An exchange that has begun is finished before a slot stops.
//! - The end of every part is told, even where a mistake of ours ends the machine that had it: uncertain, where it might
//!   have been handed over.
//! - A wire trace is written only where the operator names a folder or asks for it, and never shows a PIN.
//!
//! # Left to others
//!
//! What is said to a modem, and what an answer means, is `modem`'s; what is kept, and when, is the gateway's.

#![forbid(unsafe_code)]

mod chair;
mod config;
mod glob;
mod handle;
mod held;
mod hints;
mod keeper;
mod line;
mod plan;
mod plugs;
mod port;
mod probe;
mod secrets;
mod slot;
mod snapshot;
mod trace;

pub use config::{Config, Secret, SlotConfig, Trouble};
pub use handle::{EVENTS, NotTaken, Pool, PoolEvent, PoolHandle, SlotEvent};
