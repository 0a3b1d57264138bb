//! Who is bound, and what they did: written by the connections, read by whoever looks.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use jiff::Timestamp;
use message::{BoundFor, SessionCounts, SessionFacts};
use smpp::session::BindMode;
use smpp::{CommandId, Status};

use crate::connection::Answered;

/// A session that is bound.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) session: u64,
    mode: BindMode,
    from: IpAddr,
    since: Timestamp,
    waiting_in: AtomicU32,
    waiting_out: AtomicU32,
    pub(crate) counts: Counts,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    submitted: AtomicU64,
    throttled: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    undelivered: AtomicU64,
}

impl Presence {
    pub(crate) fn new(session: u64, mode: BindMode, from: IpAddr) -> Self {
        Self {
            session,
            mode,
            from,
            since: message::now(),
            waiting_in: AtomicU32::new(0),
            waiting_out: AtomicU32::new(0),
            counts: Counts::default(),
        }
    }

    /// How many requests wait: ours, and answers that we owe.
    pub(crate) fn wait(&self, (ours, owed): (usize, usize)) {
        let store = |place: &AtomicU32, count| place.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
        store(&self.waiting_out, ours);
        store(&self.waiting_in, owed);
    }

    pub(crate) fn facts(&self, window: u16) -> SessionFacts {
        SessionFacts {
            bound_for: match self.mode {
                BindMode::Receiver => BoundFor::Receiver,
                BindMode::Transmitter => BoundFor::Transmitter,
                BindMode::Transceiver => BoundFor::Transceiver,
            },
            from: self.from,
            since: self.since,
            window: window.into(),
            waiting_in: self.waiting_in.load(Ordering::Relaxed),
            waiting_out: self.waiting_out.load(Ordering::Relaxed),
            counts: self.counts.shown(),
        }
    }
}

impl Counts {
    /// A request of the application was answered.
    pub(crate) fn answered(&self, command: CommandId, status: Status) {
        if !SUBMISSIONS.contains(&command) {
            return;
        }
        let count = match status {
            Status::OK => &self.submitted,
            Status::THROTTLED => &self.throttled,
            _ => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What the application did with something that was delivered.
    pub(crate) fn delivered(&self, answered: Answered) {
        let count = match answered {
            Answered::With(Status::OK) => &self.delivered,
            Answered::With(_) | Answered::Never | Answered::Unwritable(_) => &self.undelivered,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn shown(&self) -> SessionCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SessionCounts {
            submitted: of(&self.submitted),
            throttled: of(&self.throttled),
            refused: of(&self.refused),
            delivered: of(&self.delivered),
            undelivered: of(&self.undelivered),
        }
    }
}

const SUBMISSIONS: [CommandId; 3] = [CommandId::SUBMIT_SM, CommandId::SUBMIT_MULTI, CommandId::DATA_SM];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_messages_is_counted_and_each_by_its_end() {
        let counts = Counts::default();
        for (command, status) in [
            (CommandId::SUBMIT_SM, Status::OK),
            (CommandId::DATA_SM, Status::THROTTLED),
            (CommandId::SUBMIT_MULTI, Status::INVALID_DESTINATION),
            (CommandId::QUERY_SM, Status::OK),
        ] {
            counts.answered(command, status);
        }
        counts.delivered(Answered::With(Status::OK));
        counts.delivered(Answered::With(Status::QUEUE_FULL));
        counts.delivered(Answered::Never);
        let expected = SessionCounts {
            submitted: 1,
            throttled: 1,
            refused: 1,
            delivered: 1,
            undelivered: 2,
        };
        assert_eq!(counts.shown(), expected);
    }
}
