//! The object of the first alert server: what its clients write on a line, and what `/alert` takes.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use message::RawAlert;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

use super::picture;
use super::said::{Said, severity};

/// What an object says.
#[derive(PartialEq)]
pub struct Object {
    /// Its token, where it has one.
    pub token: Option<String>,
    /// The alert.
    pub alert: RawAlert,
}

/// Why something is no alert: the sender's fault. The words show nothing of what it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObjectError {
    /// It is no text.
    #[error("not UTF-8")]
    Utf8,
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It is JSON, and no object.
    #[error("{0} instead of an object")]
    NoObject(&'static str),
}

impl Object {
    /// Reads an object with the fields `event`, `camera`, `timestamp`, `image_filename`, `image_b64` and `meta` of the
    /// first alert server's clients, and with `severity`, `text`, `key`, `ended` and `token`, which are new. All may be
    /// missing; other fields are ignored; where one is there twice the last one counts, as everywhere in Python. A value
    /// of another kind is taken as its JSON text. A picture that cannot be used is left out, and the alert says so.
    ///
    /// # Errors
    /// It is no JSON object in UTF-8.
    pub fn read(octets: &[u8]) -> Result<Self, ObjectError> {
        let text = std::str::from_utf8(octets).map_err(|_| ObjectError::Utf8)?.trim();
        if let Some(kind) = other_kind(text) {
            return match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => Err(ObjectError::NoObject(kind)),
                Err(error) => Err(ObjectError::Json(error.to_string())),
            };
        }
        let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| ObjectError::Json(error.to_string()))?;
        Ok(fields.object())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_tuple("Object").field(&self.alert).finish()
    }
}

/// What a JSON text is, where it is no object.
fn other_kind(text: &str) -> Option<&'static str> {
    Some(match text.bytes().next()? {
        b'{' => return None,
        b'[' => "a list",
        b'"' => "a text",
        b'-' | b'0'..=b'9' => "a number",
        b't' | b'f' => "a truth value",
        b'n' => "null",
        _ => return None,
    })
}

#[derive(Default)]
struct Fields<'j> {
    event: String,
    camera: String,
    timestamp: String,
    severity: String,
    text: String,
    key: String,
    ended: bool,
    meta: serde_json::Value,
    token: Option<String>,
    image_filename: String,
    image: Option<Cow<'j, str>>,
}

impl Fields<'_> {
    fn object(self) -> Object {
        let mut alert = RawAlert {
            source: SOURCE.to_owned(),
            severity: severity(&self.severity).unwrap_or_default(),
            event: self.event,
            camera: self.camera,
            claimed_at: self.timestamp,
            text: self.text,
            key: self.key,
            ended: self.ended,
            meta: self.meta,
            ..RawAlert::default()
        };
        if let Some(image) = self.image.filter(|image| !image.is_empty()) {
            match decode(&image) {
                Some(octets) => picture::add(&mut alert, &self.image_filename, octets),
                None => picture::leave_out(&mut alert, &self.image_filename, "it is not in base64"),
            }
        }
        Object {
            token: self.token,
            alert,
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<Said<'de>>()? {
            let mut said = || map.next_value::<Said<'de>>();
            match name.into_text().as_deref().unwrap_or_default() {
                "event" => fields.event = said()?.into_string(),
                "camera" => fields.camera = said()?.into_string(),
                "timestamp" => fields.timestamp = said()?.into_string(),
                "severity" => fields.severity = said()?.into_string(),
                "text" => fields.text = said()?.into_string(),
                "key" => fields.key = said()?.into_string(),
                "ended" => fields.ended = said()?.is_true(),
                "meta" => fields.meta = said()?.into_value(),
                "token" => fields.token = said()?.into_text().map(Cow::into_owned),
                "image_filename" => fields.image_filename = said()?.into_string(),
                "image_b64" => fields.image = said()?.into_text(),
                // It takes no memory: whoever wrote it may have no token.
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }
}

/// Base64 as senders write it: with or without padding, in lines, or as a `data:` URL.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => text,
    };
    if let Ok(octets) = BASE64.decode(text) {
        return Some(octets);
    }
    let in_lines = text.contains(|c: char| c.is_ascii_whitespace());
    let whole = || text.chars().filter(|c| !c.is_ascii_whitespace()).collect::<String>();
    in_lines.then(|| BASE64.decode(whole()).ok()).flatten()
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The name of this source.
const SOURCE: &str = "dvr";

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use message::Severity;
    use serde_json::{Value, json};

    use super::super::picture::tests::jpeg;
    use super::*;

    fn read(value: &Value) -> RawAlert {
        Object::read(value.to_string().as_bytes()).expect("an object").alert
    }

    #[test]
    fn a_line_of_the_first_client_is_an_alert() {
        let image = STANDARD.encode(jpeg(640, 480));
        let line = format!(
            "{{\"event\": \"MOTION_DETECTED\", \"camera\": \"cam1\", \"timestamp\": \"2026-01-31T08:00:00.123456Z\", \
             \"image_filename\": \"a.jpg\", \"image_b64\": \"{image}\"}}\r"
        );
        let alert = Object::read(line.as_bytes()).expect("an object").alert;
        assert_eq!(
            (alert.event.as_str(), alert.camera.as_str()),
            ("MOTION_DETECTED", "cam1")
        );
        assert_eq!(alert.claimed_at, "2026-01-31T08:00:00.123456Z");
        assert_eq!(
            (alert.images[0].name.as_str(), &alert.images[0].octets),
            ("a.jpg", &jpeg(640, 480))
        );
        assert_eq!(alert.source, "dvr");
    }

    #[test]
    fn nothing_is_needed_and_any_kind_is_taken() {
        let alert = read(&json!({}));
        assert_eq!(
            (alert.event.as_str(), alert.camera.as_str(), alert.meta),
            ("", "", Value::Null)
        );
        let alert =
            read(&json!({"event": 5, "camera": null, "meta": [1, {"a": 2.5}], "ended": 1, "severity": "CRITICAL"}));
        assert_eq!((alert.event.as_str(), alert.camera.as_str()), ("5", ""));
        assert_eq!(alert.meta, json!([1, {"a": 2.5}]));
        assert!(alert.ended);
        assert_eq!(alert.severity, Severity::Critical);
        let twice = Object::read(br#"{"event":"a","event":"b","x":[[[]]]}"#).expect("an object");
        assert_eq!(twice.alert.event, "b");
    }

    #[test]
    fn a_long_value_of_another_kind_takes_no_memory() {
        let list = format!("[{}0]", "0,".repeat(1_000_000));
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let line = format!("{{\"x\":{list},\"y\":{deep},\"event\":{list},\"meta\":{list}}}");
        let alert = Object::read(line.as_bytes()).expect("an object").alert;
        assert!(alert.event.starts_with("[0,0,") && alert.event.len() < 50_000);
        assert!(alert.meta.as_array().is_some_and(|list| list.len() < 50_000));
        let kept = message::NewAlert::clean(alert, jiff::Timestamp::UNIX_EPOCH).alert;
        assert!(
            kept.left_out[0].starts_with("what else it said: longer than"),
            "{:?}",
            kept.left_out
        );
    }

    #[test]
    fn what_is_no_object_is_told_without_showing_it() {
        for (line, told) in [
            (&b"[]"[..], "a list instead of an object"),
            (b"5", "a number instead of an object"),
            (b"\"secret\"", "a text instead of an object"),
            (b"null", "null instead of an object"),
            (
                b"{\"event\": \"secret",
                "not JSON: EOF while parsing a string at line 1 column 17",
            ),
            (b"{\"event\": \"\xff\"}", "not UTF-8"),
            (b"[1", "not JSON: EOF while parsing a list at line 1 column 2"),
            (b"GET / HTTP/1.1", "not JSON: expected value at line 1 column 1"),
        ] {
            assert_eq!(Object::read(line).expect_err("refused").to_string(), told);
        }
        assert!(Object::read("[".repeat(100_000).as_bytes()).is_err());
        assert!(Object::read(format!("{{\"meta\":{}", "[".repeat(100_000)).as_bytes()).is_err());
    }

    #[test]
    fn a_picture_comes_in_any_base64_and_without_one_the_alert_goes_on() {
        let plain = STANDARD.encode(jpeg(9, 9));
        let unpadded = plain.trim_end_matches('=').to_owned();
        let in_lines = format!("{}\n{}\n", &plain[..20], &plain[20..]);
        for image in [
            plain.clone(),
            unpadded,
            in_lines,
            format!("data:image/jpeg;base64,{plain}"),
        ] {
            assert_eq!(read(&json!({ "image_b64": image })).images.len(), 1);
        }
        for broken in ["!!!", "abc=def", "data:x", "4"] {
            let alert = read(&json!({ "event": "E", "image_b64": broken, "image_filename": "../../x" }));
            assert_eq!((alert.event.as_str(), alert.images.len()), ("E", 0));
            assert!(
                alert.left_out[0].starts_with("picture ../../x: it is"),
                "{:?}",
                alert.left_out
            );
        }
        assert_eq!(read(&json!({ "image_b64": "" })).left_out, Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = Object::read(&line);
        }
    }
}
