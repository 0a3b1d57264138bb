//! The HTTP side: one router, and the way of a POST from its bytes to its answer.
//!
//! Every front end of this port hangs on the router, and every POST to `/` or `/rpc` is told apart by its Content-Type;
//! one that says XML is XML-RPC on every path.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use http::header::{ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use jsonrpsee::core::server::Methods;
use message::Level;
use serde_json::json;
use tokio::sync::SemaphorePermit;

use crate::calls::Calls;
use crate::codes::{Code, Refusal};
use crate::config::seconds;
use crate::envelope::{self, Id};
use crate::keeper::Principal;
use crate::metrics;
use crate::patience::Activity;
use crate::rpc::{App, Caller};
use crate::socket;
use crate::xml_rpc;

/// Everything a request is answered with.
pub(crate) struct Front {
    pub(crate) app: Arc<App>,
    pub(crate) methods: Methods,
}

/// The connection a request came over.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) activity: Arc<Activity>,
    /// Held as long as anything of the connection lives, a WebSocket too.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) place: crate::server::ConnectionPlace,
}

/// The routes of this port.
pub(crate) fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/", any(entry))
        .route("/rpc", any(entry))
        .route("/healthz", get(healthz).post(elsewhere))
        .route("/metrics", get(scrape).post(elsewhere))
        .fallback(elsewhere)
        .with_state(front)
}

/// `/` and `/rpc`, which speak everything.
async fn entry(State(front): State<Arc<Front>>, Extension(peer): Extension<Arc<Peer>>, request: Request) -> Response {
    if socket::is_wanted(request.headers()) {
        let opened = socket::open(front, peer, request).await;
        return opened.unwrap_or_else(|refusal| told(&refusal));
    }
    let answered = match Dialect::of(&request) {
        Ok(Dialect::JsonRpc) => json_rpc(&front, &peer, request).await,
        Ok(Dialect::XmlRpc) if front.app.xml_rpc().enabled => Ok(answer_xml_rpc(&front.app, &peer, request).await),
        Ok(Dialect::XmlRpc) => {
            pass_over(request).await;
            Err(Refusal::new(
                Code::CONTENT_TYPE,
                "XML-RPC is switched off: `[api.xml_rpc] enabled`",
            ))
        }
        Err(refusal) => {
            pass_over(request).await;
            Err(refusal)
        }
    };
    answered.unwrap_or_else(|refusal| told(&refusal))
}

/// Any other path. SMSgate served its calls on all of them, and its clients take `/RPC2`.
async fn elsewhere(
    State(front): State<Arc<Front>>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response {
    if front.app.xml_rpc().enabled && matches!(Dialect::of(&request), Ok(Dialect::XmlRpc)) {
        return answer_xml_rpc(&front.app, &peer, request).await;
    }
    pass_over(request).await;
    told(&Refusal::new(Code::PATH, "calls are made by POST to / or /rpc"))
}

/// Reads what is left of a body that nobody wants, within bounds.
///
/// An answer before the end of the request is lost to many clients: over HTTP/2 it resets the stream (curl 7.88), and over
/// HTTP/1.1 they write all of the body before they read (Python, PHP), and find the connection cut. Whoever asked first
/// whether to send it (`Expect: 100-continue`) is answered at once.
async fn pass_over(request: Request) {
    if request.version() == Version::HTTP_2 || !request.headers().contains_key(EXPECT) {
        drain(request.into_body()).await;
    }
}

async fn drain(body: Body) {
    let rest = Limited::new(body, MOST_PASSED_OVER as usize);
    let mut rest = std::pin::pin!(rest);
    let whole = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Whoever sends more, or slower, finds the stream reset.
    let _ = tokio::time::timeout(PASS_OVER, whole).await;
}

/// What a POST speaks.
enum Dialect {
    JsonRpc,
    XmlRpc,
}

impl Dialect {
    fn of(request: &Request) -> Result<Self, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::new(
                Code::HTTP_METHOD,
                "calls are made by POST, or over a WebSocket",
            ));
        }
        let wrong = || Refusal::new(Code::CONTENT_TYPE, "send `Content-Type: application/json`");
        let value = request.headers().get(CONTENT_TYPE).ok_or_else(wrong)?;
        let essence = value
            .to_str()
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" | "application/json-rpc" | "application/jsonrequest" => Ok(Self::JsonRpc),
            "text/xml" | "application/xml" => Ok(Self::XmlRpc),
            _ => Err(wrong()),
        }
    }
}

/// Answers a call of XML-RPC. Whatever goes wrong is told as a fault.
async fn answer_xml_rpc(app: &Arc<App>, peer: &Peer, request: Request) -> Response {
    let answered = match stranger_body(app, request).await {
        Ok((body, _room)) => xml_rpc::answer(app, peer.address, &body).await,
        Err(refusal) => xml_rpc::refused(&refusal),
    };
    ([(CONTENT_TYPE, "text/xml; charset=utf-8")], answered).into_response()
}

/// The whole body of somebody whose token is inside it, and its room. What is too long is read to its end and thrown away:
/// clients write first and read then.
async fn stranger_body<'a>(app: &'a App, request: Request) -> Result<(Bytes, Option<SemaphorePermit<'a>>), Refusal> {
    if let Some(coding) = request.headers().get(CONTENT_ENCODING)
        && coding != "identity"
    {
        drain(request.into_body()).await;
        return Err(Refusal::new(
            Code::CONTENT_TYPE,
            "send the call without Content-Encoding",
        ));
    }
    let longest = xml_rpc::LONGEST_BODY.min(app.limits.body_bytes);
    let announced = announced(request.headers()).unwrap_or(longest.into());
    let length = u32::try_from(announced).unwrap_or(u32::MAX);
    if length > longest {
        drain(request.into_body()).await;
        return Err(too_large(longest));
    }
    let room = match length <= ANONYMOUS_BODY {
        true => None,
        false => Some(app.stranger_room(length).await?),
    };
    read_body(request, length, app).await.map(|body| (body, room))
}

async fn json_rpc(front: &Front, peer: &Peer, request: Request) -> Result<Response, Refusal> {
    let app = &front.app;
    let (principal, body) = receive(app, peer, request).await?;
    let asked = match envelope::read(&body, app.limits.batch) {
        Ok(asked) => asked,
        Err(fault) => return Ok(refused(fault.id, &fault.refusal)),
    };
    let caller = Caller::new(peer.address, principal, None);
    let calls = Calls::new(app.clone(), front.methods.clone(), caller.clone());
    let mut answer = json(calls.answer(asked).await.text);
    if let Some((code, retry_after_s)) = caller.refusal() {
        dress(&mut answer, code, retry_after_s);
    }
    Ok(answer)
}

/// Who calls, and the whole body.
///
/// A short body is read before the token is looked at: a lone call of an open method is answered whatever token is shown
/// with it. That token is not checked at all, so nobody learns anything of it, and a guess tells and counts nothing. A
/// longer body, or one of unknown length, is read from somebody with a right token only.
async fn receive(app: &App, peer: &Peer, request: Request) -> Result<(Option<Arc<Principal>>, Bytes), Refusal> {
    let header = request.headers().get(AUTHORIZATION).cloned();
    let admitted = app.keeper.admit(peer.address, header.as_ref());
    let short = ANONYMOUS_BODY.min(app.limits.body_bytes);
    if announced(request.headers()).is_some_and(|length| length <= short.into()) {
        let body = read_body(request, short, app).await?;
        let principal = match envelope::is_open(&body) {
            true => None,
            false => admitted.await?,
        };
        return Ok((principal, body));
    }
    let principal = match admitted.await {
        Ok(principal) => principal,
        Err(refusal) => {
            pass_over(request).await;
            return Err(refusal);
        }
    };
    let room = if principal.is_some() {
        app.limits.body_bytes
    } else {
        short
    };
    let body = read_body(request, room, app).await?;
    Ok((principal, body))
}

/// The whole body, if it is short enough and comes in time.
async fn read_body(request: Request, longest: u32, app: &App) -> Result<Bytes, Refusal> {
    if announced(request.headers()).is_some_and(|length| length > longest.into()) {
        pass_over(request).await;
        return Err(too_large(longest));
    }
    let mut rest = request.into_body();
    let body = Limited::new(&mut rest, longest as usize).collect();
    let Ok(body) = tokio::time::timeout(seconds(app.limits.body_s), body).await else {
        return Err(Refusal::new(Code::BODY_TOO_SLOW, "the body did not arrive in time"));
    };
    match body {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(rest).await;
            Err(too_large(longest))
        }
        Err(_) => Err(Refusal::new(Code::BODY_TOO_SLOW, "the body did not arrive whole")),
    }
}

/// What is sent is too long.
pub(crate) fn too_large(longest: u32) -> Refusal {
    Refusal::new(Code::BODY_TOO_LARGE, format!("the body is longer than {longest} bytes"))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the gateway works at all, for load balancers and watchdogs; the worst level and nothing else.
async fn healthz(State(front): State<Arc<Front>>) -> Response {
    let level = front.app.gateway.snapshot().level();
    let status = match level {
        Level::Critical => StatusCode::SERVICE_UNAVAILABLE,
        Level::Ok | Level::Warning => StatusCode::OK,
    };
    (status, Json(json!({"level": level}))).into_response()
}

/// What the snapshot says, for Prometheus.
async fn scrape(
    State(front): State<Arc<Front>>,
    Extension(peer): Extension<Arc<Peer>>,
    headers: HeaderMap,
) -> Response {
    let answered = metrics::answer(&front.app, peer.address, &headers).await;
    answered.unwrap_or_else(|refusal| told(&refusal))
}

/// The answer to a request that never became a call.
fn told(refusal: &Refusal) -> Response {
    tracing::debug!(code = refusal.code.word, "{}", refusal.sentence);
    refused(Id::NULL, refusal)
}

fn refused(id: Id<'_>, refusal: &Refusal) -> Response {
    let mut response = json(id.refused(refusal));
    dress(&mut response, refusal.code, refusal.retry_after_s.unwrap_or(0));
    response
}

fn json(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// Sets the status of a refusal and the headers that go with it.
fn dress(response: &mut Response, code: &'static Code, retry_after_s: u64) {
    *response.status_mut() = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    match code.status {
        401 => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        405 => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
        429 | 503 => drop(headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_s.max(1)))),
        _ => {}
    }
}

/// The longest body of somebody without a token, in bytes: there is only `ping` for them, which is short.
const ANONYMOUS_BODY: u32 = 4096;

/// How much of a body that nobody wants is read, in bytes, and for how long: enough for what is sent by mistake.
pub(crate) const MOST_PASSED_OVER: u32 = 16 << 20;
const PASS_OVER: Duration = Duration::from_secs(5);
