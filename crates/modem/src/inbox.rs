//! What lies in the modem's memories, and what is to be done with it.
//!
//! Nothing here survives the session: after a start a sweep finds everything again.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use message::{JournalEntry, Memory};

/// The memories and the messages in them.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// A memory was full before places in it were freed, so that more may wait in the network.
    pub(crate) was_full: bool,
    /// The memories that can be read.
    pub(crate) readable: Vec<[u8; 2]>,
    /// The one that messages are received into.
    pub(crate) home: Option<[u8; 2]>,
    /// The one that reading and deleting work on now.
    pub(crate) selected: Option<[u8; 2]>,
    /// Messages that were announced and not read yet.
    pub(crate) announced: VecDeque<Announced>,
    /// What may be deleted.
    pub(crate) deletes: VecDeque<Deletion>,
    /// Messages that were handed over and still lie there.
    handed: Vec<Handed>,
    /// All memories are to be read.
    pub(crate) sweep: Option<Sweeping>,
    /// Sweeps since one that trusted no count.
    pub(crate) sweeps: u32,
    /// Messages routed directly that nobody kept yet.
    pub(crate) unacknowledged: u32,
    /// Acknowledgements to be written.
    pub(crate) acknowledgements: u32,
}

/// A message that the modem announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Where it is said to lie.
    pub(crate) memory: Option<[u8; 2]>,
    /// Its index.
    pub(crate) index: u16,
    /// It is a status report.
    pub(crate) report: bool,
}

/// Something that may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// A message that was handed over in this session.
    Message {
        /// Where it lies.
        place: Memory,
        /// An earlier try was broken off, so that it may be gone and another in its place: the place is read first.
        in_doubt: bool,
    },
    /// An entry of our own journal.
    Entry(JournalEntry),
}

impl Deletion {
    /// What was handed over lies here.
    pub(crate) fn message(place: Memory) -> Self {
        Self::Message { place, in_doubt: false }
    }

    pub(crate) fn place(&self) -> Memory {
        match self {
            Self::Message { place, .. } => *place,
            Self::Entry(entry) => entry.place,
        }
    }

    /// The same, after a try that was broken off.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::Message { place, .. } => Self::Message { place, in_doubt: true },
            entry @ Self::Entry(_) => entry,
        }
    }
}

/// How thorough a sweep is to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sweeping {
    /// Hand over again what was handed over already.
    pub(crate) again: bool,
    /// Do not trust the counts that the modem gives.
    pub(crate) thorough: bool,
}

#[derive(Debug, Clone, Copy)]
struct Handed {
    place: Memory,
    /// `None`: an entry of our own journal, whatever the modem makes of its octets.
    content: Option<u64>,
}

impl Inbox {
    /// Notes an announced message; when too many wait, a sweep will find it.
    pub(crate) fn announce(&mut self, announced: Announced) {
        if self.announced.len() >= MAX_ANNOUNCED {
            self.want_sweep(Sweeping::default());
        } else if !self.announced.contains(&announced) {
            self.announced.push_back(announced);
        }
    }

    /// Asks for a sweep, at least this thorough.
    pub(crate) fn want_sweep(&mut self, wanted: Sweeping) {
        let before = self.sweep.unwrap_or_default();
        self.sweep = Some(Sweeping {
            again: before.again || wanted.again,
            thorough: before.thorough || wanted.thorough,
        });
    }

    /// Notes that a message is handed over; false when it was before.
    pub(crate) fn note_handed(&mut self, place: Memory, pdu: &[u8], again: bool) -> bool {
        let content = Some(digest(pdu));
        if let Some(known) = self.handed.iter_mut().find(|known| known.place == place) {
            let own = known.content.is_none();
            let same = own || known.content == content;
            known.content = content.filter(|_| !own);
            return !same || (again && !own);
        }
        if self.handed.len() >= MAX_HANDED {
            self.handed.remove(0);
        }
        self.handed.push(Handed { place, content });
        true
    }

    /// Notes an entry of our own journal, so that no sweep takes it for one that a crash left.
    pub(crate) fn note_own(&mut self, place: Memory) {
        self.forget(place);
        self.handed.push(Handed { place, content: None });
    }

    /// Whether the message there was handed over in this session.
    pub(crate) fn is_handed(&self, place: Memory) -> bool {
        self.handed
            .iter()
            .any(|known| known.place == place && known.content.is_some())
    }

    /// Whether it is this one that was handed over there.
    pub(crate) fn was_handed(&self, place: Memory, pdu: &[u8]) -> bool {
        let content = Some(digest(pdu));
        self.handed
            .iter()
            .any(|known| known.place == place && known.content == content)
    }

    /// How many messages of a memory were handed over and not deleted.
    pub(crate) fn handed_in(&self, memory: [u8; 2]) -> usize {
        self.handed.iter().filter(|known| known.place.name == memory).count()
    }

    /// Forgets a message that is gone.
    pub(crate) fn forget(&mut self, place: Memory) {
        self.handed.retain(|known| known.place != place);
    }

    /// Forgets what a whole listing of the memory did not show.
    pub(crate) fn keep_only(&mut self, memory: [u8; 2], seen: &[u16]) {
        self.handed
            .retain(|known| known.place.name != memory || seen.contains(&known.place.index));
    }

    /// Forgets all messages: the card or the modem is another one.
    pub(crate) fn forget_all(&mut self) {
        self.handed.clear();
        self.announced.clear();
        self.deletes.clear();
    }

    /// Notes what may be deleted; false when too much waits. Then the next sweep hands it over once more.
    pub(crate) fn may_delete(&mut self, deletion: Deletion) -> bool {
        let known = match &deletion {
            Deletion::Message { place, .. } => self
                .deletes
                .iter()
                .any(|known| matches!(known, Deletion::Message { place: other, .. } if other == place)),
            entry @ Deletion::Entry(_) => self.deletes.contains(entry),
        };
        if known {
            return true;
        }
        if self.deletes.len() >= MAX_DELETES {
            self.forget(deletion.place());
            return false;
        }
        self.deletes.push_back(deletion);
        true
    }
}

fn digest(pdu: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    pdu.hash(&mut hasher);
    hasher.finish()
}

/// The name of the only memory of a modem that names none.
pub(crate) const UNNAMED: [u8; 2] = *b"??";

/// Most announced messages that wait; more are left to a sweep.
const MAX_ANNOUNCED: usize = 256;

/// Most messages known as handed over; the oldest is forgotten, and then handed over once more by the next sweep.
const MAX_HANDED: usize = 1024;

/// Most deletes that wait; more are refused, and the next sweep hands their messages over again.
const MAX_DELETES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(index: u16) -> Memory {
        Memory { name: *b"SM", index }
    }

    #[test]
    fn a_message_is_handed_over_once_unless_asked_again() {
        let mut inbox = Inbox::default();
        assert!(inbox.note_handed(place(1), b"one", false));
        assert!(!inbox.note_handed(place(1), b"one", false));
        assert!(inbox.note_handed(place(1), b"one", true));
    }

    #[test]
    fn another_message_at_the_same_place_is_new() {
        let mut inbox = Inbox::default();
        assert!(inbox.note_handed(place(1), b"one", false));
        assert!(inbox.note_handed(place(1), b"two", false));
    }

    #[test]
    fn too_many_announcements_become_a_sweep() {
        let mut inbox = Inbox::default();
        for index in 0..=MAX_ANNOUNCED as u16 {
            inbox.announce(Announced {
                memory: None,
                index,
                report: false,
            });
        }
        assert_eq!(inbox.announced.len(), MAX_ANNOUNCED);
        assert!(inbox.sweep.is_some());
    }

    #[test]
    fn what_a_listing_does_not_show_is_forgotten() {
        let mut inbox = Inbox::default();
        inbox.note_handed(place(1), b"one", false);
        inbox.note_handed(place(2), b"two", false);
        inbox.keep_only(*b"SM", &[2]);
        assert!(!inbox.is_handed(place(1)));
        assert!(inbox.is_handed(place(2)));
    }
}
