//! The lanes come, change and go with the settings.

use std::collections::BTreeSet;

use jiff::Timestamp;
use message::{Number, RouteId};
use router::{RouteFacts, RoutingConfig};

use super::{Desk, REROUTE_PAUSE};
use crate::outgoing::lane::Lane;

/// Other settings for the desk.
#[derive(Debug)]
pub(crate) struct Reordered {
    /// Lanes that are new, or have other settings.
    pub(crate) lanes: Vec<Lane>,
    /// All routes there are from now on.
    pub(crate) routes: BTreeSet<RouteId>,
    /// The rules for all.
    pub(crate) routing: RoutingConfig,
    /// The most attempts a part gets.
    pub(crate) max_attempts: u32,
}

impl Desk {
    /// Adds a lane; its route is unusable until [`Desk::facts`] says otherwise.
    pub(crate) fn add_lane(&mut self, lane: Lane) {
        self.index.insert(lane.id.clone(), self.lanes.len());
        self.lanes.push(lane);
    }

    /// Takes other settings. A lane whose settings stay is not touched.
    pub(crate) fn reorder(&mut self, other: Reordered, now: Timestamp) {
        self.routing = other.routing;
        self.rules.max_attempts = other.max_attempts;
        for lane in other.lanes {
            match self.index.get(&lane.id) {
                Some(&at) => self.lanes[at].adopt(lane, now),
                None => self.add_lane(lane),
            }
        }
        for at in 0..self.lanes.len() {
            let lane = &mut self.lanes[at];
            if !lane.retired && !other.routes.contains(&lane.id) {
                lane.retire(now);
                self.clear(at);
            }
        }
        self.reroute_by(now + REROUTE_PAUSE);
    }
}

/// What the router looks at for a message to `to`.
pub(super) fn facts<'a>(lanes: &'a mut [Lane], to: &Number, now: Timestamp) -> Vec<RouteFacts<'a>> {
    let configured = lanes.iter_mut().filter(|lane| !lane.retired);
    configured.map(|lane| lane.facts(to, now)).collect()
}
