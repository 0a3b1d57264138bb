//! What a body is before it is a call: open to all, or none, and then what is wrong with it, in words.

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
        return "the id of a call is a text, a whole number from 0 on, or null";
    }
    "the call holds a member that JSON-RPC 2.0 does not know, or one twice"
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_u64() || id.is_null()
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
    fn a_body_that_is_no_call_is_told_what_is_wrong() {
        for (body, number, words) in [
            ("", -32700, "not JSON"),
            ("{\"jsonrpc\": \"2.0\",", -32700, "line 1 column 18"),
            ("7", -32600, "neither a call nor a batch"),
            (r#"{"id": 1, "method": "ping"}"#, -32600, "\"jsonrpc\": \"2.0\""),
            (r#"{"jsonrpc": "2.0", "id": 1}"#, -32600, "names its method"),
            (
                r#"{"jsonrpc": "2.0", "id": -1, "method": "ping"}"#,
                -32600,
                "whole number from 0 on",
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
