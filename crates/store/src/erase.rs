//! Erasing all that is known of a number, because its owner asks for it.
//!
//! A reader finds the rows, the writer removes them in steps; what is removed is overwritten in the file, and the log is
//! emptied when the store is idle next. The audit log keeps its entries without the number. The STOP list keeps its entry: it says that the owner wants nothing more.

use rusqlite::Connection;

use message::{Committed, Number, PartState};

use crate::alerts::past;
use crate::audit;
use crate::desk::Desk;
use crate::outgoing::row::{PartRow, number};
use crate::reader::Glance;
use crate::retention::{remove_event, remove_inbound, remove_message};
use crate::{Error, Retained, Store};

impl Store {
    /// Removes every message to and from a number, with reports and events, alerts that name it, and who was told
    /// of alerts that are closed. Messages that wait are removed unsent; one
    /// with a part at a modem, or uncertain, stays until that is settled ([`Retained::kept`]): call again then.
    pub async fn erase(&self, number: &Number) -> Result<Committed<Retained>, Error> {
        let who = number.clone();
        let found = self.read(move |glance| find(glance, &who)).await?;
        let mut total = Retained::default();
        for step in found.chunks(STEP) {
            let (step, who) = (step.to_vec(), number.clone());
            let done = self.write(move |desk| remove(desk, &step, &who)).await?.into_inner();
            total.messages += done.messages;
            total.inbound += done.inbound;
            total.kept += done.kept;
        }
        Ok(Committed::witnessed(total))
    }
}

/// A row that tells of the number.
#[derive(Debug, Clone, Copy)]
enum Trace {
    Message(i64),
    Inbound(i64),
    Assembly(i64),
    Report(i64),
    Receipt(i64),
    Audit(i64),
    Event(i64),
    Attendance(i64),
    Alert(i64),
    Incident(i64),
}

fn find(glance: &mut Glance<'_>, who: &Number) -> rusqlite::Result<Vec<Trace>> {
    let conn = glance.conn;
    let mut traces = Vec::new();
    let mut collect = |sql: &str, trace: fn(i64) -> Trace| -> rusqlite::Result<()> {
        let mut statement = conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if number(row, 1)?.matches(who) {
                traces.push(trace(row.get(0)?));
            }
        }
        Ok(())
    };
    collect("SELECT row, recipient FROM message", Trace::Message)?;
    collect("SELECT cursor, sender FROM inbound", Trace::Inbound)?;
    collect("SELECT row, sender FROM assembly", Trace::Assembly)?;
    collect("SELECT row, recipient FROM report", Trace::Report)?;
    collect(
        "SELECT row, recipient FROM receipt WHERE recipient IS NOT NULL",
        Trace::Receipt,
    )?;
    collect("SELECT row, sender FROM attendance_event", Trace::Attendance)?;
    // A device may have sent it from another number than its owner's.
    collect("SELECT event, sender FROM attendance_state", Trace::Attendance)?;
    for (sql, trace) in [
        (
            "SELECT row FROM event WHERE body IS NOT NULL AND instr(body, ?1) > 0",
            Trace::Event as fn(i64) -> Trace,
        ),
        ("SELECT number FROM alert WHERE instr(body, ?1) > 0", Trace::Alert),
        (
            "SELECT incident FROM alert_notice n JOIN incident i ON i.row = n.incident
             WHERE i.open = 0 AND instr(recipient, ?1) > 0",
            Trace::Incident,
        ),
    ] {
        let mut found = conn.prepare(sql)?;
        let mut rows = found.query([who.digits()])?;
        while let Some(row) = rows.next()? {
            traces.push(trace(row.get(0)?));
        }
    }
    traces.extend(audit::traces(conn, who)?.into_iter().map(Trace::Audit));
    Ok(traces)
}

fn remove(desk: &mut Desk<'_>, traces: &[Trace], who: &Number) -> rusqlite::Result<Retained> {
    desk.conn.pragma_update(None, "secure_delete", "on")?;
    let removed = remove_all(desk, traces, who);
    desk.conn.pragma_update(None, "secure_delete", "fast")?;
    removed
}

fn remove_all(desk: &mut Desk<'_>, traces: &[Trace], who: &Number) -> rusqlite::Result<Retained> {
    let mut retained = Retained::default();
    desk.memory.erased = true;
    for trace in traces {
        match *trace {
            Trace::Message(row) if at_modem(desk.conn, row)? => retained.kept += 1,
            Trace::Message(row) => {
                remove_message(desk, row)?;
                retained.messages += 1;
            }
            Trace::Inbound(cursor) => {
                remove_inbound(desk.conn, cursor)?;
                retained.inbound += 1;
            }
            Trace::Assembly(row) => remove_assembly(desk.conn, row)?,
            Trace::Event(row) => remove_event(desk.conn, row)?,
            Trace::Attendance(row) => remove_attendance(desk.conn, row)?,
            Trace::Alert(number) => past::remove(desk.conn, number)?,
            Trace::Incident(row) => {
                desk.conn
                    .prepare_cached("DELETE FROM alert_notice WHERE incident = ?1")?
                    .execute([row])?;
            }
            Trace::Audit(row) => audit::erase(desk.conn, row, who)?,
            Trace::Receipt(row) => {
                desk.conn
                    .prepare_cached("DELETE FROM receipt WHERE row = ?1")?
                    .execute([row])?;
            }
            Trace::Report(row) => {
                desk.conn
                    .prepare_cached("DELETE FROM report WHERE row = ?1")?
                    .execute([row])?;
            }
        }
    }
    Ok(retained)
}

fn at_modem(conn: &Connection, message: i64) -> rusqlite::Result<bool> {
    let parts = PartRow::load_all(conn, message)?;
    Ok(parts
        .iter()
        .any(|part| matches!(part.state, PartState::Attempting | PartState::Uncertain)))
}

fn remove_assembly(conn: &Connection, assembly: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM fragment WHERE assembly = ?1")?
        .execute([assembly])?;
    conn.prepare_cached("DELETE FROM assembly WHERE row = ?1")?
        .execute([assembly])?;
    Ok(())
}

/// The state tells of the last request, so it goes with it.
fn remove_attendance(conn: &Connection, row: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM attendance_state WHERE event = ?1",
        "DELETE FROM attendance_event WHERE row = ?1",
    ] {
        conn.prepare_cached(sql)?.execute([row])?;
    }
    Ok(())
}

/// Rows removed in one transaction.
const STEP: usize = 200;
