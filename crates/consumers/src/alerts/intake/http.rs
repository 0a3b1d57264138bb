//! The HTTP server for alerts: devices and monitoring post here, in the forms they have anyhow.
//!
//! It is a server of its own and not the API's, since many devices speak no TLS of today, have no certificate to check
//! the API's with, and can give a basic login at most. A post is answered 2xx once all it says is kept; any other answer
//! makes a sender that is worth its name come again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use message::{AlertReceipt, RawAlert};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;

use super::budget::{Budget, Grant};
use super::config::HttpConfig;
use super::door::{Doors, Host, Ports, Stop, Stream};
use super::hikvision::Notice;
use super::posts::{Post, Sender};
use super::raiser::{NotKept, Raiser};
use super::standing::{Meaning, Standing};
use super::turns::Turns;
use super::voice::Voice;
use crate::places::Places;

/// A server, ready to serve.
#[derive(Debug)]
pub struct Http {
    doors: Doors,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: HttpConfig,
    budget: Budget,
    raiser: Raiser,
    standing: Mutex<Standing>,
    turns: Turns,
    voice: Voice,
}

/// What a request is answered besides 200.
struct Refusal {
    status: StatusCode,
    why: String,
}

impl Http {
    /// Serves these ports; `tls` is there where the settings want it.
    pub fn new(ports: Ports, config: &HttpConfig, tls: Option<Arc<ServerConfig>>, raiser: Raiser) -> Self {
        let places = Places::new(config.connections, config.connections_per_address);
        Self {
            doors: Doors::new(ports, tls, places),
            shared: Arc::new(Shared {
                budget: Budget::new(ROOM_FOR_ALL),
                standing: Mutex::new(Standing::new(Duration::from_secs(config.quiet_s.into()))),
                turns: Turns::new(),
                voice: Voice::new(),
                config: config.clone(),
                raiser,
            }),
        }
    }

    /// Serves until `stop` is over. A request that is coming then may end within five seconds.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        self.doors.serve(self.shared, stop).await;
    }
}

impl Host for Shared {
    const NAME: &str = "alerts.http";

    async fn serve(self: Arc<Self>, stream: Box<dyn Stream>, peer: SocketAddr, mut stop: Stop) {
        let mut builder = http1::Builder::new();
        // It is the limit for the next request of an open connection, too.
        builder.timer(TokioTimer::new()).header_read_timeout(self.config.idle());
        builder.max_buf_size(HEAD_MOST).max_headers(HEADERS_MOST);
        let service = service_fn(|request| {
            let shared = Arc::clone(&self);
            async move { Ok::<_, Infallible>(shared.answer(request, peer).await) }
        });
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stop.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%peer, %error, "a connection of alerts.http ended");
        }
    }
}

impl Shared {
    async fn answer(self: &Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let path: String = request.uri().path().chars().take(PATH_SHOWN).collect();
        let worked = timeout(self.config.request(), self.work(request));
        let worked = worked.await.unwrap_or_else(|_| {
            let why = "it took longer than alerts.http.request_s";
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, why))
        });
        match worked {
            Ok(receipts) => {
                let kept = receipts
                    .iter()
                    .map(|kept| json!({ "id": kept.id, "number": kept.number }));
                respond(
                    StatusCode::OK,
                    &json!({ "ok": true, "alerts": kept.collect::<Vec<_>>() }),
                )
            }
            Err(Refusal { status, why }) => {
                let words = || format!("a post to {path} is refused with {}: {why}", status.as_u16());
                self.voice.warn(peer, words);
                respond(status, &json!({ "ok": false, "error": why }))
            }
        }
    }

    async fn work(self: &Arc<Self>, request: Request<Incoming>) -> Result<Vec<AlertReceipt>, Refusal> {
        let sender = Sender::of(request.uri().path());
        let sender = sender.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "no such path"))?;
        if request.method() != Method::POST && request.method() != Method::PUT {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "only POST"));
        }
        let is_let_in = self.config.open.iter().any(|open| open == sender.path()) || self.knows(request.headers());
        // An object may show the token itself.
        if !is_let_in && sender != Sender::Anybody {
            return Err(guessed().await);
        }
        let content_type = text(request.headers(), &CONTENT_TYPE).to_owned();
        let mut room = Grant::default();
        let body = self.body(request, &mut room).await?;
        // The pictures, which are copied out of it.
        self.budget.grow(&mut room, body.len()).await;
        let post = sender
            .read(&content_type, &body)
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        room.shrink(body.len());
        drop(body);
        match post {
            Post::Alerts(alerts) => self.raise(alerts, room).await,
            Post::Notice(notice) => self.notice(notice, room).await,
            Post::Object(object) => {
                let shown = object.token.as_deref().unwrap_or_default();
                if !is_let_in && !self.config.secret.as_ref().is_none_or(|token| token.is(shown)) {
                    return Err(guessed().await);
                }
                self.raise(vec![object.alert], room).await
            }
        }
    }

    /// Whether the request shows the token: as a bearer's, or as the password of a basic login (RFC 6750, RFC 7617).
    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.config.secret else { return true };
        let (scheme, rest) = text(headers, &AUTHORIZATION).split_once(' ').unwrap_or_default();
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return token.is(rest);
        }
        let login = || {
            let octets = STANDARD.decode(rest).ok()?;
            let login = String::from_utf8(octets).ok()?;
            Some(token.is(login.split_once(':')?.1))
        };
        scheme.eq_ignore_ascii_case("basic") && login().unwrap_or(false)
    }

    async fn body(&self, request: Request<Incoming>, room: &mut Grant) -> Result<Vec<u8>, Refusal> {
        let most = self.config.body_bytes as usize;
        let too_large = || {
            let why = format!("its body is larger than alerts.http.body_bytes, {most}");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
        };
        let announced = text(request.headers(), &CONTENT_LENGTH).parse::<usize>();
        if announced.is_ok_and(|announced| announced > most) {
            return Err(too_large());
        }
        let (mut incoming, mut body) = (request.into_body(), Vec::new());
        while let Some(frame) = incoming.frame().await {
            let broken =
                |error: hyper::Error| Refusal::new(StatusCode::BAD_REQUEST, format!("its body ends early: {error}"));
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            if body.len() + data.len() > most {
                return Err(too_large());
            }
            self.budget.grow(room, data.len()).await;
            body.extend_from_slice(&data);
        }
        Ok(body)
    }

    /// Raises all of them; answers once all are kept. The memory is held as long as any of them is on its way.
    async fn raise(&self, alerts: Vec<RawAlert>, room: Grant) -> Result<Vec<AlertReceipt>, Refusal> {
        let room = Arc::new(room);
        let raise = |alert| self.raiser.raise(alert, Arc::clone(&room));
        let raising = join_all(alerts.into_iter().map(raise));
        let raised = raising.await;
        raised.into_iter().collect::<Result<_, NotKept>>().map_err(|error| {
            let why = format!("not kept: {error}");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
        })
    }

    /// Hears a device. A repetition waits until it is known what became of what it repeats. What has begun goes on
    /// without the client: had it given up, its alarm would be marked and never be kept.
    async fn notice(self: &Arc<Self>, notice: Notice, room: Grant) -> Result<Vec<AlertReceipt>, Refusal> {
        let turn = self.turns.of(&notice.key).await;
        let shared = Arc::clone(self);
        let hearing = tokio::spawn(async move {
            let heard = shared.hear(notice, room).await;
            drop(turn);
            heard
        });
        let stopping = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, NotKept::stopping().to_string());
        hearing.await.unwrap_or_else(|_| Err(stopping()))
    }

    async fn hear(&self, notice: Notice, room: Grant) -> Result<Vec<AlertReceipt>, Refusal> {
        let Notice { key, active, mut alert } = notice;
        let now = Instant::now();
        let meaning = match active {
            true => self.standing().active(&key, !alert.images.is_empty(), now),
            false => self.standing().inactive(&key, now),
        };
        match meaning {
            Meaning::New => {}
            Meaning::Over => alert.ended = true,
            Meaning::Repeated | Meaning::Nothing => return Ok(Vec::new()),
        }
        let raised = self.raise(vec![alert], room).await;
        match (&raised, meaning) {
            (Err(_), Meaning::Over) => drop(self.standing().active(&key, true, now)),
            (Err(_), _) => self.standing().forget(&key),
            (Ok(_), _) => {}
        }
        raised
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusal {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { status, why }
    }
}

/// The answer to a wrong token, which takes its time.
async fn guessed() -> Refusal {
    tokio::time::sleep(GUESS_PAUSE).await;
    Refusal::new(StatusCode::UNAUTHORIZED, "the token is missing or wrong")
}

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"simrelay\""))
        }
        StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, HeaderValue::from_static("5")),
        _ => None,
    };
    response
}

/// What bodies and pictures of all requests may take in memory, in octets, besides the one request that may always go
/// on.
const ROOM_FOR_ALL: usize = 4 * 1024 * 1024;
/// The longest head of a request, in octets, and the most headers in it.
const HEAD_MOST: usize = 16 * 1024;
const HEADERS_MOST: usize = 64;
/// How long the answer to a wrong token takes.
const GUESS_PAUSE: Duration = Duration::from_secs(1);
/// How much of a path the log shows, in characters.
const PATH_SHOWN: usize = 60;
