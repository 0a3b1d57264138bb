//! Parameters: what each may hold, and what is wrong with those that do not.
//!
//! serde reads them. Only when it refuses, they are looked at again, field by field, to say in words which one is wrong.

use std::collections::BTreeMap;

use jiff::Timestamp;
use message::MessageId;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::codes::{Code, Refusal};
use crate::methods::Method;

/// One parameter of a method.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// True or false.
    Flag,
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// A time.
    Time,
    /// The id of a message.
    Id,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A parameter that must be given.
pub(crate) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field {
        name,
        kind,
        required: true,
        about,
    }
}

/// A parameter that may be left out.
pub(crate) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field {
        name,
        kind,
        required: false,
        about,
    }
}

/// Reads the parameters of a call.
pub(crate) fn read<P: DeserializeOwned>(method: &Method, params: Option<&str>) -> Result<P, Refusal> {
    let text = params.filter(|text| *text != "null").unwrap_or("{}");
    if text.starts_with('[') {
        return Err(positional(method));
    }
    serde_json::from_str(text).map_err(|error| explain(method, text, &error))
}

fn positional(method: &Method) -> Refusal {
    let names: Vec<_> = method
        .fields
        .iter()
        .map(|field| format!("\"{}\": …", field.name))
        .collect();
    let sentence = format!(
        "parameters are given by name, as {{{}}}, not as a list",
        names.join(", ")
    );
    Refusal::new(Code::PARAMS, sentence)
}

/// Says in words what serde refused.
fn explain(method: &Method, text: &str, error: &serde_json::Error) -> Refusal {
    let Ok(given) = serde_json::from_str::<Map<String, Value>>(text) else {
        return unreadable(method, text, error);
    };
    let unknown = given.keys().find(|name| method.field(name).is_none());
    if let Some(name) = unknown {
        let name = shown(name);
        let sentence = format!(
            "there is no parameter '{name}'; {} takes {}",
            method.name,
            method.names()
        );
        return Refusal::params(name, sentence);
    }
    let missing = method
        .fields
        .iter()
        .find(|field| field.required && !given.contains_key(field.name));
    if let Some(field) = missing {
        return Refusal::params(field.name, format!("'{}' is missing: {}", field.name, field.about));
    }
    let pairs = || {
        method
            .fields
            .iter()
            .filter_map(|field| Some((field, given.get(field.name)?)))
    };
    let wrong = pairs().find(|(field, value)| !value.is_null() && !field.kind.takes(value));
    let null = || pairs().find(|(_, value)| value.is_null());
    if let Some((field, value)) = wrong.or_else(null) {
        let sentence = format!("'{}' must be {}, not {}", field.name, field.kind.words(), what(value));
        return Refusal::params(field.name, sentence);
    }
    // Only a field given twice comes here.
    let reason = reason(error);
    let twice = reason
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.strip_suffix('`'));
    match twice {
        Some(name) => Refusal::params(name.to_owned(), format!("'{name}' is given twice")),
        None => Refusal::new(Code::PARAMS, reason),
    }
}

/// Says which parameter holds what no reader takes: half a surrogate pair, or too many levels.
fn unreadable(method: &Method, text: &str, error: &serde_json::Error) -> Refusal {
    if !text.trim_start().starts_with('{') {
        return Refusal::new(Code::PARAMS, format!("the parameters of {} are an object", method.name));
    }
    let Ok(given) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
        let sentence = format!("the parameters of {} cannot be read: {}", method.name, reason(error));
        return Refusal::new(Code::PARAMS, sentence);
    };
    let told = given.iter().find_map(|(name, value)| {
        let error = serde_json::from_str::<Value>(value.get()).err()?;
        let sentence = format!("'{}' cannot be read: {}", shown(name), reason(&error));
        Some(Refusal::params(shown(name), sentence))
    });
    told.unwrap_or_else(|| Refusal::new(Code::PARAMS, reason(error)))
}

/// What the reader says, without the place, which nobody can count to.
fn reason(error: &serde_json::Error) -> String {
    let error = error.to_string();
    let reason = error.split(" at line").next().unwrap_or_default();
    match reason {
        "recursion limit exceeded" => "it is nested too deep".into(),
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "half of a surrogate pair stands alone".into()
        }
        other => other.to_owned(),
    }
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Whole(least, most) => value.as_i64().is_some_and(|number| (least..=most).contains(&number)),
            Self::Time => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            Self::Id => value.as_str().is_some_and(|text| text.parse::<MessageId>().is_ok()),
            Self::Word(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        }
    }

    /// As in "must be …".
    fn words(self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Flag => "true or false".into(),
            Self::Whole(least, i64::MAX) => format!("a whole number from {least} on"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Time => "a time such as \"2026-11-22T10:00:00Z\"".into(),
            Self::Id => "the id of a message, as sms.send gave it".into(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// As JSON Schema writes it.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Whole(least, i64::MAX) => json!({"type": "integer", "minimum": least}),
            Self::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Id => json!({"type": "string", "format": "uuid"}),
            Self::Word(words) => json!({"type": "string", "enum": words}),
        }
    }
}

/// A value in a word or two; texts are not repeated, since they may be long or private.
fn what(value: &Value) -> String {
    match value {
        Value::Null => "null (leave it out instead)".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "this text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// A caller's word, short and clean enough to be quoted back.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use message::SendRequest;

    use super::*;
    use crate::methods;

    fn refusal(params: &str) -> (Option<String>, String) {
        let method = methods::by_name("sms.send").expect("a method");
        let refusal = read::<SendRequest>(method, Some(params)).expect_err("refused");
        assert_eq!(refusal.code, Code::PARAMS);
        (refusal.field.map(Into::into), refusal.sentence.into())
    }

    #[test]
    fn every_fault_names_its_field_and_what_would_be_right() {
        for (params, field, words) in [
            (r#"{"text": "x"}"#, Some("to"), "'to' is missing"),
            (
                r#"{"to": 49171, "text": "x"}"#,
                Some("to"),
                "'to' must be a text, not 49171",
            ),
            (
                r#"{"to": "1", "text": "x", "flahs": true}"#,
                Some("flahs"),
                "there is no parameter 'flahs'; sms.send takes to, text",
            ),
            (
                r#"{"to": "1", "text": "x", "flash": "yes"}"#,
                Some("flash"),
                "'flash' must be true or false, not this text",
            ),
            (
                r#"{"to": "1", "text": "x", "flash": null}"#,
                Some("flash"),
                "leave it out",
            ),
            (
                r#"{"to": "1", "text": "x", "priority": -1}"#,
                Some("priority"),
                "a whole number from 0 to 3, not -1",
            ),
            (
                r#"{"to": "1", "text": "x", "validity_s": 1.5}"#,
                Some("validity_s"),
                "whole number from 60 to 38102400, not 1.5",
            ),
            (
                r#"{"to": "1", "text": "x", "send_at": "soon"}"#,
                Some("send_at"),
                "a time such as",
            ),
            (
                r#"{"to": "1", "text": "x", "on_uncertain": "maybe"}"#,
                Some("on_uncertain"),
                "one of resend, hold",
            ),
            (
                r#"{"to": "1", "to": "2", "text": "x"}"#,
                Some("to"),
                "'to' is given twice",
            ),
            (
                r#"{"to": "1", "text": "\ud83d"}"#,
                Some("text"),
                "'text' cannot be read: half of a surrogate pair",
            ),
            (
                r#"["+49", "x"]"#,
                None,
                "parameters are given by name, as {\"to\": …, \"text\": …",
            ),
            ("7", None, "the parameters of sms.send are an object"),
        ] {
            let (named, sentence) = refusal(params);
            assert_eq!(named.as_deref(), field, "{params}");
            assert!(sentence.contains(words), "{params}: {sentence}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_told_as_such() {
        let deep = format!(r#"{{"text":"x","to":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let (field, sentence) = refusal(&deep);
        assert_eq!(field.as_deref(), Some("to"));
        assert_eq!(sentence, "'to' cannot be read: it is nested too deep");
    }

    #[test]
    fn a_caller_s_words_are_quoted_short_and_clean() {
        let (field, sentence) = refusal(&format!(r#"{{"to":"1","text":"x","\u0007{}":1}}"#, "y".repeat(500)));
        assert_eq!(field.map(|field| field.len()), Some(40));
        assert!(!sentence.contains('\u{7}') && sentence.len() < 400);
    }
}
