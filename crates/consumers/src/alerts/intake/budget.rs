//! Memory for what is large: all connections together take a bounded amount, and one of them can always go on.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory that long lines, bodies and pictures share. Whoever needs more than is left waits and does not read, so
/// the sender waits, too.
///
/// Lines grow while they are read, so all could hold a part and wait for the rest. One of them, the *last in line*, may
/// grow without asking; its memory is set aside. It ends and passes that right on.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    shared: Arc<Semaphore>,
    last_in_line: Arc<Semaphore>,
}

/// What somebody holds of a [`Budget`]; free again when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Grant {
    shared: Option<OwnedSemaphorePermit>,
    last_in_line: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// So many octets for all but the last in line, whose memory is not counted.
    pub(super) fn new(octets: usize) -> Self {
        Self {
            shared: Arc::new(Semaphore::new(units(octets) as usize)),
            last_in_line: Arc::new(Semaphore::new(1)),
        }
    }

    /// Makes the grant larger by so many octets; waits until they are there.
    pub(super) async fn grow(&self, grant: &mut Grant, octets: usize) {
        if grant.last_in_line.is_some() {
            return;
        }
        // Neither semaphore is ever closed, so both always give a permit in the end.
        tokio::select! {
            biased;
            Ok(more) = Arc::clone(&self.shared).acquire_many_owned(units(octets)) => grant.add(more),
            Ok(last) = Arc::clone(&self.last_in_line).acquire_owned() => grant.last_in_line = Some(last),
        }
    }
}

impl Grant {
    /// Gives back what is held beyond so many octets. The last in line stays so while it has more than it was given.
    pub(super) fn shrink(&mut self, octets: usize) {
        let (held, wanted) = (self.units(), units(octets) as usize);
        if let Some(beyond) = held.checked_sub(wanted) {
            drop(self.shared.as_mut().and_then(|shared| shared.split(beyond)));
            self.last_in_line = None;
        }
    }

    /// Parts so many octets off, as far as they are held; nothing where this is the last in line.
    pub(super) fn split(&mut self, octets: usize) -> Self {
        let count = self.units().min(units(octets) as usize);
        Self {
            shared: self.shared.as_mut().and_then(|shared| shared.split(count)),
            last_in_line: None,
        }
    }

    /// Whether it may grow without asking. Whoever is asked to wait for what it does should wait, so that the next one
    /// comes to it.
    pub(super) fn is_last_in_line(&self) -> bool {
        self.last_in_line.is_some()
    }

    fn units(&self) -> usize {
        self.shared.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.shared {
            Some(shared) => shared.merge(more),
            none => *none = Some(more),
        }
    }
}

/// Octets in the units that are counted.
fn units(octets: usize) -> u32 {
    u32::try_from(octets.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

const UNIT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_that_need_more_than_there_is_all_end() {
        let budget = Budget::new(64 * 1024);
        let line = |budget: Budget| async move {
            let mut grant = Grant::default();
            for _ in 0..8 {
                budget.grow(&mut grant, 16 * 1024).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let lines: Vec<_> = (0..50).map(|_| tokio::spawn(line(budget.clone()))).collect();
        for line in lines {
            tokio::time::timeout(Duration::from_secs(60), line)
                .await
                .expect("no line waits for ever")
                .expect("ended");
        }
        assert_eq!(budget.shared.available_permits(), 64);
        assert_eq!(budget.last_in_line.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_is_given_back_is_there_for_others() {
        let budget = Budget::new(10 * 1024);
        let mut grant = Grant::default();
        budget.grow(&mut grant, 8 * 1024).await;
        assert_eq!(budget.shared.available_permits(), 2);
        let part = grant.split(1024);
        grant.shrink(3000);
        assert_eq!(budget.shared.available_permits(), 6);
        drop(part);
        assert_eq!(budget.shared.available_permits(), 7);
        grant.shrink(0);
        assert_eq!(budget.shared.available_permits(), 10);
    }
}
