//! A JSON value from outside, of any kind, whose text is not copied where it need not be.

use std::borrow::Cow;
use std::fmt;

use message::Severity;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said<'j> {
    /// A text.
    Text(Cow<'j, str>),
    /// Anything else.
    Other(Value),
}

impl<'j> Said<'j> {
    /// It as a text; nothing for null.
    pub(super) fn into_text(self) -> Option<Cow<'j, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(Value::Null) => None,
            Self::Other(other) => Some(Cow::Owned(other.to_string())),
        }
    }

    /// The same, a text of its own; empty for null.
    pub(super) fn into_string(self) -> String {
        self.into_text().map(Cow::into_owned).unwrap_or_default()
    }

    /// Whether it says yes, as Python and shell scripts do.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => ["1", "true", "yes", "on"].contains(&text.to_ascii_lowercase().as_str()),
            Self::Other(Value::Bool(flag)) => *flag,
            Self::Other(Value::Number(number)) => number.as_f64().is_some_and(|number| number != 0.0),
            Self::Other(_) => false,
        }
    }

    /// It as a value.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Other(value) => value,
        }
    }
}

/// The severity that a word of some alerting system means; nothing for words that mean none.
pub(super) fn severity(word: &str) -> Option<Severity> {
    let word = word.trim().to_ascii_lowercase();
    let found = |words: &[&str]| words.contains(&word.as_str());
    if found(&[
        "critical",
        "crit",
        "page",
        "error",
        "err",
        "high",
        "emergency",
        "emerg",
        "alert",
        "fatal",
        "disaster",
        "down",
        "unreachable",
    ]) {
        return Some(Severity::Critical);
    }
    if found(&["warning", "warn", "minor", "medium", "average", "unknown", "major"]) {
        return Some(Severity::Warning);
    }
    found(&[
        "info",
        "information",
        "informational",
        "notice",
        "none",
        "debug",
        "low",
        "ok",
        "up",
    ])
    .then_some(Severity::Info)
}

impl<'de> Deserialize<'de> for Said<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Hearing)
    }
}

struct Hearing;

impl<'de> Visitor<'de> for Hearing {
    type Value = Said<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Said::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Said::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Said::Text(Cow::Owned(text)))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Said::Other(Value::Null))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Said::Other(flag.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Said::Other(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Said::Other(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Said::Other(number.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Said::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Said::Other)
    }
}
