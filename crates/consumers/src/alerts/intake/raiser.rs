//! The way of all alerts into the gateway: those that come together are kept together.

use std::sync::Arc;
use std::time::Duration;

use gateway::Gateway;
use message::{AlertReceipt, NewAlert, RawAlert};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::budget::Grant;
use crate::clock;

/// Hands alerts to the gateway. Cheap to clone; once all clones are gone and what they handed over is kept, its task
/// ends.
#[derive(Debug, Clone)]
pub struct Raiser {
    queue: mpsc::Sender<Waiting>,
}

/// Why an alert is not kept, for whoever sent it. It may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(String);

/// What became of an alert.
pub(super) type Kept = Result<AlertReceipt, NotKept>;

/// An alert on its way.
#[derive(Debug)]
struct Waiting {
    alert: Arc<NewAlert>,
    /// Whoever waits to hear; it may be gone.
    asker: oneshot::Sender<Kept>,
    patience: Patience,
    _room: Arc<Grant>,
}

/// What is done with an alert that cannot be kept now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It is refused, since its sender hears that and comes again.
    Refused,
    /// It is tried until it is kept: its sender hears nothing.
    Tried,
}

impl Raiser {
    /// Starts the task. It ends by itself, as said above.
    pub fn start(gateway: Gateway) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, tokio::spawn(run(gateway, waiting)))
    }

    /// Raises an alert, and answers once it is kept. The memory that it takes is held until then, also where nobody
    /// waits for the answer any more.
    ///
    /// # Errors
    /// It cannot be kept now.
    pub(super) async fn raise(&self, alert: RawAlert, room: Arc<Grant>) -> Kept {
        let kept = self.hand_over(alert, room, Patience::Refused).await;
        kept.await.unwrap_or_else(|_| Err(NotKept::stopping()))
    }

    /// Hands an alert over with the memory that it takes; waits where many are on their way. What is given tells what
    /// became of it.
    pub(super) async fn hand_over(
        &self,
        alert: RawAlert,
        room: Arc<Grant>,
        patience: Patience,
    ) -> oneshot::Receiver<Kept> {
        let (asker, kept) = oneshot::channel();
        let waiting = Waiting {
            alert: Arc::new(NewAlert::clean(alert, clock::now())),
            asker,
            patience,
            _room: room,
        };
        // The task outlives every handle. Whoever asks would hear that the answer never comes.
        let _ = self.queue.send(waiting).await;
        kept
    }
}

impl NotKept {
    pub(super) fn stopping() -> Self {
        Self("the gateway is stopping".to_owned())
    }
}

async fn run(gateway: Gateway, mut queue: mpsc::Receiver<Waiting>) {
    let mut held: Vec<Waiting> = Vec::new();
    let mut failures: u32 = 0;
    loop {
        if held.is_empty() {
            if queue.recv_many(&mut held, TOGETHER).await == 0 {
                return;
            }
        } else {
            tokio::time::sleep(PAUSE).await;
            while let Some(waiting) = queue.try_recv().ok().filter(|_| held.len() < 2 * TOGETHER) {
                held.push(waiting);
            }
        }
        let alerts = held.iter().map(|waiting| Arc::clone(&waiting.alert)).collect();
        match gateway.raise_clean(alerts).await {
            Ok(receipts) => {
                if failures > 0 {
                    tracing::info!("alerts can be kept again");
                }
                failures = 0;
                for (waiting, receipt) in held.drain(..).zip(receipts) {
                    waiting.tell(Ok(receipt));
                }
            }
            Err(error) => {
                failures += 1;
                let why = NotKept(error.to_string());
                let is_refused = |waiting: &Waiting| waiting.patience == Patience::Refused;
                let (refused, tried): (Vec<_>, Vec<_>) = held.into_iter().partition(is_refused);
                held = tried;
                if failures.is_power_of_two() {
                    tracing::error!(%error, "{} alerts cannot be kept and are refused, {} are tried again", refused.len(), held.len());
                }
                refused.into_iter().for_each(|waiting| waiting.tell(Err(why.clone())));
                if queue.is_closed() && queue.is_empty() && !held.is_empty() {
                    tracing::error!(
                        "{} alerts are lost: they could not be kept before the gateway stopped",
                        held.len()
                    );
                    return;
                }
            }
        }
    }
}

impl Waiting {
    fn tell(self, kept: Kept) {
        // Whoever asked may be gone, or never listened.
        let _ = self.asker.send(kept);
    }
}

/// Alerts that wait to be kept; when it is full, whoever brings one waits, and so does the sender.
const QUEUE: usize = 256;
/// The most alerts in one transaction.
const TOGETHER: usize = 256;
/// The pause before alerts that could not be kept are tried again.
const PAUSE: Duration = Duration::from_secs(1);
