//! Looking whether the chain holds: at once, or a stretch at a time beside the work of a gateway.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use super::chain::{Hash, Line, TRIMMED, as_hash, hex, link, trimmed, veil};
use super::look::{AuditHead, AuditVerdict};
use crate::{Error, Store};

/// A walk along the log of a running gateway, until its end or the first thing that is wrong. It holds one row at a time.
#[derive(Debug)]
pub struct AuditWalk {
    whole: bool,
    /// Nothing before the first stretch.
    check: Option<Check>,
    over: bool,
}

impl AuditWalk {
    /// From the beginning.
    pub fn whole() -> Self {
        Self {
            whole: true,
            check: None,
            over: false,
        }
    }

    /// Of the last rows alone, whose number is bounded; what they stand on is believed.
    pub fn tail() -> Self {
        Self {
            whole: false,
            ..Self::whole()
        }
    }

    /// Whether there is nothing more to look at.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Entries that were looked at.
    pub fn entries(&self) -> u64 {
        self.check.as_ref().map_or(0, |check| check.entries)
    }

    /// The first thing that is wrong, in a sentence that names the entry.
    pub fn fault(&self) -> Option<&str> {
        self.check.as_ref()?.faults.first().map(String::as_str)
    }

    /// Goes on row by row for as long as `more` says so.
    fn go_on(mut self, conn: &Connection, mut more: impl FnMut() -> bool) -> rusqlite::Result<Self> {
        let mut check = match self.check.take() {
            Some(check) => check.after_trimming(conn)?,
            None if self.whole => Check::begin(conn)?,
            None => Check::begin_near_end(conn)?,
        };
        let at_end = check.walk(conn, |check| check.faults.is_empty() && more())?;
        if at_end {
            check.miss_beginning();
        }
        self.over = at_end || !check.faults.is_empty();
        self.check = Some(check);
        Ok(self)
    }
}

impl Store {
    /// Goes on with a walk along the audit log for some milliseconds. Who does not want to take a reader from others rests
    /// between two of these.
    ///
    /// # Errors
    /// The database cannot be read; the walk is lost.
    pub async fn audit_walk(&self, walk: AuditWalk) -> Result<AuditWalk, Error> {
        self.read(|glance| {
            let until = Instant::now() + STRETCH;
            walk.go_on(glance.conn, || Instant::now() < until)
        })
        .await
    }
}

/// A walk along the chain.
#[derive(Debug)]
pub(super) struct Check {
    /// The number the next entry must have, and the hash before it.
    next: u64,
    hash: Hash,
    /// The row that was looked at last, by its first entry.
    passed: i64,
    /// What an entry must say of the beginning, where it is not the first there ever was.
    beginning: Option<String>,
    /// Whether the row before is missing, so that the next one's hash says nothing.
    torn: bool,
    entries: u64,
    erased: u64,
    faults: Vec<String>,
}

impl Check {
    /// Walks along all of it at one moment, and looks for an end that was noted before.
    pub(super) fn run(conn: &Connection, expected: Option<&AuditHead>) -> rusqlite::Result<AuditVerdict> {
        let moment = conn.unchecked_transaction()?;
        let mut check = Self::begin(&moment)?;
        let first = check.next;
        let mut met = check.ends_with(expected);
        check.walk(&moment, |check| {
            met |= check.ends_with(expected);
            true
        })?;
        check.miss_beginning();
        if let Some(head) = expected.filter(|_| !met) {
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

    /// Where the log begins now.
    fn begin(conn: &Connection) -> rusqlite::Result<Self> {
        let (next, hash) = anchor(conn)?;
        // A row that claims to stand before that is met, too.
        Ok(Self::after(next, hash, i64::MIN, true))
    }

    /// Behind the row from which on there are as many as are looked at right after a start.
    fn begin_near_end(conn: &Connection) -> rusqlite::Result<Self> {
        let behind: Option<(i64, i64, Vec<u8>)> = conn
            .query_row(
                "SELECT first, first + entries, hash FROM audit ORDER BY first DESC LIMIT 1 OFFSET ?1",
                [TAIL],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        match behind {
            Some((first, next, hash)) => Ok(Self::after(next, as_hash(&hash), first, false)),
            None => Self::begin(conn),
        }
    }

    fn after(next: i64, hash: Hash, passed: i64, is_beginning: bool) -> Self {
        let first = next.unsigned_abs();
        Self {
            next: first,
            hash,
            passed,
            beginning: (is_beginning && first > 1).then(|| trimmed(first, &hash)),
            torn: false,
            entries: 0,
            erased: 0,
            faults: Vec::new(),
        }
    }

    /// Rows that were old enough may have gone since the last stretch, and those that come next among them.
    fn after_trimming(self, conn: &Connection) -> rusqlite::Result<Self> {
        let (next, hash) = anchor(conn)?;
        if next.unsigned_abs() <= self.next {
            return Ok(self);
        }
        Ok(Self {
            entries: self.entries,
            erased: self.erased,
            faults: self.faults,
            ..Self::after(next, hash, next.saturating_sub(1), true)
        })
    }

    /// Goes on row by row for as long as `more` says so; whether the end was reached.
    fn walk(&mut self, conn: &Connection, mut more: impl FnMut(&Self) -> bool) -> rusqlite::Result<bool> {
        let mut statement = conn
            .prepare_cached("SELECT first, entries, body, private, hash FROM audit WHERE first > ?1 ORDER BY first")?;
        let mut rows = statement.query([self.passed])?;
        while let Some(row) = rows.next()? {
            let (first, entries): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (body, private): (String, String) = (row.get(2)?, row.get(3)?);
            let hash: Vec<u8> = row.get(4)?;
            self.row(first.unsigned_abs(), entries.unsigned_abs(), &body, &hash);
            self.lines(first.unsigned_abs(), &body, &private);
            self.passed = first;
            if !more(self) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether this is the end that was noted before.
    fn ends_with(&self, noted: Option<&AuditHead>) -> bool {
        noted.is_some_and(|head| head.entry + 1 == self.next && head.hash == hex(&self.hash))
    }

    /// At the end, an entry must have told of the beginning.
    fn miss_beginning(&mut self) {
        if let Some(words) = &self.beginning {
            self.faults.push(format!(
                "no entry says that {words}: what stood before was removed by hand"
            ));
        }
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

/// Where the log begins, and the hash before that.
fn anchor(conn: &Connection) -> rusqlite::Result<(i64, Hash)> {
    conn.query_row("SELECT next, hash FROM audit_anchor", [], |row| {
        let hash: Vec<u8> = row.get(1)?;
        Ok((row.get(0)?, as_hash(&hash)))
    })
}

/// Rows that are looked at right after a start: a row holds what one transaction noted.
const TAIL: i64 = 64;

/// How long a stretch takes a reader: other questions wait for it.
const STRETCH: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Config;
    use crate::audit::{AuditEntry, Ledger};

    /// A log with a row for each of so many entries.
    fn log(entries: u32) -> (Connection, Ledger) {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../schema/0016_audit.sql")).unwrap();
        let mut ledger = Ledger::load(&conn, &Config::default()).unwrap();
        (0..entries).for_each(|_| note(&conn, &mut ledger, "numbers.stop", None));
        (conn, ledger)
    }

    fn note(conn: &Connection, ledger: &mut Ledger, what: &'static str, facts: Option<String>) {
        let entry = AuditEntry {
            facts,
            ..AuditEntry::new(what, Timestamp::UNIX_EPOCH)
        };
        ledger.note(&entry);
        ledger.keep(conn).unwrap();
        ledger.commit();
    }

    fn to_the_end(conn: &Connection, mut walk: AuditWalk) -> AuditWalk {
        while !walk.is_over() {
            walk = walk.go_on(conn, || false).unwrap();
        }
        walk
    }

    /// Forgets what stands before an entry, and says so, as the store does.
    fn trim(conn: &Connection, ledger: &mut Ledger, next: i64) {
        let sql = "UPDATE audit_anchor SET next = ?1, hash = (SELECT hash FROM audit WHERE first = ?1 - 1)";
        conn.execute(sql, [next]).unwrap();
        conn.execute("DELETE FROM audit WHERE first < ?1", [next]).unwrap();
        let (next, hash) = anchor(conn).unwrap();
        note(conn, ledger, TRIMMED, Some(trimmed(next.unsigned_abs(), &hash)));
    }

    #[test]
    fn a_walk_ends_at_the_end_or_at_the_first_thing_that_is_wrong() {
        let (conn, _) = log(100);
        let walk = to_the_end(&conn, AuditWalk::whole());
        assert_eq!((walk.entries(), walk.fault()), (100, None));
        conn.execute(
            "UPDATE audit SET body = replace(body, 'stop', 'allow') WHERE first IN (5, 50)",
            [],
        )
        .unwrap();
        let walk = to_the_end(&conn, AuditWalk::whole());
        assert_eq!(
            (walk.entries(), walk.fault()),
            (5, Some("entry 5 is changed, moved or exchanged"))
        );
    }

    #[test]
    fn the_tail_is_the_last_rows_alone() {
        let (conn, _) = log(100);
        let forge = |first: i64| {
            conn.execute("UPDATE audit SET hash = zeroblob(32) WHERE first = ?1", [first])
                .unwrap()
        };
        forge(35);
        let walk = to_the_end(&conn, AuditWalk::tail());
        assert_eq!((walk.entries(), walk.fault()), (64, None), "whatever stands before");
        forge(99);
        let walk = to_the_end(&conn, AuditWalk::tail());
        assert_eq!(walk.fault(), Some("entry 99 is changed, moved or exchanged"));
        let (short, _) = log(3);
        assert_eq!(to_the_end(&short, AuditWalk::tail()).entries(), 3);
        let (none, _) = log(0);
        assert!(to_the_end(&none, AuditWalk::tail()).fault().is_none());
    }

    #[test]
    fn what_comes_and_goes_during_a_walk_is_nothing_wrong() {
        let (conn, mut ledger) = log(20);
        let mut walk = AuditWalk::whole();
        for _ in 0..5 {
            walk = walk.go_on(&conn, || false).unwrap();
        }
        assert_eq!((walk.entries(), walk.is_over()), (5, false));
        // Behind it, and before it.
        trim(&conn, &mut ledger, 3);
        walk = walk.go_on(&conn, || false).unwrap();
        trim(&conn, &mut ledger, 11);
        let walk = to_the_end(&conn, walk);
        assert_eq!((walk.entries(), walk.fault()), (6 + 12, None));
        let walk = to_the_end(&conn, AuditWalk::whole());
        assert_eq!((walk.entries(), walk.fault()), (12, None));
    }

    #[test]
    fn a_beginning_that_no_entry_tells_of_is_wrong() {
        let (conn, mut ledger) = log(20);
        trim(&conn, &mut ledger, 11);
        conn.execute_batch(
            "UPDATE audit_anchor SET next = 13, hash = (SELECT hash FROM audit WHERE first = 12);
             DELETE FROM audit WHERE first < 13;",
        )
        .unwrap();
        let walk = to_the_end(&conn, AuditWalk::whole());
        assert!(
            walk.fault().is_some_and(|fault| fault.ends_with("removed by hand")),
            "{walk:?}"
        );
    }
}
