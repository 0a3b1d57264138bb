//! The loop around the [`Desk`]: it does what the desk says, and tells it what came of it.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use message::{
    Cause, Committed, ErrorClass, Failure, JournalEntry, LimitUse, MessageId, Number, Outcome, RouteExplanation,
    RouteId, TokenId,
};
use store::{Attempted, DuePart, PartKey, Progress, Settle, Settled, Store};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, info_span, warn};

use super::desk::{Action, Desk, End, Ended, Handover, Question, Reordered, Wait};
use super::look::Page;
use super::remake::Remaker;
use crate::carrier::{Ahead, Carrier, RouteStatus};
use crate::clock;

/// What others tell the dispatcher.
#[derive(Debug)]
pub(crate) enum Command {
    /// These were just accepted.
    Arrived(Vec<DuePart>),
    /// The store has due parts that did not come this way.
    LookAgain,
    /// What is held of these messages is void.
    Forget(Vec<MessageId>),
    /// Is all that was handed over of this message behind other parts? Then it is asked back, and begins nowhere until it is
    /// let go.
    AskBack(MessageId, oneshot::Sender<bool>),
    /// It may go out again, if it still waits.
    LetGo(MessageId),
    /// Somebody wrote to a SIM.
    Contact(Number, RouteId),
    /// The only SIMs restricted tokens may use.
    RestrictTokens(HashMap<TokenId, Arc<[RouteId]>>),
    /// Other settings.
    Reorder(Box<Reordered>),
    /// How would this be routed?
    Explain(Question, oneshot::Sender<RouteExplanation>),
    /// What do these parts wait for?
    Waits(Vec<DuePart>, oneshot::Sender<Vec<Wait>>),
    /// Is this loop alive? Any answer says so.
    Turn(oneshot::Sender<()>),
    /// How things stand with the routes.
    Facts(Vec<RouteStatus>),
    /// The clock was set by this much.
    ClockMoved(SignedDuration),
    /// How far are the limits used up?
    Limits(oneshot::Sender<Vec<(RouteId, Vec<LimitUse>)>>),
    /// An attempt ended.
    Settled(SettledAttempt),
    /// A modem was asked to delete what lay of an attempt there.
    Freed {
        route: RouteId,
        entry: JournalEntry,
        /// Whether it is known that it lies there no more.
        gone: bool,
    },
    /// Begin nothing new; answer when nothing is with a modem any more.
    Close(oneshot::Sender<()>),
}

/// The end of an attempt, as the carrier told it.
#[derive(Debug)]
pub(crate) struct SettledAttempt {
    pub(crate) route: RouteId,
    pub(crate) ticket: u64,
    pub(crate) end: End,
}

/// How many commands may wait. When it is full, accepted parts are left to the store and found by the next look;
/// everything else waits for its turn.
pub(crate) const COMMANDS: usize = 4096;

/// The owner of the desk.
pub(crate) struct Dispatcher {
    pub(crate) desk: Desk,
    pub(crate) store: Store,
    pub(crate) carriers: Vec<Arc<dyn Carrier>>,
    pub(crate) homes: HashMap<RouteId, usize>,
    pub(crate) remaker: Remaker,
    pub(crate) commands: mpsc::Receiver<Command>,
    working: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    /// Attempts whose fate was uncertain, for answers that come late.
    uncertain: VecDeque<(u64, PartKey)>,
    closing: Option<oneshot::Sender<()>>,
}

/// What came of something the desk wanted.
enum Done {
    Recorded(RouteId, usize, Result<Committed<Option<Attempted>>, store::Error>),
    /// Outside the lanes' rhythm; what lies of the attempt on the modem.
    Kept(RouteId, Option<Committed<JournalEntry>>),
    /// What was kept of a journal entry is void, or could not be made so.
    Freed(RouteId, JournalEntry),
    Reloaded(Result<Vec<DuePart>, store::Error>),
    Remade(MessageId, Option<Vec<DuePart>>),
}

impl Dispatcher {
    pub(crate) fn new(
        desk: Desk,
        store: Store,
        carriers: Vec<Arc<dyn Carrier>>,
        remaker: Remaker,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            desk,
            store,
            carriers,
            homes: HashMap::new(),
            remaker,
            commands,
            working: FuturesUnordered::new(),
            uncertain: VecDeque::new(),
            closing: None,
        }
    }

    /// Runs until it is closed and nothing is with a modem any more.
    pub(crate) async fn run(mut self) {
        loop {
            self.perform();
            if self.closing.is_some() && !self.desk.is_working() && self.working.is_empty() {
                break;
            }
            let due = self.desk.due();
            tokio::select! {
                biased;
                Some(done) = self.working.next(), if !self.working.is_empty() => self.finished(done),
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                () = clock::sleep_until(due), if due.is_some() => self.desk.tick(clock::now()),
            }
            self.drain();
        }
        if let Some(closed) = self.closing {
            // Nobody waiting for the word is no reason to stay.
            let _ = closed.send(());
        }
    }

    /// Takes what is there already, so that one turn of the loop serves many.
    fn drain(&mut self) {
        for _ in 0..DRAIN {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(_) => break,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = clock::now();
        match command {
            Command::Arrived(parts) => self.desk.arrive(parts, now),
            Command::LookAgain => self.desk.look_again(),
            Command::Forget(messages) => messages.into_iter().for_each(|message| self.desk.forget(message)),
            // An asker that went away lets nothing go: only who gets the answer does.
            Command::AskBack(message, asked) => {
                let asks = self.desk.ask_back(message);
                if asked.send(asks).is_err() && asks {
                    self.desk.remade(message, None, now);
                }
            }
            Command::LetGo(message) => self.desk.remade(message, None, now),
            Command::Contact(number, route) => self.desk.contact(number, route),
            Command::RestrictTokens(token_sims) => self.desk.restrict_tokens(token_sims),
            Command::Reorder(other) => {
                // A route may come back elsewhere.
                self.homes.clear();
                self.desk.reorder(*other, now);
                self.desk.tick(now);
            }
            // An asker that went away needs no answer.
            Command::Explain(question, answer) => drop(answer.send(self.desk.explain(&question, now))),
            Command::Waits(parts, answer) => drop(answer.send(self.desk.waits(&parts, now))),
            Command::Turn(turned) => drop(turned.send(())),
            Command::Facts(routes) => self.take_facts(routes, now),
            Command::ClockMoved(by) => self.desk.clock_moved(by, now),
            Command::Limits(answer) => drop(answer.send(self.desk.limits(now))),
            Command::Settled(settled) => self.take_settled(settled, now),
            Command::Freed { route, entry, gone } => self.take_freed(route, entry, gone, now),
            Command::Close(closed) => {
                self.desk.close();
                self.closing = Some(closed);
            }
        }
    }

    fn take_facts(&mut self, routes: Vec<RouteStatus>, now: Timestamp) {
        for mut status in routes {
            if !self.store.notes_begins() {
                status.ahead = Ahead::None;
            }
            self.desk.facts(&status, now);
        }
        self.desk.tick(now);
    }

    fn take_settled(&mut self, settled: SettledAttempt, now: Timestamp) {
        let SettledAttempt { route, ticket, end } = settled;
        let sms = self.desk.message_of(&route, ticket);
        let part = || info_span!("part", modem = %route, sms = sms.map(display));
        match &end.outcome {
            // A span costs something, and this is what happens thousands of times a second.
            Outcome::Sent { .. } => debug!(modem = %route, sms = sms.map(display), ticket, "sent"),
            Outcome::Failed(failure) => {
                part().in_scope(|| info!(ticket, code = %failure.cause, "{route} did not send it: {}", failure.reason));
            }
            Outcome::NotBegun { reason } => debug!(modem = %route, sms = sms.map(display), ticket, "{reason}"),
            Outcome::Uncertain { reason } => part().in_scope(|| warn!(ticket, "{route}: uncertain: {reason}")),
        }
        match self.desk.settled(&route, ticket, end, now) {
            Ended::Settled(key) => self.remember(ticket, key),
            Ended::Unknown(end) => self.settle_late(route, ticket, end, now),
        }
    }

    /// What lay of an attempt on a modem is gone: from now on nothing there is ours any more.
    fn take_freed(&mut self, route: RouteId, entry: JournalEntry, gone: bool, now: Timestamp) {
        if !gone {
            return self.desk.freed(&route, &entry, now);
        }
        let store = self.store.clone();
        self.working.push(Box::pin(async move {
            if let Err(error) = store.journal_gone(&route, entry.clone()).await {
                // It stays known as ours, and its place is read before anything is deleted there.
                warn!(modem = %route, "cannot note that a journal entry is gone: {error}");
            }
            Done::Freed(route, entry)
        }));
    }

    /// Keeps the ticket of an uncertain attempt: its answer may come late.
    fn remember(&mut self, ticket: u64, key: Option<PartKey>) {
        let Some(key) = key else { return };
        if self.uncertain.len() >= REMEMBERED {
            self.uncertain.pop_front();
        }
        self.uncertain.push_back((ticket, key));
    }

    fn settle_late(&mut self, route: RouteId, ticket: u64, end: End, now: Timestamp) {
        let Some(place) = self.uncertain.iter().position(|(known, _)| *known == ticket) else {
            return;
        };
        let Some((_, key)) = self.uncertain.remove(place) else {
            return;
        };
        let result = match end.outcome {
            Outcome::Sent { reference } => Settled::Sent {
                reference,
                cost_micros: 0,
                peer_id: end.peer_id,
            },
            Outcome::Failed(failure) => Settled::Retry {
                due_at: now,
                failure,
                exclude_route: None,
            },
            Outcome::Uncertain { .. } | Outcome::NotBegun { .. } => return,
        };
        info!(modem = %route, ticket, "a late answer settles what was uncertain");
        self.keep(Settle {
            key,
            route,
            at: now,
            result,
            journal: end.journal,
        });
        self.desk.look_again();
    }

    fn perform(&mut self) {
        while let Some(action) = self.desk.poll() {
            match action {
                Action::Record { route, hand, progress } => {
                    let store = self.store.clone();
                    self.working.push(Box::pin(async move {
                        Done::Recorded(route, hand, store.progress(progress).await)
                    }));
                }
                Action::Submit(handover) => self.submit(handover),
                Action::Withdraw { route, ticket } => {
                    if let Some(carrier) = self.home(&route).and_then(|home| self.carriers.get(home)) {
                        carrier.withdraw(&route, ticket);
                    }
                }
                Action::Free { route, entry } => self.free(&route, entry),
                Action::Settle(settle) => self.keep(settle),
                Action::Remake { message, remake } => {
                    let remaker = self.remaker.clone();
                    self.working.push(Box::pin(async move {
                        Done::Remade(message, remaker.remake(message, remake).await)
                    }));
                }
                Action::Reload(page) => {
                    let store = self.store.clone();
                    self.working.push(Box::pin(async move {
                        Done::Reloaded(match page {
                            Page::First => store.due(clock::now(), Page::SIZE).await,
                            Page::After(priority, key) => store.due_after((priority, key), Page::SIZE).await,
                        })
                    }));
                }
            }
        }
    }

    fn submit(&mut self, mut handover: Handover) {
        let (route, ticket) = (handover.route.clone(), handover.ticket);
        let attempted = handover.proof.get();
        if attempted.ahead {
            handover.mark = self.store.begin_mark(&route, handover.hand, attempted.key);
        }
        let home = self.home(&route);
        let taken = match home.and_then(|home| self.carriers.get(home)) {
            Some(carrier) => carrier.submit(handover).map_err(|not_taken| not_taken.reason),
            None => Err("nobody carries this route".to_owned()),
        };
        if let Err(reason) = taken {
            let failure = Failure {
                class: ErrorClass::Hold,
                cause: Cause::Gateway,
                reason,
            };
            self.desk
                .settled(&route, ticket, Outcome::Failed(failure), clock::now());
        }
    }

    /// Which carrier has this route.
    fn home(&mut self, route: &RouteId) -> Option<usize> {
        if let Some(home) = self.homes.get(route) {
            return Some(*home);
        }
        let has = |carrier: &Arc<dyn Carrier>| carrier.route(route).is_some();
        let home = self.carriers.iter().position(has)?;
        self.homes.insert(route.clone(), home);
        Some(home)
    }

    /// Records something outside the lanes' rhythm, as often as it takes.
    fn keep(&mut self, settle: Settle) {
        let store = self.store.clone();
        self.working.push(Box::pin(async move {
            let (route, entry) = (settle.route.clone(), settle.journal.clone());
            let progress = Progress {
                settle: Some(settle),
                attempt: None,
            };
            loop {
                match store.progress(progress.clone()).await {
                    Ok(kept) => return Done::Kept(route, kept.map(|_| entry).transpose()),
                    Err(error) if error.is_retryable() => tokio::time::sleep(KEEP_PAUSE).await,
                    Err(_) => return Done::Kept(route, None),
                }
            }
        }));
    }

    fn finished(&mut self, done: Done) {
        let now = clock::now();
        match done {
            Done::Recorded(route, hand, Ok(attempted)) => self.desk.recorded(&route, hand, attempted, now),
            Done::Recorded(route, hand, Err(error)) => {
                warn!(modem = %route, "cannot record, so nothing is sent: {error}");
                self.desk.unrecorded(&route, hand, now);
            }
            Done::Kept(route, Some(entry)) => self.free(&route, entry),
            Done::Kept(_, None) => {}
            Done::Freed(route, entry) => self.desk.freed(&route, &entry, now),
            Done::Reloaded(Ok(parts)) => {
                let all = parts.len() < Page::SIZE;
                self.desk.reloaded(parts, all, now);
            }
            Done::Reloaded(Err(error)) => {
                warn!("cannot read the queue: {error}");
                self.desk.not_reloaded();
            }
            Done::Remade(message, parts) => self.desk.remade(message, parts, now),
        }
    }

    /// Deletes what lies of an attempt on a modem. What cannot be deleted now is found again when the modem is set up anew.
    fn free(&mut self, route: &RouteId, entry: Committed<JournalEntry>) {
        let lies = entry.get().clone();
        let taken = match self.home(route).and_then(|home| self.carriers.get(home)) {
            Some(carrier) => carrier.free(route, entry).map_err(|not_taken| not_taken.reason),
            None => Err("nobody carries this route".to_owned()),
        };
        if let Err(reason) = taken {
            debug!(modem = %route, "a journal entry stays at {}: {reason}", lies.place);
            self.desk.freed(route, &lies, clock::now());
        }
    }
}

/// How many waiting commands one turn takes.
const DRAIN: usize = 256;

/// How many uncertain attempts are remembered for a late answer.
const REMEMBERED: usize = 1024;

/// How soon a record outside a lane is tried again.
const KEEP_PAUSE: Duration = Duration::from_secs(1);
