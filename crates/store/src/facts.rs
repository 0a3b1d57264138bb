//! Figures: what waits, what was counted, what was sent and spent.

use std::sync::PoisonError;

use jiff::Timestamp;

use message::{Number, QueueFacts, RouteId, TokenId, Totals};

use crate::clock::{maybe_timestamp, millis, timestamp};
use crate::outgoing::QUARTER_MS;
use crate::outgoing::row::number;
use crate::reader::Glance;
use crate::{Error, Store};

impl Store {
    /// How full the queue is.
    pub async fn queue_facts(&self) -> Result<QueueFacts, Error> {
        let oldest = self.read(|glance| oldest(glance)).await?;
        let mut facts = {
            let counts = self.shared().counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.queue.clone()
        };
        facts.oldest = oldest;
        Ok(facts)
    }

    /// What was counted since the database was made, as of the last commit.
    pub async fn totals(&self) -> Result<Totals, Error> {
        let counts = self.shared().counts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(counts.totals.clone())
    }

    /// What went out on a route since then, oldest first: when, and to whom. Parts of messages that retention removed
    /// are not among them.
    pub async fn sent_since(&self, route: &RouteId, since: Timestamp) -> Result<Vec<(Timestamp, Number)>, Error> {
        let route = route.clone();
        self.read(move |glance| sent_since(glance, &route, millis(since))).await
    }

    /// How many status reports since then fitted no part, or more than one.
    pub async fn unmatched_reports(&self, since: Timestamp) -> Result<u64, Error> {
        self.read(move |glance| {
            let count: u32 = glance
                .conn
                .prepare_cached("SELECT count(*) FROM report WHERE part IS NULL AND at >= ?1")?
                .query_row([millis(since)], |row| row.get(0))?;
            Ok(count.into())
        })
        .await
    }

    /// What a token's parts cost since the quarter of an hour that holds `since`, in millionths of the currency.
    pub async fn spent(&self, token: &TokenId, since: Timestamp) -> Result<i64, Error> {
        let token = token.clone();
        self.read(move |glance| {
            let Some(token) = glance.names.find_token(glance.conn, &token)? else {
                return Ok(0);
            };
            glance
                .conn
                .prepare_cached("SELECT coalesce(sum(micros), 0) FROM spending WHERE token = ?1 AND quarter >= ?2")?
                .query_row((token, millis(since).div_euclid(QUARTER_MS)), |row| row.get(0))
        })
        .await
    }
}

/// When the oldest waiting part was accepted: the first of each rank, and the first by time.
fn oldest(glance: &Glance<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let row: Option<i64> = glance
        .conn
        .prepare_cached(
            "SELECT min(key) >> 8 FROM (
                 SELECT min(key) AS key FROM part WHERE rank = 0 UNION ALL
                 SELECT min(key) FROM part WHERE rank = 1 UNION ALL
                 SELECT min(key) FROM part WHERE rank = 2 UNION ALL
                 SELECT min(key) FROM part WHERE rank = 3 UNION ALL
                 SELECT min(key) FROM (SELECT key FROM part WHERE state = 0 AND timer IS NOT NULL
                                       ORDER BY timer LIMIT 100))",
        )?
        .query_row([], |row| row.get(0))?;
    let Some(row) = row else { return Ok(None) };
    let at: Option<i64> = glance
        .conn
        .prepare_cached("SELECT max(accepted_at) FROM message WHERE row = ?1")?
        .query_row([row], |found| found.get(0))?;
    Ok(maybe_timestamp(at))
}

/// One look per reference: that is how the index lies which the hot path can afford.
fn sent_since(glance: &mut Glance<'_>, route: &RouteId, since: i64) -> rusqlite::Result<Vec<(Timestamp, Number)>> {
    let Some(route) = glance.names.find_route(glance.conn, route)? else {
        return Ok(Vec::new());
    };
    let mut statement = glance.conn.prepare_cached(
        "SELECT p.sent_at, m.recipient FROM part p JOIN message m ON m.row = p.key >> 8
         WHERE p.route = ?1 AND p.reference IS ?2 AND p.sent_at >= ?3",
    )?;
    let mut sent = Vec::new();
    for reference in std::iter::once(None).chain((0..=u8::MAX).map(Some)) {
        let mut rows = statement.query((route, reference, since))?;
        while let Some(row) = rows.next()? {
            sent.push((timestamp(row.get(0)?), number(row, 1)?));
        }
    }
    sent.sort_by_key(|(at, _)| *at);
    Ok(sent)
}
