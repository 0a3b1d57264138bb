//! What a modem's own memory keeps of an attempt.

use crate::Memory;

/// A part as it lies on a modem that keeps a journal of its attempts: written there by `+CMGW` and sent from there by
/// `+CMSS` (TS 27.005 3.5.1, 3.5.2).
///
/// The place alone names nothing: what lay there may be gone, and something else may have come. So whoever deletes an
/// entry reads the place first and compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Where it lies.
    pub place: Memory,
    /// The SMS-SUBMIT without its service-centre part.
    pub tpdu: Vec<u8>,
}

impl JournalEntry {
    /// Whether `found` is this entry's TPDU. TP-MR does not count, since the modem sets it (TS 23.040 9.2.3.6).
    pub fn is(&self, found: &[u8]) -> bool {
        same_submit(&self.tpdu, found)
    }
}

/// Whether two SMS-SUBMIT are the same but for TP-MR.
pub fn same_submit(one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([first, _, rest @ ..], [other_first, _, other_rest @ ..]) => (first, rest) == (other_first, other_rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reference_may_differ() {
        let entry = JournalEntry {
            place: Memory { name: *b"SM", index: 1 },
            tpdu: vec![1, 0, 2, 3],
        };
        for at in 0..4 {
            let mut found = entry.tpdu.clone();
            found[at] ^= 0x40;
            assert_eq!(entry.is(&found), at == 1, "octet {at}");
        }
        assert!(entry.is(&[1, 9, 2, 3]));
        assert!(!entry.is(&[1, 0, 2]) && !entry.is(&[1, 0, 2, 3, 4]) && !entry.is(&[1]) && !entry.is(&[]));
    }
}
