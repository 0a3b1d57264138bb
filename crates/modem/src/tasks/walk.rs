//! Walks through a list of steps, each with its fallbacks.

use crate::core::Core;
use crate::output::Rung;
use crate::timer::Timer;
use crate::wire::Answer;

use super::steps::{Step, Then};
use super::{Next, Woken};

/// A list of steps and the place in it.
#[derive(Debug)]
pub(crate) struct Walk {
    steps: &'static [Step],
    at: usize,
    /// Which fallback of the step.
    variant: usize,
    /// How often this variant was asked.
    tries: u8,
    /// Commands of this walk that were not answered.
    silences: u8,
    /// Asked `AT` after a silence, to see whether anybody is there.
    checking: bool,
    /// Sets the modem up, rather than reading facts.
    pub(crate) sets_up: bool,
}

impl Walk {
    pub(crate) fn new(steps: &'static [Step], sets_up: bool) -> Self {
        Self {
            steps,
            at: 0,
            variant: 0,
            tries: 0,
            silences: 0,
            checking: false,
            sets_up,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin | Woken::Rested => self.ask(core),
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    pub(crate) fn abort(self, core: &mut Core) {
        if self.sets_up {
            core.pin.drop_proof();
        }
    }

    /// Asks what the place in the list asks, stepping over what needs no asking.
    fn ask(&mut self, core: &mut Core) -> Next {
        while let Some(step) = self.steps.get(self.at) {
            let asked = step.ask(core, self.variant);
            let is_answered = !matches!(asked, Some(Next::Write(..)));
            if asked.is_none() || !is_answered {
                self.step();
            }
            if let Some(next) = asked {
                return next;
            }
        }
        if self.sets_up {
            core.set_up_done();
        } else {
            core.settle_state();
        }
        Next::Done
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        let Some(&step) = self.steps.get(self.at) else {
            return Next::Done;
        };
        if self.checking {
            return self.checked(core, answer);
        }
        if answer.is_busy() && self.tries < BUSY_TRIES {
            self.tries += 1;
            return Next::Rest(Timer::Busy);
        }
        // Wavecom tells the lock and forgets the OK.
        let told = matches!(step, Step::Lock | Step::Unlocked) && !answer.reply.is_empty();
        if answer.is_silent() && step != Step::Alive && !told {
            return self.silence(core, step);
        }
        let then = step.heard(core, self.variant, self.tries, answer);
        self.go(core, then)
    }

    fn go(&mut self, core: &mut Core, then: Then) -> Next {
        match then {
            Then::Next => self.step(),
            Then::Fallback => {
                self.variant += 1;
                self.tries = 0;
            }
            Then::Again(timer) => {
                self.tries += 1;
                return Next::Rest(timer);
            }
            Then::Go(other) => self.go_to(other),
            Then::Stop => return Next::Done,
            Then::Trouble(reason) => return Next::Trouble(Rung::Drain, reason),
        }
        self.ask(core)
    }

    /// Nobody answered: one may not know the command and hang, or be gone.
    fn silence(&mut self, core: &mut Core, step: Step) -> Next {
        self.silences += 1;
        core.pin.drop_proof();
        if self.silences > MAX_SILENCES || !self.sets_up {
            return Next::Trouble(Rung::Drain, format!("no answer to {}", step.words()));
        }
        self.checking = true;
        Next::Ask(at::Command::new("AT"), Timer::Alive)
    }

    fn checked(&mut self, core: &mut Core, answer: &Answer) -> Next {
        self.checking = false;
        let step = self.steps[self.at];
        if answer.is_silent() {
            return Next::Trouble(Rung::Drain, format!("no answer to {}, nor to AT", step.words()));
        }
        let then = step.unanswered(core, self.variant);
        self.go(core, then)
    }

    fn step(&mut self) {
        self.at += 1;
        self.variant = 0;
        self.tries = 0;
    }

    fn go_to(&mut self, step: Step) {
        self.variant = 0;
        self.tries = 0;
        match self.steps.iter().position(|&other| other == step) {
            Some(at) => self.at = at,
            None => self.at = self.steps.len(),
        }
    }
}

/// A busy SIM takes some ten seconds after unlocking (python-gsmmodem 10).
const BUSY_TRIES: u8 = 30;

/// Commands that may hang in one set-up, as +CLAC does on a Huawei (transcripts).
const MAX_SILENCES: u8 = 3;
