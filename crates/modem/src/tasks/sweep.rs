//! All memories are read, at the start and on a timer: nothing that lies there stays unseen, announced or not.

use at::reply;
use message::Memory;

use crate::core::Core;
use crate::inbox::Sweeping;
use crate::output::{Event, Rung};
use crate::timer::Timer;
use crate::wire::Answer;

use super::read::{Taken, note_selected, select, take};
use super::routing::name_of;
use super::{Next, Woken};

/// A sweep and how far it is.
#[derive(Debug)]
pub(crate) struct Sweep {
    wanted: Sweeping,
    /// Memories still to be read, the next last.
    left: Vec<[u8; 2]>,
    phase: Phase,
}

/// What is being done.
#[derive(Debug)]
enum Phase {
    /// On to the next memory.
    Next,
    /// Selecting a memory.
    Select([u8; 2]),
    /// Listing it.
    List([u8; 2]),
    /// Reading it place by place.
    Places(Places),
}

/// Reading a memory place by place.
#[derive(Debug)]
struct Places {
    memory: [u8; 2],
    index: u16,
    end: u16,
    /// Messages still to be found, where the count is trusted.
    missing: Option<usize>,
    seen: Vec<u16>,
}

impl Sweep {
    pub(crate) fn new(core: &mut Core, wanted: Sweeping) -> Self {
        let mut left = core.inbox.readable.clone();
        // The home memory last, so that it stays selected.
        left.retain(|&name| Some(name) != core.inbox.home);
        left.insert(0, core.inbox.home.unwrap_or(crate::inbox::UNNAMED));
        core.inbox.sweeps += 1;
        let thorough = wanted.thorough || core.inbox.sweeps.is_multiple_of(THOROUGH_EVERY);
        Self {
            wanted: Sweeping { thorough, ..wanted },
            left,
            phase: Phase::Next,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin | Woken::Rested => self.go_on(core),
            Woken::Answered(answer) if answer.is_silent() => self.silence(core),
            Woken::Answered(answer) if answer.is_busy() => Next::Rest(Timer::Busy),
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    /// It is begun again after the new set-up.
    pub(crate) fn abort(self, core: &mut Core) {
        core.inbox.want_sweep(self.wanted);
    }

    /// Goes on after a rest or after more urgent work, which may have selected another memory.
    fn go_on(&mut self, core: &mut Core) -> Next {
        match &self.phase {
            Phase::Next => self.next_memory(core),
            Phase::Select(memory) | Phase::List(memory) => {
                let memory = *memory;
                self.enter(core, memory)
            }
            Phase::Places(places) => match select(core, places.memory) {
                Some(next) => next,
                None => read_place(places),
            },
        }
    }

    fn next_memory(&mut self, core: &mut Core) -> Next {
        let Some(memory) = self.left.pop() else {
            return Next::Done;
        };
        self.enter(core, memory)
    }

    fn enter(&mut self, core: &mut Core, memory: [u8; 2]) -> Next {
        self.phase = Phase::Select(memory);
        if memory == crate::inbox::UNNAMED {
            return self.list(core, memory, None);
        }
        // Also where it is selected already: the answer tells how many messages it holds.
        super::ask_slowly(format!("AT+CPMS=\"{}\"", name_of(&memory)))
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        match std::mem::replace(&mut self.phase, Phase::Next) {
            Phase::Next => self.next_memory(core),
            Phase::Select(memory) => self.selected(core, memory, answer),
            Phase::List(memory) => self.listed(core, memory, answer),
            Phase::Places(places) => self.place_read(core, places, answer),
        }
    }

    fn selected(&mut self, core: &mut Core, memory: [u8; 2], answer: &Answer) -> Next {
        if !answer.is_ok() {
            return self.next_memory(core);
        }
        note_selected(core, memory, answer);
        let storage = answer.reply.find(reply::cpms).ok().map(|[read, ..]| read);
        let used = storage.and_then(|read| read.used);
        let total = storage.and_then(|read| read.total);
        let full = used.is_some() && used >= total && total != Some(0);
        if full {
            core.event(Event::StorageFull {
                memory: Some(name_of(&memory)),
            });
        }
        let known = core.inbox.handed_in(memory);
        let nothing_new = used.is_some_and(|used| usize::from(used) == known);
        if nothing_new && !full && self.wanted == Sweeping::default() {
            return self.next_memory(core);
        }
        if used == Some(0) && !self.wanted.thorough {
            return self.next_memory(core);
        }
        let range = total.map(|total| (used.map(usize::from), total));
        self.list(core, memory, range)
    }

    /// Lists the memory, or starts to read it place by place; `range`: how many messages are on how many places.
    fn list(&mut self, core: &Core, memory: [u8; 2], range: Option<(Option<usize>, u16)>) -> Next {
        if !core.dialect.reads_by_index && !core.listing_fails {
            self.phase = Phase::List(memory);
            return super::ask_slowly("AT+CMGL=4");
        }
        let (used, total) = range.unwrap_or((None, UNKNOWN_TOTAL));
        let first = core.dialect.first_index;
        let places = Places {
            memory,
            index: first,
            end: first.saturating_add(total.min(MOST_PLACES)),
            missing: used,
            seen: Vec::new(),
        };
        if places.index >= places.end || places.missing == Some(0) {
            self.phase = Phase::Next;
            return Next::Yield;
        }
        let next = read_place(&places);
        self.phase = Phase::Places(places);
        next
    }

    fn listed(&mut self, core: &mut Core, memory: [u8; 2], answer: &Answer) -> Next {
        if !answer.is_ok() {
            // Listing fails here; what it did list counts, and the places are read one by one.
            core.listing_fails = true;
            let total = core.total_of(memory);
            return self.list(core, memory, Some((None, total)));
        }
        let mut seen = Vec::new();
        for stored in reply::cmgl(&answer.reply) {
            let Some(index) = stored.index else { continue };
            seen.push(index);
            let place = Memory { name: memory, index };
            if take(core, place, &stored, self.wanted.again) == Taken::TextMode {
                return Next::Done;
            }
        }
        if answer.reply.dropped() == 0 {
            core.inbox.keep_only(memory, &seen);
        }
        Next::Yield
    }

    fn place_read(&mut self, core: &mut Core, mut places: Places, answer: &Answer) -> Next {
        if core.inbox.selected != Some(places.memory) && places.memory != crate::inbox::UNNAMED {
            // This was the answer to selecting it again.
            if !answer.is_ok() {
                return self.next_memory(core);
            }
            note_selected(core, places.memory, answer);
            let next = read_place(&places);
            self.phase = Phase::Places(places);
            return next;
        }
        let stored = reply::cmgr(&answer.reply).filter(|stored| answer.is_ok() && !stored.body.is_empty());
        if let Some(stored) = stored {
            let place = Memory {
                name: places.memory,
                index: places.index,
            };
            places.seen.push(places.index);
            places.missing = places.missing.map(|missing| missing.saturating_sub(1));
            if take(core, place, &stored, self.wanted.again) == Taken::TextMode {
                return Next::Done;
            }
        }
        places.index += 1;
        if places.index >= places.end || places.missing == Some(0) {
            core.inbox.keep_only(places.memory, &places.seen);
            return Next::Yield;
        }
        self.phase = Phase::Places(places);
        if core.is_pressed() {
            Next::Yield
        } else {
            self.go_on(core)
        }
    }

    /// Listing hangs on several Huawei sticks: from now on places are read one by one.
    fn silence(&mut self, core: &mut Core) -> Next {
        core.listing_fails = true;
        core.inbox.want_sweep(self.wanted);
        Next::Trouble(Rung::Drain, String::from("no answer to reading a memory"))
    }
}

fn read_place(places: &Places) -> Next {
    Next::Ask(at::Command::cmgr(places.index), Timer::SlowAnswer)
}

/// Every so many sweeps the counts are not trusted.
const THOROUGH_EVERY: u32 = 12;

/// Places of a memory that does not tell.
const UNKNOWN_TOTAL: u16 = 50;

/// Most places that are read one by one.
const MOST_PLACES: u16 = 1000;
