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
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use message::{PartState, QueueFacts, Totals};

use crate::desk::{Desk, Memory};
use crate::job::{Order, Work};
use crate::lock::FolderLock;
use crate::stop::StopList;
use crate::{Config, Error, Health, clock, connection, fault};

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

/// What the writer lets others see.
pub(crate) struct Signs {
    pub(crate) health: watch::Sender<Health>,
    pub(crate) arrivals: watch::Sender<i64>,
    pub(crate) events: watch::Sender<i64>,
    pub(crate) counts: Arc<Mutex<Counts>>,
    pub(crate) stopped: Arc<StopList>,
}

/// The counts as of the last commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) queue: QueueFacts,
    pub(crate) totals: Totals,
    /// Transactions since the start.
    pub(crate) commits: u64,
    /// Validities up to this time were looked at.
    pub(crate) swept: i64,
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
        self.show_counts();
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
        match (self.is_ill(), used) {
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
        self.show_counts();
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
            return End::Lost(None, self.complaint());
        };
        let start = self.memory.mark();
        let end = apply(&conn, &mut self.memory, jobs, verdicts);
        let outcome = match end {
            Ok(()) => {
                self.memory.tally.commit();
                self.commits += 1;
                self.publish();
                self.recovered();
                End::Kept
            }
            Err((culprit, trouble)) => {
                if !conn.is_autocommit() && conn.execute_batch("ROLLBACK").is_err() {
                    tracing::warn!("a transaction could not be rolled back");
                }
                self.memory.rewind(start);
                let error = fault::error(&trouble);
                if !fault::is_common(&trouble) {
                    tracing::error!(%trouble, "a job failed");
                    self.conn = Some(conn);
                    return End::Lost(culprit, error);
                }
                self.complain(&error);
                if matches!(error, Error::Sick(_)) {
                    // The file may have gone or changed under us: the next transaction opens it anew.
                    return End::Lost(culprit, error);
                }
                End::Lost(culprit, error)
            }
        };
        self.conn = Some(conn);
        outcome
    }

    /// Opens the file again and reads everything back.
    fn reopen(&mut self) -> Option<Connection> {
        let opened = connection::writing(&self.path, &self.config).and_then(|conn| {
            self.memory = Memory::load(&conn, Arc::clone(&self.memory.config), Arc::clone(&self.memory.join))?;
            Ok(conn)
        });
        opened.map_err(|trouble| self.complain(&fault::error(&trouble))).ok()
    }

    /// Tells what completed to those who wait for it.
    fn publish(&mut self) {
        self.signs.stopped.apply(&mut self.memory.stops);
        raise(&self.signs.arrivals, self.memory.cursor);
        raise(&self.signs.events, self.memory.event);
    }

    fn show_counts(&self) {
        let tally = &self.memory.tally;
        let mut counts = self.signs.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.queue.queued = tally.in_state(PartState::Queued);
        counts.queue.attempting = tally.in_state(PartState::Attempting);
        counts.queue.uncertain = tally.in_state(PartState::Uncertain);
        counts.totals = tally.totals();
        counts.commits = self.commits;
        counts.swept = self.memory.swept.0;
    }

    fn complain(&self, error: &Error) {
        let ill = Health::Ill {
            since: clock::now(),
            error: error.clone(),
            hint: fault::hint(error).to_owned(),
        };
        self.signs.health.send_if_modified(|health| match health {
            Health::Ill { error: known, .. } if std::mem::discriminant(known) == std::mem::discriminant(error) => false,
            _ => {
                tracing::error!(%error, "the store refuses writes");
                *health = ill;
                true
            }
        });
    }

    fn complaint(&self) -> Error {
        match &*self.signs.health.borrow() {
            Health::Ill { error, .. } => error.clone(),
            Health::Well => Error::Sick("the database file could not be opened".to_owned()),
        }
    }

    /// A commit went through. A full disk may have room for a little and not for much, so only the probe ends that.
    fn recovered(&self) {
        let full = matches!(
            &*self.signs.health.borrow(),
            Health::Ill {
                error: Error::Full(_),
                ..
            }
        );
        if !full {
            self.well();
        }
    }

    fn well(&self) {
        self.signs.health.send_if_modified(|health| {
            let changed = *health != Health::Well;
            if changed {
                tracing::info!("the store keeps writes again");
                *health = Health::Well;
            }
            changed
        });
    }

    fn is_ill(&self) -> bool {
        *self.signs.health.borrow() != Health::Well
    }

    /// Nothing to do: carries the log over into the file, so that the next start has little to read. The log keeps its
    /// size ([`connection::warm`] says why) but for when something was erased: then it is emptied, too.
    fn carry_over(&mut self) {
        let Some(conn) = self.conn.as_ref().filter(|_| !self.is_ill()) else {
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
        if self.is_ill() && self.probed.elapsed() >= PROBE {
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
            Ok(_) => self.well(),
            Err(trouble) => self.complain(&fault::error(&trouble)),
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
    execute(conn, "COMMIT").map_err(whole)
}

/// A job that panics has failed, and takes neither its neighbours nor the thread with it.
fn guarded(job: &mut Box<dyn Work>, desk: &mut Desk<'_>) -> rusqlite::Result<()> {
    catch_unwind(AssertUnwindSafe(|| job.run(desk))).unwrap_or(Err(rusqlite::Error::UnwindingPanic))
}

fn execute(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn raise(sign: &watch::Sender<i64>, to: i64) {
    sign.send_if_modified(|value| {
        let higher = to > *value;
        *value = to.max(*value);
        higher
    });
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
