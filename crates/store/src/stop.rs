//! Numbers that want nothing more. Asked for every message, so the list is in memory as well as on disk; the one in
//! memory changes with the commits, in their order.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use rusqlite::Connection;

use message::{Committed, Number};

use crate::clock::{millis, timestamp};
use crate::outgoing::row::number;
use crate::{Error, Store};

/// The list as committed.
#[derive(Debug, Default)]
pub(crate) struct StopList(RwLock<HashMap<Number, Timestamp>>);

/// A change of the list: since when a number is on it; `None`: it is not any more.
#[derive(Debug, Clone)]
pub(crate) struct StopChange {
    number: Number,
    since: Option<Timestamp>,
}

impl Store {
    /// Puts a number on the STOP list; one that is on it keeps its time.
    pub async fn stop_add(&self, number: &Number, at: Timestamp) -> Result<Committed<()>, Error> {
        let number = number.clone();
        self.write(move |desk| {
            desk.conn
                .prepare_cached("INSERT OR IGNORE INTO stop (number, at) VALUES (?1, ?2)")?
                .execute((number.to_string(), millis(at)))?;
            desk.memory.stops.push(StopChange {
                number: number.clone(),
                since: Some(at),
            });
            Ok(())
        })
        .await
    }

    /// Takes a number off the STOP list; whether it was on it.
    pub async fn stop_remove(&self, number: &Number) -> Result<Committed<bool>, Error> {
        let number = number.clone();
        self.write(move |desk| {
            let removed = desk
                .conn
                .prepare_cached("DELETE FROM stop WHERE number = ?1")?
                .execute([number.to_string()])?;
            desk.memory.stops.push(StopChange {
                number: number.clone(),
                since: None,
            });
            Ok(removed > 0)
        })
        .await
    }

    /// Whether a number is on the STOP list. Answered from memory.
    pub fn stopped(&self, number: &Number) -> bool {
        let list = &self.shared().stopped.0;
        list.read().unwrap_or_else(PoisonError::into_inner).contains_key(number)
    }

    /// The STOP list, with the time each number came onto it, oldest first.
    pub async fn stop_list(&self) -> Result<Vec<(Number, Timestamp)>, Error> {
        let mut list: Vec<_> = {
            let stopped = self.shared().stopped.0.read().unwrap_or_else(PoisonError::into_inner);
            stopped.iter().map(|(number, at)| (number.clone(), *at)).collect()
        };
        list.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        Ok(list)
    }
}

impl StopList {
    /// Reads the list.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let list = conn
            .prepare("SELECT number, at FROM stop")?
            .query_map([], |row| Ok((number(row, 0)?, timestamp(row.get(1)?))))?
            .collect::<Result<_, _>>()?;
        Ok(Self(RwLock::new(list)))
    }

    /// Takes over what was committed.
    pub(crate) fn apply(&self, changes: &mut Vec<StopChange>) {
        if changes.is_empty() {
            return;
        }
        let mut list = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes.drain(..) {
            match change.since {
                Some(since) => _ = list.entry(change.number).or_insert(since),
                None => _ = list.remove(&change.number),
            }
        }
    }
}
