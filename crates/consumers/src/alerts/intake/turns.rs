//! Turns: what is said about one thing is worked one after the other, in the order in which it came.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// A bounded number of turns for any number of keys. Keys may share one, and then wait for each other.
#[derive(Debug)]
pub(super) struct Turns([Arc<Mutex<()>>; COUNT]);

/// Whose turn it is; over when it is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Arc::default()))
    }

    /// Waits for a key's turn.
    pub(super) async fn of(&self, key: &str) -> Turn {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % COUNT as u64).unwrap_or_default();
        Arc::clone(&self.0[place]).lock_owned().await
    }
}

/// More than notifications come at the same time. So many may go on at once, too, whatever becomes of their clients.
const COUNT: usize = 64;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Without a runtime: in one, a task has a budget of 128 turns before it must yield.
    #[test]
    fn the_same_key_waits_and_others_do_not() {
        let turns = Turns::new();
        let turn = turns.of("a").now_or_never().expect("nobody has it");
        assert!(turns.of("a").now_or_never().is_none());
        let others = (0..100).filter(|key| turns.of(&key.to_string()).now_or_never().is_some());
        assert!(others.count() > 80);
        drop(turn);
        assert!(turns.of("a").now_or_never().is_some());
    }
}
