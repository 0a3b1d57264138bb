//! All consumers at work.

use std::sync::Arc;

use message::Event;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::rules::Rules;
use crate::worker::Worker;
use crate::{Consumer, Wish};

/// The workers of all consumers. Dropping it stops them at once; what was being worked is worked again after the next
/// start, as after a crash.
#[derive(Debug)]
pub struct Room {
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
}

/// Who gets what: the consumers in their order, and the rules.
#[derive(Debug)]
pub(crate) struct House {
    consumers: Vec<Arc<dyn Consumer>>,
    rules: Rules,
}

impl Room {
    /// Starts a worker for each consumer. Those that take messages by what they say themselves ([`Wish::Take`]) come
    /// first in the list. Each must be named in [`store::Config::consumers`] of this store, else it has no rows.
    pub fn start(store: &Store, consumers: Vec<Arc<dyn Consumer>>, rules: Rules) -> Self {
        let (stop, stopped) = watch::channel(false);
        let house = Arc::new(House { consumers, rules });
        let worker = |place: usize| Worker::new(store.clone(), Arc::clone(&house), place);
        let workers = (0..house.consumers.len())
            .map(|place| tokio::spawn(worker(place).run(stopped.clone())))
            .collect();
        Self { stop, workers }
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
    pub(crate) fn consumer(&self, place: usize) -> &Arc<dyn Consumer> {
        &self.consumers[place]
    }

    /// Whether the consumer at `place` works this event.
    pub(crate) fn concerns(&self, place: usize, event: &Event) -> bool {
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
