//! A clock that was set: what is on record about it, and deadlines that move with it.

use jiff::{SignedDuration, Timestamp};

use message::Committed;

use crate::clock::{maybe_timestamp, millis};
use crate::desk::Desk;
use crate::reader::Glance;
use crate::{Error, Store};

impl Store {
    /// The latest time on record by the clock as it was set last: of a message that was accepted or received, or of the
    /// setting.
    pub async fn newest(&self) -> Result<Option<Timestamp>, Error> {
        self.read(newest).await
    }

    /// Moves what waits by as much as the clock was set by, so that it waits as long as before: ends of validity, retries,
    /// uncertain parts, missing parts of received messages, deliveries. Incidents of alerts follow ([`crate::AlertsLeft::behind`]). What is to be sent at a time stays there. How many
    /// rows were moved.
    pub async fn move_deadlines(&self, by: SignedDuration, now: Timestamp) -> Result<Committed<u64>, Error> {
        let (by, now) = (i64::try_from(by.as_millis()).unwrap_or(0), millis(now));
        self.write(move |desk| move_deadlines(desk, by, now)).await
    }
}

fn newest(glance: &mut Glance<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let newest: Option<i64> = glance.conn.query_row(
        "SELECT max(at) FROM (
            SELECT accepted_at AS at FROM (SELECT accepted_at FROM message
                WHERE row > (SELECT message FROM clock_mark) ORDER BY row DESC LIMIT 1)
            UNION ALL
            SELECT received_at FROM (SELECT received_at FROM inbound
                WHERE cursor > (SELECT inbound FROM clock_mark) ORDER BY cursor DESC LIMIT 1)
            UNION ALL
            SELECT at FROM clock_mark)",
        [],
        |row| row.get(0),
    )?;
    Ok(maybe_timestamp(newest))
}

fn move_deadlines(desk: &mut Desk<'_>, by: i64, now: i64) -> rusqlite::Result<u64> {
    let mut moved = 0;
    for sql in DEADLINES {
        moved += desk.conn.prepare_cached(sql)?.execute((by, now))?;
    }
    // What is on record up to here says nothing of the clock as it is now: a start must not find this jump once more.
    desk.conn
        .prepare_cached(
            "UPDATE clock_mark SET shifted = shifted + ?1, at = ?2,
                message = (SELECT coalesce(max(row), 0) FROM message),
                inbound = (SELECT coalesce(max(cursor), 0) FROM inbound)",
        )?
        .execute((by, now))?;
    // Validities may end before what was looked at last.
    desk.memory.swept = desk.memory.swept.min((now - by.abs(), i64::MAX));
    Ok(moved as u64)
}

/// `?1`: by how much; `?2`: now, by the clock as it was set. A message that is to be sent at a time to come keeps that time
/// and its validity after it.
const DEADLINES: [&str; 5] = [
    "UPDATE message SET expires_at = expires_at + ?1
     WHERE coalesce(send_at, 0) <= ?2 - ?1 AND row IN
        (SELECT key >> 8 FROM part WHERE rank IS NOT NULL UNION SELECT key >> 8 FROM part WHERE timer IS NOT NULL)",
    "UPDATE part SET timer = timer + ?1
     WHERE timer IS NOT NULL AND (SELECT coalesce(send_at, 0) <= ?2 - ?1 FROM message WHERE row = part.key >> 8)",
    "UPDATE assembly SET due_at = due_at + ?1 WHERE ?2 > 0",
    "UPDATE delivery SET due_at = due_at + ?1 WHERE state = 0 AND ?2 > 0",
    "UPDATE receipt SET due = due + ?1 WHERE due IS NOT NULL AND ?2 > 0",
];
