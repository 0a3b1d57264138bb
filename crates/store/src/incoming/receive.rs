//! Keeping what a modem handed over. After this the modem may delete or acknowledge it.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use message::{Committed, Concat, InboundKind, Payload, RawInbound, Reception, RouteId};

use super::Received;
use super::complete::{Whole, complete, complete_assembly};
use crate::clock::millis;
use crate::desk::Desk;
use crate::{Error, Store};

impl Store {
    /// Keeps a received PDU: recognises a twin, gathers the parts of a message, completes it when the last one came.
    pub async fn receive(
        &self,
        route: &RouteId,
        raw: RawInbound,
        payload: Payload,
        reception: Reception,
        at: Timestamp,
    ) -> Result<Committed<Received>, Error> {
        let route = route.clone();
        self.write(move |desk| {
            let arrival = Arrival {
                route: desk.memory.names.route_row(desk.conn, &route)?,
                pdu: &raw.pdu,
                payload: &payload,
                reception: &reception,
                at: millis(at),
            };
            receive(desk, &arrival)
        })
        .await
    }
}

/// A PDU on its way in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) route: i64,
    pub(crate) pdu: &'a [u8],
    pub(crate) payload: &'a Payload,
    pub(crate) reception: &'a Reception,
    pub(crate) at: i64,
}

fn receive(desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> rusqlite::Result<Received> {
    if is_twin(desk, arrival)? {
        return Ok(Received {
            twin: true,
            completed: None,
        });
    }
    let completed = match joint(arrival.payload) {
        Some(concat) => gather(desk, arrival, concat)?,
        None => Some(single(desk, arrival)?),
    };
    Ok(Received { twin: false, completed })
}

/// The concatenation, where there is one that makes sense. What does not is a message of its own (TS 23.040 9.2.3.24.1
/// says to ignore the element then).
fn joint(payload: &Payload) -> Option<Concat> {
    payload
        .concat
        .filter(|concat| payload.kind != InboundKind::Undecodable && concat.total > 1)
        .filter(|concat| (1..=concat.total).contains(&concat.sequence))
}

fn is_twin(desk: &Desk<'_>, arrival: &Arrival<'_>) -> rusqlite::Result<bool> {
    let row: Option<i64> = desk
        .conn
        .prepare_cached("SELECT row FROM fragment WHERE route = ?1 AND fingerprint = ?2")?
        .query_row((arrival.route, arrival.payload.fingerprint), |row| row.get(0))
        .optional()?;
    Ok(row.is_some())
}

fn single(desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> rusqlite::Result<message::Inbound> {
    let fragment = keep(desk, arrival, None, 1)?;
    let payload = arrival.payload;
    let whole = Whole {
        route: arrival.route,
        sender: payload.from.clone(),
        reception: arrival.reception.clone(),
        service_centre_time: payload.service_centre_time.map(millis),
        pdus: vec![Some(arrival.pdu.to_vec())],
        kind: payload.kind,
    };
    let inbound = complete(desk, &whole, arrival.at)?;
    desk.conn
        .prepare_cached("UPDATE fragment SET cursor = ?2 WHERE row = ?1")?
        .execute((fragment, inbound.cursor))?;
    Ok(inbound)
}

/// Puts a part to the others of its message.
fn gather(desk: &mut Desk<'_>, arrival: &Arrival<'_>, concat: Concat) -> rusqlite::Result<Option<message::Inbound>> {
    let (assembly, have) = match waiting_group(desk, arrival, concat)? {
        Some(group) => group,
        None => (open_group(desk, arrival, concat)?, 0),
    };
    keep(desk, arrival, Some(assembly), concat.sequence)?;
    if have + 1 >= i64::from(concat.total) {
        return complete_assembly(desk, assembly, arrival.at).map(Some);
    }
    desk.conn
        .prepare_cached("UPDATE assembly SET have = have + 1 WHERE row = ?1")?
        .execute([assembly])?;
    Ok(None)
}

/// The oldest open group of this reference that misses this part, with how many it has.
///
/// A part of the same sequence that is no twin has other content, so the reference was used again: that part begins a
/// group of its own. Groups do not grow old: those that wait too long are completed as overdue.
fn waiting_group(desk: &Desk<'_>, arrival: &Arrival<'_>, concat: Concat) -> rusqlite::Result<Option<(i64, i64)>> {
    desk.conn
        .prepare_cached(
            "SELECT row, have FROM assembly
             WHERE route = ?1 AND reference = ?2 AND sender = ?3 AND total = ?4 AND wide = ?5 AND due_at > ?7
               AND NOT EXISTS (SELECT 1 FROM fragment WHERE assembly = assembly.row AND sequence = ?6)
             ORDER BY row LIMIT 1",
        )?
        .query_row(
            (
                arrival.route,
                concat.reference,
                arrival.payload.from.to_string(),
                concat.total,
                concat.wide,
                concat.sequence,
                arrival.at,
            ),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

fn open_group(desk: &Desk<'_>, arrival: &Arrival<'_>, concat: Concat) -> rusqlite::Result<i64> {
    let wait = i64::from(desk.memory.config.fragment_wait_s) * 1000;
    desk.conn
        .prepare_cached(
            "INSERT INTO assembly (route, reference, wide, total, have, first_at, due_at, service_centre_time, sender, own,
                network)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            arrival.route,
            concat.reference,
            concat.wide,
            concat.total,
            arrival.at,
            arrival.at + wait,
            arrival.payload.service_centre_time.map(millis),
            arrival.payload.from.to_string(),
            arrival.reception.own.as_ref().map(ToString::to_string),
            &arrival.reception.network,
        ))?;
    Ok(desk.conn.last_insert_rowid())
}

fn keep(desk: &Desk<'_>, arrival: &Arrival<'_>, assembly: Option<i64>, sequence: u8) -> rusqlite::Result<i64> {
    desk.conn
        .prepare_cached(
            "INSERT INTO fragment (route, fingerprint, assembly, sequence, at, pdu) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            arrival.route,
            arrival.payload.fingerprint,
            assembly,
            sequence,
            arrival.at,
            arrival.pdu,
        ))?;
    Ok(desk.conn.last_insert_rowid())
}
