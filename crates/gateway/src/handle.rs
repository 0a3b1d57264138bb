//! The handle, and how the tasks behind it are started and stopped.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use message::{
    CertificateFacts, Finding, ListPage, ListQuery, MessageId, MessageView, Number, PartState, Preview, Resolution,
    RouteExplanation, RouteId, Snapshot, TokenId,
};
use router::RouteConfig;
use store::{CancelError, Joiner, ResolveError, Store};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::alerts::Antechamber;
use crate::applications::Applications;
use crate::care::{Caretaker, Probes, Purses};
use crate::carrier::{Carrier, CarrierEvents, RouteStatus};
use crate::in_force::{InForce, Terms};
use crate::incoming::read;
use crate::keeper::Keeper;
use crate::outgoing::compose::{Composer, Form};
use crate::outgoing::desk::{Desk, Question, Wait};
use crate::outgoing::dispatch::{COMMANDS, Command, Dispatcher};
use crate::outgoing::lane::Lane;
use crate::outgoing::remake::Remaker;
use crate::outgoing::send::unavailable;
use crate::outgoing::verdict::Rules;
use crate::pump::Pump;
use crate::tally::Tally;
use crate::unkept::Unkept;
use crate::ussd::Dialogues;
use crate::{CareSettings, Config, Error, ErrorKind, Origin, RouteSettings, auditor, clock, health};

/// The one handle on the flows. Clones share everything.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) in_force: Arc<InForce>,
    pub(crate) store: Store,
    pub(crate) carriers: Vec<Arc<dyn Carrier>>,
    pub(crate) composer: Arc<Composer>,
    pub(crate) dispatcher: mpsc::Sender<Command>,
    /// Accepted parts did not fit into the dispatcher's channel: it has to look into the store.
    pub(crate) overflowed: Arc<AtomicBool>,
    /// Where something lies that could not be kept or confirmed.
    pub(crate) unkept: Arc<Unkept>,
    pub(crate) dialogues: Arc<Dialogues>,
    pub(crate) antechamber: Antechamber,
    pub(crate) applications: Applications,
    /// What is counted from the start on.
    pub(crate) tally: Tally,
    /// How often deadlines were moved with the clock.
    pub(crate) moves: watch::Sender<u64>,
    /// What those above find wrong, by who says it.
    pub(crate) complaints: Mutex<BTreeMap<&'static str, Vec<Finding>>>,
    /// The certificate that the API shows, as it told.
    certificate: Mutex<Option<CertificateFacts>>,
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
    /// When the snapshot was made, in milliseconds of the clock that only runs.
    refreshed: AtomicU64,
    /// What is watched and done for each SIM besides sending.
    pub(crate) care: RwLock<Arc<CareSettings>>,
    pub(crate) purses: Arc<Purses>,
    pub(crate) probes: Arc<Probes>,
    tasks: Mutex<Tasks>,
}

/// What runs behind the handle.
#[derive(Debug, Default)]
struct Tasks {
    dispatcher: Option<JoinHandle<()>>,
    keeper: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    caretaker: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    auditor: Option<JoinHandle<()>>,
    pumps: Vec<JoinHandle<()>>,
}

/// What a gateway is made of.
pub struct Parts {
    /// How the flows behave.
    pub config: Config,
    /// How long a part whose fate is uncertain waits for a report: the store's setting.
    pub uncertain_wait: Duration,
    /// How the store's past is kept.
    pub retention: store::Retention,
    /// Prefixes, cost and limits of every route.
    pub settings: RouteSettings,
    /// What is watched and done for each SIM besides sending.
    pub care: CareSettings,
    /// The open store.
    pub store: Store,
    /// What carries messages, each with the events it tells.
    pub carriers: Vec<(Arc<dyn Carrier>, CarrierEvents)>,
    /// The only SIMs that each restricted token may use; they bind its waiting messages after a restart too.
    pub token_sims: BTreeMap<TokenId, Vec<RouteId>>,
    /// What is counted from the start on, shared with those who count.
    pub tally: Tally,
}

/// What joins the parts of received messages, for [`Store::open`].
pub fn joiner() -> Joiner {
    Arc::new(read::join)
}

impl Gateway {
    /// Starts the flows.
    ///
    /// # Errors
    /// The store cannot tell what was sent lately, which the limits of the routes need.
    pub async fn start(parts: Parts) -> Result<Self, store::Error> {
        let Parts {
            config,
            uncertain_wait,
            retention,
            settings,
            care,
            store,
            carriers,
            token_sims,
            tally,
        } = parts;
        let first_reference =
            u16::from_be_bytes([MessageId::fresh().as_bytes()[14], MessageId::fresh().as_bytes()[15]]);
        let max_attempts = config.max_attempts;
        let in_force = Arc::new(InForce::new(Terms::new(config, settings, retention)));
        let terms = in_force.now();
        let composer = Arc::new(Composer::new(Arc::clone(&in_force), first_reference));
        let purses = Purses::load(&care, &store).await?;
        let probes = Probes::load(&care, &store, clock::now()).await?;
        let (dispatcher, commands) = mpsc::channel(COMMANDS);
        let overflowed = Arc::new(AtomicBool::new(false));
        let dialogues = Arc::new(Dialogues::default());
        let (shown, snapshot) = watch::channel(Arc::new(Snapshot::blank(clock::now())));
        let (handles, events): (Vec<_>, Vec<_>) = carriers.into_iter().unzip();

        let rules = Rules {
            max_attempts,
            uncertain_wait,
        };
        let mut desk = Desk::new(rules, terms.routes.routing.clone());
        for (route, route_config) in &terms.routes.routes {
            desk.add_lane(lane(&store, route, route_config).await?);
        }
        desk.restrict_tokens(
            token_sims
                .into_iter()
                .map(|(token, sims)| (token, sims.into()))
                .collect(),
        );
        let remaker = Remaker {
            store: store.clone(),
            composer: Arc::clone(&composer),
        };
        let dispatching = Dispatcher::new(desk, store.clone(), handles.clone(), remaker, commands);

        let gateway = Self {
            inner: Arc::new(Inner {
                in_force,
                store,
                carriers: handles,
                composer,
                dispatcher,
                overflowed,
                unkept: Arc::default(),
                dialogues,
                antechamber: Antechamber::default(),
                applications: Applications::default(),
                tally,
                moves: watch::Sender::new(0),
                complaints: Mutex::default(),
                certificate: Mutex::default(),
                refreshed: AtomicU64::new(now_ms()),
                purses: Arc::new(purses),
                probes: Arc::new(probes),
                care: RwLock::new(Arc::new(care)),
                snapshot,
                tasks: Mutex::default(),
            }),
        };
        gateway.spawn(dispatching, events, shown);
        Ok(gateway)
    }

    fn spawn(&self, dispatching: Dispatcher, events: Vec<CarrierEvents>, shown: watch::Sender<Arc<Snapshot>>) {
        let pump = |(carrier, events): (&Arc<dyn Carrier>, CarrierEvents)| {
            tokio::spawn(Pump::new(self, Arc::clone(carrier)).run(events))
        };
        let pumps = self.inner.carriers.iter().zip(events).map(pump).collect();
        let (stop_keeper, stopped) = oneshot::channel();
        let keeper = tokio::spawn(Keeper::new(self, shown).run(stopped));
        let (stop_caretaker, stopped) = oneshot::channel();
        let caretaker = tokio::spawn(Caretaker::new(self).run(stopped));
        let tasks = Tasks {
            caretaker: Some((stop_caretaker, caretaker)),
            auditor: Some(tokio::spawn(auditor::run(self.clone()))),
            dispatcher: Some(tokio::spawn(dispatching.run())),
            keeper: Some((stop_keeper, keeper)),
            pumps,
        };
        *self.tasks() = tasks;
    }

    /// Stops: nothing new begins, what is with a modem is finished. The store stays open; carriers are stopped by
    /// whoever started them.
    pub async fn stop(&self) {
        let auditor = self.tasks().auditor.take();
        // It only reads, and begins anew after the next start.
        auditor.iter().for_each(JoinHandle::abort);
        let caretaker = self.tasks().caretaker.take();
        if let Some((stop, caretaker)) = caretaker {
            let _ = stop.send(());
            let _ = caretaker.await;
        }
        let (closed, all_closed) = oneshot::channel();
        if self.inner.dispatcher.send(Command::Close(closed)).await.is_ok() {
            // A dispatcher that is gone has nothing with a modem.
            let _ = all_closed.await;
        }
        let tasks = std::mem::take(&mut *self.tasks());
        if let Some((stop, keeper)) = tasks.keeper {
            let _ = stop.send(());
            let _ = keeper.await;
        }
        if let Some(dispatcher) = tasks.dispatcher {
            let _ = dispatcher.await;
        }
        // What a pump had taken and not confirmed still lies on the modem and comes again.
        tasks.pumps.iter().for_each(JoinHandle::abort);
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Tasks> {
        self.inner
            .tasks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How things stand. One that is older than it may be says so itself, as CRITICAL.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = Arc::clone(&self.inner.snapshot.borrow());
        let age = clock::steady().saturating_sub(Duration::from_millis(self.inner.refreshed.load(Ordering::Relaxed)));
        if age <= health::OLDEST {
            return snapshot;
        }
        let old = health::of_old(&snapshot, age);
        let mut snapshot = Snapshot::clone(&snapshot);
        snapshot.findings.insert(0, old);
        Arc::new(snapshot)
    }

    /// The snapshot is about to be made anew.
    pub(crate) fn refreshed(&self) {
        self.inner.refreshed.store(now_ms(), Ordering::Relaxed);
    }

    /// Is over once the flows have turned: the dispatcher took a turn, and the keeper made a further snapshot, both after
    /// this was asked. `false` where one of them has ended. Where one is stuck it is never over; a watchdog waits for it.
    pub async fn turned(&self) -> bool {
        let mut snapshot = self.inner.snapshot.clone();
        snapshot.mark_unchanged();
        let (turned, has_turned) = oneshot::channel();
        let asked = self.inner.dispatcher.send(Command::Turn(turned)).await;
        asked.is_ok() && has_turned.await.is_ok() && snapshot.changed().await.is_ok()
    }

    /// What somebody above finds wrong now, for health; it replaces what they said before.
    pub fn complain(&self, who: &'static str, findings: Vec<Finding>) {
        let mut complaints = self.complaints();
        complaints.insert(who, findings);
    }

    /// Changes whenever the clock was set and what waits in the store was moved with it.
    pub fn clock_moves(&self) -> watch::Receiver<u64> {
        self.inner.moves.subscribe()
    }

    /// What is counted from the start on, for those above who count.
    pub fn tally(&self) -> &Tally {
        &self.inner.tally
    }

    /// The certificate that is shown to clients from now on, for the snapshot.
    pub fn shows_certificate(&self, certificate: Option<CertificateFacts>) {
        *self.certificate() = certificate;
    }

    pub(crate) fn certificate(&self) -> std::sync::MutexGuard<'_, Option<CertificateFacts>> {
        let certificate = self.inner.certificate.lock();
        certificate.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn complaints(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Vec<Finding>>> {
        let complaints = self.inner.complaints.lock();
        complaints.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Where a message stands.
    pub async fn status(&self, origin: &Origin, id: MessageId) -> Result<MessageView, Error> {
        let view = self.inner.store.status(id).await.map_err(unavailable)?;
        let view = view.ok_or_else(Error::unknown_message)?;
        let owner = view.token.as_deref().map(TokenId::new);
        if origin.may_see(owner.as_ref()) {
            Ok(view)
        } else {
            Err(Error::unknown_message())
        }
    }

    /// Where a message stands, and what each of its parts that is queued waits for.
    pub async fn inquire(&self, origin: &Origin, id: MessageId) -> Result<MessageView, Error> {
        let mut view = self.status(origin, id).await?;
        if view.parts.iter().any(|part| part.state == PartState::Queued) {
            let waits = self.waits(id).await?;
            for part in &mut view.parts {
                let wait = waits.iter().find(|wait| wait.key.part == part.part);
                part.waits = wait
                    .filter(|_| part.state == PartState::Queued)
                    .map(|found| found.wait.clone());
            }
        }
        Ok(view)
    }

    async fn waits(&self, id: MessageId) -> Result<Vec<Wait>, Error> {
        let parts = self.inner.store.due_of(id).await.map_err(unavailable)?;
        let (answer, told) = oneshot::channel();
        self.tell(Command::Waits(parts, answer)).await;
        told.await.map_err(|_| Error::stopping())
    }

    /// Outgoing messages, newest first; where few fit, one answer may end before it has enough, and says where.
    pub async fn list(&self, origin: &Origin, query: ListQuery) -> Result<ListPage, Error> {
        if query.limit.is_some_and(|limit| !(1..=1000).contains(&limit)) {
            return Err(Error::invalid("limit", "the limit is 1 to 1000"));
        }
        let query = self.with_number(query)?;
        let token = if origin.admin {
            None
        } else {
            Some(origin.token.as_ref().ok_or_else(Error::unknown_message)?)
        };
        self.inner.store.list(query, token).await.map_err(unavailable)
    }

    /// The query with its number as messages keep theirs.
    fn with_number(&self, query: ListQuery) -> Result<ListQuery, Error> {
        let terms = self.terms();
        let code = terms.config.country_code.as_deref();
        let read = |text: &String| Number::parse(text, code).map(|number| number.to_string());
        let to = query.to.as_ref().map(read).transpose();
        let to = to.map_err(|error| Error::number("to", &error))?;
        Ok(ListQuery { to, ..query })
    }

    /// Takes a message back, before it begins to go out. One that stands at its modem behind another is asked back first.
    pub async fn cancel(&self, origin: &Origin, id: MessageId) -> Result<MessageView, Error> {
        self.status(origin, id).await?;
        match self.take_back(id).await {
            Ok(_) => {}
            Err(CancelError::Unknown) => return Err(Error::unknown_message()),
            Err(CancelError::TooLate { state }) => return Err(too_late(state, "cancelled")),
            Err(CancelError::Store(error)) => return Err(unavailable(error)),
        }
        self.tell(Command::Forget(vec![id])).await;
        self.status(origin, id).await
    }

    /// Decides about a message whose fate is uncertain.
    pub async fn resolve(&self, origin: &Origin, id: MessageId, how: Resolution) -> Result<MessageView, Error> {
        self.status(origin, id).await?;
        match self.inner.store.resolve(id, how, clock::now()).await {
            Ok(_) => {}
            Err(ResolveError::Unknown) => return Err(Error::unknown_message()),
            Err(ResolveError::NothingUncertain { state }) => {
                let reason = format!("no part of the message is uncertain: it is {}", state.word());
                return Err(Error::new(ErrorKind::WrongState, reason));
            }
            Err(ResolveError::Store(error)) => return Err(unavailable(error)),
        }
        self.tell(Command::LookAgain).await;
        self.status(origin, id).await
    }

    /// What a text would become.
    pub fn preview(&self, text: &str, transliterate: bool) -> Result<Preview, Error> {
        if text.is_empty() {
            return Err(Error::invalid("text", "the text is empty"));
        }
        let form = Form {
            transliterate,
            ..Form::default()
        };
        self.inner
            .composer
            .preview(text, &form)
            .map_err(|error| Error::invalid("text", error.to_string()))
    }

    /// Which route a message to `to` would take now, and why each other one would not.
    pub async fn explain(&self, origin: &Origin, to: &str) -> Result<RouteExplanation, Error> {
        let to = self.number("to", to)?;
        let allowed = if origin.admin { None } else { origin.sims.clone() };
        let (answer, told) = oneshot::channel();
        self.tell(Command::Explain(
            Question {
                to: to.clone(),
                allowed,
            },
            answer,
        ))
        .await;
        let mut told = told.await.map_err(|_| Error::stopping())?;
        if let Some(kind) = self.terms().guard.refusal(&to) {
            refuse(
                &mut told,
                format!("{to} is {}; `{}` allows it", kind.word(), kind.setting()),
            );
        } else if self.inner.store.stopped(&to) {
            refuse(&mut told, format!("{to} asked for no more messages (STOP list)"));
        }
        Ok(told)
    }

    /// Releases a locked SIM: its PIN may be tried once more, though never with one try left, and one that this SIM refused
    /// only where the caller insists.
    pub async fn unlock_sim(&self, sim: &str, insist: bool) -> Result<(), Error> {
        self.release(sim, insist).await
    }

    /// Removes everything that was sent to or received from a number; how many messages that were.
    pub async fn erase(&self, number: &str) -> Result<u64, Error> {
        let number = self.number("number", number)?;
        let erased = self.inner.store.erase(&number).await.map_err(unavailable)?;
        Ok(erased.get().messages + erased.get().inbound)
    }

    /// Puts a number on the STOP list: nothing is sent to it any more.
    pub async fn stop_number(&self, number: &str) -> Result<(), Error> {
        let number = self.number("number", number)?;
        self.inner
            .store
            .stop_add(&number, clock::now())
            .await
            .map(drop)
            .map_err(unavailable)
    }

    /// Takes a number off the STOP list; whether it was there.
    pub async fn allow_number(&self, number: &str) -> Result<bool, Error> {
        let number = self.number("number", number)?;
        self.inner
            .store
            .stop_remove(&number)
            .await
            .map(|removed| *removed.get())
            .map_err(unavailable)
    }

    /// A number as somebody writes it, if it is one.
    pub fn read_number(&self, text: &str) -> Option<Number> {
        self.number("number", text).ok()
    }

    /// The STOP list, with the time each number was put on it.
    pub async fn stop_list(&self) -> Result<Vec<(Number, jiff::Timestamp)>, Error> {
        self.inner.store.stop_list().await.map_err(unavailable)
    }

    /// The only SIMs that each restricted token may use, after the tokens were reloaded.
    pub async fn restrict_tokens(&self, token_sims: HashMap<TokenId, Arc<[RouteId]>>) {
        self.tell(Command::RestrictTokens(token_sims)).await;
    }

    /// Every route as its carrier tells it, with what its balance says.
    pub(crate) fn routes(&self) -> Vec<RouteStatus> {
        let told = self.inner.carriers.iter().flat_map(|carrier| carrier.routes());
        self.inner.purses.judged(told.collect())
    }

    /// Whether a message can name this as its sender: a slot, or a SIM's number.
    pub fn has_sender(&self, name: &str) -> bool {
        self.find_route(name).is_some()
    }

    /// The route with this name, or whose SIM has this number.
    pub(crate) fn find_route(&self, name: &str) -> Option<RouteStatus> {
        let routes = self.routes();
        let by_name = routes.iter().find(|status| status.route.as_str() == name);
        let number = || self.number("from", name).ok();
        by_name
            .or_else(|| {
                let number = number()?;
                routes.iter().find(|status| status.number.as_ref() == Some(&number))
            })
            .cloned()
    }

    /// A number as somebody writes it in the parameter `field`.
    pub(crate) fn number(&self, field: &'static str, text: &str) -> Result<Number, Error> {
        let number = Number::parse(text, self.terms().config.country_code.as_deref());
        number.map_err(|error| Error::number(field, &error))
    }

    pub(crate) async fn tell(&self, command: Command) {
        // A dispatcher that is gone is on its way down with everything else.
        let _ = self.inner.dispatcher.send(command).await;
    }
}

/// What the clock that only runs shows, in milliseconds.
fn now_ms() -> u64 {
    u64::try_from(clock::steady().as_millis()).unwrap_or(u64::MAX)
}

pub(crate) async fn lane(store: &Store, route: &RouteId, config: &RouteConfig) -> Result<Lane, store::Error> {
    let mut lane = Lane::new(route.clone(), config.clone(), TimeZone::system());
    let now = clock::now();
    if let Some(usage) = &mut lane.usage {
        for (at, recipient) in store.sent_since(route, usage.relevant_since(now)).await? {
            usage.record(at, &recipient);
        }
    }
    Ok(lane)
}

/// A message was attempted already, or has ended.
pub(crate) fn too_late(state: message::MessageState, wanted: &str) -> Error {
    let reason = format!(
        "the message is {} already: only one that was never attempted can be {wanted}",
        state.word()
    );
    Error::new(ErrorKind::WrongState, reason)
}

/// The number itself is refused, so nothing is chosen for it, however well a route would do.
fn refuse(told: &mut RouteExplanation, why: String) {
    told.chosen = None;
    told.refusal = Some(why);
    for route in told.routes.iter_mut().filter(|route| route.usable) {
        route.why = "usable, were the number not refused".into();
    }
}
