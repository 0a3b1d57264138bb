//! Bringing a database file to the layout this program knows.
//!
//! Each step is an SQL text; `user_version` counts the steps taken, and the table `migration` keeps the hash of each, so
//! that a file laid out by a build that differs is noticed. Before a file is changed, a copy is kept beside it
//! (`simrelay.db.layout-N`). All steps happen in one transaction: a crash leaves the old layout.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::fault::opening;
use crate::{OpenError, clock};

/// One step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All steps, in order.
pub(crate) const STEPS: &[Step] = &[Step {
    name: "first",
    sql: include_str!("schema/0001_first.sql"),
}];

/// Takes the steps that the file has not taken.
pub(crate) fn migrate(conn: &Connection, path: &Path, steps: &[Step]) -> Result<(), OpenError> {
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let found: u32 = conn
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|fault| opening(path, fault))?;
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let taken = usize::try_from(found).unwrap_or(usize::MAX).min(steps.len());
    check(conn, path, &steps[..taken])?;
    if found == known {
        return Ok(());
    }
    if found > 0 {
        copy(conn, path, found)?;
    }
    take(conn, steps, taken).map_err(|fault| opening(path, fault))
}

/// Compares the steps the file has taken with ours.
fn check(conn: &Connection, path: &Path, taken: &[Step]) -> Result<(), OpenError> {
    for (version, step) in (1u32..).zip(taken) {
        let kept: Result<Vec<u8>, _> =
            conn.query_row("SELECT checksum FROM migration WHERE version = ?1", [version], |row| {
                row.get(0)
            });
        match kept {
            Ok(kept) if kept == checksum(step) => {}
            Ok(_) | Err(rusqlite::Error::QueryReturnedNoRows) => {
                return Err(OpenError::Altered {
                    path: path.to_owned(),
                    version,
                });
            }
            Err(fault) => return Err(opening(path, fault)),
        }
    }
    Ok(())
}

/// Keeps the file as it was. A copy of the same layout that exists already is older still, and stays.
fn copy(conn: &Connection, path: &Path, found: u32) -> Result<(), OpenError> {
    let copy = copy_path(path, found);
    if copy.exists() {
        return Ok(());
    }
    let name = copy.to_string_lossy().into_owned();
    conn.execute("VACUUM INTO ?1", [name])
        .map_err(|fault| opening(path, fault))?;
    Ok(())
}

fn copy_path(path: &Path, layout: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".layout-{layout}"));
    PathBuf::from(name)
}

fn take(conn: &Connection, steps: &[Step], taken: usize) -> rusqlite::Result<()> {
    let transaction = conn.unchecked_transaction()?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration
         (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, at INTEGER NOT NULL) STRICT",
    )?;
    for (version, step) in (1i64..).zip(steps).skip(taken) {
        transaction.execute_batch(step.sql)?;
        transaction.execute(
            "INSERT INTO migration VALUES (?1, ?2, ?3, ?4)",
            (version, step.name, checksum(step), clock::millis(clock::now())),
        )?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()
}

fn checksum(step: &Step) -> Vec<u8> {
    Sha256::digest(step.sql.as_bytes()).to_vec()
}
