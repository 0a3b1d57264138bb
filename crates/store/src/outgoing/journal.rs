//! What attempts leave in the modems' memories, so that it is recognised as ours after a crash and not before.
//!
//! A row is written in the transaction that keeps the attempt's end, and removed when the modem has said that the entry
//! is gone. After a crash in between, what lies at that place is ours if it is that TPDU; a TPDU alone proves nothing,
//! since anybody may have written the same text to the same number.

use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};

use message::{Committed, JournalEntry, RouteId};

use crate::desk::Desk;
use crate::reader::Glance;
use crate::{Error, Store};

impl Store {
    /// The proof that what was found on a modem is what an attempt left there whose end is kept: it may be deleted.
    /// `None`: it is not, as far as anybody knows.
    pub async fn journal_entry(
        &self,
        route: &RouteId,
        found: JournalEntry,
    ) -> Result<Option<Committed<JournalEntry>>, Error> {
        let route = route.clone();
        self.read(move |glance| {
            let ours = is_known(glance, &route, &found)?;
            Ok(ours.then(|| Committed::witnessed(found)))
        })
        .await
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
        .execute((route, entry.place.name, entry.place.index, digest(entry)))
        .map(drop)
}

fn is_known(glance: &mut Glance<'_>, route: &RouteId, found: &JournalEntry) -> rusqlite::Result<bool> {
    let Some(route) = glance.names.find_route(glance.conn, route)? else {
        return Ok(false);
    };
    glance
        .conn
        .prepare_cached("SELECT 1 FROM journal WHERE route = ?1 AND memory = ?2 AND place = ?3 AND digest = ?4")?
        .query_row((route, found.place.name, found.place.index, digest(found)), |_| Ok(()))
        .optional()
        .map(|row| row.is_some())
}

fn forget(desk: &mut Desk<'_>, route: &RouteId, entry: &JournalEntry) -> rusqlite::Result<()> {
    let route = desk.memory.names.route_row(desk.conn, route)?;
    desk.conn
        .prepare_cached("DELETE FROM journal WHERE route = ?1 AND memory = ?2 AND place = ?3 AND digest = ?4")?
        .execute((route, entry.place.name, entry.place.index, digest(entry)))
        .map(drop)
}

/// The same for TPDUs that [`JournalEntry::is`] takes for the same.
fn digest(entry: &JournalEntry) -> [u8; 32] {
    let mut tpdu = entry.tpdu.clone();
    if let Some(reference) = tpdu.get_mut(1) {
        *reference = 0;
    }
    Sha256::digest(&tpdu).into()
}
