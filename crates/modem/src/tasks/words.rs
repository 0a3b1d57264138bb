//! What people read of the modem's work, where it comes to nothing: in health, mail and the log.

use super::small::Small;
use super::steps::Step;

impl Step {
    /// What the step asks of the modem, fit to follow "no answer to".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Escape => "closing a prompt that was left open",
            Self::Alive => "AT",
            Self::EchoOff => "switching the echo off",
            Self::Errors => "asking for errors with numbers",
            Self::Maker => "asking who made the modem",
            Self::Model => "asking for the modem's model",
            Self::Revision => "asking for the modem's firmware",
            Self::Imei => "asking for the IMEI",
            Self::Identified | Self::Greeting => "what this kind of modem is told at the start",
            Self::Iccid | Self::IccidFile | Self::IccidAgain | Self::SimIdentified => "asking for the SIM's ICCID",
            Self::EarlyImsi | Self::Imsi => "asking for the SIM's IMSI",
            Self::Adoption | Self::Function => "asking whether the radio is on",
            Self::Lock | Self::Unlocked => "asking whether the SIM wants its PIN",
            Self::Tries => "asking how many tries the PIN has left",
            Self::Proof | Self::Unlocking => "entering the PIN",
            Self::ServiceCentre => "asking for the service centre",
            Self::PduMode => "switching to PDU mode",
            Self::Charset => "choosing the character set",
            Self::MemoriesOffered => "asking which message memories there are",
            Self::Memories => "choosing the message memory",
            Self::RoutingOffered => "asking how received messages can be announced",
            Self::Service => "choosing that messages are acknowledged",
            Self::Routing => "choosing how received messages are announced",
            Self::CircuitNotices | Self::PacketNotices | Self::EpsNotices => "asking to be told of the registration",
            Self::Circuit | Self::Packet | Self::Eps => "asking for the registration",
            Self::OperatorFormat => "asking for operators by name",
            Self::Operator => "asking for the network's name",
            Self::Signal => "asking for the signal",
            Self::Card => "asking whether the SIM is there",
            Self::OwnNumber => "asking for the SIM's number",
            Self::CallerNumber => "asking to be told who calls",
        }
    }
}

impl Small {
    /// What the task asks of the modem, fit to follow "no answer to".
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "acknowledging a message",
            Self::HangUp { .. } => "ending a call",
            Self::Heartbeat => Step::Signal.words(),
            Self::Reroute => Step::Routing.words(),
            Self::Home => Step::Memories.words(),
        }
    }
}
