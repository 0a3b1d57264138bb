//! What must be known about SIM cards across restarts: PINs that were entered, and which card belongs into which slot.

use jiff::Timestamp;

/// Every PIN ever entered for one identity (ICCID, or IMEI where that is unreadable before unlocking).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PinState {
    /// The tries, oldest first.
    pub tries: Vec<PinTry>,
}

/// One PIN that was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinTry {
    /// The hash of the PIN, as the caller made it.
    pub hash: [u8; 32],
    /// What became of it.
    pub verdict: PinVerdict,
    /// When it was entered last.
    pub at: Timestamp,
}

/// What became of an entered PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinVerdict {
    /// It was entered, or was about to be, and no answer is on record: it counts as wrong.
    Open,
    /// The card took it.
    Accepted,
    /// The card refused it.
    Rejected,
}

impl PinState {
    /// Whether this PIN may be entered: it never was, or the card took it.
    pub fn may_enter(&self, hash: &[u8; 32]) -> bool {
        self.tries
            .iter()
            .all(|entry| entry.hash != *hash || entry.verdict == PinVerdict::Accepted)
    }
}

/// What binding a card to a slot found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// The slot had no card; it has this one now.
    Bound,
    /// It is the slot's card.
    Same,
    /// The slot belongs to another card; nothing was changed.
    Other {
        /// The ICCID of the slot's card.
        iccid: String,
    },
}
