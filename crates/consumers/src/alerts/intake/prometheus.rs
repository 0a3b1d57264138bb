//! What Alertmanager posts (webhook version 4), and Grafana, which took that form over.

use std::collections::BTreeMap;
use std::fmt;

use message::{RawAlert, Severity};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use super::said::severity;

/// The body of either. Only what is used is read; both may add fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    alerts: Option<Entries>,
    /// How many Alertmanager left out.
    #[serde(rename = "truncatedAlerts")]
    truncated: u64,
    /// Grafana before version 9 has no list: these are its alert.
    #[serde(rename = "ruleName")]
    rule_name: String,
    title: String,
    message: String,
    state: String,
    #[serde(rename = "ruleUrl")]
    rule_url: String,
}

/// Those of the list, and none of what is beyond [`MOST`] and one.
#[derive(Debug)]
struct Entries(Vec<Entry>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    status: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator: String,
    #[serde(rename = "valueString")]
    values: String,
    fingerprint: String,
}

/// The alerts in a body; `source` is `alertmanager` or `grafana`. A resolved one is the end of the alert with the same
/// fingerprint.
///
/// # Errors
/// Why it is no body of either, for the sender.
pub fn read(source: &str, body: &[u8]) -> Result<Vec<RawAlert>, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| format!("not as {source} writes it: {error}"))?;
    match body.alerts {
        Some(Entries(entries)) if entries.len() > MOST => {
            Err(format!("more than {MOST} alerts; set max_alerts in the sender"))
        }
        Some(Entries(entries)) => {
            let mut alerts: Vec<RawAlert> = entries.into_iter().map(|entry| entry.alert(source)).collect();
            if let (Some(last), 1..) = (alerts.last_mut(), body.truncated) {
                last.left_out
                    .push(format!("{} more alerts that the sender cut off", body.truncated));
            }
            Ok(alerts)
        }
        None if body.state.is_empty() => Err(format!("not as {source} writes it: neither alerts nor state")),
        None => Ok(Vec::from_iter(body.old_grafana(source))),
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while entries.len() <= MOST {
            match list.next_element()? {
                Some(entry) => entries.push(entry),
                None => return Ok(Entries(entries)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entries(entries))
    }
}

impl Entry {
    fn alert(self, source: &str) -> RawAlert {
        let label = |names: &[&str]| {
            let found = names.iter().find_map(|name| self.labels.get(*name));
            found.cloned().unwrap_or_default()
        };
        let texts =
            ["summary", "description", "message"].map(|name| self.annotations.get(name).map_or("", String::as_str));
        let mut text: Vec<&str> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
        text.dedup();
        let ended = self.status == "resolved";
        let key = match self.fingerprint.as_str() {
            "" => String::new(),
            fingerprint => format!("{source}/{fingerprint}"),
        };
        RawAlert {
            source: source.to_owned(),
            event: label(&["alertname"]),
            camera: label(&["camera", "instance", "host", "node", "device", "job"]),
            severity: severity(&label(&["severity", "priority", "level"])).unwrap_or_default(),
            text: text.join("\n"),
            claimed_at: if ended { self.ends_at } else { self.starts_at },
            meta: meta(self.labels, &self.generator, &self.values),
            key,
            ended,
            ..RawAlert::default()
        }
    }
}

impl Body {
    /// The alert of a Grafana before version 9; nothing for states that are neither good nor bad.
    fn old_grafana(self, source: &str) -> Option<RawAlert> {
        let (ended, severity) = match self.state.as_str() {
            "ok" => (true, Severity::Info),
            "alerting" => (false, Severity::Critical),
            "no_data" => (false, Severity::Warning),
            _ => return None,
        };
        Some(RawAlert {
            source: source.to_owned(),
            event: if self.rule_name.is_empty() {
                self.title
            } else {
                self.rule_name
            },
            camera: source.to_owned(),
            severity,
            text: self.message,
            meta: meta(BTreeMap::new(), &self.rule_url, ""),
            ended,
            ..RawAlert::default()
        })
    }
}

fn meta(labels: BTreeMap<String, String>, link: &str, values: &str) -> Value {
    let mut all: serde_json::Map<String, Value> =
        labels.into_iter().map(|(name, value)| (name, value.into())).collect();
    for (name, value) in [("link", link), ("values", values)] {
        if !value.is_empty() {
            all.insert(name.to_owned(), value.into());
        }
    }
    match all.is_empty() {
        true => Value::Null,
        false => Value::Object(all),
    }
}

/// The most alerts in one post; `max_alerts` of Alertmanager bounds what it sends.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn firing_and_resolved_alerts_share_their_key() {
        let body = json!({
            "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 3, "status": "firing", "receiver": "sms",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.example:9093",
            "alerts": [
                {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "db1:9100", "severity": "critical"},
                 "annotations": {"summary": "disk is full", "description": "97 %"}, "startsAt": "2026-01-31T08:00:00.1Z",
                 "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p.example/graph", "fingerprint": "b4"},
                {"status": "resolved", "labels": {"alertname": "DiskFull", "instance": "db1:9100"}, "annotations": {},
                 "startsAt": "2026-01-31T08:00:00Z", "endsAt": "2026-01-31T09:00:00Z", "fingerprint": "b4"},
            ]
        });
        let alerts = read("alertmanager", body.to_string().as_bytes()).expect("alerts");
        let [firing, resolved] = alerts.as_slice() else {
            panic!("two: {alerts:?}")
        };
        assert_eq!(
            (firing.event.as_str(), firing.camera.as_str()),
            ("DiskFull", "db1:9100")
        );
        assert_eq!(
            (firing.severity, firing.text.as_str()),
            (Severity::Critical, "disk is full\n97 %")
        );
        assert_eq!(firing.meta["link"], "http://p.example/graph");
        assert!(!firing.ended && resolved.ended);
        assert_eq!((firing.key.as_str(), &firing.key), ("alertmanager/b4", &resolved.key));
        assert_eq!(resolved.claimed_at, "2026-01-31T09:00:00Z");
        assert_eq!(resolved.left_out, ["3 more alerts that the sender cut off"]);
    }

    #[test]
    fn grafana_of_today_and_of_old_is_read() {
        let today = json!({"receiver": "r", "status": "firing", "orgId": 1, "title": "[FIRING:1]", "state": "alerting",
            "message": "m", "alerts": [{"status": "firing", "labels": {"alertname": "Hot"}, "annotations": {"summary": "hot"},
            "startsAt": "2026-01-31T08:00:00Z", "valueString": "[ var='A' value=9 ]", "values": {"A": 9},
            "fingerprint": "f", "silenceURL": "x", "imageURL": "http://x/y.png"}]});
        let alerts = read("grafana", today.to_string().as_bytes()).expect("alerts");
        assert_eq!((alerts[0].event.as_str(), alerts[0].key.as_str()), ("Hot", "grafana/f"));
        let old = |state: &str| {
            let body = json!({"ruleName": "Hot", "state": state, "message": "m", "title": "[Alerting] Hot"});
            read("grafana", body.to_string().as_bytes()).expect("alerts")
        };
        assert_eq!((old("alerting")[0].event.as_str(), old("ok")[0].ended), ("Hot", true));
        assert_eq!(old("pending"), []);
    }

    #[test]
    fn other_bodies_are_refused_with_a_reason() {
        for body in ["", "5", "[]", "{}", "{\"alerts\":5}", "{\"alerts\":[{\"labels\":[]}]}"] {
            let why = read("alertmanager", body.as_bytes()).expect_err("refused");
            assert!(why.starts_with("not as alertmanager writes it: "), "{body}: {why}");
        }
        let many = json!({ "alerts": vec![json!({}); MOST + 1] }).to_string();
        assert!(read("alertmanager", many.as_bytes()).is_err());
    }
}
