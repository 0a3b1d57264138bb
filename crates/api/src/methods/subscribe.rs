//! `sms.subscribe`: received messages as they come, over a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::SubscriptionError;
use jsonrpsee::core::server::{Methods, PendingSubscriptionSink, RpcModule, SubscriptionSink};
use jsonrpsee::types::Params;
use message::FetchQuery;
use serde::Deserialize;
use serde_json::value::to_raw_value;

use super::{Method, Need, Place, by_name, nobody};
use crate::codes::{Code, Refusal};
use crate::params::{self, Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[SUBSCRIBE_METHOD, UNSUBSCRIBE_METHOD];

const SUBSCRIBE_METHOD: Method = Method {
    name: SUBSCRIBE,
    about: "Streams received messages over a WebSocket, each in a notification `sms.message`.",
    need: Need::Scope(Scope::Fetch),
    place: Place::Socket,
    fields: &[
        may("sim", Kind::Text, "only messages to this slot"),
        may("number", Kind::Text, "only messages to the SIM with this number"),
        may(
            "after",
            Kind::Whole(0, i64::MAX),
            "begin after this cursor (default: with what comes from now on)",
        ),
        may(
            "from_matches",
            Kind::Text,
            "only senders that match this regular expression",
        ),
        may(
            "text_matches",
            Kind::Text,
            "only texts that match this regular expression",
        ),
    ],
    result: "Subscription",
    errors: &[
        Code::NUMBER,
        Code::INVALID,
        Code::NOT_FOUND,
        Code::NOT_ALLOWED,
        Code::WEBSOCKET,
        Code::SUBSCRIPTIONS,
    ],
    example: r#"{"after": 0}"#,
    register: register_both,
};

const UNSUBSCRIBE_METHOD: Method = Method {
    name: UNSUBSCRIBE,
    about: "Ends a subscription; true if there was one.",
    need: Need::Scope(Scope::Fetch),
    place: Place::Socket,
    fields: &[must("subscription", Kind::Text, "what sms.subscribe answered")],
    result: "Flag",
    errors: &[Code::WEBSOCKET],
    example: r#"{"subscription": "Xq2f9GmQp1sT0aZb"}"#,
    // Comes with its counterpart.
    register: |_, _, _| Ok(()),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    sim: Option<String>,
    number: Option<String>,
    after: Option<Cursor>,
    from_matches: Option<String>,
    text_matches: Option<String>,
}

/// A cursor as `sms.fetch` takes it.
#[derive(Deserialize)]
struct Cursor(#[serde(deserialize_with = "message::cursor")] i64);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    pub(super) subscription: String,
}

fn register_both(methods: &mut Methods, app: &Arc<App>, _: &'static Method) -> Result<(), RegisterMethodError> {
    let mut module = RpcModule::from_arc(app.clone());
    module.register_subscription(SUBSCRIBE, NOTICE, UNSUBSCRIBE, run)?;
    methods.merge(module)
}

async fn run(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    app: Arc<App>,
    extensions: Extensions,
) -> Result<(), SubscriptionError> {
    let begun = begin(&params, &app, &extensions).await;
    let (caller, mut query) = match begun {
        Ok(begun) => begun,
        Err(refusal) => {
            pending.reject(refusal.object()).await;
            return Ok(());
        }
    };
    // An error means that the client is gone already.
    let Ok(sink) = pending.accept().await else {
        return Ok(());
    };
    stream(&app, &caller, &mut query, &sink)
        .await
        .map_err(|refusal| closing(&refusal))
}

/// Reads the parameters and asks once, so that a wrong one is told in the answer and not in the stream.
async fn begin(params: &Params<'_>, app: &App, extensions: &Extensions) -> Result<(Arc<Caller>, FetchQuery), Refusal> {
    let method = by_name(SUBSCRIBE).ok_or_else(nobody)?;
    let caller = extensions.get::<Arc<Caller>>().cloned().ok_or_else(nobody)?;
    let asked: Subscribe = params::read(method, params.as_str())?;
    let newest = *app.gateway.arrivals().borrow();
    let query = FetchQuery {
        sim: asked.sim,
        number: asked.number,
        after: asked.after.map_or(newest, |Cursor(after)| after),
        limit: Some(CHUNK),
        wait_s: Some(WAIT_S),
        from_matches: asked.from_matches,
        text_matches: asked.text_matches,
        ..FetchQuery::default()
    };
    let probe = FetchQuery {
        limit: Some(1),
        wait_s: None,
        ..query.clone()
    };
    app.gateway.fetch(caller.origin()?, probe).await?;
    Ok((caller, query))
}

/// Sends what comes until the client has enough. A client that reads slowly is read for slowly: the next page is
/// fetched when the last one is in the connection's queue, so nothing piles up but in the store.
async fn stream(app: &App, caller: &Caller, query: &mut FetchQuery, sink: &SubscriptionSink) -> Result<(), Refusal> {
    loop {
        let page = tokio::select! {
            page = app.gateway.fetch(caller.origin()?, query.clone()) => page,
            () = sink.closed() => return Ok(()),
            () = app.stopping.cancelled() => return Ok(()),
        };
        let page = match page {
            Ok(page) => page,
            Err(error) if error.kind.retryable() => {
                tokio::time::sleep(SICK_PAUSE).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for message in &page.messages {
            let message = to_raw_value(message).map_err(|_| nobody())?;
            if sink.send(message).await.is_err() {
                return Ok(());
            }
        }
        query.after = page.next;
    }
}

/// The last notification of a subscription that ends by our fault: `error` holds what a refused call would be told.
fn closing(refusal: &Refusal) -> SubscriptionError {
    let object = refusal.object();
    match to_raw_value(&object) {
        Ok(object) => SubscriptionError::from_json(object),
        Err(_) => SubscriptionError::from(object.message()),
    }
}

/// The name of the method that begins a subscription.
pub(crate) const SUBSCRIBE: &str = "sms.subscribe";
/// The name of the method that ends it.
pub(crate) const UNSUBSCRIBE: &str = "sms.unsubscribe";
/// The method of the notifications.
pub(crate) const NOTICE: &str = "sms.message";

/// How many messages are fetched at once.
const CHUNK: u32 = 100;
/// How long one look at the store waits for a message, in seconds; the next look follows at once.
const WAIT_S: u32 = 60;
/// How long a subscription rests while the store is sick.
const SICK_PAUSE: Duration = Duration::from_secs(1);
