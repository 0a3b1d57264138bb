//! Upstreams: the gateway binds to other gateways by SMPP 3.4, and they carry messages beside its SIMs.
//!
//! # Tour
//!
//! [`Upstreams`] is a [`gateway::Carrier`]: each upstream is a route. What all connections of one share is `upstream`, with
//! its `board` (who is bound, what waits, what was counted). Each connection is a task (`line`) that makes it (`dial`),
//! speaks over it by a [`smpp::session::Session`] (`talk`), and makes it again when it ended (`pauses`). A part that goes out
//! is translated in `submit`; what a refusal means is one table (`refusal`). What comes in is translated in `deliver`: a
//! received message becomes SMS-DELIVER, cut by `pieces` where it is long, and a receipt becomes a word on a part. It has
//! its `places` until the gateway has kept it, and a stamp by which it is known if it comes again (`stamps`).
//!
//! What goes over sessions is written down where somebody asks for it (`trace`). That, the dialling and the pauses serve the
//! message centre as well.
//!
//! # Promises
//!
//! Every part that was taken ends once: sent, failed, or uncertain where nobody can know; one that surely did not leave is
//! given back. A message or receipt is answered only when it is kept. No peer makes it panic or grow without bounds.
//!
//! # Left to others
//!
//! Which part goes where and when, what is kept, and which receipt fits which part: `gateway` and `store`.
#![forbid(unsafe_code)]

mod board;
mod carrier;
mod clock;
mod config;
mod deliver;
mod dial;
mod line;
mod pauses;
mod pieces;
mod places;
mod refusal;
mod stamps;
mod submit;
mod talk;
mod trace;
mod upstream;
#[cfg(test)]
mod vectors_test;

pub use carrier::{Prepared, StartError, Upstreams};
pub use config::{Bind, Charset, Config, Form, Long, Password, Problem};
pub use dial::{Dialer, Dialled, Stream, Trust, host_and_port};
pub use pauses::Pauses;
pub use trace::{Opener, Tap, Traces};
