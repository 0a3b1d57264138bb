//! What calls can reach, who makes them, and whether they may.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway::{Desks, Gateway, Origin};
use jsonrpsee::core::server::MethodResponse;
use jsonrpsee::types::Id;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::codes::{Code, Refusal};
use crate::config::{Config, Limits, XmlRpc};
use crate::keeper::{Keeper, Principal};
use crate::methods::{self, Need, Place};
use crate::metrics::MetricsConfig;
use crate::socket::Line;
use crate::troubles::Troubles;

/// What every call can reach.
pub(crate) struct App {
    pub(crate) gateway: Gateway,
    pub(crate) desks: Desks,
    pub(crate) keeper: Keeper,
    pub(crate) limits: Limits,
    xml_rpc: Mutex<XmlRpc>,
    /// Who may read metrics.
    pub(crate) metrics: MetricsConfig,
    /// Cancelled when the gateway stops: long polls end then.
    pub(crate) stopping: CancellationToken,
    /// The answer to `rpc.discover`.
    pub(crate) discovery: Arc<Value>,
    /// What is wrong with the API itself.
    pub(crate) troubles: Troubles,
    places: Semaphore,
    waits: Arc<Semaphore>,
    /// Kibioctets for bodies of which nobody knows yet who sends them.
    strangers: Semaphore,
}

/// The room of one waiting call.
pub(crate) struct WaitRoom(#[expect(dead_code, reason = "held, not read")] [OwnedSemaphorePermit; 2]);

impl App {
    pub(crate) fn new(gateway: Gateway, desks: Desks, keeper: Keeper, config: &Config) -> Self {
        let limits = config.limits.clone();
        Self {
            gateway,
            desks,
            keeper,
            stopping: CancellationToken::new(),
            discovery: Arc::new(crate::openrpc::document()),
            troubles: Troubles::default(),
            places: Semaphore::new(limits.calls as usize),
            waits: Arc::new(Semaphore::new(limits.waits as usize)),
            strangers: Semaphore::new(STRANGERS_KIB),
            xml_rpc: Mutex::new(config.xml_rpc),
            metrics: config.metrics.clone(),
            limits,
        }
    }

    /// A place among the calls being worked; waits a little for one.
    pub(crate) async fn place(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        let place = tokio::time::timeout(PLACE_WAIT, self.places.acquire()).await;
        let busy = || Refusal::new(Code::BUSY, "too many calls are being worked; come again").retry_after(1);
        place.map_err(|_| busy())?.map_err(|_| busy())
    }

    /// The settings of XML-RPC.
    pub(crate) fn xml_rpc(&self) -> XmlRpc {
        *self.xml_rpc.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes other settings of XML-RPC from now on.
    pub(crate) fn set_xml_rpc(&self, settings: XmlRpc) {
        *self.xml_rpc.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Room for a body of so many octets from somebody unknown; waits a little for it. Bodies of a usual length need none.
    pub(crate) async fn stranger_room(&self, octets: u32) -> Result<SemaphorePermit<'_>, Refusal> {
        let room = tokio::time::timeout(PLACE_WAIT, self.strangers.acquire_many(octets.div_ceil(1024))).await;
        let busy = || Refusal::new(Code::BUSY, "too many long calls are being read; come again").retry_after(1);
        room.map_err(|_| busy())?.map_err(|_| busy())
    }

    /// A place among the calls that wait for a message, which is none of those that are worked.
    pub(crate) fn wait_room(&self, principal: &Principal) -> Result<WaitRoom, Refusal> {
        let full = |_| Refusal::new(Code::WAITS, "too many calls wait for a message already").retry_after(1);
        let own = principal.waits.clone().try_acquire_owned().map_err(full)?;
        let common = self.waits.clone().try_acquire_owned().map_err(full)?;
        Ok(WaitRoom([own, common]))
    }

    /// Checks what can be checked before the parameters are read.
    pub(crate) fn admit(&self, caller: &Caller, method: &str) -> Result<&'static methods::Method, Refusal> {
        let Some(found) = methods::by_name(method) else {
            let shown: String = method.chars().filter(|c| !c.is_control()).take(40).collect();
            let sentence = format!("there is no method '{shown}'; `rpc.discover` lists them");
            return Err(Refusal::new(Code::METHOD, sentence));
        };
        if found.need == Need::Nothing {
            return Ok(found);
        }
        let principal = caller.principal()?;
        if caller.line.is_some() && !self.keeper.still_holds(principal) {
            return Err(Refusal::new(Code::TOKEN_WRONG, "the token was revoked or changed"));
        }
        if let Need::Scope(scope) = found.need
            && !principal.may(scope)
        {
            let sentence = format!("{} needs the scope '{scope}', which the token lacks", found.name);
            return Err(Refusal::new(Code::SCOPE, sentence));
        }
        principal.count_call()?;
        if found.place == Place::Socket && caller.line.is_none() {
            let sentence = format!("{} needs a WebSocket: connect to wss://…/rpc", found.name);
            return Err(Refusal::new(Code::WEBSOCKET, sentence));
        }
        Ok(found)
    }
}

/// Who makes a call, and over what. One per HTTP request, one per WebSocket.
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    principal: Option<Arc<Principal>>,
    /// The WebSocket, where it is one.
    line: Option<Arc<Line>>,
    /// The code of the last refusal, 0 for none: a lone call's decides the HTTP status.
    refused: AtomicI32,
    /// When to come back after it, in seconds; 0 where that is not known.
    retry_after_s: AtomicU64,
}

impl Caller {
    pub(crate) fn new(address: IpAddr, principal: Option<Arc<Principal>>, line: Option<Arc<Line>>) -> Arc<Self> {
        Arc::new(Self {
            address,
            principal,
            line,
            refused: AtomicI32::new(0),
            retry_after_s: AtomicU64::new(0),
        })
    }

    /// Whoever showed a right token.
    pub(crate) fn principal(&self) -> Result<&Arc<Principal>, Refusal> {
        let missing = || Refusal::new(Code::TOKEN_MISSING, "show a token as `Authorization: Bearer id.secret`");
        self.principal.as_ref().ok_or_else(missing)
    }

    /// On whose behalf the gateway acts.
    pub(crate) fn origin(&self) -> Result<&Origin, Refusal> {
        self.principal().map(|principal| &principal.origin)
    }

    /// The WebSocket that the calls come over, if it is one.
    pub(crate) fn line(&self) -> Option<&Arc<Line>> {
        self.line.as_ref()
    }

    /// The code a lone call was refused with, and when to come back.
    pub(crate) fn refusal(&self) -> Option<(&'static Code, u64)> {
        let number = self.refused.load(Relaxed);
        let code = Code::ALL
            .iter()
            .copied()
            .find(|code| number != 0 && code.number == number)?;
        Some((code, self.retry_after_s.load(Relaxed)))
    }

    /// The answer to a call that is refused; whose it is, is written into it later.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> MethodResponse {
        self.refused.store(refusal.code.number, Relaxed);
        self.retry_after_s.store(refusal.retry_after_s.unwrap_or(0), Relaxed);
        let token = self.principal.as_ref().map(|principal| principal.id());
        tracing::debug!(address = %self.address, token, code = refusal.code.word, "{}", refusal.sentence);
        MethodResponse::error(Id::Null, refusal.object())
    }

    /// Forgets the last refusal: what becomes of a batch is not what becomes of its last call.
    pub(crate) fn forget_refusal(&self) {
        self.refused.store(0, Relaxed);
    }
}

/// What the long bodies of all strangers may take together, in kibioctets; those that find no room are told to come again.
const STRANGERS_KIB: usize = 16 * 1024;

/// How long a call waits for a place before it is told to come again.
const PLACE_WAIT: Duration = Duration::from_secs(5);
