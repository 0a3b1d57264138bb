//! Reading received messages in the order of their completion, from either end.

use rusqlite::{Connection, Row};

use message::{Inbound, MessageId, Number, RouteId};

use super::complete::{kind, ports, waiting};
use crate::clock::{maybe_timestamp, timestamp};
use crate::names::Names;
use crate::outgoing::row::{alphabet, maybe_number, number};
use crate::reader::Glance;
use crate::{Error, Store};

/// Which received messages are looked at, and how many of them are wanted.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Completed after this cursor.
    pub after: i64,
    /// Completed at this cursor or before.
    pub upto: i64,
    /// From the newest back.
    pub backward: bool,
    /// So many at most.
    pub limit: usize,
    /// To these SIMs only.
    pub sims: Option<Vec<RouteId>>,
    /// To the SIM with this number only.
    pub number: Option<Number>,
}

/// What one look found, in the order in which it looked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// The messages that fit.
    pub found: Vec<Inbound>,
    /// How many were looked at.
    pub looked: usize,
    /// The cursor of the last one looked at, whether it fits or not.
    pub last: Option<i64>,
    /// Whether there may be more to look at behind it.
    pub more: bool,
}

impl Store {
    /// Looks at some thousand messages, and no more: whoever wants more looks again behind the last one. So a search through
    /// many never holds a reading connection for longer than a few milliseconds, and whoever searches decides how far.
    pub async fn look(&self, look: &Look) -> Result<Seen, Error> {
        let look = look.clone();
        self.read(move |glance| step(glance, &look)).await
    }

    /// At most `limit` messages completed after the cursor, oldest first; to these SIMs, or to the SIM with this number,
    /// where given. Looks at all there are, in steps, so that others can ask in between.
    pub async fn fetch(
        &self,
        after: i64,
        limit: usize,
        sims: Option<&[RouteId]>,
        number: Option<&Number>,
    ) -> Result<Vec<Inbound>, Error> {
        let mut look = Look {
            after,
            upto: i64::MAX,
            backward: false,
            limit,
            sims: sims.map(<[RouteId]>::to_vec),
            number: number.cloned(),
        };
        let mut found = Vec::new();
        loop {
            let seen = self.look(&look).await?;
            found.extend(seen.found);
            match seen.last.filter(|_| seen.more) {
                Some(last) if found.len() < limit => look.after = last,
                _ => return Ok(found),
            }
            look.limit = limit - found.len();
        }
    }
}

fn step(glance: &mut Glance<'_>, look: &Look) -> rusqlite::Result<Seen> {
    let sims = look.sims.as_deref().map(|sims| known(glance, sims)).transpose()?;
    let mut statement = glance.conn.prepare_cached(if look.backward { BACK } else { FORTH })?;
    let mut rows = statement.query((look.after, look.upto, i64::try_from(STEP).unwrap_or(i64::MAX)))?;
    let mut seen = Seen::default();
    while seen.found.len() < look.limit {
        let Some(row) = rows.next()? else { break };
        seen.looked += 1;
        seen.last = Some(row.get(0)?);
        let route: i64 = row.get(2)?;
        if sims.as_ref().is_some_and(|sims| !sims.contains(&route)) {
            continue;
        }
        if let Some(own) = &look.number
            && !maybe_number(row, 4)?.is_some_and(|to| to.matches(own))
        {
            continue;
        }
        seen.found.push(read_inbound(glance.conn, glance.names, row)?);
    }
    seen.more = seen.looked == STEP || seen.found.len() == look.limit;
    Ok(seen)
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
        waiting: row.get::<_, Option<i64>>(16)?.map(waiting),
    })
}

const FORTH: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at, parts,
        missing, text, data_hex, alphabet, network, ports, waiting
     FROM inbound WHERE cursor > ?1 AND cursor <= ?2 ORDER BY cursor LIMIT ?3";

const BACK: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at, parts,
        missing, text, data_hex, alphabet, network, ports, waiting
     FROM inbound WHERE cursor > ?1 AND cursor <= ?2 ORDER BY cursor DESC LIMIT ?3";

/// One received message.
pub(crate) const ONE: &str = "SELECT cursor, id, route, sender, own, kind, class, service_centre_time, received_at,
        parts, missing, text, data_hex, alphabet, network, ports, waiting
     FROM inbound WHERE cursor = ?1";
/// Messages looked at in one step.
const STEP: usize = 5000;
