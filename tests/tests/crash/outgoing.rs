//! From the accepted call to the reference number: nothing is lost, and what may be doubled is announced.

use super::*;

#[test]
fn what_was_accepted_and_not_attempted_goes_out_once() {
    let rig = rig(120);
    let gateway = rig.start_ready();
    rig.modems[0].fault(Fault::Registration { stat: 2 }).expect("a fault");
    eventually("the modem searches", LIMIT, || {
        let slots = gateway.api().call("modems.list", json!({})).ok()?;
        (slots[0]["state"] == "searching").then_some(())
    });
    let id = gateway.api().send(FAR, "not attempted yet");
    assert_eq!(status(&gateway, &id)["state"], "queued");
    gateway.kill();

    rig.modems[0].fault(Fault::Registration { stat: 1 }).expect("healed");
    let gateway = rig.start();
    let view = gateway.wait_state(&id, "delivered", LIMIT);
    assert_eq!(view["maybe_twice"], false);
    assert_eq!(view["parts"][0]["attempts"], 1);
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn an_attempt_that_had_gone_out_is_doubled_once_and_says_so() {
    let rig = rig(1);
    let id = killed_behind_ctrl_z(&rig, json!({ "to": FAR, "text": "out", "report": false }), true);
    assert_eq!(sent_to(&rig, FAR).len(), 1);

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "sent", LIMIT);
    assert_eq!(view["maybe_twice"], true);
    assert_eq!(view["parts"][0]["maybe_twice"], true);
    assert_no_more(&gateway, &rig, FAR, 2);
    gateway.kill();
    let gateway = rig.start_ready();
    assert_no_more(&gateway, &rig, FAR, 2);
    assert_eq!(status(&gateway, &id)["state"], "sent");
}

#[test]
fn an_attempt_that_had_not_gone_out_is_not_lost() {
    let rig = rig(1);
    let id = killed_behind_ctrl_z(&rig, json!({ "to": FAR, "text": "not out" }), false);
    assert_eq!(sent_to(&rig, FAR).len(), 0);

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "delivered", LIMIT);
    assert_eq!(view["maybe_twice"], true, "nobody could know: {view:#}");
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn an_attempt_that_is_uncertain_twice_ends() {
    let rig = rig(1);
    let id = killed_behind_ctrl_z(&rig, json!({ "to": FAR, "text": "twice", "report": false }), true);
    let modem = &rig.modems[0];
    modem.fault(Fault::HangAfterCtrlZ { sent: true }).expect("a fault");
    let gateway = rig.start();
    wait_sent(&rig, 2);
    gateway.kill();
    modem.fault(Fault::Heal).expect("healed");

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "failed", LIMIT);
    assert_eq!(view["maybe_twice"], true);
    assert_no_more(&gateway, &rig, FAR, 2);
}

#[test]
fn a_report_within_the_wait_settles_what_was_uncertain() {
    let rig = rig(120);
    late_reports(&rig, 6_000);
    let id = killed_behind_ctrl_z(&rig, json!({ "to": FAR, "text": "a report comes" }), true);

    let gateway = rig.start();
    let view = status(&gateway, &id);
    assert_eq!(view["state"], "uncertain", "{view:#}");
    rig.network.rules(Vec::new()).expect("no rules");
    let view = gateway.wait_state(&id, "delivered", LIMIT);
    assert_eq!(view["maybe_twice"], false, "{view:#}");
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn a_reply_that_came_and_was_not_kept_is_settled_by_the_report() {
    let settings = Settings {
        latency: Duration::from_millis(1500),
        ..Settings::default()
    };
    let rig = rig_in(settings, ModemSpec::new(0), 120);
    let gateway = rig.start_ready();
    let id = gateway.api().send(FAR, "the reply is not kept");
    wait_part(&gateway, &id, 1, "attempting");
    let hold = Hold::take(&rig);
    wait_sent(&rig, 1);
    wait_read(&rig);
    gateway.kill();
    drop(hold);

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "delivered", LIMIT);
    assert_eq!(view["maybe_twice"], false, "{view:#}");
    assert_no_more(&gateway, &rig, FAR, 1);
}

#[test]
fn only_the_part_in_doubt_is_doubled() {
    let settings = Settings {
        latency: Duration::from_millis(700),
        ..Settings::default()
    };
    let rig = rig_in(settings, ModemSpec::new(0), 1);
    let gateway = rig.start_ready();
    let text = "a part of many ".repeat(25);
    let id = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": text, "report": false }));
    wait_part(&gateway, &id, 2, "attempting");
    gateway.kill();
    // The modem does not know that nobody listens any more, if it had the part.
    std::thread::sleep(Duration::from_secs(1));
    let before = sent_to(&rig, FAR).len();
    assert!((1..=2).contains(&before), "{before} parts went out");

    let gateway = rig.start();
    let view = gateway.wait_state(&id, "sent", LIMIT);
    let marked: Vec<bool> = part_field(&view, "maybe_twice");
    assert_eq!(marked, [false, true, false]);
    let sent = sent_to(&rig, FAR);
    assert_eq!(sent.len(), before + 2, "{sent:#?}");
    // The header of a joined text: octets 00 03, the reference, how many, which one (TS 23.040 9.2.3.24.1).
    let headers: Vec<&str> = sent
        .iter()
        .filter_map(|part| part.tpdu.find("050003").map(|at| &part.tpdu[at..at + 12]))
        .collect();
    assert!(
        headers.iter().all(|header| header[..10] == headers[0][..10]),
        "one reference: {headers:?}"
    );
    let mut places: Vec<&str> = headers.iter().map(|header| &header[10..]).collect();
    places.sort_unstable();
    let expected = if before == 2 {
        vec!["01", "02", "02", "03"]
    } else {
        vec!["01", "02", "03"]
    };
    assert_eq!(places, expected);
}

#[test]
fn what_is_held_waits_for_the_operator() {
    let rig = rig(1).config("[gateway]\non_uncertain = \"hold\"");
    let first = killed_behind_ctrl_z(
        &rig,
        json!({ "to": FAR, "text": "to send again", "report": false }),
        true,
    );
    let second = killed_behind_ctrl_z(&rig, json!({ "to": FAR, "text": "to drop", "report": false }), true);

    let gateway = rig.start_ready();
    wait_held(&gateway, 2);
    assert_no_more(&gateway, &rig, FAR, 2);
    for id in [&first, &second] {
        assert_eq!(status(&gateway, id)["state"], "uncertain");
    }
    let health = gateway.api().call("health", json!({})).expect("health");
    assert!(
        health.to_string().contains("nobody knows whether they went out"),
        "{health:#}"
    );

    let resolve = |id: &str, how: &str| {
        let params = json!({ "id": id, "resolution": how });
        gateway.api().call("sms.resolve", params)
    };
    let dropped = resolve(&second, "drop").expect("dropped");
    assert_eq!(dropped["state"], "failed");
    resolve(&first, "resend").expect("sent again");
    let view = gateway.wait_state(&first, "sent", LIMIT);
    assert_eq!(view["maybe_twice"], true);
    assert_no_more(&gateway, &rig, FAR, 3);
    let again = resolve(&first, "resend").expect_err("nothing is in doubt any more");
    assert_eq!(again.data["reason"], "state", "{again:?}");
}

#[test]
fn a_single_message_can_be_held_and_a_late_report_settles_it() {
    let rig = rig(1);
    late_reports(&rig, 10_000);
    let params = json!({ "to": FAR, "text": "held by wish", "on_uncertain": "hold" });
    let id = killed_behind_ctrl_z(&rig, params, true);

    let gateway = rig.start_ready();
    wait_held(&gateway, 1);
    assert_eq!(status(&gateway, &id)["state"], "uncertain");
    let view = gateway.wait_state(&id, "delivered", LIMIT);
    assert_eq!(view["maybe_twice"], false, "{view:#}");
    rig.network.rules(Vec::new()).expect("no rules");
    assert_no_more(&gateway, &rig, FAR, 1);
}

fn wait_held(gateway: &Gateway, count: usize) {
    eventually("the messages are held", LIMIT, || {
        (gateway.log().matches("held: an operator decides").count() >= count).then_some(())
    });
}

fn part_field(view: &Value, field: &str) -> Vec<bool> {
    let parts = view["parts"].as_array().expect("parts");
    parts
        .iter()
        .map(|part| part[field].as_bool().expect("yes or no"))
        .collect()
}

/// Kills the gateway while one part goes out and another one stands behind it at the modem; both ids.
fn killed_with_one_ahead(rig: &Rig) -> [String; 2] {
    let modem = &rig.modems[0];
    let gateway = rig.start_ready();
    modem.fault(Fault::HangAfterCtrlZ { sent: true }).expect("a fault");
    let send = |to, text| {
        gateway
            .api()
            .send_with(json!({ "to": to, "text": text, "report": false }))
    };
    let ids = [send(FAR, "goes out"), send(AHEAD, "stands behind")];
    ids.iter().for_each(|id| wait_part(&gateway, id, 1, "attempting"));
    wait_sent(rig, 1);
    gateway.kill();
    modem.fault(Fault::Heal).expect("healed");
    ids
}

#[test]
fn a_part_that_stood_behind_another_one_is_not_in_doubt() {
    let rig = rig(120);
    let [first, behind] = killed_with_one_ahead(&rig);
    let gateway = rig.start();
    let view = gateway.wait_state(&behind, "sent", LIMIT);
    assert_eq!(
        (&view["maybe_twice"], &view["parts"][0]["attempts"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(status(&gateway, &first)["state"], "uncertain", "it had begun");
    assert_eq!(sent_to(&rig, AHEAD).len(), 1);
}

#[test]
fn without_the_notes_of_what_began_it_is_in_doubt_as_well() {
    let rig = rig(1);
    let ids = killed_with_one_ahead(&rig);
    // As a power cut leaves it: nothing of that file was ever synced.
    std::fs::remove_file(rig.data().join("simrelay.begins")).expect("removed");
    let gateway = rig.start();
    for id in &ids {
        let view = gateway.wait_state(id, "sent", LIMIT);
        assert_eq!(view["maybe_twice"], true, "{view:#}");
    }
    assert_eq!([FAR, AHEAD].map(|number| sent_to(&rig, number).len()), [2, 1]);
}

/// Who gets what stands behind.
const AHEAD: &str = "+4915199999998";
