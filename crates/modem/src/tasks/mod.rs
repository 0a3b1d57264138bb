//! What a modem does, one thing at a time: each task asks, rests, and goes on from the answer.

mod delete;
mod network;
mod pin;
mod read;
mod recover;
mod routing;
mod send;
mod small;
mod start;
mod steps;
mod sweep;
mod ussd;
mod walk;
mod words;

use at::Command;

pub(crate) use self::delete::Delete;
pub(crate) use self::read::{Read, octets};
pub(crate) use self::recover::Recover;
pub(crate) use self::send::Sending;
pub(crate) use self::small::Small;
pub(crate) use self::start::{refresh, start};
pub(crate) use self::sweep::Sweep;
pub(crate) use self::ussd::Dial;
pub(crate) use self::walk::Walk;

use crate::core::Core;
use crate::output::Rung;
use crate::timer::Timer;
use crate::wire::Answer;

/// Something that is being done.
#[derive(Debug)]
pub(crate) enum Task {
    /// Setting up, or reading facts again.
    Walk(Walk),
    /// A step of recovery.
    Recover(Recover),
    /// A part going out.
    Send(Box<Sending>),
    /// An announced message.
    Read(Read),
    /// All memories.
    Sweep(Sweep),
    /// A delete.
    Delete(Delete),
    /// A USSD step.
    Dial(Dial),
    /// A single command.
    Small(Small),
}

/// Why a task goes on.
#[derive(Debug)]
pub(crate) enum Woken<'a> {
    /// It begins.
    Begin,
    /// Its command has ended.
    Answered(&'a Answer),
    /// Its rest is over, or what it waited for has come.
    Rested,
}

/// What a task wants next.
#[derive(Debug)]
pub(crate) enum Next {
    /// An exchange with this deadline.
    Ask(Command, Timer),
    /// Octets without an exchange, then a rest.
    Write(&'static [u8], Timer),
    /// A rest; whatever is heard meanwhile is not for this task.
    Rest(Timer),
    /// To be woken by a job.
    Wait,
    /// To let more urgent tasks go first.
    Yield,
    /// Nothing; it is done.
    Done,
    /// Recovery: this modem cannot go on. The step is the least one to take.
    Trouble(Rung, String),
}

impl Task {
    /// Goes on with the task.
    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match self {
            Self::Walk(task) => task.resume(core, woken),
            Self::Recover(task) => task.resume(core, woken),
            Self::Send(task) => task.resume(core, woken),
            Self::Read(task) => task.resume(core, woken),
            Self::Sweep(task) => task.resume(core, woken),
            Self::Delete(task) => task.resume(core, woken),
            Self::Dial(task) => task.resume(core, woken),
            Self::Small(task) => task.resume(core, woken),
        }
    }

    /// Ends the task in the middle: the modem restarted or the port is gone. `handed`: the PDU of its exchange was handed
    /// over.
    pub(crate) fn abort(self, core: &mut Core, handed: bool, reason: &str) {
        match self {
            Self::Send(task) => task.abort(core, handed, reason),
            Self::Walk(task) => task.abort(core),
            Self::Dial(_) => core.fail_dialogue(reason),
            Self::Read(task) => task.abort(core),
            Self::Delete(task) => task.abort(core),
            Self::Sweep(task) => task.abort(core),
            Self::Recover(_) | Self::Small(_) => {}
        }
    }
}

/// A command with the ordinary deadline.
pub(crate) fn ask(text: impl AsRef<str>) -> Next {
    Next::Ask(Command::new(text), Timer::Answer)
}

/// A command that touches SIM, memory or radio.
pub(crate) fn ask_slowly(text: impl AsRef<str>) -> Next {
    Next::Ask(Command::new(text), Timer::SlowAnswer)
}
