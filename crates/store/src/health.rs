//! Whether the store works.

use jiff::Timestamp;

use crate::Error;

/// How the store fares, as its health channel tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// Every write is kept.
    #[default]
    Well,
    /// Writes are refused. The store tries by itself to go on.
    Ill {
        /// Since when.
        since: Timestamp,
        /// What is wrong.
        error: Error,
        /// What the operator can do.
        hint: String,
    },
}
