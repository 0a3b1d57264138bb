//! What people are told, in words.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use message::Alert;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::config::{Config, Shipped};
use super::incident::{Incident, Tally};
use crate::template::{TemplateError, named};

/// How alerts are put into words.
#[derive(Debug)]
pub(super) struct Words {
    subject: Template,
    body: Option<Template>,
    sms: Template,
    shipped: Shipped,
    zone: TimeZone,
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saying {
    /// What waits: one alert, or many.
    Told,
    /// The same as before, to somebody else.
    Again,
    /// It is over.
    Over,
}

/// A template of what is told about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(crate::template::Template<Field>);

/// What a template can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Number,
    Event,
    Camera,
    Severity,
    Source,
    Text,
    Time,
    Clock,
    Received,
    Count,
    Rule,
    Meta,
}

impl Words {
    /// In the words of these settings, which have no problems.
    pub(super) fn new(config: &Config) -> Self {
        let shipped = match config.template {
            Shipped::Simrelay => SUBJECT,
            Shipped::Dvr => DVR_SUBJECT,
        };
        let own = |own: Option<&str>| own.and_then(|own| Template::parse(own).ok());
        let read = |shipped| Template::parse(shipped).expect("a test reads every shipped template");
        Self {
            subject: own(config.subject.as_deref()).unwrap_or_else(|| read(shipped)),
            body: own(config.body.as_deref()),
            sms: own(Some(&config.sms_text)).unwrap_or_else(|| read(DVR_SUBJECT)),
            shipped: config.template,
            zone: config.zone(),
        }
    }

    /// The subject of a mail.
    pub(super) fn subject(&self, incident: &Incident, alert: &Alert, saying: Saying) -> String {
        let subject = self.subject.fill(incident, alert, &self.zone);
        match saying {
            Saying::Over => format!("{subject} (over)"),
            _ if incident.waiting.total > 1 => format!("{subject} ({} times)", incident.waiting.total),
            _ => subject,
        }
    }

    /// The body of a mail.
    pub(super) fn body(&self, incident: &Incident, alert: &Alert, saying: Saying) -> String {
        let mut body = match (&self.body, self.shipped) {
            (Some(own), _) => own.fill(incident, alert, &self.zone),
            (None, Shipped::Dvr) => dvr_body(alert),
            (None, Shipped::Simrelay) => self.own_body(incident, alert),
        };
        let before = incident.count.saturating_sub(incident.waiting.total);
        if incident.waiting.total > 1 || (before > 0 && saying == Saying::Told) {
            let _ = write!(body, "\n\n{}", self.digest(&incident.waiting));
            if before > 0 {
                let _ = write!(body, "\nAll in all {} times since the first.", incident.count);
            }
        }
        if let Some(since) = incident.ended_at {
            let _ = write!(body, "\n\nIt is over since {}.", self.long(since));
        }
        for left_out in &alert.left_out {
            let _ = write!(body, "\n\nLeft out: {left_out}.");
        }
        body
    }

    /// An SMS; `answer`: it says how to take it.
    pub(super) fn sms(&self, incident: &Incident, alert: &Alert, saying: Saying, answer: Option<&str>) -> String {
        let one = || {
            let filled = self.sms.fill(incident, alert, &self.zone);
            filled.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let mut text = match saying {
            Saying::Over => format!("Over: {} - {}", alert.event, alert.camera),
            Saying::Told if incident.waiting.total > 1 => self.digest(&incident.waiting),
            Saying::Told => one(),
            Saying::Again if incident.count > 1 => format!("Nobody answered: {} ({} times)", one(), incident.count),
            Saying::Again => format!("Nobody answered: {}", one()),
        };
        if text.chars().count() > SMS_MOST {
            text = text.chars().take(SMS_MOST).chain("...".chars()).collect();
        }
        match answer {
            Some(word) => format!("{text} Answer {word} {}.", incident.number),
            None => text,
        }
    }

    /// Many alerts in a sentence: `120 times MOTION_DETECTED from cam1 between … and …`.
    fn digest(&self, tally: &Tally) -> String {
        let (first, last) = tally.span.unwrap_or_default();
        let span = format!("between {} and {}", self.short(first, last), self.short(last, first));
        let named: u64 = tally.kinds.iter().map(|kind| kind.count).sum();
        let mut kinds = tally.kinds.clone();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        let list: Vec<String> = kinds
            .iter()
            .map(|kind| format!("{} times {} from {}", kind.count, kind.event, kind.camera))
            .collect();
        if let ([only], true) = (list.as_slice(), named == tally.total) {
            return format!("{only} {span}.");
        }
        let others = match tally.total - named {
            0 => String::new(),
            others => format!(", {others} others"),
        };
        format!("{} alerts {span}: {}{others}.", tally.total, list.join(", "))
    }

    fn own_body(&self, incident: &Incident, alert: &Alert) -> String {
        let mut body = String::new();
        if !alert.text.is_empty() {
            let _ = write!(body, "{}\n\n", alert.text);
        }
        let mut line = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(body, "{name:<10}{value}");
            }
        };
        line("Event:", &alert.event);
        line("Camera:", &alert.camera);
        line("Severity:", alert.severity.word());
        line("Time:", &alert.claimed_at);
        line("Received:", &self.long(alert.received_at));
        line("Source:", &alert.source);
        line("Number:", &incident.number.to_string());
        line("Rule:", &incident.rule);
        if !alert.meta.is_null() {
            line("Meta:", &dumped(&alert.meta));
        }
        body.trim_end().to_owned()
    }

    fn long(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime(LONG).to_string()
    }

    /// A time, with its date where the other one has another.
    fn short(&self, at: Timestamp, other: Timestamp) -> String {
        let (at, other) = (at.to_zoned(self.zone.clone()), other.to_zoned(self.zone.clone()));
        match at.date() == other.date() {
            true => at.strftime("%H:%M:%S").to_string(),
            false => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(source: &str) -> Result<Self, TemplateError> {
        crate::template::Template::parse(source, |name| named(&FIELDS, name)).map(Self)
    }

    fn fill(&self, incident: &Incident, alert: &Alert, zone: &TimeZone) -> String {
        self.0.fill(|field, out| field.write(incident, alert, zone, out))
    }
}

impl Field {
    fn write(self, incident: &Incident, alert: &Alert, zone: &TimeZone, out: &mut String) {
        let local = |form: &str| alert.received_at.to_zoned(zone.clone()).strftime(form).to_string();
        match self {
            Self::Number => out.push_str(&incident.number.to_string()),
            Self::Event => out.push_str(&alert.event),
            Self::Camera => out.push_str(&alert.camera),
            Self::Severity => out.push_str(alert.severity.word()),
            Self::Source => out.push_str(&alert.source),
            Self::Text => out.push_str(&alert.text),
            Self::Time if alert.claimed_at.is_empty() => out.push_str(&local(LONG)),
            Self::Time => out.push_str(&alert.claimed_at),
            Self::Clock => out.push_str(&local("%H:%M")),
            Self::Received => out.push_str(&local(LONG)),
            Self::Count => out.push_str(&incident.count.to_string()),
            Self::Rule => out.push_str(&incident.rule),
            Self::Meta if alert.meta.is_null() => {}
            Self::Meta => out.push_str(&dumped(&alert.meta)),
        }
    }
}

/// The body that the alert server of the DVRs writes, line by line.
fn dvr_body(alert: &Alert) -> String {
    let time = match alert.claimed_at.is_empty() {
        true => alert.received_at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        false => alert.claimed_at.clone(),
    };
    let mut lines = vec![
        format!("Event: {}", alert.event),
        format!("Camera: {}", alert.camera),
        format!("Timestamp: {time}"),
    ];
    if !alert.meta.is_null() {
        lines.push(format!("Meta: {}", dumped(&alert.meta)));
    }
    lines.extend(
        alert
            .images
            .iter()
            .map(|image| format!("Image attached: {}", image.name)),
    );
    lines.join("\n")
}

/// JSON as Python writes it: a blank after each comma and colon, and ASCII alone.
fn dumped(value: &Value) -> String {
    let mut octets = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut octets, Python));
    match (written, String::from_utf8(octets)) {
        (Ok(()), Ok(text)) => text,
        _ => value.to_string(),
    }
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        let mut units = [0; 2];
        for letter in fragment.chars() {
            match letter.is_ascii() {
                true => write!(writer, "{letter}")?,
                false => letter
                    .encode_utf16(&mut units)
                    .iter()
                    .try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?,
            }
        }
        Ok(())
    }
}

const FIELDS: [(&str, Field); 12] = [
    ("number", Field::Number),
    ("event", Field::Event),
    ("camera", Field::Camera),
    ("severity", Field::Severity),
    ("source", Field::Source),
    ("text", Field::Text),
    ("time", Field::Time),
    ("clock", Field::Clock),
    ("received", Field::Received),
    ("count", Field::Count),
    ("rule", Field::Rule),
    ("meta", Field::Meta),
];

const SUBJECT: &str = "[{severity}] {event} - {camera}";
const DVR_SUBJECT: &str = "DVR ALERT: {event} - {camera}";
const LONG: &str = "%Y-%m-%d %H:%M:%S %:z";
/// How long an SMS may get before its end is cut, in letters: two parts with the word how to answer.
const SMS_MOST: usize = 280;
