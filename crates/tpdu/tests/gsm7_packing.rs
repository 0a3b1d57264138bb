//! `gsm7_packing.jsonl`: septets to octets and back.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use tpdu::{Gsm7Tables, Language, from_hex, gsm7, to_hex};

use crate::vectors::{Check, Row, run};

#[test]
fn every_packing_is_met_both_ways() {
    run("gsm7_packing.jsonl", &[], |row, check| {
        match row.text("direction").unwrap() {
            "ussd" => check_ussd(row, check),
            direction => check_plain(row, direction, check),
        }
    });
}

fn check_ussd(row: &Row, check: &mut Check) {
    let text = row.text("text").unwrap();
    check.same(
        "packed",
        &row.value["packed"],
        to_hex(&gsm7::encode_packed(text).unwrap()),
    );
    let decoded = gsm7::decode_packed(&from_hex(row.text("packed").unwrap()).unwrap());
    check.same_if_told("decoded", &row.value["decoded"], decoded);
}

fn check_plain(row: &Row, direction: &str, check: &mut Check) {
    let text = row.text("text").unwrap();
    let fill = usize::try_from(row.number_of("fill_bits").unwrap()).unwrap();
    let tables = tables(row);
    let septets = tables.encode(text).unwrap();
    if direction != "decode" {
        let mut octets = Vec::new();
        gsm7::pack(&septets, fill, &mut octets);
        check.same("packed", &row.value["packed"], to_hex(&octets));
    }
    let count = row
        .number_of("septets")
        .map_or(septets.len(), |count| usize::try_from(count).unwrap());
    let octets = from_hex(row.text("packed").unwrap()).unwrap();
    check.same(
        "text",
        &row.value["text"],
        tables.decode(&gsm7::unpack(&octets, fill, count)),
    );
}

fn tables(row: &Row) -> Gsm7Tables {
    let language = |key| {
        row.number_of(key)
            .and_then(|id| Language::from_id(u8::try_from(id).unwrap()))
    };
    Gsm7Tables {
        locking: language("locking").filter(|found| found.has_locking()),
        single: language("single"),
    }
}
