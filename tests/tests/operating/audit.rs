//! The audit log, as an operator reads it.

use std::process::Command;
use std::time::Duration;

use end_to_end::{Gateway, Rig, Run, eventually, program};
use rusqlite::Connection;
use serde_json::{Value, json};

#[test]
fn who_had_what_done_is_in_the_log_and_no_text_code_or_number_is() {
    let rig = Rig::new(1).token_entry("shop", &["send", "ussd"], "");
    let gateway = rig.start_ready();
    let shop = gateway.api().with_token(&rig.token_of("shop"));
    let id = shop.send(FAR, "nobody else's business");
    // What came of it is the network's affair.
    let _ = shop.call("ussd.start", json!({ "sim": "sim-0", "code": "**04*1234*4321*4321#" }));
    gateway
        .api()
        .call("numbers.stop", json!({ "number": "+4930777777" }))
        .expect("on the list");
    gateway
        .api()
        .call("sim.unlock", json!({ "sim": "sim-0" }))
        .expect("heard");
    let wrong = gateway.api().with_token("shop.not-the-secret-that-it-has");
    assert_eq!(wrong.refused("modems.list", json!({})).code, 1002);
    assert_eq!(rig.cli(&gateway, &["reload"]).code, 0);
    let entries = wait_entries(
        &rig,
        &[
            "start",
            "send",
            "ussd",
            "numbers.stop",
            "sim.unlock",
            "token.refused",
            "config.reload",
            "config",
        ],
    );

    let of = |what: &str| {
        let found = entries.iter().find(|entry| entry["what"] == what);
        found.unwrap_or_else(|| panic!("no {what} in {entries:#?}"))
    };
    assert_eq!(of("send")["token"], "shop");
    assert_eq!(of("send")["message"], id.as_str());
    assert_eq!(
        (&of("ussd")["token"], &of("ussd")["sim"]),
        (&json!("shop"), &json!("sim-0"))
    );
    assert_eq!(of("ussd")["facts"], "**04…");
    assert_eq!(of("numbers.stop")["token"], "test");
    let refused = of("token.refused");
    assert_eq!(refused["token"], json!(null), "the token's owner did not do that");
    assert_eq!(refused["facts"], "as shop, from 127.0.0.1");
    let listed = audit(&rig, &["list"]);
    let line = listed
        .out
        .lines()
        .find(|line| line.contains("token.refused"))
        .expect("listed");
    assert!(!line.contains("the gateway"), "{line}");
    let used = entries.iter().filter(|entry| entry["what"] == "token.used");
    assert_eq!(used.count(), 2, "each token once, not with each call: {entries:#?}");
    assert!(
        of("config")["facts"]
            .as_str()
            .is_some_and(|facts| facts.contains("changed: nothing"))
    );
    let all = format!("{entries:?}");
    for secret in ["nobody else's", "1234", "4930777777", &FAR[1..], "not-the-secret"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let numbers: Vec<u64> = entries.iter().filter_map(|entry| entry["n"].as_u64()).collect();
    assert!(numbers.is_sorted() && numbers[0] == 1, "{numbers:?}");
    let theirs = audit(&rig, &["list", "--number", FAR, "--json"]);
    assert_eq!(theirs.out.lines().count(), 1, "{theirs:?}");
    let stopped = audit(&rig, &["list", "--number", "+4930777777", "--json"]);
    assert!(
        stopped.out.contains("numbers.stop"),
        "it is known who was put on the list: {stopped:?}"
    );
    assert_eq!(of("sim.unlock")["sim"], "sim-0");
    gateway
        .api()
        .call("numbers.erase", json!({ "number": "+4930777777" }))
        .expect("erased");
    let erased = audit(&rig, &["list", "--number", "+4930777777", "--json"]);
    assert_eq!(erased.out, "", "with what was noted of erasing it: {erased:?}");
    assert_eq!(audit(&rig, &["verify"]).code, 0);
}

#[test]
fn who_takes_a_message_back_or_gives_it_up_is_noted_with_whom_it_was_for() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let hour = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let later = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": "for later", "send_at": hour }));
    gateway
        .api()
        .call("sms.cancel", json!({ "id": later }))
        .expect("cancelled");
    let sent = gateway.api().send("+4915112345679", "it goes out");
    gateway.wait_state(&sent, "sent", LIMIT);
    // It is noted before it is done, and done it cannot be.
    let settled = json!({ "id": sent, "resolution": "drop" });
    assert_eq!(gateway.api().refused("sms.resolve", settled).reason(), "state");
    let entries = wait_entries(&rig, &["sms.cancel", "sms.resolve"]);
    let of = |what: &str, id: &str| {
        let found = entries
            .iter()
            .find(|entry| entry["what"] == what && entry["message"] == id);
        found
            .unwrap_or_else(|| panic!("no {what} of {id} in {entries:#?}"))
            .clone()
    };
    for (what, id) in [("sms.cancel", &later), ("sms.resolve", &sent)] {
        let number = &of(what, id)["number"];
        assert_eq!(number, &of("send", id)["number"], "kept as that of the send");
        assert!(number.is_string(), "{entries:#?}");
    }
    let resolved = of("sms.resolve", &sent);
    assert_eq!(resolved["sim"], "sim-0");
    assert_eq!(resolved["facts"], "drop, from 127.0.0.1");
    let theirs = audit(&rig, &["list", "--number", FAR]);
    assert!(theirs.out.contains("sms.cancel"), "{theirs:?}");
}

#[test]
fn the_log_is_whole_over_kills_and_who_changes_it_is_found_out() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    for n in 0..5 {
        gateway.api().send(FAR, &format!("number {n}"));
    }
    let whole = audit(&rig, &["verify"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    gateway.kill();
    let gateway = rig.start();
    gateway.api().send(FAR, "after the kill");
    let noted = noted(&gateway);
    let told = audit(&rig, &["verify", "--expect", &noted]);
    assert_eq!((told.code, told.out.contains("whole")), (0, true), "{told:?}");
    assert!(gateway.stop().success());

    let database = Connection::open(rig.database()).expect("opens");
    database
        .execute(
            "UPDATE audit SET body = replace(body, '\"send\"', '\"sent\"') WHERE first = 3",
            [],
        )
        .expect("changed");
    database.close().expect("closed");
    let told = audit(&rig, &["verify"]);
    assert_eq!(
        (told.code, told.out.contains("entry 3 is changed")),
        (1, true),
        "{told:?}"
    );
    let config = rig.folder().join("simrelay.toml");
    let mut doctor = Command::new(program("simrelay"));
    let doctor = Run::of(doctor.arg("doctor").arg("--config").arg(config));
    assert!(doctor.out.contains("entry 3 is changed"), "{doctor:?}");
    let told = audit(&rig, &["verify", "--json"]);
    let told: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(told["faults"].as_array().map(Vec::len), Some(1), "{told:#}");
}

/// The end of the log that the gateway told last.
fn noted(gateway: &Gateway) -> String {
    let log = gateway.log();
    let (_, end) = log.rsplit_once("the audit log ends with ").expect("it tells it");
    end.split_whitespace().next().expect("an end").to_owned()
}

/// Waits until the log has an entry of each kind; all entries.
fn wait_entries(rig: &Rig, kinds: &[&str]) -> Vec<Value> {
    eventually(&format!("{kinds:?} are noted"), LIMIT, || {
        let run = audit(rig, &["list", "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let entries: Vec<Value> = run
            .out
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let has = |kind: &&str| entries.iter().any(|entry| entry["what"] == **kind);
        kinds.iter().all(has).then_some(entries)
    })
}

fn audit(rig: &Rig, args: &[&str]) -> Run {
    let mut command = Command::new(program("simrelay"));
    Run::of(command.arg("audit").args(args).arg("--data").arg(rig.data()))
}

/// A number outside of the simulated network.
const FAR: &str = "+4915112345678";

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
