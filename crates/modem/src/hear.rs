//! What the modem says unasked, and answers that come late.

use at::reply::PinState;
use at::{Boot, Final, Urc};
use message::{Cause, Failure, Lock, Outcome, RawInbound, SlotState};

use crate::core::Core;
use crate::inbox::{Announced, Sweeping};
use crate::machine::Modem;
use crate::output::{Event, Rung};
use crate::tasks::{Task, octets};
use crate::timer::Timer;
use crate::verdict::Verdict;

impl Modem {
    /// Something came unasked.
    pub(crate) fn urc(&mut self, urc: Urc) {
        match urc {
            Urc::Boot(Boot::Started) => self.rebooted("the modem has restarted"),
            Urc::Boot(Boot::Crashed) => self.rebooted("the modem has crashed"),
            Urc::Boot(Boot::Shutdown) => self.rebooted("the modem switches itself off"),
            Urc::Voltage { down: true } => self.rebooted("the modem switches itself off: its supply voltage is wrong"),
            other => {
                if self.core.urc(other) {
                    self.noise(1);
                }
            }
        }
    }

    /// The exchange that was open is lost, and everything is to be set anew.
    fn rebooted(&mut self, reason: &str) {
        let own = matches!(&self.task, Some(Task::Walk(walk)) if walk.sets_up && self.resting == Some(Timer::Boot));
        if own {
            return;
        }
        self.core.facts.count(|counters| counters.reboots += 1);
        self.core.timers.start(Timer::Calm, self.core.now);
        self.abandon(reason);
        if self.core.ladder.rebooted() {
            return self.trouble(
                Rung::Quarantine,
                &format!("{reason} again and again; look at its power supply"),
            );
        }
        self.core.restart(reason, Some(Timer::Boot));
    }

    /// The modem echoes. A modem that did not after `ATE0` has lost that setting, and with it all others: it has restarted
    /// without a word, and would announce nothing any more.
    pub(crate) fn echoed(&mut self) {
        if self.core.set_up && !self.core.echoes {
            return self.rebooted("the modem has restarted unnoticed: it echoes again");
        }
        self.core.echoes |= !self.core.set_up && !self.wire.is_asking(&["AT", "ATE0"]);
        self.noise(1);
    }

    /// Useless lines; too many of them are a flood.
    pub(crate) fn noise(&mut self, lines: u32) {
        self.core.facts.count_noise(lines);
        if self.core.ladder.noise(lines, self.core.now) {
            self.trouble(Rung::Drain, "the modem floods the line with what nobody asked for");
        }
    }

    /// `+CMGS: mr` that no exchange waits for: it settles the attempt that was given up.
    pub(crate) fn late_reference(&mut self, reference: Option<u8>) {
        if let Some(Task::Send(task)) = &mut self.task
            && let Some(next) = task.late_reference(&mut self.core, reference)
        {
            if let Some(timer) = self.resting.take() {
                self.core.timers.stop(timer);
            }
            return self.follow(next);
        }
        if !self.core.settle_late(reference) {
            self.noise(1);
        }
    }

    /// A final result that no exchange waits for.
    pub(crate) fn stray(&mut self, end: &Final) {
        // MC55i tells the failure of USSD behind the OK (transcript).
        if self.core.dialogue.is_asked() && matches!(end, Final::Cme(_)) {
            return self.core.fail_dialogue(format!("the network refused it: {end}"));
        }
        if matches!(end, Final::Cms(_)) && self.core.late.is_some() {
            return self.core.late_error(end);
        }
        self.noise(1);
    }
}

impl Core {
    /// Something came unasked that changes no exchange; true when it is of no use.
    fn urc(&mut self, urc: Urc) -> bool {
        match urc {
            Urc::Cmti { memory, index } => self.announced(memory, index, false),
            Urc::Cdsi { memory, index } => self.announced(memory, index, true),
            Urc::Cmt(direct) | Urc::Cds(direct) => self.directly(&direct.pdu, direct.length),
            Urc::Cusd(cusd) => self.ussd_heard(&cusd),
            Urc::Ring(_) => self.rings(),
            Urc::Clip { number, .. } => self.caller(number.as_deref()),
            Urc::CallEnded => self.call_ends(),
            Urc::Registration(registration) => {
                self.network.note(registration.domain, registration.state);
                self.settle_state();
            }
            Urc::Csq(signal) => {
                self.facts.set(|facts| &mut facts.signal_dbm, signal.dbm());
                return true;
            }
            Urc::MemoryFull(memory) => {
                let memory = memory.map(|memory| memory.to_string());
                self.event(Event::StorageFull { memory });
                self.inbox.want_sweep(Sweeping {
                    again: false,
                    thorough: true,
                });
            }
            Urc::Cpin(state) => self.lock_told(&state),
            Urc::SimPresent(true) => self.sim_appeared(),
            Urc::SimPresent(false) => self.sim_gone(),
            Urc::Voltage { .. } => self.notice("the modem complains about its supply voltage"),
            Urc::Cbmi { .. } | Urc::Cbm(_) | Urc::Cfun(_) | Urc::Boot(_) => return true,
        }
        false
    }

    /// `+CMTI` and `+CDSI`: something was stored. Without index a sweep will find it.
    fn announced(&mut self, memory: Option<at::Memory>, index: Option<u16>, report: bool) {
        let memory = memory.and_then(|memory| <[u8; 2]>::try_from(memory.as_str().as_bytes()).ok());
        match index {
            Some(index) => self.inbox.announce(Announced { memory, index, report }),
            None => self.inbox.want_sweep(Sweeping {
                again: false,
                thorough: true,
            }),
        }
    }

    /// `+CMT` and `+CDS`: a message, and the network waits for its acknowledgement under `+CSMS=1`.
    fn directly(&mut self, pdu: &str, length: Option<u16>) {
        if pdu.is_empty() {
            // Its second line was lost. Unacknowledged, the network gives it again.
            return self.notice("a directly routed message came without its PDU");
        }
        self.inbox.unacknowledged += 1;
        if self.acknowledges() && self.inbox.unacknowledged == 1 {
            self.timers.start(Timer::Acknowledge, self.now);
        }
        let pdu = octets(pdu.as_bytes(), length);
        self.received(RawInbound { pdu, memory: None });
    }

    /// Whether directly routed messages are to be acknowledged (TS 27.005 4.2.1: only under `+CSMS=1`).
    pub(crate) fn acknowledges(&self) -> bool {
        self.offered.service == Some(true)
    }

    fn lock_told(&mut self, state: &PinState) {
        match state {
            PinState::NotInserted => self.sim_gone(),
            PinState::Ready => self.sim_appeared(),
            PinState::SimPin | PinState::SimPuk if self.set_up => {
                self.restart("the SIM asks for its PIN again", None);
            }
            _ => {}
        }
    }

    fn sim_gone(&mut self) {
        if self.set_up {
            self.facts.set(|facts| &mut facts.lock, Lock::Unknown);
            self.forget_messages();
            self.restart("the SIM was taken out", Some(Timer::Busy));
        }
    }

    /// A card is there now, or open now, where none was.
    fn sim_appeared(&mut self) {
        if matches!(self.facts.state, SlotState::NoSim | SlotState::Locked) && !self.set_up {
            self.restart("a SIM appeared", Some(Timer::Busy));
        }
    }

    /// The network took the attempt that was given up; false when there is none.
    pub(crate) fn settle_late(&mut self, reference: Option<u8>) -> bool {
        let Some(late) = self.late.take() else { return false };
        self.settle(late.ticket, Outcome::Sent { reference }, late.journal);
        true
    }

    /// The error of an attempt that was given up.
    fn late_error(&mut self, end: &Final) {
        let after = self.result_deadline();
        let Verdict::Failed(Failure {
            class,
            cause: Cause::Cms(code),
            reason,
        }) = Verdict::of(end, Some(after), self.dialect)
        else {
            return;
        };
        if let Some(late) = self.late.take() {
            let failure = Failure {
                class,
                cause: Cause::Cms(code),
                reason,
            };
            self.settle(late.ticket, Outcome::Failed(failure), late.journal);
        }
    }
}
