//! Looks after deadlines, retention and the snapshot, once a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use message::{
    ConsumerFacts, Event, Finding, HealthChange, Level, LimitUse, Number, RouteId, SlotSnapshot, Snapshot, Traffic,
    UpstreamSnapshot,
};
use store::{Backlog, Policies, RoomFacts, RouteTotals, Ticked};
use tokio::sync::{oneshot, watch};
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::health::{ClockWatch, Jump, Known, Restless, Strays};
use crate::outgoing::dispatch::Command;
use crate::{Gateway, SlotCare, clock, health};

/// The owner of the snapshot.
pub(crate) struct Keeper {
    gateway: Gateway,
    shown: watch::Sender<Arc<Snapshot>>,
    started_at: Timestamp,
    known: Known,
    restless: Restless,
    strays: Strays,
    /// When what is old was removed last.
    retained_at: Option<Instant>,
    watch: ClockWatch,
    /// By how much the clock was set since the deadlines on the disk were moved last.
    owed: SignedDuration,
    /// Why the store does not tell its figures.
    untold: Option<store::Error>,
    /// How far behind the consumers are, and when that was asked.
    backlog: (Option<Instant>, Vec<Backlog>),
    /// The room of the database, asked together with that.
    room: Option<RoomFacts>,
    /// How far the limits are used up, asked together with that.
    limits: HashMap<RouteId, Vec<LimitUse>>,
    zone: TimeZone,
    /// What holds for slots of which nothing is said.
    careless: SlotCare,
    /// When what was not kept was asked for last.
    asked_again: Option<Instant>,
}

impl Keeper {
    pub(crate) fn new(gateway: &Gateway, shown: watch::Sender<Arc<Snapshot>>) -> Self {
        Self {
            gateway: gateway.clone(),
            shown,
            started_at: clock::now(),
            known: Known::default(),
            restless: Restless::default(),
            strays: Strays::default(),
            retained_at: None,
            watch: ClockWatch::default(),
            owed: SignedDuration::ZERO,
            untold: None,
            backlog: (None, Vec::new()),
            room: None,
            limits: HashMap::new(),
            zone: TimeZone::system(),
            careless: SlotCare::default(),
            asked_again: None,
        }
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        self.compare_with_records().await;
        self.recall_contacts().await;
        let mut rounds = tokio::time::interval(health::FRESH);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                _ = rounds.tick() => self.round().await,
            }
        }
    }

    async fn round(&mut self) {
        let (now, steady) = (clock::now(), clock::steady());
        if let Some(jump) = self.watch.look(now, steady) {
            self.take_jump(jump).await;
        }
        self.move_deadlines().await;
        // What waits moves with the clock, so this holds by a wrong one, too.
        self.meet_deadlines(now).await;
        if clock::is_sane(now) && !self.watch.is_doubtful(steady) {
            self.retain(now).await;
        }
        self.ask_again();
        self.show(now, steady).await;
    }

    /// A clock that was set while the gateway did not run is found by what is on record.
    async fn compare_with_records(&mut self) {
        let Ok(Some(recorded)) = self.gateway.inner.store.newest().await else {
            return;
        };
        let (now, steady) = (clock::now(), clock::steady());
        if let Some(jump) = self.watch.unseen(recorded, now, steady) {
            self.take_jump(jump).await;
        }
    }

    /// What was to happen after a while still happens after that while: whatever waits moves with the clock.
    async fn take_jump(&mut self, jump: Jump) {
        warn!("the clock: {}", jump.words());
        self.gateway.tell(Command::ClockMoved(jump.by)).await;
        if jump.moves_deadlines() {
            self.owed += jump.by;
        }
    }

    async fn move_deadlines(&mut self) {
        if self.owed.is_zero() {
            return;
        }
        match self.gateway.inner.store.move_deadlines(self.owed, clock::now()).await {
            Ok(moved) => {
                info!("{} deadlines were moved with the clock", moved.get());
                self.owed = SignedDuration::ZERO;
                self.gateway.inner.moves.send_modify(|moves| *moves += 1);
                self.gateway.tell(Command::LookAgain).await;
            }
            Err(error) => warn!("deadlines are not moved with the clock yet: {error}"),
        }
    }

    /// Asks the carriers once more for what could not be kept or confirmed, when the store is well.
    fn ask_again(&mut self) {
        let inner = &self.gateway.inner;
        let resting = self.asked_again.is_some_and(|last| last.elapsed() < ASK_PAUSE);
        if resting || *inner.store.health().borrow() != store::Health::Well {
            return;
        }
        for route in inner.unkept.take() {
            self.asked_again = Some(Instant::now());
            let home = inner.carriers.iter().find(|carrier| carrier.route(&route).is_some());
            if home.is_some_and(|carrier| carrier.hand_over_again(&route).is_err()) {
                inner.unkept.note(&route);
            }
        }
    }

    /// Replies leave from the SIM that was written to, after a restart too.
    async fn recall_contacts(&self) {
        let terms = self.gateway.terms();
        let config = &terms.config;
        if !config.sticky_replies {
            return;
        }
        let store = &self.gateway.inner.store;
        let newest = *store.arrivals().borrow();
        let oldest = clock::now() - SignedDuration::from_hours(24 * i64::from(config.sticky_days));
        let Ok(recent) = store
            .fetch((newest - CONTACTS).max(0), CONTACTS as usize, None, None)
            .await
        else {
            return;
        };
        for message in recent.into_iter().filter(|message| message.received_at >= oldest) {
            if !matches!(message.from, Number::Name(_)) && message.kind.is_shown() {
                self.gateway.tell(Command::Contact(message.from, message.sim)).await;
            }
        }
    }

    async fn meet_deadlines(&self, now: Timestamp) {
        let store = &self.gateway.inner.store;
        let due = store.next_due(now).await.ok().flatten().is_some_and(|due| due <= now);
        if due {
            loop {
                match store.tick(now, &Policies::default()).await {
                    Ok(ticked) => {
                        let ticked = ticked.into_inner();
                        let more = ticked.more;
                        self.pass_on(ticked).await;
                        if !more {
                            break;
                        }
                    }
                    Err(error) => {
                        warn!("deadlines wait: {error}");
                        break;
                    }
                }
            }
        }
        if due
            || self
                .gateway
                .inner
                .overflowed
                .swap(false, std::sync::atomic::Ordering::Relaxed)
        {
            self.gateway.tell(Command::LookAgain).await;
        }
    }

    async fn pass_on(&self, ticked: Ticked) {
        for id in &ticked.expired {
            info!(sms = %id, "expired: its validity ran out");
        }
        for id in &ticked.resent {
            warn!(sms = %id, "sent once more, maybe twice: nobody knows whether the first attempt went out");
        }
        for id in &ticked.held {
            warn!(sms = %id, "held: an operator decides with `simrelay resolve`");
        }
        if ticked.strays > 0 {
            warn!("{} receipts of upstreams fitted no part in time", ticked.strays);
        }
        for message in &ticked.overdue {
            warn!(sms = %message.id, missing = message.missing, "a received message stays incomplete");
        }
        let void = [ticked.expired, ticked.failed].concat();
        if !void.is_empty() {
            self.gateway.tell(Command::Forget(void)).await;
        }
    }

    async fn retain(&mut self, now: Timestamp) {
        let due = self.retained_at.is_none_or(|last| last.elapsed() >= RETENTION_PAUSE);
        if !due {
            return;
        }
        match self
            .gateway
            .inner
            .store
            .retain(now, &self.gateway.terms().retention)
            .await
        {
            Ok(retained) if retained.get().more => {}
            Ok(_) => self.retained_at = Some(Instant::now()),
            Err(error) => warn!("what is old is not removed now: {error}"),
        }
    }

    async fn show(&mut self, now: Timestamp, steady: Duration) {
        let inner = Arc::clone(&self.gateway.inner);
        let mut slots: Vec<_> = inner.carriers.iter().flat_map(|carrier| carrier.slots()).collect();
        let mut upstreams: Vec<_> = inner.carriers.iter().flat_map(|carrier| carrier.upstreams()).collect();
        // Facts the store cannot tell now are shown as they were, and that is told.
        let last = self.gateway.snapshot();
        self.untold = None;
        let queue = inner.store.queue_facts().await;
        let queue = self.or_last(queue, || last.queue.clone());
        let totals = inner.store.totals().await;
        let totals = self.or_last(totals, || last.totals.clone());
        self.look_now_and_then().await;
        self.add_counts(&mut slots, &mut upstreams).await;
        let care = self.gateway.care();
        inner.purses.show(&mut slots, &care);
        inner.probes.show(&mut slots, &care, now, &self.zone);
        let mut snapshot = Snapshot {
            at: now,
            started_at: self.started_at,
            slots,
            upstreams,
            applications: self.gateway.applications(),
            queue,
            findings: Vec::new(),
            totals,
            counts: inner.tally.counts(),
            consumers: self.backlog.1.iter().map(facts_of).collect(),
            disk: self.room.as_ref().map(|room| room.disk),
            database: self.room.as_ref().map(|room| room.database),
            certificate: *self.gateway.certificate(),
        };
        snapshot.findings = self.findings(&snapshot, steady);
        for (finding, level) in self.known.compare(&mut snapshot.findings) {
            let is_slot = snapshot.slots.iter().any(|slot| slot.slot.as_str() == finding.subject);
            self.announce(&finding, level, now, is_slot).await;
        }
        self.gateway.refreshed();
        self.shown.send_replace(Arc::new(snapshot));
    }

    /// Everything that is wrong, worst first.
    fn findings(&mut self, snapshot: &Snapshot, steady: Duration) -> Vec<Finding> {
        let (now, inner) = (snapshot.at, &self.gateway.inner);
        let care = self.gateway.care();
        let mut findings = Vec::new();
        for slot in &snapshot.slots {
            let care = care.slots.get(&slot.slot).unwrap_or(&self.careless);
            findings.extend(health::of_slot(slot, care, self.started_at, now));
            findings.extend(self.restless.look(slot, now));
        }
        for upstream in &snapshot.upstreams {
            findings.extend(health::of_upstream(upstream, now));
            findings.extend(self.strays.look(upstream, now));
        }
        findings.extend(health::of_queue(&snapshot.queue, now));
        findings.extend(self.backlog.1.iter().flat_map(|one| health::of_consumer(one, now)));
        findings.extend(self.gateway.complaints().values().flatten().cloned());
        findings.extend(health::of_store(&inner.store.health().borrow()));
        findings.extend(self.untold.iter().map(|error| health::of_silent_store(error, now)));
        findings.extend(self.room.iter().flat_map(|room| health::of_room(room, now)));
        findings.extend(
            snapshot
                .certificate
                .and_then(|shown| health::of_certificate(&shown, now)),
        );
        findings.extend(self.watch.finding(steady));
        if !clock::is_sane(now) {
            findings.push(health::of_clock(now));
        }
        findings.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.subject.cmp(&b.subject)));
        findings
    }

    fn or_last<T>(&mut self, told: Result<T, store::Error>, last: impl FnOnce() -> T) -> T {
        told.unwrap_or_else(|error| {
            self.untold = Some(error);
            last()
        })
    }

    /// What the store counted of each route; it knows of times before the start, too.
    async fn add_counts(&mut self, slots: &mut [SlotSnapshot], upstreams: &mut [UpstreamSnapshot]) {
        let totals = self.gateway.inner.store.route_totals().await;
        let totals = self.or_last(totals, HashMap::new);
        for slot in slots {
            self.count(&slot.slot, &mut slot.traffic, &totals);
        }
        for upstream in upstreams {
            self.count(&upstream.upstream, &mut upstream.traffic, &totals);
            if let Some(kept) = totals.get(&upstream.upstream) {
                upstream.receipts_waiting = kept.receipts_waiting;
                upstream.receipts_stray = kept.receipts_stray;
            }
        }
    }

    fn count(&self, route: &RouteId, traffic: &mut Traffic, totals: &HashMap<RouteId, RouteTotals>) {
        if let Some(uses) = self.limits.get(route) {
            traffic.limits.clone_from(uses);
        }
        let Some(kept) = totals.get(route) else { return };
        traffic.totals = kept.counts;
        traffic.failures.clone_from(&kept.failures);
        traffic.last_sent = traffic.last_sent.max(kept.last_sent);
        traffic.last_received = traffic.last_received.max(kept.last_received);
    }

    /// Looks how far behind the consumers are, how much room there is, and how far limits are used up: it means counting.
    async fn look_now_and_then(&mut self) {
        if self.backlog.0.is_some_and(|last| last.elapsed() < LOOK_PAUSE) {
            return;
        }
        let store = &self.gateway.inner.store;
        match (store.backlog().await, store.room().await) {
            (Ok(backlog), Ok(room)) => {
                self.backlog = (Some(Instant::now()), backlog);
                self.room = Some(room);
            }
            (Err(error), _) | (_, Err(error)) => self.untold = Some(error),
        }
        let (answer, told) = oneshot::channel();
        self.gateway.tell(Command::Limits(answer)).await;
        if let Ok(limits) = told.await {
            self.limits = limits.into_iter().collect();
        }
    }

    async fn announce(&self, finding: &Finding, level: Level, now: Timestamp, is_slot: bool) {
        let Finding {
            subject,
            sentence,
            hint,
            ..
        } = finding;
        let modem = is_slot.then_some(subject.as_str());
        match level {
            Level::Ok => info!(modem, "{subject}: no longer: {sentence}"),
            Level::Warning if health::passes(finding) => info!(modem, "{subject}: {sentence} ({hint})"),
            Level::Warning => warn!(modem, "{subject}: {sentence} ({hint})"),
            Level::Critical => error!(modem, "{subject}: {sentence} ({hint})"),
        }
        let change = HealthChange {
            subject: subject.clone(),
            level,
            sentence: sentence.clone(),
            at: now,
        };
        // A store that cannot keep this is itself what is wrong, and shown.
        let _ = self.gateway.inner.store.add_event(Event::Health(change), now).await;
    }
}

fn facts_of(backlog: &Backlog) -> ConsumerFacts {
    ConsumerFacts {
        name: backlog.consumer.clone(),
        waiting: backlog.waiting,
        oldest: backlog.oldest,
        gave_up: backlog.gave_up,
        gave_up_at: backlog.gave_up_at,
        error: backlog.error.clone().or_else(|| backlog.gave_up_why.clone()),
    }
}

/// How many received messages are looked through at start for whom to reply to from where.
const CONTACTS: i64 = 2_000;

/// How often what means counting is looked at.
const LOOK_PAUSE: Duration = Duration::from_secs(5);

/// How soon what could not be kept is asked for again: something that cannot be kept at all must not keep a modem busy.
const ASK_PAUSE: Duration = Duration::from_secs(10);

/// How often what is old is removed.
const RETENTION_PAUSE: Duration = Duration::from_secs(3_600);
