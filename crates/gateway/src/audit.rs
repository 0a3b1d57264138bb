//! The audit log, for those who have something done.

use message::MessageId;
use store::AuditEntry;
use tokio::sync::mpsc;

use crate::outgoing::send::unavailable;
use crate::{Error, Gateway};

impl Gateway {
    /// Notes something in the audit log. Messages are noted where they are kept.
    ///
    /// # Errors
    /// The store does not work: it is not noted, and should not be done.
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), Error> {
        self.inner.store.audit(entry).await.map(drop).map_err(unavailable)
    }

    /// The entry with what a reader wants to know of its message: whom it is for, and which SIM had it. Where nobody knows
    /// the message, or nothing can be read now, the id alone stays.
    pub async fn audit_about(&self, message: MessageId, entry: AuditEntry) -> AuditEntry {
        let known = self.inner.store.status(message).await.ok().flatten();
        let sim = known
            .as_ref()
            .and_then(|view| view.parts.iter().find_map(|part| part.sim.clone()));
        AuditEntry {
            message: Some(message),
            sim: sim.or(entry.sim),
            number: known.map(|view| view.to).or(entry.number),
            ..entry
        }
    }
}

/// The way into the audit log for those who do not wait for the disk, such as whoever checks secrets. Clones share it.
#[derive(Debug, Clone)]
pub struct AuditTrail(mpsc::Sender<AuditEntry>);

impl AuditTrail {
    /// Notes what comes into the log of this gateway, one after the other. Needs a runtime.
    pub fn new(gateway: Gateway) -> Self {
        let (sender, mut noted) = mpsc::channel::<AuditEntry>(WAITING);
        tokio::spawn(async move {
            while let Some(entry) = noted.recv().await {
                let what = entry.what.clone();
                if let Err(error) = gateway.audit(entry).await {
                    tracing::warn!(%what, "not in the audit log: {error}");
                }
            }
        });
        Self(sender)
    }

    /// Notes something soon; `false` where too much waits already, and the log alone can tell of it.
    #[must_use]
    pub fn note(&self, entry: AuditEntry) -> bool {
        self.0.try_send(entry).is_ok()
    }
}

/// Entries that may wait. Full: the log alone tells of more.
const WAITING: usize = 256;
