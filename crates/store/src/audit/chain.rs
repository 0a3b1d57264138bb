//! Writing the chain.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use message::Number;

use super::AuditEntry;
use crate::clock::{self, millis};
use crate::desk::Desk;
use crate::{AuditNumbers, Config};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// An entry as its row holds it, one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    /// Its number in the log, from 1.
    pub(super) n: u64,
    /// Milliseconds UTC.
    pub(super) at: i64,
    #[serde(borrow)]
    pub(super) what: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<message::MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sim: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) facts: Option<std::borrow::Cow<'a, str>>,
    /// Digest of salt and number, where it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) veil: Option<std::borrow::Cow<'a, str>>,
}

/// The end of the chain, and what the open transaction adds.
#[derive(Debug)]
pub(crate) struct Ledger {
    numbers: AuditNumbers,
    /// Of this database, for numbers that are kept as hashes.
    pepper: Vec<u8>,
    salts: Salts,
    /// The number of the next entry, and the hash of the last row, as committed.
    next: u64,
    hash: Hash,
    /// Noted in the open transaction: lines, and beside each what it says of a number.
    body: String,
    private: String,
    entries: u64,
    /// The hash of the row that the open transaction wrote.
    written: Option<Hash>,
}

/// How much was noted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    body: usize,
    private: usize,
    entries: u64,
}

impl Ledger {
    /// Reads where the chain ends.
    pub(crate) fn load(conn: &Connection, config: &Config) -> rusqlite::Result<Self> {
        let (next, hash, pepper): (i64, Vec<u8>, Vec<u8>) =
            conn.query_row("SELECT next, hash, pepper FROM audit_anchor", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let last: Option<(i64, Vec<u8>)> = conn
            .query_row(
                "SELECT first + entries, hash FROM audit ORDER BY first DESC LIMIT 1",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let (next, hash) = last.unwrap_or((next, hash));
        Ok(Self {
            numbers: config.audit_numbers,
            pepper,
            salts: Salts::default(),
            next: next.unsigned_abs(),
            hash: as_hash(&hash),
            body: String::new(),
            private: String::new(),
            entries: 0,
            written: None,
        })
    }

    /// How much is noted now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            body: self.body.len(),
            private: self.private.len(),
            entries: self.entries,
        }
    }

    /// Takes back what was noted since.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.body.truncate(mark.body);
        self.private.truncate(mark.private);
        self.entries = mark.entries;
        self.written = None;
    }

    /// Notes an entry in the open transaction.
    pub(crate) fn note(&mut self, entry: &AuditEntry) {
        let value = entry.number.as_ref().map(|number| match self.numbers {
            AuditNumbers::Plain => number.to_string(),
            AuditNumbers::Hashed => hashed(&self.pepper, number),
        });
        let sealed = value.map(|value| (self.salts.next(), value));
        let veil = sealed.as_ref().map(|(salt, value)| veil(salt, value).into());
        let line = Line {
            n: self.next + self.entries,
            at: millis(entry.at),
            what: entry.what.as_ref().into(),
            token: entry.token.as_ref().map(|token| token.as_str().into()),
            message: entry.message,
            sim: entry.sim.as_ref().map(|sim| sim.as_str().into()),
            facts: entry.facts.as_deref().map(Into::into),
            veil,
        };
        // A line of texts and numbers is always JSON.
        self.body.push_str(&serde_json::to_string(&line).unwrap_or_default());
        self.body.push('\n');
        if let Some((salt, value)) = sealed {
            self.private.push_str(&salt);
            self.private.push(' ');
            self.private.push_str(&value);
        }
        self.private.push('\n');
        self.entries += 1;
    }

    /// Writes what was noted; part of the transaction.
    pub(crate) fn keep(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if self.entries == 0 {
            return Ok(());
        }
        let hash = link(&self.hash, self.next, &self.body);
        conn.prepare_cached(
            "INSERT INTO audit (first, entries, at, body, private, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            self.next as i64,
            self.entries as i64,
            millis(clock::now()),
            &self.body,
            &self.private,
            hash,
        ))?;
        self.written = Some(hash);
        Ok(())
    }

    /// The transaction is kept.
    pub(crate) fn commit(&mut self) {
        let Some(hash) = self.written.take() else { return };
        self.hash = hash;
        self.next += self.entries;
        self.entries = 0;
        self.body.clear();
        self.private.clear();
    }
}

/// Forgets rows from before the cutoff, by the time of their entries, and notes where the chain begins now.
pub(crate) fn trim(desk: &mut Desk<'_>, cutoff: i64) -> rusqlite::Result<bool> {
    let mut statement = desk
        .conn
        .prepare_cached("SELECT first + entries, at, hash, body FROM audit ORDER BY first LIMIT ?1")?;
    let mut rows = statement.query([STEP])?;
    let mut last: Option<(i64, Hash)> = None;
    let mut gone = 0;
    while let Some(row) = rows.next()? {
        let (kept_at, hash, body): (i64, Vec<u8>, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        // No hash covers the column: it counts only where the entries say nothing.
        if newest(&body).unwrap_or(kept_at) >= cutoff {
            break;
        }
        last = Some((row.get(0)?, as_hash(&hash)));
        gone += 1;
    }
    drop(rows);
    let Some((next, hash)) = last else { return Ok(false) };
    desk.conn
        .prepare_cached("DELETE FROM audit WHERE first < ?1")?
        .execute([next])?;
    desk.conn
        .prepare_cached("UPDATE audit_anchor SET next = ?1, hash = ?2")?
        .execute((next, hash))?;
    let entry = AuditEntry {
        facts: Some(trimmed(next.unsigned_abs(), &hash)),
        ..AuditEntry::new(TRIMMED, clock::now())
    };
    desk.memory.ledger.note(&entry);
    Ok(gone >= STEP)
}

/// When the last thing was done that a row tells of, in milliseconds UTC; `None` where it cannot be read.
pub(super) fn newest(body: &str) -> Option<i64> {
    let lines = body
        .lines()
        .filter_map(|line| serde_json::from_str::<Line<'_>>(line).ok());
    lines.map(|line| line.at).max()
}

/// A hash as it is kept. What has another length is none: the gateway goes on from a hash that fits nothing, and whoever
/// looks at the chain is told.
pub(super) fn as_hash(kept: &[u8]) -> Hash {
    kept.try_into().unwrap_or_default()
}

/// The rows that tell of a number.
pub(crate) fn traces(conn: &Connection, who: &Number) -> rusqlite::Result<Vec<i64>> {
    let [plain, hashed] = values(conn, who)?;
    conn.prepare("SELECT first FROM audit WHERE instr(private, ?1) > 0 OR instr(private, ?2) > 0")?
        .query_map((plain, hashed), |row| row.get(0))?
        .collect()
}

/// Erases a number from a row. The entries stay, and so does the chain.
pub(crate) fn erase(conn: &Connection, row: i64, who: &Number) -> rusqlite::Result<()> {
    let values = values(conn, who)?;
    let private: String = conn
        .prepare_cached("SELECT private FROM audit WHERE first = ?1")?
        .query_row([row], |found| found.get(0))?;
    let is_theirs = |line: &&str| {
        let value = line.split_once(' ').map_or("", |(_, value)| value);
        values.iter().any(|theirs| theirs == value)
    };
    let left = private.lines().map(|line| if is_theirs(&line) { "" } else { line });
    let left: String = left.flat_map(|line| [line, "\n"]).collect();
    conn.prepare_cached("UPDATE audit SET private = ?2 WHERE first = ?1")?
        .execute((row, left))?;
    Ok(())
}

/// A number as it may stand in the log.
pub(super) fn values(conn: &Connection, who: &Number) -> rusqlite::Result<[String; 2]> {
    let pepper: Vec<u8> = conn
        .prepare_cached("SELECT pepper FROM audit_anchor")?
        .query_row([], |row| row.get(0))?;
    Ok([who.to_string(), hashed(&pepper, who)])
}

/// A number as a hash: the same for the same number in this database, and nowhere else.
fn hashed(pepper: &[u8], number: &Number) -> String {
    let mut hash = Sha256::new();
    hash.update(pepper);
    hash.update(number.to_string());
    format!("sha256:{}", hex(&hash.finalize()[..16]))
}

/// What an entry holds of a number: nothing that tells it to who has not got the salt.
pub(super) fn veil(salt: &str, value: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(value);
    hex(&hash.finalize()[..16])
}

/// The hash of a row.
pub(super) fn link(before: &Hash, first: u64, body: &str) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(first.to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}

/// What is noted where rows were removed: the chain begins behind them with this entry, and this hash before it.
pub(super) fn trimmed(next: u64, hash: &Hash) -> String {
    format!("the log begins with entry {next}; hash before it: {}", hex(hash))
}

/// Octets as digits.
pub(super) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |place: u8| char::from(DIGITS[usize::from(place & 15)]);
    octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(*octet)])
        .collect()
}

/// Random salts, taken from the system many at a time.
#[derive(Debug, Default)]
struct Salts(Vec<u8>);

impl Salts {
    fn next(&mut self) -> String {
        if self.0.len() < SALT {
            self.0.resize(SALT * 256, 0);
            if getrandom::fill(&mut self.0).is_err() {
                // Without a random number this number cannot be hidden from who has the entry; it is kept all the same.
                tracing::error!("the system gives no random numbers");
            }
        }
        let salt = self.0.split_off(self.0.len() - SALT);
        hex(&salt)
    }
}

/// The word of entries that tell that older ones are gone.
pub(super) const TRIMMED: &str = "audit.trimmed";
/// Octets of a salt.
const SALT: usize = 16;
/// Rows one call removes.
const STEP: i64 = 500;
