//! Reading the chain, without a gateway or beside one.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use message::{MessageId, Number};

use super::chain::{Line, hex, newest, values};
use super::walk::Check;
use crate::clock::{millis, timestamp};
use crate::fault::opening;
use crate::store::DATABASE_FILE;
use crate::{Config, OpenError, connection, migrate};

/// An entry as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// Its number in the log.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// By whom; absent: the gateway itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Which message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Over which SIM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sim: Option<String>,
    /// What else is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<String>,
    /// Whom it concerns: a number, its hash, or `erased`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// Where the chain ends: noted elsewhere, it shows later that nothing was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditHead {
    /// The last entry's number; 0: there is none.
    pub entry: u64,
    /// The hash of its row.
    pub hash: String,
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditVerdict {
    /// Entries there are.
    pub entries: u64,
    /// The number of the first: those before it were removed when they were old enough.
    pub first: u64,
    /// Entries whose number was erased.
    pub erased: u64,
    /// Where the chain ends.
    pub head: AuditHead,
    /// What is wrong, in sentences that name the entries; empty: nothing.
    pub faults: Vec<String>,
}

/// Looks at the whole log of a data folder, also while a gateway works on it. `expected` is an end of the chain that
/// was noted before. Blocks for as long as reading it takes.
///
/// # Errors
/// The database cannot be read.
pub fn audit_verify(folder: &Path, expected: Option<&AuditHead>) -> Result<AuditVerdict, OpenError> {
    let path = folder.join(DATABASE_FILE);
    let conn = open(&path)?;
    Check::run(&conn, expected).map_err(|trouble| opening(&path, trouble))
}

/// Shows the entries of a data folder since a time, of one number where one is given, oldest first, until `show` says
/// that it is enough.
///
/// # Errors
/// The database cannot be read.
pub fn audit_read(
    folder: &Path,
    since: Option<Timestamp>,
    number: Option<&Number>,
    mut show: impl FnMut(AuditLine) -> bool,
) -> Result<(), OpenError> {
    let path = folder.join(DATABASE_FILE);
    let conn = open(&path)?;
    let since = since.map_or(i64::MIN, millis);
    let mut read = || -> rusqlite::Result<()> {
        let wanted = number.map(|number| values(&conn, number)).transpose()?;
        let mut statement = conn.prepare("SELECT body, private FROM audit WHERE first >= ?1 ORDER BY first")?;
        let mut rows = statement.query([beginning(&conn, since)?])?;
        while let Some(row) = rows.next()? {
            let (body, private): (String, String) = (row.get(0)?, row.get(1)?);
            for (line, sealed) in body.lines().zip(private.lines()) {
                let Ok(line) = serde_json::from_str::<Line<'_>>(line) else {
                    continue;
                };
                let value = sealed.split_once(' ').map(|(_, value)| value);
                let fits = |wanted: &[String; 2]| value.is_some_and(|value| wanted.iter().any(|one| one == value));
                if line.at >= since && wanted.as_ref().is_none_or(fits) && !show(shown(line, sealed)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    read().map_err(|trouble| opening(&path, trouble))
}

/// The row from which on there may be entries since a time. No hash covers the column `at`, so it may point too far back and
/// is not believed otherwise: what stands before is included for as long as its entries themselves are not older.
fn beginning(conn: &Connection, since: i64) -> rusqlite::Result<i64> {
    let said: Option<i64> = conn.query_row("SELECT min(first) FROM audit WHERE at >= ?1", [since], |row| row.get(0))?;
    let mut beginning = said.unwrap_or(i64::MAX);
    let mut statement = conn.prepare("SELECT first, body FROM audit WHERE first < ?1 ORDER BY first DESC")?;
    let mut rows = statement.query([beginning])?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(1)?;
        if newest(&body).is_some_and(|at| at < since) {
            break;
        }
        beginning = row.get(0)?;
    }
    Ok(beginning)
}

/// Where the chain ends.
pub(super) fn head(conn: &Connection) -> rusqlite::Result<AuditHead> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let last: Option<(i64, Vec<u8>)> = conn
        .query_row(
            "SELECT first + entries, hash FROM audit ORDER BY first DESC LIMIT 1",
            [],
            read,
        )
        .optional()?;
    let (next, hash) = match last {
        Some(last) => last,
        None => conn.query_row("SELECT next, hash FROM audit_anchor", [], read)?,
    };
    Ok(AuditHead {
        entry: next.unsigned_abs().saturating_sub(1),
        hash: hex(&hash),
    })
}

fn open(path: &Path) -> Result<Connection, OpenError> {
    if let Err(source) = std::fs::metadata(path) {
        let path = path.to_owned();
        return Err(OpenError::Folder { path, source });
    }
    let conn = connection::reading(path, &Config::default()).map_err(|trouble| opening(path, trouble))?;
    migrate::newest(&conn, path)?;
    Ok(conn)
}

fn shown(line: Line<'_>, sealed: &str) -> AuditLine {
    let number = line.veil.as_ref().map(|_| match sealed.split_once(' ') {
        Some((_, value)) => value.to_owned(),
        None => "erased".to_owned(),
    });
    AuditLine {
        n: line.n,
        at: timestamp(line.at),
        what: line.what.into_owned(),
        token: line.token.map(Into::into),
        message: line.message,
        sim: line.sim.map(Into::into),
        facts: line.facts.map(Into::into),
        number,
    }
}
