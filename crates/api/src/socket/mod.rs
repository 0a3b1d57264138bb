//! WebSockets (RFC 6455): opened by a token, watched for its revocation, and read by the same envelope as HTTP.
//!
//! `handshake` opens them; `frames` makes messages of octets; `writer` writes what `line` holds. The session below reads:
//! each message becomes a task that answers it.

mod frames;
mod handshake;
mod line;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use http::header::AUTHORIZATION;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub(crate) use self::handshake::is_wanted;
pub(crate) use self::line::{Line, Notice, Subscription};

use self::frames::{Decoder, Fault, Heard};
use self::writer::{Pulse, Urgent};
use crate::calls::{Answer, Calls};
use crate::codes::Refusal;
use crate::config::seconds;
use crate::envelope::{self, Id};
use crate::keeper::Principal;
use crate::patience::Stage;
use crate::rpc::{App, Caller};
use crate::web::{Front, MOST_PASSED_OVER, Peer, too_large};

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
    let response = handshake::answer(&request)?;
    let upgraded = hyper::upgrade::on(&mut request);
    peer.activity.enter(Stage::Socket);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => session.run(TokioIo::new(upgraded)).await,
            Err(error) => tracing::debug!(%error, "no WebSocket after all"),
        }
        drop(peer);
    });
    Ok(response)
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
    async fn run(self, socket: impl AsyncRead + AsyncWrite + Unpin) {
        let limits = &self.app.limits;
        let (reading, writing) = tokio::io::split(socket);
        let (urgent, told) = watch::channel(Urgent::Nothing);
        let pulse = Pulse::default();
        let ping = seconds(limits.idle_s.div_ceil(2));
        let mut writing = std::pin::pin!(writer::write(writing, self.queue, told, &pulse, ping));
        let ears = Ears {
            socket: reading,
            chunk: vec![0; CHUNK],
            unread: (0, 0),
            decoder: Decoder::new(limits.body_bytes, MOST_PASSED_OVER),
            room: Arc::new(Semaphore::new(limits.streams as usize + MORE_MESSAGES)),
            voice: Some((self.calls, self.line)),
            app: &self.app,
            urgent: &urgent,
            pulse: &pulse,
        };
        let status = tokio::select! {
            status = ears.listen() => status,
            () = &mut writing => return,
            () = self.app.keeper.revoked(&self.principal) => {
                tracing::info!(token = self.principal.id(), "closing a WebSocket: token revoked");
                Some(POLICY)
            }
        };
        if let Some(status) = status {
            urgent.send_replace(Urgent::Close(status));
            // The client may not read; then it is not told.
            let _ = tokio::time::timeout(FAREWELL, writing).await;
        }
    }
}

/// The reading side of a WebSocket.
struct Ears<'a, S> {
    socket: S,
    /// What was read last, and the part of it that is not understood yet.
    chunk: Vec<u8>,
    unread: (usize, usize),
    decoder: Decoder,
    /// For messages whose answers are not in the queue yet. Reading rests while there is none.
    room: Arc<Semaphore>,
    /// Until the gateway stops: who answers. The writer ends when the last one who might still say something is gone.
    voice: Option<(Arc<Calls>, Arc<Line>)>,
    app: &'a App,
    urgent: &'a watch::Sender<Urgent>,
    pulse: &'a Pulse,
}

impl<S: AsyncRead + Unpin> Ears<'_, S> {
    /// Listens until the client goes; the status code that it is told then, where it can be told.
    async fn listen(mut self) -> Option<u16> {
        loop {
            match self.hear().await {
                Ok(Some(Heard::Message(message))) => self.work(message).await,
                Ok(Some(Heard::TooLong)) => self.refuse(&too_large(self.app.limits.body_bytes)).await,
                Ok(Some(Heard::Ping(payload))) => drop(self.urgent.send_replace(Urgent::Pong(payload))),
                Ok(Some(Heard::Pong)) => {}
                Ok(Some(Heard::Close(status))) => return Some(status.unwrap_or(NORMAL)),
                Ok(None) => return None,
                Err(fault) => {
                    tracing::debug!(%fault, "closing a WebSocket whose client makes no sense");
                    return Some(fault.status());
                }
            }
        }
    }

    /// What the client says next; nothing when it is gone.
    async fn hear(&mut self) -> Result<Option<Heard>, Fault> {
        loop {
            let (begin, end) = self.unread;
            let mut octets = &self.chunk[begin..end];
            let heard = self.decoder.receive(&mut octets)?;
            self.unread = (end - octets.len(), end);
            if heard.is_some() {
                return Ok(heard);
            }
            let read = tokio::select! {
                biased;
                () = self.app.stopping.cancelled(), if self.voice.is_some() => {
                    self.voice = None;
                    continue;
                }
                read = self.socket.read(&mut self.chunk) => read,
            };
            let Ok(length @ 1..) = read else {
                return Ok(None);
            };
            self.pulse.heard();
            self.unread = (0, length);
        }
    }

    /// Has a message answered.
    async fn work(&mut self, message: Vec<u8>) {
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

    /// Answers what never became a call.
    async fn refuse(&mut self, refusal: &Refusal) {
        let Some((_, line)) = &self.voice else {
            return;
        };
        tracing::debug!(code = refusal.code.word, "{}", refusal.sentence);
        self.pulse.deaf();
        line.say(Id::NULL.refused(refusal)).await;
        self.pulse.heard();
    }
}

/// Answers a message. Nobody finishes what nobody will hear of.
async fn answer(calls: Arc<Calls>, line: Arc<Line>, message: Vec<u8>, _room: OwnedSemaphorePermit) {
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
const FAREWELL: Duration = Duration::from_secs(1);

/// Status codes (7.4.1): the client closed without one; its token is none any more.
const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;
