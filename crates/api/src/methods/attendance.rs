//! Attendance by SMS: `attendance.list`, `.show`, `.history`, `.who`, `.devices`, and `.reload` for an operator.

use std::sync::Arc;

use gateway::AttendanceDesk;
use jiff::Timestamp;
use message::{AttendanceDevice, AttendancePage, AttendanceRecord, AttendanceRoll, AttendanceSearch, AttendanceState};
use serde::Deserialize;
use serde_json::{Value, json};

use super::look::Nothing;
use super::{Method, Need, Place, plain};
use crate::codes::{Code, Refusal};
use crate::params::{Kind, may, must};
use crate::rpc::{App, Caller};
use crate::token::Scope;

pub(super) const METHODS: &[Method] = &[LIST, SHOW, HISTORY, WHO, DEVICES, RELOAD];

const LIST: Method = Method {
    name: "attendance.list",
    about: "The last word of everybody: Arrival or Exit, and the time as claimed.",
    need: Need::Scope(Scope::Attendance),
    place: Place::Shared,
    fields: &[],
    result: "AttendanceStates",
    errors: &[Code::STATE, Code::UNAVAILABLE],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, list),
};

async fn list(app: Arc<App>, caller: Arc<Caller>, _: Nothing) -> Result<Vec<AttendanceState>, Refusal> {
    Ok(app.attendance()?.list(caller.origin()?).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNumber {
    number: String,
}

const SHOW: Method = Method {
    name: "attendance.show",
    about: "The last word of one, and the latest requests.",
    need: Need::Scope(Scope::Attendance),
    place: Place::Shared,
    fields: &[must(
        "number",
        Kind::Text,
        "a number, with or without its plus, or a name of the configuration",
    )],
    result: "AttendanceRecord",
    errors: &[Code::NOT_FOUND, Code::NUMBER, Code::STATE, Code::UNAVAILABLE],
    example: r#"{"number": "+989126211770"}"#,
    register: |methods, app, method| plain(methods, app, method, show),
};

async fn show(app: Arc<App>, caller: Arc<Caller>, asked: OfNumber) -> Result<AttendanceRecord, Refusal> {
    Ok(app.attendance()?.show(caller.origin()?, &asked.number).await?)
}

const HISTORY: Method = Method {
    name: "attendance.history",
    about: "Every request that was taken for one, good or bad, with its verdict; oldest first.",
    need: Need::Scope(Scope::Attendance),
    place: Place::Shared,
    fields: &[
        may("number", Kind::Text, "only of this number, or of who is called so"),
        may("since", Kind::Time, "only what came at this time or later"),
        may("until", Kind::Time, "only what came before this time"),
        may(
            "after",
            Kind::Whole(0, i64::MAX),
            "only what stands behind this cursor, the oldest of it; without: the newest",
        ),
        may("limit", Kind::Whole(1, 1000), "at most this many (default 100)"),
    ],
    result: "AttendancePage",
    errors: &[Code::NUMBER, Code::STATE, Code::UNAVAILABLE],
    example: r#"{"since": "2026-11-22T00:00:00Z", "limit": 2}"#,
    register: |methods, app, method| plain(methods, app, method, history),
};

async fn history(app: Arc<App>, caller: Arc<Caller>, asked: AttendanceSearch) -> Result<AttendancePage, Refusal> {
    Ok(app.attendance()?.history(caller.origin()?, &asked).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    at: Option<Timestamp>,
}

const WHO: Method = Method {
    name: "attendance.who",
    about: "Who is in, who is late and who is absent, by the hours of work in the configuration.",
    need: Need::Scope(Scope::Attendance),
    place: Place::Shared,
    fields: &[may("at", Kind::Time, "the moment (default: now)")],
    result: "AttendanceRoll",
    errors: &[Code::STATE, Code::UNAVAILABLE],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, who),
};

async fn who(app: Arc<App>, caller: Arc<Caller>, asked: Moment) -> Result<AttendanceRoll, Refusal> {
    Ok(app.attendance()?.who(caller.origin()?, asked.at).await?)
}

const DEVICES: Method = Method {
    name: "attendance.devices",
    about: "The registered devices of the second version, without their keys.",
    need: Need::Scope(Scope::Attendance),
    place: Place::Shared,
    fields: &[],
    result: "AttendanceDevices",
    errors: &[Code::STATE, Code::UNAVAILABLE],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, devices),
};

async fn devices(app: Arc<App>, _: Arc<Caller>, _: Nothing) -> Result<Vec<AttendanceDevice>, Refusal> {
    Ok(app.attendance()?.devices().await?)
}

const RELOAD: Method = Method {
    name: "attendance.reload",
    about: "Reads the key file again, as SIGHUP does. Where it is not right, the keys stay as they were.",
    need: Need::Scope(Scope::Admin),
    place: Place::Shared,
    fields: &[],
    result: "Reloaded",
    errors: &[Code::STATE],
    example: "{}",
    register: |methods, app, method| plain(methods, app, method, reload),
};

async fn reload(app: Arc<App>, _: Arc<Caller>, _: Nothing) -> Result<Value, Refusal> {
    let keys = app.attendance()?.reload().await?;
    Ok(json!({ "keys": keys }))
}

impl App {
    fn attendance(&self) -> Result<&dyn AttendanceDesk, Refusal> {
        let none = || Refusal::new(Code::STATE, "attendance is not configured: set attendance.key_file");
        self.desks.attendance.as_deref().ok_or_else(none)
    }
}
