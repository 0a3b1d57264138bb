//! The audit log, for those who have something done.

use crate::outgoing::send::unavailable;
use crate::{AuditEntry, Error, Gateway};

impl Gateway {
    /// Notes something in the audit log. Messages are noted where they are kept.
    ///
    /// # Errors
    /// It could not be kept: what it tells of should not be done.
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), Error> {
        self.inner.store.audit(entry).await.map(drop).map_err(unavailable)
    }
}
