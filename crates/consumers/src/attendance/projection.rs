//! Keeping the file for the first version's query program up to date.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use store::{ProjectionError, Store};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};
use tracing::warn;

/// The way to the one task that makes the file; it ends with this.
#[derive(Debug)]
pub(super) struct Projection {
    due: Sender<()>,
}

impl Projection {
    pub(super) fn new(file: PathBuf, store: Store) -> Self {
        let (due, wishes) = channel(WISHES);
        tokio::spawn(keep(file, store, wishes));
        let projection = Self { due };
        // What changed shortly before the last stop.
        projection.renew();
        projection
    }

    /// Makes the file anew before long; many changes in a moment cost one making.
    pub(super) fn renew(&self) {
        // Full: it is made anew after now anyway.
        _ = self.due.try_send(());
    }
}

/// Makes the file as often as somebody wishes, one making after the other.
async fn keep(file: PathBuf, store: Store, mut wishes: Receiver<()>) {
    while wishes.recv().await.is_some() {
        sleep(REST).await;
        // What was wished for in the meantime is made with this.
        _ = wishes.try_recv();
        match make(&store, &file).await {
            // A store that is closed is made up for at the next start.
            Ok(()) | Err(ProjectionError::Store(store::Error::Closed)) => {}
            Err(trouble) => warn!(%trouble, "the projection of attendance is old"),
        }
    }
}

/// Makes the file once, and tells where that takes long: a share of another machine may not answer for hours.
async fn make(store: &Store, file: &Path) -> Result<(), ProjectionError> {
    let mut making = pin!(store.attendance_projection(file));
    match timeout(LONG, &mut making).await {
        Ok(made) => made,
        Err(_) => {
            warn!(file = %file.display(), "the projection of attendance is old: its disk does not answer");
            making.await
        }
    }
}

/// How old the file may be.
const REST: Duration = Duration::from_millis(500);
/// How long making it may take before the log tells.
const LONG: Duration = Duration::from_secs(30);
/// Wishes that wait. Full: the one that waits does for all.
const WISHES: usize = 1;
