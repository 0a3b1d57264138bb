//! What the desk does by the clock beside its ticks: limits as they stand, and a clock that was set.

use jiff::{SignedDuration, Timestamp};
use message::{LimitUse, RouteId};
use store::DuePart;

use super::Desk;
use crate::outgoing::lane::{Lane, Work};

impl Desk {
    /// How far the limits of each route are used up; routes without limits are not named.
    pub(crate) fn limits(&mut self, now: Timestamp) -> Vec<(RouteId, Vec<LimitUse>)> {
        let limited = self.lanes.iter_mut().filter_map(|lane| {
            let uses = lane.usage.as_mut()?.uses(now);
            Some((lane.id.clone(), uses))
        });
        limited.collect()
    }

    /// The clock was set by `by`: what was to happen after a while still happens after that while. All that waits is
    /// looked at.
    pub(crate) fn clock_moved(&mut self, by: SignedDuration, now: Timestamp) {
        for lane in &mut self.lanes {
            lane.clock_moved(by);
        }
        self.waiting.values_mut().for_each(|part| move_part(part, by));
        self.destinations.clock_moved(by);
        self.reroute_at = Some(now);
        self.pauses_at = Some(now);
        self.look.want();
        self.tick(now);
    }
}

impl Lane {
    fn clock_moved(&mut self, by: SignedDuration) {
        let moved = |at: &mut Timestamp| *at = at.checked_add(by).unwrap_or(*at);
        self.unusable_since.iter_mut().for_each(moved);
        self.last_used.iter_mut().for_each(moved);
        if let Some(pause) = &mut self.pause {
            pause.until.iter_mut().chain(&mut pause.least).for_each(moved);
        }
        if let Some(usage) = &mut self.usage {
            usage.clock_moved(by);
        }
        self.queue.values_mut().for_each(|part| move_part(part, by));
        for work in &mut self.hands {
            match work {
                Work::Idle => {}
                Work::Recording { next, .. } => next.iter_mut().for_each(|part| move_part(part, by)),
                Work::Blocked { until, .. } | Work::Freeing { until, .. } => moved(until),
                Work::Sending { part, since, .. } => {
                    moved(since);
                    move_part(part, by);
                }
            }
        }
    }
}

/// As the store moves it: [`store::Store::move_deadlines`].
fn move_part(part: &mut DuePart, by: SignedDuration) {
    part.expires_at = part.expires_at.checked_add(by).unwrap_or(part.expires_at);
}
