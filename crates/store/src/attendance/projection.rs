//! The states as a database file of their own, for the query program of the protocol's first version.
//!
//! The file holds nothing that is not in the store, so it is not synced, and is made anew as a whole: whoever reads it
//! sees the one before or this one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::reader::Glance;
use crate::store::start;
use crate::{Error, Store};

/// Why the file was not made. The store is well all the same, but for the first.
#[derive(Debug, Error)]
pub enum ProjectionError {
    /// The states cannot be read.
    #[error(transparent)]
    Store(#[from] Error),
    /// The file cannot be written.
    #[error("{} cannot be written: {reason}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl Store {
    /// Makes the file anew: `attendance(source_address, status, time)`, numbers without a plus. Makings take turns, also
    /// with one that nobody waits for any more.
    ///
    /// The file may lie anywhere, so it is written by a thread of its own: a disk that does not answer holds up nobody
    /// else's question, nor the end of the program.
    ///
    /// # Errors
    /// The file cannot be written; what was there before stays.
    pub async fn attendance_projection(&self, file: &Path) -> Result<(), ProjectionError> {
        let turn = Arc::clone(&self.shared().projecting).lock_owned().await;
        let rows = self.read(|glance| rows(glance)).await?;
        let (reply, written) = oneshot::channel();
        let place = file.to_owned();
        let started = start("projection", move || {
            drop(reply.send(write(&place, &rows)));
            drop(turn);
        });
        let done = match started {
            Ok(()) => written.await.unwrap_or_else(|_| Err("its thread ended".to_owned())),
            Err(trouble) => Err(trouble.to_string()),
        };
        done.map_err(|reason| ProjectionError::File {
            file: file.to_owned(),
            reason,
        })
    }
}

/// Address, status, time.
type Row = (String, String, String);

/// Oldest first: of two forms of one number the younger word stays.
fn rows(glance: &Glance<'_>) -> rusqlite::Result<Vec<Row>> {
    glance
        .conn
        .prepare_cached(
            "SELECT ltrim(s.sender, '+'), s.status, s.time
             FROM attendance_state s JOIN attendance_event e ON e.row = s.event ORDER BY e.received_at, s.sender",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

fn write(file: &Path, rows: &[Row]) -> Result<(), String> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    match fs::remove_file(&fresh) {
        Err(trouble) if trouble.kind() != io::ErrorKind::NotFound => return Err(trouble.to_string()),
        _ => {}
    }
    fill(&fresh, rows).map_err(|trouble| trouble.to_string())?;
    fs::rename(&fresh, file).map_err(|trouble| trouble.to_string())
}

fn fill(file: &Path, rows: &[Row]) -> rusqlite::Result<()> {
    let mut conn = Connection::open(file)?;
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
         CREATE TABLE IF NOT EXISTS attendance (source_address TEXT PRIMARY KEY, status TEXT, time TEXT)",
    )?;
    let transaction = conn.transaction()?;
    let mut insert = transaction.prepare("INSERT OR REPLACE INTO attendance VALUES (?1, ?2, ?3)")?;
    for row in rows {
        insert.execute((&row.0, &row.1, &row.2))?;
    }
    drop(insert);
    transaction.commit()?;
    conn.close().map_err(|(_, trouble)| trouble)
}
