//! Methods that look and change nothing: `ping`, `modems.list`, `upstreams.list`, `smpp.sessions`, `route.explain`, `health`, `stats`, `rpc.discover`.
//!
//! All but one read the gateway's snapshot. A token that is bound to SIMs sees those alone.

use std::sync::Arc;

use gateway::Origin;
use jiff::Timestamp;
use message::{
    ApplicationSnapshot, Balance, CertificateFacts, ConsumerFacts, DatabaseFacts, DiskFacts, Finding, Level,
    QueueFacts, RouteExplanation, RouteId, SlotSnapshot, SlotTotals, Snapshot, Totals, UpstreamSnapshot,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[PING, MODEMS, UPSTREAMS, SESSIONS, EXPLAIN, HEALTH, STATS, DISCOVER];

/// The answer to `health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// When the facts were put together.
    pub at: Timestamp,
    /// The worst of the findings.
    pub level: Level,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
}

impl Health {
    /// `own` are the API's findings.
    pub(crate) fn of(snapshot: &Snapshot, origin: &Origin, own: Vec<Finding>) -> Self {
        let foreign = |finding: &&Finding| {
            let slots = snapshot.slots.iter().map(|slot| &slot.slot);
            let mut routes = slots.chain(snapshot.upstreams.iter().map(|upstream| &upstream.upstream));
            let route = routes.find(|route| route.as_str() == finding.subject);
            route.is_some_and(|route| !origin.may_use(route))
        };
        let theirs = snapshot.findings.iter().filter(|finding| !foreign(finding));
        let mut findings: Vec<_> = theirs.cloned().chain(own).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        Self {
            at: snapshot.at,
            level: findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok),
            findings,
        }
    }
}

/// The answer to `stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// When the facts were put together.
    pub at: Timestamp,
    /// When the gateway started.
    pub started_at: Timestamp,
    /// The queue.
    pub queue: QueueFacts,
    /// Counted since the database was made.
    pub totals: Totals,
    /// By slot.
    pub slots: Vec<SlotCounts>,
    /// By upstream.
    #[serde(default)]
    pub upstreams: Vec<UpstreamCounts>,
    /// How far each consumer is behind.
    pub consumers: Vec<ConsumerFacts>,
    /// The disk of the database.
    pub disk: Option<DiskFacts>,
    /// The database.
    pub database: Option<DatabaseFacts>,
    /// The certificate that the API shows.
    pub certificate: Option<CertificateFacts>,
}

/// What one slot did: since the gateway started where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotCounts {
    /// The slot.
    pub slot: RouteId,
    /// Parts that went out.
    pub sent: u64,
    /// Parts that failed.
    pub failed: u64,
    /// PDUs received.
    pub received: u64,
    /// When a part went out last.
    pub last_sent: Option<Timestamp>,
    /// When something came in last.
    pub last_received: Option<Timestamp>,
    /// Times the modem was set up.
    pub initialisations: u32,
    /// Steps of recovery.
    pub recoveries: u32,
    /// The signal in dBm.
    pub signal_dbm: Option<i16>,
    /// When a part failed last.
    pub last_failed: Option<Timestamp>,
    /// Counted since the database was made.
    pub totals: SlotTotals,
    /// What the operator said last of the balance.
    pub balance: Option<Balance>,
}

/// What one upstream did: since the gateway started where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamCounts {
    /// The upstream.
    pub upstream: RouteId,
    /// Parts that went out.
    pub sent: u64,
    /// Parts that failed.
    pub failed: u64,
    /// Messages received.
    pub received: u64,
    /// Receipts received.
    pub receipts: u64,
    /// Connections that are bound.
    pub bound: u32,
    /// When a part went out last.
    pub last_sent: Option<Timestamp>,
    /// When something came in last.
    pub last_received: Option<Timestamp>,
    /// When a part failed last.
    pub last_failed: Option<Timestamp>,
    /// Counted since the database was made.
    pub totals: SlotTotals,
}

impl Stats {
    fn of(snapshot: &Snapshot, origin: &Origin) -> Self {
        Self {
            at: snapshot.at,
            started_at: snapshot.started_at,
            queue: snapshot.queue.clone(),
            totals: snapshot.totals.clone(),
            slots: visible(snapshot, origin).map(SlotCounts::of).collect(),
            upstreams: visible_upstreams(snapshot, origin).map(UpstreamCounts::of).collect(),
            consumers: snapshot.consumers.clone(),
            disk: snapshot.disk,
            database: snapshot.database,
            certificate: snapshot.certificate,
        }
    }
}

impl SlotCounts {
    fn of(slot: &SlotSnapshot) -> Self {
        Self {
            slot: slot.slot.clone(),
            sent: slot.traffic.sent,
            failed: slot.traffic.failed,
            received: slot.traffic.received,
            last_sent: slot.traffic.last_sent,
            last_received: slot.traffic.last_received,
            initialisations: slot.initialisations,
            recoveries: slot.recoveries,
            signal_dbm: slot.signal_dbm,
            last_failed: slot.traffic.last_failed,
            totals: slot.traffic.totals,
            balance: slot.balance.clone(),
        }
    }
}

impl UpstreamCounts {
    fn of(upstream: &UpstreamSnapshot) -> Self {
        Self {
            upstream: upstream.upstream.clone(),
            sent: upstream.traffic.sent,
            failed: upstream.traffic.failed,
            received: upstream.traffic.received,
            receipts: upstream.receipts,
            bound: upstream.bound,
            last_sent: upstream.traffic.last_sent,
            last_received: upstream.traffic.last_received,
            last_failed: upstream.traffic.last_failed,
            totals: upstream.traffic.totals,
        }
    }
}

/// The upstreams that a caller may see.
fn visible_upstreams<'a>(snapshot: &'a Snapshot, origin: &'a Origin) -> impl Iterator<Item = &'a UpstreamSnapshot> {
    let mine = |upstream: &&UpstreamSnapshot| origin.may_use(&upstream.upstream);
    snapshot.upstreams.iter().filter(mine)
}

/// The slots that a caller may see.
pub(crate) fn visible<'a>(snapshot: &'a Snapshot, origin: &'a Origin) -> impl Iterator<Item = &'a SlotSnapshot> {
    snapshot.slots.iter().filter(|slot| origin.may_use(&slot.slot))
}

/// No parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

const PING: Method = Method {
    name: "ping",
    about: "Says that the gateway listens. Needs no token.",
    need: Need::Nothing,
    place: Place::Shared,
    fields: &[],
    result: "Pong",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, ping),
};

async fn ping(_: Arc<App>, _: Arc<Caller>, _: Nothing) -> Result<&'static str, Refusal> {
    Ok("pong")
}

const MODEMS: Method = Method {
    name: "modems.list",
    about: "Shows every slot with its modem, SIM, network and counts.",
    need: Need::Scope(Scope::Health),
    place: Place::Shared,
    fields: &[],
    result: "Slots",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, modems),
};

async fn modems(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Vec<SlotSnapshot>, Refusal> {
    let slots = visible(&app.gateway.snapshot(), caller.origin()?).cloned().collect();
    Ok(slots)
}

const UPSTREAMS: Method = Method {
    name: "upstreams.list",
    about: "Shows every upstream: its connections, what is under way, and counts.",
    need: Need::Scope(Scope::Health),
    place: Place::Shared,
    fields: &[],
    result: "Upstreams",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, upstreams),
};

async fn upstreams(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Vec<UpstreamSnapshot>, Refusal> {
    let snapshot = app.gateway.snapshot();
    Ok(visible_upstreams(&snapshot, caller.origin()?).cloned().collect())
}

const SESSIONS: Method = Method {
    name: "smpp.sessions",
    about: "Shows every application that may bind by SMPP, with its sessions and counts; nothing to a token that is bound \
            to SIMs.",
    need: Need::Scope(Scope::Health),
    place: Place::Shared,
    fields: &[],
    result: "Applications",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, sessions),
};

async fn sessions(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Vec<ApplicationSnapshot>, Refusal> {
    let origin = caller.origin()?;
    let bound_to_sims = origin.sims.is_some() && !origin.admin;
    Ok(match bound_to_sims {
        true => Vec::new(),
        false => app.gateway.snapshot().applications.clone(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    to: String,
}

const EXPLAIN: Method = Method {
    name: "route.explain",
    about: "Says which SIM or upstream a message to a number would take and why, and why every other one would not.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[must("to", Kind::Text, "the recipient")],
    result: "RouteExplanation",
    errors: &[Code::NUMBER, Code::NOT_ALLOWED, Code::UNAVAILABLE],
    example: r#"{"to": "+491711234567"}"#,
    register: |methods, app, method| plain(methods, app, method, explain),
};

async fn explain(app: Arc<App>, caller: Arc<Caller>, asked: Explain) -> Result<RouteExplanation, Refusal> {
    let explanation = app.gateway.explain(caller.origin()?, &asked.to).await?;
    Ok(explanation)
}

const HEALTH: Method = Method {
    name: "health",
    about: "Says how well the gateway is and what is wrong.",
    need: Need::Scope(Scope::Health),
    place: Place::Shared,
    fields: &[],
    result: "Health",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, health),
};

async fn health(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Health, Refusal> {
    let own = app.troubles.findings();
    Ok(Health::of(&app.gateway.snapshot(), caller.origin()?, own))
}

const STATS: Method = Method {
    name: "stats",
    about: "Counts messages, parts and the queue.",
    need: Need::Scope(Scope::Stats),
    place: Place::Shared,
    fields: &[],
    result: "Stats",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, stats),
};

async fn stats(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Stats, Refusal> {
    Ok(Stats::of(&app.gateway.snapshot(), caller.origin()?))
}

const DISCOVER: Method = Method {
    name: "rpc.discover",
    about: "Describes all of this as an OpenRPC document.",
    need: Need::Token,
    place: Place::Shared,
    fields: &[],
    result: "OpenRpc",
    errors: &[],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, discover),
};

async fn discover(app: Arc<App>, _: Arc<Caller>, _: Nothing) -> Result<Arc<Value>, Refusal> {
    Ok(app.discovery.clone())
}
