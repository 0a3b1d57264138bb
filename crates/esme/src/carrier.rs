//! All upstreams as one carrier of the gateway.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::poll_fn;
use gateway::{Carrier, CarrierEvent, CarrierEvents, Handover, NotTaken, PinTry, RouteStatus, UssdStep, WireDesk};
use message::{Committed, Memory, RouteId, TraceView, TraceWish, UpstreamSnapshot};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::Config;
use crate::dial::Dialer;
use crate::line::Line;
use crate::trace::Traces;
use crate::upstream::{Upstream, Wanted};

/// The upstreams.
pub struct Upstreams {
    /// In the order of the configuration.
    there: RwLock<Vec<Kept>>,
    /// Those that have other settings by now, or are configured no more, until all of them is over.
    leaving: Mutex<Vec<Leaving>>,
    events: mpsc::Sender<CarrierEvent>,
    traces: Arc<Traces>,
}

/// Settings that are not in force yet, with everything that could be wrong with them looked at.
pub struct Prepared {
    configs: BTreeMap<RouteId, Config>,
    /// For those that are new or otherwise.
    dialers: BTreeMap<RouteId, Dialer>,
}

/// Why the upstreams cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// Which of them.
    pub upstream: RouteId,
    /// What is wrong, for people.
    pub problem: String,
}

/// An upstream at work.
struct Kept {
    upstream: Arc<Upstream>,
    wanted: watch::Sender<Wanted>,
    /// All its connections.
    crew: JoinHandle<()>,
}

/// An upstream whose connections finish what is open.
struct Leaving {
    upstream: Arc<Upstream>,
    /// Its sender is gone when all of it is over.
    over: watch::Receiver<()>,
}

impl Upstreams {
    /// Begins to bind to all of them, on the runtime of the caller; `traces`: a folder for traces of their sessions.
    ///
    /// # Errors
    /// Settings that cannot be used. Whether an upstream can be reached shows later.
    pub fn start(
        configs: &BTreeMap<RouteId, Config>,
        traces: PathBuf,
    ) -> Result<(Arc<Self>, CarrierEvents), StartError> {
        let (events, mut told) = mpsc::channel(EVENTS);
        let carrier = Arc::new(Self {
            there: RwLock::default(),
            leaving: Mutex::default(),
            events,
            traces: Traces::new(Some(traces), []),
        });
        carrier.adopt(carrier.prepare(configs)?);
        let events = poll_fn(move |context| told.poll_recv(context));
        Ok((carrier, events.boxed()))
    }

    /// Looks at other settings, and reads whom the new ones trust.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn prepare(&self, configs: &BTreeMap<RouteId, Config>) -> Result<Prepared, StartError> {
        let mut dialers = BTreeMap::new();
        for (name, config) in configs {
            if self.find(name).is_some_and(|known| known.config == *config) {
                continue;
            }
            let refused = |problem| StartError {
                upstream: name.clone(),
                problem,
            };
            let dialer = Dialer::new(&config.address, config.trust()).map_err(refused)?;
            dialers.insert(name.clone(), dialer);
        }
        let configs = configs.clone();
        Ok(Prepared { configs, dialers })
    }

    /// Takes other settings, on the runtime of the caller. An upstream whose settings stay is not touched. One that is new
    /// is bound to. One that is configured no more takes nothing more: what waits there is given back, what is on its way
    /// gets its answer, and what the upstream handed over gets ours, before it is unbound. One with other settings ends so,
    /// too, and is bound to again then.
    pub fn adopt(&self, prepared: Prepared) {
        let Prepared { configs, mut dialers } = prepared;
        let names = configs.keys().map(|name| (name.to_string(), name.to_string()));
        self.traces.adopt(names);
        let mut leaving = self.leaving();
        leaving.retain(|one| one.over.has_changed().is_ok());
        let mut there = self.there.write().unwrap_or_else(PoisonError::into_inner);
        let known = there.drain(..).map(|kept| (kept.upstream.name.clone(), kept));
        let mut known: BTreeMap<RouteId, Kept> = known.collect();
        for (name, config) in configs {
            let kept = known.remove(&name);
            let Some(dialer) = dialers.remove(&name) else {
                there.extend(kept);
                continue;
            };
            leaving.extend(kept.map(Kept::leave));
            let before = leaving.iter().rfind(|one| one.upstream.name == name);
            there.push(self.begin((name, config), dialer, before));
        }
        leaving.extend(known.into_values().map(Kept::leave));
    }

    /// An upstream at work; `before`: itself with other settings, for whose end it waits: many allow no more connections.
    fn begin(&self, (name, config): (RouteId, Config), dialer: Dialer, before: Option<&Leaving>) -> Kept {
        let events = self.events.clone();
        let upstream = Arc::new(Upstream::new(
            name,
            config,
            events,
            before.map(|before| &*before.upstream),
        ));
        let wanted = watch::Sender::new(Wanted::Kept);
        let lines = make_lines(&upstream, &Arc::new(dialer), &wanted, &self.traces);
        let before = before.map(|before| before.over.clone());
        Kept {
            upstream,
            wanted,
            crew: tokio::spawn(work(lines, before)),
        }
    }

    /// Unbinds everywhere: nothing new goes out, the last answers are waited for.
    pub async fn stop(&self) {
        let there = std::mem::take(&mut *self.there.write().unwrap_or_else(PoisonError::into_inner));
        let leaving = std::mem::take(&mut *self.leaving());
        for kept in &there {
            kept.wanted.send_replace(Wanted::Closed);
        }
        let crews: Vec<_> = there.into_iter().map(|kept| kept.crew).collect();
        let aborts: Vec<_> = crews.iter().map(JoinHandle::abort_handle).collect();
        let left = leaving
            .into_iter()
            .map(|mut one| async move { one.over.changed().await });
        let all = async { (join_all(crews).await, join_all(left).await) };
        if timeout(STOP, all).await.is_err() {
            tracing::warn!("an upstream does not agree to the end of its connection");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<Leaving>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn there(&self) -> RwLockReadGuard<'_, Vec<Kept>> {
        self.there.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, route: &RouteId) -> Option<Arc<Upstream>> {
        let there = self.there();
        let found = there.iter().find(|kept| kept.upstream.name == *route)?;
        Some(Arc::clone(&found.upstream))
    }

    /// The same, or one that finishes what is open.
    fn find_leaving(&self, route: &RouteId) -> Option<Arc<Upstream>> {
        let left = || {
            let leaving = self.leaving();
            let found = leaving.iter().rfind(|one| one.upstream.name == *route)?;
            Some(Arc::clone(&found.upstream))
        };
        self.find(route).or_else(left)
    }

    fn known(&self, route: &RouteId) -> Result<Arc<Upstream>, NotTaken> {
        self.find(route).ok_or_else(|| unknown(route))
    }
}

impl Kept {
    /// Takes nothing more and ends, on the runtime of the caller.
    fn leave(self) -> Leaving {
        let Self { upstream, wanted, crew } = self;
        let homeless = upstream.board().close();
        let (ends, over) = watch::channel(());
        let leaving = Arc::clone(&upstream);
        tokio::spawn(async move {
            wanted.send_replace(Wanted::Drained);
            upstream.changed(homeless).await;
            // One that panicked has ended.
            let _ = crew.await;
            tracing::info!(upstream = %upstream.name, "it is unbound");
            drop(ends);
        });
        Leaving {
            upstream: leaving,
            over,
        }
    }
}

impl Carrier for Upstreams {
    fn routes(&self) -> Vec<RouteStatus> {
        let there = self.there();
        there.iter().map(|kept| kept.upstream.board().status()).collect()
    }

    fn route(&self, route: &RouteId) -> Option<RouteStatus> {
        self.find(route).map(|upstream| upstream.board().status())
    }

    fn upstreams(&self) -> Vec<UpstreamSnapshot> {
        let there = self.there();
        there.iter().map(|kept| kept.upstream.board().snapshot()).collect()
    }

    fn submit(&self, handover: Handover) -> Result<(), NotTaken> {
        let Handover {
            route,
            ticket,
            tpdu,
            priority,
            mark,
            ..
        } = handover;
        let upstream = self.known(&route)?;
        upstream.submit(ticket, tpdu, priority, mark).map_err(not_taken)
    }

    fn withdraw(&self, route: &RouteId, ticket: u64) {
        if let Some(upstream) = self.find(route) {
            upstream.withdraw(ticket);
        }
    }

    fn confirm(&self, route: &RouteId, kept: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        let upstream = self.find_leaving(route).ok_or_else(|| unknown(route))?;
        if let Some(place) = kept.into_inner() {
            upstream.places.kept(place);
        }
        Ok(())
    }

    fn hand_over_again(&self, route: &RouteId) -> Result<(), NotTaken> {
        self.known(route)?
            .again
            .send_modify(|again| *again = again.wrapping_add(1));
        Ok(())
    }

    fn ussd(&self, route: &RouteId, _step: UssdStep) -> Result<(), NotTaken> {
        Err(not_taken(format!("{route} is an upstream, and USSD is for SIMs")))
    }

    fn enter_pin(&self, _route: &RouteId, _verdict: Result<Committed<PinTry>, String>) {}

    fn judge_card(&self, _route: &RouteId, _verdict: Result<Option<String>, String>) {}

    fn trace(&self, route: &RouteId, wish: Option<TraceWish>) -> Result<Option<TraceView>, NotTaken> {
        let set = self.traces.trace(route.as_str(), wish);
        let set = set.ok_or_else(|| unknown(route))?;
        set.map_err(|error| not_taken(error.reason))
    }

    fn traces(&self) -> Vec<TraceView> {
        self.traces.traces()
    }

    fn unlock(&self, route: &RouteId) -> Result<(), NotTaken> {
        Err(not_taken(format!("{route} is an upstream and has no SIM to unlock")))
    }
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.there();
        f.debug_list()
            .entries(there.iter().map(|kept| &kept.upstream.name))
            .finish()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.configs.keys()).finish()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[upstreams.{}]: {}", self.upstream, self.problem)
    }
}

impl std::error::Error for StartError {}

/// Keeps all connections of an upstream, once that is over which was before it.
async fn work(lines: Vec<Line>, before: Option<watch::Receiver<()>>) {
    if let Some(mut before) = before {
        // One that takes too long is not waited for for ever.
        let _ = timeout(STOP, before.changed()).await;
    }
    let mut at_work: JoinSet<()> = lines.into_iter().map(Line::keep).collect();
    while at_work.join_next().await.is_some() {}
}

fn make_lines(
    upstream: &Arc<Upstream>,
    dialer: &Arc<Dialer>,
    wanted: &watch::Sender<Wanted>,
    traces: &Arc<Traces>,
) -> Vec<Line> {
    if !upstream.config.enabled {
        return Vec::new();
    }
    let modes = upstream.config.modes().into_iter().enumerate();
    let line = |(place, mode)| Line {
        upstream: Arc::clone(upstream),
        place,
        mode,
        dialer: Arc::clone(dialer),
        traces: Arc::clone(traces),
        wanted: wanted.subscribe(),
    };
    modes.map(line).collect()
}

fn unknown(route: &RouteId) -> NotTaken {
    not_taken(format!("there is no upstream {route}"))
}

fn not_taken(reason: String) -> NotTaken {
    NotTaken { reason }
}

/// Events that may wait for the gateway. When it is full the connections wait, and nothing more is read from the upstreams.
const EVENTS: usize = 1024;
/// How long unbinding may take altogether.
const STOP: Duration = Duration::from_secs(10);
