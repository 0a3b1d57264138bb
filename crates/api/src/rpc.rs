//! Calls: who makes them, whether they may, how many at once, and what becomes of them.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use gateway::{Desks, Gateway, Origin};
use jsonrpsee::core::middleware::{Batch, BatchEntry, BatchEntryErr, Notification, RpcServiceT};
use jsonrpsee::core::server::{BatchResponseBuilder, MethodResponse};
use jsonrpsee::types::error::TOO_MANY_SUBSCRIPTIONS_CODE;
use jsonrpsee::types::{Id, Request};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tower::Layer;

use crate::codes::{Code, Refusal};
use crate::config::{Config, Limits, XmlRpc};
use crate::keeper::{Keeper, Principal};
use crate::methods::{self, Need, Place};
use crate::metrics::MetricsConfig;
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
    fn admit(&self, caller: &Caller, method: &str) -> Result<&'static methods::Method, Refusal> {
        let Some(found) = methods::by_name(method) else {
            let shown: String = method.chars().filter(|c| !c.is_control()).take(40).collect();
            let sentence = format!("there is no method '{shown}'; `rpc.discover` lists them");
            return Err(Refusal::new(Code::METHOD, sentence));
        };
        if found.need == Need::Nothing {
            return Ok(found);
        }
        let principal = caller.principal()?;
        if caller.socket && !self.keeper.still_holds(principal) {
            return Err(Refusal::new(Code::TOKEN_WRONG, "the token was revoked or changed"));
        }
        if let Need::Scope(scope) = found.need
            && !principal.may(scope)
        {
            let sentence = format!("{} needs the scope '{scope}', which the token lacks", found.name);
            return Err(Refusal::new(Code::SCOPE, sentence));
        }
        principal.count_call()?;
        if found.place == Place::Socket && !caller.socket {
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
    socket: bool,
    /// Whether the body was a call, or a batch of calls, at all.
    understood: AtomicBool,
    /// The code of the last refusal, 0 for none: a lone call's decides the HTTP status.
    refused: AtomicI32,
    /// When to come back after it, in seconds; 0 where that is not known.
    retry_after_s: AtomicU64,
}

impl Caller {
    pub(crate) fn new(address: IpAddr, principal: Option<Arc<Principal>>, socket: bool) -> Arc<Self> {
        Arc::new(Self {
            address,
            principal,
            socket,
            understood: AtomicBool::new(false),
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

    pub(crate) fn was_understood(&self) -> bool {
        self.understood.load(Relaxed)
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

    /// The answer to a call that is refused.
    pub(crate) fn refuse(&self, id: Id<'_>, refusal: &Refusal) -> MethodResponse {
        self.refused.store(refusal.code.number, Relaxed);
        self.retry_after_s.store(refusal.retry_after_s.unwrap_or(0), Relaxed);
        let token = self.principal.as_ref().map(|principal| principal.id());
        tracing::debug!(address = %self.address, token, code = refusal.code.word, "{}", refusal.sentence);
        MethodResponse::error(id, refusal.object())
    }
}

/// Puts [`Guard`] before the methods.
#[derive(Clone)]
pub(crate) struct GuardLayer {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Arc<Caller>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        let places = Semaphore::new(self.app.limits.streams as usize);
        Guard(Arc::new(Guarded {
            inner,
            app: self.app.clone(),
            caller: self.caller.clone(),
            places,
        }))
    }
}

/// Lets a call through to its method if its caller may make it.
pub(crate) struct Guard<S>(Arc<Guarded<S>>);

struct Guarded<S> {
    inner: S,
    app: Arc<App>,
    caller: Arc<Caller>,
    /// The calls at once on this connection, which only a WebSocket could exceed.
    places: Semaphore,
}

impl<S> Guarded<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    /// A call by itself: one more than the connection may have at once is refused.
    async fn lone_call(&self, request: Request<'_>) -> MethodResponse {
        let Ok(_own) = self.places.try_acquire() else {
            let refusal = Refusal::new(Code::BUSY, "too many calls at once on this connection").retry_after(1);
            return self.caller.refuse(request.id, &refusal);
        };
        self.call(request).await
    }

    async fn call(&self, mut request: Request<'_>) -> MethodResponse {
        let method = match self.app.admit(&self.caller, &request.method) {
            Ok(method) => method,
            Err(refusal) => return self.caller.refuse(request.id, &refusal),
        };
        let _place = match method.place {
            Place::Shared => match self.app.place().await {
                Ok(place) => Some(place),
                Err(refusal) => return self.caller.refuse(request.id, &refusal),
            },
            Place::Own | Place::Socket => None,
        };
        if method.name == methods::UNSUBSCRIBE
            && let Err(refusal) = methods::positional_subscription(&mut request)
        {
            return self.caller.refuse(request.id, &refusal);
        }
        let id = request.id.clone();
        let answer = self.inner.call(request).await;
        match answer.as_error_code() {
            Some(TOO_MANY_SUBSCRIPTIONS_CODE) => self.caller.refuse(id, &self.too_many_subscriptions()),
            _ => answer,
        }
    }

    /// The library counts subscriptions; what it says then is no refusal of ours.
    fn too_many_subscriptions(&self) -> Refusal {
        let most = self.app.limits.subscriptions;
        let sentence = format!("a WebSocket has at most {most} subscriptions: end one, or open another WebSocket");
        Refusal::new(Code::SUBSCRIPTIONS, sentence)
    }

    /// The answer to what carries no id. It is not carried out: nobody would learn what became of it.
    fn notification(&self) -> MethodResponse {
        let sentence = "a call without an `id` that is a text or a whole number gets no answer, and so is not carried out: give \
                        it one";
        self.caller.refuse(Id::Null, &Refusal::new(Code::REQUEST, sentence))
    }

    /// The calls of a batch run side by side, so that the store commits them together; only so many at a time, since each
    /// takes room while it runs.
    async fn batch(&self, batch: Batch<'_>) -> MethodResponse {
        let mut builder = BatchResponseBuilder::new_with_limit(self.app.limits.response_bytes as usize);
        let (mut entries, mut count) = (batch.into_iter(), 0);
        loop {
            let answers = join_all(entries.by_ref().take(SIDE_BY_SIDE).map(|entry| self.entry(entry))).await;
            if answers.is_empty() {
                break;
            }
            count += answers.len();
            for answer in answers {
                if builder.append(answer).is_err() {
                    let sentence = "the answers to the batch are too large together; ask for less";
                    return self
                        .caller
                        .refuse(Id::Null, &Refusal::new(Code::RESPONSE_TOO_LARGE, sentence));
                }
            }
        }
        self.caller.refused.store(0, Relaxed);
        if count == 0 {
            return self
                .caller
                .refuse(Id::Null, &Refusal::new(Code::REQUEST, "the batch is empty"));
        }
        MethodResponse::from_batch(builder.finish())
    }

    async fn entry(&self, entry: Result<BatchEntry<'_>, BatchEntryErr<'_>>) -> MethodResponse {
        match entry {
            Ok(BatchEntry::Call(request)) if request.method == methods::SUBSCRIBE => {
                let sentence = "sms.subscribe cannot be part of a batch: call it alone";
                self.caller.refuse(request.id, &Refusal::new(Code::REQUEST, sentence))
            }
            Ok(BatchEntry::Call(request)) => {
                // They wait for each other where there are more than may run at once.
                let _own = self.places.acquire().await;
                self.call(request).await
            }
            Ok(BatchEntry::Notification(_)) => self.notification(),
            Err(error) => {
                let (_, id) = error.into_parts();
                let sentence = "this entry of the batch is no JSON-RPC 2.0 call";
                self.caller.refuse(id, &Refusal::new(Code::REQUEST, sentence))
            }
        }
    }
}

impl<S> RpcServiceT for Guard<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guarded = self.0.clone();
        guarded.caller.understood.store(true, Relaxed);
        async move { guarded.lone_call(request).await }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guarded = self.0.clone();
        guarded.caller.understood.store(true, Relaxed);
        async move { guarded.batch(batch).await }
    }

    fn notification<'a>(&self, _notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guarded = self.0.clone();
        guarded.caller.understood.store(true, Relaxed);
        async move { guarded.notification() }
    }
}

/// What the long bodies of all strangers may take together, in kibioctets; those that find no room are told to come again.
const STRANGERS_KIB: usize = 16 * 1024;

/// How many calls of a batch run side by side.
const SIDE_BY_SIDE: usize = 25;

/// How long a call waits for a place before it is told to come again.
const PLACE_WAIT: Duration = Duration::from_secs(5);
