//! Who is too slow: every connection notes what happens on it, and one sweep closes those that keep us waiting.
//!
//! hyper's own timers leave holes (a client that is silent after the handshake, one that does not read its answer, a
//! WebSocket whose writer is stuck), so the socket itself is watched, below TLS, through HTTP/1.1, HTTP/2 and WebSocket
//! alike. A connection that is given up gets an error at its next read and write, which ends whatever holds it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::config::{Limits, seconds};

/// What happened on one connection, and when, in milliseconds since it came.
#[derive(Debug)]
pub(crate) struct Activity {
    came: Instant,
    /// Requests being answered.
    requests: AtomicUsize,
    /// Whether there was one yet.
    served: AtomicBool,
    /// Since when there is none.
    quiet_since: AtomicU64,
    /// When the first byte of the next head came, on HTTP/1.1.
    head_since: AtomicU64,
    /// Since when the client takes nothing of what it is sent.
    stalled_since: AtomicU64,
    stage: AtomicUsize,
    given_up: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// What a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The TLS handshake, which has its own timer.
    Handshake,
    /// HTTP/1.1: one request after the other.
    Http1,
    /// HTTP/2: many at once; bytes between requests are housekeeping, not heads.
    Http2,
    /// A WebSocket, which is kept alive by pings.
    Socket,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            came: Instant::now(),
            requests: AtomicUsize::new(0),
            served: AtomicBool::new(false),
            quiet_since: AtomicU64::new(0),
            head_since: AtomicU64::new(NEVER),
            stalled_since: AtomicU64::new(NEVER),
            stage: AtomicUsize::new(Stage::Handshake as usize),
            given_up: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        })
    }

    /// What the connection carries from now on.
    pub(crate) fn enter(&self, stage: Stage) {
        self.head_since.store(NEVER, Relaxed);
        self.quiet_since.store(self.now(), Relaxed);
        self.stage.store(stage as usize, Relaxed);
    }

    /// A request begins; it lasts until the value is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> InRequest {
        self.requests.fetch_add(1, Relaxed);
        self.served.store(true, Relaxed);
        self.head_since.store(NEVER, Relaxed);
        InRequest(self.clone())
    }

    /// Ends the connection at its next read or write, which is now.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, SeqCst);
        self.reader.wake();
        self.writer.wake();
    }

    /// What the client keeps us waiting for, if it does so for too long.
    fn overdue(&self, patience: &Limits) -> Option<&'static str> {
        let longer = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Relaxed);
            since != NEVER && self.now().saturating_sub(since) > u64::try_from(limit.as_millis()).unwrap_or(NEVER)
        };
        if longer(&self.stalled_since, seconds(patience.stall_s)) {
            return Some("does not read");
        }
        let stage = self.stage.load(Relaxed);
        let http = stage == Stage::Http1 as usize || stage == Stage::Http2 as usize;
        if !http || self.requests.load(Relaxed) > 0 {
            return None;
        }
        if longer(&self.head_since, seconds(patience.header_s)) {
            return Some("sends its request's head too slowly");
        }
        let quiet = match self.served.load(Relaxed) {
            true => patience.idle_s,
            false => patience.header_s,
        };
        longer(&self.quiet_since, seconds(quiet)).then_some("sends no request")
    }

    fn heard(&self) {
        let awaits_head = self.stage.load(Relaxed) == Stage::Http1 as usize && self.requests.load(Relaxed) == 0;
        if awaits_head && self.head_since.load(Relaxed) == NEVER {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// Notes whether the client takes what it is sent. While it does, HTTP/1.1 is not quiet.
    fn wrote(&self, stalled: bool) {
        if stalled {
            let _ = self.stalled_since.compare_exchange(NEVER, self.now(), Relaxed, Relaxed);
            return;
        }
        if self.stalled_since.load(Relaxed) != NEVER {
            self.stalled_since.store(NEVER, Relaxed);
        }
        if self.stage.load(Relaxed) == Stage::Http1 as usize {
            self.quiet_since.store(self.now(), Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.came.elapsed().as_millis()).unwrap_or(NEVER)
    }
}

/// A request being answered.
#[derive(Debug)]
pub(crate) struct InRequest(Arc<Activity>);

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.quiet_since.store(self.0.now(), Relaxed);
        self.0.requests.fetch_sub(1, Relaxed);
    }
}

/// All connections that are watched.
#[derive(Default)]
pub(crate) struct Watch {
    connections: Mutex<Vec<Weak<Activity>>>,
}

impl Watch {
    pub(crate) fn add(&self, activity: &Arc<Activity>) {
        self.lock().push(Arc::downgrade(activity));
    }

    /// Sweeps for ever; drop it to end it.
    pub(crate) async fn sweep(&self, patience: &Limits) {
        let mut sweeps = tokio::time::interval(SWEEP);
        loop {
            sweeps.tick().await;
            for activity in self.living() {
                let Some(why) = activity.overdue(patience) else {
                    continue;
                };
                tracing::debug!(why, "closing a connection whose client");
                activity.give_up();
            }
        }
    }

    /// Gives up every connection.
    pub(crate) fn give_up_all(&self) {
        self.living().iter().for_each(|activity| activity.give_up());
    }

    fn living(&self) -> Vec<Arc<Activity>> {
        let mut connections = self.lock();
        connections.retain(|activity| activity.strong_count() > 0);
        connections.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Activity>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that notes what happens on it.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(crate) fn new(socket: S, activity: Arc<Activity>) -> Self {
        Self { socket, activity }
    }

    fn settle<T>(&self, waker: &AtomicWaker, context: &Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        // First the waker, then the look: whoever gives up in between is seen or wakes us.
        if poll.is_pending() {
            waker.register(context.waker());
        }
        match self.activity.given_up.load(SeqCst) {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => poll,
        }
    }

    fn settle_write<T>(&self, context: &Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.wrote(poll.is_pending());
        self.settle(&self.activity.writer, context, poll)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.heard();
        }
        self.settle(&self.activity.reader, cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(cx, data);
        self.settle_write(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.socket).poll_flush(cx);
        self.settle(&self.activity.writer, cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.socket).poll_shutdown(cx);
        self.settle(&self.activity.writer, cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(cx, data);
        self.settle_write(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// How often it is looked who is too slow; limits are whole seconds, so this is fine enough.
const SWEEP: Duration = Duration::from_millis(250);

/// A moment that has not come.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// As if all that was noted had been `ms` earlier.
    fn age(activity: &mut Arc<Activity>, ms: u64) {
        let activity = Arc::get_mut(activity).expect("nobody else holds it");
        activity.came -= Duration::from_millis(ms);
    }

    #[test]
    fn only_who_keeps_us_waiting_is_overdue() {
        let limits = Limits {
            header_s: 1,
            idle_s: 10,
            stall_s: 5,
            ..Limits::default()
        };
        let mut activity = Activity::new();
        age(&mut activity, 60_000);
        assert_eq!(activity.overdue(&limits), None, "the handshake has its own timer");
        activity.enter(Stage::Http1);
        age(&mut activity, 1_500);
        assert_eq!(activity.overdue(&limits), Some("sends no request"));
        drop(activity.request());
        age(&mut activity, 1_500);
        assert_eq!(activity.overdue(&limits), None, "idle is not silent");
        activity.heard();
        age(&mut activity, 1_500);
        assert_eq!(activity.overdue(&limits), Some("sends its request's head too slowly"));
        let request = activity.request();
        assert_eq!(activity.overdue(&limits), None, "a long poll may take its time");
        drop(request);
        age(&mut activity, 10_500);
        assert_eq!(activity.overdue(&limits), Some("sends no request"));
        activity.enter(Stage::Socket);
        age(&mut activity, 60_000);
        assert_eq!(activity.overdue(&limits), None, "pings keep a WebSocket");
        activity.wrote(true);
        age(&mut activity, 5_500);
        assert_eq!(activity.overdue(&limits), Some("does not read"));
        activity.wrote(false);
        assert_eq!(activity.overdue(&limits), None);
    }

    #[tokio::test]
    async fn a_given_up_connection_fails_in_reading_and_in_writing() {
        let (near, _far) = tokio::io::duplex(16);
        let activity = Activity::new();
        let (mut reader, mut writer) = tokio::io::split(Watched::new(near, activity.clone()));
        let reading = tokio::spawn(async move { reader.read_u8().await });
        let writing = tokio::spawn(async move { writer.write_all(&[0; 64]).await });
        tokio::task::yield_now().await;
        activity.give_up();
        assert_eq!(
            reading.await.expect("ended").expect_err("an error").kind(),
            io::ErrorKind::TimedOut
        );
        assert_eq!(
            writing.await.expect("ended").expect_err("an error").kind(),
            io::ErrorKind::TimedOut
        );
    }
}
