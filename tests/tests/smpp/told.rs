//! What applications are told, and how often: states, forms of long messages, and applications that stumble.

use std::time::{Duration, Instant};

use end_to_end::eventually;
use serde_json::json;
use smpp::{Body, EsmClass, Pdu, Sm, Status, Tag, Tlvs};

use crate::esme::{Esme, sm};
use crate::{Centre, HASH, LONG, fetched};

#[test]
fn who_asks_for_it_hears_that_a_message_is_on_its_way_before_its_end() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    let id = esme.submit(Sm {
        registered_delivery: 0x11,
        ..sm(to, "x")
    });
    let told = [esme.delivered(), esme.delivered()].map(|(sm, tlvs)| {
        assert_eq!(tlvs.string(Tag::RECEIPTED_MESSAGE_ID), Some(id.as_bytes()));
        (sm.esm_class, tlvs.number(Tag::MESSAGE_STATE))
    });
    let [enroute, delivered] = [(EsmClass::INTERMEDIATE, 1), (EsmClass::RECEIPT, 2)];
    assert_eq!(told, [enroute, delivered].map(|(class, state)| (class.0, Some(state))));
    let failing = esme.submit(Sm {
        registered_delivery: 0x02,
        ..sm(to, "only of failure")
    });
    gateway.wait_state(&failing, "delivered", LONG);
    let last = esme.submit(Sm {
        registered_delivery: 0x01,
        ..sm(to, "y")
    });
    let (receipt, _) = esme.delivered();
    assert!(
        receipt.short_message.starts_with(format!("id:{last} ").as_bytes()),
        "nothing of the one before"
    );
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn messages_come_by_own_number_and_keyword_and_in_parts_to_an_old_application() {
    let centre = Centre::with(
        "",
        "long = \"payload\"\nkeywords = [\"order\"]\nnumbers = [NUMBER1]\nsims = [\"sim-0\", \"sim-1\"]",
    );
    let gateway = centre.rig.start_ready();
    let [zero, one] = [0, 1].map(|modem| centre.rig.modems[modem].number());
    let long = format!("Order {}", "x".repeat(280));
    let mut old = Esme::connect(centre.port);
    let answer = old.bind(0x33);
    assert!(
        answer.status.is_ok() && answer.tlvs.is_empty(),
        "an old one is sent no parameters"
    );
    let tap = |from: usize, to: &str, text: &str| {
        let id = gateway
            .api()
            .send_with(json!({ "to": to, "text": text, "from": format!("sim-{from}") }));
        gateway.wait_state(&id, "delivered", LONG);
    };
    tap(1, zero, &long);
    tap(0, one, "other words");
    tap(0, one, &long);
    let mut parts = [old.delivered(), old.delivered()];
    parts.sort_by_key(|(sm, _)| sm.short_message[6]);
    for (sm, tlvs) in &parts {
        assert!(sm.esm_class == EsmClass::UDHI && tlvs.is_empty(), "{sm:?}");
        assert_eq!(sm.destination_addr.text(), one.trim_start_matches('+'));
    }
    old.unbinds();
    tap(0, one, &long);
    let mut new = Esme::bound(centre.port);
    let (sm, tlvs) = new.delivered();
    assert!(sm.short_message.is_empty());
    assert_eq!(tlvs.get(Tag::MESSAGE_PAYLOAD), Some(long.as_bytes()));
    new.unbinds();
    assert!(gateway.stop().success());
}

/// The attendance server answers a receipt by binding once more on the same connection, and never answers what it
/// cannot read.
#[test]
fn an_application_that_stumbles_over_receipts_and_one_message_is_served_all_the_same() {
    let centre = Centre::with(
        "response_s = 1",
        "rebind = true\nswallow_receipts = true\nunanswered_most = 2",
    );
    let gateway = centre.rig.start_ready();
    let [zero, one] = [0, 1].map(|modem| centre.rig.modems[modem].number());
    let mut esme = Esme::bound(centre.port);
    let acknowledgement = esme.submit(Sm {
        source_addr_ton: 1,
        source_addr: zero.trim_start_matches('+').into(),
        registered_delivery: 1,
        ..sm(one, "poison")
    });
    gateway.wait_state(&acknowledgement, "delivered", LONG);
    let poison = |pdu: &Pdu| matches!(&pdu.body, Body::DeliverSm(sm) if &*sm.short_message == b"poison");
    let first = esme.given();
    assert!(poison(&first), "no receipt: {first:?}");
    assert_eq!(
        esme.bind(0x34).status,
        Status::OK,
        "it may bind again where it is bound"
    );
    let again = esme.given();
    assert!(poison(&again) && again.sequence != first.sequence, "{again:?}");
    gateway.wait_log("given up: it was given 2 times, and the application never answered");
    let id = esme.submit(sm(one, "sound"));
    gateway.wait_state(&id, "sent", LONG);
    let (sm, _) = esme.delivered();
    assert_eq!(&*sm.short_message, b"sound");
    esme.unbinds();
    assert!(gateway.stop().success());
}

/// The attendance server sleeps before it binds once more, and takes the next PDU for the answer to that.
#[test]
fn what_comes_while_an_application_stumbles_is_given_to_it_once_it_is_bound_again() {
    let centre = Centre::with(
        "response_s = 1",
        "rebind = true\nswallow_receipts = true\nunanswered_most = 1",
    );
    let gateway = centre.rig.start_ready();
    let one = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    // From the network itself: until the bind below there are ten seconds, and on a busy machine two modems take long.
    let comes = |text: &str| centre.rig.network.text(one, "+4930123456", text).expect("a text");
    comes("poison");
    let Body::DeliverSm(poison) = esme.given().body else {
        panic!("a message")
    };
    assert_eq!(&*poison.short_message, b"poison");
    let given = Instant::now();
    comes("sound");
    fetched(&gateway, 2);
    // Longer than response_s: by then it would be written, and lost, if anything but a bind ended the wait.
    std::thread::sleep(Duration::from_secs(2).saturating_sub(given.elapsed()));
    assert_eq!(esme.bind(0x34).status, Status::OK);
    assert!(
        esme.requests.is_empty(),
        "the answer to the bind is the first: {:?}",
        esme.requests
    );
    let (sound, _) = esme.delivered();
    assert_eq!(&*sound.short_message, b"sound");
    gateway.wait_log("given up: it was given 1 times, and the application never answered");
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_second_bind_that_is_refused_leaves_the_session_as_it_was() {
    let desk =
        format!("rebind = true\nbinds = 1\n[[smpp.accounts]]\nsystem_id = \"desk\"\nhash = \"{HASH}\"\nbinds = 1");
    let centre = Centre::with("", &desk);
    let gateway = centre.rig.start_ready();
    let one = centre.rig.modems[1].number();
    let mut other = Esme::connect(centre.port);
    assert_eq!(other.bind_as("desk", "secret", 0x34).status, Status::OK);
    let mut esme = Esme::bound(centre.port);
    assert_eq!(esme.bind_with("guess", 0x33).status, Status::INVALID_PASSWORD);
    let full = esme.bind_as("desk", "secret", 0x33).status;
    assert_eq!(full, Status::BIND_FAILED, "that account has its one session");
    esme.submit(Sm {
        registered_delivery: 1,
        ..sm(one, "still here")
    });
    let receipt = |(sm, tlvs): (Sm, Tlvs)| sm.esm_class == EsmClass::RECEIPT.0 && !tlvs.is_empty();
    assert!(
        [esme.delivered(), esme.delivered()].map(receipt).contains(&true),
        "with parameters, as it was bound first"
    );
    esme.unbinds();
    drop(other);
    assert!(gateway.stop().success());
}

#[test]
fn a_stop_does_not_wait_for_an_application_that_is_not_bound() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    gateway
        .api()
        .send_with(json!({ "to": to, "text": "x", "from": "sim-0" }));
    fetched(&gateway, 1);
    let began = Instant::now();
    assert!(gateway.stop().success());
    // A delivery waits half a minute for a bind.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn who_is_bound_and_what_they_did_is_shown() {
    let centre = Centre::new("rate = 1\nreceive = false");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    esme.submit(Sm {
        registered_delivery: 1,
        ..sm(to, "x")
    });
    let burst: Vec<_> = (0..20).map(|_| esme.call(Body::SubmitSm(sm(to, "x"))).status).collect();
    assert!(burst.contains(&Status::THROTTLED), "{burst:?}");
    esme.delivered();
    let shown = eventually("the snapshot tells of it", LONG, || {
        let shown = centre.rig.cli_json(&gateway, &["smpp", "sessions"]);
        (shown[0]["counts"]["delivered"] == 1).then_some(shown)
    });
    let [account, session] = [&shown[0], &shown[0]["sessions"][0]];
    assert_eq!(
        (&account["system_id"], &session["bound_for"]),
        (&json!("shop"), &json!("transceiver"))
    );
    assert_eq!(
        (&session["from"], &session["window"]),
        (&json!("127.0.0.1"), &json!(100))
    );
    assert_eq!(session["counts"], account["counts"]);
    let counted = |name: &str| account["counts"][name].as_u64().expect("a number");
    assert_eq!(counted("submitted") + counted("throttled"), 21);
    let people = centre.rig.cli(&gateway, &["smpp", "sessions"]);
    assert!(
        people.out.contains("transceiver") && people.out.contains("0+0/100"),
        "{}",
        people.out
    );
    esme.unbinds();
    eventually("it is gone", LONG, || {
        let shown = centre.rig.cli_json(&gateway, &["smpp", "sessions"]);
        shown[0]["sessions"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
    let (_, _, metrics) = gateway.api().get(
        "/metrics",
        &[("authorization", &format!("Bearer {}", centre.rig.token()))],
    );
    assert!(
        metrics.contains("simrelay_smpp_sessions{system_id=\"shop\",bind_type=\"transceiver\"} 0"),
        "{metrics}"
    );
    assert!(gateway.stop().success());
}

#[test]
fn of_many_that_come_at_once_each_has_its_answer_and_none_is_told_of_before() {
    let centre = Centre::new("receive = false\nwindow = 50\nprefixes = [\"+49\"]");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    let many = (0..50).map(|number| {
        let to = if number % 10 == 3 { "+33123456789" } else { to };
        Body::SubmitSm(Sm {
            registered_delivery: 1,
            ..sm(to, &format!("number {number}"))
        })
    });
    let answers = esme.call_all(many.collect());
    let refused = answers
        .iter()
        .filter(|answer| answer.status == Status::INVALID_DESTINATION);
    let refused: Vec<u32> = refused.map(|answer| answer.sequence - 2).collect();
    assert_eq!(refused, [3, 13, 23, 33, 43]);
    let mut ids: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status == Status::OK)
        .map(|answer| answer.message_id().expect("an id").text())
        .collect();
    assert_eq!(ids.len(), 45);
    let mut told: Vec<String> = (0..45)
        .map(|_| {
            let (_, tlvs) = esme.delivered();
            let id = tlvs.string(Tag::RECEIPTED_MESSAGE_ID).expect("an id");
            String::from_utf8_lossy(id).into_owned()
        })
        .collect();
    told.sort();
    ids.sort();
    assert_eq!(told, ids);
    esme.unbinds();
    assert!(gateway.stop().success());
}
