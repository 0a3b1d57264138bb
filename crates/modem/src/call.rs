//! An incoming call: noted once, however often it rings.

use crate::core::Core;
use crate::output::Event;
use crate::timer::Timer;

/// Whether somebody calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Call {
    /// Nobody.
    #[default]
    None,
    /// It rings, and the number may still come.
    Ringing,
    /// It was told.
    Told,
}

impl Core {
    /// `RING` or `+CRING`.
    pub(crate) fn rings(&mut self) {
        if self.call == Call::None {
            self.call = Call::Ringing;
            self.timers.start(Timer::Caller, self.now);
        }
        self.timers.start(Timer::CallEnd, self.now);
    }

    /// `+CLIP`: the caller's number, or that it is withheld.
    pub(crate) fn caller(&mut self, number: Option<&str>) {
        let number = number.map(|number| self.text(number.as_bytes()));
        self.rings();
        self.tell_call(number.filter(|number| !number.is_empty()));
    }

    /// The call is told, with or without its number.
    pub(crate) fn tell_call(&mut self, from: Option<String>) {
        if self.call != Call::Ringing {
            return;
        }
        self.timers.stop(Timer::Caller);
        self.call = Call::Told;
        self.facts.count(|counters| counters.calls += 1);
        self.event(Event::Called { from });
        self.wishes.hang_up |= self.config.hang_up_calls;
    }

    /// The call is over.
    pub(crate) fn call_ends(&mut self) {
        self.tell_call(None);
        self.timers.stop(Timer::CallEnd);
        self.wishes.hang_up = false;
        self.call = Call::None;
    }
}
