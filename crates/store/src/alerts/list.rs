//! Reading alerts with what followed from them.

use jiff::Timestamp;
use rusqlite::Connection;

use message::{MessageId, RaisedAlert};

use super::{is_readable, read_alert};
use crate::clock::timestamp;
use crate::{Error, Store};

/// Which alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertQuery {
    /// Only those before this number.
    pub before: Option<i64>,
    /// At most so many, the newest first.
    pub limit: usize,
    /// Those too that were counted into an incident that another one had opened.
    pub all: bool,
    /// Only those of whose incident something may still follow.
    pub open: bool,
}

/// An alert with what followed from it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    /// The alert.
    pub alert: RaisedAlert,
    /// The incidents it belongs to.
    pub incidents: Vec<AlertIncident>,
}

/// What followed from an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertIncident {
    /// JSON of whoever works alerts.
    pub body: String,
    /// Who was told, in the order of the notices.
    pub told: Vec<AlertTold>,
}

/// A notice that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTold {
    /// When.
    pub at: Timestamp,
    /// How, in one word.
    pub way: String,
    /// Whom.
    pub recipient: String,
    /// Why it did not reach them, where that is known.
    pub problem: Option<String>,
    /// The SMS.
    pub message: Option<MessageId>,
}

impl Store {
    /// The number up to which alerts were put before the rules.
    pub async fn alerts_worked(&self) -> Result<i64, Error> {
        self.read(|glance| {
            glance
                .conn
                .query_row("SELECT worked FROM alert_mark", [], |row| row.get(0))
        })
        .await
    }

    /// Alerts with what followed from them, the newest first.
    pub async fn alert_list(&self, query: AlertQuery) -> Result<Vec<AlertRow>, Error> {
        self.read(move |glance| list(glance.conn, query)).await
    }
}

fn list(conn: &Connection, query: AlertQuery) -> rusqlite::Result<Vec<AlertRow>> {
    let before = query.before.unwrap_or(i64::MAX);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let found: Vec<RaisedAlert> = conn
        .prepare_cached(
            "SELECT a.number, a.body FROM alert a
             WHERE a.number < ?1
             AND (?2 OR NOT EXISTS (SELECT 1 FROM alert_incident l JOIN incident i ON i.row = l.incident
                WHERE l.alert = a.number AND i.number <> a.number))
             AND (NOT ?3 OR EXISTS (SELECT 1 FROM alert_incident l JOIN incident i ON i.row = l.incident
                WHERE l.alert = a.number AND i.open = 1))
             ORDER BY a.number DESC LIMIT ?4",
        )?
        .query_map((before, query.all, query.open, limit), read_alert)?
        .filter(is_readable)
        .collect::<Result<_, _>>()?;
    let with = |alert: RaisedAlert| {
        let incidents = incidents(conn, alert.number)?;
        Ok(AlertRow { alert, incidents })
    };
    found.into_iter().map(with).collect()
}

fn incidents(conn: &Connection, alert: i64) -> rusqlite::Result<Vec<AlertIncident>> {
    let rows: Vec<(i64, String)> = conn
        .prepare_cached(
            "SELECT i.row, i.body FROM alert_incident l JOIN incident i ON i.row = l.incident
             WHERE l.alert = ?1 ORDER BY i.row",
        )?
        .query_map([alert], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let with = |(row, body)| {
        let told = told(conn, row)?;
        Ok(AlertIncident { body, told })
    };
    rows.into_iter().map(with).collect()
}

fn told(conn: &Connection, incident: i64) -> rusqlite::Result<Vec<AlertTold>> {
    conn.prepare_cached(
        "SELECT at, way, recipient, problem, message FROM alert_notice WHERE incident = ?1 ORDER BY row LIMIT ?2",
    )?
    .query_map((incident, NOTICES_SHOWN), |row| {
        Ok(AlertTold {
            at: timestamp(row.get(0)?),
            way: row.get(1)?,
            recipient: row.get(2)?,
            problem: row.get(3)?,
            message: row.get::<_, Option<[u8; 16]>>(4)?.map(MessageId::from_bytes),
        })
    })?
    .collect()
}

/// How many notices of an incident are shown.
const NOTICES_SHOWN: i64 = 100;
