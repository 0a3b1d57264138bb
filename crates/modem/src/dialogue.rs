//! The one USSD dialogue a modem can have (TS 27.007 7.15).

use at::reply::Cusd;
use message::{UssdFault, UssdReply};

use crate::core::Core;
use crate::dialects::UssdForm;
use crate::job::{Rejected, UssdAction};
use crate::output::Event;
use crate::timer::Timer;
use crate::ussd;

/// Where the dialogue stands.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    phase: Phase,
    /// A step that waits for its turn.
    request: Option<UssdAction>,
    /// An answer that may be followed by the real one.
    held: Option<UssdReply>,
    /// The form of request that worked last.
    pub(crate) form: Option<UssdForm>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    /// The network owes an answer.
    Asked,
    /// The network waits for the caller.
    Open,
}

impl Dialogue {
    /// Whether a step waits for its turn.
    pub(crate) fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// Takes the step that waits.
    pub(crate) fn take_request(&mut self) -> Option<UssdAction> {
        self.request.take()
    }

    /// Whether the network owes an answer.
    pub(crate) fn is_asked(&self) -> bool {
        self.phase == Phase::Asked
    }

    /// The step goes out now.
    pub(crate) fn asks(&mut self) {
        self.phase = Phase::Asked;
        self.held = None;
    }

    /// Takes a step, if it fits.
    pub(crate) fn submit(&mut self, action: UssdAction) -> Result<(), Rejected> {
        let free = self.request.is_none();
        match &action {
            UssdAction::Start { .. } if self.phase != Phase::Idle || !free => return Err(Rejected::Dialogue),
            UssdAction::Reply { .. } if self.phase != Phase::Open || !free => return Err(Rejected::NoDialogue),
            _ => {}
        }
        let (UssdAction::Start { code: text } | UssdAction::Reply { text }) = &action else {
            self.request = Some(action);
            return Ok(());
        };
        let speakable = !text.is_empty() && text.chars().count() <= MOST_CHARACTERS;
        if !speakable || text.contains(|c: char| c.is_control() || c == '"') {
            return Err(Rejected::Malformed);
        }
        self.request = Some(action);
        Ok(())
    }
}

impl Core {
    /// `+CUSD` came.
    pub(crate) fn ussd_heard(&mut self, cusd: &Cusd) {
        let packs = self.dialect.ussd == UssdForm::Packed || self.dialogue.form == Some(UssdForm::Packed);
        let raw = cusd.text.as_deref().unwrap_or_default();
        let reply = UssdReply {
            text: ussd::decode(raw, cusd.dcs, packs),
            open: cusd.status == 1,
            status: cusd.status,
            raw: at::latin1(raw),
        };
        if self.dialogue.phase != Phase::Asked {
            return self.ussd_unasked(reply);
        }
        if let Some(reason) = refusal(&reply) {
            let fault = match reply.status {
                NOT_SUPPORTED => UssdFault::Unsupported,
                _ => UssdFault::Passing,
            };
            return self.end_dialogue(reason.into(), fault);
        }
        let held = self.dialogue.held.take();
        // A release, or nothing at all, may come before the answer (python-gsmmodem; gammu 292).
        let provisional = reply.text.is_empty() || matches!(reply.status, 2 | 3);
        if !provisional {
            return self.ussd_answered(reply);
        }
        let better = held.filter(|held| reply.text.is_empty() && !held.text.is_empty());
        self.dialogue.held = Some(better.unwrap_or(reply));
        self.timers.start(Timer::UssdMore, self.now);
    }

    /// No second `+CUSD` followed.
    pub(crate) fn ussd_no_more(&mut self) {
        if let Some(held) = self.dialogue.held.take() {
            self.ussd_answered(held);
        }
    }

    fn ussd_answered(&mut self, reply: UssdReply) {
        let asked = self.dialogue.phase == Phase::Asked;
        self.timers.stop(Timer::Ussd);
        self.timers.stop(Timer::UssdMore);
        self.timers.stop(Timer::UssdIdle);
        self.dialogue.held = None;
        self.dialogue.phase = if reply.open { Phase::Open } else { Phase::Idle };
        if reply.open {
            self.timers.start(Timer::UssdIdle, self.now);
        }
        self.event(Event::UssdReplied { reply, asked });
    }

    /// The network speaks by itself: a notice, a menu, or the end of the dialogue.
    fn ussd_unasked(&mut self, reply: UssdReply) {
        let says_nothing = reply.text.is_empty() && !reply.open;
        if says_nothing && self.dialogue.phase == Phase::Idle {
            return;
        }
        self.ussd_answered(reply);
    }

    /// The step comes to nothing.
    pub(crate) fn fail_dialogue(&mut self, reason: impl Into<String>) {
        self.end_dialogue(reason.into(), UssdFault::Passing);
    }

    fn end_dialogue(&mut self, reason: String, fault: UssdFault) {
        self.timers.stop(Timer::Ussd);
        self.timers.stop(Timer::UssdMore);
        self.timers.stop(Timer::UssdIdle);
        let asked = self.dialogue.phase == Phase::Asked || self.dialogue.request.is_some();
        self.dialogue.phase = Phase::Idle;
        self.dialogue.request = None;
        // Better an empty or a releasing answer than none.
        if let Some(held) = self.dialogue.held.take() {
            return self.event(Event::UssdReplied {
                reply: held,
                asked: true,
            });
        }
        if asked {
            self.event(Event::UssdFailed { reason, fault });
        }
    }
}

fn refusal(reply: &UssdReply) -> Option<&'static str> {
    match reply.status {
        NOT_SUPPORTED if reply.text.is_empty() => Some("the network does not support this code"),
        5 if reply.text.is_empty() => Some("the network did not answer in time"),
        _ => None,
    }
}

/// `+CUSD: 4`, operation not supported (TS 27.007 7.15).
const NOT_SUPPORTED: u8 = 4;

/// A USSD string has at most 182 characters (TS 23.038 5).
const MOST_CHARACTERS: usize = 182;
