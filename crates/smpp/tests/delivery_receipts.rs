//! Receipts of message centres in the field, read and, where their source builds them, written.

mod support;

use serde_json::{Value, json};
use smpp::{Octets, Receipt, Tag, Tlvs};
use support::{Differences, Exception, run};

const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "<yyMMddHHmm>",
        field: "submit_date",
        reason: "the row holds the place of a date, which is read as it stands",
    },
    Exception {
        piece: "<yyMMddHHmm>",
        field: "done_date",
        reason: "the row holds the place of a date, which is read as it stands",
    },
    Exception {
        piece: "mmg_de",
        field: "text",
        reason: "there is no text: key, which is nothing and not an empty text (appendix B)",
    },
    Exception {
        piece: "mmg_da",
        field: "text",
        reason: "there is no text: key, which is nothing and not an empty text (appendix B)",
    },
];

#[test]
fn every_receipt_gives_the_fields_its_source_asserts() {
    run("delivery_receipts.jsonl", EXCEPTIONS, |row, found| {
        let tlvs = parameters(row);
        let text = octets(row);
        let receipt = Receipt::decode(&text, &tlvs);
        if row["malformed"] == json!(true) {
            return malformed(row, &receipt, found);
        }
        fields(row, &receipt, found);
        if row["direction"] == json!("build") {
            let written = Receipt {
                receipted_message_id: None,
                message_state: None,
                ..receipt
            }
            .to_text();
            found.same("built", &row["short_message"], Octets::from(written).text());
        }
    });
}

/// A field under a wrong name is left empty; the others are read.
fn malformed(row: &Value, receipt: &Receipt, found: &mut Differences) {
    let expect = row["expect"].as_str().unwrap_or_default();
    let named = expect.split('"').nth(1).unwrap_or_default();
    let fields = [
        ("id", receipt.id.is_some()),
        ("sub", receipt.sub.is_some()),
        ("dlvrd", receipt.dlvrd.is_some()),
        ("submit date", receipt.submit_date.is_some()),
        ("done date", receipt.done_date.is_some()),
        ("stat", receipt.stat.is_some()),
        ("err", receipt.err.is_some()),
        ("text", receipt.text.is_some()),
    ];
    for (name, is_there) in fields {
        if is_there == (name == named) {
            found.wrong(name, format!("{expect}: {receipt:?}"));
        }
    }
}

fn fields(row: &Value, receipt: &Receipt, found: &mut Differences) {
    let text = |octets: &Option<Octets>| octets.as_ref().map(Octets::text);
    let id = receipt.id.clone().or_else(|| receipt.message_id().cloned());
    found.same("id", &row["id"], text(&id));
    found.same("sub", &row["sub"], receipt.sub);
    found.same("dlvrd", &row["dlvrd"], receipt.dlvrd);
    found.same("submit_date", &row["submit_date"], text(&receipt.submit_date));
    found.same("done_date", &row["done_date"], text(&receipt.done_date));
    found.same("stat", &row["stat"], receipt.stat_name());
    found.same("err", &row["err"], text(&receipt.err));
    found.same("text", &row["text"], text(&receipt.text));
    if let Some(number) = row.get("err_number") {
        found.same("err_number", number, receipt.error());
    }
    for (key, seconds) in [("submit_time", receipt.submitted()), ("done_time", receipt.done())] {
        if let Some(wanted) = row[key].as_str() {
            let wanted = if wanted.ends_with('Z') {
                wanted.to_owned()
            } else {
                format!("{wanted}Z")
            };
            let wanted: jiff::Timestamp = wanted.parse().expect("a row of the known form");
            found.same(key, &json!(wanted.as_second()), seconds);
        }
    }
}

fn octets(row: &Value) -> Vec<u8> {
    match row["short_message_hex"].as_str() {
        Some(digits) => hex::decode(digits).expect("a row of the known form"),
        None => row["short_message"]
            .as_str()
            .expect("a row of the known form")
            .chars()
            .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
            .collect(),
    }
}

fn parameters(row: &Value) -> Tlvs {
    let mut tlvs = Tlvs::default();
    for (name, value) in row["tlvs"].as_object().into_iter().flatten() {
        let tag = match name.strip_prefix("0x") {
            Some(digits) => Tag(u16::from_str_radix(digits, 16).expect("a row of the known form")),
            None => Tag::from_name(name).expect("a row of the known form"),
        };
        match value {
            Value::Number(number) => tlvs.push_octet(
                tag,
                u8::try_from(number.as_u64().expect("a row of the known form")).expect("a row of the known form"),
            ),
            _ => tlvs.push_string(tag, value.as_str().expect("a row of the known form").as_bytes()),
        }
    }
    tlvs
}
