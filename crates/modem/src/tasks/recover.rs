//! One step of the recovery ladder.

use message::SlotState;

use crate::core::Core;
use crate::output::{Event, Output, Rung};
use crate::timer::{Timer, after};

use super::{Next, Woken, ask_slowly};

/// A step and how far it is.
#[derive(Debug)]
pub(crate) struct Recover {
    rung: Rung,
    reason: String,
    at: u8,
}

impl Recover {
    /// Takes the next step, at least this one.
    pub(crate) fn new(core: &mut Core, least: Rung, reason: String) -> Self {
        let mut rung = core.ladder.climb(least);
        if rung == Rung::Reset && core.dialect.reset.is_none() {
            rung = core.ladder.climb(Rung::Quarantine);
        }
        core.facts.count(|counters| counters.recovered(rung));
        core.set_state(SlotState::Recovering, format!("{}: {reason}", rung.word()));
        core.event(Event::Recovery {
            step: rung,
            reason: reason.clone(),
        });
        core.timers.start(Timer::Calm, core.now);
        core.set_up = false;
        Self { rung, reason, at: 0 }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        if let Woken::Answered(answer) = woken
            && answer.is_silent()
        {
            return Next::Trouble(Rung::Reopen, self.silence());
        }
        self.at += 1;
        match self.rung {
            Rung::Drain => self.finish(core),
            Rung::Reopen => self.reopen(core, None),
            Rung::Radio => self.radio(core),
            Rung::Reset => self.reset(core),
            Rung::Quarantine => self.quarantine(core),
        }
    }

    /// What is wrong with a modem that leaves this step unanswered too: said once, whatever began it.
    fn silence(&self) -> String {
        match self.reason.starts_with(SILENT) {
            true => self.reason.clone(),
            false => format!("{SILENT} since this: {}", self.reason),
        }
    }

    /// The set-up itself leaves the prompt, drains, and asks `AT`.
    fn finish(&self, core: &mut Core) -> Next {
        core.restart(
            &format!("set up anew after {}: {}", self.rung.word(), self.reason),
            None,
        );
        Next::Done
    }

    fn reopen(&self, core: &mut Core, rest: Option<Timer>) -> Next {
        let pause = rest.map(|timer| core.timers.duration(timer)).unwrap_or_default();
        core.outputs.push_back(Output::Reopen {
            reason: self.reason.clone(),
            not_before: after(core.now, pause),
        });
        Next::Wait
    }

    fn radio(&self, core: &mut Core) -> Next {
        match self.at {
            1 => Next::Write(b"\x1b\r", Timer::Drain),
            2 => ask_slowly(core.dialect.radio_off),
            3 => Next::Rest(Timer::RadioOff),
            4 => ask_slowly(core.dialect.radio_on),
            5 => Next::Rest(Timer::RadioOff),
            _ => self.finish(core),
        }
    }

    fn reset(&self, core: &mut Core) -> Next {
        match (self.at, core.dialect.reset) {
            (1, _) => Next::Write(b"\x1b\r", Timer::Drain),
            (2, Some(command)) => ask_slowly(command),
            _ => self.reopen(core, Some(Timer::Restart)),
        }
    }

    fn quarantine(&self, core: &mut Core) -> Next {
        let pause = core.ladder.pause(core.timers.duration(Timer::Quarantine));
        let reason = format!("left alone for {} s: {}", pause.as_secs(), self.reason);
        core.set_state(SlotState::Quarantined, reason.clone());
        core.timers.stop(Timer::Calm);
        core.outputs.push_back(Output::Close {
            reason,
            until: after(core.now, pause),
        });
        Next::Wait
    }
}

/// How every reason begins that is a silence.
const SILENT: &str = "no answer";
