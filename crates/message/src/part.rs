//! The states of a part, and how a message's state follows from them.

use serde::{Deserialize, Serialize};

/// Where one part stands. Every state but the final ones has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// Waiting for its turn.
    Queued,
    /// Handed to a modem; the attempt is on record.
    Attempting,
    /// Nobody knows whether it went out.
    Uncertain,
    /// The network took it.
    Sent,
    /// The recipient's phone has it.
    Delivered,
    /// It will not go out.
    Failed,
    /// Its validity ran out.
    Expired,
    /// Taken back before the first attempt.
    Cancelled,
    /// Not allowed to go out.
    Refused,
}

impl PartState {
    /// All of them, in the order of the store's codes.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Attempting,
        Self::Uncertain,
        Self::Sent,
        Self::Delivered,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
        Self::Refused,
    ];

    /// Whether nothing more will happen to it by itself. `Sent` is not final: a report may come.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Failed | Self::Expired | Self::Cancelled | Self::Refused
        )
    }

    /// As the API writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Attempting => "attempting",
            Self::Uncertain => "uncertain",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// The number the store keeps.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Where a message stands, computed from its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// No part was attempted yet.
    Queued,
    /// Some parts are out, some are not.
    Sending,
    /// All parts are settled or out, at least one of them with an unknown fate.
    Uncertain,
    /// The network took every part.
    Sent,
    /// Every part was delivered.
    Delivered,
    /// At least one part failed: the message cannot arrive whole.
    Failed,
    /// At least one part ran out of time.
    Expired,
    /// Taken back.
    Cancelled,
    /// Not allowed.
    Refused,
}

impl MessageState {
    /// The state of the message that has parts in these states.
    ///
    /// The worst final state decides, since a message with a missing part does not arrive; then doubt; then
    /// unfinished work; then the least advanced.
    pub fn of(parts: impl IntoIterator<Item = PartState>) -> Self {
        let mut seen = [false; PartState::ALL.len()];
        for part in parts {
            seen[usize::from(part.code())] = true;
        }
        let has = |state: PartState| seen[usize::from(state.code())];
        let worst = [
            (PartState::Refused, Self::Refused),
            (PartState::Failed, Self::Failed),
            (PartState::Expired, Self::Expired),
            (PartState::Cancelled, Self::Cancelled),
        ];
        if let Some((_, state)) = worst.into_iter().find(|(part, _)| has(*part)) {
            return state;
        }
        let begun = has(PartState::Attempting) || has(PartState::Sent) || has(PartState::Delivered);
        if has(PartState::Attempting) || (has(PartState::Queued) && (begun || has(PartState::Uncertain))) {
            return Self::Sending;
        }
        match () {
            () if has(PartState::Uncertain) => Self::Uncertain,
            () if has(PartState::Queued) => Self::Queued,
            () if has(PartState::Sent) => Self::Sent,
            () if has(PartState::Delivered) => Self::Delivered,
            () => Self::Queued,
        }
    }

    /// As the API writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Uncertain => "uncertain",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Failed | Self::Expired | Self::Cancelled | Self::Refused
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_code_comes_back() {
        for code in 0..=u8::MAX {
            match PartState::from_code(code) {
                Some(state) => assert_eq!(state.code(), code),
                None => assert!(usize::from(code) >= PartState::ALL.len()),
            }
        }
    }

    #[test]
    fn a_message_is_delivered_only_whole() {
        use PartState::{Delivered, Failed, Queued, Sent, Uncertain};
        assert_eq!(MessageState::of([Delivered, Delivered]), MessageState::Delivered);
        assert_eq!(MessageState::of([Delivered, Sent]), MessageState::Sent);
        assert_eq!(MessageState::of([Delivered, Failed]), MessageState::Failed);
        assert_eq!(MessageState::of([Sent, Queued]), MessageState::Sending);
        assert_eq!(MessageState::of([Uncertain, Sent]), MessageState::Uncertain);
        assert_eq!(MessageState::of([Queued, Queued]), MessageState::Queued);
    }
}
