//! One slot's task: the loop that drives its modem.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use message::{Cause, ErrorClass, Failure, JournalEntry, Outcome, Rests, RouteId, SlotState};
use modem::{Event, Job, Modem, Output, Rejected};
use tokio::sync::{mpsc, watch};
use tokio::time::Sleep;

use crate::SlotConfig;
use crate::handle::{PoolEvent, SlotEvent};
use crate::held::Held;
use crate::line::{Brought, Line};
use crate::plan::Who;
use crate::port::Opening;
use crate::snapshot::Show;
use crate::trace::Trace;

/// What the keeper wants of a slot. The latest wins.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) config: Arc<SlotConfig>,
    pub(crate) place: Place,
}

/// Where a slot is to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// At no port, for this reason.
    Nowhere { state: SlotState, reason: String },
    /// At this port.
    At(Seating),
    /// At its end.
    Over,
}

/// One stay at a port.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seating {
    /// Tells stays apart, so that nothing said about an earlier one is taken for this one.
    pub(crate) serial: u64,
    /// The port's name for people.
    pub(crate) name: PathBuf,
    pub(crate) opening: Opening,
}

/// What a slot tells the keeper about its stay.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) slot: RouteId,
    pub(crate) serial: u64,
    pub(crate) news: News,
}

/// What happened to a stay.
#[derive(Debug)]
pub(crate) enum News {
    /// It has ended: the port could not be opened, or is gone.
    Ended(String),
    /// The modem or its card said who it is.
    Identified(Who),
}

/// A slot's task.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: RouteId,
    pub(crate) seat: watch::Receiver<Seat>,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) events: mpsc::Sender<PoolEvent>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) show: Show,
    pub(crate) trace: Trace,
    /// The parts that the machine has.
    pub(crate) held: Held,
    /// The stay that the keeper waits for the end of.
    pub(crate) staying: Option<u64>,
}

/// A stay at a port: the machine, and the line while it is open.
struct Stay {
    seating: Seating,
    config: Arc<SlotConfig>,
    modem: Modem,
    line: Option<Line>,
    /// When the port is to be opened again.
    reopen: Option<Instant>,
    who: Who,
    /// The stay ends when the exchange that is open has ended, for this reason.
    leaving: Option<String>,
    alarm: Alarm,
}

/// Why the loop woke up.
enum Woken {
    Brought(Brought),
    Job(Option<Job>),
    Seat,
    Due,
}

impl Slot {
    /// Runs until the keeper says that it is over, or is gone. A mistake of ours costs one stay at a port: what was
    /// with its machine is told as far as anybody knows, and what waits for the slot still waits.
    pub(crate) async fn run(mut self) {
        while AssertUnwindSafe(self.live()).catch_unwind().await.is_err() {
            self.mend().await;
        }
    }

    /// Ends a stay whose machine is gone without a word.
    async fn mend(&mut self) {
        tracing::error!(modem = %self.name, "{MISTAKE}; the slot starts anew");
        for event in self.held.orphaned(MISTAKE) {
            self.tell(SlotEvent::Modem(event)).await;
        }
        match self.staying {
            Some(serial) => {
                self.close_stay(MISTAKE).await;
                self.end_stay(serial, MISTAKE.to_owned()).await;
            }
            None => tokio::time::sleep(MEND_REST).await,
        }
    }

    async fn live(&mut self) {
        loop {
            let seat = self.seat.borrow_and_update().clone();
            match seat.place {
                Place::Over => break,
                Place::At(seating) => self.stay(seating, seat.config).await,
                Place::Nowhere { state, reason } => self.rest(state, &reason).await,
            }
        }
    }

    /// Waits for a port, and refuses what it is asked meanwhile.
    async fn rest(&mut self, state: SlotState, reason: &str) {
        self.show.absent(state, reason);
        loop {
            tokio::select! {
                changed = self.seat.changed() => return self.unless_gone(changed.is_ok()).await,
                job = self.jobs.recv() => match job {
                    Some(job) => self.refuse(job, Rejected::NotReady(state)).await,
                    None => return,
                },
            }
        }
    }

    /// Opens the port and drives a modem there until the stay ends.
    async fn stay(&mut self, seating: Seating, config: Arc<SlotConfig>) {
        let serial = seating.serial;
        self.staying = Some(serial);
        self.show.seated(&seating.name, &config);
        let opened = Line::open(seating.opening.clone(), self.name.clone(), self.trace.clone()).await;
        let reason = match opened {
            Ok(line) => {
                self.tell(SlotEvent::Up {
                    port: seating.name.display().to_string(),
                })
                .await;
                // In its own place: the future of each slot would have room for every hand it goes through.
                let mut stay = Box::new(Stay::new(seating, config, line));
                let reason = self.drive(&mut stay).await;
                self.leave(stay, &reason).await;
                reason
            }
            Err(reason) => reason,
        };
        self.end_stay(serial, reason).await;
    }

    /// Tells the keeper that the stay has ended, and waits for another place.
    async fn end_stay(&mut self, serial: u64, reason: String) {
        self.staying = None;
        self.show.absent(SlotState::Absent, &reason);
        self.report(serial, News::Ended(reason)).await;
        // The keeper answers with another place.
        while self.is_still_at(serial) {
            let gone = self.seat.changed().await.is_err();
            if gone {
                return;
            }
        }
    }

    /// The loop. Gives the reason why the stay ended.
    async fn drive(&mut self, stay: &mut Stay) -> String {
        let mut reads = 0;
        loop {
            let now = Instant::now();
            if let Err(reason) = self.pass_on(stay, now).await {
                return reason;
            }
            self.show
                .refresh(stay.modem.facts(), stay.modem.is_busy(), &stay.config, now);
            if stay.leaving.is_some() && stay.is_calm() {
                return stay.leaving.take().unwrap_or_default();
            }
            let woken = self.wait(stay).await;
            let now = Instant::now();
            reads = if matches!(woken, Woken::Brought(_)) {
                reads + 1
            } else {
                0
            };
            if reads % FAIR_READS == FAIR_READS - 1 {
                tokio::task::yield_now().await;
            }
            match woken {
                Woken::Brought(Brought::End(reason)) => return reason,
                Woken::Brought(Brought::Octets(octets)) => stay.hear(octets, now),
                Woken::Job(Some(job)) => self.submit(stay, job, now).await,
                Woken::Job(None) => stay.leave_soon("the pool is gone", now),
                Woken::Seat => self.follow(stay, now),
                Woken::Due => {
                    if let Err(reason) = stay.due(now, &self.name, &self.trace).await {
                        return reason;
                    }
                }
            }
        }
    }

    async fn wait(&mut self, stay: &mut Stay) -> Woken {
        stay.arm();
        let Stay {
            line, alarm, leaving, ..
        } = stay;
        tokio::select! {
            brought = io(line.as_mut()) => Woken::Brought(brought),
            () = alarm.rings() => Woken::Due,
            changed = self.seat.changed(), if leaving.is_none() => match changed {
                Ok(()) => Woken::Seat,
                Err(_) => Woken::Job(None),
            },
            job = self.jobs.recv(), if leaving.is_none() => Woken::Job(job),
        }
    }

    /// Does what the machine asks.
    async fn pass_on(&mut self, stay: &mut Stay, now: Instant) -> Result<(), String> {
        while let Some(output) = stay.modem.poll() {
            match output {
                Output::Write(octets) => {
                    let octets = zeroize::Zeroizing::new(octets);
                    if let Some(line) = &mut stay.line {
                        line.write(&octets, now);
                    }
                }
                Output::Begins { ticket } => {
                    let noted = self.held.begins(ticket, now);
                    noted.map_err(|error| format!("it cannot be noted that a part begins: {error}"))?;
                }
                Output::Event(event) => {
                    let told = stay.learn(&event);
                    if let Some(who) = told {
                        self.report(stay.seating.serial, News::Identified(who)).await;
                    }
                    let took = self.held.hear(&event);
                    self.show.note(&event, took);
                    if matches!(event, Event::StateChanged { .. }) {
                        // Whoever hears of it looks at once, and closing a port takes its time.
                        self.show
                            .refresh(stay.modem.facts(), stay.modem.is_busy(), &stay.config, now);
                    }
                    self.tell(SlotEvent::Modem(event)).await;
                }
                Output::Reopen {
                    reason,
                    not_before: until,
                }
                | Output::Close { reason, until } => {
                    tracing::info!(modem = %self.name, %reason, "the port is closed");
                    stay.close().await;
                    stay.reopen = Some(until);
                }
            }
        }
        if self.events.is_closed() {
            return Err(String::from("the gateway is gone"));
        }
        Ok(())
    }

    /// Goes where the keeper wants the slot now.
    fn follow(&mut self, stay: &mut Stay, now: Instant) {
        let seat = self.seat.borrow_and_update().clone();
        match seat.place {
            Place::At(seating) if seating == stay.seating => {
                if seat.config == stay.config {
                    return;
                }
                stay.config = seat.config;
                self.show.seated(&stay.seating.name, &stay.config);
                // Settings matter from the first step of setting up on, so all of it is done again.
                let adopted = stay.modem.submit(Job::Adopt(Box::new(stay.config.modem())), now);
                if adopted.is_ok() && stay.modem.submit(Job::Reset { radio: false }, now).is_err() {
                    tracing::debug!(modem = %self.name, "the modem will take its new settings when it starts");
                }
            }
            Place::At(_) => stay.leave_soon("it goes to another port", now),
            Place::Nowhere { reason, .. } => stay.leave_soon(&reason, now),
            Place::Over => stay.leave_soon("its slot is not used any more", now),
        }
    }

    async fn submit(&mut self, stay: &mut Stay, job: Job, now: Instant) {
        // The machine takes the job whole, so what is needed for a refusal is kept before.
        let refusal = Refusal::of(&job);
        self.held.give(&job);
        #[cfg(test)]
        tests::spring(&job);
        if let Err(why) = stay.modem.submit(job, now) {
            self.tell_refusal(refusal, why).await;
        }
    }

    /// Ends the stay: what was open ends, and the port is closed.
    async fn leave(&mut self, mut stay: Box<Stay>, reason: &str) {
        let now = Instant::now();
        stay.modem.lost(now, reason);
        self.show.refresh(stay.modem.facts(), false, &stay.config, now);
        // Only the gateway's end makes this fail, and then nobody listens.
        let _gone = self.pass_on(&mut stay, now).await;
        stay.close().await;
        self.close_stay(reason).await;
    }

    /// Shows and tells that the slot has no modem any more.
    async fn close_stay(&mut self, reason: &str) {
        self.show.ended();
        self.show.absent(SlotState::Absent, reason);
        self.tell(SlotEvent::Down {
            reason: reason.to_owned(),
        })
        .await;
    }

    async fn refuse(&mut self, job: Job, why: Rejected) {
        self.tell_refusal(Refusal::of(&job), why).await;
    }

    async fn tell_refusal(&mut self, refusal: Refusal, why: Rejected) {
        if let Some(event) = refusal.event(why) {
            self.held.hear(&event);
            self.tell(SlotEvent::Modem(event)).await;
        }
    }

    /// Passes an event on; waits while the floor above is behind.
    async fn tell(&self, event: SlotEvent) {
        // A gateway that is gone is noticed in the loop.
        let _gone = self
            .events
            .send(PoolEvent {
                slot: self.name.clone(),
                event,
            })
            .await;
    }

    async fn report(&self, serial: u64, news: News) {
        // A keeper that is gone is noticed in the loop.
        let _gone = self
            .reports
            .send(Report {
                slot: self.name.clone(),
                serial,
                news,
            })
            .await;
    }

    fn is_still_at(&mut self, serial: u64) -> bool {
        matches!(&self.seat.borrow_and_update().place, Place::At(seating) if seating.serial == serial)
    }

    /// With the keeper gone there is nothing to wait for but the end.
    async fn unless_gone(&mut self, there: bool) {
        if !there {
            self.jobs.close();
            while let Some(job) = self.jobs.recv().await {
                self.refuse(job, Rejected::NotReady(SlotState::Absent)).await;
            }
        }
    }
}

impl Stay {
    fn new(seating: Seating, config: Arc<SlotConfig>, line: Line) -> Self {
        let modem = Modem::new(config.modem(), Instant::now());
        let alarm = Alarm::default();
        Self {
            seating,
            config,
            modem,
            line: Some(line),
            reopen: None,
            who: Who::default(),
            leaving: None,
            alarm,
        }
    }

    fn hear(&mut self, octets: usize, now: Instant) {
        if let Some(line) = &self.line {
            self.modem.receive(line.heard(octets), now);
        }
    }

    /// Does what is due: the machine's timers, a write that took too long, a port to be opened again.
    async fn due(&mut self, now: Instant, slot: &RouteId, trace: &Trace) -> Result<(), String> {
        let stuck = self.line.as_ref().and_then(Line::deadline);
        if stuck.is_some_and(|deadline| deadline <= now) {
            return Err(String::from("the port takes nothing any more"));
        }
        if self.reopen.is_some_and(|at| at <= now) {
            self.reopen = None;
            let line = Line::open(self.seating.opening.clone(), slot.clone(), trace.clone()).await?;
            self.line = Some(line);
            self.modem.opened(Instant::now());
        }
        self.modem.tick(Instant::now());
        Ok(())
    }

    /// Takes what an event says about who is there; who it is, when that is news.
    fn learn(&mut self, event: &Event) -> Option<Who> {
        let mut who = self.who.clone();
        match event {
            Event::Identified(identity) => who.imei.clone_from(&identity.imei),
            Event::SimIdentified(sim) => {
                who.iccid = sim.iccid.clone().or(who.iccid);
                who.imsi = sim.imsi.clone().or(who.imsi);
            }
            _ => return None,
        }
        self.who = who;
        Some(self.who.clone())
    }

    /// Ends the stay after the exchange that is open.
    fn leave_soon(&mut self, reason: &str, now: Instant) {
        self.leaving.get_or_insert_with(|| reason.to_owned());
        self.modem.finish(now);
    }

    fn is_calm(&self) -> bool {
        !self.modem.is_busy() && self.line.as_ref().is_none_or(Line::is_flushed)
    }

    /// Closes the port. Octets that it has not taken are dropped.
    async fn close(&mut self) {
        if let Some(line) = self.line.take() {
            line.close().await;
        }
    }

    fn arm(&mut self) {
        let stuck = self.line.as_ref().and_then(Line::deadline);
        let due = [self.modem.due(), stuck, self.reopen];
        self.alarm.set(due.into_iter().flatten().min());
    }
}

/// Reads and writes where a port is open, else waits for ever.
async fn io(line: Option<&mut Line>) -> Brought {
    match line {
        Some(line) => line.io().await,
        None => std::future::pending().await,
    }
}

/// One timer for everything a slot waits for.
///
/// Deadlines mostly move on before they are reached, so the timer is only set anew when it would ring too late; when it
/// rings too early, the machine finds nothing due.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    wanted: bool,
}

impl Alarm {
    fn set(&mut self, due: Option<Instant>) {
        self.wanted = due.is_some();
        let Some(due) = due else { return };
        let due = tokio::time::Instant::from_std(due);
        match &mut self.sleep {
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(due))),
            Some(sleep) if sleep.is_elapsed() || due < sleep.deadline() => sleep.as_mut().reset(due),
            Some(_) => {}
        }
    }

    async fn rings(&mut self) {
        match &mut self.sleep {
            Some(sleep) if self.wanted => sleep.await,
            _ => std::future::pending().await,
        }
    }
}

/// What is told about a job that was not taken.
enum Refusal {
    Part { ticket: u64 },
    Entry(JournalEntry),
    Ussd,
    Quiet,
}

impl Refusal {
    fn of(job: &Job) -> Self {
        match job {
            Job::Send(part) => Self::Part { ticket: part.ticket },
            Job::Free { proof } => Self::Entry(proof.get().clone()),
            Job::Ussd(_) => Self::Ussd,
            // Deletes and acknowledgements come again by themselves: the next sweep finds what was not deleted, and the
            // network repeats what was not acknowledged.
            _ => Self::Quiet,
        }
    }

    fn event(self, why: Rejected) -> Option<Event> {
        let reason = why.to_string();
        let class = match why {
            Rejected::NotReady(_) => ErrorClass::Hold,
            Rejected::Malformed => ErrorClass::Permanent,
            _ => ErrorClass::RetryLater {
                after: FULL_REST,
                times: None,
                rests: Rests::Recipient,
            },
        };
        match self {
            Self::Part { ticket } => {
                let outcome = Outcome::Failed(Failure {
                    class,
                    cause: Cause::Gateway,
                    reason,
                });
                Some(Event::Settled {
                    ticket,
                    outcome,
                    journal: None,
                })
            }
            Self::Entry(entry) => Some(Event::JournalFreed { entry, gone: false }),
            Self::Ussd => Some(Event::UssdFailed {
                reason,
                fault: why.ussd_fault(),
            }),
            Self::Quiet => None,
        }
    }
}

/// Reads in a row before the other tasks have a turn.
const FAIR_READS: u32 = 8;

/// How long a part rests that came while too many waited.
const FULL_REST: Duration = Duration::from_millis(250);

/// How long a slot rests after a mistake that cost no stay.
const MEND_REST: Duration = Duration::from_secs(1);

/// What people are told when the slot's own work breaks off.
const MISTAKE: &str = "a mistake in the gateway itself broke off the work with this modem";

#[cfg(test)]
mod tests;
