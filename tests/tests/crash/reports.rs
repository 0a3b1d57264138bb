//! Status reports: what was not kept comes again, what was kept counts once.

use super::*;

#[test]
fn a_stored_report_that_was_not_kept_is_read_again() {
    let rig = rig(120);
    let (gateway, id) = sent_with_a_late_report(&rig);
    let hold = Hold::take(&rig);
    wait_read(&rig);
    gateway.kill();
    drop(hold);
    assert_eq!(rig.modems[0].stored().len(), 1, "not kept, so not deleted");

    settles_once(&rig, &id);
}

#[test]
fn a_stored_report_that_was_kept_and_not_deleted_changes_nothing() {
    let rig = rig(120);
    let (gateway, id) = sent_with_a_late_report(&rig);
    let hold = Hold::take(&rig);
    wait_read(&rig);
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    drop(hold);
    let kept = gateway.wait_state(&id, "delivered", LIMIT);
    gateway.kill();
    assert_eq!(rig.modems[0].stored().len(), 1, "it could not be deleted");

    rig.modems[0].fault(Fault::Heal).expect("healed");
    let again = settles_once(&rig, &id);
    assert_eq!(again["parts"], kept["parts"]);
}

#[test]
fn a_routed_report_that_was_not_kept_is_repeated_by_the_network() {
    let rig = routing_rig();
    let (gateway, id) = sent_with_a_late_report(&rig);
    let hold = Hold::take(&rig);
    wait_announced(&rig, 1);
    gateway.kill();
    drop(hold);
    assert_eq!(acknowledged(&rig), 0, "not kept, so not acknowledged");

    let gateway = next_life_hears_the_network_again(&rig);
    gateway.wait_state(&id, "delivered", LIMIT);
    eventually("the network's copy is acknowledged", LIMIT, || {
        (acknowledged(&rig) == 1).then_some(())
    });
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn a_routed_report_that_was_kept_and_not_acknowledged_changes_nothing() {
    let rig = routing_rig();
    let (gateway, id) = sent_with_a_late_report(&rig);
    let hold = Hold::take(&rig);
    wait_announced(&rig, 1);
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    drop(hold);
    let kept = gateway.wait_state(&id, "delivered", LIMIT);
    gateway.kill();
    assert_eq!(acknowledged(&rig), 0, "it could not be acknowledged");

    let gateway = next_life_hears_the_network_again(&rig);
    eventually("the network's copy is acknowledged", LIMIT, || {
        (acknowledged(&rig) == 1).then_some(())
    });
    let again = status(&gateway, &id);
    assert_eq!(again["parts"], kept["parts"]);
    assert_no_more(&gateway, &rig, FAR, 1);
}

/// A modem that cannot store reports: they are routed directly, under `CSMS=1`.
fn routing_rig() -> Rig {
    let mut spec = ModemSpec::new(0);
    spec.profile.cnmi[3] = vec![0, 1];
    rig_in(impatient(), spec, 120)
}

/// A message that went out, and whose report comes in a moment.
fn sent_with_a_late_report(rig: &Rig) -> (Gateway, String) {
    late_reports(rig, 3_000);
    let gateway = rig.start_ready();
    let id = gateway.api().send(FAR, "the report comes in a moment");
    gateway.wait_state(&id, "sent", LIMIT);
    rig.network.rules(Vec::new()).expect("no rules");
    (gateway, id)
}

/// The next life has the report, once, and the modem is free of it.
fn settles_once(rig: &Rig, id: &str) -> Value {
    let gateway = rig.start();
    let view = gateway.wait_state(id, "delivered", LIMIT);
    wait_empty(rig);
    assert_no_more(&gateway, rig, FAR, 1);
    view
}

fn wait_announced(rig: &Rig, count: usize) {
    eventually("the report is announced", LIMIT, || {
        (rig.network.arrived().len() >= count).then_some(())
    });
}
