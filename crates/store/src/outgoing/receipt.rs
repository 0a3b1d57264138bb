//! Receipts of upstreams: which part is meant, and what follows.
//!
//! An upstream names each part in its answer, and its receipts tell that name: a receipt means the part of that route that
//! has it, and no other. What names no part yet waits, on the disk: it came before the answer to its part, or the answer
//! is lost. It is looked at again when a part of its route is named, and when one becomes uncertain. A part whose answer
//! is lost has no name; it is meant where it is the only one in doubt to the recipient that the receipt tells.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use message::{Committed, Number, PartState, PeerId, Receipt, ReportStatus, RouteId};

use super::report::{Say, apply, in_doubt};
use super::row::{MessageFacts, PartRow, maybe_number, select_part};
use super::{PartKey, ReportOutcome};
use crate::clock::millis;
use crate::desk::Desk;
use crate::{Config, Error, Store};

impl Store {
    /// Keeps a receipt and settles the part it means. The upstream may be answered after this, never before.
    pub async fn receipt(
        &self,
        route: &RouteId,
        receipt: Receipt,
        at: Timestamp,
    ) -> Result<Committed<ReportOutcome>, Error> {
        let route = route.clone();
        self.write(move |desk| {
            let route = desk.memory.names.route_row(desk.conn, &route)?;
            take(desk, &Word::of(route, &receipt, millis(at)))
        })
        .await
    }
}

/// A receipt as the matching sees it.
#[derive(Debug, Clone)]
struct Word {
    route: i64,
    peer_id: String,
    recipient: Option<Number>,
    status: ReportStatus,
    code: Option<String>,
    discharged: Option<i64>,
    words: String,
    at: i64,
}

impl Word {
    fn of(route: i64, receipt: &Receipt, at: i64) -> Self {
        let clip = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        Self {
            route,
            peer_id: receipt.id.as_str().to_owned(),
            recipient: receipt.recipient.clone(),
            status: receipt.status,
            code: receipt.code.as_ref().map(|code| clip(code, CODE)),
            discharged: receipt.discharged.map(millis),
            words: clip(&receipt.words, WORDS),
            at,
        }
    }
}

fn take(desk: &mut Desk<'_>, word: &Word) -> rusqlite::Result<ReportOutcome> {
    let part = meant(desk, word)?;
    if is_twin(desk, word, part.map(|part| part.key))? {
        return Ok(ReportOutcome::Twin);
    }
    match part {
        Some(part) => {
            insert(desk, word, Ok(part.key))?;
            tell(desk, part, word)
        }
        None => {
            let due = word.at + desk.memory.receipt_wait();
            let row = insert(desk, word, Err(due))?;
            desk.memory.receipts_wait = true;
            if row % TRIM_EVERY == 0 {
                trim(desk)?;
            }
            Ok(ReportOutcome::Unmatched { candidates: 0 })
        }
    }
}

/// The part that is meant: the one with this name, else the only one in doubt.
fn meant(desk: &Desk<'_>, word: &Word) -> rusqlite::Result<Option<PartRow>> {
    match named(desk, word)? {
        // Upstreams begin anew with their names: it may be that of a part whose answer is on its way.
        Some(part) if may_be_another(desk, &part, word)? && is_expected(desk, word)? => Ok(None),
        Some(part) => Ok(Some(part)),
        None => nameless(desk, word),
    }
}

/// The part that went out last under this name.
fn named(desk: &Desk<'_>, word: &Word) -> rusqlite::Result<Option<PartRow>> {
    desk.conn
        .prepare_cached(select_part!(
            "FROM part p WHERE p.route = ?1 AND p.peer_id = ?2 AND p.sent_at >= ?3
             ORDER BY p.sent_at DESC, p.key DESC LIMIT 1"
        ))?
        .query_row(
            (word.route, &word.peer_id, word.at - desk.memory.window()),
            PartRow::read,
        )
        .optional()
}

/// Whether the receipt may mean another part than the one that had its name last: that one is settled, or went to somebody
/// else.
fn may_be_another(desk: &Desk<'_>, part: &PartRow, word: &Word) -> rusqlite::Result<bool> {
    if part.state.is_final() {
        return Ok(true);
    }
    let Some(recipient) = &word.recipient else {
        return Ok(false);
    };
    Ok(!MessageFacts::load(desk.conn, part.key.message)?
        .recipient
        .matches(recipient))
}

/// Whether a part to this recipient waits for its answer.
fn is_expected(desk: &Desk<'_>, word: &Word) -> rusqlite::Result<bool> {
    let Some(recipient) = &word.recipient else {
        return Ok(false);
    };
    let open = in_doubt(desk, word.route, recipient, word.at)?;
    Ok(open.iter().any(|part| part.state == PartState::Attempting))
}

/// The part whose answer is lost, where only one can be meant.
fn nameless(desk: &Desk<'_>, word: &Word) -> rusqlite::Result<Option<PartRow>> {
    let Some(recipient) = &word.recipient else {
        return Ok(None);
    };
    match in_doubt(desk, word.route, recipient, word.at)?.as_slice() {
        [part] if part.state != PartState::Attempting => Ok(Some(*part)),
        _ => Ok(None),
    }
}

/// Tells a part what a receipt says of it.
fn tell(desk: &mut Desk<'_>, part: PartRow, word: &Word) -> rusqlite::Result<ReportOutcome> {
    if part.state.is_final() {
        let message = MessageFacts::load(desk.conn, part.key.message)?.id;
        return Ok(ReportOutcome::Noted { key: part.key, message });
    }
    if part.state != PartState::Sent {
        name(desk, part.key, &word.peer_id)?;
    }
    let reason = format!("{REPORTED_FAILURE} ({})", word.words);
    let code = word.code.as_ref().map(|code| format!("err {code}"));
    let say = Say {
        route: word.route,
        at: word.at,
        status: word.status,
        reference: None,
        code: code.as_deref().unwrap_or_default(),
        reason: &reason,
    };
    apply(desk, &part, &say)
}

/// The upstream took the part, under this name where it gave one.
pub(crate) fn answered(desk: &mut Desk<'_>, key: PartKey, peer_id: Option<&PeerId>, at: i64) -> rusqlite::Result<()> {
    let Some(peer_id) = peer_id else { return Ok(()) };
    name(desk, key, peer_id.as_str())?;
    if !desk.memory.receipts_wait {
        return Ok(());
    }
    let Some(part) = PartRow::load(desk.conn, key)? else {
        return Ok(());
    };
    // Names are used again, so what came before the attempt means another part.
    let since = part.attempted_at.unwrap_or(at) - CLOCK_GRAIN_MS;
    for (row, word) in waiting(desk, BY_NAME, (part.route, Some(peer_id.as_str()), since))? {
        find(desk, row, key, &word)?;
    }
    Ok(())
}

/// Looks at the receipts that wait on the route of a part that is in doubt: one of them may tell of it.
pub(crate) fn settle_doubt(desk: &mut Desk<'_>, part: &PartRow, at: i64) -> rusqlite::Result<()> {
    if !desk.memory.receipts_wait {
        return Ok(());
    }
    let since = part.attempted_at.unwrap_or(at) - CLOCK_GRAIN_MS;
    let to = MessageFacts::load(desk.conn, part.key.message)?.recipient;
    for (row, word) in waiting(desk, BY_ROUTE, (part.route, None, since))? {
        // One that tells nobody, or somebody else, means no part that has no name; and looking for its part takes long.
        if !word.recipient.as_ref().is_some_and(|recipient| to.matches(recipient)) {
            continue;
        }
        // The first names the part, and what follows means it by its name.
        let meant = match named(desk, &word)? {
            Some(part) => Some(part),
            None => nameless(desk, &word)?,
        };
        if meant.is_some_and(|meant| meant.key == part.key) {
            find(desk, row, part.key, &word)?;
        }
    }
    Ok(())
}

/// A receipt that waited has found its part.
fn find(desk: &mut Desk<'_>, row: i64, key: PartKey, word: &Word) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached("UPDATE receipt SET part = ?2, due = NULL WHERE row = ?1")?
        .execute((row, key.row()))?;
    match PartRow::load(desk.conn, key)? {
        Some(part) => tell(desk, part, word).map(drop),
        None => Ok(()),
    }
}

fn name(desk: &Desk<'_>, key: PartKey, peer_id: &str) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached("UPDATE part SET peer_id = ?2 WHERE key = ?1")?
        .execute((key.row(), peer_id))?;
    Ok(())
}

/// Receipts that wait, in the order in which they came.
fn waiting(desk: &Desk<'_>, sql: &str, wish: (Option<i64>, Option<&str>, i64)) -> rusqlite::Result<Vec<(i64, Word)>> {
    desk.conn
        .prepare_cached(sql)?
        .query_map(wish, |row| {
            let word = Word {
                route: row.get(1)?,
                peer_id: row.get(2)?,
                recipient: maybe_number(row, 3)?,
                status: status(row.get(4)?),
                code: row.get(5)?,
                discharged: row.get(6)?,
                words: row.get(7)?,
                at: row.get(8)?,
            };
            Ok((row.get(0)?, word))
        })?
        .collect()
}

/// The same word about the same part, or one that waits.
fn is_twin(desk: &Desk<'_>, word: &Word, part: Option<PartKey>) -> rusqlite::Result<bool> {
    let sql = match part {
        Some(_) => {
            "SELECT row FROM receipt WHERE part = ?1 AND peer_id = ?2 AND status = ?3 AND code IS ?4
             AND discharged IS ?5 AND words = ?6 LIMIT 1"
        }
        None => {
            "SELECT row FROM receipt WHERE due IS NOT NULL AND route = ?1 AND peer_id = ?2 AND status = ?3
             AND code IS ?4 AND discharged IS ?5 AND words = ?6 LIMIT 1"
        }
    };
    let twin: Option<i64> = desk
        .conn
        .prepare_cached(sql)?
        .query_row(
            (
                part.map_or(word.route, PartKey::row),
                &word.peer_id,
                status_code(word.status),
                &word.code,
                word.discharged,
                &word.words,
            ),
            |row| row.get(0),
        )
        .optional()?;
    Ok(twin.is_some())
}

/// Keeps a receipt with its part, or until when it waits for one.
fn insert(desk: &Desk<'_>, word: &Word, place: Result<PartKey, i64>) -> rusqlite::Result<i64> {
    desk.conn
        .prepare_cached(
            "INSERT INTO receipt (route, peer_id, recipient, status, code, discharged, words, at, part, due)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            word.route,
            &word.peer_id,
            word.recipient.as_ref().map(ToString::to_string),
            status_code(word.status),
            &word.code,
            word.discharged,
            &word.words,
            word.at,
            place.ok().map(PartKey::row),
            place.err(),
        ))?;
    Ok(desk.conn.last_insert_rowid())
}

/// Gives up receipts that waited for long enough, so many at most: how many those were.
pub(crate) fn give_up(desk: &mut Desk<'_>, now: i64, limit: u32) -> rusqlite::Result<usize> {
    if !desk.memory.receipts_wait {
        return Ok(0);
    }
    drop_waiting(
        desk,
        "SELECT row FROM receipt WHERE due IS NOT NULL AND due <= ?1 ORDER BY due LIMIT ?2",
        (now, limit.into()),
    )
}

/// Gives up those that wait longest where too many do.
fn trim(desk: &mut Desk<'_>) -> rusqlite::Result<()> {
    drop_waiting(
        desk,
        "SELECT row FROM receipt WHERE due IS NOT NULL ORDER BY due DESC, row DESC LIMIT ?1 OFFSET ?2",
        (-1, WAITING),
    )
    .map(drop)
}

fn drop_waiting(desk: &mut Desk<'_>, sql: &str, wish: (i64, i64)) -> rusqlite::Result<usize> {
    let mut statement = desk.conn.prepare_cached(sql)?;
    let rows: Vec<i64> = statement.query_map(wish, |row| row.get(0))?.collect::<Result<_, _>>()?;
    for row in &rows {
        for sql in GIVEN_UP {
            desk.conn.prepare_cached(sql)?.execute([row])?;
        }
    }
    Ok(rows.len())
}

/// How long a receipt waits for its part, in milliseconds: an answer takes a minute at most, and what is in doubt is in
/// doubt for its time.
pub(crate) fn wait_ms(config: &Config) -> i64 {
    (i64::from(config.uncertain_wait_s) * 1000 + GRACE_MS).max(WAIT_MS)
}

/// As it is kept.
fn status_code(status: ReportStatus) -> u8 {
    match status {
        ReportStatus::Delivered => 0,
        ReportStatus::StillTrying => 1,
        ReportStatus::Failed => 2,
        ReportStatus::Expired => 3,
        ReportStatus::Unknown => 4,
    }
}

/// As it was kept.
pub(crate) fn status(code: u8) -> ReportStatus {
    match code {
        0 => ReportStatus::Delivered,
        1 => ReportStatus::StillTrying,
        2 => ReportStatus::Failed,
        3 => ReportStatus::Expired,
        _ => ReportStatus::Unknown,
    }
}

/// How many characters of a receipt's words, and of its code, are kept.
const WORDS: usize = 160;
const CODE: usize = 32;

/// How long a receipt waits at least, and how much longer than an uncertain part.
const WAIT_MS: i64 = 600_000;
const GRACE_MS: i64 = 60_000;

/// How many receipts wait for their parts at most; the oldest are given up before.
const WAITING: i64 = 10_000;

/// How often that is looked at, in receipts.
const TRIM_EVERY: i64 = 64;

/// A receipt came with the clock as it is now; one that was written down in the same moment as its part may seem older.
const CLOCK_GRAIN_MS: i64 = 1_000;

/// What happens to a receipt that is given up: it is put to the part that had its name once, where there is one; else it
/// is counted and goes.
const GIVEN_UP: [&str; 3] = [
    "UPDATE receipt SET due = NULL, part =
        (SELECT key FROM part p WHERE p.route = receipt.route AND p.peer_id = receipt.peer_id ORDER BY p.sent_at DESC LIMIT 1)
     WHERE row = ?1",
    "INSERT INTO receipt_stray (route, count) SELECT route, 1 FROM receipt WHERE row = ?1 AND part IS NULL
     ON CONFLICT DO UPDATE SET count = count + 1",
    "DELETE FROM receipt WHERE row = ?1 AND part IS NULL",
];

const REPORTED_FAILURE: &str = "the upstream reported that the recipient did not get it";
const BY_NAME: &str = "SELECT row, route, peer_id, recipient, status, code, discharged, words, at FROM receipt
     WHERE due IS NOT NULL AND route = ?1 AND peer_id = ?2 AND at >= ?3 ORDER BY row";
const BY_ROUTE: &str = "SELECT row, route, peer_id, recipient, status, code, discharged, words, at FROM receipt
     WHERE due IS NOT NULL AND route = ?1 AND ?2 IS NULL AND at >= ?3 ORDER BY row";
