//! What is done next, and what the end of a timer means.

use message::Outcome;

use crate::core::Core;
use crate::inbox::Sweeping;
use crate::machine::Modem;
use crate::output::{Output, Rung};
use crate::tasks::{self, Delete, Dial, Next, Read, Sending, Small, Sweep, Task, Woken};
use crate::timer::Timer;

impl Modem {
    /// Begins what is to be done, one thing after the other, until something is under way.
    pub(crate) fn run(&mut self) {
        while self.task.is_none() && !self.closed && !self.core.timers.is_running(Timer::Gap) {
            if self.core.wishes.start.is_some() {
                self.begin_start();
                continue;
            }
            let Some(task) = self.choose() else { return };
            let woken = Woken::Begin;
            self.task = Some(task);
            self.resume(woken);
        }
    }

    /// Sets the modem up anew.
    fn begin_start(&mut self) {
        let Some(wish) = self.core.wishes.start.take() else {
            return;
        };
        self.abandon(&wish.reason);
        if wish.radio {
            return self.trouble(Rung::Radio, &wish.reason);
        }
        self.core.begin_set_up(&wish.reason);
        self.task = Some(Task::Walk(tasks::start()));
        match wish.rest {
            Some(timer) => self.follow(Next::Rest(timer)),
            None => self.resume(Woken::Begin),
        }
    }

    /// The most urgent work.
    fn choose(&mut self) -> Option<Task> {
        if !self.core.set_up {
            return None;
        }
        let core = &mut self.core;
        if core.inbox.acknowledgements > 0 {
            core.inbox.acknowledgements -= 1;
            return Some(Task::Small(Small::Acknowledge { fallback: false }));
        }
        if core.finishing {
            return None;
        }
        if let Some(announced) = core.inbox.announced.pop_front() {
            return Some(Task::Read(Read::new(core, announced)));
        }
        // Parts take turns with all the rest: a long queue leaves room for a USSD code, and a sweep for an alarm.
        let parts_turn = !std::mem::take(&mut core.wishes.part_last);
        let part = if parts_turn { core.next_part() } else { None };
        part.or_else(|| self.rest_of_work()).or_else(|| self.core.next_part())
    }

    /// Work that is not a part's: first what somebody waits for, then deletes and upkeep in turns, since each part's report
    /// is another delete.
    fn rest_of_work(&mut self) -> Option<Task> {
        let core = &mut self.core;
        if core.wishes.hang_up {
            core.wishes.hang_up = false;
            return Some(Task::Small(Small::HangUp { way: 0 }));
        }
        if let Some(action) = core.dialogue.take_request() {
            return Some(Task::Dial(Dial::new(core, action)));
        }
        let deletes_turn = !std::mem::take(&mut core.wishes.deleted_last);
        let deletion = if deletes_turn { core.next_delete() } else { None };
        deletion
            .or_else(|| self.parked.take())
            .or_else(|| self.core.upkeep())
            .or_else(|| self.core.next_delete())
    }

    /// A timer has ended.
    pub(crate) fn ended(&mut self, timer: Timer) {
        if self.resting == Some(timer) {
            self.resting = None;
            return self.resume(Woken::Rested);
        }
        match timer {
            Timer::Alive | Timer::Answer | Timer::SlowAnswer | Timer::Prompt | Timer::Result => self.deadline_passed(),
            Timer::Gap => self.rested(),
            Timer::Silence => {
                self.wire.flush();
                self.listen();
            }
            Timer::PinProof => {
                self.core.pin.refuse(String::from("the try could not be recorded"));
                self.wake();
            }
            Timer::Boot | Timer::SimAbsent => self.core.restart("the SIM is looked for again", None),
            _ => self.core.ended(timer),
        }
    }

    fn deadline_passed(&mut self) {
        if let Some(answer) = self.wire.give_up(self.core.now) {
            self.answered(answer);
        }
    }
}

impl Core {
    /// The next part, where it can go.
    fn next_part(&mut self) -> Option<Task> {
        if !self.facts.state.can_send() {
            let reason = self.facts.reason.clone();
            for job in std::mem::take(&mut self.waiting) {
                self.give_back(job.ticket, &reason);
            }
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.wishes.part_last = true;
        self.outputs.push_back(Output::Begins { ticket: job.ticket });
        Some(Task::Send(Box::new(Sending::new(job))))
    }

    /// The next delete.
    fn next_delete(&mut self) -> Option<Task> {
        let deletion = self.inbox.deletes.pop_front()?;
        self.wishes.deleted_last = true;
        Some(Task::Delete(Delete::new(deletion)))
    }

    /// Work that nobody waits for.
    fn upkeep(&mut self) -> Option<Task> {
        if std::mem::take(&mut self.wishes.routing) {
            return Some(Task::Small(Small::Reroute));
        }
        if let Some(wanted) = self.inbox.sweep.take() {
            return (!self.inbox.readable.is_empty()).then(|| Task::Sweep(Sweep::new(self, wanted)));
        }
        if self.inbox.home.is_some() && self.inbox.selected != self.inbox.home {
            return Some(Task::Small(Small::Home));
        }
        if std::mem::take(&mut self.wishes.refresh) {
            self.wishes.heartbeat = false;
            return Some(Task::Walk(tasks::refresh()));
        }
        if std::mem::take(&mut self.wishes.heartbeat) {
            return Some(Task::Small(Small::Heartbeat));
        }
        None
    }

    /// A timer has ended that no task rests on.
    fn ended(&mut self, timer: Timer) {
        match timer {
            Timer::Heartbeat => {
                self.wishes.heartbeat = true;
                self.timers.start(Timer::Heartbeat, self.now);
            }
            Timer::Refresh => {
                self.wishes.refresh = true;
                self.timers.start(Timer::Refresh, self.now);
            }
            Timer::Registration => {
                self.wishes.refresh = true;
                self.timers.start(Timer::Registration, self.now);
            }
            Timer::Sweep => {
                self.inbox.want_sweep(Sweeping::default());
                self.timers.start(Timer::Sweep, self.now);
            }
            Timer::Acknowledge => {
                // The network repeats what was not acknowledged; the modem has stopped routing meanwhile.
                self.inbox.unacknowledged = 0;
                self.wishes.routing = true;
            }
            Timer::Late => self.late = None,
            Timer::Ussd => {
                let seconds = self.timers.duration(Timer::Ussd).as_secs();
                self.fail_dialogue(format!("the network did not answer within {seconds} s"));
            }
            Timer::UssdMore => self.ussd_no_more(),
            Timer::UssdIdle => drop(self.dialogue.submit(crate::job::UssdAction::Cancel)),
            Timer::Caller => self.tell_call(None),
            Timer::CallEnd => self.call_ends(),
            Timer::Calm => self.ladder.rest(),
            _ => {}
        }
    }

    /// How long the network's answer to a PDU is waited for.
    pub(crate) fn result_deadline(&self) -> std::time::Duration {
        let table = self.timers.duration(Timer::Result);
        let untouched = table == crate::timer::TimerTable::default().get(Timer::Result);
        self.dialect.result.filter(|_| untouched).unwrap_or(table)
    }

    /// Whether the loop was told to close the port.
    pub(crate) fn has_left_port(&self) -> bool {
        let leaves = |output: &Output| matches!(output, Output::Reopen { .. } | Output::Close { .. });
        self.outputs.back().is_some_and(leaves)
    }

    /// A part that was never begun goes back.
    pub(crate) fn give_back(&mut self, ticket: u64, reason: &str) {
        let reason = format!("not begun: {reason}");
        self.settle(ticket, Outcome::NotBegun { reason }, None);
    }

    /// How many places a memory has, as told last.
    pub(crate) fn total_of(&self, memory: [u8; 2]) -> u16 {
        let name = at::latin1(&memory);
        let known = self.facts.storage.iter().find(|storage| storage.memory == name);
        known.map_or(50, |storage| storage.total)
    }
}
