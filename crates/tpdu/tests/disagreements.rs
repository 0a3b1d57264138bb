//! `disagreements.jsonl`: where decoders differ, this one sides with the specification, which is nearly always the
//! source.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::Value;
use tpdu::{Gsm7Tables, Language, Pdu, Scts, Tpdu, decode_incoming, decode_outgoing, from_hex};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn the_specification_is_followed_where_decoders_differ() {
    run("disagreements.jsonl", EXCEPTIONS, |row, check| {
        match row.text("kind").unwrap() {
            kind if kind.starts_with("decoder contradicts source") => check_source(row, kind, check),
            "national table position disputed" => check_position(row, check),
            // The majority of decoders is told, and it is right.
            "decoders disagree, source asserts nothing" if row.has("majority") => {
                let pdu = decode_incoming(&from_hex(row.text("raw").unwrap()).unwrap()).unwrap();
                check.same("text", &row.value["majority"], text(&pdu));
            }
            // SMPP, modems, and sentences about sources: nothing of it is octets of a PDU.
            _ => {}
        }
    });
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "0297F1061C0F910B487228297020F5317062419272803170624192138000",
        field: "to",
        reason: "semi-octet 0xB is # (23.040 9.1.2.3)",
    },
    Exception {
        piece: "04912143F5",
        field: "to",
        reason: "the source's file head names a number that no octet carries",
    },
    Exception {
        piece: "04912143F5",
        field: "text",
        reason: "the row holds one part of the text",
    },
];

fn check_source(row: &Row, kind: &str, check: &mut Check) {
    let bytes = from_hex(row.text("raw").unwrap()).unwrap();
    let pdu = if kind.ends_with("(submit)") {
        decode_outgoing(&bytes)
    } else {
        decode_incoming(&bytes)
    };
    let says = &row.value["source_says"];
    match pdu {
        Ok(pdu) => check_fields(says, &pdu, check),
        Err(error) => check.wrong(error.to_string()),
    }
}

fn check_fields(says: &Value, pdu: &Pdu, check: &mut Check) {
    check.same_if_told("text", &says["text"], text(pdu));
    check.same_if_told("smsc", &says["smsc"], pdu.smsc.as_ref().map(ToString::to_string));
    match &pdu.tpdu {
        Tpdu::Deliver(deliver) => {
            check.same_if_told("from", &says["from"], deliver.from.to_string());
            check.same_if_told("time", &says["time"], deliver.time.to_string());
        }
        Tpdu::Submit(submit) => check.same_if_told("to", &says["to"], submit.to.to_string()),
        Tpdu::StatusReport(report) => {
            check.same_if_told("to", &says["to"], report.to.to_string());
            check.same_if_told("mr", &says["mr"], report.reference);
            check_time(&says["discharge"], &says["discharge_utc"], report.discharge, check);
        }
        other => check.wrong(other.name()),
    }
}

fn check_time(local: &Value, utc: &Value, ours: Scts, check: &mut Check) {
    check.same_if_told("time", local, ours.to_string());
    if let Some(utc) = utc.as_str() {
        let utc: Scts = format!("{utc}Z").parse().unwrap();
        check.same("time", &utc.unix_seconds().into(), ours.unix_seconds());
    }
}

fn text(pdu: &Pdu) -> Option<String> {
    let content = match &pdu.tpdu {
        Tpdu::Deliver(deliver) => deliver.content(),
        Tpdu::Submit(submit) => submit.content(),
        _ => return None,
    };
    content.text().map(str::to_owned)
}

fn check_position(row: &Row, check: &mut Check) {
    let answers = &row.value["answers"];
    let language = Language::from_name(answers["language"].as_str().unwrap());
    let septet = u8::from_str_radix(answers["code"].as_str().unwrap(), 16).unwrap();
    let ours = match answers["table"].as_str().unwrap() {
        "locking" => Gsm7Tables {
            locking: language,
            single: None,
        }
        .decode(&[septet]),
        _ => Gsm7Tables {
            locking: None,
            single: language,
        }
        .decode(&[0x1B, septet]),
    };
    check.same("chosen", &answers["chosen"], ours.chars().next().map(u32::from));
}
