//! `simrelay smpp trace`: sessions of the running gateway as Wireshark sees them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use end_to_end::{Gateway, Peer, eventually, has_program};
use serde_json::{Value, json};
use smpp::capture::Capture;
use smpp::{Body, CommandId, Pdu, Status};

use super::{Centre, HASH, LONG, receipt};
use crate::esme::Esme;

/// A session over TLS that submits a message and gets its receipt, as its trace: the file, once it holds the end.
fn traced(centre: &Centre, gateway: &Gateway, more: &[&str]) -> Option<String> {
    let switch = [&["smpp", "trace", "shop", "on", "--minutes", "5"], more].concat();
    let set = centre.rig.cli_json(gateway, &switch);
    let file = set["trace"]["file"].as_str().expect("a file").to_owned();
    let listed = centre.rig.cli_json(gateway, &["smpp", "trace"]);
    assert_eq!(
        (&listed[0]["file"], &listed[0]["sim"]),
        (&json!(file), &json!("smpp.shop"))
    );
    let port = centre.tls.to_string();
    let ca = format!("ca={}", centre.rig.certificate().display());
    let mut application = Peer::node(
        "application.js",
        &["127.0.0.1", &port, "shop", "secret", "transceiver", &ca],
    )?;
    assert_eq!(application.hears("bound"), "transceiver");
    // "private".
    application.tell(&json!({"submit": {"to": "4930123", "octets": "70726976617465", "receipt": 1}}));
    assert_eq!(receipt(&application.hears("delivered")).1, "DELIVRD");
    assert!(application.ends());
    eventually("the trace has the session's end", LONG, || {
        let ids = fields(&file, "smpp", "smpp.command_id", centre.tls);
        ids.contains("0x80000006").then_some(())
    });
    let off = centre.rig.cli(gateway, &["smpp", "trace", "shop", "off"]);
    assert_eq!(off.code, 0, "{off:?}");
    assert_eq!(gateway.api().call("trace.list", json!({})).expect("a list"), json!([]));
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    Some(file)
}

/// The commands that an account's trace holds.
fn commands(file: &str) -> Vec<CommandId> {
    let file = fs::read(file).unwrap_or_default();
    let Ok(capture) = Capture::read(&file) else {
        return Vec::new();
    };
    let pdus = capture.pieces.iter().filter(|piece| !piece.octets.is_empty());
    pdus.map(|piece| Pdu::decode(piece.octets).expect("a PDU").command())
        .collect()
}

#[test]
fn who_only_names_an_account_writes_nothing_into_its_trace() {
    let centre = Centre::new(&format!(
        "rebind = true\n[[smpp.accounts]]\nsystem_id = \"desk\"\nhash = \"{HASH}\""
    ));
    let gateway = centre.rig.start_ready();
    let set = centre.rig.cli_json(&gateway, &["smpp", "trace", "desk", "on"]);
    let file = set["trace"]["file"].as_str().expect("a file").to_owned();
    let mut stranger = Esme::connect(centre.port);
    let guessed = stranger.bind_as("desk", "guess", 0x34).status;
    assert_eq!(guessed, Status::INVALID_PASSWORD);
    let mut bound = Esme::bound(centre.port);
    let guessed = bound.bind_as("desk", "guess", 0x34).status;
    assert_eq!(guessed, Status::INVALID_PASSWORD);
    bound.call(Body::EnquireLink);
    bound.unbinds();
    let mut desk = Esme::connect(centre.port);
    assert_eq!(desk.bind_as("desk", "secret", 0x34).status, Status::OK);
    desk.unbinds();
    let bind = CommandId::BIND_TRANSCEIVER;
    let its_own = [bind, CommandId::UNBIND].map(|command| [command, command.response()]);
    let all = eventually("its own session is written down", LONG, || {
        let all = commands(&file);
        all.contains(&CommandId::UNBIND.response()).then_some(all)
    });
    assert_eq!(all, its_own.concat());
    assert!(gateway.stop().success());
}

/// What tshark says of packets.
fn fields(file: &str, filter: &str, field: &str, port: u16) -> String {
    let port = format!("tcp.port=={port},smpp");
    let output = Command::new("tshark")
        .args(["-r", file, "-d", &port, "-Y", filter, "-T", "fields", "-e", field])
        .output()
        .expect("it was there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn holds(file: &str, octets: &[u8]) -> bool {
    let file = fs::read(Path::new(file)).expect("a file");
    file.windows(octets.len()).any(|window| window == octets)
}

#[test]
fn a_trace_of_an_account_is_read_by_wireshark_and_holds_no_secret() {
    let centre = Centre::new("");
    if !has_program("tshark") {
        return;
    }
    let gateway = centre.rig.start_ready();
    let Some(file) = traced(&centre, &gateway, &[]) else {
        return;
    };
    let ids = fields(&file, "smpp", "smpp.command_id", centre.tls);
    for id in [
        "0x00000009",
        "0x80000009",
        "0x00000004",
        "0x80000004",
        "0x00000005",
        "0x80000005",
        "0x00000006",
    ] {
        assert!(ids.contains(id), "{id} in {ids}");
    }
    assert_eq!(
        fields(&file, "_ws.malformed or tcp.analysis.flags", "frame.number", centre.tls),
        ""
    );
    assert_eq!(
        fields(&file, "smpp.password", "smpp.password", centre.tls).trim(),
        "******"
    );
    assert!(!holds(&file, b"secret") && !holds(&file, b"private"));
    let analysis = centre.rig.cli_json(&gateway, &["smpp", "analyze", &file]);
    assert_eq!(analysis["anomalies"], json!([]), "{analysis:#}");
    assert_eq!(analysis["messages"].as_array().map(Vec::len), Some(1), "{analysis:#}");
    // Texts are for those who ask; a second trace begins anew.
    let open = traced(&centre, &gateway, &["--texts"]).expect("it was there");
    assert!(open == file && !holds(&open, b"secret") && holds(&open, b"private"));
    assert_eq!(
        fields(
            &open,
            "tcp.flags.syn == 1 and tcp.flags.ack == 0",
            "frame.number",
            centre.tls
        ),
        "1\n"
    );
    let nobody = centre.rig.cli(&gateway, &["smpp", "trace", "nobody", "on"]);
    assert_ne!(nobody.code, 0);
    let listed: Value = gateway.api().call("trace.list", json!({})).expect("a list");
    assert_eq!(listed, json!([]));
    assert!(gateway.stop().success());
}
