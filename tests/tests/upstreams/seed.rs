//! The attendance seed: the gateway is bound to a phone as the seed's program was, takes encrypted requests with its
//! 0x02 delimiters, and acknowledges them octet by octet as the vectors say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use end_to_end::{Peer, Rig, free_port, relay, wait_bound};
use serde_json::{Value, json};

const EMPLOYEE: &str = "989126211770";
const NUMBER: &str = "989102211824";
const KEY: &str = "a7b2c3d4e5f6g789abcdef0123456789";

/// The requests of the vectors under the shipped key that have a status; none, with a word, where they are missing.
fn requests() -> Vec<Value> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = || {
        let mut folders = here.ancestors().map(|folder| folder.join("shared/vectors"));
        folders.find(|folder| folder.is_dir())
    };
    let folder = std::env::var_os("SIMRELAY_VECTORS").map(PathBuf::from).or_else(beside);
    let Some(text) = folder.and_then(|folder| fs::read_to_string(folder.join("attendance.jsonl")).ok()) else {
        let required = std::env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1");
        assert!(!required, "no attendance.jsonl");
        eprintln!("skipped, no vectors: attendance.jsonl");
        return Vec::new();
    };
    let rows = text.lines().map(|line| serde_json::from_str(line).expect("a row"));
    rows.filter(|row: &Value| row["key"] == KEY && row["status"] != "")
        .collect()
}

#[test]
fn a_request_from_the_phone_is_acknowledged_as_the_seed_does() {
    let requests = requests();
    let port = free_port();
    let Some(mut phone) = Peer::node("smsc.js", &[&port.to_string(), "password=secret"]) else {
        return;
    };
    phone.hears("listening");
    let rig = Rig::new(0);
    let keys = rig.folder().join("attendance.keys");
    fs::write(&keys, format!("shared {KEY}\n")).expect("written");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("closed");
    let rig = rig.config(&format!(
        "[attendance]\nkey_file = {keys:?}\nrequest_limit = 1000\nbad_limit = 1000\n"
    ));
    let rig = relay(rig, "phone", port, &format!("number = \"+{NUMBER}\"\n"));
    let gateway = rig.start();
    wait_bound(&gateway, port, 1);
    for row in &requests {
        let whole = vec![row["request_gsm_hex"].clone()];
        let parts = row["request_parts_hex"].as_array().cloned().unwrap_or(whole);
        for octets in parts {
            let esm_class = &row["request_esm_class"];
            let about = json!({ "from": EMPLOYEE, "to": NUMBER, "octets": octets, "esm_class": esm_class });
            phone.tell(&json!({ "deliver": about }));
        }
        let told = phone.hears("submitted");
        let wanted = &row["ack_pdu"];
        assert_eq!(told["octets"], row["ack_gsm_hex"], "{row:#}");
        assert_eq!(
            (&told["from"], &told["to"]),
            (&wanted["source_addr"], &wanted["destination_addr"])
        );
        for key in ["data_coding", "esm_class"] {
            assert_eq!(told[key], wanted[key], "{key} {told}");
        }
    }
    gateway.stop();
}
