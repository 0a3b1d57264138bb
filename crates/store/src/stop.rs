//! Numbers that want nothing more. Asked for every message, so the list is in memory as well as on disk.

use std::collections::HashMap;
use std::sync::PoisonError;

use jiff::Timestamp;
use rusqlite::Connection;

use message::{Committed, Number};

use crate::clock::{millis, timestamp};
use crate::outgoing::row::number;
use crate::{Error, Store};

impl Store {
    /// Puts a number on the STOP list; one that is on it keeps its time.
    pub async fn stop_add(&self, number: &Number, at: Timestamp) -> Result<Committed<()>, Error> {
        let entry = number.clone();
        let kept = self
            .write(move |desk| {
                desk.conn
                    .prepare_cached("INSERT OR IGNORE INTO stop (number, at) VALUES (?1, ?2)")?
                    .execute((entry.to_string(), millis(at)))
                    .map(|_| ())
            })
            .await?;
        let mut stopped = self.shared().stopped.write().unwrap_or_else(PoisonError::into_inner);
        stopped.entry(number.clone()).or_insert(at);
        Ok(kept)
    }

    /// Takes a number off the STOP list; whether it was on it.
    pub async fn stop_remove(&self, number: &Number) -> Result<Committed<bool>, Error> {
        let entry = number.to_string();
        let kept = self
            .write(move |desk| {
                desk.conn
                    .prepare_cached("DELETE FROM stop WHERE number = ?1")?
                    .execute([&entry])
                    .map(|rows| rows > 0)
            })
            .await?;
        let mut stopped = self.shared().stopped.write().unwrap_or_else(PoisonError::into_inner);
        stopped.remove(number);
        Ok(kept)
    }

    /// Whether a number is on the STOP list. Answered from memory.
    pub fn stopped(&self, number: &Number) -> bool {
        let stopped = self.shared().stopped.read().unwrap_or_else(PoisonError::into_inner);
        stopped.contains_key(number)
    }

    /// The STOP list, with the time each number came onto it, oldest first.
    pub async fn stop_list(&self) -> Result<Vec<(Number, Timestamp)>, Error> {
        let mut list: Vec<_> = {
            let stopped = self.shared().stopped.read().unwrap_or_else(PoisonError::into_inner);
            stopped.iter().map(|(number, at)| (number.clone(), *at)).collect()
        };
        list.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        Ok(list)
    }
}

/// Reads the list.
pub(crate) fn load(conn: &Connection) -> rusqlite::Result<HashMap<Number, Timestamp>> {
    conn.prepare("SELECT number, at FROM stop")?
        .query_map([], |row| Ok((number(row, 0)?, timestamp(row.get(1)?))))?
        .collect()
}
