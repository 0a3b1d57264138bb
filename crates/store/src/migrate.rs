//! Bringing a database file to the layout this program knows.
//!
//! Each step is an SQL text; `user_version` counts the steps taken, and the table `migration` keeps the hash of each, so
//! that a file laid out by a build that differs is noticed. Before a file is changed, a copy is kept beside it
//! (`simrelay.db.layout-N`); those of the last two upgrades stay. All steps happen in one transaction: a crash leaves the
//! old layout.

#[cfg(test)]
mod upgrade_test;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::backup::{self, beside};
use crate::fault::opening;
use crate::{CopyError, OpenError, clock};

/// One step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All steps, in order.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "first",
        sql: include_str!("schema/0001_first.sql"),
    },
    Step {
        name: "given_up",
        sql: include_str!("schema/0002_given_up.sql"),
    },
    Step {
        name: "attendance",
        sql: include_str!("schema/0003_attendance.sql"),
    },
    Step {
        name: "alerts",
        sql: include_str!("schema/0004_alerts.sql"),
    },
    Step {
        name: "attendance_skew",
        sql: include_str!("schema/0005_attendance_skew.sql"),
    },
    Step {
        name: "journal",
        sql: include_str!("schema/0006_journal.sql"),
    },
    Step {
        name: "journal_doubt",
        sql: include_str!("schema/0007_journal_doubt.sql"),
    },
    Step {
        name: "mail",
        sql: include_str!("schema/0008_mail.sql"),
    },
    Step {
        name: "alert_problems",
        sql: include_str!("schema/0009_alert_problems.sql"),
    },
    Step {
        name: "event_age",
        sql: include_str!("schema/0010_event_age.sql"),
    },
    Step {
        name: "attendance_taken",
        sql: include_str!("schema/0011_attendance_taken.sql"),
    },
    Step {
        name: "attendance_frames",
        sql: include_str!("schema/0012_attendance_frames.sql"),
    },
    Step {
        name: "reception",
        sql: include_str!("schema/0013_reception.sql"),
    },
    Step {
        name: "route_total",
        sql: include_str!("schema/0014_route_total.sql"),
    },
    Step {
        name: "care",
        sql: include_str!("schema/0015_care.sql"),
    },
    Step {
        name: "audit",
        sql: include_str!("schema/0016_audit.sql"),
    },
    Step {
        name: "upstreams",
        sql: include_str!("schema/0017_upstreams.sql"),
    },
    Step {
        name: "clock",
        sql: include_str!("schema/0018_clock.sql"),
    },
    Step {
        name: "route_failure",
        sql: include_str!("schema/0019_route_failure.sql"),
    },
    Step {
        name: "ports",
        sql: include_str!("schema/0020_ports.sql"),
    },
    Step {
        name: "run",
        sql: include_str!("schema/0021_run.sql"),
    },
    Step {
        name: "price",
        sql: include_str!("schema/0022_price.sql"),
    },
    Step {
        name: "waiting",
        sql: include_str!("schema/0023_waiting.sql"),
    },
];

/// The layout this program works with.
pub(crate) const NEWEST: u32 = STEPS.len() as u32;

/// The layout of a file that this program can read or bring up to date.
pub(crate) fn readable(conn: &Connection, path: &Path) -> Result<u32, OpenError> {
    let found = version(conn, path, STEPS)?;
    if found == 0 {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    check(conn, path, &STEPS[..usize::try_from(found).unwrap_or(STEPS.len())])?;
    Ok(found)
}

/// Refuses a file that has not the newest layout.
pub(crate) fn newest(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    match readable(conn, path)? {
        NEWEST => Ok(()),
        found => Err(OpenError::Older {
            path: path.to_owned(),
            found,
            known: NEWEST,
        }),
    }
}

/// How many steps the file has taken.
fn version(conn: &Connection, path: &Path, steps: &[Step]) -> Result<u32, OpenError> {
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
    Ok(found)
}

/// Takes the steps that the file has not taken.
pub(crate) fn migrate(conn: &Connection, path: &Path, steps: &[Step]) -> Result<(), OpenError> {
    let found = version(conn, path, steps)?;
    let taken = usize::try_from(found).unwrap_or(usize::MAX);
    check(conn, path, &steps[..taken])?;
    if taken == steps.len() {
        return Ok(());
    }
    if found > 0 {
        copy(conn, path, found)?;
    }
    take(conn, steps, taken).map_err(|fault| opening(path, fault))?;
    forget_old_copies(path);
    Ok(())
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

/// Keeps the file as it was, and leaves room for as much again, since the steps may write all of it anew. An older copy of
/// the same layout is replaced: somebody went back to it, and on from there.
fn copy(conn: &Connection, path: &Path, found: u32) -> Result<(), OpenError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let kept = backup::draft(conn, folder)
        .and_then(|draft| {
            backup::room(conn, folder)?;
            backup::settle(draft, &copy_path(path, found), true)
        })
        .map_err(|error| match error {
            CopyError::Source(error) => error,
            error => OpenError::NotCopied {
                path: path.to_owned(),
                error: Box::new(error),
            },
        });
    if kept.is_ok() {
        tracing::info!(copy = %copy_path(path, found).display(), "the database gets a new layout; a copy is kept");
    }
    kept
}

fn copy_path(path: &Path, layout: u32) -> PathBuf {
    beside(path, &format!(".layout-{layout}"))
}

/// Removes the copies of all upgrades but the last [`COPIES`].
fn forget_old_copies(path: &Path) {
    let kept = (1..NEWEST).rev().map(|layout| copy_path(path, layout));
    for old in kept.filter(|copy| copy.exists()).skip(COPIES) {
        match std::fs::remove_file(&old) {
            Ok(()) => tracing::info!(copy = %old.display(), "the copy of an earlier upgrade is removed"),
            Err(trouble) => tracing::warn!(copy = %old.display(), %trouble, "an old copy cannot be removed"),
        }
    }
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

/// Upgrades whose copies stay.
const COPIES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Step] = &[
        Step {
            name: "first",
            sql: "CREATE TABLE thing (name TEXT) STRICT; INSERT INTO thing VALUES ('old');",
        },
        Step {
            name: "second",
            sql: "ALTER TABLE thing ADD COLUMN colour TEXT;",
        },
    ];

    fn open(folder: &tempfile::TempDir) -> (Connection, PathBuf) {
        let path = folder.path().join("simrelay.db");
        (Connection::open(&path).expect("opens"), path)
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn layout(conn: &Connection) -> u32 {
        conn.query_row("PRAGMA user_version", [], |row| row.get(0))
            .expect("read")
    }

    #[test]
    fn a_new_file_takes_every_step_and_no_copy_is_made() {
        let folder = folder();
        let (conn, path) = open(&folder);
        migrate(&conn, &path, TWO).expect("taken");
        migrate(&conn, &path, TWO).expect("nothing to do");
        assert_eq!(layout(&conn), 2);
        assert!(!copy_path(&path, 1).exists());
    }

    #[test]
    fn an_old_file_keeps_its_rows_and_a_copy_of_itself() {
        let folder = folder();
        let (conn, path) = open(&folder);
        migrate(&conn, &path, &TWO[..1]).expect("taken");
        migrate(&conn, &path, TWO).expect("taken");
        let name: String = conn
            .query_row("SELECT name FROM thing WHERE colour IS NULL", [], |row| row.get(0))
            .expect("kept");
        assert_eq!(name, "old");
        let copy = Connection::open(copy_path(&path, 1)).expect("opens");
        assert_eq!(layout(&copy), 1);
        migrate(&copy, &copy_path(&path, 1), &TWO[..1]).expect("the old program still takes it");
    }

    #[test]
    fn a_newer_file_is_refused_and_says_what_to_do() {
        let folder = folder();
        let (conn, path) = open(&folder);
        migrate(&conn, &path, TWO).expect("taken");
        let refused = migrate(&conn, &path, &TWO[..1]).expect_err("newer");
        assert!(matches!(refused, OpenError::Newer { found: 2, known: 1, .. }));
        assert!(refused.to_string().contains("written by a newer simrelay"), "{refused}");
    }

    #[test]
    fn a_file_of_another_build_is_refused() {
        let folder = folder();
        let (conn, path) = open(&folder);
        migrate(&conn, &path, &TWO[..1]).expect("taken");
        let other = [
            Step {
                name: "first",
                sql: "CREATE TABLE thing (title TEXT) STRICT;",
            },
            TWO[1],
        ];
        let refused = migrate(&conn, &path, &other).expect_err("differs");
        assert!(matches!(refused, OpenError::Altered { version: 1, .. }));
        assert_eq!(layout(&conn), 1);
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_layout() {
        let folder = folder();
        let (conn, path) = open(&folder);
        migrate(&conn, &path, &TWO[..1]).expect("taken");
        let broken = [
            TWO[0],
            Step {
                name: "second",
                sql: "ALTER TABLE thing ADD COLUMN colour TEXT; ALTER TABLE nothing ADD COLUMN colour TEXT;",
            },
        ];
        assert!(migrate(&conn, &path, &broken).is_err());
        assert_eq!(layout(&conn), 1);
        assert!(conn.prepare("SELECT colour FROM thing").is_err());
        migrate(&conn, &path, TWO).expect("the next build goes on");
    }

    #[test]
    fn the_layout_of_this_program_is_sound() {
        let folder = folder();
        let (conn, path) = open(&folder);
        migrate(&conn, &path, STEPS).expect("taken");
        let word: String = conn
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("checked");
        assert_eq!(word, "ok");
    }
}
