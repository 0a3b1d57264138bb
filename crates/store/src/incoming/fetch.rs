//! Reading received messages in the order of their completion, from either end.

use rusqlite::{Connection, Row};

use message::{Inbound, MessageId, Number, RouteId};

use super::complete::{kind, ports};
use crate::clock::{maybe_timestamp, timestamp};
use crate::names::Names;
use crate::outgoing::row::{alphabet, maybe_number, number};
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
        let wish = Wish {
            after,
            upto: i64::MAX,
            backward: false,
            limit,
            sims: sims.map(<[RouteId]>::to_vec),
            number: number.cloned(),
        };
        self.look(wish).await
    }

    /// At most `limit` messages completed after one cursor and not after the other, **newest first**; to these SIMs where
    /// given. Looks in steps as [`Store::fetch`] does.
    pub async fn fetch_back(
        &self,
        after: i64,
        upto: i64,
        limit: usize,
        sims: Option<&[RouteId]>,
    ) -> Result<Vec<Inbound>, Error> {
        let wish = Wish {
            after,
            upto,
            backward: true,
            limit,
            sims: sims.map(<[RouteId]>::to_vec),
            number: None,
        };
        self.look(wish).await
    }

    async fn look(&self, mut wish: Wish) -> Result<Vec<Inbound>, Error> {
        let limit = wish.limit;
        let mut found = Vec::new();
        loop {
            let step = wish.clone();
            let (more, last) = self.read(move |glance| fetch(glance, &step)).await?;
            found.extend(more);
            match last {
                Some(last) if found.len() < limit => wish.go_on(last),
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
    upto: i64,
    backward: bool,
    limit: usize,
    sims: Option<Vec<RouteId>>,
    number: Option<Number>,
}

impl Wish {
    /// Leaves out what has been looked at: all up to this cursor, or down to it.
    fn go_on(&mut self, looked_at: i64) {
        match self.backward {
            false => self.after = looked_at,
            true => self.upto = looked_at - 1,
        }
    }
}

/// One step: what was found, and the cursor to go on from where more is to be looked at.
fn fetch(glance: &mut Glance<'_>, wish: &Wish) -> rusqlite::Result<(Vec<Inbound>, Option<i64>)> {
    let sims = wish.sims.as_deref().map(|sims| known(glance, sims)).transpose()?;
    let mut statement = glance.conn.prepare_cached(if wish.backward { BACK } else { FORTH })?;
    let mut rows = statement.query((wish.after, wish.upto, STEP))?;
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
        alphabet: row.get::<_, Option<u8>>(13)?.map(alphabet),
        network: row.get(14)?,
        ports: row.get::<_, Option<i64>>(15)?.map(ports),
    })
}

const FORTH: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at, parts,
        missing, text, data_hex, alphabet, network, ports
     FROM inbound WHERE cursor > ?1 AND cursor <= ?2 ORDER BY cursor LIMIT ?3";

const BACK: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at, parts,
        missing, text, data_hex, alphabet, network, ports
     FROM inbound WHERE cursor > ?1 AND cursor <= ?2 ORDER BY cursor DESC LIMIT ?3";

/// One received message.
pub(crate) const ONE: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at,
        parts, missing, text, data_hex, alphabet, network, ports
     FROM inbound WHERE cursor = ?1";
/// Messages looked at in one step.
const STEP: i64 = 5000;
