//! Alerts: `alert.list`, `.ack`, `.test`, `.raise`.

use std::sync::Arc;

use gateway::AlertDesk;
use message::{AlertReceipt, AlertSearch, AlertTaken, AlertTrial, AlertView, RawAlert, Severity};
use serde::Deserialize;

use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Field, Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[LIST, ACK, TEST, RAISE];

const LIST: Method = Method {
    name: "alert.list",
    about: "Alerts with what followed from them: who was told, who took them, what comes next. Newest first.",
    need: Need::Scope(Scope::Alert),
    place: Place::Shared,
    fields: &[
        may(
            "before",
            Kind::Whole(1, i64::MAX),
            "only those before this number, for paging",
        ),
        may("limit", Kind::Whole(1, 1000), "at most this many (default 20)"),
        may("all", Kind::Flag, "those too that were only counted as repetitions"),
        may("open", Kind::Flag, "only those of which something may still follow"),
    ],
    result: "Alerts",
    errors: &[Code::STATE, Code::UNAVAILABLE],
    example: r#"{"open": true, "limit": 2}"#,
    register: |methods, app, method| plain(methods, app, method, list),
};

async fn list(app: Arc<App>, _: Arc<Caller>, asked: AlertSearch) -> Result<Vec<AlertView>, Refusal> {
    Ok(app.alerts()?.list(asked).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ack {
    number: i64,
    by: Option<String>,
}

const ACK: Method = Method {
    name: "alert.ack",
    about: "Takes an alert, as `ACK 17` by SMS does: nobody else is called for it.",
    need: Need::Scope(Scope::Alert),
    place: Place::Shared,
    fields: &[
        must("number", Kind::Whole(1, i64::MAX), "the number of the alert"),
        may("by", Kind::Text, "who takes it (default: the token)"),
    ],
    result: "AlertTaken",
    errors: &[Code::NOT_FOUND, Code::STATE, Code::UNAVAILABLE],
    example: r#"{"number": 17, "by": "anna"}"#,
    register: |methods, app, method| plain(methods, app, method, ack),
};

async fn ack(app: Arc<App>, caller: Arc<Caller>, asked: Ack) -> Result<AlertTaken, Refusal> {
    let token = caller.origin()?.token.as_ref().map(ToString::to_string);
    let named = asked.by.map(|by| {
        by.chars()
            .filter(|c| !c.is_control())
            .take(NAME_MOST)
            .collect::<String>()
    });
    let by = named
        .filter(|by| !by.trim().is_empty())
        .or(token)
        .unwrap_or_else(|| "api".to_owned());
    Ok(app.alerts()?.take(asked.number, &by).await?)
}

/// An alert as a caller gives it.
#[derive(Deserialize)]
struct Described {
    event: String,
    camera: Option<String>,
    severity: Option<Severity>,
    text: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    #[serde(flatten)]
    alert: Described,
    key: Option<String>,
    #[serde(default)]
    ended: bool,
}

#[derive(Deserialize)]
struct Trial {
    #[serde(flatten)]
    alert: Described,
    #[serde(default)]
    send: bool,
}

impl Described {
    fn raw(self) -> RawAlert {
        RawAlert {
            source: self.source.unwrap_or_else(|| SOURCE_NAME.to_owned()),
            event: self.event,
            camera: self.camera.unwrap_or_default(),
            severity: self.severity.unwrap_or_default(),
            text: self.text.unwrap_or_default(),
            ..RawAlert::default()
        }
    }
}

const EVENT: Field = must("event", Kind::Text, "what happened, as MOTION_DETECTED");
const CAMERA: Field = may("camera", Kind::Text, "the camera, host or door it is about");
const SEVERITY: Field = may(
    "severity",
    Kind::Word(&["info", "warning", "critical"]),
    "how bad it is (default: warning)",
);
const TEXT: Field = may("text", Kind::Text, "a sentence for people");
const SOURCE: Field = may("source", Kind::Text, "which way it came, for rules (default: api)");

const TEST: Method = Method {
    name: "alert.test",
    about: "Says for a made-up alert which rule is for it, why others are not, and who would be told what.",
    need: Need::Scope(Scope::Alert),
    place: Place::Shared,
    fields: &[
        EVENT,
        CAMERA,
        SEVERITY,
        TEXT,
        SOURCE,
        may(
            "send",
            Kind::Flag,
            "raise it as any other alert: people are really told",
        ),
    ],
    result: "AlertTrial",
    errors: &[Code::STATE, Code::UNAVAILABLE],
    example: r#"{"event": "MOTION_DETECTED", "camera": "cam1"}"#,
    register: |methods, app, method| plain(methods, app, method, test),
};

async fn test(app: Arc<App>, _: Arc<Caller>, asked: Trial) -> Result<AlertTrial, Refusal> {
    Ok(app.alerts()?.test(asked.alert.raw(), asked.send).await?)
}

const RAISE: Method = Method {
    name: "alert.raise",
    about: "Raises an alert, or says that one is over. When this answers it is kept.",
    need: Need::Scope(Scope::Alert),
    place: Place::Shared,
    fields: &[
        EVENT,
        CAMERA,
        SEVERITY,
        TEXT,
        SOURCE,
        may(
            "key",
            Kind::Text,
            "what repetitions and the end share (default: source, camera and event)",
        ),
        may("ended", Kind::Flag, "that it is over"),
    ],
    result: "AlertReceipt",
    errors: &[Code::UNAVAILABLE],
    example: r#"{"event": "DOOR_OPENED", "camera": "gate", "severity": "critical"}"#,
    register: |methods, app, method| plain(methods, app, method, raise),
};

async fn raise(app: Arc<App>, _: Arc<Caller>, asked: Given) -> Result<AlertReceipt, Refusal> {
    let raw = RawAlert {
        key: asked.key.unwrap_or_default(),
        ended: asked.ended,
        ..asked.alert.raw()
    };
    let kept = app.gateway.raise(vec![raw]).await?;
    kept.into_iter()
        .next()
        .ok_or_else(|| Refusal::new(Code::INTERNAL, "the gateway failed; its log says more"))
}

impl App {
    fn alerts(&self) -> Result<&dyn AlertDesk, Refusal> {
        let none = || Refusal::new(Code::STATE, "alerts are not worked by this gateway");
        self.desks.alerts.as_deref().ok_or_else(none)
    }
}

/// What alerts that come this way have as their source.
const SOURCE_NAME: &str = "api";
/// The longest name of somebody who takes an alert, in characters.
const NAME_MOST: usize = 60;
