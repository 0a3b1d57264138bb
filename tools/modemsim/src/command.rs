//! What can be asked of a running network: the same words for tests ([`crate::Network::ask`]), for the control socket and for the
//! program's input, where each is a line of JSON (`{"cmd":"fault","modem":0,"fault":{"kind":"unplug"}}`).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Rule};
use crate::record::{Arrived, Counts, Sent, Stats};
use crate::settings::UssdNode;

/// A request. Modems are named by their place, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The modems: [`Reply::Modems`].
    Modems,
    /// The network in numbers: [`Reply::Stats`].
    Stats,
    /// Messages accepted: [`Reply::Sent`].
    Sent {
        /// From this place in their row on.
        #[serde(default)]
        from: usize,
    },
    /// Ctrl-Z and `+CMGS` of each message: [`Reply::Times`].
    Times,
    /// Forgets what was sent and has arrived, and counts anew.
    Forget,
    /// Messages and reports that reached modems: [`Reply::Arrived`].
    Arrived {
        /// From this place in their row on.
        #[serde(default)]
        from: usize,
    },
    /// What a modem and its SIM keep: [`Reply::Stored`].
    Stored {
        /// The modem.
        modem: usize,
    },
    /// A fault: [`Reply::Done`].
    Fault {
        /// The modem.
        modem: usize,
        /// The fault.
        fault: Fault,
    },
    /// Rules instead of those before.
    Rules {
        /// The first that fits is used.
        rules: Vec<Rule>,
    },
    /// Latency from now on.
    Latency {
        /// Microseconds from Ctrl-Z to `+CMGS`.
        us: u64,
    },
    /// A text from outside the network: [`Reply::Done`].
    Text {
        /// The SIM's number.
        to: String,
        /// The sender's number, or its name.
        from: String,
        /// The text; a long one comes in parts.
        text: String,
    },
    /// A DELIVER or STATUS-REPORT from outside the network.
    Pdu {
        /// The SIM's number.
        to: String,
        /// The TPDU without SMSC part, in hexadecimal.
        tpdu: String,
    },
    /// An incoming call.
    Call {
        /// The modem.
        modem: usize,
        /// The caller.
        from: String,
        /// After so many rings the caller gives up.
        #[serde(default = "few")]
        rings: u32,
    },
    /// A USSD page from the network.
    Ussd {
        /// The modem.
        modem: usize,
        /// The page.
        page: UssdNode,
    },
    /// The end of the simulator.
    Stop,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// The modems in their order.
    Modems(Vec<ModemView>),
    /// Numbers.
    Stats(Stats),
    /// Messages in the order of acceptance.
    Sent(Vec<Sent>),
    /// Ctrl-Z and `+CMGS` of each message in microseconds of Unix time; 0 where there was none.
    Times(Vec<(u64, u64)>),
    /// What arrived, in order.
    Arrived(Vec<Arrived>),
    /// What is kept.
    Stored(Vec<Kept>),
}

/// A modem as it is seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModemView {
    /// The symlink to its line.
    pub port: PathBuf,
    /// The SIM's number.
    pub number: String,
    /// The profile's name.
    pub profile: String,
    /// Whether it is plugged in.
    pub plugged: bool,
    /// Whether someone has its port open.
    pub in_use: bool,
    /// What it did.
    pub counts: Counts,
}

/// A message in a memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// `SM`, `ME` or `SR`.
    pub memory: String,
    /// The place as the modem counts.
    pub index: usize,
    /// `<stat>` of PDU mode.
    pub status: u8,
    /// SMSC part and TPDU in hexadecimal.
    pub pdu: String,
}

fn few() -> u32 {
    3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_in_the_manual_is_understood() {
        let manual = include_str!("../../../docs/simulator.md");
        let lines: Vec<&str> = manual.lines().filter(|line| line.starts_with("{\"cmd\"")).collect();
        assert!(lines.len() > 35);
        for line in lines {
            let read: Result<Command, _> = serde_json::from_str(line);
            assert!(read.is_ok(), "{line}: {read:?}");
        }
    }
}
