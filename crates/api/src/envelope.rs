//! Bodies that are no calls: what is wrong with them, in words.

use serde_json::Value;

use crate::codes::{Code, Refusal};

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

fn fault(call: &serde_json::Map<String, Value>) -> &'static str {
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
