//! The log as fields of the journal, with the real systemd-journald.

use std::fs;
use std::process::Command;

use end_to_end::{Rig, Run, eventually, program};
use modemsim::Fault;
use serde_json::Value;

use crate::site::{LONG, Peer, can_mount, is_there};

/// A journal and a gateway that logs to it, in a namespace of their own: both know no other place than `/run`.
fn script(rig: &Rig) -> String {
    let folder = rig.folder().display();
    format!(
        "set -e\n\
         mount -t tmpfs tmpfs /run\n\
         mkdir -p /run/systemd/journal /run/log/journal\n\
         {JOURNALD} &\n\
         until [ -S /run/systemd/journal/stdout ] && [ -S /run/systemd/journal/socket ]; do sleep 0.05; done\n\
         echo $$ > {folder}/namespace\n\
         systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec {program} serve --config {folder}/simrelay.toml'\n",
        program = program("simrelay").display(),
    )
}

/// The entries that journalctl finds there.
fn found(rig: &Rig, wanted: &str) -> Vec<Value> {
    let Ok(pid) = fs::read_to_string(rig.folder().join("namespace")) else {
        return Vec::new();
    };
    let mut command = Command::new("nsenter");
    command.args([
        "--target",
        pid.trim(),
        "--mount",
        "journalctl",
        "--output",
        "json",
        "--quiet",
        wanted,
    ]);
    let lines = Run::of(&mut command).out;
    lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn wait_for(rig: &Rig, wanted: &str, words: &str) -> Value {
    eventually(&format!("{wanted} says '{words}'"), LONG, || {
        let says = |entry: &Value| entry["MESSAGE"].as_str().is_some_and(|said| said.contains(words));
        found(rig, wanted).into_iter().find(says)
    })
}

#[test]
fn journalctl_finds_what_happened_on_a_modem_and_to_a_message() {
    if !is_there("journalctl") || !is_there("nsenter") || !can_mount() {
        return;
    }
    // Installed with journalctl.
    assert!(fs::exists(JOURNALD).unwrap_or_default(), "{JOURNALD} is missing");
    let rig = Rig::new(2);
    let port = end_to_end::free_port();
    rig.write_config(port);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script(&rig)]);
    let _running = Peer::start(&mut command, &rig.folder().join("stdout"));
    let entry = wait_for(&rig, "MODEM=sim-0", "has a modem at");
    assert_eq!(
        (&entry["MODEM"], &entry["SYSLOG_IDENTIFIER"]),
        (&"sim-0".into(), &"simrelay".into()),
        "{entry}"
    );
    assert_eq!(
        (&entry["PRIORITY"], &entry["_TRANSPORT"]),
        (&"6".into(), &"journal".into()),
        "{entry}"
    );
    rig.network
        .text(rig.modems[1].number(), "+493023125001", "a secret text")
        .expect("delivered");
    let received = wait_for(&rig, "MODEM=sim-1", "received");
    let id = received["SMS"].as_str().expect("an id").to_owned();
    assert_eq!(wait_for(&rig, &format!("SMS={id}"), "received")["MODEM"], "sim-1");
    rig.modems[0].fault(Fault::Unplug).expect("unplugged");
    let gone = wait_for(&rig, "MODEM=sim-0", "has no modem");
    assert_eq!(gone["PRIORITY"], "4", "{gone}");
    let all = found(&rig, "SYSLOG_IDENTIFIER=simrelay");
    let told = |slot: &str| all.iter().filter(|entry| entry["MODEM"] == slot).count();
    assert_eq!(
        found(&rig, "MODEM=sim-1").len(),
        told("sim-1"),
        "no entry of another modem"
    );
    assert!(!all.iter().any(|entry| entry.to_string().contains("a secret text")));
}

const JOURNALD: &str = "/lib/systemd/systemd-journald";
