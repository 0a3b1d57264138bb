//! Backup while the gateway sends, and what a gateway on the restored copy does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use end_to_end::{Gateway, Rig, Run, eventually, program};
use modemsim::{ModemSpec, Settings};
use serde_json::{Value, json};

#[test]
fn what_was_sent_since_the_copy_goes_out_again_only_with_a_mark() {
    let settings = Settings {
        latency: Duration::from_millis(300),
        ..Settings::default()
    };
    let rig =
        Rig::with(settings, [ModemSpec::new(0)]).config("[store]\nuncertain_wait_s = 1\n[gateway]\nreport = false");
    let gateway = rig.start_ready();
    rig.network
        .text(rig.modems[0].number(), "+4930123456", "before the copy")
        .expect("a text");
    let early = gateway.api().fetch(0, 60);
    let done = gateway.api().send(FAR, "sent before the copy");
    gateway.wait_state(&done, "sent", LIMIT);
    let ids: Vec<String> = (0..12)
        .map(|n| gateway.api().send(FAR, &format!("number {n}")))
        .collect();

    let copy = rig.folder().join("copy.db");
    let told = backup(&rig, &copy, &[]);
    assert_eq!(told["messages"], 13, "{told}");
    assert_eq!(told["inbound"], 1, "{told}");
    let mode = fs::metadata(&copy).expect("the copy").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for id in &ids {
        gateway.wait_state(id, "sent", LIMIT);
    }
    let late = gateway.api().send(FAR, "accepted after the copy");
    gateway.wait_state(&late, "sent", LIMIT);
    assert!(gateway.stop().success());
    let before = rig.network.sent().len();
    assert_eq!(before, 14);

    let refused = simrelay(&["restore", path(&copy), "--data", path(&rig.data())]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("--force"), "{refused:?}");
    let restored = simrelay(&["restore", path(&copy), "--data", path(&rig.data()), "--force"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(rig.data().join("simrelay.db.replaced").exists());

    let gateway = rig.start_ready();
    gateway.wait_log("the database is a restored copy");
    let unknown = gateway.api().call("sms.status", json!({ "id": late }));
    assert!(unknown.is_err(), "accepted after the copy: {unknown:?}");
    assert_eq!(status(&gateway, &done)["maybe_twice"], false);
    for id in &ids {
        gateway.wait_state(id, "sent", LIMIT);
    }
    let marked = ids
        .iter()
        .filter(|id| status(&gateway, id)["maybe_twice"] == true)
        .count();
    let again = rig.network.sent().len() - before;
    assert_eq!(again, marked, "each that went out again says so");
    assert!(marked > 0, "the copy was made while messages waited");

    rig.network
        .text(rig.modems[0].number(), "+4930123456", "after the restore")
        .expect("a text");
    let next = eventually("it is received", LIMIT, || {
        let messages = gateway.api().fetch(0, 1);
        (messages.len() == 2).then_some(messages)
    });
    assert_eq!(next[0], early[0], "id and cursor stay");
    let cursor = |message: &Value| message["cursor"].as_i64().expect("a cursor");
    assert!(cursor(&next[1]) > cursor(&next[0]) + 1000, "{next:#?}");
}

#[test]
fn a_backup_says_what_keeps_it_from_being_made() {
    let rig = Rig::new(1);
    let gateway = rig.start();
    let copy = rig.folder().join("copy.db");
    backup(&rig, &copy, &[]);
    let again = simrelay(&["backup", path(&copy), "--data", path(&rig.data())]);
    assert_eq!(
        (again.code, again.err.contains("is there already")),
        (1, true),
        "{again:?}"
    );
    backup(&rig, &copy, &["--force"]);
    let nowhere = simrelay(&["backup", "/nonexistent/copy.db", "--data", path(&rig.data())]);
    assert_eq!(
        (nowhere.code, nowhere.err.contains("/nonexistent")),
        (1, true),
        "{nowhere:?}"
    );
    let nothing = simrelay(&["backup", path(&copy), "--data", "/nonexistent"]);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    let unread = simrelay(&["backup", path(&copy), "--config", "/nonexistent.toml"]);
    assert!(unread.err.contains("--data"), "{unread:?}");
    let itself = rig.data().join("simrelay.db");
    let itself = simrelay(&["backup", path(&itself), "--data", path(&rig.data()), "--force"]);
    assert_eq!(
        (itself.code, itself.err.contains("belongs to the gateway")),
        (1, true),
        "{itself:?}"
    );
    let running = simrelay(&["restore", path(&copy), "--data", path(&rig.data()), "--force"]);
    assert!(running.err.contains("is used by another simrelay"), "{running:?}");
    let id = gateway.api().send(FAR, "it goes on");
    assert_eq!(status(&gateway, &id)["id"], id.as_str());
}

/// Makes a copy of the database that the rig's configuration names; what it tells.
fn backup(rig: &Rig, copy: &Path, more: &[&str]) -> Value {
    let config = rig.folder().join("simrelay.toml");
    let run = simrelay(&[&["backup", path(copy), "--config", path(&config), "--json"], more].concat());
    assert_eq!(run.code, 0, "{run:?}");
    serde_json::from_str(&run.out).expect("JSON")
}

fn simrelay(args: &[&str]) -> Run {
    Run::of(Command::new(program("simrelay")).args(args))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn status(gateway: &Gateway, id: &str) -> Value {
    gateway
        .api()
        .call("sms.status", json!({ "id": id }))
        .expect("its status")
}

/// A number outside of the simulated network.
const FAR: &str = "+4915112345678";

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
