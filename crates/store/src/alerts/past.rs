//! How alerts go: pictures first, the alerts with their incidents later, each step bounded.

use rusqlite::Connection;

use super::images_of;
use crate::retention::oldest;

/// Removes the pictures of alerts from before the cutoff; whether more are to go than one call removes.
pub(crate) fn retain_pictures(conn: &Connection, cutoff: i64) -> rusqlite::Result<bool> {
    let mark: i64 = conn.query_row("SELECT images FROM alert_mark", [], |row| row.get(0))?;
    let old = old(conn, mark, cutoff)?;
    let Some(last) = old.last() else { return Ok(false) };
    conn.prepare_cached("DELETE FROM alert_image WHERE key BETWEEN ?1 AND ?2")?
        .execute((images_of(mark).1 + 1, images_of(*last).1))?;
    conn.prepare_cached("UPDATE alert_mark SET images = ?1")?
        .execute([last])?;
    Ok(i64::try_from(old.len()).is_ok_and(|count| count >= STEP))
}

/// What one call removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed {
    /// So many alerts.
    pub(crate) alerts: u64,
    /// Whether more are to go than one call removes.
    pub(crate) more: bool,
}

/// Removes alerts from before the cutoff that were worked and of whose incidents nothing follows any more. One that
/// waits holds nobody else up.
pub(crate) fn retain_alerts(conn: &Connection, cutoff: i64) -> rusqlite::Result<Removed> {
    let settled = settled(conn, cutoff)?;
    for number in &settled {
        remove(conn, *number)?;
    }
    Ok(Removed {
        alerts: settled.len() as u64,
        more: settled.len() as i64 >= STEP,
    })
}

/// The numbers of the oldest alerts that may go. Numbers grow with time, so the first younger one ends the search.
fn settled(conn: &Connection, cutoff: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT number, at, EXISTS (SELECT 1 FROM alert_incident l JOIN incident i ON i.row = l.incident
             WHERE l.alert = alert.number AND i.open = 1)
         FROM alert WHERE number <= (SELECT worked FROM alert_mark) ORDER BY number",
    )?;
    let mut rows = statement.query([])?;
    let mut settled = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= cutoff || settled.len() as i64 >= STEP {
            break;
        }
        if !row.get::<_, bool>(2)? {
            settled.push(row.get(0)?);
        }
    }
    Ok(settled)
}

/// Removes an alert with all that hangs on it. What it shares with others goes with it when it opened it.
pub(crate) fn remove(conn: &Connection, number: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM alert_image WHERE key BETWEEN ?1 AND ?2")?
        .execute(images_of(number))?;
    for sql in [
        "DELETE FROM alert_notice WHERE incident IN (SELECT row FROM incident WHERE number = ?1)",
        "DELETE FROM incident WHERE number = ?1",
        "DELETE FROM alert_incident WHERE alert = ?1",
        "DELETE FROM delivery WHERE consumer IN (SELECT row FROM consumer)
            AND event IN (SELECT row FROM event WHERE alert = ?1)",
        "DELETE FROM event WHERE alert = ?1",
        "DELETE FROM alert WHERE number = ?1",
    ] {
        conn.prepare_cached(sql)?.execute([number])?;
    }
    Ok(())
}

/// The numbers of the alerts after one that came before the cutoff.
fn old(conn: &Connection, after: i64, cutoff: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT number, at FROM alert WHERE number > ?1 ORDER BY number LIMIT ?2";
    oldest(conn, sql, (after, STEP), cutoff)
}

/// Alerts one call looks at.
const STEP: i64 = 500;
