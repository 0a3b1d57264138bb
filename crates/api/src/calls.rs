//! Calls: let through to their methods one by one, or side by side in a batch, and answered. The same for every way in.

use std::sync::Arc;

use futures_util::future::join_all;
use http::Extensions;
use jsonrpsee::core::server::{ConnectionId, MethodCallback, MethodResponse, MethodResponseNotifyTx, Methods};
use jsonrpsee::types::{Id as LibraryId, Params};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use crate::codes::{Code, Refusal};
use crate::envelope::{Asked, Call, Fault, Id};
use crate::methods::{self, Place};
use crate::rpc::{App, Caller};

/// The calls of one HTTP request, or of one WebSocket.
pub(crate) struct Calls {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Arc<Caller>,
    methods: Methods,
    /// The calls at once on this connection, which only a WebSocket could exceed.
    places: Semaphore,
}

/// The answer to a call or a batch.
pub(crate) struct Answer {
    pub(crate) text: String,
    /// Who waits for the answer to be on its way: a subscription, whose messages come after it.
    pub(crate) awaited: Option<MethodResponseNotifyTx>,
}

impl Calls {
    pub(crate) fn new(app: Arc<App>, methods: Methods, caller: Arc<Caller>) -> Self {
        let places = Semaphore::new(app.limits.streams as usize);
        Self {
            app,
            caller,
            methods,
            places,
        }
    }

    /// Does what was asked.
    pub(crate) async fn answer(&self, asked: Asked<'_>) -> Answer {
        match asked {
            Asked::Call(call) => self.lone_call(call).await,
            Asked::Batch(entries) => self.batch(entries).await,
        }
    }

    /// A call by itself: one more than the connection may have at once is refused.
    async fn lone_call(&self, call: Call<'_>) -> Answer {
        let Some(id) = call.id else {
            return self.notification();
        };
        let Ok(_own) = self.places.try_acquire() else {
            let refusal = Refusal::new(Code::BUSY, "too many calls at once on this connection").retry_after(1);
            return self.refuse(id, &refusal);
        };
        self.call(id, call).await
    }

    async fn call(&self, id: Id<'_>, call: Call<'_>) -> Answer {
        let method = match self.app.admit(&self.caller, &call.method) {
            Ok(method) => method,
            Err(refusal) => return self.refuse(id, &refusal),
        };
        let _place = match method.place {
            Place::Shared => match self.app.place().await {
                Ok(place) => Some(place),
                Err(refusal) => return self.refuse(id, &refusal),
            },
            Place::Own | Place::Socket => None,
        };
        let Some(MethodCallback::Async(run)) = self.methods.method(method.name) else {
            return self.refuse(id, &methods::nobody());
        };
        let params = Params::new(call.params.map(RawValue::get)).into_owned();
        let room = self.app.limits.response_bytes as usize;
        let mut extensions = Extensions::new();
        extensions.insert(self.caller.clone());
        Answer::new(
            id,
            run(LibraryId::Null, params, ConnectionId(0), room, extensions).await,
        )
    }

    /// The answer to what carries no id. It is not carried out: nobody would learn what became of it.
    fn notification(&self) -> Answer {
        let sentence = "a call without an `id` gets no answer, and so is not carried out: give it one";
        self.refuse(Id::NULL, &Refusal::new(Code::REQUEST, sentence))
    }

    /// The calls of a batch run side by side, so that the store commits them together; only so many at a time, since each
    /// takes room while it runs.
    async fn batch(&self, entries: Vec<Result<Call<'_>, Fault<'_>>>) -> Answer {
        let most = self.app.limits.response_bytes as usize;
        let (mut entries, mut text) = (entries.into_iter(), String::from("["));
        loop {
            let answers = join_all(entries.by_ref().take(SIDE_BY_SIDE).map(|entry| self.entry(entry))).await;
            if answers.is_empty() {
                break;
            }
            for answer in answers {
                if text.len() + answer.text.len() >= most {
                    let sentence = "the answers to the batch are too large together; ask for less";
                    return self.refuse(Id::NULL, &Refusal::new(Code::RESPONSE_TOO_LARGE, sentence));
                }
                text.push_str(&answer.text);
                text.push(',');
            }
        }
        self.caller.forget_refusal();
        text.pop();
        text.push(']');
        Answer { text, awaited: None }
    }

    async fn entry(&self, entry: Result<Call<'_>, Fault<'_>>) -> Answer {
        let call = match entry {
            Ok(call) => call,
            Err(fault) => return self.refuse(fault.id, &fault.refusal),
        };
        let Some(id) = call.id else {
            return self.notification();
        };
        if call.method == methods::SUBSCRIBE {
            let sentence = "sms.subscribe cannot be part of a batch: call it alone";
            return self.refuse(id, &Refusal::new(Code::REQUEST, sentence));
        }
        // They wait for each other where there are more than may run at once.
        let _own = self.places.acquire().await;
        self.call(id, call).await
    }

    fn refuse(&self, id: Id<'_>, refusal: &Refusal) -> Answer {
        Answer::new(id, self.caller.refuse(refusal))
    }
}

impl Answer {
    fn new(id: Id<'_>, response: MethodResponse) -> Self {
        let succeeded = response.is_success();
        let (text, awaited, _) = response.into_parts();
        Self {
            text: id.put_into(Box::<str>::from(text).into()),
            awaited: awaited.filter(|_| succeeded),
        }
    }
}

/// How many calls of a batch run side by side.
const SIDE_BY_SIDE: usize = 25;
