//! What phones send to the attendance consumer: reading never panics, what is read can be answered, and the answer is
//! read again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

// The pure room alone: the crate around it brings mail, TLS and the database, which would be instrumented for nothing.
#[path = "../../../../crates/consumers/src/attendance/protocol/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the target does not use all of it")]
mod protocol;

use protocol::{Content, Frame, Refusal, v1, v2};

static SHARED: LazyLock<v1::Key> = LazyLock::new(|| v1::Key::new("0123456789abcdef").expect("16 octets"));
static DEVICE: LazyLock<v2::DeviceKey> = LazyLock::new(|| v2::DeviceKey::new(&[7; 32]));

fuzz_target!(|octets: &[u8]| {
    let text = String::from_utf8_lossy(octets);
    first(&text);
    second(&text);
    as_plaintext(&text);
    let Some(frame) = Frame::find(&text) else { return };
    match frame.content() {
        Content::V1(body) => drop(v1::decode(body, &SHARED)),
        Content::V2(_) => drop(v2::Sealed::decode(&frame).and_then(|sealed| sealed.request(&DEVICE))),
    }
});

/// As the body of a frame of the first version.
fn first(body: &str) {
    if let Ok(request) = v1::decode(body, &SHARED) {
        as_plaintext(request.plaintext());
    }
}

/// As the body of a frame of the second version.
fn second(body: &str) {
    let text = format!("$$2:{body}$$");
    let Some(frame) = Frame::find(&text) else { return };
    if let Ok(sealed) = v2::Sealed::decode(&frame) {
        assert!(sealed.request(&DEVICE).is_err(), "nobody guesses a seal");
    }
}

/// As what somebody with the key wrote.
fn as_plaintext(plaintext: &str) {
    let request = match v1::decode(&v1::encode(plaintext, &SHARED), &SHARED) {
        Err(Refusal::Acknowledgement) => return,
        read => read.expect("what was written is read"),
    };
    assert_eq!(request.plaintext(), plaintext);
    let _ = request.claim().clock();
    let answer = v1::encode(&request.acknowledgement(), &SHARED);
    assert_eq!(v1::decode(&answer, &SHARED), Err(Refusal::Acknowledgement));
}
