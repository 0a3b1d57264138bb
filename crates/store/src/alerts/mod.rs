//! Alerts: kept with their pictures before anybody hears that they are.
//!
//! # Where the bytes lie
//! In the database, pictures too: an alert and its pictures are one transaction and share their sync with all others
//! that wait, so a hundred alerts a second cost no more syncs than ten do (`docs/decisions/alerts.md` has the figures).

mod list;
pub(crate) mod past;
mod work;

use std::borrow::Borrow;

use rusqlite::types::Type;

use message::{Alert, AlertReceipt, Committed, NewAlert, RaisedAlert};

use crate::clock::millis;
use crate::desk::Desk;
use crate::{Error, Store, events};

pub use list::{AlertIncident, AlertQuery, AlertRow, AlertTold};
pub use work::{AlertFacts, AlertNotice, AlertWork, AlertsLeft, IncidentRow, NoticeBy};

impl Store {
    /// Keeps alerts with their pictures, all of them or none, in one transaction; what each is called by, in their order.
    pub async fn raise<A>(&self, alerts: Vec<A>) -> Result<Committed<Vec<AlertReceipt>>, Error>
    where
        A: Borrow<NewAlert> + Send + 'static,
    {
        self.write(move |desk| alerts.iter().map(|alert| raise(desk, alert.borrow())).collect())
            .await
    }

    /// At most `limit` alerts after a number, in their order. One that cannot be read any more (a newer version wrote it) is
    /// left out, so that it does not stand before the others for ever.
    pub async fn alerts_after(&self, number: i64, limit: usize) -> Result<Vec<RaisedAlert>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |glance| {
            let mut statement = glance
                .conn
                .prepare_cached("SELECT number, body FROM alert WHERE number > ?1 ORDER BY number LIMIT ?2")?;
            let found = statement.query_map((number, limit), read_alert)?;
            found.filter(is_readable).collect()
        })
        .await
    }

    /// The octets of an alert's pictures, in their order; fewer where retention has removed them.
    pub async fn alert_images(&self, number: i64) -> Result<Vec<Vec<u8>>, Error> {
        self.read(move |glance| {
            glance
                .conn
                .prepare_cached("SELECT octets FROM alert_image WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?
                .query_map(images_of(number), |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Changes whenever an alert is kept; its value is the number of the last.
    pub fn alerts(&self) -> tokio::sync::watch::Receiver<i64> {
        self.shared().alerts.clone()
    }
}

fn raise(desk: &mut Desk<'_>, new: &NewAlert) -> rusqlite::Result<AlertReceipt> {
    desk.memory.alert += 1;
    let number = desk.memory.alert;
    let alert = &new.alert;
    let body = written(alert)?;
    let at = millis(alert.received_at);
    desk.conn
        .prepare_cached("INSERT INTO alert (number, at, body) VALUES (?1, ?2, ?3)")?
        .execute((number, at, body))?;
    let (first, _) = images_of(number);
    for (key, octets) in (first..).zip(&new.images) {
        desk.conn
            .prepare_cached("INSERT INTO alert_image (key, octets) VALUES (?1, ?2)")?
            .execute((key, octets))?;
    }
    events::add_alert(desk, number, at)?;
    Ok(AlertReceipt { id: alert.id, number })
}

/// The keys of an alert's pictures.
pub(crate) fn images_of(number: i64) -> (i64, i64) {
    (number << PLACE_BITS, number << PLACE_BITS | ((1 << PLACE_BITS) - 1))
}

/// Reads number and body.
pub(crate) fn read_alert(row: &rusqlite::Row<'_>) -> rusqlite::Result<RaisedAlert> {
    Ok(RaisedAlert {
        number: row.get(0)?,
        alert: parsed(row, 1)?,
    })
}

fn is_readable(found: &rusqlite::Result<RaisedAlert>) -> bool {
    match found {
        Err(trouble @ rusqlite::Error::FromSqlConversionFailure(..)) => {
            tracing::error!("an alert is left out that cannot be read: {trouble}");
            false
        }
        _ => true,
    }
}

fn written(alert: &Alert) -> rusqlite::Result<String> {
    serde_json::to_string(alert).map_err(|trouble| rusqlite::Error::ToSqlConversionFailure(Box::new(trouble)))
}

fn parsed(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Alert> {
    let body = row.get_ref(column)?.as_str()?;
    serde_json::from_str(body)
        .map_err(|trouble| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(trouble)))
}

/// An alert has at most 16 pictures.
const PLACE_BITS: u32 = 4;
