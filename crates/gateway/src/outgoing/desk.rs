//! The desk: which part goes out next, over which route. A value without clock, store or modem: facts and the time go
//! in, actions come out of [`Desk::poll`].
//!
//! Every part the desk holds lies in exactly one place: unrouted (in `waiting`), queued on a lane, or in a lane's
//! `work`. All of them are durable in the store; the desk may forget any of them that is not in work, and reads it
//! again later.

mod by_clock;
mod lanes;
mod moving;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use message::{
    Cause, Committed, ErrorClass, Failure, JournalEntry, Level, MessageId, Number, Outcome, Priority, RouteExplanation,
    RouteId, TokenId,
};
use router::{Ask, Decision, RoutingConfig, choose, explain};
use store::{Attempt, Attempted, DuePart, PartKey, Progress, Settle, Settled};

use super::compose;
use super::destinations::Destinations;
use super::lane::{Lane, Order, Work, order};
use super::look::{Look, Page};
use super::verdict::{Remake, Rules, judge};
pub(crate) use lanes::Reordered;

/// The desk.
#[derive(Debug)]
pub(crate) struct Desk {
    rules: Rules,
    routing: RoutingConfig,
    lanes: Vec<Lane>,
    index: HashMap<RouteId, usize>,
    /// Parts no route can take now.
    waiting: BTreeMap<Order, Box<DuePart>>,
    /// Every part the desk holds.
    known: HashSet<PartKey>,
    /// The lane that a message of several parts belongs to, with the number of its parts held here.
    homes: HashMap<i64, Home>,
    destinations: Destinations,
    /// The SIM that somebody wrote to last, for replies.
    contacts: HashMap<Number, RouteId>,
    /// The only SIMs a token may use, where it is restricted.
    token_sims: HashMap<TokenId, Arc<[RouteId]>>,
    actions: VecDeque<Action>,
    /// The reading of what the store holds beyond this.
    look: Look,
    next_ticket: u64,
    /// When waiting parts are looked at again.
    reroute_at: Option<Timestamp>,
    /// When the pauses of the lanes are looked at again: not later than any of them begins or ends.
    pauses_at: Option<Timestamp>,
    /// Nothing new begins any more.
    closing: bool,
    /// What is made anew once the end of a lane's last attempt is on record: before, the store would not allow it.
    remakes: HashMap<usize, (MessageId, Remake)>,
    /// Messages that are being made anew. Until that is done, no part of them goes out as it was.
    remaking: HashSet<MessageId>,
}

#[derive(Debug, Clone, Copy)]
struct Home {
    lane: usize,
    parts: usize,
    /// One of them is on its way there: the others must follow, or the recipient's phone never joins them.
    begun: bool,
}

/// What the desk wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Record this; answer with [`Desk::recorded`] or [`Desk::unrecorded`].
    Record {
        /// The lane it is for.
        route: RouteId,
        /// What to record, in one transaction.
        progress: Progress,
    },
    /// Hand this to the carrier; the answer is [`Desk::settled`].
    Submit(Handover),
    /// Delete what lies of an ended attempt on the modem; the answer is [`Desk::freed`].
    Free {
        /// On which route.
        route: RouteId,
        /// What.
        entry: Committed<JournalEntry>,
    },
    /// Record that a part will not go out.
    Settle(Settle),
    /// Make a message anew, under a new reference, all parts of it.
    Remake {
        /// The store's row of the message.
        message: MessageId,
        /// How.
        remake: Remake,
    },
    /// Read this page of what is due from the store.
    Reload(Page),
}

/// Whose attempt ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The one that was open; its part, if its fate is uncertain.
    Settled(Option<PartKey>),
    /// None that is open.
    Unknown(Outcome),
}

/// What somebody wants to know about routing.
#[derive(Debug)]
pub(crate) struct Question {
    /// The recipient.
    pub(crate) to: Number,
    /// The routes they may use; `None`: all.
    pub(crate) allowed: Option<Vec<RouteId>>,
}

/// A part on its way to a carrier, with the proof that the attempt is on record.
#[derive(Debug)]
pub struct Handover {
    /// Over which route.
    pub route: RouteId,
    /// Under which ticket its outcome comes back.
    pub ticket: u64,
    /// The SMS-SUBMIT without service-centre part, TP-MR zero.
    pub tpdu: Vec<u8>,
    /// The attempt is on record.
    pub proof: Committed<Attempted>,
    /// More parts wait for this route: the radio link may be held open.
    pub more: bool,
}

impl Desk {
    pub(crate) fn new(rules: Rules, routing: RoutingConfig) -> Self {
        Self {
            rules,
            routing,
            lanes: Vec::new(),
            index: HashMap::new(),
            waiting: BTreeMap::new(),
            known: HashSet::new(),
            homes: HashMap::new(),
            destinations: Destinations::default(),
            contacts: HashMap::new(),
            token_sims: HashMap::new(),
            actions: VecDeque::new(),
            look: Look::begin(),
            next_ticket: 1,
            reroute_at: None,
            pauses_at: None,
            closing: false,
            remakes: HashMap::new(),
            remaking: HashSet::new(),
        }
    }

    /// New facts about one route.
    pub(crate) fn facts(&mut self, route: &RouteId, obstacle: Option<&str>, health: Level, now: Timestamp) {
        let Some(&at) = self.index.get(route) else { return };
        let lane = &mut self.lanes[at];
        if lane.retired {
            return;
        }
        let was_able = lane.is_able();
        if lane.obstacle.as_deref() != obstacle {
            lane.obstacle = obstacle.map(str::to_owned);
        }
        lane.health = health;
        let able = lane.is_able();
        if was_able == able {
            return;
        }
        lane.pause = None;
        lane.unusable_since = (!able).then_some(now);
        if !able {
            self.unqueue(at);
        }
        self.look_at_pauses_by(self.lanes[at].slow_at());
        self.reroute_by(now + REROUTE_PAUSE);
    }

    /// Parts that are due. What does not fit is left to the store.
    pub(crate) fn arrive(&mut self, parts: impl IntoIterator<Item = DuePart>, now: Timestamp) {
        for part in parts {
            if self.remaking.contains(&part.message) {
                continue;
            }
            let room = match part.priority {
                // Alarms find room even where the urgent ones have filled theirs.
                Priority::ALARM => WINDOW * 3,
                Priority(URGENT..) => WINDOW * 2,
                _ => WINDOW,
            };
            if self.known.len() >= room {
                self.look.pass_over(part.priority, part.key);
                self.look.refill();
                continue;
            }
            if part.due_at.is_none_or(|due_at| due_at <= now) && self.known.insert(part.key) {
                self.assign(Box::new(part), now);
            }
        }
    }

    /// The page that [`Action::Reload`] asked for; `all`: nothing follows it.
    pub(crate) fn reloaded(&mut self, parts: Vec<DuePart>, all: bool, now: Timestamp) {
        let rest = parts
            .last()
            .filter(|_| !all)
            .map(|last| Page::After(last.priority, last.key));
        let keys: Vec<PartKey> = parts.iter().map(|part| part.key).collect();
        self.arrive(parts, now);
        let placed = keys.iter().all(|key| self.known.contains(key));
        self.look.read(rest, placed, self.known.len() < WINDOW, now);
    }

    /// The page could not be read.
    pub(crate) fn not_reloaded(&mut self) {
        self.look.failed();
    }

    /// Somebody wrote to `route`: a reply leaves from there.
    pub(crate) fn contact(&mut self, number: Number, route: RouteId) {
        if self.contacts.len() >= CONTACTS && !self.contacts.contains_key(&number) {
            // Full: replies to the newest contact go as any other message would.
            return;
        }
        self.contacts.insert(number, route);
    }

    /// The only SIMs that each restricted token may use.
    pub(crate) fn restrict_tokens(&mut self, token_sims: HashMap<TokenId, Arc<[RouteId]>>) {
        self.token_sims = token_sims;
    }

    /// The store holds parts that did not come through [`Desk::arrive`].
    pub(crate) fn look_again(&mut self) {
        self.look.want();
    }

    /// A message was taken back, expired or made anew: what the desk holds of it is void.
    pub(crate) fn forget(&mut self, message: MessageId) {
        let void = |part: &DuePart| part.message == message;
        let mut gone: Vec<Box<DuePart>> = self
            .waiting
            .extract_if(.., |_, part| void(part))
            .map(|(_, part)| part)
            .collect();
        for lane in &mut self.lanes {
            gone.extend(lane.queue.extract_if(.., |_, part| void(part)).map(|(_, part)| part));
        }
        for part in gone {
            self.release(&part);
        }
    }

    /// What became of the attempt under `ticket`, and what lies of it on the modem.
    pub(crate) fn settled(
        &mut self,
        route: &RouteId,
        ticket: u64,
        outcome: Outcome,
        journal: Option<JournalEntry>,
        now: Timestamp,
    ) -> Ended {
        let Some(&at) = self.index.get(route) else {
            return Ended::Unknown(outcome);
        };
        let lane = &mut self.lanes[at];
        if !matches!(&lane.work, Work::Sending { ticket: current, .. } if *current == ticket) {
            return Ended::Unknown(outcome);
        }
        let Work::Sending { part, cost_micros, .. } = std::mem::take(&mut lane.work) else {
            return Ended::Unknown(outcome);
        };
        let uncertain = matches!(outcome, Outcome::Uncertain { .. }).then_some(part.key);
        if let (Outcome::Sent { .. }, Some(usage)) = (&outcome, &mut lane.usage) {
            usage.record(now, &part.to);
        }
        lane.last_used = Some(now);
        self.rest_after(at, &outcome, now);
        let mut verdict = judge(
            &part,
            route,
            cost_micros,
            outcome,
            &mut self.destinations,
            &self.rules,
            now,
        );
        // The entry of an uncertain attempt has still to tell what became of it.
        verdict.settle.journal = journal.filter(|_| uncertain.is_none());
        self.release(&part);
        if let Some(remake) = verdict.remake {
            self.forget(part.message);
            self.remaking.insert(part.message);
            self.remakes.insert(at, (part.message, remake));
        }
        self.record(at, Some(verdict.settle), now);
        Ended::Settled(uncertain)
    }

    /// The store recorded what lane `route` asked for.
    pub(crate) fn recorded(&mut self, route: &RouteId, attempted: Committed<Option<Attempted>>, now: Timestamp) {
        let Some(&at) = self.index.get(route) else { return };
        let Work::Recording { settle, next } = std::mem::take(&mut self.lanes[at].work) else {
            return;
        };
        if settle.as_ref().is_some_and(|settle| settle.result.is_queued_again()) {
            self.look.want();
        }
        if let Some((message, remake)) = self.remakes.remove(&at) {
            self.actions.push_back(Action::Remake { message, remake });
        }
        if let Some(entry) = settle.and_then(|settle| settle.journal) {
            return self.free(at, attempted.map(|_| entry), now);
        }
        let more = !self.lanes[at].queue.is_empty();
        let Some(part) = next else { return self.start(at, now) };
        let Some(proof) = attempted.transpose() else {
            // Taken back or expired in the meantime: the store did not let it begin.
            self.release(&part);
            return self.start(at, now);
        };
        let cost_micros = self.lanes[at].cost_micros(&part.to.to_string());
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (route, tpdu) = (route.clone(), part.tpdu.clone());
        self.actions.push_back(Action::Submit(Handover {
            route,
            ticket,
            tpdu,
            proof,
            more,
        }));
        self.lanes[at].work = Work::Sending {
            part,
            ticket,
            cost_micros,
            since: now,
        };
        self.look_at_pauses_by(self.lanes[at].slow_at());
    }

    /// What lay of an attempt on the modem of `route` is gone, or stays.
    pub(crate) fn freed(&mut self, route: &RouteId, entry: &JournalEntry, now: Timestamp) {
        let Some(&at) = self.index.get(route) else { return };
        if matches!(&self.lanes[at].work, Work::Freeing { entry: awaited, .. } if awaited == entry) {
            self.lanes[at].work = Work::Idle;
            self.start(at, now);
        }
    }

    /// A message was made anew, with these parts, or stays as it was.
    pub(crate) fn remade(&mut self, message: MessageId, parts: Option<Vec<DuePart>>, now: Timestamp) {
        self.remaking.remove(&message);
        match parts {
            Some(parts) => self.arrive(parts, now),
            None => self.look_again(),
        }
    }

    /// The store could not record what lane `route` asked for: the part that was to begin waits, the end of the last
    /// one is tried again until it is kept.
    pub(crate) fn unrecorded(&mut self, route: &RouteId, now: Timestamp) {
        let Some(&at) = self.index.get(route) else { return };
        let Work::Recording { settle, next } = std::mem::take(&mut self.lanes[at].work) else {
            return;
        };
        let until = now + STORE_PAUSE;
        if let Some(part) = next {
            self.lanes[at].queue.insert(order(&part), part);
        }
        self.lanes[at].work = Work::Blocked { settle, until };
    }

    /// Lets time pass: waiting parts are looked at again, blocked lanes try again.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if self.reroute_at.is_some_and(|at| at <= now) {
            self.reroute_at = None;
            self.reroute(now);
        }
        if self.is_starved() && self.look.due().is_some_and(|due| due <= now) {
            self.look.want();
        }
        if self.pauses_at.is_some_and(|at| at <= now) {
            self.look_at_pauses(now);
        }
        for at in 0..self.lanes.len() {
            let due = matches!(&self.lanes[at].work, Work::Blocked { until, .. } if *until <= now);
            if due && let Work::Blocked { settle, .. } = std::mem::take(&mut self.lanes[at].work) {
                self.record(at, settle, now);
            }
            if matches!(&self.lanes[at].work, Work::Freeing { until, .. } if *until <= now) {
                self.lanes[at].work = Work::Idle;
            }
            if self.lanes[at].is_idle() {
                self.start(at, now);
            }
        }
        self.move_stranded(now);
    }

    /// Begins nothing new; what is with a modem is finished.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// What the router says of a message to `to`, with everything known now.
    pub(crate) fn explain(&mut self, ask: &Question, now: Timestamp) -> RouteExplanation {
        let sticky = self.contacts.get(&ask.to);
        let facts = lanes::facts(&mut self.lanes, &ask.to, now);
        let allowed = ask.allowed.as_deref();
        let ask = Ask {
            to: &ask.to,
            from: None,
            strict: false,
            sticky,
            excluded: &[],
            allowed,
        };
        explain(&ask, &facts, &self.routing)
    }

    /// What to do next.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        self.look.page(self.known.len() <= WINDOW / 2).map(Action::Reload)
    }

    /// When [`Desk::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let blocked = self.lanes.iter().filter_map(|lane| match &lane.work {
            Work::Blocked { until, .. } | Work::Freeing { until, .. } => Some(*until),
            _ => None,
        });
        let look = self.look.due().filter(|_| self.is_starved());
        blocked.chain(self.pauses_at).chain(self.reroute_at).chain(look).min()
    }

    /// Whether any part is with a modem or its end is not recorded yet.
    pub(crate) fn is_working(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.is_idle())
    }

    fn assign(&mut self, part: Box<DuePart>, now: Timestamp) {
        if let Some(at) = self.home_of(&part) {
            self.enqueue(at, part, now);
            return;
        }
        match self.decide(&part, now) {
            Decision::Take { route, .. } => match self.index.get(&route) {
                Some(&at) => self.enqueue(at, part, now),
                None => self.wait(part, None, now),
            },
            Decision::Wait { until, .. } => self.wait(part, until, now),
            Decision::Refuse { reason } => self.refuse(&part, reason, now),
        }
    }

    /// The lane a message of several parts is bound to: by a sibling held here, or by its first attempt.
    fn home_of(&self, part: &DuePart) -> Option<usize> {
        if part.parts < 2 {
            return None;
        }
        if let Some(home) = self.homes.get(&part.key.message) {
            return Some(home.lane);
        }
        let route = part.route.as_ref()?;
        if part.excluded.contains(route) {
            return None;
        }
        self.index.get(route).copied()
    }

    fn decide(&mut self, part: &DuePart, now: Timestamp) -> Decision {
        let facts = lanes::facts(&mut self.lanes, &part.to, now);
        let ask = Ask {
            to: &part.to,
            from: part.from.as_ref(),
            strict: part.strict,
            sticky: self.contacts.get(&part.to),
            excluded: &part.excluded,
            allowed: part
                .token
                .as_ref()
                .and_then(|token| self.token_sims.get(token))
                .map(|sims| &**sims),
        };
        choose(&ask, &facts, &self.routing)
    }

    fn enqueue(&mut self, at: usize, part: Box<DuePart>, now: Timestamp) {
        if self.lanes[at].queue.len() >= self.lane_room() && part.priority.0 < URGENT {
            self.pass_over(&part);
            return;
        }
        if part.parts > 1 {
            self.homes
                .entry(part.key.message)
                .or_insert(Home {
                    lane: at,
                    parts: 0,
                    begun: false,
                })
                .parts += 1;
        }
        self.lanes[at].queue.insert(order(&part), part);
        if self.lanes[at].is_idle() {
            self.start(at, now);
        }
    }

    /// How many parts may wait on one lane: the desk's room is shared, so that a SIM with a long backlog leaves some to
    /// the others.
    fn lane_room(&self) -> usize {
        (WINDOW / 2 / self.lanes.len().max(1)).clamp(32, 1024)
    }

    /// Leaves a part to the store until there is a place for it.
    fn pass_over(&mut self, part: &DuePart) {
        self.known.remove(&part.key);
        self.look.pass_over(part.priority, part.key);
    }

    /// Whether a lane could work and has nothing to do.
    fn is_starved(&self) -> bool {
        self.lanes.iter().any(|lane| lane.is_usable() && lane.load() == 0)
    }

    fn wait(&mut self, part: Box<DuePart>, until: Option<Timestamp>, now: Timestamp) {
        if self.waiting.len() >= WAITING && part.priority.0 < URGENT {
            self.pass_over(&part);
            return;
        }
        self.reroute_by(until.unwrap_or(now + WAIT_RECHECK).max(now + REROUTE_PAUSE));
        self.waiting.insert(order(&part), part);
    }

    fn refuse(&mut self, part: &DuePart, reason: String, now: Timestamp) {
        let route = part.route.clone().unwrap_or_else(|| RouteId::new("-"));
        let failure = Failure {
            class: ErrorClass::Permanent,
            cause: Cause::Gateway,
            reason,
        };
        let result = Settled::Refused { failure };
        self.actions.push_back(Action::Settle(Settle {
            key: part.key,
            route,
            at: now,
            result,
            journal: None,
        }));
        self.known.remove(&part.key);
    }

    /// Begins the next part of an idle lane, if there is one.
    fn start(&mut self, at: usize, now: Timestamp) {
        self.record(at, None, now);
    }

    /// Deletes what lies of the last attempt on the modem.
    fn free(&mut self, at: usize, entry: Committed<JournalEntry>, now: Timestamp) {
        let lane = &mut self.lanes[at];
        lane.work = Work::Freeing {
            entry: entry.get().clone(),
            until: now + FREE_WAIT,
        };
        let route = lane.id.clone();
        self.actions.push_back(Action::Free { route, entry });
    }

    /// Records the end of one attempt and, where a part waits, the beginning of the next, in one transaction. The end of
    /// an attempt of which something lies on the modem is recorded alone: that must be gone first.
    fn record(&mut self, at: usize, settle: Option<Settle>, now: Timestamp) {
        let alone = settle.as_ref().is_some_and(|settle| settle.journal.is_some());
        let mut next = if alone { None } else { self.next_part(at, now) };
        if settle.is_none() && next.is_none() {
            return;
        }
        if let Some(part) = &next
            && let Some(home) = self.homes.get_mut(&part.key.message)
        {
            home.begun = true;
        }
        let lane = &mut self.lanes[at];
        let route = lane.id.clone();
        let attempt = next.as_mut().map(|part| {
            let tpdu = compose::shorten_validity(&mut part.tpdu, part.expires_at, now).then(|| part.tpdu.clone());
            Attempt {
                key: part.key,
                route: route.clone(),
                at: now,
                tpdu,
            }
        });
        let progress = Progress {
            settle: settle.clone(),
            attempt,
        };
        lane.work = Work::Recording { settle, next };
        self.actions.push_back(Action::Record { route, progress });
    }

    fn next_part(&mut self, at: usize, now: Timestamp) -> Option<Box<DuePart>> {
        let lane = &mut self.lanes[at];
        if self.closing || !lane.is_usable() {
            return None;
        }
        let mut wake: Option<Timestamp> = None;
        let mut found = None;
        for (place, part) in &lane.queue {
            let rest = self.destinations.resting_until(&part.to, now);
            let full = lane.usage.as_mut().and_then(|usage| usage.permits(now, &part.to).err());
            match rest.or(full.map(|full| full.until)) {
                None => {
                    found = Some(*place);
                    break;
                }
                Some(until) => wake = Some(wake.map_or(until, |at| at.min(until))),
            }
        }
        if found.is_none()
            && let Some(until) = wake
        {
            self.reroute_by(until);
        }
        let next = found.and_then(|place| self.lanes[at].queue.remove(&place));
        if self.lanes[at].queue.len() <= self.lane_room() / 4 {
            self.look.refill();
        }
        next
    }

    /// Takes a part off the books.
    fn release(&mut self, part: &DuePart) {
        self.known.remove(&part.key);
        if part.parts < 2 {
            return;
        }
        if let Some(home) = self.homes.get_mut(&part.key.message) {
            home.parts -= 1;
            if home.parts == 0 {
                self.homes.remove(&part.key.message);
            }
        }
    }
}

/// How many parts the desk holds at most; the rest waits in the store.
const WINDOW: usize = 4096;

/// How many parts that no route can take now are held at most; the rest waits in the store.
const WAITING: usize = 1024;

/// How many senders are remembered for their replies.
const CONTACTS: usize = 10_000;

/// From this priority on a part finds room even at a full desk.
const URGENT: u8 = 2;

/// How long facts may gather before the waiting parts are routed again.
const REROUTE_PAUSE: Duration = Duration::from_millis(20);

/// How soon a part that waits for a change is looked at although no change was told.
const WAIT_RECHECK: Duration = Duration::from_secs(30);

/// How long a lane waits until what lies of its last attempt on the modem is gone. Whoever has to delete it tells the end
/// of that; this is for one that is gone itself.
const FREE_WAIT: Duration = Duration::from_secs(30);

/// How soon a lane tries again to record what the store refused.
const STORE_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
