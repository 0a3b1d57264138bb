//! Notifications of Icinga 2 (and of Nagios and its kin), posted by a notification command: JSON or a form.
//!
//! Icinga posts nothing by itself; `docs/alerts.md` has a command with curl. The names are those of the environment
//! variables of Icinga's own mail scripts and of Nagios' macros, in any case and with or without underscores.

use std::collections::BTreeMap;

use message::{RawAlert, Severity};

use super::said::{self, severity};

/// What a notification says.
#[derive(Debug, Default)]
struct Notification {
    host: String,
    service: String,
    state: String,
    kind: String,
    output: String,
    author: String,
    comment: String,
    at: String,
}

/// The alert in a notification; nothing for those that tell of no problem, as acknowledgements and downtimes. A recovery
/// is the end of the problem of the same host and service.
///
/// # Errors
/// Why it is no notification, for the sender.
pub fn read(content_type: &str, body: &[u8]) -> Result<Option<RawAlert>, String> {
    let is_form = content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("application/x-www-form-urlencoded");
    let known: Known = match is_form {
        true => form(body),
        false => said::fields(body).map_err(|error| format!("not a JSON object: {error}"))?,
    };
    let mut notification = Notification::default();
    for (name, value) in known.0 {
        if let Some(field) = notification.field(&name) {
            *field = value;
        }
    }
    match notification.host.is_empty() || notification.state.is_empty() {
        true => Err("no notification: host and state are needed".to_owned()),
        false => Ok(notification.alert()),
    }
}

fn form(body: &[u8]) -> Known {
    let mut known = Known::default();
    for (name, value) in form_urlencoded::parse(body) {
        said::Fields::take(&mut known, &name, &value);
    }
    known
}

/// The fields with names that are known, by these. What a service says comes after what its host says, and counts.
#[derive(Debug, Default)]
struct Known(BTreeMap<String, String>);

impl said::Fields for Known {
    const WRAPPED: Option<&str> = None;

    fn take(&mut self, name: &str, value: &str) {
        let letters = name.chars().filter(|c| *c != '_');
        let name = letters.collect::<String>().to_ascii_lowercase();
        if Notification::default().field(&name).is_some() {
            self.0.insert(name, value.to_owned());
        }
    }
}

impl Notification {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "host" | "hostname" => &mut self.host,
            "service" | "servicename" | "servicedesc" => &mut self.service,
            "state" | "servicestate" | "hoststate" => &mut self.state,
            "type" | "notificationtype" => &mut self.kind,
            "output" | "serviceoutput" | "hostoutput" => &mut self.output,
            "author" | "notificationauthor" | "notificationauthorname" => &mut self.author,
            "comment" | "notificationcomment" => &mut self.comment,
            "time" | "timet" | "longdatetime" | "longdate" => &mut self.at,
            _ => return None,
        })
    }

    fn alert(self) -> Option<RawAlert> {
        let ended = match self.kind.to_ascii_uppercase().as_str() {
            "" => ["OK", "UP"].contains(&self.state.to_ascii_uppercase().as_str()),
            "RECOVERY" | "FLAPPINGEND" | "FLAPPINGSTOP" => true,
            "PROBLEM" | "CUSTOM" | "FLAPPINGSTART" => false,
            _ => return None,
        };
        let flapping = match self.kind.to_ascii_uppercase().starts_with("FLAPPING") {
            true => "/flapping",
            false => "",
        };
        let event = match self.service.as_str() {
            "" => "host",
            service => service,
        };
        let said = match (self.author.as_str(), self.comment.as_str()) {
            (_, "") => String::new(),
            ("", comment) => comment.to_owned(),
            (author, comment) => format!("{author}: {comment}"),
        };
        let state = format!("{}: {}", self.state, self.output);
        let lines = [state.trim_end_matches([':', ' ']), said.as_str()];
        let severity = severity(&self.state).unwrap_or_default();
        Some(RawAlert {
            source: SOURCE.into(),
            key: format!("{SOURCE}/{}/{event}{flapping}", self.host),
            event: event.to_owned(),
            camera: self.host,
            severity: if ended { Severity::Info } else { severity },
            text: lines
                .into_iter()
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n"),
            claimed_at: self.at,
            ended,
            ..RawAlert::default()
        })
    }
}

const SOURCE: &str = "icinga";

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Option<RawAlert> {
        read("application/x-www-form-urlencoded; charset=utf-8", body.as_bytes()).expect("a notification")
    }

    #[test]
    fn a_problem_and_its_recovery_share_their_key() {
        let problem = form(
            "HOSTNAME=web1&SERVICEDESC=disk&SERVICESTATE=CRITICAL&NOTIFICATIONTYPE=PROBLEM&SERVICEOUTPUT=97+%25+full",
        );
        let problem = problem.expect("an alert");
        assert_eq!((problem.camera.as_str(), problem.event.as_str()), ("web1", "disk"));
        assert_eq!(
            (problem.text.as_str(), problem.severity),
            ("CRITICAL: 97 % full", Severity::Critical)
        );
        let json = br#"{"host_name":"web1","service_name":"disk","service_state":"OK","notification_type":"RECOVERY","timet":1769846400}"#;
        let over = read("application/json", json)
            .expect("a notification")
            .expect("an alert");
        assert!(over.ended && !problem.ended);
        assert_eq!(over.key, problem.key);
        assert_eq!(over.claimed_at, "1769846400");
    }

    #[test]
    fn what_a_service_says_counts_whatever_the_order_and_the_rest_is_not_kept() {
        for body in [
            "service_state=WARNING&HOSTSTATE=UP&host=a",
            "host=a&HOSTSTATE=UP&service_state=WARNING",
        ] {
            assert_eq!(form(body).expect("an alert").text, "WARNING");
        }
        let mut known = Known::default();
        for name in ["host", "H_O_S_T", "_host", "x", ""] {
            said::Fields::take(&mut known, name, "a");
        }
        assert_eq!(known.0.len(), 1);
        let list = format!("[{}0]", "0,".repeat(100_000));
        let json = format!("{{\"x\":{list},\"host\":\"a\",\"state\":{list},\"service_state\":\"DOWN\"}}");
        assert!(read("", json.as_bytes()).expect("a notification").is_some());
    }

    #[test]
    fn a_host_down_is_critical_and_a_comment_is_told() {
        let alert = form("host=web1&state=DOWN&type=CUSTOM&author=ann&comment=look&output=").expect("an alert");
        assert_eq!((alert.event.as_str(), alert.severity), ("host", Severity::Critical));
        assert_eq!(alert.text, "DOWN\nann: look");
    }

    #[test]
    fn what_is_no_problem_is_no_alert() {
        for kind in ["ACKNOWLEDGEMENT", "DOWNTIMESTART", "DOWNTIMEEND", "DOWNTIMEREMOVED"] {
            assert_eq!(form(&format!("host=a&state=DOWN&type={kind}")), None);
        }
        assert!(form("host=a&state=UP").expect("an alert").ended);
        for (kind, body) in [
            ("", ""),
            ("", "[]"),
            ("", "{}"),
            ("application/x-www-form-urlencoded", "host=a"),
        ] {
            assert!(read(kind, body.as_bytes()).is_err(), "{body}");
        }
    }
}
