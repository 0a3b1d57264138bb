//! The OpenRPC document and `docs/api.md` say what is.

use std::time::Duration;

use api::{Code, Scope};
use serde_json::{Value, json};

use crate::house::{House, token};

/// Why `value` is not what `schema` says, if it is not. Knows the few words that the document uses.
fn mismatch(document: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return mismatch(document, document.pointer(&reference[1..])?, value, path);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = options
            .iter()
            .any(|option| mismatch(document, option, value, path).is_none());
        return (!fits).then(|| format!("{path}: none of the options fits {value}"));
    }
    if !types(schema).iter().any(|name| is_of(value, name)) {
        return Some(format!("{path}: {value} is not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Some(format!("{path}: {value} is none of {}", schema["enum"]));
    }
    if let Some(items) = value.as_array() {
        let each = items
            .iter()
            .map(|item| mismatch(document, &schema["items"], item, &format!("{path}[]")));
        return each.flatten().next();
    }
    let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return None;
    };
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !members.contains_key(*name)) {
        return Some(format!("{path}: {missing} is missing"));
    }
    let each = members.iter().map(|(name, member)| match properties.get(name) {
        Some(schema) => mismatch(document, schema, member, &format!("{path}.{name}")),
        None => Some(format!("{path}: {name} is not described")),
    });
    each.flatten().next()
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any"],
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

#[tokio::test]
async fn results_are_as_the_document_describes_them() {
    let admin = token("admin", &[Scope::Admin]);
    let house = House::new(&[&admin]).await;
    house.receive("sim1", "+491701111111", "hello").await;
    let sent = house
        .call(Some(&admin), "sms.send", json!({"to": "+491711234567", "text": "a"}))
        .await;
    let id = json!({"id": sent.result()["id"]});
    let later = jiff::Timestamp::now() + Duration::from_secs(3600);
    let document = house
        .call(Some(&admin), "rpc.discover", json!({}))
        .await
        .result()
        .clone();
    for (method, params) in [
        ("ping", json!({})),
        (
            "sms.send",
            json!({"to": "+491711234567", "text": "a", "send_at": later}),
        ),
        ("sms.status", id.clone()),
        ("sms.list", json!({})),
        ("sms.preview", json!({"text": "👋"})),
        ("sms.fetch", json!({})),
        ("sms.cancel", id),
        ("route.explain", json!({"to": "+491711234567"})),
        ("modems.list", json!({})),
        ("upstreams.list", json!({})),
        ("smpp.sessions", json!({})),
        ("health", json!({})),
        ("stats", json!({})),
        ("numbers.erase", json!({"number": "+491701111111"})),
        ("rpc.discover", json!({})),
    ] {
        let answer = house.call(Some(&admin), method, params).await;
        let methods = document["methods"].as_array().unwrap();
        let described = methods.iter().find(|described| described["name"] == method).unwrap();
        let wrong = mismatch(&document, &described["result"]["schema"], answer.result(), method);
        assert_eq!(wrong, None);
    }
}

#[test]
fn slots_are_as_the_document_describes_them() {
    let text = include_str!("../../src/schemas.json");
    let document = json!({"components": {"schemas": serde_json::from_str::<Value>(text).unwrap()}});
    let now = jiff::Timestamp::now();
    let probe = message::Probe {
        to: message::RouteId::new("sim2"),
        at: now,
        state: message::ProbeState::Arrived,
        latency_ms: Some(2_300),
        arrived_at: Some(now),
        reason: None,
        next: Some(now),
    };
    let slot = message::SlotSnapshot {
        state: message::SlotState::Ready,
        reason: "ready".into(),
        port: Some("/dev/ttyUSB0".into()),
        number: Some(message::Number::received("+491711234567")),
        lock: message::Lock::Held {
            reason: "wrong PIN".into(),
            tries: Some(1),
        },
        registration: message::Registration::Home,
        signal_dbm: Some(-71),
        storage: vec![message::StorageUse {
            memory: "SM".into(),
            used: 1,
            total: 20,
        }],
        reports: true,
        initialisations: 1,
        initialised_at: Some(now),
        traffic: message::Traffic {
            last_received: Some(now),
            failures: [(message::FailureReason::Report, 2)].into(),
            limits: vec![message::LimitUse {
                limit: "per_day".into(),
                used: 3,
                allowed: 100,
                until: None,
            }],
            ..message::Traffic::default()
        },
        balance: Some(message::Balance {
            micros: 12_500_000,
            currency: "EUR".into(),
            at: now,
        }),
        self_test: Some(probe.clone()),
        ring: Some(probe),
        keep_alive: Some(message::KeepAlive {
            last_event: None,
            due: now,
            deadline: now,
        }),
        ..message::SlotSnapshot::blank(message::RouteId::new("sim1"), now)
    };
    for slot in [
        slot.clone(),
        message::SlotSnapshot::blank(message::RouteId::new("sim1"), now),
    ] {
        let value = serde_json::to_value(&slot).unwrap();
        let schema = &document["components"]["schemas"]["Slot"];
        assert_eq!(mismatch(&document, schema, &value, "slot"), None);
    }
    for lock in [
        slot.lock.clone(),
        message::Lock::Open,
        message::Lock::Pin { tries: Some(3) },
    ] {
        let value = serde_json::to_value(message::SlotSnapshot { lock, ..slot.clone() }).unwrap();
        let schema = &document["components"]["schemas"]["Slot"];
        assert_eq!(mismatch(&document, schema, &value, "slot"), None);
    }
}

#[test]
fn upstreams_and_what_they_said_are_as_the_document_describes_them() {
    let text = include_str!("../../src/schemas.json");
    let document = json!({"components": {"schemas": serde_json::from_str::<Value>(text).unwrap()}});
    let described = |schema: &str, value: Value| {
        let schema = &document["components"]["schemas"][schema];
        assert_eq!(mismatch(&document, schema, &value, "upstream"), None);
    };
    let now = jiff::Timestamp::now();
    let blank = message::UpstreamSnapshot::blank(message::RouteId::new("operator"), "smpp.example.org:2775", now);
    let busy = message::UpstreamSnapshot {
        state: message::UpstreamState::Bound,
        number: Some(message::Number::received("+491711234567")),
        traffic: message::Traffic {
            last_failure: Some("no credit".into()),
            failing_since: Some(now),
            limits: vec![message::LimitUse {
                limit: "per_day".into(),
                used: 3,
                allowed: 100,
                until: Some(now),
            }],
            ..message::Traffic::default()
        },
        ..blank.clone()
    };
    for upstream in [blank, busy] {
        described("Upstream", serde_json::to_value(&upstream).unwrap());
    }
    let part = message::PartView {
        part: 1,
        state: message::PartState::Failed,
        sim: Some(message::RouteId::new("operator")),
        reference: None,
        peer_id: message::PeerId::new("4f"),
        attempts: 1,
        attempted_at: Some(now),
        sent_at: Some(now),
        settled_at: Some(now),
        due_at: None,
        waits: Some(message::WaitView {
            reason: "sim1: its limit of 2 parts a minute is used up".into(),
            until: Some(now),
        }),
        error: Some("undeliverable".into()),
        code: Some("err 069".into()),
        maybe_twice: false,
        receipts: vec![message::ReceiptView {
            at: now,
            status: message::ReportStatus::StillTrying,
            code: Some("000".into()),
            discharged: Some(now),
            words: "ENROUTE".into(),
        }],
    };
    described("Part", serde_json::to_value(&part).unwrap());
}

#[test]
fn attendance_is_as_the_document_describes_it() {
    let text = include_str!("../../src/schemas.json");
    let document = json!({"components": {"schemas": serde_json::from_str::<Value>(text).unwrap()}});
    let described = |schema: &str, value: Value| {
        let schema = &document["components"]["schemas"][schema];
        assert_eq!(mismatch(&document, schema, &value, "attendance"), None);
    };
    let now = jiff::Timestamp::now();
    let number = message::Number::received("+989126211770");
    let event = message::AttendanceEvent {
        cursor: 1,
        message: message::MessageId::fresh(),
        number: number.clone(),
        name: Some("Sara".into()),
        sim: message::RouteId::new("sim1"),
        service_centre_time: Some(now),
        received_at: now,
        version: 2,
        verdict: "taken".into(),
        flags: vec!["repeated".into()],
        status: "Arrival".into(),
        time: "08:00".into(),
        skew_s: Some(-3),
        device: Some(1000),
        counter: Some(7),
        device_time: Some(now),
        answer: Some(message::MessageId::fresh()),
    };
    let state = message::AttendanceState {
        number: number.clone(),
        name: Some("Sara".into()),
        status: "Exit".into(),
        time: " 15.15".into(),
        sim: message::RouteId::new("sim1"),
        received_at: now,
    };
    let presence = message::Presence {
        number: number.clone(),
        name: Some("Sara".into()),
        state: message::Whereabouts::In,
        came_at: Some(now),
        went_at: Some(now),
        late_s: Some(60),
        claimed: Some("08.00".into()),
        flags: vec!["skew".into()],
    };
    let device = message::AttendanceDevice {
        id: 1000,
        number,
        name: Some("Sara".into()),
        mode: "both".into(),
        roaming: false,
        revoked: false,
        counter: Some(7),
    };
    let roll = message::AttendanceRoll {
        at: now,
        day: "2026-11-22".parse().unwrap(),
        people: vec![presence],
    };
    described("AttendancePage", json!({ "events": [event], "next": 1 }));
    described("AttendanceRecord", json!({ "state": state, "events": [event] }));
    described("AttendanceStates", json!([state]));
    described("AttendanceDevices", json!([device]));
    described("AttendanceRoll", serde_json::to_value(roll).unwrap());
}

#[tokio::test]
async fn without_attendance_its_methods_say_so() {
    let reader = token("reader", &[Scope::Attendance]);
    let house = House::new(&[&reader]).await;
    let answer = house.call(Some(&reader), "attendance.who", json!({})).await;
    assert_eq!(answer.error().1, 2008);
}

#[tokio::test]
async fn the_page_for_people_names_every_method_and_every_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap();
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let document = house.call(Some(&ops), "rpc.discover", json!({})).await.result().clone();
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        assert!(
            page.contains(&format!("### {name}\n")),
            "docs/api.md has no section {name}"
        );
        for param in method["params"].as_array().unwrap() {
            assert!(
                page.contains(&format!("`{}`", param["name"].as_str().unwrap())),
                "{name}: {}",
                param["name"]
            );
        }
    }
    for code in Code::ALL {
        let line = format!("| {} | `{}` |", code.number, code.word);
        assert!(page.contains(&line), "docs/api.md has no line {line}");
    }
}

#[test]
fn alerts_are_as_the_document_describes_them() {
    let text = include_str!("../../src/schemas.json");
    let document = json!({"components": {"schemas": serde_json::from_str::<Value>(text).unwrap()}});
    let described = |schema: &str, value: Value| {
        let schema = &document["components"]["schemas"][schema];
        assert_eq!(mismatch(&document, schema, &value, "alerts"), None);
    };
    let now = jiff::Timestamp::now();
    let raw = message::RawAlert {
        text: "somebody is there".into(),
        claimed_at: "2026-01-05T12:00:00Z".into(),
        meta: json!({"zone": 1}),
        ended: true,
        images: vec![message::RawImage {
            name: "a.jpg".into(),
            octets: vec![0xff, 0xd8, 0xff],
        }],
        ..message::RawAlert::default()
    };
    let view = |ended_at, taken_by: Option<&str>, message| message::AlertView {
        alert: message::RaisedAlert {
            number: 17,
            alert: message::NewAlert::clean(raw.clone(), now).alert,
        },
        state: message::AlertState::Calling,
        incidents: vec![message::IncidentView {
            number: 17,
            rule: "all".into(),
            state: message::AlertState::Calling,
            count: 3,
            last_at: now,
            ended_at,
            taken_by: taken_by.map(str::to_owned),
            due: ended_at,
            told: vec![message::ToldView {
                at: now,
                way: "sms".into(),
                to: "+491711234567".into(),
                problem: taken_by.map(str::to_owned),
                message,
            }],
        }],
    };
    let id = message::MessageId::fresh();
    described(
        "Alerts",
        json!([view(None, None, None), view(Some(now), Some("anna"), Some(id))]),
    );
    let receipt = message::AlertReceipt {
        id: message::AlertId::fresh(),
        number: 17,
    };
    described("AlertReceipt", json!(receipt));
    let trial = message::AlertTrial {
        rules: vec![message::RuleTrial {
            rule: "all".into(),
            fits: true,
            why: "it would be told at once".into(),
            tells: vec![message::TrialNotice {
                way: "mail".into(),
                to: "ops@example.org".into(),
                text: "x".into(),
                problem: None,
            }],
        }],
        raised: Some(receipt),
    };
    described("AlertTrial", json!(trial));
    let taken = message::AlertTaken {
        number: 17,
        about: "x".into(),
        by: "anna".into(),
    };
    described("AlertTaken", json!(taken));
}
