//! What the writer lets others see: its health, its counts, and that something came.

use std::mem::discriminant;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use message::{PartState, QueueFacts, Totals};

use crate::desk::Memory;
use crate::stop::StopList;
use crate::{Error, Health, clock, fault};

/// The writer's end of everything that others look at.
pub(crate) struct Signs {
    pub(crate) health: watch::Sender<Health>,
    pub(crate) arrivals: watch::Sender<i64>,
    pub(crate) events: watch::Sender<i64>,
    pub(crate) alerts: watch::Sender<i64>,
    pub(crate) counts: Arc<Mutex<Counts>>,
    pub(crate) stopped: Arc<StopList>,
}

/// The counts as of the last commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) queue: QueueFacts,
    pub(crate) totals: Totals,
    /// Transactions since the start.
    pub(crate) commits: u64,
    /// Validities up to this time were looked at.
    pub(crate) swept: i64,
}

impl Signs {
    /// Tells what a commit brought to those who wait for it.
    pub(crate) fn publish(&self, memory: &mut Memory) {
        self.stopped.apply(&mut memory.stops);
        raise(&self.arrivals, memory.cursor);
        raise(&self.events, memory.event);
        raise(&self.alerts, memory.alert);
    }

    /// Shows the counts as they are.
    pub(crate) fn count(&self, memory: &Memory, commits: u64) {
        let tally = &memory.tally;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.queue.queued = tally.in_state(PartState::Queued);
        counts.queue.attempting = tally.in_state(PartState::Attempting);
        counts.queue.uncertain = tally.in_state(PartState::Uncertain);
        counts.totals = tally.totals();
        counts.commits = commits;
        counts.swept = memory.swept.0;
    }

    /// Says that writes are refused, since when and why; the same trouble again keeps its time.
    pub(crate) fn complain(&self, error: &Error) {
        self.health.send_if_modified(|health| {
            if matches!(health, Health::Ill { error: known, .. } if discriminant(known) == discriminant(error)) {
                return false;
            }
            tracing::error!(%error, "the store refuses writes");
            *health = Health::Ill {
                since: clock::now(),
                error: error.clone(),
                hint: fault::hint(error).to_owned(),
            };
            true
        });
    }

    /// What is wrong, for callers.
    pub(crate) fn complaint(&self) -> Error {
        match &*self.health.borrow() {
            Health::Ill { error, .. } => error.clone(),
            Health::Well => Error::Sick("the database file could not be opened".to_owned()),
        }
    }

    /// A commit went through. A full disk may have room for a little and not for much, so only a probe ends that.
    pub(crate) fn recovered(&self) {
        let full = |health: &Health| {
            matches!(
                health,
                Health::Ill {
                    error: Error::Full(_),
                    ..
                }
            )
        };
        if !full(&self.health.borrow()) {
            self.well();
        }
    }

    /// Says that writes are kept.
    pub(crate) fn well(&self) {
        self.health.send_if_modified(|health| {
            let changed = *health != Health::Well;
            if changed {
                tracing::info!("the store keeps writes again");
                *health = Health::Well;
            }
            changed
        });
    }

    pub(crate) fn is_ill(&self) -> bool {
        *self.health.borrow() != Health::Well
    }
}

fn raise(sign: &watch::Sender<i64>, to: i64) {
    sign.send_if_modified(|value| {
        let higher = to > *value;
        *value = to.max(*value);
        higher
    });
}
