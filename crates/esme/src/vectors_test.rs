//! The shared vectors as an upstream would hand them over: attendance byte for byte, and receipts of the field.

use std::path::PathBuf;
use std::{env, fs};

use jiff::Timestamp;
use serde_json::Value;
use smpp::{Body, EsmClass, Octets, Sm, Tag, Tlvs};
use tpdu::{Options, Tpdu, Wishes, compose, decode_incoming};

use crate::deliver::{Delivered, read};
use crate::{Config, Form, submit};

#[test]
fn every_attendance_request_is_read_byte_for_byte() {
    for row in rows("attendance.jsonl") {
        let wire = octets(&row["request_gsm_hex"]);
        let several = row["request_parts_hex"]
            .as_array()
            .map(|parts| parts.iter().map(octets).collect());
        let parts: Vec<Vec<u8>> = several.unwrap_or_else(|| vec![wire]);
        let esm_class = u8::try_from(row["request_esm_class"].as_u64().unwrap()).unwrap();
        let mut datas = Vec::new();
        for part in &parts {
            let body = Body::DeliverSm(Sm {
                source_addr_ton: 1,
                source_addr_npi: 1,
                source_addr: "989126211770".into(),
                esm_class,
                short_message: part.as_slice().into(),
                ..Sm::default()
            });
            let Delivered::Message(pdus) = read(&body, &Tlvs::NONE, &phone(), now(), 0) else {
                panic!("{row}")
            };
            assert_eq!(pdus.len(), 1, "{row}");
            let Ok(Tpdu::Deliver(deliver)) = decode_incoming(&pdus[0]).map(|pdu| pdu.tpdu) else {
                panic!("{row}")
            };
            datas.push((deliver.dcs, deliver.user_data));
        }
        let said = tpdu::join(datas.iter().map(|(dcs, data)| (*dcs, data)));
        assert_eq!(said.text(), row["request_wire"].as_str(), "{row}");
    }
}

#[test]
fn every_attendance_acknowledgement_is_the_submit_sm_of_the_vectors() {
    for row in rows("attendance.jsonl") {
        let wishes = Wishes {
            report_request: true,
            ..Wishes::default()
        };
        let pdu = &row["ack_pdu"];
        let to = format!("+{}", pdu["destination_addr"].as_str().unwrap());
        let composed = compose(row["ack_wire"].as_str().unwrap(), &Options::default()).unwrap();
        let part = composed.submit(0, &to.parse().unwrap(), &wishes).unwrap();
        let (body, tlvs) = submit::request(&part.encode().unwrap(), &phone(), true).unwrap();
        let Body::SubmitSm(sm) = body else { panic!("{row}") };
        assert_eq!(*sm.short_message, *octets(&row["ack_gsm_hex"]), "{row}");
        let told = [
            ("source_addr_ton", sm.source_addr_ton),
            ("source_addr_npi", sm.source_addr_npi),
            ("dest_addr_ton", sm.dest_addr_ton),
            ("dest_addr_npi", sm.dest_addr_npi),
            ("data_coding", sm.data_coding),
            ("esm_class", sm.esm_class),
        ];
        for (name, ours) in told {
            assert_eq!(pdu[name], ours, "{name} {row}");
        }
        assert_eq!(pdu["source_addr"], sm.source_addr.text());
        assert_eq!(pdu["destination_addr"], sm.destination_addr.text());
        assert_eq!(sm.registered_delivery, 1);
        assert!(tlvs.is_empty());
    }
}

#[test]
fn every_receipt_of_the_field_is_named_or_told_to_have_no_name() {
    for row in rows("delivery_receipts.jsonl") {
        let text = match row["short_message_hex"].as_str() {
            Some(digits) => hex::decode(digits).unwrap(),
            None => latin1(row["short_message"].as_str().unwrap()),
        };
        let tlvs = parameters(&row);
        let mut body = Sm {
            esm_class: EsmClass::RECEIPT.0,
            ..Sm::default()
        };
        let mut tlvs = tlvs;
        match text.len() > 254 {
            true => tlvs.push(Tag::MESSAGE_PAYLOAD, text),
            false => body.short_message = text.into(),
        }
        let id = tlvs.string(Tag::RECEIPTED_MESSAGE_ID).map(Octets::new);
        let id = id.map(|id| id.text()).or_else(|| row["id"].as_str().map(str::to_owned));
        let config = Config {
            response_id: Form::Exact,
            receipt_id: Form::Exact,
            ..Config::default()
        };
        match read(&Body::DeliverSm(body), &tlvs, &config, now(), 0) {
            // The sources of these are stricter than we are.
            Delivered::Receipt(_) if row["malformed"] == true => {}
            Delivered::Receipt(receipt) => assert_eq!(Some(receipt.id.as_str()), id.as_deref(), "{row}"),
            Delivered::Nameless(_) => assert!(id.is_none() || row["malformed"] == true, "{row}"),
            other => panic!("{other:?} {row}"),
        }
    }
}

fn phone() -> Config {
    Config {
        number: Some("+989102211824".into()),
        ..Config::default()
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn octets(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex")).expect("hex")
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

fn parameters(row: &Value) -> Tlvs {
    let mut tlvs = Tlvs::default();
    for (name, value) in row["tlvs"].as_object().into_iter().flatten() {
        let tag = match name.strip_prefix("0x") {
            Some(digits) => Tag(u16::from_str_radix(digits, 16).expect("a tag")),
            None => Tag::from_name(name).expect("a tag"),
        };
        match value.as_u64() {
            Some(number) => tlvs.push_octet(tag, u8::try_from(number).expect("an octet")),
            None => tlvs.push_string(tag, value.as_str().expect("text").as_bytes()),
        }
    }
    tlvs
}

/// The rows of a file, or none with a message where the vectors are missing.
fn rows(file: &str) -> Vec<Value> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = || {
        let mut folders = here.ancestors().map(|folder| folder.join("shared/vectors"));
        folders.find(|folder| folder.is_dir())
    };
    let folder = env::var_os("SIMRELAY_VECTORS").map(PathBuf::from).or_else(beside);
    let text = folder.and_then(|folder| fs::read_to_string(folder.join(file)).ok());
    let Some(text) = text else {
        let required = env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1");
        assert!(!required, "no {file}");
        eprintln!("skipped, no vectors: {file}");
        return Vec::new();
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).expect("a row")).collect()
}
