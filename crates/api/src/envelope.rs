//! What a body is before it is a call: open to all, or none, and then what is wrong with it, in words.
//!
//! The library below knows no ids below 0. [`Ids`] lets texts stand in for them, and puts them back into the answer.

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::codes::{Code, Refusal};
use crate::methods::{self, Need};

/// Whether `body` is a lone call of a method that needs no token. A batch is none: it may hold others.
pub(crate) fn is_open(body: &[u8]) -> bool {
    let Ok(call) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return false;
    };
    let method = call.get("method").and_then(Value::as_str).and_then(methods::by_name);
    method.is_some_and(|method| method.need == Need::Nothing)
}

/// The ids of a body's calls that the library below would not take, and what stands in for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids(Vec<String>);

impl Ids {
    /// The body with texts in the places of ids below 0.
    ///
    /// # Errors
    /// A lone call with an id that is none. In a batch such a call is answered as one without an id.
    pub(crate) fn stand_in(body: Bytes) -> Result<(Bytes, Self), Refusal> {
        let lone = body.trim_ascii_start().starts_with(b"{");
        let found: Vec<&RawValue> = match lone {
            true => id_of(&body).into_iter().collect(),
            false => serde_json::from_slice::<Vec<&RawValue>>(&body)
                .into_iter()
                .flatten()
                .filter_map(|call| id_of(call.get().as_bytes()))
                .collect(),
        };
        if lone && let Some(id) = found.iter().find(|id| !is_usable(id)) {
            let shown: String = id.get().chars().take(40).collect();
            let sentence = format!("the id of a call is {ID}, not {shown}");
            return Err(Refusal::new(Code::REQUEST, sentence));
        }
        let below: Vec<&RawValue> = found.into_iter().filter(|id| is_below_zero(id)).collect();
        if below.is_empty() {
            return Ok((body, Self::default()));
        }
        let mut adapted = Vec::with_capacity(body.len() + below.len() * STAND_IN.len());
        let mut done = 0;
        for id in &below {
            // Where the id lies in the body that it was borrowed from.
            let start = id.get().as_ptr().addr() - body.as_ptr().addr();
            adapted.extend_from_slice(&body[done..start]);
            adapted.extend_from_slice(stand_in(id.get()).as_bytes());
            done = start + id.get().len();
        }
        adapted.extend_from_slice(&body[done..]);
        let ids = below.iter().map(|id| id.get().to_owned()).collect();
        Ok((adapted.into(), Self(ids)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer with the ids as the caller wrote them.
    pub(crate) fn put_back(&self, answer: &str) -> String {
        self.0.iter().fold(answer.to_owned(), |answer, id| {
            answer.replace(&format!("\"id\":{}", stand_in(id)), &format!("\"id\":{id}"))
        })
    }
}

/// The id of a call, as it is written.
fn id_of(call: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Call<'a> {
        #[serde(borrow, default)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Call<'_>>(call).ok()?.id
}

fn is_usable(id: &RawValue) -> bool {
    is_below_zero(id) || serde_json::from_str::<Value>(id.get()).is_ok_and(|id| is_id(&id))
}

fn is_below_zero(id: &RawValue) -> bool {
    id.get().starts_with('-') && id.get().parse::<i64>().is_ok()
}

/// The text for an id below 0. No client has a reason to begin its own so.
fn stand_in(id: &str) -> String {
    format!("\"{STAND_IN}{id}\"")
}

const STAND_IN: &str = "simrelay whole number ";

/// What an id is, as in "the id is …".
pub(crate) const ID: &str = "a text or a whole number";

/// Says why `body` was not understood, and the id to answer to, where there is one.
pub(crate) fn explain(body: &[u8], most: u32) -> (Value, Refusal) {
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => {
            return (
                Value::Null,
                Refusal::new(Code::PARSE, format!("the body is not JSON: {error}")),
            );
        }
    };
    match &body {
        Value::Object(call) => {
            let id = call.get("id").filter(|id| is_id(id)).cloned().unwrap_or_default();
            (id, Refusal::new(Code::REQUEST, fault(call)))
        }
        Value::Array(calls) if calls.len() > most as usize => {
            let sentence = format!("a batch holds at most {most} calls, this one has {}", calls.len());
            (Value::Null, Refusal::new(Code::BATCH_TOO_LARGE, sentence))
        }
        _ => (
            Value::Null,
            Refusal::new(Code::REQUEST, "the body is neither a call nor a batch of calls"),
        ),
    }
}

fn fault(call: &Map<String, Value>) -> &'static str {
    if call.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return "a call says \"jsonrpc\": \"2.0\"";
    }
    if !call.get("method").is_some_and(Value::is_string) {
        return "a call names its method: \"method\": \"ping\"";
    }
    if call.get("id").is_some_and(|id| !is_id(id)) {
        return "the id of a call is a text or a whole number";
    }
    "the call holds a member that JSON-RPC 2.0 does not know, or one twice"
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_u64() || id.is_i64() || id.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lone_ping_is_open() {
        assert!(is_open(br#" {"jsonrpc": "2.0", "id": 1, "method": "ping"}"#));
        for shut in [
            r#"{"jsonrpc": "2.0", "id": 1, "method": "sms.send"}"#,
            r#"{"jsonrpc": "2.0", "id": 1, "method": "ping","method": "sms.send"}"#,
            r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#,
            r#"{"jsonrpc": "2.0", "id": 1, "method": "ping""#,
            r#"["ping"]"#,
            "",
        ] {
            assert!(!is_open(shut.as_bytes()), "{shut}");
        }
    }

    #[test]
    fn an_id_below_zero_comes_back_as_it_was_written() {
        let body =
            Bytes::from_static(br#"[{"id": -7, "method": "ping"}, {"id":"-7"}, {"id": -0, "params": {"id": -9}}]"#);
        let (adapted, ids) = Ids::stand_in(body).expect("ids");
        let adapted = std::str::from_utf8(&adapted).expect("a text");
        assert_eq!(
            adapted,
            r#"[{"id": "simrelay whole number -7", "method": "ping"}, {"id":"-7"}, {"id": "simrelay whole number -0", "params": {"id": -9}}]"#
        );
        let answer = r#"[{"jsonrpc":"2.0","id":"simrelay whole number -7"},{"id":"-7"}]"#;
        assert_eq!(ids.put_back(answer), r#"[{"jsonrpc":"2.0","id":-7},{"id":"-7"}]"#);
    }

    #[test]
    fn usual_ids_change_nothing_and_impossible_ones_are_named() {
        for body in [
            r#"{"id":7}"#,
            r#"{"id":"x"}"#,
            r#"{"id":null}"#,
            "{}",
            "[1",
            "",
            r#"[{"id":1.5}]"#,
        ] {
            let (same, ids) = Ids::stand_in(Bytes::from(body)).expect("taken");
            assert!(same == body && ids.is_empty(), "{body}");
        }
        for id in ["1.5", "1e3", "18446744073709551616", "{}", "[]", "true", "-1.5"] {
            let refusal = Ids::stand_in(Bytes::from(format!("{{\"id\": {id}}}"))).expect_err("refused");
            assert_eq!(refusal.code, Code::REQUEST);
            assert_eq!(
                refusal.sentence,
                format!("the id of a call is a text or a whole number, not {id}")
            );
        }
    }

    #[test]
    fn a_body_that_is_no_call_is_told_what_is_wrong() {
        for (body, number, words) in [
            ("", -32700, "not JSON"),
            ("{\"jsonrpc\": \"2.0\",", -32700, "line 1 column 18"),
            ("7", -32600, "neither a call nor a batch"),
            (r#"{"id": 1, "method": "ping"}"#, -32600, "\"jsonrpc\": \"2.0\""),
            (r#"{"jsonrpc": "2.0", "id": 1}"#, -32600, "names its method"),
            (
                r#"{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}"#,
                -32600,
                "a text or a whole number",
            ),
            ("[1,2,3]", 1007, "at most 2 calls, this one has 3"),
        ] {
            let (_, refusal) = explain(body.as_bytes(), 2);
            assert_eq!(refusal.code.number, number, "{body}");
            assert!(refusal.sentence.contains(words), "{body}: {}", refusal.sentence);
        }
        let (id, _) = explain(br#"{"id": "x", "method": "ping"}"#, 2);
        assert_eq!(id, "x");
    }
}
