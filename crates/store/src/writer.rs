//! The one thread that writes.
//!
//! It takes whatever waits (at most [`BATCH`] jobs), runs all of it in one transaction, commits, and only then answers
//! each: **group commit**. A sync of the disk costs the same for one job as for a hundred, so the store is as fast as
//! its callers are many, and a single caller waits for one sync and no timer.
//!
//! A job that fails takes back its own rows and nobody else's. Where SQLite gives up the whole transaction (disk full,
//! I/O error), the others are run once more without the one at fault. While the disk is at fault every write answers
//! with a retryable error, and the thread looks every second whether it is back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::desk::{Desk, Memory};
use crate::job::{Order, Work};
use crate::lock::FolderLock;
use crate::signs::Signs;
use crate::{Config, Error, connection, fault};

/// The writer's side of everything it shares.
pub(crate) struct Writer {
    pub(crate) orders: Receiver<Order>,
    pub(crate) path: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) memory: Memory,
    /// `None` while the file cannot be opened.
    pub(crate) conn: Option<Connection>,
    pub(crate) signs: Signs,
    /// Transactions since the start.
    pub(crate) commits: u64,
    /// When the disk was looked at last.
    pub(crate) probed: Instant,
    /// Held until the thread ends.
    pub(crate) _lock: FolderLock,
}

/// How a transaction ended.
enum End {
    Kept,
    /// Nothing of it was kept. `Some`: the job at fault, which has its verdict; the rest may be tried again.
    Lost(Option<usize>, Error),
}

impl Writer {
    /// Works until told to close, or until nobody is left who could ask.
    pub(crate) fn run(mut self) {
        let mut used = false;
        loop {
            match self.orders.recv_timeout(self.patience(used)) {
                Ok(Order::Work(first)) => {
                    used = true;
                    if let Some(done) = self.group(first) {
                        return self.close(done);
                    }
                    self.probe_if_ill();
                }
                Ok(Order::Close(done)) => return self.close(done),
                Err(RecvTimeoutError::Timeout) => {
                    self.probe_if_ill();
                    self.carry_over();
                    used = self.memory.erased;
                }
                Err(RecvTimeoutError::Disconnected) => return self.shut(),
            }
        }
    }

    /// How long to wait for the next order.
    fn patience(&self, used: bool) -> Duration {
        match (self.signs.is_ill(), used) {
            (true, _) => PROBE,
            (false, true) => IDLE,
            (false, false) => NAP,
        }
    }

    /// Runs the first job and all that wait behind it. Gives back a wish to close that came among them.
    fn group(&mut self, first: Box<dyn Work>) -> Option<tokio::sync::oneshot::Sender<()>> {
        let mut jobs = vec![first];
        let mut closing = None;
        while jobs.len() < BATCH && closing.is_none() {
            match self.orders.try_recv() {
                Ok(Order::Work(job)) => jobs.push(job),
                Ok(Order::Close(done)) => closing = Some(done),
                Err(_) => break,
            }
        }
        let verdicts = self.keep(&mut jobs);
        self.signs.count(&self.memory, self.commits);
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            job.answer(verdict);
        }
        closing
    }

    /// Brings the jobs into the database; one verdict each.
    fn keep(&mut self, jobs: &mut [Box<dyn Work>]) -> Vec<Result<(), Error>> {
        let mut verdicts: Vec<Result<(), Error>> = jobs.iter().map(|_| Ok(())).collect();
        for last_try in [false, true] {
            match self.transaction(jobs, &mut verdicts) {
                End::Kept => return verdicts,
                End::Lost(Some(_), _) if !last_try => {}
                End::Lost(_, error) => {
                    for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_ok()) {
                        *verdict = Err(error.clone());
                    }
                    return verdicts;
                }
            }
        }
        verdicts
    }

    /// One transaction over all jobs that have no verdict against them.
    fn transaction(&mut self, jobs: &mut [Box<dyn Work>], verdicts: &mut [Result<(), Error>]) -> End {
        let Some(conn) = self.conn.take().or_else(|| self.reopen()) else {
            return End::Lost(None, self.signs.complaint());
        };
        let start = self.memory.mark();
        let end = apply(&conn, &mut self.memory, jobs, verdicts);
        let Err((culprit, trouble)) = end else {
            self.conn = Some(conn);
            self.memory.tally.commit();
            self.memory.ledger.commit();
            self.commits += 1;
            self.signs.publish(&mut self.memory);
            self.signs.recovered();
            return End::Kept;
        };
        if !conn.is_autocommit() && conn.execute_batch("ROLLBACK").is_err() {
            tracing::warn!("a transaction could not be rolled back");
        }
        self.memory.rewind(start);
        let error = fault::error(&trouble);
        match fault::is_common(&trouble) {
            true => self.signs.complain(&error),
            false => tracing::error!(%trouble, "a job failed"),
        }
        // A sick file may have gone or changed under us: the next transaction opens it anew.
        self.conn = Some(conn).filter(|_| !matches!(error, Error::Sick(_)));
        End::Lost(culprit, error)
    }

    /// Opens the file again and reads everything back.
    fn reopen(&mut self) -> Option<Connection> {
        let opened = connection::writing(&self.path, &self.config).and_then(|conn| {
            self.memory = Memory::load(&conn, Arc::clone(&self.memory.config), Arc::clone(&self.memory.join))?;
            Ok(conn)
        });
        opened
            .map_err(|trouble| self.signs.complain(&fault::error(&trouble)))
            .ok()
    }

    /// Nothing to do: carries the log over into the file, so that the next start has little to read. The log keeps its
    /// size ([`connection::warm`] says why) but for when something was erased: then it is emptied, too.
    fn carry_over(&mut self) {
        let Some(conn) = self.conn.as_ref().filter(|_| !self.signs.is_ill()) else {
            return;
        };
        match connection::carry_over(conn, &self.config, self.memory.erased) {
            Ok(true) if self.memory.erased => {
                self.memory.erased = false;
                connection::warm(conn, &self.config);
            }
            Ok(_) => {}
            Err(trouble) => tracing::debug!(%trouble, "the log was not carried over"),
        }
    }

    /// While the disk is at fault, looks whether it is back, at most once in [`PROBE`].
    fn probe_if_ill(&mut self) {
        if self.signs.is_ill() && self.probed.elapsed() >= PROBE {
            self.probed = Instant::now();
            self.probe();
        }
    }

    /// Tries to write something of a size.
    fn probe(&mut self) {
        let Some(conn) = self.conn.take().or_else(|| self.reopen()) else {
            return;
        };
        let filled = conn
            .execute("UPDATE probe SET filler = zeroblob(?1)", [PROBE_SIZE])
            .and_then(|_| conn.execute("UPDATE probe SET filler = NULL", []));
        match filled {
            Ok(_) => self.signs.well(),
            Err(trouble) => self.signs.complain(&fault::error(&trouble)),
        }
        self.conn = Some(conn);
    }

    fn close(mut self, done: tokio::sync::oneshot::Sender<()>) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Work(job) => drop(self.group(job)),
                Order::Close(other) => _ = other.send(()),
            }
        }
        self.shut();
        // Whoever closed may have gone away.
        _ = done.send(());
    }

    fn shut(self) {
        let Some(conn) = self.conn else { return };
        if let Err(trouble) = connection::carry_over(&conn, &self.config, true) {
            tracing::debug!(%trouble, "the log was not carried over");
        }
        if let Err((_, trouble)) = conn.close() {
            tracing::warn!(%trouble, "the database was not closed cleanly; nothing that was kept is lost");
        }
    }
}

/// Runs the jobs between BEGIN and COMMIT. An error means that nothing was kept; the index is that of the job at fault.
fn apply(
    conn: &Connection,
    memory: &mut Memory,
    jobs: &mut [Box<dyn Work>],
    verdicts: &mut [Result<(), Error>],
) -> Result<(), (Option<usize>, rusqlite::Error)> {
    let whole = |trouble| (None, trouble);
    execute(conn, "BEGIN IMMEDIATE").map_err(whole)?;
    let alone = jobs.len() == 1;
    for (index, job) in jobs.iter_mut().enumerate() {
        if verdicts[index].is_err() {
            continue;
        }
        if !alone {
            execute(conn, "SAVEPOINT job").map_err(whole)?;
        }
        let mark = memory.mark();
        let desk = &mut Desk { conn, memory };
        if let Err(trouble) = guarded(job, desk) {
            verdicts[index] = Err(fault::error(&trouble));
            if alone || conn.is_autocommit() || fault::is_common(&trouble) {
                return Err((Some(index), trouble));
            }
            tracing::error!(%trouble, "a job failed");
            memory.rewind(mark);
            execute(conn, "ROLLBACK TO job").map_err(whole)?;
        }
        if !alone {
            execute(conn, "RELEASE job").map_err(whole)?;
        }
    }
    memory.tally.keep(conn, memory.cursor).map_err(whole)?;
    memory.ledger.keep(conn).map_err(whole)?;
    execute(conn, "COMMIT").map_err(whole)
}

/// A job that panics has failed, and takes neither its neighbours nor the thread with it.
fn guarded(job: &mut Box<dyn Work>, desk: &mut Desk<'_>) -> rusqlite::Result<()> {
    catch_unwind(AssertUnwindSafe(|| job.run(desk))).unwrap_or(Err(rusqlite::Error::UnwindingPanic))
}

fn execute(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Jobs a transaction takes at most: enough that the sync does not matter any more, few enough that the first does not
/// wait long for the last.
const BATCH: usize = 256;
/// After this long without work the log is carried over.
const IDLE: Duration = Duration::from_secs(5);
/// How long to sleep where nothing is left to do.
const NAP: Duration = Duration::from_secs(3_600);
/// How often an idle thread looks whether a sick disk is back.
const PROBE: Duration = Duration::from_secs(1);
/// What a disk must take before it counts as back, in octets.
const PROBE_SIZE: i64 = 64 << 10;
