//! A message that is kept is deleted from its memory (`+CMGD`).

use message::Memory;

use crate::core::Core;
use crate::inbox::Sweeping;
use crate::output::Rung;
use crate::timer::Timer;
use crate::wire::Answer;

use super::read::{note_selected, select};
use super::{Next, Woken};

/// The deleting of one message.
#[derive(Debug)]
pub(crate) struct Delete {
    place: Memory,
    selecting: bool,
    tries: u8,
}

impl Delete {
    pub(crate) fn new(place: Memory) -> Self {
        Self {
            place,
            selecting: false,
            tries: 0,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin => self.select(core),
            Woken::Rested => self.delete(),
            Woken::Answered(answer) if answer.is_silent() => {
                core.inbox.deletes.push_front(self.place);
                Next::Trouble(Rung::Drain, String::from("no answer to deleting a message"))
            }
            Woken::Answered(answer) if self.selecting => self.selected(core, answer),
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    /// It is tried again after the new set-up, if it is still the same card.
    pub(crate) fn abort(self, core: &mut Core) {
        core.inbox.deletes.push_front(self.place);
    }

    fn select(&mut self, core: &Core) -> Next {
        self.selecting = true;
        select(core, self.place.name).unwrap_or_else(|| self.delete())
    }

    fn selected(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if !answer.is_ok() {
            return self.failed(core, answer);
        }
        note_selected(core, self.place.name, answer);
        self.delete()
    }

    fn delete(&mut self) -> Next {
        self.selecting = false;
        Next::Ask(at::Command::cmgd(self.place.index), Timer::SlowAnswer)
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        // CMS 321: there is no message any more.
        let gone = matches!(&answer.ending, crate::wire::Ending::Final(end) if end.cms() == Some(321));
        if !answer.is_ok() && !gone {
            return self.failed(core, answer);
        }
        core.inbox.forget(self.place);
        let full = core
            .facts
            .storage
            .iter()
            .any(|storage| storage.used >= storage.total && storage.total > 0);
        if full && core.inbox.deletes.is_empty() {
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
            self.selecting = false;
            return Next::Rest(Timer::Busy);
        }
        // Forgotten, so that the next sweep hands it over again and the gateway asks for its delete once more.
        core.inbox.forget(self.place);
        core.notice(format!(
            "the message at {} could not be deleted: {}",
            self.place,
            answer.words()
        ));
        Next::Done
    }
}

const TRIES: u8 = 3;
