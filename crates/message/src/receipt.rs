//! What an upstream says of a part that it took: the name it gave it, and its receipts.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Number, ReportStatus};

/// The name that an upstream gave a part (message_id, SMPP 3.4 5.2.23), by which its receipts are matched. Whoever reads
/// it from the wire has folded it already: the same part has the same name in the response and in each receipt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(Arc<str>);

impl PeerId {
    /// How many octets it has at most; with the NUL behind it, it takes one more on the wire.
    pub const LONGEST: usize = 64;

    /// The name with this text; nothing for one that is empty or too long.
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::LONGEST).contains(&text.len()).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An upstream's word on a part (SMPP 3.4 appendix B), read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The name of the part.
    pub id: PeerId,
    /// The recipient of the part, where the receipt tells it.
    pub recipient: Option<Number>,
    /// What became of it. What is on its way still (ENROUTE, ACCEPTD) is [`ReportStatus::StillTrying`].
    pub status: ReportStatus,
    /// `err` of the receipt, or network_error_code, as it was written. It is another list of codes than command_status.
    pub code: Option<String>,
    /// When it was delivered or given up, where told.
    pub discharged: Option<Timestamp>,
    /// What the receipt says, for people: `UNDELIV err:069`.
    pub words: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_64_octets() {
        let told = |length: usize| PeerId::new(&"7".repeat(length)).is_some();
        assert_eq!([0, 1, 64, 65].map(told), [false, true, true, false]);
    }
}
