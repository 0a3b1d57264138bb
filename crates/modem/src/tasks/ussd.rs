//! A step of a USSD dialogue goes out.

use at::Command;

use crate::core::Core;
use crate::dialects::UssdForm;
use crate::job::UssdAction;
use crate::output::Rung;
use crate::timer::Timer;
use crate::ussd;
use crate::wire::{Answer, Ending};

use super::{Next, Woken};

/// A step and the forms in which it was tried.
#[derive(Debug)]
pub(crate) struct Dial {
    action: UssdAction,
    /// Forms still to be tried, best last.
    forms: Vec<UssdForm>,
    form: UssdForm,
    collisions: u8,
}

impl Dial {
    pub(crate) fn new(core: &Core, action: UssdAction) -> Self {
        let own = core
            .dialogue
            .form
            .unwrap_or(if core.ucs2 { UssdForm::Ucs2 } else { core.dialect.ussd });
        let other = match own {
            UssdForm::Plain => UssdForm::Packed,
            UssdForm::Packed | UssdForm::Ucs2 => UssdForm::Plain,
        };
        Self {
            action,
            forms: vec![other, own],
            form: own,
            collisions: 0,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin => self.next_form(core),
            Woken::Rested => self.say(core),
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    fn next_form(&mut self, core: &mut Core) -> Next {
        if self.action == UssdAction::Cancel {
            core.fail_dialogue("cancelled");
            return Next::Ask(Command::new("AT+CUSD=2"), Timer::SlowAnswer);
        }
        let Some(form) = self.forms.pop() else {
            core.fail_dialogue("the modem takes the code in no form");
            return Next::Done;
        };
        self.form = form;
        core.dialogue.asks();
        self.say(core)
    }

    fn say(&mut self, core: &mut Core) -> Next {
        let (UssdAction::Start { code: text } | UssdAction::Reply { text }) = &self.action else {
            return Next::Done;
        };
        match ussd::encode(text, self.form) {
            Some(text) => Next::Ask(Command::new(format!("AT+CUSD=1,\"{text}\",15")), Timer::SlowAnswer),
            None => self.next_form(core),
        }
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if self.action == UssdAction::Cancel {
            return Next::Done;
        }
        let Ending::Final(end) = &answer.ending else {
            core.fail_dialogue("the modem did not answer");
            return Next::Trouble(Rung::Drain, String::from("no answer to a USSD request"));
        };
        if end.is_ok() {
            core.dialogue.form = Some(self.form);
            // The answer may have come before OK.
            if core.dialogue.is_asked() {
                core.timers.start(Timer::Ussd, core.now);
            }
            return Next::Done;
        }
        let collides = end.cms() == Some(512) || end.cme() == Some(515) || answer.is_busy();
        if collides && self.collisions < COLLISIONS {
            self.collisions += 1;
            return Next::Rest(Timer::Collision);
        }
        if is_about_form(end) {
            return self.next_form(core);
        }
        core.fail_dialogue(format!("the modem refused it: {end}"));
        Next::Done
    }
}

/// Whether the modem could not read the request, so that nothing went out and another form may do.
fn is_about_form(end: &at::Final) -> bool {
    matches!(end, at::Final::Error(_))
        || matches!(end.cme(), Some(3 | 4 | 25 | 26 | 50 | 100))
        || matches!(end.cms(), Some(302..=305))
}

/// Times a step is said again after a collision with a message.
const COLLISIONS: u8 = 3;
