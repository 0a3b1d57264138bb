//! The course of an attempt: on record, with the carrier, at its end.

use std::cmp::Reverse;
use std::slice;

use jiff::Timestamp;
use message::{Cause, Committed, ErrorClass, Failure, JournalEntry, Outcome, PeerId, RouteId};
use router::Decision;
use store::{Attempt, Attempted, DuePart, PartKey, Progress, Settle, Settled};

use super::moving::Move;
use super::{Action, Desk, Ended, FREE_WAIT, Handover, STORE_PAUSE};
use crate::carrier::Ahead;
use crate::outgoing::compose;
use crate::outgoing::lane::{Order, Stand, Work, order};
use crate::outgoing::verdict::{Verdict, judge};

/// The end of an attempt, as its carrier told it.
#[derive(Debug)]
pub(crate) struct End {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// What lies of it on the modem.
    pub(crate) journal: Option<JournalEntry>,
    /// The name by which receipts will tell of it.
    pub(crate) peer_id: Option<PeerId>,
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            journal: None,
            peer_id: None,
        }
    }
}

impl Desk {
    /// What became of the attempt under `ticket`, and what lies of it on the modem.
    pub(crate) fn settled(&mut self, route: &RouteId, ticket: u64, end: impl Into<End>, now: Timestamp) -> Ended {
        let end = end.into();
        let Some(&at) = self.index.get(route) else {
            return Ended::Unknown(end);
        };
        let lane = &mut self.lanes[at];
        let Some(hand) = lane.hand_of(ticket) else {
            return Ended::Unknown(end);
        };
        let Work::Sending {
            part,
            cost_micros,
            stand,
            ..
        } = std::mem::take(&mut lane.hands[hand])
        else {
            return Ended::Unknown(end);
        };
        lane.move_up(now);
        let End {
            outcome,
            journal,
            peer_id,
        } = end;
        let uncertain = matches!(outcome, Outcome::Uncertain { .. }).then_some(part.key);
        if matches!(outcome, Outcome::NotBegun { .. }) {
            self.has_not_begun(&part);
        }
        let lane = &mut self.lanes[at];
        if let Some(usage) = &mut lane.usage {
            usage.end(&part.to);
            if matches!(outcome, Outcome::Sent { .. }) {
                usage.record(now, &part.to);
            }
        }
        let withdrawn = stand == Stand::Withdrawn && matches!(outcome, Outcome::NotBegun { .. });
        if !withdrawn {
            lane.last_used = Some(now);
            self.rest_after(at, &outcome, now);
        }
        let moves = self.moves(&part, route, &outcome, now);
        let outcome = match outcome {
            // Its parts are bound to this route, so it is made anew.
            Outcome::Failed(failure) if moves == Some(Move::Message) => Outcome::Failed(Failure {
                class: ErrorClass::OtherRoute,
                ..failure
            }),
            outcome => outcome,
        };
        let mut verdict = judge(
            &part,
            route,
            cost_micros,
            outcome,
            &mut self.destinations,
            &self.rules,
            now,
        );
        match &mut verdict.settle.result {
            Settled::Sent { peer_id: told, .. } => *told = peer_id,
            // This route rests, so that another one gets it; later it may come back.
            Settled::Retry { due_at, .. } if moves == Some(Move::Part) => *due_at = now,
            // We wanted it back ourselves: that is nothing to tell of it.
            result if withdrawn => *result = Settled::Requeued,
            _ => {}
        }
        // The entry of an uncertain attempt has still to tell what became of it.
        verdict.settle.journal = journal.filter(|_| uncertain.is_none());
        self.release(&part);
        if verdict.remake.is_some() && self.has_nowhere_else(&part, route, now) {
            self.give_up_rest(&part, &mut verdict, now);
        }
        if let Some(remake) = verdict.remake {
            self.forget(part.message);
            self.remaking.insert(part.message);
            self.remakes.insert((at, hand), (part.message, remake));
        }
        self.record(at, hand, Some(verdict.settle), now);
        Ended::Settled(uncertain)
    }

    /// A part came back as it was: a message that began with it has not begun.
    fn has_not_begun(&mut self, part: &DuePart) {
        if let Some(home) = self.homes.get_mut(&part.key.message) {
            home.begun.take_if(|begun| *begun == part.key);
        }
    }

    /// Whether the part's message could go over no other route than this, now or later.
    fn has_nowhere_else(&mut self, part: &DuePart, route: &RouteId, now: Timestamp) -> bool {
        matches!(self.decide_without(part, route, now), Decision::Refuse { .. })
    }

    /// What would become of the part if it were not for this route.
    pub(super) fn decide_without(&mut self, part: &DuePart, route: &RouteId, now: Timestamp) -> Decision {
        let elsewhere = DuePart {
            excluded: [&part.excluded[..], slice::from_ref(route)].concat(),
            ..part.clone()
        };
        self.decide(&elsewhere, now)
    }

    /// A message that another route would have to carry, and none can, is not made anew: what of it went out stays so, this
    /// part has failed, and the others are not sent, since nobody could read them.
    fn give_up_rest(&mut self, part: &DuePart, verdict: &mut Verdict, now: Timestamp) {
        let elsewhere = verdict.remake.take_if(|remake| remake.exclude.is_some());
        let (Some(_), Settled::Retry { failure, .. }) = (elsewhere, &verdict.settle.result) else {
            return;
        };
        let failure = failure.clone();
        self.forget(part.message);
        for number in (1..=part.parts).filter(|number| *number != part.key.part) {
            let failure = Failure {
                class: ErrorClass::Permanent,
                cause: Cause::Gateway,
                reason: format!(
                    "not sent, since part {} cannot go out: {}",
                    part.key.part, failure.reason
                ),
            };
            // The store lets parts alone that went out.
            self.actions.push_back(Action::Settle(Settle {
                key: PartKey {
                    part: number,
                    ..part.key
                },
                route: verdict.settle.route.clone(),
                at: now,
                result: Settled::Refused { failure },
                journal: None,
            }));
        }
        verdict.settle.result = Settled::Failed { failure };
    }

    /// The store recorded what a hand of lane `route` asked for.
    pub(crate) fn recorded(
        &mut self,
        route: &RouteId,
        hand: usize,
        attempted: Committed<Option<Attempted>>,
        now: Timestamp,
    ) {
        let Some((at, settle, next)) = self.take_recording(route, hand) else {
            return;
        };
        if settle.as_ref().is_some_and(|settle| settle.result.is_queued_again()) {
            self.look.want();
        }
        if let Some((message, remake)) = self.remakes.remove(&(at, hand)) {
            self.actions.push_back(Action::Remake { message, remake });
        }
        if let Some(entry) = settle.and_then(|settle| settle.journal) {
            return self.free(at, hand, attempted.map(|_| entry), now);
        }
        let Some(part) = next else { return self.start(at, now) };
        let Some(proof) = attempted.transpose() else {
            // Taken back or expired in the meantime: the store did not let it begin.
            self.lanes[at].does_not_begin(&part);
            self.release(&part);
            return self.start(at, now);
        };
        self.hand_over(at, hand, part, proof, now);
    }

    fn hand_over(&mut self, at: usize, hand: usize, part: Box<DuePart>, proof: Committed<Attempted>, now: Timestamp) {
        let lane = &mut self.lanes[at];
        let cost_micros = lane.cost_micros(&part.to.to_string());
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.actions.push_back(Action::Submit(Handover {
            route: lane.id.clone(),
            ticket,
            hand,
            tpdu: part.tpdu.clone(),
            proof,
            priority: part.priority,
            more: !lane.queue.is_empty(),
            mark: None,
        }));
        lane.hands[hand] = Work::Sending {
            part,
            ticket,
            cost_micros,
            since: now,
            stand: lane.stand(),
        };
        let slow_at = lane.slow_at();
        self.look_at_pauses_by(slow_at);
        if self.lanes[at].ahead != Ahead::None {
            self.start(at, now);
            self.let_pass(at, now);
        }
    }

    /// Asks back what may wait at the carrier, where something more urgent waits here.
    pub(super) fn let_pass(&mut self, at: usize, now: Timestamp) {
        // What could not go anyway would only send the others round and round.
        let Ok((Reverse(most), ..)) = self.ready(at, false, now) else {
            return;
        };
        self.withdraw(at, |part| part.priority.0 < most);
    }

    /// Asks back what may wait at the carrier and is meant.
    pub(super) fn withdraw(&mut self, at: usize, meant: impl Fn(&DuePart) -> bool) {
        let lane = &mut self.lanes[at];
        for ticket in lane.withdraw(meant) {
            let route = lane.id.clone();
            self.actions.push_back(Action::Withdraw { route, ticket });
        }
    }

    /// What lay of an attempt on the modem of `route` is gone, or stays.
    pub(crate) fn freed(&mut self, route: &RouteId, entry: &JournalEntry, now: Timestamp) {
        let Some(&at) = self.index.get(route) else { return };
        let awaits = |work: &Work| matches!(work, Work::Freeing { entry: awaited, .. } if awaited == entry);
        if let Some(hand) = self.lanes[at].hands.iter().position(awaits) {
            self.lanes[at].hands[hand] = Work::Idle;
            self.start(at, now);
        }
    }

    /// The store could not record what a hand of lane `route` asked for: the part that was to begin waits, the end of
    /// the last one is tried again until it is kept.
    pub(crate) fn unrecorded(&mut self, route: &RouteId, hand: usize, now: Timestamp) {
        let Some((at, settle, next)) = self.take_recording(route, hand) else {
            return;
        };
        let until = now + STORE_PAUSE;
        let lane = &mut self.lanes[at];
        if let Some(part) = next {
            lane.does_not_begin(&part);
            lane.queue.insert(order(&part), part);
        }
        lane.hands[hand] = Work::Blocked { settle, until };
    }

    /// What a hand was recording; it is idle then.
    fn take_recording(&mut self, route: &RouteId, hand: usize) -> Option<Recording> {
        let at = *self.index.get(route)?;
        let work = self.lanes[at].hands.get_mut(hand)?;
        match std::mem::take(work) {
            Work::Recording { settle, next } => Some((at, settle, next)),
            other => {
                *work = other;
                None
            }
        }
    }

    /// Lets time pass for one lane: what is blocked is tried again, and what is free begins.
    pub(super) fn tick_lane(&mut self, at: usize, now: Timestamp) {
        for hand in 0..self.lanes[at].hands.len() {
            let work = &mut self.lanes[at].hands[hand];
            match work {
                Work::Blocked { until, settle } if *until <= now => {
                    let settle = settle.take();
                    *work = Work::Idle;
                    self.record(at, hand, settle, now);
                }
                Work::Freeing { until, .. } if *until <= now => *work = Work::Idle,
                _ => {}
            }
        }
        self.start(at, now);
    }

    /// Begins as many parts of a lane as it has hands free.
    pub(super) fn start(&mut self, at: usize, now: Timestamp) {
        while let Some(hand) = self.lanes[at].free_hand() {
            if !self.record(at, hand, None, now) {
                return;
            }
        }
    }

    /// Deletes what lies of the last attempt on the modem.
    fn free(&mut self, at: usize, hand: usize, entry: Committed<JournalEntry>, now: Timestamp) {
        let lane = &mut self.lanes[at];
        lane.hands[hand] = Work::Freeing {
            entry: entry.get().clone(),
            until: now + FREE_WAIT,
        };
        let route = lane.id.clone();
        self.actions.push_back(Action::Free { route, entry });
    }

    /// Records the end of one attempt and, where a part waits, the beginning of the next, in one transaction; whether
    /// there was any of that. The end of an attempt of which something lies on the modem is recorded alone: that must be
    /// gone first.
    fn record(&mut self, at: usize, hand: usize, settle: Option<Settle>, now: Timestamp) -> bool {
        let alone = settle.as_ref().is_some_and(|settle| settle.journal.is_some());
        // A route that takes less at once than it did has hands too many.
        let may_begin = !alone && hand < self.lanes[at].width();
        let (ahead, behind) = (self.lanes[at].records_ahead(), self.lanes[at].is_full());
        let mut next = if may_begin {
            self.next_part(at, behind, now)
        } else {
            None
        };
        if settle.is_none() && next.is_none() {
            return false;
        }
        if let Some(part) = &next
            && let Some(home) = self.homes.get_mut(&part.key.message)
        {
            home.begun.get_or_insert(part.key);
        }
        let lane = &mut self.lanes[at];
        let route = lane.id.clone();
        if let (Some(part), Some(usage)) = (&next, &mut lane.usage) {
            usage.begin(&part.to);
        }
        let attempt = next.as_mut().map(|part| {
            let tpdu = compose::shorten_validity(&mut part.tpdu, part.expires_at, now).then(|| part.tpdu.clone());
            Attempt {
                key: part.key,
                route: route.clone(),
                at: now,
                tpdu,
                ahead,
            }
        });
        let progress = Progress {
            settle: settle.clone(),
            attempt,
        };
        lane.hands[hand] = Work::Recording { settle, next };
        self.actions.push_back(Action::Record { route, hand, progress });
        true
    }

    /// The next part of a lane, which goes behind another one (`behind`) or at once. A message of several parts is begun
    /// when its turn has come: from then on it would be bound to the SIM.
    fn next_part(&mut self, at: usize, behind: bool, now: Timestamp) -> Option<Box<DuePart>> {
        if self.closing || !self.lanes[at].is_usable() {
            return None;
        }
        let next = match self.ready(at, behind, now) {
            Ok(place) => self.lanes[at].queue.remove(&place),
            Err(later) => {
                later.into_iter().for_each(|until| self.reroute_by(until));
                None
            }
        };
        if self.lanes[at].queue.len() <= self.room_of(at) / 4 {
            self.look.refill();
        }
        next
    }

    /// Where the next part of a lane waits that may begin now.
    ///
    /// # Errors
    /// There is none; when there will be, where the clock tells that.
    fn ready(&mut self, at: usize, behind: bool, now: Timestamp) -> Result<Order, Option<Timestamp>> {
        let lane = &mut self.lanes[at];
        let busy = lane.messages_under_way();
        let mut wake: Option<Timestamp> = None;
        for (place, part) in &lane.queue {
            if behind && part.parts > 1 {
                break;
            }
            if busy.contains(&part.key.message) {
                continue;
            }
            let rest = self.destinations.resting_until(&part.to, now);
            let full = lane.usage.as_mut().and_then(|usage| usage.permits(now, &part.to).err());
            match rest.or(full.map(|full| full.until)) {
                None => return Ok(*place),
                Some(until) => wake = Some(wake.map_or(until, |at| at.min(until))),
            }
        }
        Err(wake)
    }
}

/// The lane, the end that was being recorded, and the part whose attempt was.
type Recording = (usize, Option<Settle>, Option<Box<DuePart>>);
