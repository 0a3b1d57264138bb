//! `user_data.jsonl`: user data octets to text.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use tpdu::{Header, from_hex, ucs2};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn user_data_reads_as_its_source_says() {
    run("user_data.jsonl", EXCEPTIONS, |row, check| {
        match row.text("septets_unpacked") {
            Some(septets) => check_septets(row, septets, check),
            None => check_ucs2(row, check),
        }
    });
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "single segment 7bit implicit urdu",
        field: "text",
        reason: NO_SHIFT,
    },
    Exception {
        piece: "single segment 7bit shift urdu",
        field: "text",
        reason: NO_SHIFT,
    },
];
const NO_SHIFT: &str = "elements 0x18 and 0x19 are no shift tables, 0x24 and 0x25 are (23.040 9.2.3.24)";

fn check_septets(row: &Row, septets: &str, check: &mut Check) {
    let header = Header::decode_elements(&from_hex(row.text("udh_elements").unwrap()).unwrap()).unwrap();
    check.same(
        "text",
        &row.value["text"],
        header.tables().decode(&from_hex(septets).unwrap()),
    );
}

fn check_ucs2(row: &Row, check: &mut Check) {
    let parts = row.value["ud_parts"].as_array().unwrap();
    let octets: Vec<u8> = parts
        .iter()
        .flat_map(|part| from_hex(part.as_str().unwrap()).unwrap())
        .collect();
    match (ucs2::decode(&octets), row.text("error")) {
        (Ok(text), None) => check.same("text", &row.value["text"], text),
        (Err(_), Some(_)) => {}
        (ours, theirs) => check.wrong(format!("row {theirs:?}, ours {ours:?}")),
    }
}
