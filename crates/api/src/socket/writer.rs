//! The writing side of a WebSocket: answers, notifications, pings, and the word that it closes.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use futures_util::{Sink, SinkExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The end, which goes before everything that waits.
#[derive(Debug)]
pub(super) struct Farewell {
    /// What is said before.
    pub(super) said: Option<String>,
    /// Why (7.4.1).
    pub(super) code: CloseCode,
}

/// Whether the client shows signs of life.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Pings since it was heard last; or that nobody listens.
    unanswered: AtomicU32,
}

/// Writes until the client is gone, shows no sign of life, or was told that the WebSocket closes, and gives the sink back.
/// That is so too when nobody is left who may still say something: the gateway stops.
pub(super) async fn write<S: Sink<Message> + Unpin>(
    mut socket: S,
    mut queue: mpsc::Receiver<String>,
    mut farewell: oneshot::Receiver<Farewell>,
    pulse: &Pulse,
    ping: Duration,
) -> S {
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Pings before the queue: a client that reads on and on is to be asked, too.
        let (message, last) = tokio::select! {
            biased;
            Ok(Farewell { said, code }) = &mut farewell => (said.map(Message::text), Some(code)),
            _ = pings.tick() => match pulse.asked() {
                true => (Some(Message::Ping(Default::default())), None),
                false => {
                    tracing::debug!("closing a WebSocket whose client shows no sign of life");
                    return socket;
                }
            },
            said = queue.recv() => match said {
                Some(text) => (Some(Message::text(text)), None),
                None => (None, Some(CloseCode::Away)),
            },
        };
        let close = last.map(|code| {
            Message::Close(Some(CloseFrame {
                code,
                reason: Default::default(),
            }))
        });
        for message in message.into_iter().chain(close) {
            if socket.send(message).await.is_err() {
                return socket;
            }
        }
        if last.is_some() {
            return socket;
        }
    }
}

impl From<CloseCode> for Farewell {
    fn from(code: CloseCode) -> Self {
        Self { said: None, code }
    }
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
