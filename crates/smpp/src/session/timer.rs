//! Every timer of a session: one enum, one table (SMPP 3.4 clause 7.2).

use std::time::{Duration, Instant};

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A bind on a connection that is open; then it is closed.
    SessionInit,
    /// Anything at all from the peer; then it is asked whether it is there, and twice in vain is too often.
    EnquireLink,
    /// A PDU that carries a message, either way; then the session is unbound.
    Inactivity,
    /// The answer to a request.
    Response,
    /// The rest of a PDU whose beginning came; then the connection is closed, or a peer could hold it for ever.
    Unfinished,
    /// The last answers before an unbind; then it goes out without them.
    Drain,
    /// Before sending again after the peer asked for less. Its length grows, see
    /// [`throttle_pause`](crate::throttle_pause), so the table has no say.
    Pause,
    /// The answer to a bind or unbind of ours, as long as [`Timer::Response`].
    Control,
}

/// How long each [`Timer`] runs; zero switches it off.
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
        match timer {
            Timer::Control => self.0[Timer::Response as usize],
            _ => self.0[timer as usize],
        }
    }

    /// Sets how long the timer runs; zero switches it off.
    pub fn set(&mut self, timer: Timer, duration: Duration) {
        self.0[timer as usize] = duration;
    }
}

impl Default for TimerTable {
    fn default() -> Self {
        let seconds = DEFAULTS.map(|(_, seconds)| Duration::from_secs(seconds));
        Self(seconds)
    }
}

impl Timers {
    pub(crate) fn new(table: TimerTable) -> Self {
        Self {
            table,
            due: [None; COUNT],
        }
    }

    pub(crate) fn set(&mut self, timer: Timer, duration: Duration) {
        self.table.set(timer, duration);
    }

    /// Starts or restarts the timer.
    pub(crate) fn start(&mut self, timer: Timer, now: Instant) {
        self.start_for(timer, now, self.table.get(timer));
    }

    /// Starts the timer with a duration of its own; zero stops it.
    pub(crate) fn start_for(&mut self, timer: Timer, now: Instant, duration: Duration) {
        self.due[timer as usize] = after(now, duration);
    }

    /// When something that begins now and takes as long as a timer is due; nothing where that is switched off.
    pub(crate) fn deadline(&self, timer: Timer, now: Instant) -> Option<Instant> {
        after(now, self.table.get(timer))
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    pub(crate) fn stop_all(&mut self) {
        self.due = [None; COUNT];
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

fn after(now: Instant, duration: Duration) -> Option<Instant> {
    if duration.is_zero() {
        return None;
    }
    now.checked_add(duration.min(LONGEST))
}

const LONGEST: Duration = Duration::from_secs(366 * 86_400);

const COUNT: usize = DEFAULTS.len();

/// Seconds, in the order of the enum.
const DEFAULTS: [(Timer, u64); 8] = [
    (Timer::SessionInit, 30),
    (Timer::EnquireLink, 30),
    (Timer::Inactivity, 300),
    (Timer::Response, 60),
    (Timer::Unfinished, 60),
    (Timer::Drain, 30),
    (Timer::Pause, 0),
    (Timer::Control, 0),
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
    fn a_timer_of_zero_never_ends() {
        let now = Instant::now();
        let mut table = TimerTable::default();
        table.set(Timer::Inactivity, Duration::ZERO);
        let mut timers = Timers::new(table);
        timers.start(Timer::Inactivity, now);
        timers.start(Timer::EnquireLink, now);
        assert_eq!(timers.next(), Some(now + Duration::from_secs(30)));
        assert_eq!(timers.expired(now + LONGEST), Some(Timer::EnquireLink));
        assert_eq!(timers.expired(now + LONGEST), None);
    }
}
