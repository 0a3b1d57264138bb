//! A part goes out: `+CMGS`, prompt, PDU, result; or by way of a journal entry, `+CMGW` and `+CMSS`.

use std::time::Duration;

use at::{Command, Final, reply};
use message::{Cause, ErrorClass, Failure, JournalEntry, Memory, Outcome, Rests};

use crate::core::{Burst, Core, Late};
use crate::inbox::{Sweeping, UNNAMED};
use crate::job;
use crate::output::{Event, Rung};
use crate::service_centre;
use crate::timer::Timer;
use crate::verdict::Verdict;
use crate::wire::{Answer, Ending, reference};

use super::{Next, Woken, ask};

/// The state of one attempt.
#[derive(Debug)]
pub(crate) struct Sending {
    job: job::Send,
    phase: Phase,
    /// Where the journal entry lies.
    journal: Option<Memory>,
    /// Times it was asked again because the modem was busy or collided.
    repeats: u8,
    /// The service centre was set already.
    centre_set: bool,
}

/// What the attempt waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `+CMMS`.
    Burst,
    /// `+CMGS` and the network's answer.
    Direct,
    /// `+CMGW`.
    Store,
    /// `+CMSS` of the entry in the journal.
    Release,
    /// `+CSCA`.
    Centre,
    /// A reference that some modems tell after OK.
    Reference,
    /// A rest before it is tried again.
    Rest,
}

impl Sending {
    pub(crate) fn new(job: job::Send) -> Self {
        Self {
            job,
            phase: Phase::Direct,
            journal: None,
            repeats: 0,
            centre_set: false,
        }
    }

    pub(crate) fn resume(&mut self, core: &mut Core, woken: Woken<'_>) -> Next {
        match woken {
            Woken::Begin => self.begin(core),
            Woken::Rested if self.phase == Phase::Reference => self.sent(core, None),
            Woken::Rested => self.hand_in(core),
            Woken::Answered(answer) => self.answered(core, answer),
        }
    }

    /// Ends the attempt in the middle.
    pub(crate) fn abort(mut self, core: &mut Core, handed: bool, reason: &str) {
        if self.phase == Phase::Reference {
            self.sent(core, None);
        } else if handed && self.phase != Phase::Store {
            self.uncertain(core, reason.to_owned());
        } else {
            let failure = gateway_failure(format!("{reason}; nothing was handed over"));
            self.settle(core, Outcome::Failed(failure));
        }
    }

    /// Tells the end, and what lies of the part on the modem.
    fn settle(&self, core: &mut Core, outcome: Outcome) {
        core.settle(self.job.ticket, outcome, self.entry());
    }

    fn entry(&self) -> Option<JournalEntry> {
        let tpdu = self.job.tpdu.clone();
        self.journal.map(|place| JournalEntry { place, tpdu })
    }

    /// The reference came late, behind OK.
    pub(crate) fn late_reference(&mut self, core: &mut Core, reference: Option<u8>) -> Option<Next> {
        (self.phase == Phase::Reference).then(|| self.sent(core, reference))
    }

    fn begin(&mut self, core: &mut Core) -> Next {
        let opens_link = self.job.burst && core.burst == Burst::Untried && core.dialect.bursts;
        if !opens_link {
            return self.hand_in(core);
        }
        self.phase = Phase::Burst;
        ask("AT+CMMS=2")
    }

    fn hand_in(&mut self, core: &mut Core) -> Next {
        if let Some(journal) = self.journal {
            self.phase = Phase::Release;
            return Next::Ask(Command::cmss(journal.index), Timer::Result);
        }
        let tpdu = &self.job.tpdu;
        let pdu = core.smsc_prefix.clone() + &tpdu::to_hex(tpdu);
        let (phase, command) = match self.job.journal {
            true => (Phase::Store, Command::cmgw(tpdu.len(), &pdu)),
            false => (Phase::Direct, Command::cmgs(tpdu.len(), &pdu)),
        };
        self.phase = phase;
        Next::Ask(command, Timer::Prompt)
    }

    fn answered(&mut self, core: &mut Core, answer: &Answer) -> Next {
        match self.phase {
            Phase::Burst => {
                core.burst = if answer.is_ok() { Burst::On } else { Burst::Refused };
                self.hand_in(core)
            }
            Phase::Centre => self.hand_in(core),
            Phase::Direct | Phase::Store if answer.is_ok() && answer.handed.is_none() => self.confused(core, answer),
            Phase::Store if answer.is_ok() => self.stored(core, answer),
            Phase::Direct | Phase::Release if answer.is_ok() => self.taken(core, answer),
            _ => match &answer.ending {
                Ending::Silence => self.silence(core, answer),
                Ending::Final(end) => self.refused(core, end, answer),
            },
        }
    }

    /// OK before the PDU was asked for: it is the late answer to an attempt that was given up, and the prompt is still to come.
    fn confused(&mut self, core: &mut Core, answer: &Answer) -> Next {
        if let Ok(taken) = answer.reply.find(reply::cmgs) {
            core.settle_late(reference(taken));
        }
        let reason = "the modem answered before it asked for the PDU";
        core.settle(self.job.ticket, Outcome::Failed(gateway_failure(reason)), None);
        Next::Trouble(Rung::Drain, String::from(reason))
    }

    /// The network has it.
    fn taken(&mut self, core: &mut Core, answer: &Answer) -> Next {
        let taken = answer
            .reply
            .find(|line| reply::cmgs(line).or_else(|_| reply::cmss(line)));
        match taken {
            Ok(taken) => self.sent(core, reference(taken)),
            Err(_) => {
                self.phase = Phase::Reference;
                Next::Rest(Timer::Reference)
            }
        }
    }

    fn sent(&mut self, core: &mut Core, reference: Option<u8>) -> Next {
        core.sick = 0;
        self.settle(core, Outcome::Sent { reference });
        Next::Done
    }

    /// The journal entry is written: now it may go out.
    fn stored(&mut self, core: &mut Core, answer: &Answer) -> Next {
        let index = answer.reply.find(reply::cmgw).ok().and_then(|taken| taken.number);
        let Some(index) = index else {
            return self.failed(core, gateway_failure("the modem stored the part and did not say where"));
        };
        let name = core.inbox.home.unwrap_or(UNNAMED);
        self.journal = Some(Memory { name, index });
        if let Some(journal) = self.journal {
            core.inbox.note_own(journal);
        }
        self.hand_in(core)
    }

    fn silence(&mut self, core: &mut Core, answer: &Answer) -> Next {
        let seconds = core.result_deadline().as_secs();
        if self.phase == Phase::Release || (answer.handed.is_some() && self.phase == Phase::Direct) {
            let reason = format!("no answer within {seconds} s after the PDU was handed over");
            self.uncertain(core, reason.clone());
            return Next::Trouble(Rung::Drain, reason);
        }
        let reason = match answer.handed {
            Some(_) => "the modem did not say that it stored the part",
            None => "the modem does not ask for the PDU",
        };
        self.settle(core, Outcome::Failed(gateway_failure(reason)));
        Next::Trouble(Rung::Drain, String::from(reason))
    }

    fn uncertain(&mut self, core: &mut Core, reason: String) {
        core.late = Some(Late {
            ticket: self.job.ticket,
            journal: self.entry(),
        });
        core.timers.start(Timer::Late, core.now);
        if let Some(journal) = self.journal {
            // The slot's status tells whether it went out.
            core.inbox.forget(journal);
            core.inbox.want_sweep(Sweeping {
                again: false,
                thorough: true,
            });
        }
        self.settle(core, Outcome::Uncertain { reason });
    }

    fn refused(&mut self, core: &mut Core, error: &Final, answer: &Answer) -> Next {
        let handed = match self.phase {
            // What +CMGW says is about the memory: nothing has gone out.
            Phase::Store => None,
            Phase::Release => Some(answer.asked),
            _ => answer.handed,
        };
        match Verdict::of(error, handed, core.dialect) {
            Verdict::Sent => self.sent(core, None),
            Verdict::Uncertain(reason) => {
                self.uncertain(core, reason);
                Next::Done
            }
            Verdict::NoServiceCentre(failure) => self.set_centre(core, failure),
            Verdict::Collision(failure) => self.rest(core, Timer::Collision, failure),
            Verdict::Busy(failure) => self.rest(core, Timer::Busy, failure),
            Verdict::Failed(failure) => self.failed(core, failure),
        }
    }

    fn rest(&mut self, core: &mut Core, timer: Timer, failure: Failure) -> Next {
        if self.repeats >= REPEATS {
            return self.failed(core, failure);
        }
        self.repeats += 1;
        self.phase = Phase::Rest;
        Next::Rest(timer)
    }

    /// CMS 330: the service centre is set once, from the override or from what the card told.
    fn set_centre(&mut self, core: &mut Core, failure: Failure) -> Next {
        let known = core.config.smsc.clone().or_else(|| core.facts.smsc.clone());
        let Some(number) = known.filter(|_| !self.centre_set) else {
            let reason = format!("{}; set the slot's smsc", failure.reason);
            return self.failed(core, Failure { reason, ..failure });
        };
        self.centre_set = true;
        self.phase = Phase::Centre;
        ask(service_centre::command(&number))
    }

    fn failed(&mut self, core: &mut Core, failure: Failure) -> Next {
        let cause = failure.cause;
        let holds = failure.class == ErrorClass::Hold;
        let reason = failure.reason.clone();
        self.settle(core, Outcome::Failed(failure));
        match cause {
            Cause::Cms(208 | 211 | 322) => {
                core.event(Event::StorageFull { memory: None });
                core.inbox.want_sweep(Sweeping {
                    again: false,
                    thorough: true,
                });
            }
            Cause::Cms(302 | 303) => core.restart("the modem refused a send; it is set up anew", None),
            Cause::Cms(300 | 500) | Cause::Cme(0 | 100) | Cause::Plain => return sick(core, reason),
            _ if holds => core.restart(
                "the modem cannot send; SIM and network are read again",
                Some(Timer::Busy),
            ),
            _ => {}
        }
        core.sick = 0;
        Next::Done
    }
}

/// Three unknown errors in a row are the modem's own trouble (facts of the field: CMS 300 and 500).
fn sick(core: &mut Core, reason: String) -> Next {
    core.sick += 1;
    if core.sick < SICK {
        return Next::Done;
    }
    core.sick = 0;
    Next::Trouble(
        Rung::Radio,
        format!("{SICK} unknown errors in a row, the last: {reason}"),
    )
}

/// A failure that is nobody's but the gateway's or the modem's.
pub(crate) fn gateway_failure(reason: impl Into<String>) -> Failure {
    Failure {
        class: ErrorClass::RetryLater {
            after: Duration::from_secs(5),
            times: None,
            rests: Rests::Recipient,
        },
        cause: Cause::Gateway,
        reason: reason.into(),
    }
}

/// Times a part is handed in again after a collision or to a busy modem.
const REPEATS: u8 = 5;

const SICK: u8 = 3;
