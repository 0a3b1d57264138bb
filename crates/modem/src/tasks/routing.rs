//! Steps about memories and routing: where messages lie and how they are announced.

use at::Memory;
use at::reply::{self, Cnmi};
use message::StorageUse;

use crate::core::Core;
use crate::facts::Routing;
use crate::timer::Timer;
use crate::wire::Answer;

use super::steps::{Step, Then};
use super::{Next, ask as ask_text, ask_slowly};

/// What a step about memories and routing asks.
pub(crate) fn ask(step: Step, core: &mut Core, variant: usize) -> Option<Next> {
    match step {
        Step::MemoriesOffered => {
            core.forget_memories();
            (variant == 0).then(|| ask_slowly("AT+CPMS=?"))
        }
        Step::Memories => {
            let command = memories_command(core, variant);
            if command.is_none() && !core.has_no_memory() {
                core.use_unnamed_memory();
            }
            command.map(ask_slowly)
        }
        Step::RoutingOffered => (variant == 0).then(|| ask_text("AT+CNMI=?")),
        Step::Service => (variant == 0 && wants_service(core)).then(|| ask_text("AT+CSMS=1")),
        Step::Routing => ask_routing(core, variant),
        _ => None,
    }
}

/// What a step about memories and routing makes of its answer.
pub(crate) fn heard(step: Step, core: &mut Core, variant: usize, answer: &Answer) -> Then {
    match step {
        Step::MemoriesOffered => core.offered.memories = answer.reply.find(reply::cpms_choices).ok(),
        Step::Memories => return memories(core, variant, answer),
        Step::RoutingOffered => core.offered.routing = answer.reply.find(reply::cnmi_choices).ok(),
        Step::Service => core.offered.service = Some(answer.is_ok()),
        Step::Routing => return routing(core, variant, answer),
        _ => {}
    }
    Then::Next
}

/// Memories to receive into, best first, as far as the modem offers them for reading too.
fn candidates(core: &Core) -> Vec<[u8; 2]> {
    let wanted = core
        .config
        .memory
        .into_iter()
        .chain(core.dialect.memories.iter().copied());
    let offered = core.offered.memories.as_ref();
    let usable = |name: &[u8; 2]| {
        offered.is_none_or(|offered| {
            let among = |list: &[Memory]| list.iter().any(|memory| memory.as_str().as_bytes() == name);
            among(&offered.read) && (offered.receive.is_empty() || among(&offered.receive))
        })
    };
    wanted.filter(usable).collect()
}

/// All three roles in one memory, or as many as the modem takes: Wavecom refuses a third (transcript), others a second.
fn memories_command(core: &Core, variant: usize) -> Option<String> {
    let name = *candidates(core).get(variant / FORMS)?;
    let name = name_of(&name);
    let roles = vec![format!("\"{name}\""); FORMS - variant % FORMS];
    Some(format!("AT+CPMS={}", roles.join(",")))
}

fn memories(core: &mut Core, variant: usize, answer: &Answer) -> Then {
    if !answer.is_ok() {
        return Then::Fallback;
    }
    let Some(&home) = candidates(core).get(variant / FORMS) else {
        return Then::Next;
    };
    core.inbox.home = Some(home);
    core.inbox.selected = Some(home);
    core.inbox.readable = readable(core, home);
    note_use(core, home, answer);
    Then::Next
}

/// What a sweep reads: every memory but broadcasts, those of the telephone's other side, and the sum of two that are read
/// by themselves.
fn readable(core: &Core, home: [u8; 2]) -> Vec<[u8; 2]> {
    let mut names = vec![home];
    let Some(offered) = &core.offered.memories else {
        return names;
    };
    for memory in &offered.read {
        let Ok(name) = <[u8; 2]>::try_from(memory.as_str().as_bytes()) else {
            continue;
        };
        let useful = matches!(&name, b"SM" | b"ME" | b"SR") && !names.contains(&name);
        if useful {
            names.push(name);
        }
    }
    names
}

/// Keeps the counts that `+CPMS=` answers with for the memory that reading works on now.
pub(crate) fn note_use(core: &mut Core, name: [u8; 2], answer: &Answer) {
    let Ok([read, ..]) = answer.reply.find(reply::cpms) else {
        return;
    };
    let (Some(used), Some(total)) = (read.used, read.total) else {
        return;
    };
    let memory = name_of(&name);
    let mut storage = core.facts.storage.clone();
    storage.retain(|known| known.memory != memory);
    storage.push(StorageUse { memory, used, total });
    storage.sort_by(|one, other| one.memory.cmp(&other.memory));
    core.facts.set(|facts| &mut facts.storage, storage);
}

/// Whether no place is left.
pub(crate) fn is_full(storage: &StorageUse) -> bool {
    storage.used >= storage.total && storage.total > 0
}

impl Core {
    /// A place is free that was counted as taken: not every modem is asked for its counts again before something comes.
    pub(crate) fn place_freed(&mut self, name: [u8; 2]) {
        let memory = name_of(&name);
        self.inbox.was_full |= self.facts.storage.iter().any(is_full);
        let mut storage = self.facts.storage.clone();
        for known in storage.iter_mut().filter(|known| known.memory == memory) {
            known.used = known.used.saturating_sub(1);
        }
        self.facts.set(|facts| &mut facts.storage, storage);
    }
}

pub(crate) fn name_of(name: &[u8; 2]) -> String {
    at::latin1(name)
}

/// Acknowledged service is for what is routed directly: flash messages, or reports where they cannot be stored.
fn wants_service(core: &Core) -> bool {
    if core.offered.service.is_some() {
        return false;
    }
    let stored_reports = Cnmi {
        mode: 2,
        messages: 1,
        broadcasts: 0,
        reports: 2,
        buffer: 0,
    };
    let offers = |buffer| {
        let wanted = Cnmi {
            buffer,
            ..stored_reports
        };
        core.offered
            .routing
            .as_ref()
            .is_some_and(|offered| offered.allows(wanted))
    };
    core.config.flash || !(offers(0) || offers(1)) || core.offered.reports_refused
}

/// Ways to announce messages, best first. Direct routing only under `+CSMS=1`: else the modem acknowledges before anything
/// is kept.
fn plans(core: &Core) -> Vec<Cnmi> {
    let acknowledged = core.offered.service == Some(true);
    let mut pairs = Vec::new();
    if core.config.flash && acknowledged {
        pairs.extend([(2, 2), (2, 1)]);
    }
    pairs.push((1, 2));
    if acknowledged {
        pairs.push((1, 1));
    }
    pairs.push((1, 0));
    let mut plans = Vec::new();
    for (messages, reports) in pairs {
        for (mode, buffer) in [(2, 0), (2, 1), (1, 0), (1, 1), (3, 0), (3, 1)] {
            let plan = Cnmi {
                mode,
                messages,
                broadcasts: 0,
                reports,
                buffer,
            };
            if core
                .offered
                .routing
                .as_ref()
                .map_or(mode == 2, |offered| offered.allows(plan))
            {
                plans.push(plan);
            }
        }
    }
    plans
}

fn ask_routing(core: &mut Core, variant: usize) -> Option<Next> {
    if let Some(plan) = plans(core).get(variant) {
        return Some(ask_text(format!("AT+CNMI={plan}")));
    }
    no_routing(core);
    None
}

fn routing(core: &mut Core, variant: usize, answer: &Answer) -> Then {
    let plans = plans(core);
    let Some(&plan) = plans.get(variant) else {
        return Then::Next;
    };
    if answer.is_ok() {
        routed(core, plan);
        return Then::Next;
    }
    let next = plans.get(variant + 1);
    let loses_reports = plan.reports > 0 && next.is_none_or(|next| next.reports == 0);
    if loses_reports && core.offered.service.is_none() {
        core.offered.reports_refused = true;
        return Then::Go(Step::Service);
    }
    Then::Fallback
}

fn routed(core: &mut Core, plan: Cnmi) {
    core.routing = Some(plan);
    let routing = if plan.messages == 2 {
        Routing::Direct
    } else {
        Routing::Stored
    };
    let routing = if core.has_no_memory() && plan.messages != 2 {
        Routing::Nothing
    } else {
        routing
    };
    core.facts.set(|facts| &mut facts.routing, routing);
    core.facts.set(|facts| &mut facts.reports, plan.reports > 0);
    if core.acknowledges() && (plan.messages == 2 || plan.reports == 1) {
        // What an earlier life left unacknowledged may yet switch routing off (TS 27.005 3.4.1): it is set once more.
        core.timers.start(Timer::Acknowledge, core.now);
    }
    if plan.reports == 0 {
        core.notice("the modem cannot announce status reports, so delivery stays unknown");
    }
    if core.config.flash && plan.messages != 2 {
        core.notice("the modem cannot acknowledge directly routed messages, so flash messages may be lost");
    }
}

fn no_routing(core: &mut Core) {
    if core.routing.is_some() {
        return;
    }
    let routing = if core.has_no_memory() {
        Routing::Nothing
    } else {
        Routing::Polled
    };
    core.facts.set(|facts| &mut facts.routing, routing);
    core.facts.set(|facts| &mut facts.reports, false);
    core.notice(match routing {
        Routing::Nothing => "the modem has no message memory that can be read: it can only send",
        _ => "the modem announces no messages: they are found by sweeps only",
    });
}

/// Forms of `+CPMS=`: three roles, two, one.
const FORMS: usize = 3;
