//! Parts change their lane: a SIM went away, another has nothing to do, or one stays away for too long.

use jiff::Timestamp;
use router::Decision;
use store::DuePart;

use super::{Action, Desk, WAITING};
use crate::outgoing::verdict::Remake;

impl Desk {
    /// Puts what waits on a lane back to the unrouted, except parts whose message has begun there.
    pub(super) fn unqueue(&mut self, at: usize) {
        let bound = |part: &DuePart| part.parts > 1 && part.route.is_some();
        let free: Vec<_> = self.lanes[at].queue.extract_if(.., |_, part| !bound(part)).collect();
        for (place, part) in free {
            if part.parts > 1 {
                self.homes.remove(&part.key.message);
            }
            self.waiting.insert(place, part);
        }
    }

    /// Routes the waiting parts again, and spreads what is queued where a lane has nothing to do.
    pub(super) fn reroute(&mut self, now: Timestamp) {
        if self.is_starved() {
            for at in 0..self.lanes.len() {
                if self.lanes[at].queue.len() > 1 {
                    self.unqueue(at);
                }
            }
        }
        for (_, part) in std::mem::take(&mut self.waiting) {
            self.assign(part, now);
        }
        if self.waiting.len() < WAITING / 2 {
            self.look.refill();
        }
    }

    /// Messages whose SIM has been gone for long are made anew for another one.
    pub(super) fn move_stranded(&mut self, now: Timestamp) {
        let mut stranded = Vec::new();
        for lane in &self.lanes {
            let gone = lane
                .unusable_since
                .is_some_and(|since| now.duration_since(since) >= STRANDED);
            if gone {
                stranded.extend(lane.queue.values().map(|part| (lane.id.clone(), part.clone())));
            }
        }
        for (route, part) in stranded {
            let elsewhere = DuePart {
                excluded: [part.excluded.clone(), vec![route.clone()]].concat(),
                ..*part
            };
            let known = self.remaking.contains(&elsewhere.message);
            if !known && matches!(self.decide(&elsewhere, now), Decision::Take { .. }) {
                self.forget(elsewhere.message);
                self.remaking.insert(elsewhere.message);
                let remake = Remake {
                    exclude: Some(route),
                    alphabet: None,
                    template: elsewhere.tpdu,
                };
                self.actions.push_back(Action::Remake {
                    message: elsewhere.message,
                    remake,
                });
            }
        }
    }
}

/// How long a begun message waits for its SIM before all of it is sent over another one.
const STRANDED: jiff::SignedDuration = jiff::SignedDuration::from_secs(600);
