//! The way from the gateway to a WebSocket's client: what waits to be written, and the subscriptions that write there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::codes::{Code, Refusal};
use crate::methods::{NOTICE, nobody};

/// A WebSocket, as calls see it.
pub(crate) struct Line {
    /// Answers and notifications. While it is full, calls and subscriptions of this WebSocket wait.
    queue: mpsc::Sender<String>,
    /// By their ids; cancelled when they are ended.
    subscriptions: Mutex<HashMap<String, CancellationToken>>,
    most: usize,
}

/// A subscription's place on its WebSocket, free again when it is dropped.
pub(crate) struct Subscription {
    id: String,
    ended: CancellationToken,
    line: Arc<Line>,
}

/// What a subscription tells.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice<T> {
    /// Something came.
    Result(T),
    /// It ends by our fault, for this reason.
    Error(T),
}

impl Line {
    /// A line with this many subscriptions at most, and what is said over it.
    pub(super) fn new(most: u32) -> (Arc<Self>, mpsc::Receiver<String>) {
        let (queue, said) = mpsc::channel(QUEUE);
        let line = Self {
            queue,
            subscriptions: Mutex::default(),
            most: most as usize,
        };
        (Arc::new(line), said)
    }

    /// Says something as soon as there is room; whether there is a client to say it to.
    pub(super) async fn say(&self, text: String) -> bool {
        self.queue.send(text).await.is_ok()
    }

    /// Waits until the WebSocket is gone.
    pub(super) async fn gone(&self) {
        self.queue.closed().await;
    }

    /// Takes a place for a subscription.
    pub(crate) fn subscribe(self: &Arc<Self>) -> Result<Subscription, Refusal> {
        let mut random = [0; ID_OCTETS];
        getrandom::fill(&mut random).map_err(|_| nobody())?;
        let (id, ended) = (URL_SAFE_NO_PAD.encode(random), CancellationToken::new());
        let mut subscriptions = self.lock();
        if subscriptions.len() >= self.most {
            let sentence = format!(
                "a WebSocket has at most {} subscriptions: end one, or open another WebSocket",
                self.most
            );
            return Err(Refusal::new(Code::SUBSCRIPTIONS, sentence));
        }
        subscriptions.insert(id.clone(), ended.clone());
        Ok(Subscription {
            id,
            ended,
            line: self.clone(),
        })
    }

    /// Ends a subscription; whether there was one.
    pub(crate) fn unsubscribe(&self, id: &str) -> bool {
        let ended = self.lock().remove(id);
        ended.inspect(CancellationToken::cancel).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Waits until the client ended it, or is gone.
    pub(crate) async fn ended(&self) {
        tokio::select! {
            () = self.ended.cancelled() => {}
            () = self.line.gone() => {}
        }
    }

    /// Sends a notification as soon as there is room for it.
    pub(crate) async fn tell<T: Serialize>(&self, notice: Notice<T>) -> Result<(), serde_json::Error> {
        #[derive(Serialize)]
        struct Notification<'a, T> {
            jsonrpc: &'static str,
            method: &'static str,
            params: Params<'a, T>,
        }
        #[derive(Serialize)]
        struct Params<'a, T> {
            subscription: &'a str,
            #[serde(flatten)]
            notice: Notice<T>,
        }
        let text = serde_json::to_string(&Notification {
            jsonrpc: "2.0",
            method: NOTICE,
            params: Params {
                subscription: &self.id,
                notice,
            },
        })?;
        // Where nobody is left to hear it, `ended` is over.
        self.line.say(text).await;
        Ok(())
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.line.lock().remove(&self.id);
    }
}

/// Answers and notifications that wait for a client to read.
const QUEUE: usize = 64;
/// The random octets of a subscription's id, which has 16 characters.
const ID_OCTETS: usize = 12;
