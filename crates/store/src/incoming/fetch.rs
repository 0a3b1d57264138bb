//! Reading received messages in the order of their completion.

use rusqlite::{Connection, Row};

use message::{Inbound, MessageId, Number, RouteId};

use super::complete::kind;
use crate::clock::{maybe_timestamp, timestamp};
use crate::names::Names;
use crate::outgoing::row::{maybe_number, number};
use crate::reader::Glance;
use crate::{Error, Store};

impl Store {
    /// At most `limit` messages completed after the cursor, oldest first; to these SIMs, or to the SIM with this number,
    /// where given.
    pub async fn fetch(
        &self,
        after: i64,
        limit: usize,
        sims: Option<&[RouteId]>,
        number: Option<&Number>,
    ) -> Result<Vec<Inbound>, Error> {
        let (sims, number) = (sims.map(<[RouteId]>::to_vec), number.cloned());
        self.read(move |glance| fetch(glance, after, limit, sims.as_deref(), number.as_ref()))
            .await
    }
}

fn fetch(
    glance: &mut Glance<'_>,
    after: i64,
    limit: usize,
    sims: Option<&[RouteId]>,
    own: Option<&Number>,
) -> rusqlite::Result<Vec<Inbound>> {
    let sims = sims.map(|sims| known(glance, sims)).transpose()?;
    let mut statement = glance.conn.prepare_cached(AFTER)?;
    let mut rows = statement.query([after])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let route: i64 = row.get(2)?;
        if sims.as_ref().is_some_and(|sims| !sims.contains(&route)) {
            continue;
        }
        if let Some(own) = own
            && !maybe_number(row, 4)?.is_some_and(|to| to.matches(own))
        {
            continue;
        }
        found.push(read_inbound(glance.conn, glance.names, row)?);
    }
    Ok(found)
}

fn known(glance: &mut Glance<'_>, sims: &[RouteId]) -> rusqlite::Result<Vec<i64>> {
    let mut rows = Vec::with_capacity(sims.len());
    for sim in sims {
        rows.extend(glance.names.find_route(glance.conn, sim)?);
    }
    Ok(rows)
}

/// Reads a received message.
pub(crate) fn read_inbound(conn: &Connection, names: &mut Names, row: &Row<'_>) -> rusqlite::Result<Inbound> {
    Ok(Inbound {
        cursor: row.get(0)?,
        id: MessageId::from_bytes(row.get(1)?),
        sim: names.route(conn, row.get(2)?)?,
        from: number(row, 3)?,
        to: maybe_number(row, 4)?,
        kind: kind(row.get(5)?),
        class: row.get(6)?,
        service_centre_time: maybe_timestamp(row.get(7)?),
        received_at: timestamp(row.get(8)?),
        parts: row.get(9)?,
        missing: row.get(10)?,
        text: row.get(11)?,
        data_hex: row.get(12)?,
    })
}

const AFTER: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at, parts,
        missing, text, data_hex
     FROM inbound WHERE cursor > ?1 ORDER BY cursor";

/// One received message.
pub(crate) const ONE: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at,
        parts, missing, text, data_hex
     FROM inbound WHERE cursor = ?1";
