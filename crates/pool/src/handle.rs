//! The pool as the floor above holds it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use message::{RouteId, SlotSnapshot, TraceView, TraceWish};
use modem::Job;
use tokio::sync::{mpsc, oneshot, watch};

use crate::keeper::{Command, Keeper};
use crate::trace::Trace;
use crate::{Config, Trouble};

/// The pool, before it runs.
#[derive(Debug)]
pub struct Pool;

/// Gives work to the slots and shows how they stand. Cheap to clone; no call but [`reload`](Self::reload) and
/// [`stop`](Self::stop) waits.
#[derive(Debug, Clone)]
pub struct PoolHandle {
    doors: Doors,
    keeper: mpsc::Sender<Command>,
}

/// Something happened in a slot.
#[derive(Debug)]
pub struct PoolEvent {
    /// Which.
    pub slot: RouteId,
    /// What.
    pub event: SlotEvent,
}

/// What happened in a slot.
#[derive(Debug)]
pub enum SlotEvent {
    /// Its port was opened, by this name.
    Up {
        /// The port.
        port: String,
    },
    /// Its port is gone or was given up. Every part it had was settled before.
    Down {
        /// Why, for people.
        reason: String,
    },
    /// Its modem says so.
    Modem(modem::Event),
}

/// Why a job was not taken. Nothing was done and nothing will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// There is no such slot.
    NoSlot,
    /// As many jobs wait for the slot as may.
    Full,
    /// The pool stops.
    Stopping,
}

/// The doors of all slots.
pub(crate) type Doors = Arc<RwLock<BTreeMap<RouteId, Door>>>;

/// The way to one slot.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) shown: watch::Receiver<Arc<SlotSnapshot>>,
    pub(crate) trace: Trace,
}

impl Pool {
    /// Starts looking for ports and modems, on the tokio runtime this is called in.
    ///
    /// The receiver must be drained: when [`EVENTS`] wait, the slots wait, and what arrives meanwhile stays in the modems'
    /// memories. Dropping it stops the pool.
    ///
    /// # Errors
    /// Everything that cannot be right in the settings.
    pub fn start(config: Config) -> Result<(PoolHandle, mpsc::Receiver<PoolEvent>), Vec<Trouble>> {
        let troubles = config.check();
        if !troubles.is_empty() {
            return Err(troubles);
        }
        let (events, receiver) = mpsc::channel(EVENTS);
        let (keeper, commands) = mpsc::channel(COMMANDS);
        let doors = Doors::default();
        let mut task = Keeper::new(config, events, Arc::clone(&doors));
        task.furnish();
        tokio::spawn(task.run(commands));
        Ok((PoolHandle { doors, keeper }, receiver))
    }
}

impl PoolHandle {
    /// Gives a slot a job. What its modem does not take afterwards is told by an event: a part is then settled as failed,
    /// a USSD step as failed.
    ///
    /// # Errors
    /// When the job could not even be passed on.
    pub fn submit(&self, slot: &RouteId, job: Job) -> Result<(), NotTaken> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let door = doors.get(slot).ok_or(NotTaken::NoSlot)?;
        door.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotTaken::Full,
            mpsc::error::TrySendError::Closed(_) => NotTaken::Stopping,
        })
    }

    /// How every slot stands, by name.
    pub fn snapshots(&self) -> Vec<Arc<SlotSnapshot>> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        doors.values().map(|door| Arc::clone(&door.shown.borrow())).collect()
    }

    /// How one slot stands.
    pub fn snapshot(&self, slot: &RouteId) -> Option<Arc<SlotSnapshot>> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&doors.get(slot)?.shown.borrow()))
    }

    /// A view of one slot that tells when it changes.
    pub fn watch(&self, slot: &RouteId) -> Option<watch::Receiver<Arc<SlotSnapshot>>> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        Some(doors.get(slot)?.shown.clone())
    }

    /// Has what goes over a slot's wire written down from now on, or no longer; what it looks like then.
    ///
    /// # Errors
    /// There is no such slot, or no folder to write to: a sentence for people.
    pub fn trace(&self, slot: &RouteId, wish: Option<TraceWish>) -> Result<Option<TraceView>, String> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let door = doors.get(slot).ok_or_else(|| NotTaken::NoSlot.to_string())?;
        door.trace
            .set(slot, wish)
            .map_err(|error| format!("the trace cannot be written: {error}"))?;
        Ok(door.trace.view(slot))
    }

    /// The slots whose wires are written down.
    pub fn traces(&self) -> Vec<TraceView> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        doors.iter().filter_map(|(slot, door)| door.trace.view(slot)).collect()
    }

    /// Takes other settings. Slots that stay as they are go on undisturbed; one that goes or changes its port finishes its
    /// exchange first.
    ///
    /// # Errors
    /// Everything that cannot be right in the settings; then nothing changes.
    pub async fn reload(&self, config: Config) -> Result<(), Vec<Trouble>> {
        let troubles = config.check();
        if !troubles.is_empty() {
            return Err(troubles);
        }
        let (done, answer) = oneshot::channel();
        // A pool that has stopped has nothing to reload.
        let _stopped = self
            .keeper
            .send(Command::Reload {
                config: Box::new(config),
                done,
            })
            .await;
        self.wait(answer).await;
        Ok(())
    }

    /// Finishes the exchange of every slot, closes the ports and ends. Takes as long as the longest exchange, which the
    /// machine's own deadline limits; the events must be drained meanwhile.
    pub async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        let _stopped = self.keeper.send(Command::Stop { done }).await;
        self.wait(answer).await;
    }

    /// Waits for the keeper's word, or for its end: a command that is passed on while it ends by itself (nobody listens to
    /// the events any more) stays in the channel, and so does the answer's other half.
    async fn wait(&self, answer: oneshot::Receiver<()>) {
        tokio::select! {
            _answered = answer => {}
            () = self.keeper.closed() => {}
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlot => "there is no such slot",
            Self::Full => "as many jobs wait for the slot as may",
            Self::Stopping => "the pool stops",
        })
    }
}

impl std::error::Error for NotTaken {}

/// Events that may wait for the floor above. When as many wait, the slots wait too.
pub const EVENTS: usize = 1024;

/// Reloads and stops that may wait for the keeper; more callers wait.
const COMMANDS: usize = 4;
