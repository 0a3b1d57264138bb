//! Looking after the file: is it sound?

use std::path::Path;

use rusqlite::Connection;

use crate::fault::opening;
use crate::store::DATABASE_FILE;
use crate::{Config, Error, OpenError, Store, connection, migrate};

impl Store {
    /// Looks at the whole database: what is wrong with it, in sentences; empty where nothing is. Takes as long as
    /// reading the file does.
    pub async fn integrity_check(&self) -> Result<Vec<String>, Error> {
        self.read(|glance| findings(glance.conn, migrate::NEWEST)).await
    }
}

/// Looks at the database of a folder without changing anything, also while a gateway works on it: what is wrong with it,
/// in sentences. Blocks for as long as reading the file takes.
pub fn examine(folder: &Path) -> Result<Vec<String>, OpenError> {
    let path = folder.join(DATABASE_FILE);
    if let Err(source) = std::fs::metadata(&path) {
        return Err(OpenError::Folder { path, source });
    }
    let at = |trouble| opening(&path, trouble);
    let conn = connection::reading(&path, &Config::default()).map_err(at)?;
    let layout = migrate::readable(&conn, &path)?;
    findings(&conn, layout).map_err(at)
}

/// What is wrong with a database of this layout. What must be true of the rows is asked of the newest alone: an older one
/// lacks some of the tables.
pub(crate) fn findings(conn: &Connection, layout: u32) -> rusqlite::Result<Vec<String>> {
    let mut findings: Vec<String> = conn
        .prepare("PRAGMA integrity_check(20)")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    findings.retain(|line| line != "ok");
    let rules = RULES.iter().filter(|_| layout == migrate::NEWEST);
    for (sql, sentence) in rules {
        let count: i64 = conn.query_row(sql, [], |row| row.get(0))?;
        if count > 0 {
            findings.push(format!("{count} {sentence}"));
        }
    }
    Ok(findings)
}

/// What must be true of the rows, each as a count of those of which it is not.
const RULES: &[(&str, &str)] = &[
    (
        "SELECT count(*) FROM part WHERE NOT EXISTS (SELECT 1 FROM message WHERE row = part.key >> 8)",
        "parts belong to no message",
    ),
    (
        "SELECT count(*) FROM message WHERE parts <>
            (SELECT count(*) FROM part WHERE key BETWEEN message.row << 8 AND (message.row << 8 | 255))",
        "messages have another number of parts than they say",
    ),
    (
        "SELECT count(*) FROM part WHERE NOT CASE state
            WHEN 0 THEN (rank BETWEEN 0 AND 3 AND timer IS NULL) OR (rank IS NULL AND timer IS NOT NULL)
            WHEN 1 THEN rank IN (8, 9) AND timer IS NULL
            WHEN 2 THEN rank IS NULL AND timer IS NOT NULL
            ELSE rank IS NULL AND timer IS NULL END",
        "parts have another place in the queues than their state says",
    ),
    (
        "SELECT count(*) FROM fragment WHERE (assembly IS NULL) = (cursor IS NULL)",
        "received parts belong to no message, or to two",
    ),
    (
        "SELECT count(*) FROM assembly WHERE have <> (SELECT count(*) FROM fragment WHERE assembly = assembly.row)",
        "incomplete messages have another number of parts than they say",
    ),
    (
        "SELECT count(*) FROM alert_image WHERE NOT EXISTS (SELECT 1 FROM alert WHERE number = alert_image.key >> 4)",
        "pictures belong to no alert",
    ),
    (
        "SELECT count(*) FROM alert_notice WHERE NOT EXISTS (SELECT 1 FROM incident WHERE row = alert_notice.incident)",
        "notices belong to no incident",
    ),
    (
        "SELECT count(*) FROM delivery WHERE NOT EXISTS (SELECT 1 FROM event WHERE row = delivery.event)",
        "deliveries belong to no event",
    ),
];
