//! Parts change their lane: a SIM went away, another has nothing to do, or one stays away for too long.

use std::time::Duration;

use jiff::Timestamp;
use message::{Cause, ErrorClass, Failure, MessageId, Outcome, Rests, RouteId};
use router::Decision;
use store::DuePart;

use super::{Action, Desk, REROUTE_PAUSE, WAITING};
use crate::outgoing::lane::{Pause, Work};
use crate::outgoing::verdict::Remake;

impl Desk {
    /// Which message the part is of that a route has under this ticket.
    pub(crate) fn message_of(&self, route: &RouteId, ticket: u64) -> Option<MessageId> {
        let lane = &self.lanes[*self.index.get(route)?];
        match &lane.hands[lane.hand_of(ticket)?] {
            Work::Sending { part, .. } => Some(part.message),
            _ => None,
        }
    }

    /// Asks a message back of which everything that was handed over may wait at its carrier; whether there is such a thing.
    /// Nothing of it begins until it is [let go](Desk::remade).
    pub(crate) fn ask_back(&mut self, message: MessageId) -> bool {
        let mut behind = Vec::new();
        for (at, lane) in self.lanes.iter().enumerate() {
            for (part, stand) in lane.handed_over().filter(|(part, _)| part.message == message) {
                if !lane.may_wait(stand) {
                    return false;
                }
                behind.push((at, part.key));
            }
        }
        if behind.is_empty() {
            return false;
        }
        self.forget(message);
        self.remaking.insert(message);
        for (at, key) in behind {
            self.withdraw(at, |part| part.key == key);
        }
        true
    }

    /// Takes everything back from a lane that has not begun there.
    pub(super) fn clear(&mut self, at: usize) {
        self.withdraw(at, |_| true);
        self.unqueue(at);
    }

    /// Puts what waits on a lane back to the unrouted, except parts whose message has begun there.
    pub(super) fn unqueue(&mut self, at: usize) {
        let homes = &self.homes;
        let begun = |message: &i64| homes.get(message).is_some_and(|home| home.begun.is_some());
        let bound = |part: &DuePart| part.parts > 1 && (part.route.is_some() || begun(&part.key.message));
        let free: Vec<_> = self.lanes[at].queue.extract_if(.., |_, part| !bound(part)).collect();
        for (place, part) in free {
            if part.parts > 1 {
                self.homes.remove(&part.key.message);
            }
            self.waiting.insert(place, part);
        }
    }

    /// What an outcome says of its lane: a modem that did not take a part, or did not answer, is given nothing more until
    /// it tells how it is, or a while has passed.
    pub(super) fn rest_after(&mut self, at: usize, outcome: &Outcome, now: Timestamp) {
        // What was under way when it was told to rest makes the rest neither longer nor shorter.
        if self.lanes[at].pause.as_ref().is_some_and(|pause| pause.is_firm(now)) {
            return;
        }
        if self.lanes[at].pause.take().is_some() {
            self.reroute_by(now + REROUTE_PAUSE);
        }
        match outcome {
            Outcome::Failed(failure) if is_of_the_route(failure) => {
                let least = now + self.lanes[at].next_rest();
                self.pause_at_least(at, failure.reason.clone(), (least, least), now);
            }
            Outcome::Failed(failure) if failure.class == ErrorClass::Hold => {
                match failure.cause {
                    // The part never reached the modem, or an upstream wants a pause: that is about to be told.
                    Cause::Gateway | Cause::Smpp(_) => self.pause(at, failure.reason.clone(), Some(now + UNTOLD), now),
                    // A modem that says it is ready and is refused each time would go on like that without end.
                    _ => {
                        let least = now + self.lanes[at].next_rest();
                        self.pause_at_least(at, failure.reason.clone(), (least, least.max(now + HELD)), now);
                    }
                }
            }
            Outcome::NotBegun { reason } => self.pause(at, reason.clone(), Some(now + UNTOLD), now),
            Outcome::Uncertain { .. } => {
                self.pause(at, "it did not answer".into(), Some(now + UNTOLD), now);
            }
            Outcome::Sent { .. } => self.lanes[at].refusals = 0,
            Outcome::Failed(_) => {}
        }
    }

    /// Whether a part that a route cannot take now goes by another that can: alone, or, where nothing of its message was
    /// tried before, with all of it. What began here stays.
    pub(super) fn moves(&mut self, part: &DuePart, route: &RouteId, outcome: &Outcome, now: Timestamp) -> Option<Move> {
        let Outcome::Failed(failure) = outcome else { return None };
        let home = self.homes.get(&part.key.message);
        let first = part.route.is_none() && home.is_none_or(|home| home.begun == Some(part.key));
        let whom = match part.parts {
            ..2 => Move::Part,
            _ if first => Move::Message,
            _ => return None,
        };
        let goes = is_of_the_route(failure) && matches!(self.decide_without(part, route, now), Decision::Take { .. });
        goes.then_some(whom)
    }

    /// Begins a pause where an exchange takes too long, and ends those that are over.
    pub(super) fn look_at_pauses(&mut self, now: Timestamp) {
        self.pauses_at = None;
        for at in 0..self.lanes.len() {
            let lane = &mut self.lanes[at];
            match &lane.pause {
                None if lane.is_slow(now) => {
                    self.pause(at, self.lanes[at].slow_words().into(), None, now);
                }
                None => {
                    let slow_at = lane.slow_at();
                    self.look_at_pauses_by(slow_at);
                }
                Some(pause) if pause.until.is_some_and(|until| until <= now) => {
                    lane.pause = None;
                    let slow_at = lane.slow_at();
                    self.look_at_pauses_by(slow_at);
                    self.reroute_by(now + REROUTE_PAUSE);
                }
                Some(pause) => {
                    let until = pause.until;
                    self.look_at_pauses_by(until);
                }
            }
        }
    }

    /// Looks at the pauses at this time, if not before.
    pub(super) fn look_at_pauses_by(&mut self, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        self.pauses_at = Some(self.pauses_at.map_or(at, |known| known.min(at)));
    }

    /// Gives a lane nothing more for now; what waits on it goes elsewhere, if it can.
    fn pause(&mut self, at: usize, reason: String, until: Option<Timestamp>, now: Timestamp) {
        let least = None;
        self.begin_pause(at, Pause { reason, until, least }, now);
    }

    /// The same, until the carrier tells that it can send again, but from the first of these times to the second at most.
    fn pause_at_least(&mut self, at: usize, reason: String, (least, most): (Timestamp, Timestamp), now: Timestamp) {
        let (least, until) = (Some(least), Some(most));
        self.begin_pause(at, Pause { reason, until, least }, now);
    }

    fn begin_pause(&mut self, at: usize, pause: Pause, now: Timestamp) {
        let until = pause.until;
        self.lanes[at].pause = Some(pause);
        self.look_at_pauses_by(until);
        self.clear(at);
        self.reroute_by(now + REROUTE_PAUSE);
    }

    /// Routes the waiting parts again at this time, if not before.
    pub(super) fn reroute_by(&mut self, at: Timestamp) {
        self.reroute_at = Some(self.reroute_at.map_or(at, |known| known.min(at)));
    }

    /// Routes the waiting parts again, and spreads what is queued where a lane has nothing to do.
    pub(super) fn reroute(&mut self, now: Timestamp) {
        if self.is_starved() {
            for at in 0..self.lanes.len() {
                if self.lanes[at].load() > 1 {
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
            let away = lane.unusable_since;
            let gone = lane.retired || away.is_some_and(|since| now.duration_since(since) >= STRANDED);
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

/// What leaves a route that cannot take it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// A part that is a whole message. Nothing holds it back from this route later.
    Part,
    /// All parts of a message, which is made anew without this route.
    Message,
}

/// Whether it was the route that could not, whoever the recipient.
fn is_of_the_route(failure: &Failure) -> bool {
    matches!(
        failure.class,
        ErrorClass::RetryLater {
            rests: Rests::Route,
            ..
        }
    )
}

/// How long a begun message waits for its SIM before all of it is sent over another one.
const STRANDED: jiff::SignedDuration = jiff::SignedDuration::from_secs(600);

/// How long a lane rests whose modem said that it cannot send now.
const HELD: Duration = Duration::from_secs(30);

/// How long a lane rests whose modem did not take a part or did not answer: by then its carrier has told its state.
const UNTOLD: Duration = Duration::from_secs(2);
