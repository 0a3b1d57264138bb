//! What an operator decides about a session.

use super::timer::TimerTable;
use crate::Octets;

/// The settings of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What we call ourselves in answers to a bind; at most 15 octets.
    pub system_id: Octets,
    /// Requests of the peer that may wait for our answer.
    pub window_in: usize,
    /// Requests of ours that may wait for the peer's answer.
    pub window_out: usize,
    /// What happens to requests beyond `window_in`.
    pub overflow: Overflow,
    /// What happens to a bind on a session that is bound.
    pub rebind: Rebind,
    /// All durations.
    pub timers: TimerTable,
}

/// What happens to the peer's requests beyond its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// They are not read until there is room: the peer waits and loses nothing.
    #[default]
    Wait,
    /// They are answered ESME_RTHROTTLED.
    Throttle,
}

/// What happens to a bind on a session that is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rebind {
    /// It is answered ESME_RALYBND, as clause 4.1 wants it.
    #[default]
    Refuse,
    /// It is asked about like the first. Some clients bind again on the same connection after an error of their own.
    Ask,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            system_id: "simrelay".into(),
            window_in: 100,
            window_out: 10,
            overflow: Overflow::default(),
            rebind: Rebind::default(),
            timers: TimerTable::default(),
        }
    }
}
