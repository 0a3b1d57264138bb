//! Which tokens were shown, for the audit log: right ones when they are checked, which is once in a while for each, and
//! wrong ones each time.

use std::net::IpAddr;
use std::sync::OnceLock;

use gateway::{AuditEntry, AuditTrail, Gateway};
use message::TokenId;

use crate::clock;
use crate::codes::{Code, Refusal};

/// The way to the audit log. Until [`Uses::write_to`] nothing is noted.
#[derive(Debug, Default)]
pub(crate) struct Uses(OnceLock<AuditTrail>);

impl Uses {
    /// Notes what comes into the log of this gateway. Needs a runtime.
    pub(crate) fn write_to(&self, gateway: Gateway) {
        self.0.get_or_init(|| AuditTrail::new(gateway));
    }

    /// Notes what came of a token that was shown. Only a known id is named: what was sent in an id's place may be a secret.
    pub(crate) fn note<T>(&self, address: IpAddr, id: Option<&str>, proven: &Result<T, Refusal>) {
        let entry = match proven {
            Ok(_) => AuditEntry {
                token: id.map(TokenId::new),
                facts: Some(format!("from {address}")),
                ..AuditEntry::new("token.used", clock::now())
            },
            // Whoever it was, it was not the token's owner: the name is only what was claimed.
            Err(refusal) if refusal.code == Code::TOKEN_WRONG => AuditEntry {
                facts: Some(match id {
                    Some(id) => format!("as {id}, from {address}"),
                    None => format!("from {address}"),
                }),
                ..AuditEntry::new("token.refused", clock::now())
            },
            Err(_) => return,
        };
        // Whoever shows a token does not wait for the disk.
        let full = self.0.get().is_some_and(|trail| !trail.note(entry));
        if full {
            tracing::warn!(id, %address, "more tokens are shown than are noted in the audit log");
        }
    }
}
