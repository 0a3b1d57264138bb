//! All upstreams as one carrier of the gateway.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::poll_fn;
use gateway::{Carrier, CarrierEvents, Handover, NotTaken, PinTry, RouteStatus, UssdStep, WireDesk};
use message::{Committed, Memory, RouteId, TraceView, TraceWish, UpstreamSnapshot};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Config;
use crate::dial::Dialer;
use crate::line::Line;
use crate::trace::Traces;
use crate::upstream::Upstream;

/// The upstreams.
pub struct Upstreams {
    /// In the order of the configuration.
    upstreams: Vec<Arc<Upstream>>,
    stopping: watch::Sender<bool>,
    lines: Mutex<Vec<JoinHandle<()>>>,
    traces: Arc<Traces>,
}

/// Why the upstreams cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// Which of them.
    pub upstream: RouteId,
    /// What is wrong, for people.
    pub problem: String,
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
        let names = configs.keys().map(|name| (name.to_string(), name.to_string()));
        let traces = Traces::new(Some(traces), names);
        let (tell, mut told) = mpsc::channel(EVENTS);
        let stopping = watch::Sender::new(false);
        let mut upstreams = Vec::new();
        let mut lines = Vec::new();
        for (name, config) in configs {
            let dialer = Dialer::new(&config.address, config.trust()).map_err(|problem| StartError {
                upstream: name.clone(),
                problem,
            })?;
            let upstream = Arc::new(Upstream::new(name.clone(), config.clone(), tell.clone()));
            lines.extend(make_lines(&upstream, &Arc::new(dialer), &stopping, &traces));
            upstreams.push(upstream);
        }
        let lines = lines.into_iter().map(|line| tokio::spawn(line.keep())).collect();
        let carrier = Arc::new(Self {
            upstreams,
            stopping,
            lines: Mutex::new(lines),
            traces,
        });
        let events = poll_fn(move |context| told.poll_recv(context));
        Ok((carrier, events.boxed()))
    }

    /// Unbinds everywhere: nothing new goes out, the last answers are waited for.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let aborts: Vec<_> = lines.iter().map(JoinHandle::abort_handle).collect();
        if timeout(STOP, join_all(lines)).await.is_err() {
            tracing::warn!("an upstream does not agree to the end of its connection");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }

    fn find(&self, route: &RouteId) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| upstream.name == *route)
    }

    fn known(&self, route: &RouteId) -> Result<&Arc<Upstream>, NotTaken> {
        self.find(route)
            .ok_or_else(|| not_taken(format!("there is no upstream {route}")))
    }
}

impl Carrier for Upstreams {
    fn routes(&self) -> Vec<RouteStatus> {
        self.upstreams
            .iter()
            .map(|upstream| upstream.board().status())
            .collect()
    }

    fn route(&self, route: &RouteId) -> Option<RouteStatus> {
        self.find(route).map(|upstream| upstream.board().status())
    }

    fn upstreams(&self) -> Vec<UpstreamSnapshot> {
        self.upstreams
            .iter()
            .map(|upstream| upstream.board().snapshot())
            .collect()
    }

    fn submit(&self, handover: Handover) -> Result<(), NotTaken> {
        let Handover {
            route, ticket, tpdu, ..
        } = handover;
        self.known(&route)?.submit(ticket, tpdu).map_err(not_taken)
    }

    fn confirm(&self, route: &RouteId, kept: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        let upstream = self.known(route)?;
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
        let set = set.ok_or_else(|| not_taken(format!("there is no upstream {route}")))?;
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
        let names = self.upstreams.iter().map(|upstream| &upstream.name);
        f.debug_list().entries(names).finish()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[upstreams.{}]: {}", self.upstream, self.problem)
    }
}

impl std::error::Error for StartError {}

fn make_lines(
    upstream: &Arc<Upstream>,
    dialer: &Arc<Dialer>,
    stopping: &watch::Sender<bool>,
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
        stopping: stopping.subscribe(),
    };
    modes.map(line).collect()
}

fn not_taken(reason: String) -> NotTaken {
    NotTaken { reason }
}

/// Events that may wait for the gateway. When it is full the connections wait, and nothing more is read from the upstreams.
const EVENTS: usize = 1024;
/// How long unbinding may take altogether.
const STOP: Duration = Duration::from_secs(10);
