//! A JSON value from outside, of any kind, whose text is not copied where it need not be; and of which no more than
//! somebody may use takes memory, since a value can take twenty times its text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use message::Severity;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A value as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said<'j> {
    /// A text.
    Text(Cow<'j, str>),
    /// Anything else; of lists and objects what comes first, once their JSON is longer than [`VALUE_MOST`].
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

    /// It where it is a text or a number.
    fn into_word(self) -> Option<Cow<'j, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(Value::Number(number)) => Some(Cow::Owned(number.to_string())),
            Self::Other(_) => None,
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
        Part(&mut { VALUE_MOST }).visit_seq(list).map(Said::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Part(&mut { VALUE_MOST }).visit_map(map).map(Said::Other)
    }
}

/// As much of a value as there is room for, in octets of its JSON; what comes then is read and not kept.
struct Part<'r>(&'r mut usize);

impl Part<'_> {
    fn takes(&mut self, octets: usize) {
        *self.0 = self.0.saturating_sub(octets);
    }

    fn scalar<E>(mut self, value: impl Into<Value>) -> Result<Value, E> {
        let value = value.into();
        self.takes(value.as_str().map_or(1, |text| text.len() + 2));
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.scalar(text)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        self.scalar(flag)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.scalar(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.scalar(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        self.scalar(number)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while *self.0 > 0 {
            self.takes(1);
            match list.next_element_seed(Part(self.0))? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while *self.0 > 0 {
            let Some(name) = map.next_key::<String>()? else {
                return Ok(Value::Object(values));
            };
            self.takes(name.len() + 4);
            let value = map.next_value_seed(Part(self.0))?;
            values.insert(name, value);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(values))
    }
}

/// Whatever is made of the texts and numbers of a JSON object, one after the other.
pub(super) trait Fields: Default {
    /// The name of a field that, where it is an object, is the one to read.
    const WRAPPED: Option<&str>;

    /// Takes a field.
    fn take(&mut self, name: &str, value: &str);
}

/// Reads the fields of a JSON object. Those that are no texts and no numbers are left out.
///
/// # Errors
/// It is no JSON, or no object.
pub(super) fn fields<F: Fields>(json: &[u8]) -> serde_json::Result<F> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let fields = deserializer.deserialize_map(Reading(PhantomData))?;
    deserializer.end()?;
    Ok(fields)
}

struct Reading<F>(PhantomData<F>);

impl<'de, F: Fields> Visitor<'de> for Reading<F> {
    type Value = F;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<F, A::Error> {
        let (mut fields, mut wrapped) = (F::default(), None);
        while let Some(name) = map.next_key::<Said<'de>>()?.map(Said::into_string) {
            if F::WRAPPED == Some(name.as_str()) {
                wrapped = Some(map.next_value_seed(Self(PhantomData))?);
                continue;
            }
            if let Some(value) = map.next_value::<Said<'de>>()?.into_word() {
                fields.take(&name, &value);
            }
        }
        Ok(wrapped.unwrap_or(fields))
    }
}

impl<'de, F: Fields> DeserializeSeed<'de> for Reading<F> {
    type Value = F;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<F, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// What of a list or an object is kept, in octets of its JSON: more than an alert keeps of anything but pictures, so
/// that what is cut here is cut or left out with a note there.
const VALUE_MOST: usize = 20_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str::<Said<'_>>(text).expect("a value").into_value()
    }

    #[test]
    fn a_value_is_what_it_says() {
        for text in [
            "null",
            "[]",
            "{}",
            "[1,-2,2.5,\"\\u00e4\",true,null,{\"a\":[{}]}]",
            "{\"a\":{\"b\":\"c\"}}",
        ] {
            assert_eq!(value(text), serde_json::from_str::<Value>(text).expect("JSON"));
        }
        let whole: Vec<u32> = (0..3000).collect();
        assert_eq!(value(&json!(whole).to_string()), json!(whole));
    }

    #[test]
    fn a_value_that_is_too_long_takes_no_more_than_its_beginning() {
        for piece in ["0", "\"\"", "[]", "{}", "{\"\":0}", "[[0]]"] {
            let list = format!("[{}{piece}]", format!("{piece},").repeat(1_000_000));
            for text in [list.clone(), format!("{{\"a\":{list}}}"), format!("[{list},{list}]")] {
                let length = value(&text).to_string().len();
                assert!((VALUE_MOST..VALUE_MOST * 4).contains(&length), "{piece}: {length}");
            }
        }
        let names: Vec<String> = (0..100_000).map(|name| format!("\"{name}\":{{}}")).collect();
        let length = value(&format!("{{{}}}", names.join(","))).to_string().len();
        assert!((VALUE_MOST..VALUE_MOST * 2).contains(&length), "{length}");
    }
}
