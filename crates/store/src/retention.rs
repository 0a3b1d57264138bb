//! How long things are kept, and how they go.

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// Outgoing messages that lost their text.
    pub texts: u64,
    /// Outgoing messages that are gone.
    pub messages: u64,
    /// Received messages that are gone.
    pub inbound: u64,
    /// Messages that had to stay because a part is with a modem or uncertain.
    pub kept: u64,
    /// Whether more is to remove than one call does: call again.
    pub more: bool,
}
