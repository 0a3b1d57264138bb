//! What attempts leave in the modems' memories, so that it is recognised as ours after a crash and not before.
//!
//! A row is written in the transaction that keeps the attempt's end, and removed when the modem has said that the entry
//! is gone. After a crash in between, what lies at that place is ours if it is that TPDU; a TPDU alone proves nothing,
//! since anybody may have written the same text to the same number.
//!
//! Where an attempt lies whose end nobody knows is not known either: its *doubt* stands for one entry with its TPDU
//! anywhere on that SIM. The entry settles the attempt, unless something else did before (a report, the rule of its
//! message); then the doubt tells that it is ours.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use message::{Committed, JournalEntry, RouteId};

use crate::desk::Desk;
use crate::{Error, Store};

impl Store {
    /// The proof that what was found on a modem is what an attempt left there that does not need it any more: it may be
    /// deleted. `None`: it is not, as far as anybody knows, or an attempt is still in doubt that it may settle.
    pub async fn journal_entry(
        &self,
        route: &RouteId,
        found: JournalEntry,
    ) -> Result<Option<Committed<JournalEntry>>, Error> {
        let route = route.clone();
        let claimed = self.write(move |desk| Ok(claim(desk, &route, &found)?.then(|| found.clone())));
        claimed.await.map(Committed::transpose)
    }

    /// The modem has deleted the entry, or does not have it.
    pub async fn journal_gone(&self, route: &RouteId, entry: JournalEntry) -> Result<Committed<()>, Error> {
        let route = route.clone();
        self.write(move |desk| forget(desk, &route, &entry)).await
    }
}

/// Notes that the entry is ours and needed no more.
pub(crate) fn keep(desk: &mut Desk<'_>, route: &RouteId, entry: &JournalEntry) -> rusqlite::Result<()> {
    let route = desk.memory.names.route_row(desk.conn, route)?;
    desk.conn
        .prepare_cached("INSERT OR REPLACE INTO journal (route, memory, place, digest) VALUES (?1, ?2, ?3, ?4)")?
        .execute((route, entry.place.name, entry.place.index, digest(&entry.tpdu)))
        .map(drop)
}

/// Notes that an attempt is in doubt, and that one entry of it may lie on its SIM.
pub(crate) fn doubt(conn: &Connection, part: i64) -> rusqlite::Result<()> {
    let found: Option<(i64, Vec<u8>)> = conn
        .prepare_cached("SELECT route, tpdu FROM part WHERE key = ?1 AND route IS NOT NULL AND tpdu IS NOT NULL")?
        .query_row([part], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((route, tpdu)) = found else { return Ok(()) };
    conn.prepare_cached("INSERT OR REPLACE INTO journal_doubt (part, route, digest) VALUES (?1, ?2, ?3)")?
        .execute((part, route, digest(&tpdu)))
        .map(drop)
}

/// The entry of this attempt was found.
pub(crate) fn settle_doubt(conn: &Connection, part: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM journal_doubt WHERE part = ?1")?
        .execute([part])
        .map(drop)
}

/// Whether the entry is ours and needed no more; one that a doubt stands for has its place from now on.
fn claim(desk: &mut Desk<'_>, route: &RouteId, found: &JournalEntry) -> rusqlite::Result<bool> {
    let row = desk.memory.names.route_row(desk.conn, route)?;
    let digest = digest(&found.tpdu);
    let known = desk
        .conn
        .prepare_cached("SELECT 1 FROM journal WHERE route = ?1 AND memory = ?2 AND place = ?3 AND digest = ?4")?
        .exists((row, found.place.name, found.place.index, digest))?;
    if known {
        return Ok(true);
    }
    // With a modem, or uncertain: the entry may have to tell what becomes of it.
    let doubt: Option<i64> = desk
        .conn
        .prepare_cached(
            "SELECT d.part FROM journal_doubt d LEFT JOIN part p ON p.key = d.part
             WHERE d.route = ?1 AND d.digest = ?2 AND coalesce(p.state, 0) NOT IN (1, 2) ORDER BY d.part LIMIT 1",
        )?
        .query_row((row, digest), |row| row.get(0))
        .optional()?;
    let Some(part) = doubt else { return Ok(false) };
    settle_doubt(desk.conn, part)?;
    keep(desk, route, found)?;
    Ok(true)
}

fn forget(desk: &mut Desk<'_>, route: &RouteId, entry: &JournalEntry) -> rusqlite::Result<()> {
    let route = desk.memory.names.route_row(desk.conn, route)?;
    desk.conn
        .prepare_cached("DELETE FROM journal WHERE route = ?1 AND memory = ?2 AND place = ?3 AND digest = ?4")?
        .execute((route, entry.place.name, entry.place.index, digest(&entry.tpdu)))
        .map(drop)
}

/// The same for TPDUs that [`JournalEntry::is`] takes for the same.
fn digest(tpdu: &[u8]) -> [u8; 32] {
    let mut tpdu = tpdu.to_vec();
    if let Some(reference) = tpdu.get_mut(1) {
        *reference = 0;
    }
    Sha256::digest(&tpdu).into()
}
