//! The machine: bytes, jobs and the time go in; octets to write and events come out.

use std::time::{Duration, Instant};

use at::Command;
use message::SlotState;

use crate::config::Config;
use crate::core::Core;
use crate::facts::Facts;
use crate::job::{self, Job, Rejected};
use crate::output::{Output, Rung};
use crate::tasks::{Next, Recover, Task, Woken};
use crate::timer::Timer;
use crate::wire::{Answer, Heard, Wire};

/// One modem. It never waits, reads no clock and does no I/O: whoever drives it passes in what was read and the time, and
/// does what [`poll`](Self::poll) gives until that is empty.
#[derive(Debug)]
pub struct Modem {
    pub(crate) core: Core,
    pub(crate) wire: Wire,
    /// What is being done.
    pub(crate) task: Option<Task>,
    /// The timer that the task rests on.
    pub(crate) resting: Option<Timer>,
    /// The task waits for a job.
    waits: bool,
    /// A command that waits until the modem has rested.
    held: Option<(Command, Timer)>,
    /// A sweep that let more urgent work go first.
    pub(crate) parked: Option<Task>,
    /// The port is closed or being opened anew: nothing is written.
    pub(crate) closed: bool,
    /// Octets since anything made sense.
    unheard: usize,
}

impl Modem {
    /// A modem on a port that was just opened. It begins to set itself up at once.
    pub fn new(config: Config, now: Instant) -> Self {
        let mut modem = Self {
            core: Core::new(config, now),
            wire: Wire::default(),
            task: None,
            resting: None,
            waits: false,
            held: None,
            parked: None,
            closed: false,
            unheard: 0,
        };
        modem.core.restart("the port was opened", None);
        modem.run();
        modem
    }

    /// Takes octets that were read from the port.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.core.now = now;
        if self.closed {
            return;
        }
        self.wire.receive(bytes);
        self.unheard += bytes.len();
        self.listen();
        if self.wire.take_progress() {
            self.unheard = 0;
        }
        if self.unheard > MOST_UNHEARD {
            self.unheard = 0;
            self.noise(ENDLESS_NOISE);
        }
        if self.wire.is_partial() {
            self.core.timers.start(Timer::Silence, now);
        } else {
            self.core.timers.stop(Timer::Silence);
        }
        self.run();
    }

    /// Takes a job.
    ///
    /// # Errors
    /// When the job is not taken; then nothing was done and nothing will be.
    pub fn submit(&mut self, job: Job, now: Instant) -> Result<(), Rejected> {
        self.core.now = now;
        let taken = self.accept(job);
        self.run();
        taken
    }

    /// Does what is due; to be called at [`due`](Self::due), and harmless at any other time.
    pub fn tick(&mut self, now: Instant) {
        self.core.now = now;
        while let Some(timer) = self.core.timers.expired(now) {
            self.ended(timer);
        }
        self.run();
    }

    /// The next thing to do or to pass on.
    pub fn poll(&mut self) -> Option<Output> {
        self.core.outputs.pop_front()
    }

    /// When [`tick`](Self::tick) is to be called next.
    pub fn due(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// The port was opened again, after [`Output::Reopen`] or [`Output::Close`]. It may come earlier than asked, as when an
    /// operator ends a quarantine.
    pub fn opened(&mut self, now: Instant) {
        self.core.now = now;
        self.abandon("the port was opened anew");
        self.closed = false;
        self.core.timers.start(Timer::Calm, now);
        let reason = match self.core.facts.state {
            SlotState::Recovering | SlotState::Quarantined => format!("opened again; {}", self.core.facts.reason),
            _ => String::from("the port was opened"),
        };
        self.core.restart(&reason, None);
        self.run();
    }

    /// The port is gone or takes nothing: the exchange that is open ends, and nothing is written until
    /// [`opened`](Self::opened).
    pub fn lost(&mut self, now: Instant, reason: &str) {
        self.core.now = now;
        self.abandon(reason);
        self.core.give_up_freeing();
        self.core.set_state(SlotState::Absent, reason);
        self.closed = true;
    }

    /// Takes no new parts, deletes or requests; what runs is finished. See [`is_busy`](Self::is_busy).
    pub fn finish(&mut self, now: Instant) {
        self.core.now = now;
        self.core.finishing = true;
        self.give_back_waiting("the gateway stops");
    }

    /// Whether an exchange is going on that must not be cut off. While a modem only rests between checks it is not busy.
    pub fn is_busy(&self) -> bool {
        self.wire.is_open() || self.held.is_some() || matches!(self.task, Some(Task::Send(_)))
    }

    /// What is known.
    pub fn facts(&self) -> &Facts {
        &self.core.facts
    }

    /// Takes everything that has been heard.
    pub(crate) fn listen(&mut self) {
        while let Some(heard) = self.wire.hear(self.core.now) {
            self.unheard = 0;
            match heard {
                Heard::Answer(answer) => self.answered(answer),
                Heard::Prompt => self.prompted(),
                Heard::Urc(urc) => self.urc(urc),
                Heard::Stray(end) => self.stray(&end),
                Heard::Reference(reference) => self.late_reference(reference),
                Heard::Echo => self.echoed(),
                Heard::Noise(lines) => self.noise(lines),
            }
            if self.closed {
                break;
            }
        }
    }

    /// Gives the task what its command brought.
    pub(crate) fn answered(&mut self, answer: Answer) {
        self.stop_deadlines();
        self.core.timers.start(Timer::Heartbeat, self.core.now);
        if !self.core.dialect.gap.is_zero() {
            self.core
                .timers
                .start_for(Timer::Gap, self.core.now, self.core.dialect.gap);
        }
        self.resume(Woken::Answered(&answer));
        if !self.wire.is_open() {
            self.wire.recycle(answer.reply);
        }
    }

    /// Hands over the PDU of the open exchange.
    fn prompted(&mut self) {
        let Some((octets, before)) = self.wire.hand_over(Timer::Result, self.core.now) else {
            return;
        };
        self.core.timers.stop(before);
        let deadline = self.core.result_deadline();
        self.core.timers.start_for(Timer::Result, self.core.now, deadline);
        self.core.outputs.push_back(Output::Write(octets));
    }

    /// Goes on with the task.
    pub(crate) fn resume(&mut self, woken: Woken<'_>) {
        let Some(mut task) = self.task.take() else { return };
        if let Some(timer) = self.resting.take() {
            self.core.timers.stop(timer);
        }
        self.waits = false;
        let next = task.resume(&mut self.core, woken);
        self.task = Some(task);
        self.follow(next);
    }

    /// Does what the task wants next.
    pub(crate) fn follow(&mut self, next: Next) {
        match next {
            Next::Ask(command, timer) if self.core.timers.is_running(Timer::Gap) => self.held = Some((command, timer)),
            Next::Ask(command, timer) => self.ask(command, timer),
            Next::Write(octets, timer) => {
                self.core.outputs.push_back(Output::Write(octets.to_vec()));
                self.rest(timer, self.core.timers.duration(timer));
            }
            Next::Rest(timer) => self.rest(timer, self.core.timers.duration(timer)),
            Next::Wait => {
                self.waits = true;
                self.closed |= self.core.has_left_port();
            }
            Next::Yield => self.parked = self.task.take(),
            Next::Done => self.task = None,
            Next::Trouble(least, reason) => {
                self.task = None;
                self.trouble(least, &reason);
            }
        }
    }

    /// Opens an exchange.
    fn ask(&mut self, command: Command, timer: Timer) {
        let octets = self.wire.ask(command, timer, self.core.now);
        let deadline = self.deadline(timer);
        self.core.timers.start_for(timer, self.core.now, deadline);
        self.core.outputs.push_back(Output::Write(octets));
    }

    /// The modem has rested: the command that was held back goes out.
    pub(crate) fn rested(&mut self) {
        if let Some((command, timer)) = self.held.take() {
            self.ask(command, timer);
        }
    }

    /// What the task waited for has come.
    pub(crate) fn wake(&mut self) {
        if self.waits && !self.closed {
            self.resume(Woken::Rested);
        }
    }

    fn rest(&mut self, timer: Timer, duration: Duration) {
        self.resting = Some(timer);
        self.core.timers.start_for(timer, self.core.now, duration);
    }

    fn deadline(&self, timer: Timer) -> Duration {
        match timer {
            Timer::Result => self.core.result_deadline(),
            _ => self.core.timers.duration(timer),
        }
    }

    fn stop_deadlines(&mut self) {
        for timer in DEADLINES {
            self.core.timers.stop(timer);
        }
    }

    /// Begins recovery, at least with this step. Whatever was going on has ended.
    pub(crate) fn trouble(&mut self, least: Rung, reason: &str) {
        self.abandon(reason);
        let recover = Recover::new(&mut self.core, least, reason.to_owned());
        self.task = Some(Task::Recover(recover));
        self.resume(Woken::Begin);
    }

    /// Ends whatever is going on, and forgets what was heard so far.
    pub(crate) fn abandon(&mut self, reason: &str) {
        let handed = self.wire.has_handed_over() || self.wire.timer() == Some(Timer::Result);
        if let Some(timer) = self.resting.take() {
            self.core.timers.stop(timer);
        }
        self.stop_deadlines();
        self.wire.clear();
        self.held = None;
        self.waits = false;
        if let Some(task) = self.task.take() {
            task.abort(&mut self.core, handed, reason);
        }
        if let Some(task) = self.parked.take() {
            task.abort(&mut self.core, false, reason);
        }
        self.give_back_waiting(reason);
        self.core.fail_dialogue(reason);
        self.core.set_up = false;
        self.core.wishes.start = None;
    }

    /// Parts that waited for their turn go back.
    pub(crate) fn give_back_waiting(&mut self, reason: &str) {
        for job::Send { ticket, .. } in std::mem::take(&mut self.core.waiting) {
            self.core.give_back(ticket, reason);
        }
    }
}

/// Octets without a line end that are as bad as so many useless lines. The longest honest line has some three thousand.
const MOST_UNHEARD: usize = 16 * 1024;

const ENDLESS_NOISE: u32 = 100;

/// Deadlines of exchanges; one of them runs while an exchange is open.
const DEADLINES: [Timer; 5] = [
    Timer::Alive,
    Timer::Answer,
    Timer::SlowAnswer,
    Timer::Prompt,
    Timer::Result,
];
