//! A received message is complete, or overdue: its text is joined, it gets its cursor, its event and the deliveries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Row, params};

use message::{Inbound, InboundKind, MessageId, Number, Ports, Reception, Waiting, WaitingFor};

use super::{Joined, Joiner};
use crate::clock::{maybe_timestamp, timestamp};
use crate::desk::Desk;
use crate::events;
use crate::outgoing::row::{alphabet_code, maybe_number, number};
use crate::tally::Total;

/// All there is of a message.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) route: i64,
    pub(crate) sender: Number,
    pub(crate) reception: Reception,
    pub(crate) service_centre_time: Option<i64>,
    pub(crate) pdus: Vec<Option<Vec<u8>>>,
    /// What the gateway took it for: what nobody could decode is shown raw, and of a test of our own nobody is told.
    pub(crate) kind: InboundKind,
}

/// Completes the groups that waited too long, at most `limit`.
pub(crate) fn overdue(desk: &mut Desk<'_>, now: i64, limit: u32) -> rusqlite::Result<Vec<Inbound>> {
    let groups: Vec<i64> = desk
        .conn
        .prepare_cached("SELECT row FROM assembly WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2")?
        .query_map((now, limit), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    groups
        .into_iter()
        .map(|group| complete_assembly(desk, group, now))
        .collect()
}

/// Completes a group with the parts it has.
pub(crate) fn complete_assembly(desk: &mut Desk<'_>, assembly: i64, at: i64) -> rusqlite::Result<Inbound> {
    let mut whole = desk
        .conn
        .prepare_cached("SELECT route, sender, own, service_centre_time, total, network FROM assembly WHERE row = ?1")?
        .query_row([assembly], read_group)?;
    let mut statement = desk
        .conn
        .prepare_cached("SELECT sequence, pdu FROM fragment WHERE assembly = ?1")?;
    let mut rows = statement.query([assembly])?;
    while let Some(row) = rows.next()? {
        let sequence: u8 = row.get(0)?;
        if let Some(place) = whole.pdus.get_mut(usize::from(sequence.saturating_sub(1))) {
            *place = Some(row.get(1)?);
        }
    }
    let inbound = complete(desk, &whole, at)?;
    desk.conn
        .prepare_cached("UPDATE fragment SET assembly = NULL, cursor = ?2 WHERE assembly = ?1")?
        .execute((assembly, inbound.cursor))?;
    desk.conn
        .prepare_cached("DELETE FROM assembly WHERE row = ?1")?
        .execute([assembly])?;
    Ok(inbound)
}

fn read_group(row: &Row<'_>) -> rusqlite::Result<Whole> {
    Ok(Whole {
        route: row.get(0)?,
        sender: number(row, 1)?,
        reception: Reception {
            own: maybe_number(row, 2)?,
            network: row.get(5)?,
        },
        service_centre_time: row.get(3)?,
        pdus: vec![None; usize::from(row.get::<_, u8>(4)?)],
        kind: InboundKind::Text,
    })
}

/// Makes a message of its parts: text, cursor, event and deliveries.
pub(crate) fn complete(desk: &mut Desk<'_>, whole: &Whole, at: i64) -> rusqlite::Result<Inbound> {
    let joined = match whole.kind {
        InboundKind::Undecodable => raw(&whole.pdus),
        _ => join(&desk.memory.join, &whole.pdus),
    };
    desk.memory.cursor += 1;
    let missing = whole.pdus.iter().filter(|pdu| pdu.is_none()).count();
    let inbound = Inbound {
        id: MessageId::fresh(),
        cursor: desk.memory.cursor,
        sim: desk.memory.names.route(desk.conn, whole.route)?,
        from: whole.sender.clone(),
        to: whole.reception.own.clone(),
        text: joined.text,
        kind: match whole.kind {
            InboundKind::Probe => whole.kind,
            _ => joined.kind,
        },
        class: joined.class,
        alphabet: joined.alphabet,
        network: whole.reception.network.clone(),
        data_hex: joined.data_hex,
        ports: joined.ports,
        waiting: joined.waiting,
        service_centre_time: maybe_timestamp(whole.service_centre_time),
        received_at: timestamp(at),
        parts: u8::try_from(whole.pdus.len()).unwrap_or(u8::MAX),
        missing: u8::try_from(missing).unwrap_or(u8::MAX),
    };
    insert(desk, whole, &inbound, at)?;
    desk.memory.tally.add_on(Some(whole.route), Total::Received);
    if inbound.kind.is_shown() {
        events::add_message(desk, inbound.cursor, at)?;
    }
    Ok(inbound)
}

fn insert(desk: &Desk<'_>, whole: &Whole, inbound: &Inbound, at: i64) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached(
            "INSERT INTO inbound (cursor, id, route, sender, own, kind, class, service_centre_time, received_at, parts,
                missing, text, data_hex, alphabet, network, ports, waiting)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            inbound.cursor,
            inbound.id.as_bytes(),
            whole.route,
            whole.sender.to_string(),
            whole.reception.own.as_ref().map(ToString::to_string),
            kind_code(inbound.kind),
            inbound.class,
            whole.service_centre_time,
            at,
            inbound.parts,
            inbound.missing,
            &inbound.text,
            &inbound.data_hex,
            inbound.alphabet.map(alphabet_code),
            &inbound.network,
            inbound.ports.map(ports_code),
            inbound.waiting.map(waiting_code),
        ])?;
    Ok(())
}

/// Joins; a joiner that gives up in the middle must not take the writer with it, and the octets are shown raw then.
fn join(joiner: &Joiner, pdus: &[Option<Vec<u8>>]) -> Joined {
    catch_unwind(AssertUnwindSafe(|| joiner(pdus))).unwrap_or_else(|_| {
        tracing::error!("a received message could not be joined; it is kept raw");
        raw(pdus)
    })
}

/// A message nobody can read: its octets as they came.
fn raw(pdus: &[Option<Vec<u8>>]) -> Joined {
    let octets = pdus.iter().flatten().flatten();
    Joined {
        text: String::new(),
        kind: InboundKind::Undecodable,
        class: None,
        alphabet: None,
        data_hex: Some(octets.map(|octet| format!("{octet:02X}")).collect()),
        ports: None,
        waiting: None,
    }
}

/// As it is kept: see `0023_waiting.sql`.
fn waiting_code(waiting: Waiting) -> i64 {
    let flags = [(waiting.active, 4), (waiting.discard, 8), (waiting.count.is_some(), 16)];
    let flags: i64 = flags.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum();
    waiting.what as i64 | flags | i64::from(waiting.count.unwrap_or_default()) << 8
}

/// As it was kept.
pub(crate) fn waiting(code: i64) -> Waiting {
    let [.., count, low] = code.to_be_bytes();
    Waiting {
        what: WaitingFor::ALL[usize::from(low & 3)],
        active: low & 4 != 0,
        discard: low & 8 != 0,
        count: (low & 16 != 0).then_some(count),
    }
}

/// As they are kept: the width above 32 bits, of which the upper half is the receiver's.
fn ports_code(ports: Ports) -> i64 {
    i64::from(ports.bits) << 32 | i64::from(ports.destination) << 16 | i64::from(ports.source)
}

/// As they were kept.
pub(crate) fn ports(code: i64) -> Ports {
    let [_, _, _, bits, high, low, source_high, source_low] = code.to_be_bytes();
    Ports {
        destination: u16::from_be_bytes([high, low]),
        source: u16::from_be_bytes([source_high, source_low]),
        bits,
    }
}

/// As it is kept.
pub(crate) fn kind_code(kind: InboundKind) -> u8 {
    match kind {
        InboundKind::Text => 0,
        InboundKind::Data => 1,
        InboundKind::WapPush => 2,
        InboundKind::Waiting => 3,
        InboundKind::Undecodable => 4,
        InboundKind::Probe => 5,
        InboundKind::Silent => 6,
        InboundKind::SimData => 7,
        InboundKind::Device => 8,
    }
}

/// As it was kept.
pub(crate) fn kind(code: u8) -> InboundKind {
    match code {
        0 => InboundKind::Text,
        1 => InboundKind::Data,
        2 => InboundKind::WapPush,
        3 => InboundKind::Waiting,
        5 => InboundKind::Probe,
        6 => InboundKind::Silent,
        7 => InboundKind::SimData,
        8 => InboundKind::Device,
        _ => InboundKind::Undecodable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_as_they_were_kept() {
        use InboundKind::*;
        for given in [
            Text,
            Data,
            WapPush,
            Waiting,
            Undecodable,
            Probe,
            Silent,
            SimData,
            Device,
        ] {
            assert_eq!(kind(kind_code(given)), given);
        }
    }

    #[test]
    fn what_waits_comes_back_as_it_was_kept() {
        for what in WaitingFor::ALL {
            for (active, discard, count) in [(true, false, Some(255)), (false, true, None), (true, true, Some(0))] {
                let given = Waiting {
                    what,
                    active,
                    count,
                    discard,
                };
                assert_eq!(waiting(waiting_code(given)), given);
            }
        }
    }

    #[test]
    fn ports_come_back_as_they_were_kept() {
        for (destination, source, bits) in [(2948, 9200, 16), (u16::MAX, u16::MAX, 16), (240, 0, 8)] {
            let given = Ports {
                destination,
                source,
                bits,
            };
            assert_eq!(ports(ports_code(given)), given);
        }
    }
}
