//! One modem as a state machine, with its dialect. No I/O, no clock, no task of its own.
//!
//! # Tour
//!
//! [`Modem`] is a value. Bytes read from the port go into [`Modem::receive`], work into [`Modem::submit`], the time into
//! [`Modem::tick`] at [`Modem::due`]; [`Modem::poll`] gives what is to be written and what happened. The loop that drives
//! it is dull:
//!
//! ```
//! use std::time::Instant;
//! use modem::{Config, Event, Modem, Output};
//!
//! let mut modem = Modem::new(Config::default(), Instant::now());
//! while let Some(output) = modem.poll() {
//!     match output {
//!         Output::Write(octets) => assert_eq!(octets, b"\x1b\r"), // leave a prompt, should one be open
//!         Output::Begins { ticket } => println!("part {ticket} may go out from now on"),
//!         Output::Event(Event::StateChanged { reason, .. }) => println!("{reason}"),
//!         Output::Event(_) | Output::Reopen { .. } | Output::Close { .. } => {}
//!     }
//! }
//! assert!(modem.due().is_some());
//! ```
//!
//! Inside, one thing is done at a time: a *task* (`tasks/`) asks, rests and goes on from the answer. `core.rs` holds what
//! outlives a task, `wire.rs` the line with its one open exchange, `hear.rs` what comes unasked, `schedule.rs` what is done
//! next. `tasks/start.rs` is the list of steps that set a modem up. What makers do differently is data (`dialects/`), what
//! errors mean is one table (`verdict.rs`), and so are all durations ([`Timer`]).
//!
//! # What a set-up does
//!
//! ESC and a drain, `AT` until somebody answers, echo off, errors with numbers; who is there (an unknown modem or card stops
//! here); the lock, with its counter and one recorded try; PDU mode; the memories; how messages are announced, best first
//! and only by ways that keep them (`tasks/routing.rs`); registration, operator, signal. Each step has its fallbacks, none
//! but PDU mode is essential, and one that hangs is passed over once `AT` is answered. A sweep of all memories follows.
//!
//! # When things go wrong
//!
//! [`Facts::state`] with its reason says where a modem stands. Silence on any exchange, a flood, or three unknown errors in a
//! row climb the ladder of [`Rung`]s, each step counted and told; a quarter of an hour of calm brings it back to its foot.
//!
//! # Promises
//!
//! - Nothing is written between Ctrl-Z and the answer or its deadline; every exchange ends.
//! - A part whose PDU was handed over ends as sent, as failed by a clear word of the network, or as uncertain. An uncertain
//!   one may be settled once more by an answer that came late.
//! - What needs a commit asks for its proof: parts, deletes, acknowledgements, PIN entries.
//! - A PIN is entered once, never with one try left, and not again before [`Job::Unlock`] unless it opened the card.
//! - Nothing is written to the modem's own settings (`AT&W`), and no bytes from it make the machine panic or grow.
//!
//! # Left to others
//!
//! Ports, their names and locks (`pool`); what is kept (`store`); what a PDU says (`tpdu`); which modem to use (`router`).

#![forbid(unsafe_code)]

mod accept;
mod call;
mod config;
mod core;
mod dialects;
mod dialogue;
mod facts;
mod hear;
mod inbox;
mod job;
mod ladder;
mod machine;
mod output;
mod pin_desk;
mod schedule;
mod service_centre;
mod tasks;
mod timer;
mod ussd;
mod verdict;
mod wire;

pub use config::{Config, Pin};
pub use dialects::dialect_names;
pub use facts::{Counters, Facts, Identity, Routing, Sim};
pub use job::{Job, Rejected, Send, UssdAction};
pub use machine::Modem;
pub use output::{Event, Output, PinIdentity, PinTry, PinVerdict, Rung, WRITE_DEADLINE};
pub use timer::{Timer, TimerTable};
