//! Status reports: which part is meant, and what follows.
//!
//! TP-MR wraps at 256 and a crash can lose it, so a report settles a part only when exactly one fits: the SIM and the
//! recipient, a time window, and the reference where it is known. What fits nothing, or too much, is kept and looked at
//! again when a part on that SIM is settled as sent or uncertain.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use message::{Cause, Committed, Number, PartState, RawInbound, ReportStatus, RouteId, StatusReport};

use super::row::{Line, MessageFacts, PartRow, Place, message_state, number, select_part};
use super::{PartKey, ReportOutcome};
use crate::clock::millis;
use crate::desk::Desk;
use crate::{Error, Store};

impl Store {
    /// Keeps a status report and settles the part it means. The modem may be told after this, never before.
    pub async fn report(
        &self,
        route: &RouteId,
        report: StatusReport,
        raw: &RawInbound,
        at: Timestamp,
    ) -> Result<Committed<ReportOutcome>, Error> {
        let (route, pdu) = (route.clone(), raw.pdu.clone());
        self.write(move |desk| take(desk, &route, &report, &pdu, millis(at)))
            .await
    }
}

/// A report as the matching sees it.
#[derive(Debug, Clone)]
struct Word {
    route: i64,
    reference: u8,
    status: u8,
    submitted: Option<i64>,
    recipient: Number,
    at: i64,
}

fn take(
    desk: &mut Desk<'_>,
    route: &RouteId,
    report: &StatusReport,
    pdu: &[u8],
    at: i64,
) -> rusqlite::Result<ReportOutcome> {
    let word = Word {
        route: desk.memory.names.route_row(desk.conn, route)?,
        reference: report.reference,
        status: report.status,
        submitted: report.submitted.map(millis),
        recipient: report.recipient.clone(),
        at,
    };
    let discharged = report.discharged.map(millis);
    if is_twin(desk, &word, discharged)? {
        return Ok(ReportOutcome::Twin);
    }
    let fitting = candidates(desk, &word)?;
    let part = match fitting.as_slice() {
        [part] if part.state != PartState::Attempting => Some(*part),
        _ => None,
    };
    insert(desk, &word, discharged, part.map(|part| part.key), pdu)?;
    match part {
        Some(part) => settle(desk, &part, &word),
        None => {
            desk.memory.unmatched.insert((word.route, word.reference));
            Ok(ReportOutcome::Unmatched {
                candidates: fitting.len(),
            })
        }
    }
}

/// Looks at the reports that wait for a part on this one's SIM, now that it is sent or uncertain.
pub(crate) fn settle_waiting(desk: &mut Desk<'_>, key: PartKey, at: i64) -> rusqlite::Result<()> {
    if desk.memory.unmatched.is_empty() {
        return Ok(());
    }
    for (row, word) in waiting(desk, key, at)? {
        let fitting = candidates(desk, &word)?;
        let [part] = fitting.as_slice() else { continue };
        if part.key != key {
            continue;
        }
        desk.conn
            .prepare_cached("UPDATE report SET part = ?2 WHERE row = ?1")?
            .execute((row, key.row()))?;
        settle(desk, part, &word)?;
    }
    Ok(())
}

/// Reports without a part that may mean this one, oldest first.
fn waiting(desk: &mut Desk<'_>, key: PartKey, at: i64) -> rusqlite::Result<Vec<(i64, Word)>> {
    let Some(part) = PartRow::load(desk.conn, key)? else {
        return Ok(Vec::new());
    };
    let Some(route) = part.route else { return Ok(Vec::new()) };
    let since = at - desk.memory.window();
    let reference: Option<u8> = desk
        .conn
        .prepare_cached("SELECT reference FROM part WHERE key = ?1")?
        .query_row([key.row()], |row| row.get(0))?;
    let possible: Vec<u8> = match reference {
        Some(reference) => Vec::from_iter(desk.memory.unmatched.get(&(route, reference)).map(|_| reference)),
        None => (0..=u8::MAX)
            .filter(|known| desk.memory.unmatched.contains(&(route, *known)))
            .collect(),
    };
    let mut found = Vec::new();
    for reference in possible {
        let before = found.len();
        found.extend(unmatched(desk, route, reference, since)?);
        if found.len() == before {
            desk.memory.unmatched.remove(&(route, reference));
        }
    }
    found.sort_by_key(|(row, _)| *row);
    Ok(found)
}

fn unmatched(desk: &Desk<'_>, route: i64, reference: u8, since: i64) -> rusqlite::Result<Vec<(i64, Word)>> {
    desk.conn
        .prepare_cached(
            "SELECT row, status, submitted, recipient, at FROM report
             WHERE route = ?1 AND reference = ?2 AND part IS NULL AND at >= ?3",
        )?
        .query_map((route, reference, since), |row| {
            let word = Word {
                route,
                reference,
                status: row.get(1)?,
                submitted: row.get(2)?,
                recipient: number(row, 3)?,
                at: row.get(4)?,
            };
            Ok((row.get(0)?, word))
        })?
        .collect()
}

/// The parts a report may mean: those that went out under its reference; where all of those are settled, those whose
/// reference nobody knows as well.
fn candidates(desk: &Desk<'_>, word: &Word) -> rusqlite::Result<Vec<PartRow>> {
    let mut parts = by_reference(desk, word, Some(word.reference))?;
    if parts.iter().any(|part| part.state == PartState::Sent) {
        parts.retain(|part| part.state == PartState::Sent);
    } else {
        let nameless = by_reference(desk, word, None)?;
        parts.extend(nameless.into_iter().filter(|part| part.state == PartState::Sent));
        parts.extend(in_doubt(desk, word.route, &word.recipient, word.at)?);
    }
    if parts.len() > 1 {
        narrow(&mut parts, word);
    }
    Ok(parts)
}

/// Parts on the SIM that went out under this reference (or an unknown one) within the window, to this recipient.
fn by_reference(desk: &Desk<'_>, word: &Word, reference: Option<u8>) -> rusqlite::Result<Vec<PartRow>> {
    let mut statement = desk.conn.prepare_cached(select_part!(
        ", m.recipient FROM part p JOIN message m ON m.row = p.key >> 8
             WHERE p.route = ?1 AND p.reference IS ?2 AND p.sent_at BETWEEN ?3 AND ?4"
    ))?;
    let window = (word.at - desk.memory.window(), word.at + CLOCK_STEP_MS);
    let mut rows = statement.query((word.route, reference, window.0, window.1))?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        if number(row, 10)?.matches(&word.recipient) {
            parts.push(PartRow::read(row)?);
        }
    }
    Ok(parts)
}

/// Parts on the route to this recipient that are with the modem, uncertain, or about to be sent again.
pub(super) fn in_doubt(desk: &Desk<'_>, route: i64, recipient: &Number, at: i64) -> rusqlite::Result<Vec<PartRow>> {
    let mut parts = Vec::new();
    for sql in [WITH_MODEM, UNCERTAIN, AGAIN] {
        doubtful(desk, (route, recipient, at), sql, &mut parts)?;
    }
    Ok(parts)
}

fn doubtful(
    desk: &Desk<'_>,
    (route, recipient, at): (i64, &Number, i64),
    sql: &str,
    parts: &mut Vec<PartRow>,
) -> rusqlite::Result<()> {
    let mut statement = desk.conn.prepare_cached(sql)?;
    let mut rows = statement.query([route])?;
    while let Some(row) = rows.next()? {
        let part = PartRow::read(row)?;
        let begun = part.attempted_at.is_some_and(|begun| begun <= at + CLOCK_STEP_MS);
        if begun && number(row, 10)?.matches(recipient) {
            parts.push(part);
        }
    }
    Ok(())
}

/// More than one fits, as where the reference wrapped within the window: the service centre's stamp tells which one, where it tells exactly one.
fn narrow(parts: &mut Vec<PartRow>, word: &Word) {
    let Some(submitted) = word.submitted else { return };
    let near = |part: &PartRow| {
        let out = part.sent_at.or(part.attempted_at);
        out.is_some_and(|out| (out - submitted).abs() <= STAMP_NEAR_MS)
    };
    if parts.iter().filter(|part| near(part)).count() == 1 {
        parts.retain(near);
    }
}

/// What somebody says of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Say<'a> {
    pub(super) route: i64,
    pub(super) at: i64,
    pub(super) status: ReportStatus,
    /// The reference it went out under, where it was not known to have gone out.
    pub(super) reference: Option<u8>,
    /// Why it failed, where it did.
    pub(super) code: &'a str,
    pub(super) reason: &'a str,
}

fn settle(desk: &mut Desk<'_>, part: &PartRow, word: &Word) -> rusqlite::Result<ReportOutcome> {
    let code = Cause::Status(word.status).to_string();
    let say = Say {
        route: word.route,
        at: word.at,
        status: ReportStatus::of(word.status),
        reference: Some(word.reference),
        code: &code,
        reason: REPORTED_FAILURE,
    };
    apply(desk, part, &say)
}

/// What a report does to the part it means.
pub(super) fn apply(desk: &mut Desk<'_>, part: &PartRow, say: &Say<'_>) -> rusqlite::Result<ReportOutcome> {
    let message = MessageFacts::load(desk.conn, part.key.message)?.id;
    let noted = ReportOutcome::Noted { key: part.key, message };
    if part.state.is_final() {
        return Ok(noted);
    }
    let mut part = *part;
    if part.state != PartState::Sent {
        // Whatever it says: the service centre has it.
        let sent_at = part.attempted_at.unwrap_or(say.at);
        desk.place(&part, Place::Sent(sent_at, say.reference))?;
        part.state = PartState::Sent;
    }
    let state = match say.status {
        ReportStatus::Delivered => PartState::Delivered,
        ReportStatus::Failed => PartState::Failed,
        ReportStatus::Expired => PartState::Expired,
        ReportStatus::StillTrying | ReportStatus::Unknown => return Ok(noted),
    };
    if state != PartState::Delivered {
        let line = Line {
            route: Some(say.route),
            class: "report",
            code: say.code,
            reason: say.reason,
        };
        desk.note(&part, say.at, line)?;
    }
    desk.place(&part, Place::Final(state, say.at))?;
    Ok(ReportOutcome::Settled {
        key: part.key,
        message,
        part: state,
        state: message_state(desk.conn, part.key.message)?,
    })
}

fn is_twin(desk: &Desk<'_>, word: &Word, discharged: Option<i64>) -> rusqlite::Result<bool> {
    let twin: Option<i64> = desk
        .conn
        .prepare_cached(
            "SELECT row FROM report WHERE route = ?1 AND reference = ?2 AND status = ?3 AND submitted IS ?4
             AND discharged IS ?5 AND recipient = ?6 AND at >= ?7 LIMIT 1",
        )?
        .query_row(
            (
                word.route,
                word.reference,
                word.status,
                word.submitted,
                discharged,
                word.recipient.to_string(),
                word.at - desk.memory.window(),
            ),
            |row| row.get(0),
        )
        .optional()?;
    Ok(twin.is_some())
}

fn insert(
    desk: &Desk<'_>,
    word: &Word,
    discharged: Option<i64>,
    part: Option<PartKey>,
    pdu: &[u8],
) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached(
            "INSERT INTO report (route, reference, status, submitted, discharged, at, part, recipient, pdu)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            word.route,
            word.reference,
            word.status,
            word.submitted,
            discharged,
            word.at,
            part.map(PartKey::row),
            word.recipient.to_string(),
            pdu,
        ))?;
    Ok(())
}

/// How far our clock may have stepped back between sending and the report, in milliseconds.
const CLOCK_STEP_MS: i64 = 3_600_000;
/// How near the service centre's stamp is to ours for the same message, in milliseconds.
const STAMP_NEAR_MS: i64 = 120_000;
const REPORTED_FAILURE: &str = "the network reported that the recipient did not get it";
const WITH_MODEM: &str = select_part!(
    ", m.recipient FROM part p JOIN message m ON m.row = p.key >> 8 WHERE p.rank IN (8, 9) AND p.route = ?1"
);
const UNCERTAIN: &str = select_part!(
    ", m.recipient FROM part p JOIN message m ON m.row = p.key >> 8
     WHERE p.state = 2 AND p.timer IS NOT NULL AND p.route = ?1"
);
const AGAIN: &str = select_part!(
    ", m.recipient FROM part p JOIN message m ON m.row = p.key >> 8
     WHERE p.state = 0 AND p.maybe_twice = 1 AND p.route = ?1"
);
