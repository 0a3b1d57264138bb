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
    /// where given. Looks in steps, so that others can ask in between.
    pub async fn fetch(
        &self,
        after: i64,
        limit: usize,
        sims: Option<&[RouteId]>,
        number: Option<&Number>,
    ) -> Result<Vec<Inbound>, Error> {
        let mut wish = Wish {
            after,
            limit,
            sims: sims.map(<[RouteId]>::to_vec),
            number: number.cloned(),
        };
        let mut found = Vec::new();
        loop {
            let step = wish.clone();
            let (more, last) = self.read(move |glance| fetch(glance, &step)).await?;
            found.extend(more);
            match last {
                Some(last) if found.len() < limit => wish.after = last,
                _ => return Ok(found),
            }
            wish.limit = limit - found.len();
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone)]
struct Wish {
    after: i64,
    limit: usize,
    sims: Option<Vec<RouteId>>,
    number: Option<Number>,
}

/// One step: what was found, and the cursor to go on from where more is to be looked at.
fn fetch(glance: &mut Glance<'_>, wish: &Wish) -> rusqlite::Result<(Vec<Inbound>, Option<i64>)> {
    let sims = wish.sims.as_deref().map(|sims| known(glance, sims)).transpose()?;
    let mut statement = glance.conn.prepare_cached(AFTER)?;
    let mut rows = statement.query((wish.after, STEP))?;
    let mut found = Vec::new();
    let mut looked = 0;
    let mut last = None;
    while found.len() < wish.limit {
        let Some(row) = rows.next()? else { break };
        looked += 1;
        last = Some(row.get(0)?);
        let route: i64 = row.get(2)?;
        if sims.as_ref().is_some_and(|sims| !sims.contains(&route)) {
            continue;
        }
        if let Some(own) = &wish.number
            && !maybe_number(row, 4)?.is_some_and(|to| to.matches(own))
        {
            continue;
        }
        found.push(read_inbound(glance.conn, glance.names, row)?);
    }
    Ok((found, last.filter(|_| looked == STEP)))
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
     FROM inbound WHERE cursor > ?1 ORDER BY cursor LIMIT ?2";

/// One received message.
pub(crate) const ONE: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at,
        parts, missing, text, data_hex
     FROM inbound WHERE cursor = ?1";
/// Messages looked at in one step.
const STEP: i64 = 5000;
