//! `sms.subscribe`: received messages as they come, over a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::{MethodCallback, MethodResponse, Methods, ResponsePayload};
use jsonrpsee::types::Params;
use message::FetchQuery;
use serde::Deserialize;

use super::{Method, Need, Place, nobody, plain};
use crate::codes::{Code, Refusal};
use crate::params::{self, Kind, may, must};
use crate::rpc::{App, Caller};
use crate::socket::{Notice, Subscription};
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
    register,
};

const UNSUBSCRIBE_METHOD: Method = Method {
    name: "sms.unsubscribe",
    about: "Ends a subscription; true if there was one.",
    need: Need::Scope(Scope::Fetch),
    place: Place::Socket,
    fields: &[must("subscription", Kind::Text, "what sms.subscribe answered")],
    result: "Flag",
    errors: &[Code::WEBSOCKET],
    example: r#"{"subscription": "Xq2f9GmQp1sT0aZb"}"#,
    register: |methods, app, method| plain(methods, app, method, unsubscribe),
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
struct Unsubscribe {
    subscription: String,
}

fn register(methods: &mut Methods, app: &Arc<App>, method: &'static Method) -> Result<(), RegisterMethodError> {
    let app = app.clone();
    let callback = MethodCallback::Async(Arc::new(move |id, params, _, room, extensions| {
        let app = app.clone();
        Box::pin(async move {
            let Some(caller) = extensions.get::<Arc<Caller>>().cloned() else {
                return MethodResponse::error(id, nobody().object());
            };
            let (subscription, query) = match begin(&params, &app, &caller, method).await {
                Ok(begun) => begun,
                Err(refusal) => return caller.refuse(&refusal),
            };
            let answer = ResponsePayload::success(subscription.id().to_owned());
            let (answer, answered) = answer.notify_on_completion();
            tokio::spawn(async move {
                // Messages come after the answer; an error means that the client is gone already.
                if answered.await.is_ok() {
                    serve(&app, &caller, query, &subscription).await;
                }
            });
            MethodResponse::response(id, answer, room)
        })
    }));
    methods.verify_and_insert(method.name, callback)?;
    Ok(())
}

/// Reads the parameters and asks once, so that a wrong one is told in the answer and not in the stream.
async fn begin(
    params: &Params<'_>,
    app: &App,
    caller: &Caller,
    method: &Method,
) -> Result<(Subscription, FetchQuery), Refusal> {
    let subscription = caller.line().ok_or_else(nobody)?.subscribe()?;
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
    Ok((subscription, query))
}

/// Sends what comes until the client has enough, or the gateway stops.
async fn serve(app: &App, caller: &Caller, query: FetchQuery, subscription: &Subscription) {
    let refusal = tokio::select! {
        biased;
        () = subscription.ended() => return,
        () = app.stopping.cancelled() => return,
        refusal = stream(app, caller, query, subscription) => refusal,
    };
    let told = subscription.tell(Notice::Error(refusal.object())).await;
    if let Err(error) = told {
        tracing::warn!(%error, "cannot say why a subscription ends");
    }
}

/// Sends what comes, and says why that ends. A client that reads slowly is read for slowly: the next page is fetched when
/// the last one is in the connection's queue, so nothing piles up but in the store.
async fn stream(app: &App, caller: &Caller, mut query: FetchQuery, subscription: &Subscription) -> Refusal {
    loop {
        let origin = match caller.origin() {
            Ok(origin) => origin,
            Err(refusal) => return refusal,
        };
        let page = match app.gateway.fetch(origin, query.clone()).await {
            Ok(page) => page,
            Err(error) if error.kind.retryable() => {
                tokio::time::sleep(SICK_PAUSE).await;
                continue;
            }
            Err(error) => return error.into(),
        };
        for message in &page.messages {
            if subscription.tell(Notice::Result(message)).await.is_err() {
                return nobody();
            }
        }
        query.after = page.next;
    }
}

async fn unsubscribe(_: Arc<App>, caller: Arc<Caller>, asked: Unsubscribe) -> Result<bool, Refusal> {
    let line = caller.line().ok_or_else(nobody)?;
    Ok(line.unsubscribe(&asked.subscription))
}

/// The name of the method that begins a subscription.
pub(crate) const SUBSCRIBE: &str = "sms.subscribe";
/// The method of the notifications.
pub(crate) const NOTICE: &str = "sms.message";

/// How many messages are fetched at once.
const CHUNK: u32 = 100;
/// How long one look at the store waits for a message, in seconds; the next look follows at once.
const WAIT_S: u32 = 60;
/// How long a subscription rests while the store is sick.
const SICK_PAUSE: Duration = Duration::from_secs(1);
