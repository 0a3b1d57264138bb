//! How long things are kept, and how they go.
//!
//! Texts go first, facts later, and nothing goes that is not settled. Each call does a bounded part of the work, so that
//! the writer is never held for long. Freed pages are used again; the file does not shrink.

use jiff::Timestamp;
use rusqlite::Connection;

use message::{Committed, PartState};

use crate::alerts::past;
use crate::audit;
use crate::clock::millis;
use crate::desk::Desk;
use crate::outgoing::QUARTER_MS;
use crate::outgoing::row::{PartRow, parts_of};
use crate::tally::is_open;
use crate::{Error, Retention, Store};

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// Outgoing messages that lost their text.
    pub texts: u64,
    /// Outgoing messages that are gone.
    pub messages: u64,
    /// Received messages that are gone.
    pub inbound: u64,
    /// Alerts that are gone.
    pub alerts: u64,
    /// Messages that had to stay because a part is with a modem or uncertain.
    pub kept: u64,
    /// Whether more is to remove than one call does: call again.
    pub more: bool,
}

impl Store {
    /// Removes what was kept long enough.
    pub async fn retain(&self, now: Timestamp, retention: &Retention) -> Result<Committed<Retained>, Error> {
        let cutoff = |days: u32| match days {
            0 => i64::MIN,
            days => millis(now) - i64::from(days) * DAY_MS,
        };
        let texts = cutoff(retention.texts_days);
        let facts = cutoff(retention.facts_days);
        let inbound = cutoff(retention.inbound_days);
        let alerts = cutoff(retention.alerts_days);
        let pictures = cutoff(retention.pictures_days);
        let entries = cutoff(retention.audit_days);
        self.write(move |desk| {
            let mut retained = Retained::default();
            retain_texts(desk, texts, &mut retained)?;
            retain_facts(desk, facts, &mut retained)?;
            retain_inbound(desk.conn, inbound, &mut retained)?;
            retain_rest(desk.conn, facts, &mut retained)?;
            retained.more |= past::retain_pictures(desk.conn, pictures)?;
            retain_alerts(desk.conn, alerts, &mut retained)?;
            retained.more |= audit::trim(desk, entries)?;
            desk.memory.erased |= retained.texts + retained.messages + retained.inbound + retained.alerts > 0;
            Ok(retained)
        })
        .await
    }
}

/// Messages up to the cutoff lose text and TPDUs. One that is still open then keeps both until its facts go.
fn retain_texts(desk: &mut Desk<'_>, cutoff: i64, retained: &mut Retained) -> rusqlite::Result<()> {
    let mark: i64 = desk.conn.query_row("SELECT texts FROM total", [], |row| row.get(0))?;
    let old = old_messages(desk.conn, mark, cutoff)?;
    for message in &old {
        if unsettled(desk.conn, *message)? {
            continue;
        }
        retained.texts += desk
            .conn
            .prepare_cached("UPDATE message SET text = NULL WHERE row = ?1 AND text IS NOT NULL")?
            .execute([message])? as u64;
        desk.conn
            .prepare_cached("UPDATE part SET tpdu = NULL WHERE key BETWEEN ?1 AND ?2")?
            .execute(parts_of(*message))?;
    }
    retained.more |= old.len() as i64 >= STEP;
    if let Some(last) = old.last() {
        desk.conn
            .prepare_cached("UPDATE total SET texts = ?1")?
            .execute([last])?;
    }
    Ok(())
}

fn retain_facts(desk: &mut Desk<'_>, cutoff: i64, retained: &mut Retained) -> rusqlite::Result<()> {
    let old = old_messages(desk.conn, 0, cutoff)?;
    let mut gone = 0;
    for message in &old {
        if unsettled(desk.conn, *message)? {
            retained.kept += 1;
            continue;
        }
        remove_message(desk, *message)?;
        gone += 1;
    }
    retained.messages += gone;
    retained.more |= gone > 0 && old.len() as i64 >= STEP;
    Ok(())
}

/// The next messages after a row that were accepted before the cutoff.
fn old_messages(conn: &Connection, after: i64, cutoff: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT row, accepted_at FROM message WHERE row > ?1 ORDER BY row LIMIT ?2";
    oldest(conn, sql, (after, STEP), cutoff)
}

/// The rows of a query for row and time that are from before the cutoff. They come in the order in which they were made, so
/// the first younger one ends the search.
pub(crate) fn oldest(
    conn: &Connection,
    sql: &str,
    (after, most): (i64, i64),
    cutoff: i64,
) -> rusqlite::Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((after, most))?;
    let mut old = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= cutoff {
            break;
        }
        old.push(row.get(0)?);
    }
    Ok(old)
}

fn unsettled(conn: &Connection, message: i64) -> rusqlite::Result<bool> {
    let parts = PartRow::load_all(conn, message)?;
    Ok(parts.iter().any(|part| is_open(part.state)))
}

/// Removes an outgoing message with all that hangs on it.
pub(crate) fn remove_message(desk: &mut Desk<'_>, message: i64) -> rusqlite::Result<()> {
    for part in PartRow::load_all(desk.conn, message)? {
        if part.state == PartState::Queued {
            desk.memory.tally.leave(part.counted, part.state);
        }
    }
    let range = parts_of(message);
    desk.conn
        .prepare_cached("DELETE FROM part WHERE key BETWEEN ?1 AND ?2")?
        .execute(range)?;
    for sql in [
        "DELETE FROM history WHERE part BETWEEN ?1 AND ?2",
        "DELETE FROM journal_doubt WHERE part BETWEEN ?1 AND ?2",
        "DELETE FROM receipt WHERE part BETWEEN ?1 AND ?2",
    ] {
        desk.conn.prepare_cached(sql)?.execute(range)?;
    }
    for sql in [
        "DELETE FROM excluded WHERE message = ?1",
        "DELETE FROM message WHERE row = ?1",
    ] {
        desk.conn.prepare_cached(sql)?.execute([message])?;
    }
    Ok(())
}

fn retain_inbound(conn: &Connection, cutoff: i64, retained: &mut Retained) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached("SELECT cursor, received_at FROM inbound ORDER BY cursor LIMIT ?1")?;
    let mut rows = statement.query([STEP])?;
    let mut gone = 0;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= cutoff {
            break;
        }
        remove_inbound(conn, row.get(0)?)?;
        gone += 1;
    }
    retained.inbound += gone;
    retained.more |= i64::try_from(gone).is_ok_and(|gone| gone >= STEP);
    Ok(())
}

/// Removes a received message, its raw parts, and the event that tells of it.
pub(crate) fn remove_inbound(conn: &Connection, cursor: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM delivery WHERE consumer IN (SELECT row FROM consumer)
            AND event IN (SELECT row FROM event WHERE inbound = ?1)",
        "DELETE FROM event WHERE inbound = ?1",
        "DELETE FROM fragment WHERE cursor = ?1",
        "DELETE FROM inbound WHERE cursor = ?1",
    ] {
        conn.prepare_cached(sql)?.execute([cursor])?;
    }
    Ok(())
}

/// Removes an event that is no received message.
pub(crate) fn remove_event(conn: &Connection, event: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM delivery WHERE consumer IN (SELECT row FROM consumer) AND event = ?1")?
        .execute([event])?;
    conn.prepare_cached("DELETE FROM event WHERE row = ?1")?
        .execute([event])?;
    Ok(())
}

fn retain_alerts(conn: &Connection, cutoff: i64, retained: &mut Retained) -> rusqlite::Result<()> {
    let removed = past::retain_alerts(conn, cutoff)?;
    retained.alerts = removed.alerts;
    retained.more |= removed.more;
    Ok(())
}

/// Reports, events and spendings go with the facts. What tells of a received message or an alert goes with that.
fn retain_rest(conn: &Connection, cutoff: i64, retained: &mut Retained) -> rusqlite::Result<()> {
    let events: Vec<i64> = conn
        .prepare_cached(
            "SELECT row FROM event WHERE inbound IS NULL AND alert IS NULL AND at < ?1 ORDER BY at LIMIT ?2",
        )?
        .query_map((cutoff, STEP), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for event in &events {
        remove_event(conn, *event)?;
    }
    let reports = conn
        .prepare_cached(
            "DELETE FROM report WHERE row IN (SELECT row FROM (SELECT row, at FROM report ORDER BY row LIMIT ?2) WHERE at < ?1)",
        )?
        .execute((cutoff, STEP))?;
    retained.more |= [events.len(), reports].iter().any(|gone| *gone as i64 >= STEP);
    // The last of each SIM stays: what is asked and tested next follows from it.
    for sql in [
        "DELETE FROM balance WHERE at < ?1 AND row NOT IN (SELECT max(row) FROM balance GROUP BY route, micros IS NULL)",
        "DELETE FROM sim_probe WHERE at < ?1 AND row NOT IN (SELECT max(row) FROM sim_probe GROUP BY kind, route)",
    ] {
        conn.prepare_cached(sql)?.execute([cutoff])?;
    }
    conn.prepare_cached("DELETE FROM spending WHERE quarter < ?1")?
        .execute([cutoff.div_euclid(QUARTER_MS)])?;
    Ok(())
}

/// Messages one call looks at.
const STEP: i64 = 500;
const DAY_MS: i64 = 24 * 3_600_000;
