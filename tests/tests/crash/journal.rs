//! `journal = true`: the modem's own memory tells what became of an attempt.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;

use super::*;

#[test]
fn what_the_journal_shows_as_sent_is_not_sent_again() {
    let settings = Settings {
        latency: Duration::from_millis(1500),
        ..Settings::default()
    };
    let rig = rig_in(settings, ModemSpec::new(0), 300).slot(0, "journal = true");
    let gateway = rig.start_ready();
    let params = json!({ "to": FAR, "text": "stored, then sent", "report": false });
    let id = gateway.api().send_with(params);
    wait_entry(&rig);
    // It is on its way: the modem has been told to send it, or will not be.
    eventually("it is handed to the network", LIMIT, || {
        let commands = rig.modems[0].view().ok()?.counts.commands;
        std::thread::sleep(Duration::from_millis(100));
        (rig.modems[0].view().ok()?.counts.commands == commands).then_some(())
    });
    gateway.kill();
    wait_sent(&rig, 1);

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "sent", LIMIT);
    assert_eq!(view["maybe_twice"], false, "{view:#}");
    wait_empty(&rig);
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn what_the_journal_shows_as_unsent_is_sent_once() {
    let rig = rig(300).slot(0, "journal = true");
    let gateway = rig.start_ready();
    rig.modems[0]
        .fault(Fault::HangAfterCtrlZ { sent: false })
        .expect("a fault");
    let params = json!({ "to": FAR, "text": "stored, not sent", "report": false });
    let id = gateway.api().send_with(params);
    wait_entry(&rig);
    gateway.kill();
    rig.modems[0].fault(Fault::Heal).expect("healed");
    assert_eq!(sent_to(&rig, FAR).len(), 0);

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "sent", LIMIT);
    assert_eq!(view["maybe_twice"], false, "the journal tells: {view:#}");
    assert_no_more(&gateway, &rig, FAR, 1);
    wait_empty(&rig);
}

#[test]
fn a_modem_that_hangs_behind_the_send_is_asked_for_its_entry_after_the_crash() {
    let rig = rig(300).slot(0, "journal = true");
    let gateway = rig.start_ready();
    rig.modems[0]
        .fault(Fault::HangAfterCtrlZ { sent: true })
        .expect("a fault");
    let params = json!({ "to": FAR, "text": "sent, never answered", "report": false });
    let id = gateway.api().send_with(params);
    wait_sent(&rig, 1);
    gateway.kill();
    rig.modems[0].fault(Fault::Heal).expect("healed");

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "sent", LIMIT);
    assert_eq!(view["maybe_twice"], false, "the journal tells: {view:#}");
    wait_empty(&rig);
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn an_entry_whose_end_was_kept_before_the_kill_is_deleted_by_the_next_life_and_nothing_else_is() {
    // At either step of the deleting: as the place is looked at, and as it is emptied.
    for command in ["+CMGR", "+CMGD"] {
        let rig = rig(300).slot(0, "journal = true");
        let id = killed_before_the_entry_is_deleted(&rig, command);
        write_draft(&rig);
        assert_eq!(rig.modems[0].stored().len(), 2);

        let gateway = rig.start_ready();
        eventually("its own entry is deleted", LIMIT, || {
            (rig.modems[0].stored().len() == 1).then_some(())
        });
        let view = status(&gateway, &id);
        assert_eq!((&view["state"], &view["maybe_twice"]), (&json!("sent"), &json!(false)));
        assert_eq!(view["parts"][0]["attempts"], 1);
        assert_no_more(&gateway, &rig, FAR, 1);
        let left = rig.modems[0].stored();
        assert_eq!(left.len(), 1, "{left:#?}");
        assert_eq!(left[0].status, UNSENT, "a draft that somebody wrote stays: {left:#?}");
    }
}

#[test]
fn what_an_earlier_message_left_says_nothing_about_a_later_one_with_the_same_text() {
    let rig = rig(1).slot(0, "journal = true");
    killed_before_the_entry_is_deleted(&rig, "+CMGD");
    let modem = &rig.modems[0];
    let command = String::from("+CMGD");
    modem.fault(Fault::HangAt { command }).expect("a fault");
    let gateway = rig.start();
    let id = gateway.api().send_with(same_text());
    eventually(
        "the later one is begun, and the entry of the first lies there",
        LIMIT,
        || {
            let begun = status(&gateway, &id)["state"] != "queued";
            (begun && gateway.log().contains("an earlier attempt left on the modem")).then_some(())
        },
    );
    gateway.kill();
    modem.fault(Fault::Heal).expect("healed");

    let gateway = rig.start();
    gateway.wait_state(&id, "sent", LIMIT);
    wait_empty(&rig);
    assert_no_more(&gateway, &rig, FAR, 2);
}

/// Sends [`same_text`], and kills the gateway when that is recorded as sent and the modem has not deleted its entry,
/// because it hangs at this command.
fn killed_before_the_entry_is_deleted(rig: &Rig, command: &str) -> String {
    let modem = &rig.modems[0];
    let gateway = rig.start_ready();
    let command = command.to_owned();
    modem.fault(Fault::HangAt { command }).expect("a fault");
    let id = gateway.api().send_with(same_text());
    gateway.wait_state(&id, "sent", LIMIT);
    gateway.kill();
    modem.fault(Fault::Heal).expect("healed");
    assert_eq!(modem.stored().len(), 1, "its entry lies there still");
    assert_eq!(sent_to(rig, FAR).len(), 1);
    id
}

/// Writes the TPDU that lies on the modem to another place of it, as somebody's draft.
fn write_draft(rig: &Rig) {
    let [ours]: [Kept; 1] = rig.modems[0].stored().try_into().expect("one entry");
    let mut port = fs::OpenOptions::new()
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(rig.modems[0].path())
        .expect("the port is there");
    // The service centre part is one octet of zero: none.
    let octets = ours.pdu.len() / 2 - 1;
    write!(port, "AT+CMGW={octets}\r").expect("written");
    std::thread::sleep(Duration::from_millis(300));
    write!(port, "{}\x1a", ours.pdu).expect("written");
    eventually("the draft lies there", LIMIT, || {
        (rig.modems[0].stored().len() == 2).then_some(())
    });
}

fn same_text() -> Value {
    json!({ "to": FAR, "text": "kept as sent", "report": false })
}

/// Waits until the modem holds the entry of the attempt.
fn wait_entry(rig: &Rig) {
    eventually("the journal holds an entry", LIMIT, || {
        (rig.modems[0].stored().len() == 1).then_some(())
    });
}

/// `<stat>` of a message that is to be sent (TS 27.005 3.1).
const UNSENT: u8 = 2;
