//! Setting a modem up: the list of steps. Nothing in it is kept by the modem (`AT&W` is never written).

use super::steps::Step;
use super::walk::Walk;

/// Sets the modem up from the beginning.
pub(crate) fn start() -> Walk {
    Walk::new(START, true)
}

/// Reads again what may have changed.
pub(crate) fn refresh() -> Walk {
    Walk::new(REFRESH, false)
}

const START: &[Step] = &[
    Step::Escape,
    Step::Alive,
    Step::EchoOff,
    Step::Errors,
    Step::Maker,
    Step::Model,
    Step::Revision,
    Step::Imei,
    Step::Identified,
    Step::Greeting,
    Step::Iccid,
    Step::IccidFile,
    Step::EarlyImsi,
    Step::Adoption,
    Step::Function,
    Step::Lock,
    Step::Tries,
    Step::Proof,
    Step::Unlocking,
    Step::Unlocked,
    Step::Imsi,
    Step::IccidAgain,
    Step::SimIdentified,
    Step::ServiceCentre,
    Step::PduMode,
    Step::Charset,
    Step::MemoriesOffered,
    Step::Memories,
    Step::RoutingOffered,
    Step::Service,
    Step::Routing,
    Step::CircuitNotices,
    Step::PacketNotices,
    Step::EpsNotices,
    Step::Circuit,
    Step::Packet,
    Step::Eps,
    Step::OperatorFormat,
    Step::Operator,
    Step::Signal,
    Step::OwnNumber,
    Step::CallerNumber,
];

const REFRESH: &[Step] = &[
    Step::Card,
    Step::Circuit,
    Step::Packet,
    Step::Eps,
    Step::Operator,
    Step::Signal,
];
