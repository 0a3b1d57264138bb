//! `sms.*`: sending, following and reading messages.

use std::sync::Arc;

use message::{Accepted, FetchPage, FetchQuery, ListQuery, MessageId, MessageView, Preview, Resolution, SendRequest};
use serde::Deserialize;

use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[SEND, STATUS, CANCEL, RESOLVE, LIST, PREVIEW, FETCH];

const SEND: Method = Method {
    name: "sms.send",
    about: "Accepts a message. When it answers, the message is on disk and will be sent.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[
        must(
            "to",
            Kind::Text,
            "the recipient: E.164 (+49…), a short code, or a national number where a country code is configured",
        ),
        must("text", Kind::Text, "the text"),
        may(
            "from",
            Kind::Text,
            "the sender: a slot's name or a SIM's number; absent: the gateway chooses",
        ),
        may(
            "strict",
            Kind::Flag,
            "whether `from` binds (default: true) or is a wish",
        ),
        may(
            "flash",
            Kind::Flag,
            "shown at once and not stored by the phone (class 0)",
        ),
        may("class", Kind::Whole(0, 3), "the message class (TS 23.038 4)"),
        may(
            "report",
            Kind::Flag,
            "whether the network is asked for a status report (default: as configured)",
        ),
        may(
            "validity_s",
            Kind::Whole(60, 38_102_400),
            "how long the message is worth delivering, in seconds (default: as configured, 24 h)",
        ),
        may("priority", Kind::Whole(0, 3), "0 (bulk) to 3 (alarm), default 1"),
        may(
            "send_at",
            Kind::Time,
            "not before this time; a time that is over means at once",
        ),
        may(
            "idempotency_key",
            Kind::Text,
            "a repeated request with the same key sends nothing and gives the first one's id",
        ),
        may(
            "transliterate",
            Kind::Flag,
            "replace characters outside the GSM alphabet by their nearest letters (default: false)",
        ),
        may(
            "on_uncertain",
            Kind::Word(&["resend", "hold"]),
            "what happens when nobody knows whether a part went out (default: as configured)",
        ),
    ],
    result: "Accepted",
    errors: &[
        Code::NUMBER,
        Code::TEXT,
        Code::INVALID,
        Code::NOT_FOUND,
        Code::NOT_ALLOWED,
        Code::QUEUE_FULL,
        Code::LIMIT,
        Code::CONFLICT,
        Code::NO_ROUTE,
        Code::UNAVAILABLE,
    ],
    example: r#"{"to": "+491711234567", "text": "Hello"}"#,
    register: |methods, app, method| plain(methods, app, method, send),
};

async fn send(app: Arc<App>, caller: Arc<Caller>, request: SendRequest) -> Result<Accepted, Refusal> {
    Ok(app.gateway.send(caller.origin()?, request).await?)
}

/// The parameters of what is about one message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    id: MessageId,
}

const STATUS: Method = Method {
    name: "sms.status",
    about: "Says where a message stands, part by part, and what a part waits for.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[must("id", Kind::Id, "the id that sms.send gave")],
    result: "Message",
    errors: &[Code::NOT_FOUND],
    example: r#"{"id": "019aa5a8-7c00-7000-8000-000000000001"}"#,
    register: |methods, app, method| plain(methods, app, method, status),
};

async fn status(app: Arc<App>, caller: Arc<Caller>, one: One) -> Result<MessageView, Refusal> {
    Ok(app.gateway.inquire(caller.origin()?, one.id).await?)
}

const CANCEL: Method = Method {
    name: "sms.cancel",
    about: "Takes a message back before its first attempt.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[must("id", Kind::Id, "the id that sms.send gave")],
    result: "Message",
    errors: &[Code::NOT_FOUND, Code::STATE],
    example: r#"{"id": "019aa5a8-7c00-7000-8000-000000000001"}"#,
    register: |methods, app, method| plain(methods, app, method, cancel),
};

async fn cancel(app: Arc<App>, caller: Arc<Caller>, one: One) -> Result<MessageView, Refusal> {
    Ok(app.gateway.cancel(caller.origin()?, one.id).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    id: MessageId,
    resolution: Resolution,
}

const RESOLVE: Method = Method {
    name: "sms.resolve",
    about: "Decides about a message of which nobody knows whether it went out.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[
        must("id", Kind::Id, "the id that sms.send gave"),
        must(
            "resolution",
            Kind::Word(&["resend", "drop"]),
            "send it again, marked maybe twice, or give it up",
        ),
    ],
    result: "Message",
    errors: &[Code::NOT_FOUND, Code::STATE],
    example: r#"{"id": "019aa5a8-7c00-7000-8000-000000000001", "resolution": "drop"}"#,
    register: |methods, app, method| plain(methods, app, method, resolve),
};

async fn resolve(app: Arc<App>, caller: Arc<Caller>, asked: Resolve) -> Result<MessageView, Refusal> {
    Ok(app
        .gateway
        .resolve(caller.origin()?, asked.id, asked.resolution)
        .await?)
}

const LIST: Method = Method {
    name: "sms.list",
    about: "Lists outgoing messages, newest first.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[
        may("state", Kind::Word(STATES), "only messages in this state"),
        may("to", Kind::Text, "only messages to this number"),
        may(
            "before",
            Kind::Id,
            "only messages accepted before this one, for the next page",
        ),
        may(
            "limit",
            Kind::Whole(1, 1000),
            "at most this many (default 50); fewer are not always all: go on with `before` until none come",
        ),
    ],
    result: "Messages",
    errors: &[Code::NUMBER, Code::INVALID, Code::STOPPED],
    example: r#"{"state": "queued", "limit": 10}"#,
    register: |methods, app, method| plain(methods, app, method, list),
};

async fn list(app: Arc<App>, caller: Arc<Caller>, query: ListQuery) -> Result<Vec<MessageView>, Refusal> {
    let page = app.gateway.list(caller.origin()?, query).await?;
    match page.stopped {
        Some(before) if page.messages.is_empty() => Err(Refusal::stopped(before)),
        _ => Ok(page.messages),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewText {
    text: String,
    #[serde(default)]
    transliterate: bool,
}

const PREVIEW: Method = Method {
    name: "sms.preview",
    about: "Says how many parts a text takes, in which alphabet and why; sends nothing.",
    need: Need::Scope(Scope::Send),
    place: Place::Shared,
    fields: &[
        must("text", Kind::Text, "the text"),
        may(
            "transliterate",
            Kind::Flag,
            "as sms.send would be told (default: false)",
        ),
    ],
    result: "Preview",
    errors: &[Code::TEXT],
    example: r#"{"text": "Grüße 👋"}"#,
    register: |methods, app, method| plain(methods, app, method, preview),
};

async fn preview(app: Arc<App>, _: Arc<Caller>, asked: PreviewText) -> Result<Preview, Refusal> {
    let preview = app.gateway.preview(&asked.text, asked.transliterate)?;
    Ok(preview)
}

const FETCH: Method = Method {
    name: "sms.fetch",
    about: "Reads received messages in the order of their completion; waits for the first one if asked to.",
    need: Need::Scope(Scope::Fetch),
    place: Place::Own,
    fields: &[
        may("sim", Kind::Text, "only messages to this slot"),
        may("number", Kind::Text, "only messages to the SIM with this number"),
        may(
            "after",
            Kind::Whole(0, i64::MAX),
            "only messages completed after this cursor: `next` of the last answer (default 0: from the oldest)",
        ),
        may(
            "before",
            Kind::Whole(0, i64::MAX),
            "only messages completed before this cursor: `stopped` of the last answer, with `newest`",
        ),
        may(
            "newest",
            Kind::Flag,
            "the newest `limit` of them instead of the oldest, in ascending order all the same; `next` is after all that \
             came so far (default: false)",
        ),
        may("limit", Kind::Whole(1, 1000), "at most this many (default 100)"),
        may(
            "wait_s",
            Kind::Whole(0, 60),
            "wait up to this many seconds for the first one",
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
        may(
            "probes",
            Kind::Flag,
            "the gateway's own tests too, of the kind `probe` (default: false)",
        ),
        may(
            "hidden",
            Kind::Flag,
            "what no phone would show too, of the kinds `silent`, `sim_data` and `device` (default: false)",
        ),
    ],
    result: "Page",
    errors: &[
        Code::NUMBER,
        Code::INVALID,
        Code::NOT_FOUND,
        Code::NOT_ALLOWED,
        Code::WAITS,
    ],
    example: r#"{"after": 0, "wait_s": 30, "text_matches": "code is [0-9]{6}"}"#,
    register: |methods, app, method| plain(methods, app, method, run_fetch),
};

/// A call that waits stands in a room of its own, so that any number of them leaves all places to others.
async fn run_fetch(app: Arc<App>, caller: Arc<Caller>, query: FetchQuery) -> Result<FetchPage, Refusal> {
    if query.wait_s.is_none_or(|wait| wait == 0) {
        let _place = app.place().await?;
        return Ok(app.gateway.fetch(caller.origin()?, query).await?);
    }
    let principal = caller.principal()?;
    let _room = app.wait_room(principal)?;
    let nothing = FetchPage {
        next: query.after,
        ..FetchPage::default()
    };
    tokio::select! {
        page = app.gateway.fetch(caller.origin()?, query) => Ok(page?),
        () = app.stopping.cancelled() => Ok(nothing),
        () = app.keeper.revoked(principal) => Err(Refusal::new(Code::TOKEN_WRONG, "the token was revoked or changed")),
    }
}

const STATES: &[&str] = &[
    "queued",
    "sending",
    "uncertain",
    "sent",
    "delivered",
    "failed",
    "expired",
    "cancelled",
    "refused",
];
