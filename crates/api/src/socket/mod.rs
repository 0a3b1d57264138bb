//! WebSockets (RFC 6455): opened by a token, watched for its revocation, and read by the same envelope as HTTP.
//!
//! The library makes messages of frames; `writer` writes what `line` holds. The session below reads: each message becomes
//! a task that answers it.

mod line;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::{SplitSink, SplitStream};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONNECTION, HeaderName, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

pub(crate) use self::line::{Line, Notice, Subscription};

use self::writer::{Farewell, Pulse};
use crate::calls::{Answer, Calls};
use crate::codes::{Code, Refusal};
use crate::config::seconds;
use crate::envelope::{self, Id};
use crate::keeper::Principal;
use crate::patience::Stage;
use crate::rpc::{App, Caller};
use crate::web::{Front, MOST_PASSED_OVER, Peer, too_large};

/// Whether a WebSocket is wanted.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    says(headers, CONNECTION, "upgrade") && says(headers, UPGRADE, "websocket")
}

/// Answers an upgrade request. The session then lives in a task of its own until the client goes, falls silent, loses
/// its token, or the gateway stops.
pub(crate) async fn open(front: Arc<Front>, peer: Arc<Peer>, mut request: Request) -> Result<Response, Refusal> {
    let app = front.app.clone();
    let shown = request.headers().get(AUTHORIZATION);
    let principal = app.keeper.admit(peer.address, shown).await?;
    let (line, queue) = Line::new(app.limits.subscriptions);
    let caller = Caller::new(peer.address, principal, Some(line.clone()));
    let session = Session {
        principal: caller.principal()?.clone(),
        calls: Arc::new(Calls::new(app.clone(), front.methods.clone(), caller)),
        line,
        app,
        queue,
    };
    let response = create_response_with_body(&request, Body::empty).map_err(|error| incomplete(&error))?;
    let upgraded = hyper::upgrade::on(&mut request);
    peer.activity.enter(Stage::Socket);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => session.run(upgraded).await,
            Err(error) => tracing::debug!(%error, "no WebSocket after all"),
        }
        drop(peer);
    });
    Ok(response)
}

fn incomplete(error: &tungstenite::Error) -> Refusal {
    Refusal::new(Code::REQUEST, format!("the WebSocket handshake is incomplete: {error}"))
}

/// Whether a header with a list of words holds this one.
fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .any(|said| said.trim().eq_ignore_ascii_case(word))
}

/// One open WebSocket. When it ends, its calls and subscriptions end.
struct Session {
    app: Arc<App>,
    principal: Arc<Principal>,
    calls: Arc<Calls>,
    line: Arc<Line>,
    queue: mpsc::Receiver<String>,
}

impl Session {
    async fn run(self, upgraded: Upgraded) {
        let limits = &self.app.limits;
        let (mouth, ears) = frames(upgraded, limits.body_bytes).await.split();
        let (farewell, told) = oneshot::channel();
        let pulse = Pulse::default();
        let ping = seconds(limits.idle_s.div_ceil(2));
        let mut writing = std::pin::pin!(writer::write(mouth, self.queue, told, &pulse, ping));
        let mut ears = Ears {
            socket: ears,
            room: Arc::new(Semaphore::new(limits.streams as usize + MORE_MESSAGES)),
            voice: Some((self.calls, self.line)),
            app: &self.app,
            pulse: &pulse,
        };
        let last_word = tokio::select! {
            word = ears.listen() => word,
            mouth = &mut writing => return part(mouth, ears.socket).await,
            () = self.app.keeper.revoked(&self.principal) => {
                tracing::info!(token = self.principal.id(), "closing a WebSocket: token revoked");
                Some(Farewell::from(CloseCode::Policy))
            }
        };
        let Some(last_word) = last_word else { return };
        // The client may not read; then it is not told.
        let _ = farewell.send(last_word);
        if let Ok(mouth) = tokio::time::timeout(PARTING, writing).await {
            part(mouth, ears.socket).await;
        }
    }
}

/// The library's reader and writer of frames, with a client's messages limited to this many octets.
async fn frames(upgraded: Upgraded, most: u32) -> Frames {
    let config = WebSocketConfig::default()
        .read_buffer_size(CHUNK)
        .write_buffer_size(0)
        .max_message_size(Some(most as usize))
        .max_frame_size(Some(most as usize));
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await
}

/// Lets the client hear the last word: where a connection is cut while its client still sends, that is lost.
async fn part(mouth: SplitSink<Frames, Message>, ears: SplitStream<Frames>) {
    let Ok(frames) = mouth.reunite(ears) else { return };
    let mut socket = frames.into_inner();
    let _ = socket.shutdown().await;
    let mut rest = socket.take(MOST_PASSED_OVER.into());
    let _ = tokio::time::timeout(PARTING, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}

type Frames = WebSocketStream<TokioIo<Upgraded>>;

/// The reading side of a WebSocket.
struct Ears<'a> {
    socket: SplitStream<Frames>,
    /// For messages whose answers are not in the queue yet. Reading rests while there is none.
    room: Arc<Semaphore>,
    /// Until the gateway stops: who answers. The writer ends when the last one who might still say something is gone.
    voice: Option<(Arc<Calls>, Arc<Line>)>,
    app: &'a App,
    pulse: &'a Pulse,
}

impl Ears<'_> {
    /// Listens until the client goes; what it is told then, where it can be told.
    async fn listen(&mut self) -> Option<Farewell> {
        loop {
            let heard = tokio::select! {
                biased;
                () = self.app.stopping.cancelled(), if self.voice.is_some() => {
                    self.voice = None;
                    continue;
                }
                heard = self.socket.next() => heard?,
            };
            self.pulse.heard();
            match heard {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => self.work(message.into_data()).await,
                // The library answers them; after a close it says that the client is gone.
                Ok(_) => {}
                Err(error) => return self.misunderstood(&error),
            }
        }
    }

    /// The word for a client that cannot be understood any more; none for one that is gone.
    fn misunderstood(&self, error: &tungstenite::Error) -> Option<Farewell> {
        tracing::debug!(%error, "closing a WebSocket");
        match error {
            tungstenite::Error::Capacity(_) => Some(Farewell {
                said: Some(Id::NULL.refused(&too_large(self.app.limits.body_bytes))),
                code: CloseCode::Size,
            }),
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            tungstenite::Error::Protocol(_) => Some(CloseCode::Protocol.into()),
            tungstenite::Error::Utf8(_) => Some(CloseCode::Invalid.into()),
            _ => None,
        }
    }

    /// Has a message answered.
    async fn work(&mut self, message: Bytes) {
        let Some((calls, line)) = self.voice.clone() else {
            return;
        };
        self.pulse.deaf();
        let room = self.room.clone().acquire_owned().await;
        self.pulse.heard();
        // It is never closed.
        if let Ok(room) = room {
            tokio::spawn(answer(calls, line, message, room));
        }
    }
}

/// Answers a message. Nobody finishes what nobody will hear of.
async fn answer(calls: Arc<Calls>, line: Arc<Line>, message: Bytes, _room: OwnedSemaphorePermit) {
    // The message goes when it is answered, and does not wait for the client as its answer does.
    let answer = async move {
        match envelope::read(&message, calls.app.limits.batch) {
            Ok(asked) => calls.answer(asked).await,
            Err(fault) => Answer {
                text: fault.id.refused(&fault.refusal),
                awaited: None,
            },
        }
    };
    let answer = tokio::select! {
        () = line.gone() => return,
        answer = answer => answer,
    };
    if line.say(answer.text).await
        && let Some(awaited) = answer.awaited
    {
        awaited.notify(true);
    }
}

/// How much is read at once, in octets.
const CHUNK: usize = 4096;

/// How many messages more than calls at once may be in work: they are refused, or wait for the client to read.
const MORE_MESSAGES: usize = 64;

/// How long a client may take to hear that its WebSocket closes.
const PARTING: Duration = Duration::from_secs(1);
