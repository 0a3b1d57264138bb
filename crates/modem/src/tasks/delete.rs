//! What is kept is deleted from its memory (`+CMGD`). Where something else may lie there meanwhile, it is read first.

use at::reply::{self, Stored};

use crate::core::Core;
use crate::inbox::{Deletion, Sweeping};
use crate::output::{Event, Rung};
use crate::timer::Timer;
use crate::wire::{Answer, Ending};

use super::read::{note_selected, octets, select, without_service_centre};
use super::routing::is_full;
use super::{Next, Woken};

/// The deleting of one message.
#[derive(Debug)]
pub(crate) struct Delete {
    what: Deletion,
    phase: Phase,
    tries: u8,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `+CPMS`.
    Select,
    /// `+CMGR`: whether it still lies there.
    Look,
    /// `+CMGD`.
    Remove,
}

impl Delete {
    pub(crate) fn new(what: Deletion) -> Self {
        Self {
            what,
            phase: Phase::Select,
            tries: 0,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin | Woken::Rested => self.select(core),
            Woken::Answered(answer) if answer.is_silent() => {
                core.inbox.deletes.push_front(self.what.clone().again());
                Next::Trouble(Rung::Drain, String::from("no answer to deleting a message"))
            }
            Woken::Answered(answer) => match self.phase {
                Phase::Select => self.selected(core, answer),
                Phase::Look => self.looked(core, answer),
                Phase::Remove => self.removed(core, answer),
            },
        }
    }

    /// It is tried again after the new set-up, if it is still the same card.
    pub(crate) fn abort(self, core: &mut Core) {
        core.inbox.deletes.push_front(self.what.again());
    }

    fn select(&mut self, core: &Core) -> Next {
        self.phase = Phase::Select;
        select(core, self.what.place().name).unwrap_or_else(|| self.look())
    }

    fn selected(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if !answer.is_ok() {
            return self.failed(core, answer);
        }
        note_selected(core, self.what.place().name, answer);
        self.look()
    }

    /// Reads the place where it may hold something else.
    fn look(&mut self) -> Next {
        if matches!(self.what, Deletion::Message { in_doubt: false, .. }) {
            return self.remove();
        }
        self.phase = Phase::Look;
        Next::Ask(at::Command::cmgr(self.what.place().index), Timer::SlowAnswer)
    }

    fn looked(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if is_empty(answer) {
            return self.gone(core);
        }
        if !answer.is_ok() {
            return self.failed(core, answer);
        }
        match reply::cmgr(&answer.reply) {
            // Some modems have no error for an empty place.
            None => self.gone(core),
            Some(stored) if stored.text_mode.is_some() => {
                core.inbox.deletes.push_front(self.what.clone().again());
                core.restart("the modem left PDU mode", None);
                Next::Done
            }
            Some(stored) if stored.body.is_empty() => self.gone(core),
            Some(stored) if self.is_there(core, &stored) => self.remove(),
            Some(_) => self.keep(core, "something else lies there"),
        }
    }

    fn is_there(&self, core: &Core, stored: &Stored) -> bool {
        let pdu = octets(&stored.body, stored.length);
        match &self.what {
            Deletion::Message { place, .. } => core.inbox.was_handed(*place, &pdu),
            Deletion::Entry(entry) => entry.is(&without_service_centre(pdu)),
        }
    }

    fn remove(&mut self) -> Next {
        self.phase = Phase::Remove;
        Next::Ask(at::Command::cmgd(self.what.place().index), Timer::SlowAnswer)
    }

    fn removed(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if !answer.is_ok() && !is_empty(answer) {
            return self.failed(core, answer);
        }
        if answer.is_ok() {
            core.place_freed(self.what.place().name);
        }
        self.gone(core)
    }

    /// The place is empty.
    fn gone(&self, core: &mut Core) -> Next {
        self.end(core, true);
        let full = core.facts.storage.iter().any(is_full) || core.inbox.was_full;
        if full && core.inbox.deletes.is_empty() {
            core.inbox.was_full = false;
            // What the network kept back comes now, and not every modem announces it.
            core.inbox.want_sweep(Sweeping {
                again: false,
                thorough: true,
            });
        }
        Next::Done
    }

    fn failed(&mut self, core: &mut Core, answer: &Answer) -> Next {
        self.tries += 1;
        if self.tries < TRIES {
            return Next::Rest(Timer::Busy);
        }
        self.keep(core, answer.words())
    }

    /// What lies there stays. It is forgotten, so that the next sweep hands it over again, and the gateway asks for its
    /// delete once more where it still wants that.
    fn keep(&self, core: &mut Core, why: impl std::fmt::Display) -> Next {
        core.notice(format!("the message at {} is not deleted: {why}", self.what.place()));
        self.end(core, false);
        Next::Done
    }

    fn end(&self, core: &mut Core, gone: bool) {
        core.inbox.forget(self.what.place());
        if let Deletion::Entry(entry) = &self.what {
            let entry = entry.clone();
            core.event(Event::JournalFreed { entry, gone });
        }
    }
}

/// CMS 321: there is no message.
fn is_empty(answer: &Answer) -> bool {
    matches!(&answer.ending, Ending::Final(end) if end.cms() == Some(321))
}

const TRIES: u8 = 3;
