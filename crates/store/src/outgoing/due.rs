//! What waits for its turn, and when the next turn comes.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use message::{MessageId, Priority, RouteId};

use super::row::{message_row, number, on_uncertain, parts_of, rank};
use super::{Attempting, DuePart, PartKey};
use crate::clock::{maybe_timestamp, millis, timestamp};
use crate::names::Names;
use crate::reader::Glance;
use crate::tally::is_open;
use crate::{Error, Store};

/// A query for the columns that [`read_due`] reads. The route of an attempt that came back as if it never was binds nothing.
macro_rules! select_due {
    ($rest:literal) => {
        concat!(
            "SELECT p.key, p.timer, p.attempts, iif(p.attempted_at IS NULL, NULL, p.route), p.tpdu, m.id, m.parts, m.priority, m.recipient, m.origin, ",
            "m.strict, m.report, m.expires_at, m.on_uncertain, m.token ",
            $rest
        )
    };
}

impl Store {
    /// At most `limit` queued parts whose time has come, by priority, then in the order of acceptance.
    pub async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DuePart>, Error> {
        self.read(move |glance| due(glance, millis(now), limit)).await
    }

    /// The parts that follow on `after` in the order of [`Store::due`], at most `limit`.
    pub async fn due_after(&self, after: (Priority, PartKey), limit: usize) -> Result<Vec<DuePart>, Error> {
        let (priority, key) = after;
        self.read(move |glance| ready(glance, (rank(priority.0), key.row()), limit))
            .await
    }

    /// The parts of a message that wait, in order, whether their time has come or not.
    pub async fn due_of(&self, message: MessageId) -> Result<Vec<DuePart>, Error> {
        self.read(move |glance| match message_row(glance.conn, message)? {
            Some(row) => of_message(glance.conn, glance.names, row),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// The earliest time at which [`Store::tick`] or [`Store::due`] will have something to do; it may lie in the past,
    /// and it may turn out that nothing was to do. Parts that are due at once are not among the reasons.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let swept = self.swept();
        self.read(move |glance| next_due(glance.conn, swept.min(millis(now))))
            .await
    }

    /// The parts with a modem on this route, and the uncertain ones that were: what the modem's memory may settle
    /// after a crash.
    pub async fn attempting_on(&self, route: &RouteId) -> Result<Vec<Attempting>, Error> {
        let route = route.clone();
        self.read(move |glance| attempting_on(glance, &route)).await
    }
}

fn due(glance: &mut Glance<'_>, now: i64, limit: usize) -> rusqlite::Result<Vec<DuePart>> {
    let limit_sql = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut parts = ready(glance, (-1, 0), limit)?;
    let mut later = glance.conn.prepare_cached(LATER)?;
    let mut rows = later.query([now, limit_sql])?;
    let mut merged = false;
    while let Some(row) = rows.next()? {
        parts.push(read_due(glance.conn, glance.names, row)?);
        merged = true;
    }
    if merged {
        parts.sort_by_key(|part| (std::cmp::Reverse(part.priority), part.key));
        parts.truncate(limit);
    }
    Ok(parts)
}

/// Parts that wait for nothing but their turn, after this rank and row.
fn ready(glance: &mut Glance<'_>, after: (i64, i64), limit: usize) -> rusqlite::Result<Vec<DuePart>> {
    let mut statement = glance.conn.prepare_cached(READY)?;
    let mut parts = Vec::new();
    for due in rank(u8::MAX)..=rank(0) {
        let behind = if due == after.0 { after.1 } else { 0 };
        if due < after.0 || parts.len() >= limit {
            continue;
        }
        let room = i64::try_from(limit - parts.len()).unwrap_or(i64::MAX);
        let mut rows = statement.query([due, behind, room])?;
        while let Some(row) = rows.next()? {
            parts.push(read_due(glance.conn, glance.names, row)?);
        }
    }
    Ok(parts)
}

/// The parts of the message in this row that wait, in order.
pub(crate) fn of_message(conn: &Connection, names: &mut Names, message: i64) -> rusqlite::Result<Vec<DuePart>> {
    let mut statement = conn.prepare_cached(OF_MESSAGE)?;
    let mut rows = statement.query(parts_of(message))?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(read_due(conn, names, row)?);
    }
    Ok(parts)
}

/// Reads a due part with what lies in other tables.
pub(crate) fn read_due(conn: &Connection, names: &mut Names, row: &Row<'_>) -> rusqlite::Result<DuePart> {
    let key = PartKey::of_row(row.get(0)?);
    let attempts: u32 = row.get(2)?;
    let parts: u8 = row.get(6)?;
    let own_route: Option<i64> = row.get(3)?;
    let bound = match own_route {
        None if parts > 1 => first_route(conn, key.message)?,
        own => own,
    };
    Ok(DuePart {
        key,
        message: MessageId::from_bytes(row.get(5)?),
        parts,
        priority: Priority(row.get(7)?),
        seq: key.message,
        to: number(row, 8)?,
        from: names.maybe_route(conn, row.get(9)?)?,
        strict: row.get(10)?,
        route: names.maybe_route(conn, bound)?,
        tpdu: row.get::<_, Option<Vec<u8>>>(4)?.unwrap_or_default(),
        report: row.get(11)?,
        expires_at: timestamp(row.get(12)?),
        due_at: maybe_timestamp(row.get(1)?),
        attempts,
        excluded: excluded(conn, names, key.message)?,
        on_uncertain: on_uncertain(row.get(13)?),
        token: names.token(conn, row.get(14)?)?,
    })
}

/// The route of the message's first attempted part.
fn first_route(conn: &Connection, message: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT route FROM part WHERE key BETWEEN ?1 AND ?2 AND route IS NOT NULL AND attempted_at IS NOT NULL
         ORDER BY key LIMIT 1",
    )?;
    let mut rows = statement.query(parts_of(message))?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

fn excluded(conn: &Connection, names: &mut Names, message: i64) -> rusqlite::Result<Vec<RouteId>> {
    let mut statement = conn.prepare_cached("SELECT route FROM excluded WHERE message = ?1")?;
    let mut rows = statement.query([message])?;
    let mut routes = Vec::new();
    while let Some(row) = rows.next()? {
        routes.push(names.route(conn, row.get(0)?)?);
    }
    Ok(routes)
}

fn next_due(conn: &Connection, swept: i64) -> rusqlite::Result<Option<Timestamp>> {
    let timer: Option<i64> = conn
        .prepare_cached(
            "SELECT min(at) FROM (SELECT min(timer) AS at FROM part WHERE state = 0 AND timer IS NOT NULL
             UNION ALL SELECT min(timer) FROM part WHERE state = 2 AND timer IS NOT NULL
             UNION ALL SELECT min(due_at) FROM assembly
             UNION ALL SELECT min(due) FROM receipt WHERE due IS NOT NULL)",
        )?
        .query_row([], |row| row.get(0))?;
    let expiry = next_expiry(conn, swept)?;
    Ok(timer.into_iter().chain(expiry).min().map(timestamp))
}

/// When the next message with a queued part expires. Looks at a bounded number of messages; where all of those are
/// settled, it gives the time of the last: whoever wakes then asks again.
fn next_expiry(conn: &Connection, swept: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT row, expires_at FROM message WHERE expires_at > ?1 ORDER BY expires_at LIMIT ?2")?;
    let mut rows = statement.query([swept, EXPIRY_LOOK])?;
    let mut looked = 0;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let expires_at: i64 = row.get(1)?;
        if has_open(conn, row.get(0)?)? {
            return Ok(Some(expires_at));
        }
        looked += 1;
        last = Some(expires_at);
    }
    Ok(last.filter(|_| looked == EXPIRY_LOOK))
}

fn has_open(conn: &Connection, message: i64) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare_cached("SELECT state FROM part WHERE key BETWEEN ?1 AND ?2")?;
    let mut rows = statement.query(parts_of(message))?;
    while let Some(row) = rows.next()? {
        if is_open(super::row::part_state(row, 0)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn attempting_on(glance: &mut Glance<'_>, route: &RouteId) -> rusqlite::Result<Vec<Attempting>> {
    let Some(route) = glance.names.find_route(glance.conn, route)? else {
        return Ok(Vec::new());
    };
    glance
        .conn
        .prepare_cached(
            "SELECT key, tpdu, attempted_at, state FROM part WHERE rank IN (8, 9) AND route = ?1
             UNION ALL
             SELECT key, tpdu, attempted_at, state FROM part WHERE state = 2 AND timer IS NOT NULL AND route = ?1
             ORDER BY key",
        )?
        .query_map([route], |row| {
            Ok(Attempting {
                key: PartKey::of_row(row.get(0)?),
                tpdu: row.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default(),
                since: timestamp(row.get::<_, Option<i64>>(2)?.unwrap_or(0)),
                state: super::row::part_state(row, 3)?,
            })
        })?
        .collect()
}

const READY: &str = select_due!(
    "FROM part p JOIN message m ON m.row = p.key >> 8
     WHERE p.rank = ?1 AND p.key > ?2 ORDER BY p.key LIMIT ?3"
);

const LATER: &str = select_due!(
    "FROM part p JOIN message m ON m.row = p.key >> 8
     WHERE p.state = 0 AND p.timer IS NOT NULL AND p.timer <= ?1 ORDER BY p.timer LIMIT ?2"
);

const OF_MESSAGE: &str = select_due!(
    "FROM part p JOIN message m ON m.row = p.key >> 8
     WHERE p.key BETWEEN ?1 AND ?2 AND p.state = 0 ORDER BY p.key"
);

/// Messages looked at to find the next that expires.
const EXPIRY_LOOK: i64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read_by_its_indexes_and_never_sorted() {
        let conn = Connection::open_in_memory().expect("opens");
        conn.execute_batch(include_str!("../schema/0001_first.sql"))
            .expect("laid out");
        for (sql, index) in [(READY, "part_work"), (LATER, "part_timer")] {
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("planned");
            let values = vec![1; plan.parameter_count()];
            let plan: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(values), |row| row.get(3))
                .and_then(Iterator::collect)
                .expect("planned");
            assert!(plan[0].contains(index), "{plan:?}");
            let slow = |line: &String| line.contains("TEMP B-TREE") || line.starts_with("SCAN");
            assert!(!plan.iter().any(slow), "{plan:?}");
        }
    }
}
