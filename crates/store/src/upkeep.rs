//! Looking after the file: is it sound, and a copy of it.

use std::path::Path;

use crate::reader::Glance;
use crate::{Error, Store, connection};

impl Store {
    /// Looks at the whole database: what is wrong with it, in sentences; empty where nothing is. Takes as long as
    /// reading the file does.
    pub async fn integrity_check(&self) -> Result<Vec<String>, Error> {
        self.read(findings).await
    }

    /// Writes a copy of the database, as it is at this moment, to a file that must not exist yet.
    ///
    /// The copy is readable by this user only: it holds what the messages say.
    pub async fn backup(&self, path: &Path) -> Result<(), Error> {
        let path = path.to_owned();
        self.read_loosely(move |glance| connection::copy(glance.conn, &path))
            .await
    }
}

fn findings(glance: &mut Glance<'_>) -> rusqlite::Result<Vec<String>> {
    let mut findings: Vec<String> = glance
        .conn
        .prepare("PRAGMA integrity_check(20)")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    findings.retain(|line| line != "ok");
    for (sql, sentence) in RULES {
        let count: i64 = glance.conn.query_row(sql, [], |row| row.get(0))?;
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
            WHEN 1 THEN rank = 9 AND timer IS NULL
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
        "SELECT count(*) FROM delivery WHERE NOT EXISTS (SELECT 1 FROM event WHERE row = delivery.event)",
        "deliveries belong to no event",
    ),
];
