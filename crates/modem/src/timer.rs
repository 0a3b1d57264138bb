//! Every timer of the machine: one enum, one table.

use std::time::{Duration, Instant};

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The answer to `AT` while nobody knows whether somebody is there.
    Alive,
    /// The answer to an ordinary command.
    Answer,
    /// The answer to a command that touches SIM, memory or radio.
    SlowAnswer,
    /// The prompt after `+CMGS` or `+CMGW`.
    Prompt,
    /// The network's answer after the PDU (`+CMGS`, `+CMSS`); the dialect may know better.
    Result,
    /// `+CMGS: mr` after an OK that came without it.
    Reference,
    /// A late answer still settles an uncertain attempt.
    Late,
    /// Silence after ESC, while everything is thrown away.
    Drain,
    /// An unfinished line is given up.
    Silence,
    /// Between two commands, where the dialect needs it.
    Gap,
    /// Before asking a SIM or modem that is busy once more (CME 14, CME 515).
    Busy,
    /// Before sending again after a collision with an incoming message (CMS 512).
    Collision,
    /// After a modem announced its start, before the first command.
    Boot,
    /// After a reset, before the port is opened again.
    Restart,
    /// After the radio was switched off, before it is switched on.
    RadioOff,
    /// Before asking again for a SIM that is missing.
    SimAbsent,
    /// The store's record of the PIN try.
    PinProof,
    /// Before asking again whether the network has us.
    Registration,
    /// `AT` on an idle line.
    Heartbeat,
    /// Before registration, signal and storage are read again.
    Refresh,
    /// Before all memories are read again.
    Sweep,
    /// The gateway's acknowledgement of a directly routed message; later the network will repeat it.
    Acknowledge,
    /// The network's answer to a USSD request.
    Ussd,
    /// A second `+CUSD` that may follow an empty or a releasing one.
    UssdMore,
    /// The caller's next step in an open USSD dialogue.
    UssdIdle,
    /// `+CLIP` after the first `RING`.
    Caller,
    /// The next `RING` of the same call.
    CallEnd,
    /// The first quarantine; each further one is twice as long, up to an hour.
    Quarantine,
    /// So long without trouble, and the recovery ladder starts from its foot again.
    Calm,
}

/// How long each [`Timer`] runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerTable([Duration; COUNT]);

/// The timers that run.
#[derive(Debug)]
pub(crate) struct Timers {
    table: TimerTable,
    due: [Option<Instant>; COUNT],
}

impl TimerTable {
    /// How long the timer runs.
    pub fn get(&self, timer: Timer) -> Duration {
        self.0[timer as usize]
    }

    /// Sets how long the timer runs.
    pub fn set(&mut self, timer: Timer, duration: Duration) {
        self.0[timer as usize] = duration;
    }
}

impl Default for TimerTable {
    fn default() -> Self {
        let mut table = [Duration::ZERO; COUNT];
        for (timer, millis) in DEFAULTS {
            table[timer as usize] = Duration::from_millis(millis);
        }
        Self(table)
    }
}

impl Timers {
    pub(crate) fn new(table: TimerTable) -> Self {
        Self {
            table,
            due: [None; COUNT],
        }
    }

    /// Takes another table; timers that run keep their end.
    pub(crate) fn configure(&mut self, table: TimerTable) {
        self.table = table;
    }

    /// How long the timer runs.
    pub(crate) fn duration(&self, timer: Timer) -> Duration {
        self.table.get(timer)
    }

    /// Starts or restarts the timer.
    pub(crate) fn start(&mut self, timer: Timer, now: Instant) {
        self.start_for(timer, now, self.table.get(timer));
    }

    /// Starts the timer with a duration of its own.
    pub(crate) fn start_for(&mut self, timer: Timer, now: Instant, duration: Duration) {
        self.due[timer as usize] = Some(after(now, duration));
    }

    /// Stops the timer.
    pub(crate) fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    pub(crate) fn is_running(&self, timer: Timer) -> bool {
        self.due[timer as usize].is_some()
    }

    /// The next end of any timer.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    /// Takes one timer that has ended, the earliest first.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let ended = |timer: &Timer| self.due[*timer as usize].is_some_and(|due| due <= now);
        let timers = DEFAULTS.iter().map(|(timer, _)| *timer);
        let first = timers.filter(ended).min_by_key(|timer| self.due[*timer as usize])?;
        self.stop(first);
        Some(first)
    }
}

/// That much later, at least a little, so that no timer that starts itself again holds up a tick; and never out of bounds.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    let duration = duration.clamp(SHORTEST, LONGEST);
    now.checked_add(duration).unwrap_or(now)
}

const SHORTEST: Duration = Duration::from_millis(1);

const LONGEST: Duration = Duration::from_secs(366 * 86_400);

const COUNT: usize = DEFAULTS.len();

/// Milliseconds, in the order of the enum. Deadlines of makers' manuals: see each dialect.
const DEFAULTS: [(Timer, u64); 29] = [
    (Timer::Alive, 2_000),
    (Timer::Answer, 10_000),
    (Timer::SlowAnswer, 45_000),
    (Timer::Prompt, 10_000),
    (Timer::Result, 180_000),
    (Timer::Reference, 500),
    (Timer::Late, 600_000),
    (Timer::Drain, 300),
    (Timer::Silence, 1_000),
    (Timer::Gap, 0),
    (Timer::Busy, 1_000),
    (Timer::Collision, 2_000),
    (Timer::Boot, 3_000),
    (Timer::Restart, 15_000),
    (Timer::RadioOff, 2_000),
    (Timer::SimAbsent, 30_000),
    (Timer::PinProof, 60_000),
    (Timer::Registration, 10_000),
    (Timer::Heartbeat, 60_000),
    (Timer::Refresh, 300_000),
    (Timer::Sweep, 300_000),
    (Timer::Acknowledge, 15_000),
    (Timer::Ussd, 60_000),
    (Timer::UssdMore, 2_000),
    (Timer::UssdIdle, 180_000),
    (Timer::Caller, 1_500),
    (Timer::CallEnd, 10_000),
    (Timer::Quarantine, 60_000),
    (Timer::Calm, 900_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (place, (timer, _)) in DEFAULTS.iter().enumerate() {
            assert_eq!(*timer as usize, place, "{timer:?}");
        }
    }

    #[test]
    fn the_earliest_timer_ends_first() {
        let start = Instant::now();
        let mut timers = Timers::new(TimerTable::default());
        timers.start(Timer::Sweep, start);
        timers.start(Timer::Answer, start);
        assert_eq!(timers.next(), Some(start + Duration::from_secs(10)));
        let late = start + Duration::from_secs(1000);
        assert_eq!(timers.expired(late), Some(Timer::Answer));
        assert_eq!(timers.expired(late), Some(Timer::Sweep));
        assert_eq!(timers.expired(late), None);
    }
}
