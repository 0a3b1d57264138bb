//! The rig of the end-to-end tests: the real program, simulated modems on real pseudo-terminals, real sockets.
//!
//! [`Rig`] holds what survives a gateway's death: the simulated network with its SIMs, the data folder, the
//! configuration, the certificate. [`Gateway`] is one life of the program on it. The network lives in the test's own
//! process, so a killed gateway loses nothing that a real modem would not lose.

#![forbid(unsafe_code)]

mod api;
mod cli;
mod gateway;
mod hold;
mod mailserver;
mod on_call;
mod pdu;
mod peer;
mod port;
mod rig;
mod sink;
mod socket;
mod trace;
mod upstream;

pub use api::{Api, Refusal};
pub use cli::{Following, Run};
pub use gateway::Gateway;
pub use hold::Hold;
pub use mailserver::{MailServer, mail_header};
pub use on_call::{ANNA, BEN, on_call};
pub use pdu::{Delivery, Submission};
pub use peer::{Peer, has_program, installed};
pub use port::free_port;
pub use rig::{Rig, eventually, program};
pub use sink::{Manner, Post, Sink};
pub use socket::Socket;
pub use trace::{Act, Trace};
pub use upstream::{relay, wait_bound};
