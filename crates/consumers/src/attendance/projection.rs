//! Keeping the file for the first version's query program up to date.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use store::Store;
use tracing::warn;

/// The file, and whether it is to be made anew.
#[derive(Debug)]
pub(super) struct Projection {
    file: PathBuf,
    store: Store,
    /// Somebody waits to make it.
    due: AtomicBool,
}

impl Projection {
    pub(super) fn new(file: PathBuf, store: Store) -> Arc<Self> {
        let projection = Arc::new(Self {
            file,
            store,
            due: AtomicBool::new(false),
        });
        // What changed shortly before the last stop.
        projection.renew();
        projection
    }

    /// Makes the file anew before long; many changes in a moment cost one making.
    pub(super) fn renew(self: &Arc<Self>) {
        if self.due.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(REST).await;
            this.due.store(false, Ordering::Release);
            match this.store.attendance_projection(&this.file).await {
                // A store that is closed is made up for at the next start.
                Ok(()) | Err(store::ProjectionError::Store(store::Error::Closed)) => {}
                Err(trouble) => warn!(%trouble, "the projection of attendance is old"),
            }
        });
    }
}

/// How old the file may be.
const REST: Duration = Duration::from_millis(500);
