//! `text_split.jsonl`: how many parts a text makes, and which.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::Value;
use tpdu::{Choice, ComposeError, Composed, Options, Reference, compose, compose_data, join};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn every_text_makes_the_parts_its_source_says() {
    run("text_split.jsonl", EXCEPTIONS, |row, check| {
        let text = text(row);
        match composed(row, &text) {
            Ok(message) => check_parts(row, &text, &message, check),
            Err(_) if !row.has("n_parts") => {}
            Err(error) => check.wrong(error.to_string()),
        }
        let is_limit = row.number_of("n_parts") == Some(255);
        if is_limit && composed(row, &format!("{text}A")).is_ok() {
            check.wrong("one character more is not refused");
        }
    });
}

const EXCEPTIONS: &[Exception] = &[Exception {
    piece: "test_encode_Gsm7_divideSMS",
    field: "n_parts",
    reason: "up to 160 septets are one message (23.040 9.2.3.16), the source cuts at 153",
}];

fn text(row: &Row) -> String {
    let repeats = match (&row.value["text_repeat"], &row.value["text_repeats"]) {
        (Value::Null, Value::Null) => return row.text("text").unwrap().to_owned(),
        (Value::Null, several) => several.as_array().unwrap().clone(),
        (one, _) => vec![one.clone()],
    };
    let repeat = |repeat: &Value| {
        let times = usize::try_from(repeat[1].as_u64().unwrap()).unwrap();
        repeat[0].as_str().unwrap().repeat(times)
    };
    repeats.iter().map(repeat).collect()
}

fn composed(row: &Row, text: &str) -> Result<Composed, ComposeError> {
    let reference = if row.number_of("concat_bits") == Some(16) {
        Reference::Sixteen(1)
    } else {
        Reference::Eight(1)
    };
    // A row without a number of parts is of an encoder for single messages.
    let max_parts = if row.has("n_parts") { 255 } else { 1 };
    let base = Options {
        reference,
        max_parts,
        ..Options::default()
    };
    match row.text("encoding").unwrap() {
        "8bit" => compose_data(text.as_bytes(), &base),
        "gsm7" => compose(
            text,
            &Options {
                alphabet: Choice::Gsm7,
                ..base
            },
        ),
        _ => compose(
            text,
            &Options {
                alphabet: Choice::Ucs2,
                ..base
            },
        ),
    }
}

fn check_parts(row: &Row, text: &str, message: &Composed, check: &mut Check) {
    check.same("n_parts", &row.value["n_parts"], message.parts.len());
    let parts: Vec<String> = message
        .parts
        .iter()
        .map(|part| part.content(message.dcs).text().unwrap_or_default().to_owned())
        .collect();
    check.same_if_told("parts", &row.value["parts"], parts);
    let joined = join(message.parts.iter().map(|part| (message.dcs, part)));
    if joined.text() != Some(text) {
        check.wrong("the parts do not join to the text");
    }
}
