//! Which jobs are taken.

use message::{Committed, JournalEntry, Memory, SlotState};

use crate::inbox::{Deletion, Sweeping};
use crate::job::{self, Job, Rejected, UssdAction};
use crate::machine::Modem;
use crate::output::PinTry;
use crate::tasks::Task;
use crate::timer::Timer;

impl Modem {
    /// Takes a job, or says why not.
    pub(crate) fn accept(&mut self, job: Job) -> Result<(), Rejected> {
        match job {
            Job::Send(send) => self.accept_part(send),
            Job::Withdraw { ticket } => {
                self.withdraw(ticket);
                Ok(())
            }
            Job::Delete { proof } => self.accept_delete(proof),
            Job::Free { proof } => self.accept_free(proof),
            Job::Acknowledge { proof } => {
                self.accept_acknowledgement(proof);
                Ok(())
            }
            Job::Sweep { again } => self.when_set_up(|modem| {
                modem.core.inbox.want_sweep(Sweeping { again, thorough: true });
            }),
            Job::Ussd(action) => self.accept_ussd(action),
            Job::EnterPin { proof } => self.accept_pin(&proof),
            Job::RefusePin { reason } => self.refuse_pin(reason),
            Job::Unlock => {
                self.unlock();
                Ok(())
            }
            Job::HangUp => self.when_set_up(|modem| modem.core.wishes.hang_up = true),
            Job::Refresh => self.when_set_up(|modem| modem.core.wishes.refresh = true),
            Job::Reset { radio } => self.reset(radio),
            Job::Adopt(config) => {
                self.core.adopt(*config);
                self.wake();
                Ok(())
            }
        }
    }

    fn when_set_up(&mut self, act: impl FnOnce(&mut Self)) -> Result<(), Rejected> {
        if !self.core.set_up {
            return Err(Rejected::NotReady(self.core.facts.state));
        }
        act(self);
        Ok(())
    }

    fn accept_part(&mut self, send: job::Send) -> Result<(), Rejected> {
        let state = self.core.facts.state;
        if self.core.finishing || !self.core.set_up || !state.can_send() {
            return Err(Rejected::NotReady(state));
        }
        if send.tpdu.is_empty() || send.tpdu.len() > LONGEST_SUBMIT {
            return Err(Rejected::Malformed);
        }
        let goes_out = matches!(self.task, Some(Task::Send(_)));
        if self.core.waiting.len() + usize::from(goes_out) >= MOST_PARTS {
            return Err(Rejected::Full);
        }
        self.core.waiting.push_back(send);
        Ok(())
    }

    fn withdraw(&mut self, ticket: u64) {
        let waiting = &mut self.core.waiting;
        if let Some(place) = waiting.iter().position(|part| part.ticket == ticket) {
            waiting.remove(place);
            self.core.give_back(ticket, "taken back");
        }
    }

    fn accept_delete(&mut self, proof: Committed<Memory>) -> Result<(), Rejected> {
        let place = proof.into_inner();
        let inbox = &mut self.core.inbox;
        if !inbox.is_handed(place) {
            return Err(Rejected::Unknown);
        }
        if !inbox.may_delete(Deletion::message(place)) {
            return Err(Rejected::Full);
        }
        Ok(())
    }

    /// Also for an entry that was not met in this session: the place is read before anything is deleted.
    fn accept_free(&mut self, proof: Committed<JournalEntry>) -> Result<(), Rejected> {
        if self.closed {
            return Err(Rejected::NotReady(self.core.facts.state));
        }
        if !self.core.inbox.may_delete(Deletion::Entry(proof.into_inner())) {
            return Err(Rejected::Full);
        }
        Ok(())
    }

    fn accept_acknowledgement(&mut self, _proof: Committed<()>) {
        let inbox = &mut self.core.inbox;
        if inbox.unacknowledged == 0 {
            // Too late: the network gives it again.
            return;
        }
        inbox.unacknowledged -= 1;
        if inbox.unacknowledged == 0 {
            self.core.timers.stop(Timer::Acknowledge);
        }
        if self.core.acknowledges() {
            self.core.inbox.acknowledgements += 1;
        }
    }

    fn accept_ussd(&mut self, action: UssdAction) -> Result<(), Rejected> {
        let state = self.core.facts.state;
        let can_talk = self.core.set_up && state.can_send();
        if self.core.finishing || !(can_talk || action == UssdAction::Cancel) {
            return Err(Rejected::NotReady(state));
        }
        if action == UssdAction::Cancel && self.core.dialogue.has_request() {
            // It was never said, so there is nothing to end at the modem.
            self.core.fail_dialogue("cancelled");
            return Ok(());
        }
        self.core.dialogue.submit(action)
    }

    fn accept_pin(&mut self, proof: &Committed<PinTry>) -> Result<(), Rejected> {
        if !self.core.pin.prove(proof.get()) {
            return Err(Rejected::NotWanted);
        }
        self.wake();
        Ok(())
    }

    fn refuse_pin(&mut self, reason: String) -> Result<(), Rejected> {
        if !self.core.pin.refuse(reason) {
            return Err(Rejected::NotWanted);
        }
        self.core.timers.stop(Timer::PinProof);
        self.wake();
        Ok(())
    }

    fn unlock(&mut self) {
        self.core.pin.release();
        match self.core.facts.state {
            SlotState::Locked => {
                self.core.facts.set(|facts| &mut facts.lock, message::Lock::Unknown);
                self.core.restart("the operator released the slot", None);
            }
            // Whatever modem answers now is the slot's, unless the settings name another.
            SlotState::WrongSim => {
                self.core.imei = None;
                self.core.restart("the operator accepts what is in it", None);
            }
            _ => {}
        }
    }

    fn reset(&mut self, radio: bool) -> Result<(), Rejected> {
        if self.closed {
            return Err(Rejected::NotReady(self.core.facts.state));
        }
        let reason = if radio {
            "asked to switch the radio off and on"
        } else {
            "asked to set the modem up anew"
        };
        self.core.restart(reason, None);
        if let Some(start) = &mut self.core.wishes.start {
            start.radio = radio;
        }
        Ok(())
    }
}

/// Parts that the machine has at most: one that goes out and one behind it, so that the line never rests for the store.
const MOST_PARTS: usize = 2;

/// Octets of the longest SUBMIT: 12 of addresses and scheme, 12 of times and lengths, 140 of user data (TS 23.040 9.2.2.2),
/// and some to spare.
const LONGEST_SUBMIT: usize = 176;
