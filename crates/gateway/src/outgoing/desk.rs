//! The desk: which part goes out next, over which route. A value without clock, store or modem: facts and the time go
//! in, actions come out of [`Desk::poll`].
//!
//! Every part the desk holds lies in exactly one place: unrouted (in `waiting`), queued on a lane, or in a lane's
//! `work`. All of them are durable in the store; the desk may forget any of them that is not in work, and reads it
//! again later.

mod attempts;
mod by_clock;
mod lanes;
mod moving;
mod waits;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use message::{
    BeginMark, Cause, Committed, ErrorClass, Failure, JournalEntry, MessageId, Number, Priority, RouteExplanation,
    RouteId, TokenId,
};
use router::{Ask, Decision, RoutingConfig, choose, explain};
use store::{Attempted, DuePart, PartKey, Progress, Settle, Settled};

use super::destinations::Destinations;
use super::lane::{Lane, Order, Work, order};
use super::look::{Look, Page};
use super::verdict::{Remake, Rules};
use crate::carrier::RouteStatus;
pub(crate) use attempts::End;
pub(crate) use lanes::Reordered;
pub(crate) use waits::Wait;

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
    /// What is made anew once the end of a hand's last attempt (lane and hand) is on record: before, the store would not
    /// allow it.
    remakes: HashMap<(usize, usize), (MessageId, Remake)>,
    /// Messages that are being made anew. Until that is done, no part of them goes out as it was.
    remaking: HashSet<MessageId>,
}

#[derive(Debug, Clone, Copy)]
struct Home {
    lane: usize,
    parts: usize,
    /// The first of them that is on its way there, or out: the others must follow, or the recipient's phone never joins
    /// them.
    begun: Option<PartKey>,
}

/// What the desk wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Record this; answer with [`Desk::recorded`] or [`Desk::unrecorded`].
    Record {
        /// The lane it is for.
        route: RouteId,
        /// The hand of that lane.
        hand: usize,
        /// What to record, in one transaction.
        progress: Progress,
    },
    /// Hand this to the carrier; the answer is [`Desk::settled`].
    Submit(Handover),
    /// Ask a part back that may wait at its carrier. Where it has not begun, [`Desk::settled`] says so.
    Withdraw {
        /// From which route.
        route: RouteId,
        /// The ticket it was handed over under.
        ticket: u64,
    },
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
    Unknown(End),
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
    /// Which hand of the route has it, from 0: none has another part before this one's end is on record.
    pub hand: usize,
    /// The SMS-SUBMIT without service-centre part, TP-MR zero.
    pub tpdu: Vec<u8>,
    /// The attempt is on record.
    pub proof: Committed<Attempted>,
    /// How urgent it is: among the parts that wait at the carrier, the most urgent goes first, and of equal ones the first.
    pub priority: Priority,
    /// More parts wait for this route: the radio link may be held open.
    pub more: bool,
    /// Where the attempt is on record [ahead](Attempted::ahead): to be set when the part begins.
    pub mark: Option<Arc<dyn BeginMark>>,
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
    pub(crate) fn facts(&mut self, status: &RouteStatus, now: Timestamp) {
        let Some(&at) = self.index.get(&status.route) else {
            return;
        };
        let obstacle = status.obstacle.as_ref().map(|obstacle| obstacle.sentence.as_str());
        let lane = &mut self.lanes[at];
        if lane.retired {
            return;
        }
        lane.takes(status.at_once, status.ahead);
        let was_able = lane.is_able();
        if lane.obstacle.as_deref() != obstacle {
            lane.obstacle = obstacle.map(str::to_owned);
        }
        lane.health = status.level;
        let able = lane.is_able();
        if was_able == able {
            return;
        }
        lane.pause = lane.pause.take().and_then(|pause| pause.after_word(now));
        lane.unusable_since = (!able).then_some(now);
        if !able {
            self.clear(at);
        }
        let look_at = match &self.lanes[at].pause {
            Some(pause) => pause.until,
            None => self.lanes[at].slow_at(),
        };
        self.look_at_pauses_by(look_at);
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

    /// A message was made anew, with these parts, or stays as it was.
    pub(crate) fn remade(&mut self, message: MessageId, parts: Option<Vec<DuePart>>, now: Timestamp) {
        self.remaking.remove(&message);
        match parts {
            Some(parts) => self.arrive(parts, now),
            None => self.look_again(),
        }
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
            self.tick_lane(at, now);
        }
        self.move_stranded(now);
    }

    /// Begins nothing new; what is with a modem is finished.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        (0..self.lanes.len()).for_each(|at| self.withdraw(at, |_| true));
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
        let hands = self.lanes.iter().flat_map(|lane| &lane.hands);
        let blocked = hands.filter_map(|work| match work {
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
        if self.lanes[at].queue.len() >= self.room_of(at) && part.priority.0 < URGENT {
            self.pass_over(&part);
            return;
        }
        if part.parts > 1 {
            self.homes
                .entry(part.key.message)
                .or_insert(Home {
                    lane: at,
                    parts: 0,
                    begun: None,
                })
                .parts += 1;
        }
        self.lanes[at].queue.insert(order(&part), part);
        self.start(at, now);
        self.let_pass(at, now);
    }

    /// How many parts may wait on one lane: the desk's room is shared, so that a SIM with a long backlog leaves some to
    /// the others.
    fn lane_room(&self) -> usize {
        (WINDOW / 2 / self.lanes.len().max(1)).clamp(32, 1024)
    }

    /// How many parts may wait on this lane: enough that none of its hands waits for the store.
    fn room_of(&self, at: usize) -> usize {
        self.lane_room().max(2 * self.lanes[at].at_once)
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
