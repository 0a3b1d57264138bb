//! One route's place at the desk: what waits on it and what it is doing.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use message::{JournalEntry, Level, Number, RouteId};
use router::{RouteConfig, RouteFacts, Usage};
use store::{DuePart, Settle};

use crate::carrier::Ahead;

/// The order in which parts go out: priority first, then the order of acceptance.
pub(crate) type Order = (Reverse<u8>, i64, u8);

/// Where `part` stands in that order.
pub(crate) fn order(part: &DuePart) -> Order {
    (Reverse(part.priority.0), part.seq, part.key.part)
}

/// One route.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: RouteId,
    pub(crate) config: RouteConfig,
    /// Why it cannot send now.
    pub(crate) obstacle: Option<String>,
    pub(crate) health: Level,
    /// Since when it cannot send.
    pub(crate) unusable_since: Option<Timestamp>,
    /// Why it is given nothing more for now, although nobody says that it cannot send.
    pub(crate) pause: Option<Pause>,
    /// How often in a row it could not send what it was given after a rest.
    pub(crate) refusals: u32,
    pub(crate) usage: Option<Usage>,
    pub(crate) queue: BTreeMap<Order, Box<DuePart>>,
    /// What it is doing: a modem has one hand, an upstream as many as it takes parts at once.
    pub(crate) hands: Vec<Work>,
    /// How many parts its carrier works on together.
    pub(crate) at_once: usize,
    /// Which of the parts that its carrier has may wait there.
    pub(crate) ahead: Ahead,
    pub(crate) last_used: Option<Timestamp>,
    /// Its route is not configured any more: what is with its modem is finished, and nothing begins.
    pub(crate) retired: bool,
}

/// A rest that the desk gives a lane by itself.
#[derive(Debug)]
pub(crate) struct Pause {
    /// Why, for people.
    pub(crate) reason: String,
    /// When it ends; `None`: with the exchange that takes so long.
    pub(crate) until: Option<Timestamp>,
    /// It does not end before, even where the carrier tells that it can send again: it said so of late, and could not.
    pub(crate) least: Option<Timestamp>,
}

impl Pause {
    /// Whether nothing that was under way when it began ends it.
    pub(crate) fn is_firm(&self, now: Timestamp) -> bool {
        self.least.is_some_and(|least| least > now)
    }

    /// What is left of it once the carrier has told that it can send again.
    pub(crate) fn after_word(self, now: Timestamp) -> Option<Self> {
        let least = self.least.filter(|least| *least > now)?;
        Some(Self {
            until: Some(least),
            ..self
        })
    }
}

/// What a hand is doing. It does one thing at a time.
#[derive(Debug, Default)]
pub(crate) enum Work {
    /// Nothing.
    #[default]
    Idle,
    /// Waiting until the store has recorded the last attempt's end, the next one's beginning, or both.
    Recording {
        /// The end that is being recorded.
        settle: Option<Settle>,
        /// The part whose attempt is being recorded.
        next: Option<Box<DuePart>>,
    },
    /// The store could not record: nothing else happens here until it can.
    Blocked {
        /// The attempt's end that must be recorded.
        settle: Option<Settle>,
        /// When it is tried again.
        until: Timestamp,
    },
    /// The last attempt's end is recorded, and what lies of it on the modem is being deleted. The next attempt begins
    /// afterwards: what is found after a crash is then of one attempt alone.
    Freeing {
        /// What lies there.
        entry: JournalEntry,
        /// How long that is waited for.
        until: Timestamp,
    },
    /// The part is with the modem.
    Sending {
        /// Which.
        part: Box<DuePart>,
        /// The ticket it was handed over under.
        ticket: u64,
        /// What it costs.
        cost_micros: i64,
        /// When it was handed over, or moved up.
        since: Timestamp,
        /// Whether it stands behind another one, or was asked back.
        stand: Stand,
    },
}

/// Where a part stands that its carrier has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Its turn has come.
    Front,
    /// Behind another one.
    Behind,
    /// Asked back.
    Withdrawn,
}

impl Lane {
    pub(crate) fn new(id: RouteId, config: RouteConfig, zone: TimeZone) -> Self {
        let limited = config.limits != router::Limits::default();
        let usage = limited.then(|| Usage::new(config.limits, zone));
        Self {
            id,
            config,
            obstacle: Some("it was not heard of yet".into()),
            health: Level::Ok,
            unusable_since: None,
            pause: None,
            refusals: 0,
            usage,
            queue: BTreeMap::new(),
            hands: vec![Work::Idle],
            at_once: 1,
            ahead: Ahead::None,
            last_used: None,
            retired: false,
        }
    }

    /// Takes the settings of another lane of its route, and is one again that there is.
    pub(crate) fn adopt(&mut self, other: Self, now: Timestamp) {
        if std::mem::take(&mut self.retired) {
            self.obstacle = other.obstacle;
            self.health = other.health;
            self.unusable_since = Some(now);
        }
        self.config = other.config;
        self.usage = other.usage;
        let open: Vec<Number> = self.under_way().map(|part| part.to.clone()).collect();
        if let Some(usage) = &mut self.usage {
            open.iter().for_each(|to| usage.begin(to));
        }
    }

    /// Its route is not configured any more.
    pub(crate) fn retire(&mut self, now: Timestamp) {
        self.retired = true;
        self.obstacle = Some("it is not configured any more".into());
        self.pause = None;
        self.unusable_since = Some(now);
    }

    /// Whether it may be given more now.
    pub(crate) fn is_usable(&self) -> bool {
        self.is_able() && self.pause.is_none()
    }

    /// Whether its carrier says that it can send.
    pub(crate) fn is_able(&self) -> bool {
        self.obstacle.is_none() && self.health != Level::Critical
    }

    /// How long it rests that once more could not send what it was given.
    pub(crate) fn next_rest(&mut self) -> Duration {
        let doubled = FIRST_REST.saturating_mul(1 << self.refusals.min(8));
        self.refusals = self.refusals.saturating_add(1);
        doubled.min(LONGEST_REST)
    }

    /// Whether its exchanges have all taken so long that others should not wait behind them.
    pub(crate) fn is_slow(&self, now: Timestamp) -> bool {
        self.slow_at().is_some_and(|at| at <= now)
    }

    /// What that is called, for people.
    pub(crate) fn slow_words(&self) -> &'static str {
        match self.at_once {
            1 => "its modem has been busy with one message for long",
            _ => "it has not answered for long",
        }
    }

    /// When that is the case.
    pub(crate) fn slow_at(&self) -> Option<Timestamp> {
        if self.fronts().count() < self.at_once {
            return None;
        }
        self.fronts().max().map(|since| since + SLOW)
    }

    /// Since when each part whose turn has come is with the carrier.
    fn fronts(&self) -> impl Iterator<Item = Timestamp> {
        self.hands.iter().filter_map(|work| match work {
            Work::Sending { since, stand, .. } if self.has_turn(*stand) => Some(*since),
            _ => None,
        })
    }

    /// Whether the turn of a part that stands so has come.
    fn has_turn(&self, stand: Stand) -> bool {
        stand == Stand::Front || self.ahead == Ahead::Any
    }

    /// Whether a part that stands so may not have begun, and can be asked back.
    pub(crate) fn may_wait(&self, stand: Stand) -> bool {
        stand != Stand::Front || self.ahead == Ahead::Any
    }

    /// Its route takes so many parts at once from now on, and these of them may wait there.
    pub(crate) fn takes(&mut self, at_once: u16, ahead: Ahead) {
        self.at_once = usize::from(at_once.max(1));
        self.ahead = ahead;
        if self.hands.len() < self.width() {
            self.hands.resize_with(self.width(), Work::default);
        }
    }

    /// How many of the hands may begin something.
    pub(crate) fn width(&self) -> usize {
        self.at_once + usize::from(self.ahead == Ahead::OneMore)
    }

    /// Whether what begins now stands behind another part.
    pub(crate) fn is_full(&self) -> bool {
        self.ahead == Ahead::OneMore && self.under_way().count() >= self.at_once
    }

    /// Whether what begins now is on record before it begins.
    pub(crate) fn records_ahead(&self) -> bool {
        self.ahead == Ahead::Any || self.is_full()
    }

    /// Where a part stands that the carrier is given now.
    pub(crate) fn stand(&self) -> Stand {
        match self.ahead == Ahead::OneMore && self.fronts().count() >= self.at_once {
            true => Stand::Behind,
            false => Stand::Front,
        }
    }

    /// A part has left the carrier: the oldest of those behind moves up.
    pub(crate) fn move_up(&mut self, now: Timestamp) {
        if self.ahead == Ahead::Any || self.fronts().count() >= self.at_once {
            return;
        }
        let behind = self.hands.iter_mut().filter_map(|work| match work {
            Work::Sending {
                ticket, since, stand, ..
            } if *stand != Stand::Front => Some((*ticket, since, stand)),
            _ => None,
        });
        if let Some((_, since, stand)) = behind.min_by_key(|(ticket, ..)| *ticket) {
            *since = now;
            *stand = Stand::Front;
        }
    }

    /// The parts that the carrier has, and where each stands.
    pub(crate) fn handed_over(&self) -> impl Iterator<Item = (&DuePart, Stand)> {
        self.hands.iter().filter_map(|work| match work {
            Work::Sending { part, stand, .. } => Some((&**part, *stand)),
            _ => None,
        })
    }

    /// The tickets of the parts that may wait at the carrier and are meant; they count as asked back.
    pub(crate) fn withdraw(&mut self, meant: impl Fn(&DuePart) -> bool) -> Vec<u64> {
        let asked = match self.ahead {
            Ahead::Any => Stand::Front,
            Ahead::None | Ahead::OneMore => Stand::Behind,
        };
        let mut tickets = Vec::new();
        for work in &mut self.hands {
            if let Work::Sending {
                part, ticket, stand, ..
            } = work
                && *stand == asked
                && meant(part)
            {
                *stand = Stand::Withdrawn;
                tickets.push(*ticket);
            }
        }
        tickets
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.hands.iter().all(|work| matches!(work, Work::Idle))
    }

    /// A hand that has nothing to do.
    pub(crate) fn free_hand(&self) -> Option<usize> {
        let mut hands = self.hands.iter().take(self.width());
        hands.position(|work| matches!(work, Work::Idle))
    }

    /// The hand whose part is with the carrier under this ticket.
    pub(crate) fn hand_of(&self, wanted: u64) -> Option<usize> {
        let has = |work: &Work| matches!(work, Work::Sending { ticket, .. } if *ticket == wanted);
        self.hands.iter().position(has)
    }

    /// Messages of several parts of which one is on its way: the next goes when that is known to be out, so that a
    /// message that cannot leave here has lost none to it.
    pub(crate) fn messages_under_way(&self) -> Vec<i64> {
        let several = self.under_way().filter(|part| part.parts > 1);
        several.map(|part| part.key.message).collect()
    }

    /// The parts that are on their way.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &DuePart> {
        self.hands.iter().filter_map(|work| match work {
            Work::Recording { next: Some(part), .. } | Work::Sending { part, .. } => Some(&**part),
            _ => None,
        })
    }

    /// A part that was to begin does not.
    pub(crate) fn does_not_begin(&mut self, part: &DuePart) {
        if let Some(usage) = &mut self.usage {
            usage.end(&part.to);
        }
    }

    /// Parts waiting or in flight.
    pub(crate) fn load(&self) -> usize {
        let busy = self.hands.iter().filter(|work| !matches!(work, Work::Idle)).count();
        self.queue.len() + busy
    }

    /// What the router looks at for a message to `to`.
    pub(crate) fn facts(&mut self, to: &Number, now: Timestamp) -> RouteFacts<'_> {
        let exceeded = self.usage.as_mut().and_then(|usage| usage.permits(now, to).err());
        let limit = exceeded.map(|full| {
            (
                format!("its limit of {} is used up", full.window.words(full.limit)),
                full.until,
            )
        });
        RouteFacts {
            load: self.load(),
            at_once: self.at_once,
            id: &self.id,
            config: &self.config,
            obstacle: self
                .obstacle
                .as_deref()
                .or(self.pause.as_ref().map(|pause| pause.reason.as_str())),
            health: self.health,
            limit,
            last_used: self.last_used,
        }
    }

    /// The cost per part to `number` (in the form `+49…`).
    pub(crate) fn cost_micros(&self, number: &str) -> i64 {
        self.config
            .longest_match(number)
            .map_or(self.config.cost_micros, |found| found.cost_micros)
    }
}

/// How long a route rests at first that cannot now, and at most.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How long an exchange may take before what waits behind it goes elsewhere. A network takes 2 to 6 s, a slow one 10.
const SLOW: Duration = Duration::from_secs(15);
