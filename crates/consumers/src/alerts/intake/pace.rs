//! How fast a sender may be: whoever is faster is read more slowly, and loses nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// When each sender's next line has its turn.
#[derive(Debug)]
pub(super) struct Pace {
    turns: HashMap<IpAddr, Instant>,
    /// The time a line takes; nothing: as fast as they come.
    each: Option<Duration>,
}

impl Pace {
    /// So many lines a second from an address; 0: any.
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            turns: HashMap::new(),
            each: Duration::from_secs(1).checked_div(per_second),
        }
    }

    /// How long this sender's next line must wait. A second's worth may come at once.
    pub(super) fn wait(&mut self, who: IpAddr, now: Instant) -> Duration {
        let Some(each) = self.each else { return Duration::ZERO };
        if self.turns.len() > MOST {
            self.turns.retain(|_, turn| *turn > now);
        }
        let turn = self.turns.entry(who).or_insert(now);
        *turn = (*turn).max(now) + each;
        turn.saturating_duration_since(now).saturating_sub(BURST)
    }
}

/// How far ahead of its pace a sender may be.
const BURST: Duration = Duration::from_secs(1);
/// Beyond so many, senders that are not ahead of their pace are forgotten.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_second_comes_at_once_and_then_it_is_slowed_down() {
        let (mut pace, now) = (Pace::new(100), Instant::now());
        let who = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let waits: Vec<Duration> = (0..150).map(|_| pace.wait(who, now)).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert_eq!(waits[149], Duration::from_millis(500));
        assert_eq!(pace.wait(who, now + Duration::from_secs(9)), Duration::ZERO);
        assert_eq!(pace.wait(IpAddr::V4(Ipv4Addr::BROADCAST), now), Duration::ZERO);
        assert!((0..500).all(|_| Pace::new(0).wait(who, now).is_zero()));
    }
}
