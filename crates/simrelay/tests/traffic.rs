//! `simrelay smpp`: what people and programs are told about SMPP traffic.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value;
use smpp::{
    Body, Pdu, Sm,
    capture::{Stamp, Writer},
};

const ENQUIRE: &str = "00000010000000150000000000000001";

fn simrelay(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_simrelay");
    Command::new(program).args(arguments).output().expect("the program")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn pdus_are_shown_for_people_and_for_programs() {
    let shown = simrelay(&["smpp", "decode", ENQUIRE]);
    assert!(shown.status.success());
    assert_eq!(text(&shown), "enquire_link #1 ESME_ROK (0x00)\n");
    let shown = simrelay(&["smpp", "decode", "--json", ENQUIRE]);
    let found: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(found[0]["command_id"], "0x00000015");
}

#[test]
fn what_is_no_pdu_is_told_by_the_exit_code() {
    let shown = simrelay(&["smpp", "decode", &ENQUIRE[..20]]);
    assert_eq!(shown.status.code(), Some(2));
    assert!(text(&shown).contains("10 octets are left"), "{}", text(&shown));
    let shown = simrelay(&["smpp", "decode", "no-such-file"]);
    assert_eq!(shown.status.code(), Some(2));
}

#[test]
fn a_capture_is_explained_and_other_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.pcapng");
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file);
    let [from, to] = ["10.0.0.1:40000", "10.0.0.2:2775"].map(|address| address.parse().expect("an address"));
    let connection = writer.open(from, to, Stamp(0), &mut file);
    let sm = Sm {
        destination_addr: "49170".into(),
        short_message: "hello".into(),
        ..Sm::default()
    };
    let other = Sm {
        destination_addr: "49171".into(),
        short_message: "goodbye".into(),
        ..Sm::default()
    };
    let requests = [
        (1, Body::SubmitSm(sm)),
        (2, Body::SubmitSm(other)),
        (62, Body::EnquireLink),
    ];
    for (second, body) in requests {
        let octets = Pdu::request(second, body).to_octets().expect("a PDU");
        let at = Stamp(u64::from(second) * 1_000_000_000);
        writer.write(connection, true, &octets, at, &mut file);
    }
    fs::write(&path, &file).expect("a file");
    let path = path.to_string_lossy().into_owned();
    let shown = simrelay(&["smpp", "analyze", &path, "--messages", "--number", "+49170"]);
    let lines = text(&shown);
    assert!(
        shown.status.success() && lines.contains("\"hello\"") && lines.contains("unanswered × 1"),
        "{lines}"
    );
    assert!(!lines.contains("goodbye"), "another number: {lines}");
    let found = simrelay(&["smpp", "analyze", &path, "--json"]);
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(found["anomalies"][0]["kind"], "unanswered");
    let refused = simrelay(&["smpp", "analyze", env!("CARGO_MANIFEST_PATH")]);
    assert_eq!(refused.status.code(), Some(2));
}
