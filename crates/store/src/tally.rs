//! What is counted in memory, so that limits and statistics cost no query: parts by state, by token, by named route,
//! and the totals since the database was made.
//!
//! Counts change with the rows they count and go back with them: every change is on a list until the transaction is
//! committed. Only the totals are kept on disk, written with the transaction: one row, one a route, and one a route and reason
//! of what failed there. The rest is counted at start.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use message::{FailureReason, PartState, Totals};

use crate::clock;

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    states: [i64; PartState::ALL.len()],
    tokens: HashMap<i64, i64>,
    origins: HashMap<i64, i64>,
    /// What the open parts of each token with a budget may cost.
    prices: HashMap<i64, i64>,
    totals: [i64; TOTALS],
    /// The same by route; what was accepted belongs to none, and what failed is only on disk, by why.
    routes: HashMap<i64, [i64; TOTALS]>,
    /// Changes of the open transaction, newest last.
    changes: Vec<Change>,
}

/// What is counted once and never counted back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Total {
    Accepted,
    Sent,
    Delivered,
    Failed,
    Received,
}

/// A part as the counts see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) token: i64,
    pub(crate) origin: i64,
    /// The most it may cost, where its token has a budget.
    pub(crate) price: i64,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Part(Counted, PartState, i64),
    Total(Total, i64),
    Route(i64, Total, i64),
    /// A part failed on this route. These lie on disk alone.
    Failure(i64, FailureReason),
}

/// A place in the list of changes to go back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(usize);

impl Tally {
    /// Counts what the database holds.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut tally = Self::default();
        let mut open = conn.prepare(
            "SELECT state, token, origin, price, count(*) FROM part WHERE rank IS NOT NULL GROUP BY 1, 2, 3, 4
             UNION ALL
             SELECT state, token, origin, price, count(*) FROM part WHERE timer IS NOT NULL GROUP BY 1, 2, 3, 4",
        )?;
        let mut rows = open.query([])?;
        while let Some(row) = rows.next()? {
            let Some(state) = PartState::from_code(row.get(0)?) else {
                continue;
            };
            let counted = Counted {
                token: row.get(1)?,
                origin: row.get(2)?,
                price: row.get(3)?,
            };
            tally.apply(Change::Part(counted, state, row.get(4)?));
        }
        tally.totals = conn.query_row(
            "SELECT accepted, sent, delivered, failed, received FROM total",
            [],
            |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]),
        )?;
        let mut kept = conn.prepare("SELECT route, sent, delivered, received FROM route_total")?;
        let mut rows = kept.query([])?;
        while let Some(row) = rows.next()? {
            let counts = [0, row.get(1)?, row.get(2)?, 0, row.get(3)?];
            tally.routes.insert(row.get(0)?, counts);
        }
        Ok(tally)
    }

    /// A part came into this state.
    pub(crate) fn enter(&mut self, part: Counted, state: PartState) {
        self.change(Change::Part(part, state, 1));
    }

    /// A part left this state.
    pub(crate) fn leave(&mut self, part: Counted, state: PartState) {
        self.change(Change::Part(part, state, -1));
    }

    /// Something happened that is counted for good.
    pub(crate) fn add(&mut self, total: Total) {
        self.change(Change::Total(total, 1));
    }

    /// The same, where it happened on a route.
    pub(crate) fn add_on(&mut self, route: Option<i64>, total: Total) {
        self.add(total);
        if let Some(route) = route.filter(|route| *route != 0) {
            self.change(Change::Route(route, total, 1));
        }
    }

    /// A part failed, on a route where it had one.
    pub(crate) fn add_failure(&mut self, route: Option<i64>, reason: FailureReason) {
        self.add(Total::Failed);
        if let Some(route) = route.filter(|route| *route != 0) {
            self.change(Change::Failure(route, reason));
        }
    }

    /// Parts of this token that are not settled.
    pub(crate) fn open_of_token(&self, token: i64) -> u64 {
        count(self.tokens.get(&token).copied())
    }

    /// What the parts of this token that are not settled may cost, as far as it had a budget when they were accepted.
    pub(crate) fn price_of_token(&self, token: i64) -> i64 {
        self.prices.get(&token).copied().unwrap_or(0)
    }

    /// Parts that name this route and are not settled.
    pub(crate) fn open_of_origin(&self, origin: i64) -> u64 {
        count(self.origins.get(&origin).copied())
    }

    /// Parts in this state.
    pub(crate) fn in_state(&self, state: PartState) -> u64 {
        count(self.states.get(usize::from(state.code())).copied())
    }

    /// The totals.
    pub(crate) fn totals(&self) -> Totals {
        let of = |total: Total| count(Some(self.totals[total as usize]));
        Totals {
            accepted: of(Total::Accepted),
            sent: of(Total::Sent),
            delivered: of(Total::Delivered),
            failed: of(Total::Failed),
            received: of(Total::Received),
        }
    }

    /// Where the list of changes is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.changes.len())
    }

    /// Takes back what was counted since.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        while self.changes.len() > mark.0 {
            match self.changes.pop() {
                Some(Change::Part(part, state, by)) => self.apply(Change::Part(part, state, -by)),
                Some(Change::Total(total, by)) => self.apply(Change::Total(total, -by)),
                Some(Change::Route(route, total, by)) => self.apply(Change::Route(route, total, -by)),
                Some(Change::Failure(..)) => {}
                None => return,
            }
        }
    }

    /// Writes the totals where they changed, and the last cursor given out with them; part of the transaction.
    pub(crate) fn keep(&self, conn: &Connection, cursor: i64) -> rusqlite::Result<()> {
        if !self.changes.iter().any(|change| matches!(change, Change::Total(..))) {
            return Ok(());
        }
        let [accepted, sent, delivered, failed, received] = self.totals;
        conn.prepare_cached(
            "UPDATE total SET accepted = ?1, sent = ?2, delivered = ?3, failed = ?4, received = ?5, cursor = ?6
             WHERE row = 1",
        )?
        .execute((accepted, sent, delivered, failed, received, cursor))?;
        self.keep_routes(conn)?;
        self.keep_failures(conn)
    }

    /// Writes the totals of each route where they changed, with the time something went out or came in.
    fn keep_routes(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mut changed: BTreeMap<i64, [bool; TOTALS]> = BTreeMap::new();
        for change in &self.changes {
            if let Change::Route(route, total, _) = change {
                changed.entry(*route).or_default()[*total as usize] = true;
            }
        }
        for (route, news) in changed {
            let [_, sent, delivered, _, received] = self.routes.get(&route).copied().unwrap_or_default();
            let now = clock::millis(clock::now());
            let time_of = |total: Total| news[total as usize].then_some(now);
            conn.prepare_cached(
                "INSERT INTO route_total VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET sent = ?2, delivered = ?3, received = ?4,
                    last_sent = coalesce(?5, last_sent), last_received = coalesce(?6, last_received)",
            )?
            .execute((
                route,
                sent,
                delivered,
                received,
                time_of(Total::Sent),
                time_of(Total::Received),
            ))?;
        }
        Ok(())
    }

    /// Adds to what failed on each route.
    fn keep_failures(&self, conn: &Connection) -> rusqlite::Result<()> {
        for change in &self.changes {
            let Change::Failure(route, reason) = change else {
                continue;
            };
            conn.prepare_cached(
                "INSERT INTO route_failure VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET failed = failed + 1",
            )?
            .execute((route, reason.code()))?;
        }
        Ok(())
    }

    /// The transaction is committed: nothing is taken back any more.
    pub(crate) fn commit(&mut self) {
        self.changes.clear();
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change);
        self.apply(change);
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Total(total, by) => self.totals[total as usize] += by,
            Change::Route(route, total, by) => self.routes.entry(route).or_default()[total as usize] += by,
            Change::Failure(..) => {}
            Change::Part(part, state, by) => {
                self.states[usize::from(state.code())] += by;
                if is_open(state) {
                    bump(&mut self.tokens, part.token, by);
                    bump(&mut self.origins, part.origin, by);
                    if part.price != 0 {
                        bump(&mut self.prices, part.token, by * part.price);
                    }
                }
            }
        }
    }
}

/// Whether a part in this state fills a queue.
pub(crate) fn is_open(state: PartState) -> bool {
    matches!(state, PartState::Queued | PartState::Attempting | PartState::Uncertain)
}

fn bump(counts: &mut HashMap<i64, i64>, key: i64, by: i64) {
    if key == 0 {
        return;
    }
    let count = counts.entry(key).or_default();
    *count += by;
    if *count == 0 {
        counts.remove(&key);
    }
}

fn count(value: Option<i64>) -> u64 {
    value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
}

const TOTALS: usize = 5;
