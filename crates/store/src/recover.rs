//! What a crash leaves behind.
//!
//! A part whose attempt is on record may have gone out or not: it becomes *uncertain*, and its message's rule is applied
//! after the waiting time, unless a report or the modem's memory tells before.
//!
//! A file that was [copied](crate::back_up) is older than what was done since: every part that waits there may have gone
//! out meanwhile, so it becomes uncertain, too; cursors that were given out since are never given out again.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::begins::{self, Run};
use crate::outgoing::{PartKey, journal, receipt};
use crate::{Config, backup, clock};

/// What `open` found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Parts that were with a modem when the gateway died; they are uncertain now.
    pub uncertain: Vec<PartKey>,
    /// Parts that were with a modem and had certainly not begun; they wait again.
    pub not_begun: u64,
    /// Until when reports are waited for before the rule of their messages is applied.
    pub until: Option<Timestamp>,
    /// Parts that wait.
    pub queued: u64,
    /// The file is a copy from before: so many parts that waited there are uncertain now.
    pub restored: Option<u64>,
}

/// Turns every attempt that was open into doubt, but for those that had not begun. The database is in `run` afterwards.
pub(crate) fn recover(conn: &mut Connection, path: &Path, config: &Config, run: &Run) -> rusqlite::Result<Recovered> {
    let now = clock::millis(clock::now());
    let until = now + i64::from(config.uncertain_wait_s) * 1000;
    let transaction = conn.transaction()?;
    let not_begun = queue_what_had_not_begun(&transaction, path)?;
    transaction.execute("UPDATE run SET id = ?1", [run])?;
    let parts: Vec<i64> = transaction
        .prepare("SELECT key FROM part WHERE rank IN (8, 9) ORDER BY key")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for part in &parts {
        transaction.execute(
            "INSERT INTO history (part, at, route, class, code, reason)
             SELECT key, ?2, route, 'uncertain', '', ?3 FROM part WHERE key = ?1",
            (part, now, STOPPED),
        )?;
        journal::doubt(&transaction, *part)?;
    }
    transaction.execute(
        "UPDATE part SET state = 2, rank = NULL, timer = ?1 WHERE rank IN (8, 9)",
        [until],
    )?;
    // Those that were uncertain before get the waiting time anew: reports may lie on the SIM that nobody read meanwhile.
    transaction.execute(
        "UPDATE part SET timer = ?1 WHERE state = 2 AND timer IS NOT NULL AND timer < ?1",
        [until],
    )?;
    // What waits for its part waits at least as long as they are uncertain.
    transaction.execute(
        "UPDATE receipt SET due = ?1 WHERE due IS NOT NULL",
        [now + receipt::wait_ms(config)],
    )?;
    let restored = match backup::is_marked(&transaction)? {
        true => Some(doubt_what_waits(&transaction, now, until)?),
        false => None,
    };
    let queued: u32 = transaction.query_row(
        "SELECT (SELECT count(*) FROM part WHERE rank BETWEEN 0 AND 3)
              + (SELECT count(*) FROM part WHERE state = 0 AND timer IS NOT NULL)",
        [],
        |row| row.get(0),
    )?;
    transaction.commit()?;
    Ok(Recovered {
        until: (!parts.is_empty()).then(|| clock::timestamp(until)),
        not_begun,
        uncertain: parts.into_iter().map(PartKey::of_row).collect(),
        queued: queued.into(),
        restored,
    })
}

/// Parts that were handed over ahead and have no mark never began: their attempt does not count, and they wait as before.
fn queue_what_had_not_begun(conn: &Connection, path: &Path) -> rusqlite::Result<u64> {
    // What began after a copy was made has its mark in no file of the copy's.
    if backup::is_marked(conn)? {
        return Ok(0);
    }
    let last: Run = conn.query_row("SELECT id FROM run", [], |row| row.get(0))?;
    let Some(begun) = begins::begun(path, &last) else {
        return Ok(0);
    };
    let ahead: Vec<i64> = conn
        .prepare("SELECT key FROM part WHERE rank = 8")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut queued = 0;
    for part in ahead.iter().filter(|part| !begun.contains(part)) {
        queued += conn.execute(
            "UPDATE part SET state = 0, attempts = max(attempts - 1, 0),
                attempted_at = CASE WHEN attempts <= 1 AND NOT maybe_twice THEN NULL ELSE attempted_at END,
                rank = 3 - min(3, (SELECT priority FROM message WHERE row = part.key >> 8)) WHERE key = ?1",
            [part],
        )?;
        // Its validity may have ended while it stood there: the sweep comes by again.
        conn.execute(
            "UPDATE total SET swept = min(swept, (SELECT expires_at - 1 FROM message WHERE row = ?1 >> 8)) WHERE row = 1",
            [part],
        )?;
    }
    Ok(queued as u64)
}

/// The file is a copy: what waits in it may have been sent since, but for what was not to be sent yet.
fn doubt_what_waits(conn: &Connection, now: i64, until: i64) -> rusqlite::Result<u64> {
    conn.execute(
        "INSERT INTO history (part, at, route, class, code, reason)
         SELECT key, ?1, route, 'uncertain', '', ?2 FROM part WHERE state = 0 AND NOT EXISTS
            (SELECT 1 FROM message WHERE row = part.key >> 8 AND send_at > ?1)",
        (now, RESTORED),
    )?;
    let doubted = conn.execute(
        "UPDATE part SET state = 2, rank = NULL, timer = ?2 WHERE state = 0 AND NOT EXISTS
            (SELECT 1 FROM message WHERE row = part.key >> 8 AND send_at > ?1)",
        (now, until),
    )?;
    conn.execute(
        "UPDATE total SET cursor = ?1 + max(cursor, (SELECT coalesce(max(cursor), 0) FROM inbound))",
        [CURSORS],
    )?;
    backup::unmark(conn)?;
    Ok(doubted as u64)
}

const RESTORED: &str = "it waited in a copy that was restored, and may have been sent since";
/// More cursors than can have been given out since a copy was made: a thousand pools of 256 modems in a day.
const CURSORS: i64 = 1_000_000_000;
const STOPPED: &str = "the gateway stopped while the modem had it";
