//! GSM modems and their network in software, on pseudo-terminals.
//!
//! A [`Network`] runs on a thread of its own. [`Network::plug`] gives a [`Modem`]: a pseudo-terminal, named by a symlink, behind
//! which a modem answers AT commands as its [`Profile`] has it (3GPP TS 27.005, 27.007, ITU-T V.250), with a SIM that has a number, a
//! PIN, memories and tries. What one SIM sends to the number of another arrives there; what goes elsewhere is recorded. [`Fault`]s
//! and [`Rule`]s make things go wrong on command, and [`Network::sent`] tells what happened and when.
//!
//! ```
//! let (network, modems) = modemsim::Network::of(2)?;
//! network.text(modems[0].number(), "+4930123", "hello")?;
//! assert_eq!(modems[0].stored().len(), 1);
//! # Ok::<(), modemsim::Error>(())
//! ```
//!
//! The program `modemsim` is the same for other people's clients, and for benchmarks that want it in a process of its own. One
//! thread, one epoll and few allocations keep it cheap: it runs on the same cores as what it tests.
//!
//! [`Replay`] is a modem that answers as a wire trace has it.
//!
//! Rooms: `device` is one modem as a value, `exchange` the network, `port` a line, `world` the loop that carries octets between them,
//! `wire` the few octets of a TPDU that a network reads. It leaves out voice, data and text mode beyond the least.

#![forbid(unsafe_code)]

mod card;
mod clock;
mod command;
mod control;
mod device;
mod dice;
mod exchange;
mod fault;
mod handle;
mod incoming;
mod port;
mod profile;
mod record;
mod replay;
mod septets;
mod settings;
mod stand_in;
mod storage;
mod timers;
mod validity;
mod wire;
mod world;

use thiserror::Error;

pub use command::{Command, Kept, ModemView, Reply};
pub use fault::{Fault, Rule};
pub use handle::{Modem, Network};
pub use profile::{EmptyPlace, Profile, UssdForm};
pub use record::{Arrived, Counts, Sent, Stats};
pub use replay::{Replay, Script};
pub use settings::{ModemSpec, Record, Settings, Sink, UssdNode};

/// What a caller did wrong, or the system does not give.
#[derive(Debug, Error)]
pub enum Error {
    /// The profile is not there or not understood.
    #[error("profile {name}: {reason}")]
    Profile {
        /// As it was asked for.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Two SIMs cannot have one number.
    #[error("the number {0} is taken")]
    Number(String),
    /// No SIM has this number.
    #[error("no SIM has the number {0}")]
    Unknown(String),
    /// There are not so many modems.
    #[error("there is no modem {0}")]
    NoModem(usize),
    /// A TPDU is not hexadecimal.
    #[error("the TPDU is not hexadecimal")]
    NotHex,
    /// Nothing was written to a modem in it.
    #[error("this is no wire trace: no line of it says what was written to a modem")]
    NoTrace,
    /// A text cannot be sent: too long, or the sender's name is.
    #[error("the text cannot be sent: {0}")]
    Text(String),
    /// The simulator's thread is gone.
    #[error("the simulator has stopped")]
    Stopped,
    /// The system refused.
    #[error(transparent)]
    System(#[from] std::io::Error),
}
