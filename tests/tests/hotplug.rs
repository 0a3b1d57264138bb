//! Ports come, go, move and lie; the right modem lands in the right slot.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use end_to_end::{Gateway, Rig, eventually, program};
use modemsim::{Fault, ModemSpec, Settings};
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);

/// A pool that looks into the rig's folder of ports.
fn pool(rig: Rig, lines: &str) -> Rig {
    let folder = rig.folder().join("ports");
    rig.config(&format!("[pool]\ndirectories = [{folder:?}]\n{lines}"))
}

fn send(gateway: &Gateway, slot: &str) {
    let id = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "x", "from": slot }));
    gateway.wait_state(&id, "delivered", LONG);
}

/// How long `look` takes to come true.
fn took(what: &str, look: impl FnMut() -> Option<()>) -> Duration {
    let begun = Instant::now();
    eventually(what, LONG, look);
    begun.elapsed()
}

#[test]
fn slots_are_found_by_port_pattern_imei_and_card_even_with_equal_imeis() {
    let twin = ModemSpec::new(3).imei;
    let specs = (0..6).map(|index| ModemSpec {
        imei: if (3..5).contains(&index) {
            twin.clone()
        } else {
            ModemSpec::new(index).imei
        },
        ..ModemSpec::new(index)
    });
    let rig = Rig::with(Settings::default(), specs);
    let pattern = rig.folder().join("ports/modem-02*");
    let spec = ModemSpec::new;
    let silent = rig.modems[5].clone();
    silent.fault(Fault::Hang).expect("a wrong port");
    let rig = rig
        .replace_slot(1, &format!("glob = {pattern:?}"))
        .replace_slot(2, &format!("imei = {:?}", spec(2).imei))
        // Two modems with one IMEI, named crosswise by their cards.
        .replace_slot(3, &format!("imei = {twin:?}\niccid = {:?}", spec(4).iccid))
        .replace_slot(4, &format!("imei = {twin:?}\niccid = {:?}", spec(3).iccid))
        .replace_slot(5, &format!("imei = {:?}", spec(5).imei));
    let hints = rig.folder().join("hints");
    let rig = pool(rig, &format!("hint_file = {hints:?}\nprobe_s = 3\n"));
    let gateway = rig.start();
    gateway.wait_ready(5);
    for (slot, modem) in [("sim-0", 0), ("sim-1", 1), ("sim-2", 2), ("sim-3", 4), ("sim-4", 3)] {
        let shown = gateway.slot(slot);
        assert_eq!(shown["iccid"], spec(modem).iccid, "{shown}");
        assert_eq!(shown["port"].as_str(), rig.modems[modem].path().to_str());
        send(&gateway, slot);
    }
    let silent_slot = gateway.wait_slot("sim-5", "absent");
    assert!(
        silent_slot["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("none is its modem's")),
        "{silent_slot}"
    );
    gateway.wait_log("nobody answers there");
    gateway.wait_finding("sim-5", "");
    let noted = fs::read_to_string(&hints).expect("hints");
    let line = format!("{} {}", spec(2).imei, rig.modems[2].path().display());
    assert!(noted.lines().any(|noted| noted == line), "{noted}");
    silent.fault(Fault::Heal).expect("it speaks");
    gateway.wait_slot("sim-5", "ready");
}

#[test]
fn a_modem_is_used_within_two_seconds_wherever_it_is_plugged_in_and_missed_at_once() {
    let rig = Rig::new(2);
    let imei = ModemSpec::new(0).imei;
    let rig = pool(rig.replace_slot(0, &format!("imei = {imei:?}")), "");
    let gateway = rig.start_ready();
    send(&gateway, "sim-0");
    for (round, name) in ["renumbered", "again"].iter().enumerate() {
        rig.modems[0].fault(Fault::Unplug).expect("unplugged");
        // `modems.list` is made anew each second; the log is written at once.
        let unplugged = || (gateway.log().matches("no modem: the port was unplugged").count() > round).then_some(());
        let gone = took("the loss is told", unplugged);
        assert!(gone < Duration::from_secs(2), "noticed after {gone:?}");
        gateway.wait_slot("sim-0", "absent");
        send(&gateway, "sim-1");
        rig.modems[0]
            .fault(Fault::Replug {
                name: Some((*name).into()),
            })
            .expect("plugged in");
        let here = took("it is found", || {
            gateway
                .log()
                .contains(&format!("a modem at {}/ports/{name}", rig.folder().display()))
                .then_some(())
        });
        assert!(
            here < Duration::from_secs(4),
            "opened after {here:?}: 2 s and as much again for a busy machine"
        );
        let shown = gateway.wait_slot("sim-0", "ready");
        assert!(
            shown["port"].as_str().is_some_and(|port| port.ends_with(name)),
            "{shown}"
        );
        send(&gateway, "sim-0");
    }
}

#[test]
fn a_port_where_another_modem_answers_is_left_and_says_so() {
    let rig = Rig::new(2);
    let imei = ModemSpec::new(0).imei;
    let rig = rig.slot(0, &format!("imei = {imei:?}"));
    let gateway = rig.start_ready();
    send(&gateway, "sim-0");
    rig.modems[0]
        .fault(Fault::Imei {
            imei: "860000009999999".into(),
        })
        .expect("another modem");
    rig.modems[0].fault(Fault::Reboot).expect("a reboot");
    // While it starts it hears nothing. The next word with it shows that it was started anew, and may be lost.
    std::thread::sleep(Duration::from_secs(1));
    let _ = gateway
        .api()
        .call("ussd.start", json!({ "sim": "sim-0", "code": "*100#" }));
    let finding = gateway.wait_finding("sim-0", "860000009999999");
    assert_eq!(finding["level"], "CRITICAL", "{finding}");
    let before = rig.network.sent().len();
    let waits = gateway
        .api()
        .send_with(json!({ "to": "+4930002", "text": "x", "from": "sim-0" }));
    send(&gateway, "sim-1");
    assert_eq!(
        rig.network.sent().len(),
        before + 1,
        "nothing leaves through a stranger"
    );
    rig.modems[0].fault(Fault::Unplug).expect("unplugged");
    rig.modems[0].fault(Fault::Imei { imei }).expect("the right one");
    rig.modems[0].fault(Fault::Replug { name: None }).expect("plugged in");
    gateway.wait_state(&waits, "delivered", LONG);
}

#[test]
fn a_port_and_a_data_folder_have_one_gateway_at_a_time() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let second = Rig::new(0).config(&format!("[slots.borrowed]\nport = {:?}\n", rig.modems[0].path()));
    let other = second.start();
    let shown = eventually("the second one says why", LONG, || {
        let shown = other.slot("borrowed");
        shown["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("another program holds it"))
            .then_some(shown)
    });
    assert_eq!(shown["state"], "absent");
    send(&gateway, "sim-0");
    let config = rig.write_config(1);
    let same = Command::new(program("simrelay"))
        .args(["serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(same.status.code(), Some(1));
    let told = String::from_utf8_lossy(&same.stderr);
    assert!(told.contains("another"), "{told}");
    assert!(gateway.stop().success());
    other.wait_ready(1);
    send(&other, "borrowed");
}
