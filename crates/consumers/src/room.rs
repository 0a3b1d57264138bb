//! All consumers at work.

use std::sync::{Arc, PoisonError, RwLock};

use message::Event;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::rules::Rules;
use crate::worker::Worker;
use crate::{Consumer, FAREWELL, Wish};

/// The workers of all consumers. Dropping it stops them at once; what was being worked is worked again after the next
/// start, as after a crash.
#[derive(Debug)]
pub struct Room {
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    house: Arc<House>,
}

/// Who gets what, as things stand.
#[derive(Debug)]
pub(crate) struct House(RwLock<Arc<Staff>>);

/// The consumers in their order, and the rules. Replaced as a whole.
#[derive(Debug, Clone)]
struct Staff {
    consumers: Vec<Arc<dyn Consumer>>,
    rules: Rules,
}

impl Room {
    /// Starts a worker for each consumer. Those that take messages by what they say themselves ([`Wish::Take`]) come
    /// first in the list. Each must be named in [`store::Config::consumers`] of this store, else it has no rows.
    pub fn start(store: &Store, consumers: Vec<Arc<dyn Consumer>>, rules: Rules) -> Self {
        let (stop, stopped) = watch::channel(false);
        let places = 0..consumers.len();
        let house = Arc::new(House(RwLock::new(Arc::new(Staff { consumers, rules }))));
        let worker = |place: usize| Worker::new(store.clone(), Arc::clone(&house), place);
        let workers = places
            .map(|place| tokio::spawn(worker(place).run(stopped.clone())))
            .collect();
        Self { stop, workers, house }
    }

    /// Takes other rules, and consumers with other settings in the place of those with the same names; one that has no
    /// namesake is not taken. What is being worked is worked to its end by who began it.
    pub async fn adopt(&self, consumers: Vec<Arc<dyn Consumer>>, rules: Rules) {
        let mut staff = Staff::clone(&self.house.staff());
        staff.rules = rules;
        let mut relieved = Vec::new();
        for fresh in consumers {
            if let Some(place) = staff.consumers.iter_mut().find(|known| known.name() == fresh.name()) {
                relieved.push(std::mem::replace(place, fresh));
            }
        }
        *self.house.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(staff);
        for consumer in relieved {
            // Nothing depends on its farewell.
            let _ = timeout(FAREWELL, consumer.stop()).await;
        }
    }

    /// Stops: nothing new begins, and what is being worked may end, for at most its own [`Patience::each`].
    ///
    /// [`Patience::each`]: crate::Patience::each
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for worker in &mut self.workers {
            // One that panicked has stopped.
            let _ = worker.await;
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.workers.iter().for_each(JoinHandle::abort);
    }
}

impl House {
    /// The consumer at a place.
    pub(crate) fn consumer(&self, place: usize) -> Arc<dyn Consumer> {
        Arc::clone(&self.staff().consumers[place])
    }

    /// Whether the consumer at `place` works this event.
    pub(crate) fn concerns(&self, place: usize, event: &Event) -> bool {
        self.staff().concerns(place, event)
    }

    fn staff(&self) -> Arc<Staff> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Staff {
    fn concerns(&self, place: usize, event: &Event) -> bool {
        let wish = self.consumers[place].wish(event);
        let Event::Message(message) = event else {
            return wish != Wish::Pass;
        };
        let taken = || {
            self.consumers[..place]
                .iter()
                .any(|before| before.wish(event) == Wish::Take)
        };
        match wish {
            Wish::Pass => false,
            _ if taken() => false,
            Wish::Take => true,
            Wish::Copy => self.rules.give(self.consumers[place].name(), message, |name| {
                let named = self.consumers.iter().find(|consumer| consumer.name() == name);
                named.is_some_and(|consumer| consumer.wish(event) != Wish::Pass)
            }),
        }
    }
}
