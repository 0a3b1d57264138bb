//! An announced message is read: where it is said to lie, and where else it may lie.

use at::reply::{self, Stored, StoredStatus};
use message::{JournalEntry, Memory, RawInbound};

use crate::core::Core;
use crate::inbox::{Announced, Sweeping, UNNAMED};
use crate::output::{Event, Rung};
use crate::timer::Timer;
use crate::wire::Answer;

use super::routing::{name_of, note_use};
use super::{Next, Woken, ask_slowly};

/// The reading of one message.
#[derive(Debug)]
pub(crate) struct Read {
    announced: Announced,
    /// Memories still to be looked into, best last.
    places: Vec<[u8; 2]>,
    /// The one that is being looked into.
    place: [u8; 2],
    selecting: bool,
    busy: u8,
}

impl Read {
    pub(crate) fn new(core: &Core, announced: Announced) -> Self {
        let mut places = places(core, announced);
        places.reverse();
        Self {
            announced,
            places,
            place: UNNAMED,
            selecting: false,
            busy: 0,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin => self.look(core),
            Woken::Rested => self.read(),
            Woken::Answered(answer) if answer.is_silent() => {
                core.inbox.want_sweep(Sweeping::default());
                Next::Trouble(Rung::Drain, String::from("no answer to reading a message"))
            }
            Woken::Answered(answer) if self.selecting => self.selected(core, answer),
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    /// A sweep will find it.
    pub(crate) fn abort(self, core: &mut Core) {
        core.inbox.want_sweep(Sweeping::default());
    }

    /// Looks into the next place.
    fn look(&mut self, core: &mut Core) -> Next {
        let Some(place) = self.places.pop() else {
            // Announced, and nowhere to be found: the index may be wrong too.
            core.inbox.want_sweep(Sweeping {
                again: false,
                thorough: true,
            });
            return Next::Done;
        };
        self.place = place;
        self.selecting = true;
        select(core, place).unwrap_or_else(|| self.read())
    }

    fn selected(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if !answer.is_ok() {
            return self.look(core);
        }
        note_selected(core, self.place, answer);
        self.read()
    }

    fn read(&mut self) -> Next {
        self.selecting = false;
        Next::Ask(at::Command::cmgr(self.announced.index), Timer::SlowAnswer)
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if answer.is_busy() && self.busy < BUSY_TRIES {
            self.busy += 1;
            return Next::Rest(Timer::Busy);
        }
        let memory = Memory {
            name: self.place,
            index: self.announced.index,
        };
        let stored = reply::cmgr(&answer.reply).filter(|_| answer.is_ok());
        match stored.map(|stored| take(core, memory, &stored, false)) {
            Some(Taken::New) => Next::Done,
            Some(Taken::TextMode) => Next::Done,
            // Nothing there, or an old one: the new one lies elsewhere.
            Some(Taken::Known) | None => self.look(core),
        }
    }
}

/// What a stored message turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Handed over.
    New,
    /// Handed over before, or an empty place.
    Known,
    /// The modem left PDU mode.
    TextMode,
}

/// Hands over a stored message: a received one, or a journal entry.
pub(super) fn take(core: &mut Core, memory: Memory, stored: &Stored, again: bool) -> Taken {
    if stored.text_mode.is_some() {
        core.restart("the modem left PDU mode", None);
        return Taken::TextMode;
    }
    if stored.body.is_empty() {
        return Taken::Known;
    }
    let pdu = octets(&stored.body, stored.length);
    if !core.inbox.note_handed(memory, &pdu, again) {
        return Taken::Known;
    }
    match stored.status {
        Some(StoredStatus::Unsent | StoredStatus::Sent) => {
            let sent = stored.status == Some(StoredStatus::Sent);
            let tpdu = without_service_centre(pdu);
            let entry = JournalEntry { place: memory, tpdu };
            core.event(Event::JournalFound { entry, sent });
        }
        _ => core.received(RawInbound {
            pdu,
            memory: Some(memory),
        }),
    }
    Taken::New
}

/// The octets of a PDU in hex, with a service centre part before them. What is no hex is kept as it came, to be shown.
pub(crate) fn octets(hex: &[u8], length: Option<u16>) -> Vec<u8> {
    let text = at::latin1(hex);
    let Ok(mut octets) = tpdu::from_hex(text.trim()) else {
        return hex.to_vec();
    };
    // A few modems leave the service centre part out altogether; then the length they tell is all there is.
    let bare = length.is_some_and(|length| usize::from(length) == octets.len());
    let has_centre = matches!(
        octets.as_slice(),
        [0, ..] | [_, 0x81 | 0x91 | 0xA1 | 0xB1 | 0xC1 | 0xD0, ..]
    );
    if bare && !has_centre {
        octets.insert(0, 0);
    }
    octets
}

pub(super) fn without_service_centre(mut pdu: Vec<u8>) -> Vec<u8> {
    let centre = usize::from(pdu.first().copied().unwrap_or_default()) + 1;
    pdu.drain(..centre.min(pdu.len()));
    pdu
}

/// Makes reading and deleting work on a memory; nothing when they do.
pub(super) fn select(core: &Core, name: [u8; 2]) -> Option<Next> {
    if core.inbox.selected == Some(name) || name == UNNAMED {
        return None;
    }
    Some(ask_slowly(format!("AT+CPMS=\"{}\"", name_of(&name))))
}

pub(super) fn note_selected(core: &mut Core, name: [u8; 2], answer: &Answer) {
    core.inbox.selected = Some(name);
    note_use(core, name, answer);
}

/// Where an announced message may lie: EC25 names "SM" for reports in "SR", and others name a memory that is not the
/// selected one.
fn places(core: &Core, announced: Announced) -> Vec<[u8; 2]> {
    let dialects = core.dialect.report_memory.filter(|_| announced.report);
    let reports = announced.report.then_some(*b"SR");
    let likely = dialects
        .into_iter()
        .chain(announced.memory)
        .chain(reports)
        .chain(core.inbox.home);
    let mut places = Vec::new();
    for name in likely.chain(core.inbox.readable.iter().copied()) {
        let known = core.inbox.readable.contains(&name) || announced.memory == Some(name);
        if known && !places.contains(&name) {
            places.push(name);
        }
    }
    if core.inbox.home == Some(UNNAMED) {
        places = vec![UNNAMED];
    }
    places
}

const BUSY_TRIES: u8 = 10;
