//! Parts of one message that an application submits one by one: they leave from one SIM, since a phone joins only parts that
//! have the same sender.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use message::RouteId;

/// The messages of an account that have begun.
#[derive(Debug, Default)]
pub(crate) struct Trains(Mutex<HashMap<Key, Train>>);

/// What the parts of a message share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) to: String,
    pub(crate) source: String,
    pub(crate) reference: u16,
    pub(crate) total: u8,
}

#[derive(Debug)]
struct Train {
    sim: RouteId,
    since: Instant,
}

impl Trains {
    /// The SIM that the parts before went to.
    pub(crate) fn sim(&self, key: &Key, now: Instant) -> Option<RouteId> {
        let trains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let train = trains
            .get(key)
            .filter(|train| now.duration_since(train.since) < LASTS)?;
        Some(train.sim.clone())
    }

    /// The message begins on this SIM, or goes on with the one that another part began it on meanwhile.
    pub(crate) fn begin(&self, key: Key, sim: RouteId, now: Instant) -> RouteId {
        let mut trains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trains.len() >= MOST {
            trains.retain(|_, train| now.duration_since(train.since) < LASTS);
        }
        if trains.len() >= MOST {
            // More at a time than anybody has: the others go where the router sends them.
            return sim;
        }
        let train = trains.entry(key).or_insert_with(|| Train {
            sim: sim.clone(),
            since: now,
        });
        if now.duration_since(train.since) >= LASTS {
            *train = Train { sim, since: now };
        }
        train.sim.clone()
    }
}

/// How long parts are taken for those of one message; references are used again.
const LASTS: Duration = Duration::from_secs(300);
/// How many messages may have begun at a time.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(reference: u16) -> Key {
        Key {
            to: "+491711234567".into(),
            source: String::new(),
            reference,
            total: 3,
        }
    }

    #[test]
    fn the_parts_of_a_message_go_where_its_first_one_went() {
        let trains = Trains::default();
        let now = Instant::now();
        assert_eq!(trains.sim(&key(1), now), None);
        let [one, two] = ["sim1", "sim2"].map(RouteId::new);
        assert_eq!(trains.begin(key(1), one.clone(), now), one);
        assert_eq!(
            trains.begin(key(1), two.clone(), now),
            one,
            "two parts at the same time"
        );
        assert_eq!(trains.sim(&key(1), now), Some(one));
        assert_eq!(trains.sim(&key(2), now), None);
        let later = now + LASTS;
        assert_eq!(trains.sim(&key(1), later), None, "the reference is used again");
        assert_eq!(trains.begin(key(1), two.clone(), later), two);
    }

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let trains = Trains::default();
        let now = Instant::now();
        let sim = RouteId::new("sim1");
        for reference in 0..=u16::MAX {
            trains.begin(key(reference), sim.clone(), now);
        }
        assert_eq!(trains.0.lock().unwrap().len(), MOST);
        trains.begin(key(1), sim, now + LASTS);
        assert_eq!(trains.0.lock().unwrap().len(), 1);
    }
}
