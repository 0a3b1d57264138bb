//! The care of SIMs: what operators said of balances, and messages between our own SIMs.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};

use message::{Committed, MessageId, RouteId};

use crate::clock::{maybe_timestamp, millis, timestamp};
use crate::desk::Desk;
use crate::names::Names;
use crate::reader::Glance;
use crate::{Error, Store};

/// What came of one query for a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceRow {
    /// When.
    pub at: Timestamp,
    /// The balance in millionths; nothing where the query told nothing.
    pub micros: Option<i64>,
    /// The currency.
    pub currency: String,
    /// Why it told nothing.
    pub error: Option<String>,
}

/// The queries for one SIM's balance, as far as they matter still.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BalanceState {
    /// The last one that told something.
    pub told: Option<BalanceRow>,
    /// The last one, where it told nothing.
    pub failed: Option<BalanceRow>,
    /// How many told nothing since.
    pub failures: u32,
}

/// What a message between our own SIMs is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// A SIM sends to itself.
    SelfTest,
    /// A SIM sends to the next one.
    Ring,
    /// A SIM spends something, so that it is not switched off.
    KeepAlive,
}

/// A message between our own SIMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRow {
    /// What for.
    pub kind: ProbeKind,
    /// The sender.
    pub route: RouteId,
    /// Who is to receive it.
    pub target: RouteId,
    /// The time it was to be sent at.
    pub due: Timestamp,
    /// When it was.
    pub at: Timestamp,
    /// By which it is known when it arrives.
    pub token: String,
    /// The message; nothing where it was not handed in.
    pub message: Option<MessageId>,
    /// When it arrived.
    pub arrived: Option<Timestamp>,
    /// Why it came to nothing.
    pub error: Option<String>,
}

impl Store {
    /// Keeps what came of a query for a balance.
    pub async fn balance_add(&self, route: &RouteId, row: BalanceRow) -> Result<Committed<()>, Error> {
        let route = route.clone();
        self.write(move |desk| {
            let route = desk.memory.names.route_row(desk.conn, &route)?;
            desk.conn
                .prepare_cached("INSERT INTO balance (route, at, micros, currency, error) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((route, millis(row.at), row.micros, &row.currency, &row.error))
                .map(|_| ())
        })
        .await
    }

    /// How the queries for a SIM's balance stand.
    pub async fn balance_state(&self, route: &RouteId) -> Result<BalanceState, Error> {
        let route = route.clone();
        self.read(move |glance| balance_state(glance, &route)).await
    }

    /// At most `limit` queries for a SIM's balance, newest first.
    pub async fn balance_history(&self, route: &RouteId, limit: usize) -> Result<Vec<BalanceRow>, Error> {
        let route = route.clone();
        self.read(move |glance| {
            let Some(route) = glance.names.find_route(glance.conn, &route)? else {
                return Ok(Vec::new());
            };
            glance
                .conn
                .prepare_cached(
                    "SELECT at, micros, currency, error FROM balance WHERE route = ?1 ORDER BY row DESC LIMIT ?2",
                )?
                .query_map((route, i64::try_from(limit).unwrap_or(i64::MAX)), read_balance)?
                .collect()
        })
        .await
    }

    /// Keeps a message between our own SIMs, before it is handed in.
    pub async fn probe_add(&self, probe: ProbeRow) -> Result<Committed<()>, Error> {
        self.write(move |desk| add(desk, &probe)).await
    }

    /// It was handed in as this message, or could not be, for this reason.
    pub async fn probe_sent(&self, token: &str, sent: Result<MessageId, String>) -> Result<Committed<()>, Error> {
        let token = token.to_owned();
        let (message, error) = match sent {
            Ok(id) => (Some(id), None),
            Err(why) => (None, Some(why)),
        };
        self.write(move |desk| {
            desk.conn
                .prepare_cached("UPDATE sim_probe SET message = ?2, error = ?3 WHERE token = ?1")?
                .execute((&token, message.map(|id| *id.as_bytes()), &error))
                .map(|_| ())
        })
        .await
    }

    /// It arrived; the first time counts. The reason says what is wrong with that all the same.
    pub async fn probe_arrived(
        &self,
        token: &str,
        at: Timestamp,
        error: Option<String>,
    ) -> Result<Committed<()>, Error> {
        let token = token.to_owned();
        self.write(move |desk| {
            desk.conn
                .prepare_cached("UPDATE sim_probe SET arrived = ?2, error = ?3 WHERE token = ?1 AND arrived IS NULL")?
                .execute((&token, millis(at), &error))
                .map(|_| ())
        })
        .await
    }

    /// The last of each kind for each SIM, and those that are on their way still (younger than `since`).
    pub async fn probes(&self, since: Timestamp) -> Result<Vec<ProbeRow>, Error> {
        let since = millis(since);
        self.read(move |glance| {
            let mut statement = glance.conn.prepare_cached(PROBES)?;
            let mut rows = statement.query([since])?;
            let mut probes = Vec::new();
            while let Some(row) = rows.next()? {
                probes.extend(read_probe(glance.conn, glance.names, row)?);
            }
            Ok(probes)
        })
        .await
    }

    /// Since when this kind of probe is wanted: since now, if it was not before. Where it is not `wanted`, that is
    /// forgotten.
    pub async fn probe_since(&self, kind: ProbeKind, wanted: bool, now: Timestamp) -> Result<Timestamp, Error> {
        let now = millis(now);
        let since = self.write(move |desk| {
            let sql = match wanted {
                true => "INSERT OR IGNORE INTO sim_probe_mark (kind, since) VALUES (?1, ?2)",
                false => "DELETE FROM sim_probe_mark WHERE kind = ?1 AND ?2 > 0",
            };
            desk.conn.prepare_cached(sql)?.execute((kind.code(), now))?;
            desk.conn
                .prepare_cached("SELECT since FROM sim_probe_mark WHERE kind = ?1")?
                .query_row([kind.code()], |row| row.get(0))
                .optional()
        });
        Ok(timestamp(since.await?.into_inner().unwrap_or(now)))
    }
}

impl ProbeKind {
    fn code(self) -> u8 {
        match self {
            Self::SelfTest => 0,
            Self::Ring => 1,
            Self::KeepAlive => 2,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::SelfTest),
            1 => Some(Self::Ring),
            2 => Some(Self::KeepAlive),
            _ => None,
        }
    }
}

fn balance_state(glance: &mut Glance<'_>, route: &RouteId) -> rusqlite::Result<BalanceState> {
    let Some(route) = glance.names.find_route(glance.conn, route)? else {
        return Ok(BalanceState::default());
    };
    let mut statement = glance
        .conn
        .prepare_cached("SELECT at, micros, currency, error FROM balance WHERE route = ?1 ORDER BY row DESC")?;
    let mut rows = statement.query([route])?;
    let mut state = BalanceState::default();
    while let Some(row) = rows.next()? {
        let row = read_balance(row)?;
        if row.micros.is_some() {
            state.told = Some(row);
            break;
        }
        state.failures += 1;
        state.failed.get_or_insert(row);
    }
    Ok(state)
}

fn read_balance(row: &Row<'_>) -> rusqlite::Result<BalanceRow> {
    Ok(BalanceRow {
        at: timestamp(row.get(0)?),
        micros: row.get(1)?,
        currency: row.get(2)?,
        error: row.get(3)?,
    })
}

fn add(desk: &mut Desk<'_>, probe: &ProbeRow) -> rusqlite::Result<()> {
    let names = &mut desk.memory.names;
    let route = names.route_row(desk.conn, &probe.route)?;
    let target = names.route_row(desk.conn, &probe.target)?;
    desk.conn
        .prepare_cached(
            "INSERT INTO sim_probe (kind, route, target, due, at, token, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            probe.kind.code(),
            route,
            target,
            millis(probe.due),
            millis(probe.at),
            &probe.token,
            &probe.error,
        ))
        .map(|_| ())
}

/// A probe of a kind that only a newer program knows is none.
fn read_probe(conn: &rusqlite::Connection, names: &mut Names, row: &Row<'_>) -> rusqlite::Result<Option<ProbeRow>> {
    let Some(kind) = ProbeKind::of_code(row.get(0)?) else {
        return Ok(None);
    };
    Ok(Some(ProbeRow {
        kind,
        route: names.route(conn, row.get(1)?)?,
        target: names.route(conn, row.get(2)?)?,
        due: timestamp(row.get(3)?),
        at: timestamp(row.get(4)?),
        token: row.get(5)?,
        message: row.get::<_, Option<[u8; 16]>>(6)?.map(MessageId::from_bytes),
        arrived: maybe_timestamp(row.get(7)?),
        error: row.get(8)?,
    }))
}

/// The last probe of each kind and SIM, the last one of them that arrived, and those on their way; oldest first.
const PROBES: &str = "SELECT kind, route, target, due, at, token, message, arrived, error FROM sim_probe
    WHERE row IN (SELECT max(row) FROM sim_probe GROUP BY kind, route)
       OR row IN (SELECT max(row) FROM sim_probe WHERE arrived IS NOT NULL GROUP BY kind, route)
       OR (arrived IS NULL AND at >= ?1)
    ORDER BY row";
