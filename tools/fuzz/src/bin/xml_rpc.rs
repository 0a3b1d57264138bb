//! Calls of XML-RPC: reading never panics and never takes more than a few times the body, and what was read is the same
//! after it was written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The pure room alone: the crate around it brings TLS, HTTP and the database, which would be instrumented for nothing.
#[path = "../../../../crates/api/src/xml_rpc/wire.rs"]
#[allow(dead_code, reason = "answers and faults are the gateway's")]
mod wire;

use wire::{Call, Value};

fuzz_target!(|body: &[u8]| {
    let Ok(call) = Call::decode(body) else { return };
    assert!(call.params.iter().map(size).sum::<usize>() <= 64 * body.len());
    let mut written = String::from("<methodCall><methodName>m</methodName><params>");
    for param in &call.params {
        written.push_str("<param>");
        param.encode(&mut written);
        written.push_str("</param>");
    }
    written.push_str("</params></methodCall>");
    let again = Call::decode(written.as_bytes()).expect("what was written can be read");
    assert_eq!(again.params, call.params);
});

/// What a value takes, about.
fn size(value: &Value) -> usize {
    let inside = match value {
        Value::Text(text) => text.len(),
        Value::Octets(octets) => octets.len(),
        Value::List(values) => values.iter().map(size).sum(),
        Value::Struct(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    };
    inside + size_of::<Value>()
}
