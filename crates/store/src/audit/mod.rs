//! The audit log: who had what done, append-only and chained by hashes.
//!
//! Entries are noted while jobs run and written once per transaction, as one row: they are kept with what they tell, or
//! not at all, and cost a sync nothing. A row holds the hash (SHA-256) over the row before it and over its entries, so
//! none can be changed, taken out or moved without every later hash saying so.
//!
//! What an entry says of a number stands apart from it, and the entry holds a digest of that alone (its *veil*): a
//! number can be erased and the chain still holds. Texts, codes and PINs are in none of it.

mod chain;
mod look;
mod walk;

use std::borrow::Cow;

use jiff::Timestamp;

use message::{Committed, MessageId, Number, RouteId, TokenId};

use crate::{Error, Store};

pub(crate) use chain::{Ledger, Mark, erase, traces, trim};
pub use look::{AuditHead, AuditLine, AuditVerdict, audit_read, audit_verify};
pub use walk::AuditWalk;

/// One thing that was done, or asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What, in a word that stays: `send`, `ussd`, `config.reload`.
    pub what: Cow<'static, str>,
    /// By whom; `None`: the gateway itself.
    pub token: Option<TokenId>,
    /// Which message.
    pub message: Option<MessageId>,
    /// Over which SIM.
    pub sim: Option<RouteId>,
    /// What else is to be known. Never a text of a message, a PIN, or a number.
    pub facts: Option<String>,
    /// Whom it concerns. Kept as `store.audit_numbers` says, and apart.
    pub number: Option<Number>,
}

impl AuditEntry {
    /// Something that was done at `at`.
    pub fn new(what: impl Into<Cow<'static, str>>, at: Timestamp) -> Self {
        Self {
            at,
            what: what.into(),
            token: None,
            message: None,
            sim: None,
            facts: None,
            number: None,
        }
    }
}

impl Store {
    /// Notes something that is not kept anywhere else.
    pub async fn audit(&self, entry: AuditEntry) -> Result<Committed<()>, Error> {
        self.write(move |desk| {
            desk.memory.ledger.note(&entry);
            Ok(())
        })
        .await
    }

    /// Where the log ends now: noted elsewhere, it shows later that nothing was cut off.
    pub async fn audit_head(&self) -> Result<AuditHead, Error> {
        self.read(|glance| look::head(glance.conn)).await
    }
}
