//! What a job in the writer thread works with: the connection inside a transaction, and the memory that goes with it.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Connection;

use crate::Config;
use crate::audit::{self, Ledger};
use crate::incoming::Joiner;
use crate::names::Names;
use crate::outgoing::receipt;
use crate::stop::StopChange;
use crate::tally::{self, Tally};

/// The writer's desk while a job runs.
pub(crate) struct Desk<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) memory: &'a mut Memory,
}

/// What the writer keeps in memory besides the database. All of it can be read back from there.
pub(crate) struct Memory {
    pub(crate) config: Arc<Config>,
    pub(crate) join: Joiner,
    pub(crate) names: Names,
    pub(crate) tally: Tally,
    pub(crate) ledger: Ledger,
    /// The row the next accepted message gets.
    pub(crate) next_message: i64,
    /// The last cursor given out.
    pub(crate) cursor: i64,
    /// The last event made.
    pub(crate) event: i64,
    /// The last number given to an alert.
    pub(crate) alert: i64,
    /// Who is told of events; the names are in `config`.
    pub(crate) told: Arc<Told>,
    /// Route and reference of reports that fitted nothing yet. May hold too much, never too little.
    pub(crate) unmatched: HashSet<(i64, u8)>,
    /// Whether receipts may wait for their parts.
    pub(crate) receipts_wait: bool,
    /// Validities up to this time (and row, among those of one time) were looked at.
    pub(crate) swept: (i64, i64),
    /// What the open transaction changes in the STOP list.
    pub(crate) stops: Vec<StopChange>,
    /// Whether something was erased that the log may still hold.
    pub(crate) erased: bool,
}

/// The rows of the configured consumers, in the order of [`Config::consumers`], and of those of them that are told of alerts.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) consumers: Vec<i64>,
    pub(crate) alert_consumers: Vec<i64>,
}

/// A state of the memory to go back to.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    tally: tally::Mark,
    ledger: audit::Mark,
    swept: (i64, i64),
    stops: usize,
    config: Arc<Config>,
    told: Arc<Told>,
}

impl Memory {
    /// Reads everything from the database.
    pub(crate) fn load(conn: &Connection, config: Arc<Config>, join: Joiner) -> rusqlite::Result<Self> {
        let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
        let mut memory = Self {
            names: Names::new(),
            tally: Tally::load(conn)?,
            ledger: Ledger::load(conn, &config)?,
            next_message: 1 + number("SELECT max(texts, (SELECT coalesce(max(row), 0) FROM message)) FROM total")?,
            cursor: number("SELECT max(cursor, (SELECT coalesce(max(cursor), 0) FROM inbound)) FROM total")?,
            event: number("SELECT coalesce(max(row), 0) FROM event")?,
            alert: number("SELECT max(worked, (SELECT coalesce(max(number), 0) FROM alert)) FROM alert_mark")?,
            told: Arc::default(),
            unmatched: unmatched(conn)?,
            receipts_wait: number("SELECT count(*) FROM receipt WHERE due IS NOT NULL")? > 0,
            swept: (number("SELECT swept FROM total")?, 0),
            stops: Vec::new(),
            erased: false,
            config,
            join,
        };
        let transaction = conn.unchecked_transaction()?;
        memory.told = Arc::new(Told::enlist(conn, &memory.config)?);
        memory.told.give_up_others(conn)?;
        transaction.commit()?;
        Ok(memory)
    }

    /// The state now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            tally: self.tally.mark(),
            ledger: self.ledger.mark(),
            swept: self.swept,
            stops: self.stops.len(),
            config: Arc::clone(&self.config),
            told: Arc::clone(&self.told),
        }
    }

    /// Takes back what changed since `mark`, because the rows did not change.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.tally.rewind(mark.tally);
        self.ledger.rewind(mark.ledger);
        self.swept = mark.swept;
        self.stops.truncate(mark.stops);
        (self.config, self.told) = (mark.config, mark.told);
        self.names.forget();
    }

    /// How long a report may still belong to a part, in milliseconds.
    pub(crate) fn window(&self) -> i64 {
        i64::from(self.config.report_window_s) * 1000
    }

    /// How long a receipt waits for its part, in milliseconds: until the rule of an uncertain part was applied at least.
    pub(crate) fn receipt_wait(&self) -> i64 {
        receipt::wait_ms(&self.config)
    }

    /// A message with this validity was accepted: the sweep must come by there again.
    pub(crate) fn will_expire(&mut self, expires_at: i64) {
        if expires_at <= self.swept.0 {
            self.swept = (expires_at - 1, i64::MAX);
        }
    }
}

fn unmatched(conn: &Connection) -> rusqlite::Result<HashSet<(i64, u8)>> {
    conn.prepare("SELECT DISTINCT route, reference FROM report WHERE part IS NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

impl Told {
    /// The rows of these consumers; made for those that are new.
    pub(crate) fn enlist(conn: &Connection, config: &Config) -> rusqlite::Result<Self> {
        let mut told = Self::default();
        for name in &config.consumers {
            conn.execute("INSERT OR IGNORE INTO consumer (name) VALUES (?1)", [name])?;
            let row = conn.query_row("SELECT row FROM consumer WHERE name = ?1", [name], |row| row.get(0))?;
            told.consumers.push(row);
            if config.alert_consumers.contains(name) {
                told.alert_consumers.push(row);
            }
        }
        Ok(told)
    }

    /// Those only the database knows will never ask again: theirs is given up, so that it is neither kept for ever nor
    /// shown as backlog.
    pub(crate) fn give_up_others(&self, conn: &Connection) -> rusqlite::Result<()> {
        let known: Vec<i64> = conn
            .prepare("SELECT row FROM consumer")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for gone in known.iter().filter(|row| !self.consumers.contains(row)) {
            conn.execute(
                "UPDATE delivery SET state = 2, error = 'the consumer is not configured any more'
                 WHERE consumer = ?1 AND state = 0",
                [gone],
            )?;
        }
        Ok(())
    }
}
