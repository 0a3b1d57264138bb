//! `journal = true`: the modem's own memory tells what became of an attempt.

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

/// Waits until the modem holds the entry of the attempt.
fn wait_entry(rig: &Rig) {
    eventually("the journal holds an entry", LIMIT, || {
        (rig.modems[0].stored().len() == 1).then_some(())
    });
}
