//! Figures: what waits, what was counted, what was sent and spent.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::PoisonError;

use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use rusqlite::Row;

use message::{DatabaseFacts, DiskFacts, FailureReason, Number, QueueFacts, RouteId, SlotTotals, TokenId, Totals};

use crate::clock::{maybe_timestamp, millis, timestamp};
use crate::outgoing::accept::spent;
use crate::outgoing::row::number;
use crate::reader::Glance;
use crate::{Error, FolderFacts, Store};

/// What was counted on one route since the database was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTotals {
    /// The counts.
    pub counts: SlotTotals,
    /// Those that failed, by why.
    pub failures: BTreeMap<FailureReason, u64>,
    /// When a part went out last.
    pub last_sent: Option<Timestamp>,
    /// When a message came in last.
    pub last_received: Option<Timestamp>,
    /// Receipts that wait for their parts.
    pub receipts_waiting: u64,
    /// Receipts that fitted no part in time.
    pub receipts_stray: u64,
}

/// The room that the database has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFacts {
    /// The disk it lies on.
    pub disk: DiskFacts,
    /// Itself.
    pub database: DatabaseFacts,
    /// The folder it lies in, where that can be looked at.
    pub folder: Option<FolderFacts>,
}

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

    /// What was counted on each route since the database was made.
    pub async fn route_totals(&self) -> Result<HashMap<RouteId, RouteTotals>, Error> {
        self.read(route_totals).await
    }

    /// How much room the database takes and has.
    pub async fn room(&self) -> Result<RoomFacts, Error> {
        let (path, commits) = (self.shared().path.clone(), self.commits());
        let quota = self.shared().config.max_size;
        self.read_loosely(move |glance| {
            let number = |sql: &str| glance.conn.query_row(sql, [], |row| count(row, 0));
            let page = number("PRAGMA page_size")?;
            let pages = number("PRAGMA page_count")?;
            let free = number("PRAGMA freelist_count")?;
            let log = std::fs::metadata(log_of(&path)).map_or(0, |log| log.len());
            let database = DatabaseFacts {
                bytes: pages * page + log,
                used: pages.saturating_sub(free) * page,
                limit: (quota > 0).then_some(quota),
                commits,
            };
            Ok(RoomFacts {
                disk: disk(&path)?,
                database,
                folder: path.parent().and_then(|folder| FolderFacts::read(folder).ok()),
            })
        })
        .await
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
            spent(glance.conn, token, millis(since))
        })
        .await
    }
}

fn route_totals(glance: &mut Glance<'_>) -> rusqlite::Result<HashMap<RouteId, RouteTotals>> {
    let mut statement = glance
        .conn
        .prepare_cached("SELECT route, sent, delivered, received, last_sent, last_received FROM route_total")?;
    let mut rows = statement.query([])?;
    let mut totals = HashMap::new();
    while let Some(row) = rows.next()? {
        let counts = SlotTotals {
            sent: count(row, 1)?,
            delivered: count(row, 2)?,
            failed: 0,
            received: count(row, 3)?,
        };
        let route = glance.names.route(glance.conn, row.get(0)?)?;
        let found = RouteTotals {
            counts,
            last_sent: maybe_timestamp(row.get(4)?),
            last_received: maybe_timestamp(row.get(5)?),
            ..RouteTotals::default()
        };
        totals.insert(route, found);
    }
    add_failures(glance, &mut totals)?;
    add_receipts(glance, &mut totals)?;
    Ok(totals)
}

/// What failed on each route, by why.
fn add_failures(glance: &mut Glance<'_>, totals: &mut HashMap<RouteId, RouteTotals>) -> rusqlite::Result<()> {
    let mut statement = glance
        .conn
        .prepare_cached("SELECT route, reason, failed FROM route_failure")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let route = glance.names.route(glance.conn, row.get(0)?)?;
        let found = totals.entry(route).or_default();
        let failed = count(row, 2)?;
        found.counts.failed += failed;
        *found.failures.entry(FailureReason::from_code(row.get(1)?)).or_default() += failed;
    }
    Ok(())
}

/// Receipts without a part, of each route.
fn add_receipts(glance: &mut Glance<'_>, totals: &mut HashMap<RouteId, RouteTotals>) -> rusqlite::Result<()> {
    let mut statement = glance.conn.prepare_cached(
        "SELECT route, sum(waiting), sum(stray) FROM (
            SELECT route, count(*) AS waiting, 0 AS stray FROM receipt WHERE due IS NOT NULL GROUP BY route
            UNION ALL SELECT route, 0, count FROM receipt_stray)
         GROUP BY route",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let route = glance.names.route(glance.conn, row.get(0)?)?;
        let found = totals.entry(route).or_default();
        found.receipts_waiting = count(row, 1)?;
        found.receipts_stray = count(row, 2)?;
    }
    Ok(())
}

/// A number that is never below zero.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(number.unsigned_abs())
}

fn log_of(path: &Path) -> std::path::PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// What this user may still take of the disk: the rest is kept for root.
fn disk(path: &Path) -> rusqlite::Result<DiskFacts> {
    let disk = statvfs(path).map_err(|trouble| rusqlite::Error::ToSqlConversionFailure(Box::new(trouble)))?;
    let block = disk.fragment_size();
    Ok(DiskFacts {
        free: block.saturating_mul(disk.blocks_available()),
        size: block.saturating_mul(disk.blocks()),
    })
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
