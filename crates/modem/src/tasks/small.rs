//! Tasks of one command, perhaps with a fallback.

use crate::core::Core;
use crate::inbox::Sweeping;
use crate::output::Rung;
use crate::timer::Timer;
use crate::wire::Answer;

use super::read::{note_selected, select};
use super::{Next, Woken, ask, network};

/// A task of one command.
#[derive(Debug)]
pub(crate) enum Small {
    /// `+CNMA`; some modems want its `=0`.
    Acknowledge { fallback: bool },
    /// Ends the call, with the n-th way of the dialect.
    HangUp { way: usize },
    /// Sees whether the modem is there, and how well it hears the network.
    Heartbeat,
    /// Routes messages again, after the modem stopped because an acknowledgement was late.
    Reroute,
    /// Reading and deleting work on the home memory again.
    Home,
}

impl Small {
    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin | Woken::Rested => self.ask(core),
            Woken::Answered(answer) if answer.is_silent() => {
                Next::Trouble(Rung::Drain, format!("no answer to {}", self.words()))
            }
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    fn ask(&self, core: &Core) -> Next {
        match self {
            Self::Acknowledge { fallback: false } => ask("AT+CNMA"),
            Self::Acknowledge { fallback: true } => ask("AT+CNMA=0"),
            Self::HangUp { way } => core.dialect.hang_up.get(*way).map_or(Next::Done, ask),
            Self::Heartbeat => Next::Ask(at::Command::new("AT+CSQ"), Timer::Answer),
            Self::Reroute => core.routing.map_or(Next::Done, |plan| ask(format!("AT+CNMI={plan}"))),
            Self::Home => core
                .inbox
                .home
                .and_then(|home| select(core, home))
                .unwrap_or(Next::Done),
        }
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        match self {
            Self::Acknowledge { fallback } => return acknowledged(core, fallback, answer),
            Self::HangUp { way } if !answer.is_ok() => {
                *way += 1;
                return self.ask(core);
            }
            Self::HangUp { .. } => core.call_ends(),
            Self::Heartbeat => network::signal(core, answer),
            Self::Reroute => core.inbox.want_sweep(Sweeping {
                again: false,
                thorough: true,
            }),
            Self::Home => home(core, answer),
        }
        Next::Done
    }
}

fn home(core: &mut Core, answer: &Answer) {
    let Some(home) = core.inbox.home else { return };
    if answer.is_ok() {
        note_selected(core, home, answer);
    } else {
        // Whatever is selected now, the next task selects for itself; this one is not asked for ever.
        core.inbox.selected = Some(home);
    }
}

fn acknowledged(core: &mut Core, fallback: &mut bool, answer: &Answer) -> Next {
    if answer.is_ok() {
        return Next::Done;
    }
    let late = matches!(&answer.ending, crate::wire::Ending::Final(end) if end.cms() == Some(340));
    if !late && !*fallback {
        *fallback = true;
        return ask("AT+CNMA=0");
    }
    // CMS 340: it came too late, and the modem has switched routing off (TS 27.005 3.4.1).
    core.wishes.routing = true;
    Next::Done
}
