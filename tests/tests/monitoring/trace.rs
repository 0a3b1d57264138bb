//! Wire traces: switched on and off while the gateway runs, and played back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use end_to_end::{Rig, eventually};
use modemsim::{Fault, ModemSpec, Replay, Settings};
use serde_json::json;

use crate::site::LONG;

const RECIPIENT: &str = "+491711234567";

/// Traces a modem from being plugged in until it has sent a message; the trace.
fn traced(texts: bool) -> String {
    let pin = ModemSpec {
        pin: Some("8642".into()),
        ..ModemSpec::new(0)
    };
    let rig = Rig::with(Settings::default(), [pin]).slot(0, "pin = \"8642\"");
    let gateway = rig.start_ready();
    let mut switch = vec!["trace", "sim-0", "on", "--minutes", "5"];
    if texts {
        switch.push("--texts");
    }
    let set = rig.cli_json(&gateway, &switch);
    assert_eq!(
        (&set["trace"]["sim"], &set["trace"]["texts"]),
        (&"sim-0".into(), &texts.into()),
        "{set}"
    );
    let file = Path::new(set["trace"]["file"].as_str().expect("a file"));
    let listed = gateway.api().call("trace.list", json!({})).expect("listed");
    assert_eq!(listed[0]["file"], set["trace"]["file"], "{listed}");
    rig.modems[0].fault(Fault::Unplug).expect("unplugged");
    gateway.wait_slot("sim-0", "absent");
    rig.modems[0].fault(Fault::Replug { name: None }).expect("plugged in");
    gateway.wait_slot("sim-0", "ready");
    let id = gateway.api().send(RECIPIENT, "what nobody is to read");
    gateway.wait_state(&id, "delivered", LONG);
    assert_eq!(rig.cli(&gateway, &["trace", "sim-0", "off"]).code, 0);
    assert_eq!(gateway.api().call("trace.list", json!({})).expect("listed"), json!([]));
    let trace = eventually("the trace ends", LONG, || {
        let text = fs::read_to_string(file).ok()?;
        text.contains("(the trace ends").then_some(text)
    });
    assert_eq!(fs::metadata(file).expect("a file").permissions().mode() & 0o777, 0o600);
    trace
}

/// A gateway gets ready at a modem that answers as in this trace, and sends a message.
fn plays(trace: &str) {
    let rig = Rig::new(0);
    let file = rig.folder().join("sim.trace");
    fs::write(&file, trace).expect("written");
    let replay = Replay::start(&file, &rig.folder().join("modem")).expect("it plays");
    let slot = format!("[slots.played]\nport = {:?}\npin = \"1234\"\n", replay.path());
    let rig = rig.config(&slot);
    let gateway = rig.start();
    let shown = gateway.wait_slot("played", "ready");
    assert_eq!(shown["registration"], "home", "{shown}");
    let id = gateway.api().send(RECIPIENT, "anything else");
    eventually("it is sent", LONG, || {
        let view = gateway.api().call("sms.status", json!({ "id": id })).ok()?;
        ["sent", "delivered"]
            .iter()
            .any(|state| view["state"] == *state)
            .then_some(())
    });
}

#[test]
fn a_trace_with_texts_plays_back_as_the_modem_it_was() {
    let trace = traced(true);
    assert!(
        trace.contains("+CMGS") && !trace.contains("8642") && trace.contains("+CPIN=***"),
        "{trace}"
    );
    assert!(trace.contains("860000000000001"), "the IMEI: {trace}");
    plays(&trace);
}

#[test]
fn a_redacted_trace_shows_no_number_and_plays_back_all_the_same() {
    let trace = traced(false);
    for hidden in ["8642", "860000000000001", "4915100", "1711234567", "7111325476"] {
        assert!(!trace.contains(hidden), "{hidden}: {trace}");
    }
    plays(&trace);
}

#[test]
fn a_trace_that_was_begun_while_the_modem_worked_plays_back_too() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let set = rig.cli_json(&gateway, &["trace", "sim-0", "on"]);
    let file = set["trace"]["file"].as_str().expect("a file");
    let id = gateway.api().send(RECIPIENT, "out");
    gateway.wait_state(&id, "delivered", LONG);
    let mine = rig.modems[0].number();
    rig.network.text(mine, "+4930123456", "in").expect("a text");
    eventually("it is received", LONG, || {
        (gateway.api().fetch(0, 1).len() == 1).then_some(())
    });
    assert_eq!(rig.cli(&gateway, &["trace", "sim-0", "off"]).code, 0);
    let trace = eventually("the trace ends", LONG, || {
        let text = fs::read_to_string(file).ok()?;
        text.contains("(the trace ends").then_some(text)
    });
    assert!(trace.contains("AT+CMGS=") && !trace.contains("AT+CPIN?"), "{trace}");
    plays(&trace);
}

#[test]
fn only_an_administrator_traces_and_what_is_not_there_is_told() {
    let rig = Rig::new(1).token_entry("sender", &["send", "health", "stats"], "");
    let gateway = rig.start();
    let api = gateway.api();
    let sender = api.with_token(&rig.token_of("sender"));
    let asked = json!({ "sim": "sim-0", "on": true });
    assert_eq!(sender.refused("trace.set", asked).reason(), "scope");
    assert_eq!(
        api.refused("trace.set", json!({ "sim": "sim-9", "on": true })).reason(),
        "not_found"
    );
    let long = api.refused("trace.set", json!({ "sim": "sim-0", "on": true, "minutes": 100_000 }));
    assert_eq!(long.field(), "minutes");
    let off = api.call("trace.set", json!({ "sim": "sim-0", "on": false }));
    assert_eq!(off.expect("nothing to do"), json!({ "trace": null }));
    assert_eq!(rig.cli(&gateway, &["trace", "sim-0"]).code, 2);
}
