//! How much is said about what others do wrong: enough to see it, and never so much that the log drowns in it.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lets so many words out in a second; what is more is counted.
#[derive(Debug)]
pub(super) struct Voice(Mutex<Spoken>);

#[derive(Debug)]
struct Spoken {
    since: Instant,
    words: u32,
    kept_back: u64,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Spoken {
            since: Instant::now(),
            words: 0,
            kept_back: 0,
        }))
    }

    /// Warns of what a peer did, unless that is too much.
    pub(super) fn warn(&self, peer: SocketAddr, words: impl FnOnce() -> String) {
        let Some(kept_back) = self.speak(Instant::now()) else {
            return;
        };
        tracing::warn!(%peer, "{}", words());
        if kept_back > 0 {
            tracing::warn!("{kept_back} more of the kind were not shown");
        }
    }

    /// Whether to speak now: how much was kept back since it was spoken last, or nothing.
    fn speak(&self, now: Instant) -> Option<u64> {
        let mut spoken = self.spoken();
        if now.saturating_duration_since(spoken.since) >= SECOND {
            (spoken.since, spoken.words) = (now, 0);
        }
        if spoken.words >= WORDS {
            spoken.kept_back += 1;
            return None;
        }
        spoken.words += 1;
        Some(std::mem::take(&mut spoken.kept_back))
    }

    fn spoken(&self) -> MutexGuard<'_, Spoken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// In a second.
const WORDS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted() {
        let (voice, now) = (Voice::new(), Instant::now());
        let said: Vec<Option<u64>> = (0..100).map(|_| voice.speak(now)).collect();
        assert!(said[..10].iter().all(|said| *said == Some(0)) && said[10..].iter().all(Option::is_none));
        assert_eq!(voice.speak(now + SECOND * 2), Some(90));
        assert_eq!(voice.speak(now + SECOND * 2), Some(0));
    }
}
