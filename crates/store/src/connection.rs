//! How connections are opened.
//!
//! Everything lies in one file, `simrelay.db`, with its write-ahead log `simrelay.db-wal` beside it. A commit is
//! appended to the log and synced (`synchronous=FULL`) before anybody hears of it, so it survives a power cut; a
//! transaction that was not committed leaves no trace. The log is carried over into the file every [`AUTO_CHECKPOINT`]
//! pages and whenever the gateway has nothing to do; a clean stop leaves the log empty.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::Config;

/// The one connection that writes. A file that is made here is readable by this user only: it holds what the messages
/// say.
pub(crate) fn writing(path: &Path, config: &Config) -> rusqlite::Result<Connection> {
    // Where this fails the next line says why.
    drop(private(OpenOptions::new().create(true).truncate(false), path));
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(Duration::from_millis(config.busy_wait_ms.into()))?;
    conn.pragma_update(None, "page_size", PAGE)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "cache_size", WRITER_CACHE)?;
    conn.pragma_update(None, "wal_autocheckpoint", AUTO_CHECKPOINT)?;
    conn.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    conn.pragma_update(None, "secure_delete", "fast")?;
    limit(&conn, config)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

fn private(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    options.write(true).mode(0o600).open(path)
}

/// A connection that only reads.
pub(crate) fn reading(path: &Path, config: &Config) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_millis(config.busy_wait_ms.into()))?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "cache_size", READER_CACHE)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Gives the log its working size at start, so that the first commits need not grow it: writing into a file that has its
/// size spares the file system a commit of its own journal at every sync. Where there is no room for that, it stays small.
pub(crate) fn warm(conn: &Connection, config: &Config) {
    let quota = i64::try_from(config.max_size).unwrap_or(i64::MAX);
    let size = match quota {
        0 => AUTO_CHECKPOINT * PAGE,
        quota => (AUTO_CHECKPOINT * PAGE).min(quota / 8),
    };
    // With little room for pages they go to the log as they are made, and not by way of memory.
    let filled = conn
        .pragma_update(None, "cache_size", WARMING_CACHE)
        .and_then(|()| conn.execute("UPDATE probe SET filler = zeroblob(?1)", [size]))
        .and_then(|_| conn.execute("UPDATE probe SET filler = NULL", []))
        .and_then(|_| conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(0)))
        .and_then(|_| conn.pragma_update(None, "cache_size", WRITER_CACHE));
    if let Err(trouble) = filled {
        tracing::warn!(%trouble, "the log could not be given its working size");
    }
}

/// Carries the log over into the file, as far as no reader needs it, and waits for nobody; `empty`: also overwrites what
/// it held. Gives whether all of it was done.
pub(crate) fn carry_over(conn: &Connection, config: &Config, empty: bool) -> rusqlite::Result<bool> {
    conn.busy_timeout(Duration::ZERO)?;
    let sql = match empty {
        true => "PRAGMA wal_checkpoint(TRUNCATE)",
        false => "PRAGMA wal_checkpoint(PASSIVE)",
    };
    let busy = conn.query_row(sql, [], |row| row.get::<_, bool>(0));
    conn.busy_timeout(Duration::from_millis(config.busy_wait_ms.into()))?;
    busy.map(|busy| !busy)
}

/// Applies the quota. A file that is larger already keeps its size and grows no more.
fn limit(conn: &Connection, config: &Config) -> rusqlite::Result<()> {
    let pages = match config.max_size {
        0 => MOST_PAGES,
        octets => i64::try_from(octets).unwrap_or(i64::MAX).div_euclid(PAGE).max(1),
    };
    conn.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Octets a page.
const PAGE: i64 = 4096;
/// What SQLite allows at most.
const MOST_PAGES: i64 = 0xffff_fffe;
/// Negative: KiB. The working set of the hot path is a few hundred pages.
const WRITER_CACHE: i64 = -1024;
/// Negative: KiB.
const READER_CACHE: i64 = -256;
/// Negative: KiB.
const WARMING_CACHE: i64 = -128;
/// Pages in the log before a commit carries them over. Larger means fewer syncs of the file, and more pages that are
/// carried over once instead of many times.
const AUTO_CHECKPOINT: i64 = 1000;
/// Octets the log keeps after a reset. Writing into a log that has its size already spares the file system a journal
/// commit per sync.
const LOG_LIMIT: i64 = 32 << 20;
/// More than there are statements, so that each is prepared once.
const STATEMENTS: usize = 256;
