//! Which tokens were shown, for the audit log: right ones when they are checked, which is once in a while for each, and
//! wrong ones each time.

use std::net::IpAddr;
use std::sync::OnceLock;

use gateway::{AuditEntry, Gateway};
use message::TokenId;
use tokio::sync::mpsc;

use crate::clock;
use crate::codes::{Code, Refusal};

/// The way to the audit log. Until [`Uses::write_to`] nothing is noted.
#[derive(Debug, Default)]
pub(crate) struct Uses(OnceLock<mpsc::Sender<AuditEntry>>);

impl Uses {
    /// Notes what comes into the log of this gateway, one after the other. Needs a runtime.
    pub(crate) fn write_to(&self, gateway: Gateway) {
        let (sender, mut noted) = mpsc::channel(WAITING);
        if self.0.set(sender).is_err() {
            return;
        }
        tokio::spawn(async move {
            while let Some(entry) = noted.recv().await {
                if let Err(error) = gateway.audit(entry).await {
                    tracing::warn!("the use of a token is not in the audit log: {error}");
                }
            }
        });
    }

    /// Notes what came of a token that was shown. Only a known id is named: what was sent in an id's place may be a secret.
    pub(crate) fn note<T>(&self, address: IpAddr, id: Option<&str>, proven: &Result<T, Refusal>) {
        let what = match proven {
            Ok(_) => "token.used",
            Err(refusal) if refusal.code == Code::TOKEN_WRONG => "token.refused",
            Err(_) => return,
        };
        let entry = AuditEntry {
            token: id.map(TokenId::new),
            facts: Some(format!("from {address}")),
            ..AuditEntry::new(what, clock::now())
        };
        // Whoever shows a token does not wait for the disk.
        let full = self.0.get().is_some_and(|sender| sender.try_send(entry).is_err());
        if full {
            tracing::warn!(what, id, %address, "more tokens are shown than are noted in the audit log");
        }
    }
}

/// Entries that may wait. Full: the log alone tells of more.
const WAITING: usize = 256;
