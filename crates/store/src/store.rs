//! The handle: opening, closing, and the way to the threads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use message::{BeginMark, Committed, MessageId, RouteId};

use crate::begins::{Begins, Run};
use crate::desk::{Desk, Memory};
use crate::events::Named;
use crate::fault::opening;
use crate::incoming::Joiner;
use crate::job::{Order, Task};
use crate::lock::FolderLock;
use crate::names::Names;
use crate::reader::{Ask, Glance, Question, Reader};
use crate::signs::{Counts, Signs};
use crate::stop::StopList;
use crate::writer::Writer;
use crate::{Config, Error, Health, OpenError, PartKey, Recovered, connection, migrate, recover};

/// The store. Clones share one writer thread and the readers; no call blocks the caller's thread.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What the handles share.
pub(crate) struct Shared {
    orders: Sender<Order>,
    questions: Sender<Box<dyn Ask>>,
    /// Places in the queue of the writer. Full: the caller waits, asynchronously, for the next commit.
    order_places: Arc<Semaphore>,
    /// Places in the queue of the readers.
    question_places: Arc<Semaphore>,
    health: watch::Receiver<Health>,
    arrivals: watch::Receiver<i64>,
    events: watch::Receiver<i64>,
    pub(crate) alerts: watch::Receiver<i64>,
    pub(crate) counts: Arc<Mutex<Counts>>,
    /// The STOP list, as committed.
    pub(crate) stopped: Arc<StopList>,
    /// Whose turn it is to write a projection.
    pub(crate) projecting: Arc<tokio::sync::Mutex<()>>,
    /// As it was opened; who consumes may have changed since.
    pub(crate) config: Arc<Config>,
    /// Who consumes.
    pub(crate) named: Mutex<Arc<Named>>,
    pub(crate) path: PathBuf,
    begins: Option<Arc<Begins>>,
}

impl Store {
    /// Opens the database in `folder`, made where it is missing, and starts the threads.
    ///
    /// Blocks; call it before there is a runtime, or where blocking is allowed. Parts that were with a modem when the
    /// gateway died become uncertain here.
    pub fn open(folder: &Path, config: &Config, join: Joiner) -> Result<(Self, Recovered), OpenError> {
        let lock = FolderLock::take(folder)?;
        let path = folder.join(DATABASE_FILE);
        let config = Arc::new(config.clone());
        let at = |trouble| opening(&path, trouble);
        let mut conn = connection::writing(&path, &config).map_err(at)?;
        check(&conn, &path)?;
        migrate::migrate(&conn, &path, migrate::STEPS)?;
        connection::warm(&conn, &config);
        let run = fresh_run();
        let recovered = recover::recover(&mut conn, &path, &config, &run).map_err(at)?;
        let begins = begins(&path, &run);
        let stopped = StopList::load(&conn).map_err(at)?;
        let memory = Memory::load(&conn, Arc::clone(&config), join).map_err(at)?;
        let store = launch(lock, path.clone(), config, conn, memory, stopped, begins)
            .map_err(|source| OpenError::Folder { path, source })?;
        Ok((store, recovered))
    }

    /// Finishes what waits, empties the log into the file and gives the folder back. Later calls answer
    /// [`Error::Closed`].
    pub async fn close(&self) {
        self.shared.order_places.close();
        self.shared.question_places.close();
        let (done, closed) = oneshot::channel();
        if self.shared.orders.send(Order::Close(done)).is_ok() {
            drop(closed.await);
        }
    }

    /// Whether writes are kept; since when and why not.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.clone()
    }

    /// The cursor of the last received message that was completed.
    pub fn arrivals(&self) -> watch::Receiver<i64> {
        self.shared.arrivals.clone()
    }

    /// Changes whenever there is an event to deliver.
    pub fn events(&self) -> watch::Receiver<i64> {
        self.shared.events.clone()
    }

    /// The mark for a part that is handed over ahead on `route`; `None`: nothing can be noted, so nothing may be handed
    /// over ahead. Each `hand` remembers one part: it gets another when the end of the last is on record.
    pub fn begin_mark(&self, route: &RouteId, hand: usize, key: PartKey) -> Option<Arc<dyn BeginMark>> {
        Some(self.shared.begins.as_ref()?.mark(route, hand, key))
    }

    /// Whether parts may be handed over ahead: whether their beginning can be noted.
    pub fn notes_begins(&self) -> bool {
        self.shared.begins.is_some()
    }

    /// How many transactions were committed since the start; with the number of calls it tells how many share one sync.
    pub fn commits(&self) -> u64 {
        self.shared
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .commits
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Validities up to this time were looked at.
    pub(crate) fn swept(&self) -> i64 {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).swept
    }

    /// Runs `work` in the writer and answers after the commit. It may run more than once.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Desk<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<Committed<T>, Error> {
        let place = place(&self.shared.order_places).await?;
        let (reply, answer) = oneshot::channel();
        let task = Task {
            work,
            result: None,
            reply,
            _place: place,
        };
        self.shared
            .orders
            .send(Order::Work(Box::new(task)))
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?.map(Committed::witnessed)
    }

    /// Asks a reader; everything `ask` sees is of one moment.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Glance<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.read_loosely(|glance| {
            let moment = glance.conn.unchecked_transaction()?;
            let answer = ask(glance);
            moment.finish()?;
            answer
        })
        .await
    }

    /// Asks a reader, outside of a transaction.
    pub(crate) async fn read_loosely<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Glance<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let place = place(&self.shared.question_places).await?;
        let (reply, answer) = oneshot::channel();
        let question = Question {
            ask,
            reply,
            _place: place,
        };
        self.shared
            .questions
            .send(Box::new(question))
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

/// A kept refusal is a refusal: nothing was changed for it.
pub(crate) fn transpose<T, E>(kept: Committed<Result<T, E>>) -> Result<Committed<T>, E> {
    kept.into_inner().map(Committed::witnessed)
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(places).acquire_owned().await.map_err(|_| Error::Closed)
}

/// Reads enough of the file to know that it is a sound database; all of it where that is quick.
fn check(conn: &rusqlite::Connection, path: &Path) -> Result<(), OpenError> {
    let octets = std::fs::metadata(path).map(|file| file.len()).unwrap_or(0);
    if octets > QUICK_CHECK_LIMIT {
        return Ok(());
    }
    let word: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|trouble| opening(path, trouble))?;
    if word == "ok" {
        return Ok(());
    }
    Err(OpenError::Corrupt {
        path: path.to_owned(),
        detail: word,
    })
}

/// The notes of what begins from now on. Without them one part of each SIM is handed over at a time.
fn begins(path: &Path, run: &Run) -> Option<Arc<Begins>> {
    let begun = Begins::begin(path, run);
    begun
        .inspect_err(|error| {
            tracing::warn!(
                "what begins cannot be noted, so each SIM is given one part at a time, which is slower: {error}"
            )
        })
        .ok()
}

/// A number for this run that no other has.
fn fresh_run() -> Run {
    *MessageId::fresh().as_bytes()
}

/// Starts the threads.
fn launch(
    lock: FolderLock,
    path: PathBuf,
    config: Arc<Config>,
    conn: rusqlite::Connection,
    memory: Memory,
    stopped: StopList,
    begins: Option<Arc<Begins>>,
) -> std::io::Result<Store> {
    let (orders, order_queue) = mpsc::channel();
    let (questions, question_queue) = mpsc::channel();
    let signs = Signs {
        health: watch::Sender::new(Health::Well),
        arrivals: watch::Sender::new(memory.cursor),
        events: watch::Sender::new(memory.event),
        alerts: watch::Sender::new(memory.alert),
        counts: Arc::new(Mutex::new(Counts::default())),
        stopped: Arc::new(stopped),
    };
    // Before anybody can ask, not when the writer gets to run.
    signs.count(&memory, 0);
    let shared = Shared {
        orders,
        questions,
        order_places: Arc::new(Semaphore::new(ORDERS)),
        question_places: Arc::new(Semaphore::new(QUESTIONS)),
        projecting: Arc::default(),
        health: signs.health.subscribe(),
        arrivals: signs.arrivals.subscribe(),
        events: signs.events.subscribe(),
        alerts: signs.alerts.subscribe(),
        counts: Arc::clone(&signs.counts),
        stopped: Arc::clone(&signs.stopped),
        named: Mutex::new(Arc::new(Named {
            consumers: config.consumers.clone(),
            alert_consumers: config.alert_consumers.clone(),
        })),
        config: Arc::clone(&config),
        path: path.clone(),
        begins,
    };
    let question_queue = Arc::new(Mutex::new(question_queue));
    for _ in 0..READERS {
        let reader = Reader {
            questions: Arc::clone(&question_queue),
            path: path.clone(),
            config: Arc::clone(&config),
            names: Names::new(),
        };
        start("store-reader", move || reader.run())?;
    }
    let writer = Writer {
        orders: order_queue,
        path,
        config,
        memory,
        conn: Some(conn),
        signs,
        commits: 0,
        probed: Instant::now(),
        _lock: lock,
    };
    start("store-writer", move || writer.run())?;
    Ok(Store {
        shared: Arc::new(shared),
    })
}

pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// The database in the data folder.
pub(crate) const DATABASE_FILE: &str = "simrelay.db";
/// Orders that may wait for the writer. Full: callers wait for a place.
const ORDERS: usize = 4096;
/// Questions that may wait for the readers. Full: callers wait for a place.
const QUESTIONS: usize = 1024;
/// Threads that read: one may be busy with something long.
const READERS: usize = 2;
/// Files up to this size, in octets, are checked whole at start.
const QUICK_CHECK_LIMIT: u64 = 16 << 20;
