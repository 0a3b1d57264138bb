//! The writing side of a WebSocket: answers, notifications, pings and pongs, and the word that it closes.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use hyper::body::Buf;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::frames::{Opcode, head};

/// What goes before everything that waits.
#[derive(Debug, Clone)]
pub(super) enum Urgent {
    Nothing,
    /// What the client sent with its last ping (5.5.3: older ones need no answer).
    Pong(Vec<u8>),
    /// The end, with this status code.
    Close(u16),
}

/// Whether the client shows signs of life.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Pings since it was heard last; or that nobody listens.
    unanswered: AtomicU32,
}

/// Writes until the client is gone, shows no sign of life, or was told that the WebSocket closes. That is so too when
/// nobody is left who may still say something: the gateway stops.
pub(super) async fn write(
    mut socket: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<String>,
    mut urgent: watch::Receiver<Urgent>,
    pulse: &Pulse,
    ping: Duration,
) {
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Pings before the queue: a client that reads on and on is to be asked, too.
        let (opcode, payload) = tokio::select! {
            biased;
            Ok(()) = urgent.changed() => match urgent.borrow_and_update().clone() {
                Urgent::Nothing => continue,
                Urgent::Pong(payload) => (Opcode::Pong, payload),
                Urgent::Close(status) => (Opcode::Close, status.to_be_bytes().to_vec()),
            },
            _ = pings.tick() => match pulse.asked() {
                true => (Opcode::Ping, Vec::new()),
                false => return tracing::debug!("closing a WebSocket whose client shows no sign of life"),
            },
            said = queue.recv() => match said {
                Some(text) => (Opcode::Text, text.into_bytes()),
                None => (Opcode::Close, GOING_AWAY.to_be_bytes().to_vec()),
            },
        };
        if send(&mut socket, opcode, &payload).await.is_err() {
            return;
        }
        if opcode == Opcode::Close {
            let _ = socket.shutdown().await;
            return;
        }
    }
}

async fn send(socket: &mut (impl AsyncWrite + Unpin), opcode: Opcode, payload: &[u8]) -> io::Result<()> {
    let head = head(opcode, payload.len());
    socket.write_all_buf(&mut Buf::chain(head.as_slice(), payload)).await?;
    socket.flush().await
}

impl Pulse {
    /// Something came from the client.
    pub(super) fn heard(&self) {
        self.unanswered.store(0, Relaxed);
    }

    /// Nobody listens to the client for now, so that its silence means nothing.
    pub(super) fn deaf(&self) {
        self.unanswered.store(DEAF, Relaxed);
    }

    /// A ping is due; false when too many went unanswered.
    fn asked(&self) -> bool {
        let asked = self
            .unanswered
            .fetch_update(Relaxed, Relaxed, |unanswered| match unanswered {
                DEAF => Some(DEAF),
                UNANSWERED.. => None,
                unanswered => Some(unanswered + 1),
            });
        asked.is_ok()
    }
}

/// Pings are sent twice within the idle time; a client that answered neither when the next is due is given up.
const UNANSWERED: u32 = 2;
const DEAF: u32 = u32::MAX;

/// The gateway stops (7.4.1).
const GOING_AWAY: u16 = 1001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_unanswered_pings_are_enough_unless_nobody_listened() {
        let pulse = Pulse::default();
        assert!(pulse.asked() && pulse.asked() && !pulse.asked());
        pulse.heard();
        assert!(pulse.asked());
        pulse.deaf();
        assert!(pulse.asked() && pulse.asked() && pulse.asked());
        pulse.heard();
        assert!(pulse.asked() && pulse.asked() && !pulse.asked());
    }
}
