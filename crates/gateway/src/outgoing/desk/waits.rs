//! What a part waits for, for whoever asks about its message.

use jiff::Timestamp;
use message::WaitView;
use router::Decision;
use store::{DuePart, PartKey};

use super::Desk;
use crate::outgoing::lane::{Lane, order};

/// What one part waits for.
#[derive(Debug)]
pub(crate) struct Wait {
    /// The part.
    pub(crate) key: PartKey,
    /// Why, and until when.
    pub(crate) wait: WaitView,
}

impl Desk {
    /// What each of these queued parts waits for, as things stand now.
    pub(crate) fn waits(&mut self, parts: &[DuePart], now: Timestamp) -> Vec<Wait> {
        let wait = |part: &DuePart| Wait {
            key: part.key,
            wait: self.wait_of(part, now),
        };
        parts.iter().map(wait).collect()
    }

    /// The first reason that holds, beginning with the one that lasts whatever the routes do.
    fn wait_of(&mut self, part: &DuePart, now: Timestamp) -> WaitView {
        if let Some(due_at) = part.due_at.filter(|due_at| *due_at > now) {
            let reason = match part.attempts {
                0 => "for its time",
                _ => "for its next try",
            };
            return until(reason.into(), Some(due_at));
        }
        if let Some(rested) = self.destinations.resting_until(&part.to, now) {
            let reason = format!("{} could not be reached lately, so nothing is tried there", part.to);
            return until(reason, Some(rested));
        }
        if self.closing {
            return until("the gateway is stopping: it goes out after the next start".into(), None);
        }
        if self.remaking.contains(&part.message) {
            return until("it is taken from the SIM where it waited".into(), None);
        }
        match self.lane_of(part) {
            Some(at) => self.lanes[at].wait_of(part, now),
            None => self.wait_for_a_route(part, now),
        }
    }

    /// The lane that a part is queued on or bound to.
    fn lane_of(&self, part: &DuePart) -> Option<usize> {
        let place = order(part);
        let queued = self.lanes.iter().position(|lane| lane.queue.contains_key(&place));
        queued.or_else(|| self.home_of(part))
    }

    fn wait_for_a_route(&mut self, part: &DuePart, now: Timestamp) -> WaitView {
        match self.decide(part, now) {
            Decision::Wait { until: frees, reason } => until(reason, frees),
            Decision::Refuse { reason } => until(reason, None),
            Decision::Take { route, .. } => until(format!("its turn at {route}: others go before it"), None),
        }
    }
}

impl Lane {
    fn wait_of(&mut self, part: &DuePart, now: Timestamp) -> WaitView {
        let before = self.under_way().count() + self.queue.range(..order(part)).count();
        let facts = self.facts(&part.to, now);
        let route = facts.id;
        if let Some(obstacle) = facts.obstacle {
            return until(format!("{route}: {obstacle}"), None);
        }
        if let Some((limit, frees)) = facts.limit {
            return until(format!("{route}: {limit}"), Some(frees));
        }
        match before {
            0 => until(format!("its turn at {route} comes now"), None),
            1 => until(format!("its turn at {route}: one part goes before it"), None),
            more => until(format!("its turn at {route}: {more} parts go before it"), None),
        }
    }
}

fn until(reason: String, until: Option<Timestamp>) -> WaitView {
    WaitView { reason, until }
}
