//! Works one consumer's rows.
//!
//! What is due is taken from the store in portions, worked [`Patience::at_once`](crate::Patience::at_once) at a time,
//! and each row is marked by itself, while the next ones are worked: marks share a sync of the disk, and a consumer that
//! does one thing at a time does not wait for it. Nothing is begun while the store cannot keep the mark, since it would
//! be done again and again; a mark that cannot be kept is tried until it can.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use store::{Delivery, DeliveryId, Error, Health, Store};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, error, info, warn};

use crate::room::{Duty, House};
use crate::spell::{Said, Spell};
use crate::{Consumer, FAREWELL, Verdict, clock};

/// The longest time a consumer rests whose other side cannot be reached.
pub const LONGEST_REST: Duration = Duration::from_secs(60);

/// One consumer's worker.
pub(crate) struct Worker {
    store: Store,
    house: Arc<House>,
    /// As it was when it was looked at last; one that is gone stays so.
    consumer: Arc<dyn Consumer>,
    /// Taken from the store and not begun.
    taken: VecDeque<Delivery>,
    /// Being worked or marked.
    begun: HashSet<DeliveryId>,
    /// The store may have more that is due.
    more: bool,
    /// How often in a row the other side could not be reached.
    away: u32,
    /// What the log says of tries that fail.
    spell: Spell,
    /// Until when nothing is begun.
    rest: Option<Instant>,
    /// When it was made: gathered marks are kept at whole multiples of [`GATHER`] from then.
    made: Instant,
}

/// A delivery that was worked and is to be marked.
struct Worked {
    delivery: Delivery,
    mark: Mark,
    /// Whether the other side was there; `None`: it was not asked.
    reached: Option<bool>,
}

/// Deliveries being worked, and those being marked.
#[derive(Default)]
struct Hands {
    working: FuturesUnordered<BoxFuture<'static, Worked>>,
    marking: FuturesUnordered<BoxFuture<'static, DeliveryId>>,
}

impl Worker {
    pub(crate) fn new(store: Store, house: Arc<House>, consumer: Arc<dyn Consumer>) -> Self {
        Self {
            store,
            house,
            consumer,
            taken: VecDeque::new(),
            begun: HashSet::new(),
            more: true,
            away: 0,
            spell: Spell::default(),
            rest: None,
            made: Instant::now(),
        }
    }

    /// Works until it is told to stop or the store is closed.
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut news = self.store.events();
        let mut health = self.store.health();
        let mut hands = Hands::default();
        while !*stopped.borrow_and_update() {
            self.look();
            if news.has_changed().unwrap_or(false) {
                news.mark_unchanged();
                self.more = true;
            }
            if self.may_begin(&health, &hands) {
                if self.refill().await.is_err() {
                    break;
                }
                self.begin(&mut hands);
            }
            let full = self.is_full(&hands);
            let due = self.wake(&health, full).await;
            tokio::select! {
                biased;
                _ = stopped.changed() => {}
                Some(id) = hands.marking.next() => { self.begun.remove(&id); }
                Some(worked) = hands.working.next() => self.worked(worked, &mut hands).await,
                changed = news.changed() => {
                    self.more = true;
                    if changed.is_err() { break; }
                }
                _ = health.changed() => {}
                () = sleep_until(due) => self.more = true,
            }
        }
        let each = self.consumer.patience().each + MARK_PAUSE;
        let end = async {
            while let Some(worked) = hands.working.next().await {
                self.worked(worked, &mut hands).await;
            }
            while hands.marking.next().await.is_some() {}
        };
        // What does not end by then is worked again after the next start.
        let _ = timeout(each, end).await;
        let _ = timeout(FAREWELL, self.consumer.stop()).await;
    }

    /// Looks whether the consumer has other settings.
    fn look(&mut self) {
        if let Some(duty) = self.house.duty(self.consumer.name()) {
            self.consumer = Arc::clone(duty.consumer());
        }
    }

    fn may_begin(&mut self, health: &watch::Receiver<Health>, hands: &Hands) -> bool {
        if self.rest.is_some_and(|rest| rest <= Instant::now()) {
            self.rest = None;
            self.more = true;
        }
        self.rest.is_none() && !self.is_full(hands) && *health.borrow() == Health::Well
    }

    /// Whether nothing more can be begun now; whatever ends then wakes us.
    fn is_full(&self, hands: &Hands) -> bool {
        hands.working.len() >= self.places() || hands.marking.len() >= MOST_MARKS
    }

    /// Takes what is due, where nothing taken is left.
    async fn refill(&mut self) -> Result<(), Error> {
        if !self.taken.is_empty() || !self.more {
            return Ok(());
        }
        // Those being worked are still due in the store, and come again here.
        let limit = PORTION + self.begun.len();
        match self.store.deliveries(self.consumer.name(), clock::now(), limit).await {
            Ok(found) => {
                self.more = found.len() == limit;
                let fresh = found.into_iter().filter(|one| !self.begun.contains(&one.id));
                self.taken.extend(fresh);
                Ok(())
            }
            Err(Error::Closed) => Err(Error::Closed),
            Err(error) => {
                self.failed(&format!("what waits cannot be read: {error}")).await;
                self.rest = Some(Instant::now() + MARK_PAUSE);
                Ok(())
            }
        }
    }

    fn begin(&mut self, hands: &mut Hands) {
        while !self.is_full(hands)
            // Nothing is begun for one that is gone: whoever said so is about to stop this.
            && let Some(duty) = self.house.duty(self.consumer.name())
            && let Some(delivery) = self.taken.pop_front()
        {
            self.begun.insert(delivery.id);
            hands.working.push(work(duty, delivery).boxed());
        }
    }

    async fn worked(&mut self, worked: Worked, hands: &mut Hands) {
        let Worked {
            delivery,
            mark,
            reached,
        } = worked;
        if reached.is_some() {
            self.log(&mark, &delivery).await;
        }
        let kept = keep(self.store.clone(), delivery, mark, self.keep_at());
        hands.marking.push(kept.boxed());
        match reached {
            None => {}
            Some(true) => self.away = 0,
            // Those that were under way with the one that brought the rest say nothing new.
            Some(false) if self.rest.is_some() => {}
            Some(false) => {
                self.away = self.away.saturating_add(1);
                let pause = self.consumer.patience().pause(self.away).min(LONGEST_REST);
                self.rest = Some(Instant::now() + pause);
                // They are read again after the rest, since they may be others by then.
                self.taken.clear();
                self.more = true;
            }
        }
    }

    /// Says what came of a try: each one at debug, and of those that fail no more than is of use.
    async fn log(&mut self, mark: &Mark, delivery: &Delivery) {
        let (id, consumer) = (&delivery.event_id, Arc::clone(&self.consumer));
        let name = consumer.name();
        match mark {
            Mark::Done => {
                debug!(%id, "{name}: done");
                if let Some(said) = self.spell.worked(Instant::now()) {
                    self.tell(said, "").await;
                }
            }
            Mark::Later { due, why, .. } => {
                debug!(%id, "{name}: {why}; again at {due:.0}");
                self.failed(why).await;
            }
            Mark::GaveUp { why } => error!(%id, "{name}: given up: {why}"),
        }
    }

    async fn failed(&mut self, why: &str) {
        if let Some(said) = self.spell.failed(Instant::now()) {
            self.tell(said, why).await;
        }
    }

    async fn tell(&self, said: Said, why: &str) {
        let name = self.consumer.name();
        let backlog = self.store.backlog().await.unwrap_or_default();
        let own = backlog.iter().find(|one| one.consumer == name);
        let waiting = match own.map_or(0, |own| own.waiting) {
            1 => "1 event waits".to_owned(),
            many => format!("{many} events wait"),
        };
        match said {
            Said::Begins => warn!("{name} fails: {why}; {waiting} and will be tried again"),
            Said::Lasts { lasts, tries } => {
                let lasts = SignedDuration::from_secs(lasts.as_secs().cast_signed());
                warn!("{name} fails for {lasts:#} ({tries} tries), the last time: {why}; {waiting}");
            }
            Said::Ends { after, tries } => {
                let after = SignedDuration::from_secs(after.as_secs().cast_signed());
                info!("{name} works again, after {after:#} and {tries} tries that failed; {waiting}");
            }
        }
    }

    /// When the next mark is kept. A lone one at once; while others wait to be worked, all of a moment together, since
    /// each sync of the disk is one that a server on the same machine waits for.
    fn keep_at(&self) -> Instant {
        if self.taken.is_empty() {
            return Instant::now();
        }
        let moments = self.made.elapsed().as_nanos() / GATHER.as_nanos() + 1;
        self.made + GATHER * u32::try_from(moments).unwrap_or(u32::MAX)
    }

    /// When to look again without being told.
    async fn wake(&self, health: &watch::Receiver<Health>, full: bool) -> Instant {
        if let Some(rest) = self.rest {
            return rest;
        }
        if full || *health.borrow() != Health::Well {
            // Whoever ends, or the store when it is well again, wakes us.
            return Instant::now() + LONGEST_SLEEP;
        }
        let next = self.store.next_delivery(self.consumer.name()).await.ok().flatten();
        let wait = match next {
            Some(due) if self.begun.is_empty() => until(due),
            // The earliest may be the one that is being worked.
            Some(due) => until(due).max(MARK_PAUSE),
            None => LONGEST_SLEEP,
        };
        Instant::now() + wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    fn places(&self) -> usize {
        self.consumer.patience().at_once.max(1)
    }
}

/// Works one delivery.
async fn work(duty: Duty, delivery: Delivery) -> Worked {
    let consumer = duty.consumer();
    if !duty.concerns(&delivery) {
        return Worked {
            delivery,
            mark: Mark::Done,
            reached: None,
        };
    }
    let each = consumer.patience().each;
    let verdict = timeout(each, consumer.work(&delivery)).await;
    let verdict = verdict.unwrap_or_else(|_| Verdict::later(format!("it took longer than {each:?}")));
    let reached = Some(!matches!(verdict, Verdict::Away { .. }));
    let mark = Mark::of(verdict, &delivery, consumer.as_ref());
    Worked {
        delivery,
        mark,
        reached,
    }
}

/// What a row is marked with.
enum Mark {
    Done,
    Later {
        due: Timestamp,
        why: String,
        memo: Option<String>,
    },
    GaveUp {
        why: String,
    },
}

impl Mark {
    fn of(verdict: Verdict, delivery: &Delivery, consumer: &dyn Consumer) -> Self {
        let (why, after, memo) = match verdict {
            Verdict::Done => return Self::Done,
            Verdict::GiveUp { why } => return Self::GaveUp { why },
            Verdict::Later { why, after } => (why, after, None),
            Verdict::Partly { why, memo } => (why, None, Some(memo)),
            Verdict::Away { why } => (why, None, None),
        };
        let patience = consumer.patience();
        let failures = delivery.attempts.saturating_add(1);
        let now = clock::now();
        let age = Duration::try_from(now.duration_since(delivery.since)).unwrap_or_default();
        if patience.most_tries.is_some_and(|most| failures >= most) {
            let why = format!("given up after {failures} tries: {why}");
            return Self::GaveUp { why };
        }
        if patience.oldest.is_some_and(|oldest| age >= oldest) {
            let why = format!("given up after {} hours: {why}", age.as_secs() / 3600);
            return Self::GaveUp { why };
        }
        let pause = patience
            .pause(failures)
            .max(after.unwrap_or_default().min(LONGEST_WISH));
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
        let due = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        Self::Later { due, why, memo }
    }
}

/// Marks a row, at a moment and until that is kept: working it again would be worse than waiting.
async fn keep(store: Store, delivery: Delivery, what: Mark, at: Instant) -> DeliveryId {
    sleep_until(at).await;
    loop {
        let kept = match &what {
            Mark::Done => store.delivery_done(delivery.id).await,
            Mark::Later { due, why, memo } => store.delivery_later(delivery.id, *due, why, memo.as_deref()).await,
            Mark::GaveUp { why } => store.delivery_gave_up(delivery.id, why).await,
        };
        match kept {
            Ok(_) | Err(Error::Closed) => return delivery.id,
            Err(_) => sleep(MARK_PAUSE).await,
        }
    }
}

fn until(due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(clock::now())).unwrap_or_default()
}

/// How many rows are taken from the store at a time.
const PORTION: usize = 64;
/// How many rows may wait for their mark at a time: what a kill lets a consumer do again.
const MOST_MARKS: usize = 64;
/// How long marks are gathered in a crowd.
const GATHER: Duration = Duration::from_millis(10);
/// How soon a mark that could not be kept is tried again.
const MARK_PAUSE: Duration = Duration::from_secs(1);
/// The shortest and the longest time to sleep: clocks are set, and rows may be due already that cannot be read.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How far another side's wish when to come again is followed.
const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);
