//! From `+CMTI` to whoever fetches: nothing is lost, nothing comes twice but under the same id.

use super::*;

#[test]
fn what_was_read_and_not_kept_is_read_again() {
    let rig = rig(120);
    let gateway = rig.start_ready();
    let hold = Hold::take(&rig);
    text(&rig, "read, not kept");
    wait_read(&rig);
    gateway.kill();
    drop(hold);
    assert_eq!(rig.modems[0].stored().len(), 1, "not kept, so not deleted");

    let gateway = rig.start();
    assert_eq!(only_message(&gateway)["text"], "read, not kept");
    wait_empty(&rig);
}

#[test]
fn what_was_kept_and_not_deleted_is_recognised() {
    let rig = rig(120);
    let gateway = rig.start_ready();
    let hold = Hold::take(&rig);
    text(&rig, "kept, not deleted");
    wait_read(&rig);
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    drop(hold);
    let kept = only_message(&gateway);
    gateway.kill();
    assert_eq!(rig.modems[0].stored().len(), 1, "it could not be deleted");

    rig.modems[0].fault(Fault::Heal).expect("healed");
    let gateway = rig.start();
    wait_empty(&rig);
    assert_eq!(only_message(&gateway), kept);
}

#[test]
fn a_routed_message_that_was_kept_and_not_acknowledged_is_recognised() {
    let rig = rig_in(impatient(), ModemSpec::new(0), 120).slot(0, "flash = true");
    let gateway = rig.start_ready();
    let hold = Hold::take(&rig);
    text(&rig, "kept, not acknowledged");
    eventually("it is routed", LIMIT, || {
        (!rig.network.arrived().is_empty()).then_some(())
    });
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    drop(hold);
    let kept = only_message(&gateway);
    gateway.kill();
    assert_eq!(acknowledged(&rig), 0);

    let gateway = next_life_hears_the_network_again(&rig);
    eventually("the network's copy is acknowledged", LIMIT, || {
        (acknowledged(&rig) == 1).then_some(())
    });
    assert_eq!(only_message(&gateway), kept);
}

#[test]
fn what_comes_while_nobody_listens_is_swept_up() {
    let rig = rig(120);
    rig.start_ready().kill();
    let long = "a long text in parts ".repeat(20);
    text(&rig, &long);
    let gateway = rig.start();
    assert_eq!(only_message(&gateway)["text"], long);
    wait_empty(&rig);
}

#[test]
fn a_message_comes_again_under_its_id_and_cursor() {
    let rig = rig(120);
    let gateway = rig.start_ready();
    text(&rig, "fetched, and forgotten by its reader");
    let first = only_message(&gateway);
    // Deleted on the modem: from now on only the store has it.
    wait_empty(&rig);
    gateway.kill();

    let gateway = rig.start();
    assert_eq!(only_message(&gateway), first);
}

fn text(rig: &Rig, text: &str) {
    rig.network
        .text(rig.modems[0].number(), "+4930123456", text)
        .expect("a text");
}

/// The one message that was received.
fn only_message(gateway: &Gateway) -> Value {
    let mut messages = gateway.api().fetch(0, 60);
    assert_eq!(messages.len(), 1, "{messages:#?}");
    messages.remove(0)
}
