//! All consumers at work.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use message::Event;
use store::{Delivery, Store};
use tokio::runtime::Handle;
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
    store: Store,
    threads: Handle,
    workers: BTreeMap<String, Work>,
    /// Workers of consumers that are gone, which end what they began.
    leaving: Vec<Leaving>,
    house: Arc<House>,
}

/// Other consumers for a room.
#[derive(Debug)]
pub struct Change {
    /// The names of all there are from now on, in their order: as in [`store::Config::consumers`].
    pub names: Vec<String>,
    /// Those of them that are new or have other settings; the others stay as they are.
    pub fresh: Vec<Arc<dyn Consumer>>,
    /// The rules.
    pub rules: Rules,
    /// The number of the last event before those that are new: see [`store::Store::adopt_consumers`].
    pub last_event: i64,
}

/// A consumer's worker.
#[derive(Debug)]
struct Work {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Leaving {
    name: String,
    /// Its sender is gone when the worker is.
    over: watch::Receiver<()>,
    /// It gives up what waits, then.
    task: JoinHandle<()>,
}

/// Who gets what, as things stand.
#[derive(Debug)]
pub(crate) struct House(RwLock<Arc<Staff>>);

/// The consumers in their order, and the rules. Replaced as a whole.
#[derive(Debug, Clone)]
struct Staff {
    posts: Vec<Post>,
    rules: Rules,
}

/// A consumer's place.
#[derive(Debug, Clone)]
struct Post {
    consumer: Arc<dyn Consumer>,
    /// It gets the events after this one: earlier ones are not its, whatever a rule says of them now.
    after: i64,
}

/// What a consumer works by: as things stood when a delivery was begun.
pub(crate) struct Duty {
    staff: Arc<Staff>,
    place: usize,
}

impl Room {
    /// Starts a worker for each consumer, on the runtime of the caller. Those that take messages by what they say
    /// themselves ([`Wish::Take`]) come first in the list. Each must be named in [`store::Config::consumers`] of this
    /// store, else it has no rows.
    pub fn start(store: &Store, consumers: Vec<Arc<dyn Consumer>>, rules: Rules) -> Self {
        let posts = consumers.into_iter().map(|consumer| Post { consumer, after: 0 });
        let posts = posts.collect();
        let mut room = Self {
            store: store.clone(),
            threads: Handle::current(),
            workers: BTreeMap::new(),
            leaving: Vec::new(),
            house: Arc::new(House(RwLock::new(Arc::new(Staff { posts, rules })))),
        };
        room.begin();
        room
    }

    /// Takes other consumers and rules. A consumer that stays is not touched; one with other settings goes on with what
    /// waits for it; what is being worked is worked to its end by who began it. The store was told of those that are new
    /// and of those that are gone before: what waits for these is given up once they have ended.
    pub async fn adopt(&mut self, change: Change) {
        let Change {
            names,
            fresh,
            rules,
            last_event,
        } = change;
        let old = self.house.staff();
        let mut posts = Vec::new();
        let mut relieved = Vec::new();
        for name in &names {
            let fresh = fresh.iter().find(|consumer| consumer.name() == name);
            let known = old.posts.iter().find(|post| post.consumer.name() == name);
            let after = known.map_or(last_event, |known| known.after);
            let consumer = match (fresh, known) {
                (Some(fresh), known) => {
                    relieved.extend(known.map(|known| Arc::clone(&known.consumer)));
                    fresh
                }
                (None, Some(known)) => &known.consumer,
                (None, None) => continue,
            };
            posts.push(Post {
                consumer: Arc::clone(consumer),
                after,
            });
        }
        let staff = Arc::new(Staff { posts, rules });
        *self.house.0.write().unwrap_or_else(PoisonError::into_inner) = staff;
        self.dismiss(&names);
        self.begin();
        for consumer in relieved {
            // Nothing depends on its farewell.
            let _ = timeout(FAREWELL, consumer.stop()).await;
        }
    }

    /// Ends the workers of those that are not among these.
    fn dismiss(&mut self, names: &[String]) {
        self.leaving.retain(|one| !one.task.is_finished());
        let gone = self.workers.extract_if(.., |name, _| !names.contains(name));
        for (name, Work { stop, task }) in gone {
            let (ends, over) = watch::channel(());
            let store = self.store.clone();
            let consumer = name.clone();
            let task = self.threads.spawn(async move {
                stop.send_replace(true);
                // One that panicked has ended.
                let _ = task.await;
                // Where it cannot be kept now, the next start gives it up.
                if let Err(error) = store.give_up_for_others().await {
                    tracing::warn!("what waits for {consumer}, which is gone, is not given up yet: {error}");
                }
                drop(ends);
            });
            self.leaving.push(Leaving { name, over, task });
        }
    }

    /// Starts the workers that are missing.
    fn begin(&mut self) {
        for post in &self.house.staff().posts {
            let name = post.consumer.name();
            if self.workers.contains_key(name) {
                continue;
            }
            let before = self.leaving.iter().rfind(|one| one.name == name);
            let before = before.map(|one| one.over.clone());
            let worker = Worker::new(self.store.clone(), Arc::clone(&self.house), Arc::clone(&post.consumer));
            let (stop, stopped) = watch::channel(false);
            let task = self.threads.spawn(async move {
                if let Some(mut before) = before {
                    // Two of one name would work the same.
                    let _ = before.changed().await;
                }
                worker.run(stopped).await;
            });
            self.workers.insert(name.to_owned(), Work { stop, task });
        }
    }

    /// Stops: nothing new begins, and what is being worked may end, for at most its own [`Patience::each`].
    ///
    /// [`Patience::each`]: crate::Patience::each
    pub async fn stop(mut self) {
        for work in self.workers.values() {
            work.stop.send_replace(true);
        }
        for work in self.workers.values_mut() {
            // One that panicked has stopped.
            let _ = (&mut work.task).await;
        }
        for one in &mut self.leaving {
            let _ = (&mut one.task).await;
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.workers.values().for_each(|work| work.task.abort());
        self.leaving.iter().for_each(|one| one.task.abort());
    }
}

impl House {
    /// What the consumer of this name works by now; `None`: it is gone.
    pub(crate) fn duty(&self, name: &str) -> Option<Duty> {
        let staff = self.staff();
        let place = staff.posts.iter().position(|post| post.consumer.name() == name)?;
        Some(Duty { staff, place })
    }

    fn staff(&self) -> Arc<Staff> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Duty {
    /// Who it is.
    pub(crate) fn consumer(&self) -> &Arc<dyn Consumer> {
        &self.staff.posts[self.place].consumer
    }

    /// Whether it works this delivery.
    pub(crate) fn concerns(&self, delivery: &Delivery) -> bool {
        self.staff.concerns(self.place, delivery)
    }
}

impl Staff {
    fn concerns(&self, place: usize, delivery: &Delivery) -> bool {
        let event = &delivery.event;
        let own = &self.posts[place].consumer;
        let wish = own.wish(event);
        let Event::Message(message) = event else {
            return wish != Wish::Pass;
        };
        let gets = |post: &&Post| post.after < delivery.id.event();
        let taken = || {
            let mut before = self.posts[..place].iter().filter(gets);
            before.any(|before| before.consumer.wish(event) == Wish::Take)
        };
        match wish {
            Wish::Pass => false,
            _ if taken() => false,
            Wish::Take => true,
            Wish::Copy => self.rules.give(own.name(), message, |name| {
                let named = self.posts.iter().filter(gets).find(|post| post.consumer.name() == name);
                named.is_some_and(|post| post.consumer.wish(event) != Wish::Pass)
            }),
        }
    }
}
