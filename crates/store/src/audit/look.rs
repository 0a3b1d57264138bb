//! Reading the chain, without a gateway or beside one.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use message::{MessageId, Number};

use super::chain::{Hash, Line, TRIMMED, as_hash, hex, link, newest, trimmed, values, veil};
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

/// A walk along the chain.
struct Check {
    /// The number the next entry must have, and the hash before it.
    next: u64,
    hash: Hash,
    /// What an entry must say of the beginning, where it is not the first there ever was.
    beginning: Option<String>,
    /// Whether the row before is missing, so that the next one's hash says nothing.
    torn: bool,
    entries: u64,
    erased: u64,
    faults: Vec<String>,
    met: bool,
}

impl Check {
    fn run(conn: &Connection, expected: Option<&AuditHead>) -> rusqlite::Result<AuditVerdict> {
        let moment = conn.unchecked_transaction()?;
        let (next, hash): (i64, Vec<u8>) = moment.query_row("SELECT next, hash FROM audit_anchor", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let (first, hash) = (next.unsigned_abs(), as_hash(&hash));
        let mut check = Self {
            next: first,
            hash,
            beginning: (first > 1).then(|| trimmed(first, &hash)),
            torn: false,
            entries: 0,
            erased: 0,
            faults: Vec::new(),
            met: expected.is_none_or(|head| head.entry + 1 == first && head.hash == hex(&hash)),
        };
        let mut statement = moment.prepare("SELECT first, entries, body, private, hash FROM audit ORDER BY first")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (first, entries): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (body, private): (String, String) = (row.get(2)?, row.get(3)?);
            let hash: Vec<u8> = row.get(4)?;
            check.row(first.unsigned_abs(), entries.unsigned_abs(), &body, &hash);
            check.lines(first.unsigned_abs(), &body, &private);
            check.met |= expected.is_some_and(|head| head.entry + 1 == check.next && head.hash == hex(&check.hash));
        }
        if let Some(words) = &check.beginning {
            check.faults.push(format!(
                "no entry says that {words}: what stood before was removed by hand"
            ));
        }
        if let Some(head) = expected.filter(|_| !check.met) {
            check.faults.push(format!(
                "entry {} with hash {} is not in it: the log was cut off, or is another one",
                head.entry, head.hash
            ));
        }
        Ok(AuditVerdict {
            entries: check.entries,
            first,
            erased: check.erased,
            head: AuditHead {
                entry: check.next.saturating_sub(1),
                hash: hex(&check.hash),
            },
            faults: check.faults,
        })
    }

    /// Looks at a row against the one before.
    fn row(&mut self, first: u64, entries: u64, body: &str, hash: &[u8]) {
        self.torn = first != self.next;
        if first > self.next {
            self.faults.push(format!("{} missing", named(self.next, first)));
        } else if first < self.next {
            self.faults.push(format!("entry {first} is there twice"));
        }
        let end = first.saturating_add(entries);
        let right = link(&self.hash, first, body);
        if !self.torn && right != hash {
            self.faults
                .push(format!("{} changed, moved or exchanged", named(first, end)));
        }
        self.next = end;
        // What is no hash at all says nothing of the next row.
        self.hash = hash.try_into().unwrap_or(right);
    }

    /// Looks at the entries of a row.
    fn lines(&mut self, first: u64, body: &str, private: &str) {
        let mut sealed = private.lines();
        for (n, line) in (first..).zip(body.lines()) {
            self.entries += 1;
            let sealed = sealed.next();
            let Ok(line) = serde_json::from_str::<Line<'_>>(line) else {
                self.faults.push(format!("entry {n} cannot be read"));
                continue;
            };
            if line.n != n {
                self.faults.push(format!("entry {n} says that it is entry {}", line.n));
            }
            if line.what == TRIMMED && line.facts.as_deref() == self.beginning.as_deref() {
                self.beginning = None;
            }
            match (&line.veil, sealed) {
                (None, Some("")) => {}
                (Some(_), Some("")) => self.erased += 1,
                (Some(kept), Some(sealed))
                    if sealed
                        .split_once(' ')
                        .is_some_and(|(salt, value)| veil(salt, value) == *kept) => {}
                _ => self.faults.push(format!("the number of entry {n} was changed")),
            }
        }
        if self.next != first.saturating_add(body.lines().count() as u64) {
            self.faults
                .push(format!("{} not as many as said", named(first, self.next)));
        }
    }
}

/// Entries from one to before another, with a verb.
fn named(first: u64, end: u64) -> String {
    match end.saturating_sub(first) {
        0 | 1 => format!("entry {first} is"),
        _ => format!("entries {first} to {} are", end - 1),
    }
}
