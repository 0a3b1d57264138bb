//! Every request and acknowledgement of the attendance protocol that is known byte for byte, both ways.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;

use consumers::attendance::protocol::{Content, Delimiter, Frame, v1, v2};

#[test]
fn requests_of_the_first_version_are_read_and_acknowledged_byte_for_byte() {
    for row in rows("attendance.jsonl") {
        let key = v1::Key::new(text(&row, "key")).unwrap();
        let plaintext = text(&row, "plaintext");
        let wire = text(&row, "request_wire");
        assert_eq!(plaintext.len() as u64, number(&row, "plaintext_bytes"), "{row}");
        assert_eq!(Delimiter::Dollar.wrap(&v1::encode(plaintext, &key)), wire, "{row}");
        assert_eq!(wire.len() as u64, number(&row, "request_septets"), "{row}");
        check_request(&row, &key, wire, "ack_wire", |text| text);
        let codes = String::from_utf8(octets(&row, "request_gsm_hex")).unwrap();
        check_request(&row, &key, &codes, "ack_gsm_hex", hex::encode);
        assert_eq!(
            text(&row, "ack_wire").len() as u64,
            number(&row, "ack_septets"),
            "{row}"
        );
    }
}

#[test]
fn a_request_of_several_parts_is_read_when_they_are_joined() {
    for row in rows("attendance.jsonl") {
        let Some(parts) = row.get("request_parts_hex").and_then(Value::as_array) else {
            assert_eq!(number(&row, "request_parts"), 1, "{row}");
            continue;
        };
        assert_eq!(parts.len() as u64, number(&row, "request_parts"), "{row}");
        let joined: Vec<u8> = parts
            .iter()
            .flat_map(|part| user_data(part.as_str().unwrap()))
            .collect();
        assert_eq!(joined, octets(&row, "request_gsm_hex"), "{row}");
        let key = v1::Key::new(text(&row, "key")).unwrap();
        let codes = String::from_utf8(joined).unwrap();
        check_request(&row, &key, &codes, "ack_gsm_hex", hex::encode);
    }
}

#[test]
fn requests_and_answers_of_the_second_version_are_read_and_written_byte_for_byte() {
    for row in rows("attendance_v2_proposal.jsonl") {
        let device_key: [u8; 32] = octets(&row, "device_key").try_into().unwrap();
        let key = v2::DeviceKey::new(&device_key);
        let key_id = u32::try_from(number(&row, "key_id")).unwrap();
        let wire = text(&row, "request_wire");
        let sealed = v2::Sealed::decode(&Frame::find(wire).unwrap()).unwrap();
        assert_eq!(sealed.key_id, key_id, "{row}");
        let request = sealed.request(&key).unwrap();
        assert_eq!(request.seal(key_id, &key, nonce(&row, "nonce")).unwrap(), wire, "{row}");
        assert_eq!(wire.len() as u64, number(&row, "request_septets"), "{row}");

        let plaintext = octets(&row, "ack_plaintext");
        assert_eq!(sealed.reference()[..], plaintext[9..], "{row}");
        let answer = v2::Answer {
            status: v2::Status::of(plaintext[0]),
            counter: request.counter,
            unix_time: u32::from_be_bytes(plaintext[5..9].try_into().unwrap()),
            request: sealed.reference(),
        };
        let wire = text(&row, "ack_wire");
        assert_eq!(answer.seal(key_id, &key, nonce(&row, "ack_nonce")), wire, "{row}");
        assert_eq!(wire.len() as u64, number(&row, "ack_septets"), "{row}");
        let back = v2::Sealed::decode(&Frame::find(wire).unwrap()).unwrap();
        assert_eq!(back.answer(&key), Ok(answer), "{row}");
    }
}

/// Reads a text, compares what it says, and answers it as it was delimited.
fn check_request(row: &Value, key: &v1::Key, wire: &str, answer: &str, show: impl Fn(String) -> String) {
    let frame = Frame::find(wire).unwrap();
    let Content::V1(body) = frame.content() else {
        panic!("{row}: not of the first version")
    };
    let request = v1::decode(body, key).unwrap();
    assert_eq!(request.plaintext(), text(row, "plaintext"), "{row}");
    assert_eq!(request.claim().status(), text(row, "status"), "{row}");
    assert_eq!(request.claim().time, text(row, "time"), "{row}");
    assert_eq!(request.acknowledgement(), text(row, "ack_plaintext"), "{row}");
    let acknowledgement = frame.delimiter.wrap(&v1::encode(&request.acknowledgement(), key));
    assert_eq!(show(acknowledgement), text(row, answer), "{row}");
}

/// What a part holds behind its user data header (TS 23.040 9.2.3.24).
fn user_data(part: &str) -> Vec<u8> {
    let octets = hex::decode(part).unwrap();
    octets[1 + usize::from(octets[0])..].to_vec()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{row}: no {field}"))
}

fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap_or_else(|| panic!("{row}: no {field}"))
}

fn octets(row: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(row, field)).unwrap()
}

fn nonce(row: &Value, field: &str) -> [u8; v2::NONCE] {
    octets(row, field).try_into().unwrap()
}

/// The rows of a file; none, with a message, where the vectors are missing.
fn rows(file: &str) -> Vec<Value> {
    let folder = env::var_os("SIMRELAY_VECTORS").map_or_else(default_folder, PathBuf::from);
    let path = folder.join(file);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(!rows.is_empty());
            rows
        }
        Err(error) if env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1") => {
            panic!("{}: {error}", path.display())
        }
        Err(error) => {
            eprintln!("skipped, no vectors: {}: {error}", path.display());
            Vec::new()
        }
    }
}

/// Beside the workspace; in a work tree of it, beside the first parent that has such a folder.
fn default_folder() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|folder| folder.join("shared/vectors"));
    beside
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| here.join("../../../shared/vectors"))
}
