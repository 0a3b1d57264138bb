//! Looks after deadlines, retention and the snapshot, once a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use message::{ConsumerFacts, Event, Finding, HealthChange, Level, Number, Snapshot};
use store::{Backlog, Policies, RoomFacts, Ticked};
use tokio::sync::{oneshot, watch};
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::outgoing::dispatch::Command;
use crate::{Gateway, clock, health};

/// The owner of the snapshot.
pub(crate) struct Keeper {
    gateway: Gateway,
    shown: watch::Sender<Arc<Snapshot>>,
    started_at: Timestamp,
    /// The findings of the last round, by what they say, with the time they were made first.
    known: HashMap<(String, String), Finding>,
    retained_at: Option<Timestamp>,
    clock_was_sane: bool,
    last_seen: Option<Timestamp>,
    /// How far behind the consumers are, and when that was asked.
    backlog: (Option<Instant>, Vec<Backlog>),
    /// The room of the database, asked together with that.
    room: Option<RoomFacts>,
    /// When what was not kept was asked for last.
    asked_again: Option<Instant>,
}

impl Keeper {
    pub(crate) fn new(gateway: &Gateway, shown: watch::Sender<Arc<Snapshot>>) -> Self {
        Self {
            gateway: gateway.clone(),
            shown,
            started_at: clock::now(),
            known: HashMap::new(),
            retained_at: None,
            clock_was_sane: true,
            last_seen: None,
            backlog: (None, Vec::new()),
            room: None,
            asked_again: None,
        }
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
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
        let now = clock::now();
        let sane = clock::is_sane(now, self.last_seen);
        if sane {
            self.last_seen = Some(now);
            self.meet_deadlines(now).await;
            self.retain(now).await;
        }
        self.clock_was_sane = sane;
        self.ask_again();
        self.show(now).await;
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
            if !matches!(message.from, Number::Name(_)) {
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
            info!(%id, "expired: its validity ran out");
        }
        for id in &ticked.resent {
            warn!(%id, "sent once more, maybe twice: nobody knows whether the first attempt went out");
        }
        for id in &ticked.held {
            warn!(%id, "held: an operator decides with `simrelay resolve`");
        }
        for message in &ticked.overdue {
            warn!(id = %message.id, missing = message.missing, "a received message stays incomplete");
        }
        let void = [ticked.expired, ticked.failed].concat();
        if !void.is_empty() {
            self.gateway.tell(Command::Forget(void)).await;
        }
    }

    async fn retain(&mut self, now: Timestamp) {
        let due = self
            .retained_at
            .is_none_or(|last| now.duration_since(last) >= RETENTION_PAUSE);
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
            Ok(_) => self.retained_at = Some(now),
            Err(error) => warn!("what is old is not removed now: {error}"),
        }
    }

    async fn show(&mut self, now: Timestamp) {
        let inner = Arc::clone(&self.gateway.inner);
        let mut slots: Vec<_> = inner.carriers.iter().flat_map(|carrier| carrier.slots()).collect();
        // Facts the store cannot tell now are shown as they were.
        let last = self.gateway.snapshot();
        let queue = inner.store.queue_facts().await.unwrap_or_else(|_| last.queue.clone());
        let totals = inner.store.totals().await.unwrap_or_else(|_| last.totals.clone());
        let mut findings: Vec<Finding> = slots.iter().flat_map(|slot| health::of_slot(slot, now)).collect();
        findings.extend(health::of_queue(&queue, now));
        if let Ok(totals) = inner.store.route_totals().await {
            for slot in &mut slots {
                let kept = totals.get(&slot.slot).copied().unwrap_or_default();
                slot.totals = kept.counts;
                slot.last_sent = slot.last_sent.max(kept.last_sent);
                slot.last_received = slot.last_received.max(kept.last_received);
            }
        }
        self.count_backlog().await;
        findings.extend(self.backlog.1.iter().flat_map(|one| health::of_consumer(one, now)));
        findings.extend(self.gateway.complaints().values().flatten().cloned());
        findings.extend(health::of_store(&inner.store.health().borrow()));
        if !self.clock_was_sane {
            findings.push(health::of_clock(now));
        }
        findings.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.subject.cmp(&b.subject)));
        self.compare(&mut findings, now).await;
        let snapshot = Snapshot {
            at: now,
            started_at: self.started_at,
            slots,
            queue,
            findings,
            totals,
            consumers: self.backlog.1.iter().map(facts_of).collect(),
            disk: self.room.map(|room| room.disk),
            database: self.room.map(|room| room.database),
            certificate: *self.gateway.certificate(),
        };
        self.shown.send_replace(Arc::new(snapshot));
    }

    /// Looks how far behind the consumers are, now and then: it means counting what waits.
    async fn count_backlog(&mut self) {
        if self.backlog.0.is_some_and(|last| last.elapsed() < BACKLOG_PAUSE) {
            return;
        }
        // What the store cannot tell now is shown as it was.
        if let Ok(backlog) = self.gateway.inner.store.backlog().await {
            self.backlog = (Some(Instant::now()), backlog);
        }
        self.room = self.gateway.inner.store.room().await.ok();
    }

    /// Keeps the time a finding was made first, and tells what came and went.
    async fn compare(&mut self, findings: &mut [Finding], now: Timestamp) {
        let mut still = HashMap::new();
        for finding in findings.iter_mut() {
            let key = (finding.subject.clone(), finding.hint.clone());
            match self.known.remove(&key) {
                Some(known) => finding.since = known.since.min(finding.since),
                None => self.announce(finding, finding.level, now).await,
            }
            still.insert(key, finding.clone());
        }
        for gone in std::mem::replace(&mut self.known, still).into_values() {
            self.announce(&gone, Level::Ok, now).await;
        }
    }

    async fn announce(&self, finding: &Finding, level: Level, now: Timestamp) {
        let Finding {
            subject,
            sentence,
            hint,
            ..
        } = finding;
        match level {
            Level::Ok => info!("{subject}: no longer: {sentence}"),
            Level::Warning => warn!("{subject}: {sentence} ({hint})"),
            Level::Critical => error!("{subject}: {sentence} ({hint})"),
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
        error: backlog.error.clone(),
    }
}

/// How many received messages are looked through at start for whom to reply to from where.
const CONTACTS: i64 = 2_000;

/// How often the backlog of the consumers is counted.
const BACKLOG_PAUSE: Duration = Duration::from_secs(5);

/// How soon what could not be kept is asked for again: something that cannot be kept at all must not keep a modem busy.
const ASK_PAUSE: Duration = Duration::from_secs(10);

/// How often what is old is removed.
const RETENTION_PAUSE: SignedDuration = SignedDuration::from_hours(1);
