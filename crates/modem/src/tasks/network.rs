//! Steps about the network: registration, operator, signal, numbers.

use at::reply;

use crate::core::Core;
use crate::wire::Answer;

use super::steps::{Step, Then, ok_or_fallback};
use super::{Next, ask_slowly};

/// What a network step asks.
pub(crate) fn ask(step: Step, variant: usize) -> Option<Next> {
    let once = |text: &str| (variant == 0).then(|| super::ask(text));
    match step {
        Step::CircuitNotices => notices("CREG", variant),
        Step::PacketNotices => notices("CGREG", variant),
        Step::EpsNotices => notices("CEREG", variant),
        Step::Circuit => once("AT+CREG?"),
        Step::Packet => once("AT+CGREG?"),
        Step::Eps => once("AT+CEREG?"),
        Step::OperatorFormat => once("AT+COPS=3,0"),
        Step::Operator => (variant == 0).then(|| ask_slowly("AT+COPS?")),
        Step::Signal => once("AT+CSQ"),
        Step::OwnNumber => once("AT+CNUM"),
        Step::CallerNumber => once("AT+CLIP=1"),
        _ => None,
    }
}

/// Changes of registration are to be told, with the cell where the modem can.
fn notices(name: &str, variant: usize) -> Option<Next> {
    let mode = [2, 1, 0].get(variant)?;
    Some(super::ask(format!("AT+{name}={mode}")))
}

/// What a network step makes of its answer; nothing in it is essential.
pub(crate) fn heard(step: Step, core: &mut Core, answer: &Answer) -> Then {
    match step {
        Step::CircuitNotices | Step::PacketNotices | Step::EpsNotices => return ok_or_fallback(answer),
        Step::Circuit | Step::Packet | Step::Eps => registration(core, answer),
        Step::Operator => operator(core, answer),
        Step::Signal => signal(core, answer),
        Step::OwnNumber => own_number(core, answer),
        _ => {}
    }
    Then::Next
}

fn registration(core: &mut Core, answer: &Answer) {
    if let Ok(registration) = answer.reply.find(reply::registration) {
        core.network.note(registration.domain, registration.state);
    }
}

fn operator(core: &mut Core, answer: &Answer) {
    let Ok(operator) = answer.reply.find(reply::cops) else {
        return;
    };
    let name = operator.name.map(|name| core.text(&name));
    core.facts.set(|facts| &mut facts.operator, name);
}

pub(crate) fn signal(core: &mut Core, answer: &Answer) {
    if let Ok(signal) = answer.reply.find(reply::csq) {
        core.facts.set(|facts| &mut facts.signal_dbm, signal.dbm());
    }
}

fn own_number(core: &mut Core, answer: &Answer) {
    let numbers = answer.reply.all(reply::cnum);
    let found = numbers.into_iter().find(|number| !number.is_empty());
    let number = found.map(|number| core.text(number.as_bytes()));
    core.facts.set(|facts| &mut facts.sim.number, number);
}
