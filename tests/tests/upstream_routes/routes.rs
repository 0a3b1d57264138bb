//! An upstream is a route among others: what chooses it, what is said of it, what goes elsewhere while it is away.

use std::time::Duration;

use end_to_end::{Gateway, Peer, Rig, eventually, free_port, relay, wait_bound};
use serde_json::{Value, json};

use crate::LONG;

const NEAR: &str = "+491711234567";
const FAR: &str = "+3225550001";

fn route_of(gateway: &Gateway, to: &str) -> Value {
    let id = gateway.api().send(to, "hello");
    let view = gateway.wait_state(&id, "delivered", LONG);
    view["parts"][0]["sim"].clone()
}

fn upstream(gateway: &Gateway) -> Value {
    gateway.api().call("upstreams.list", json!({})).expect("an answer")[0].clone()
}

#[test]
fn prefix_cost_limit_and_health_choose_between_an_upstream_and_a_sim() {
    let port = free_port();
    let routing = "prefixes = [{ prefix = \"+49\" }]\ncost_micros = 7000\nlimits.per_day = 2\nreconnect_s = 1\nreconnect_most_s = 1\n";
    let rig = Rig::new(1).slot(0, "cost_micros = 90000");
    let rig = relay(rig, "phone", port, routing).config("[metrics]\nallow = [\"127.0.0.0/8\"]\n");
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "ready");

    // Nobody listens there yet.
    let finding = gateway.wait_finding("phone", "no connection");
    assert!(
        finding["sentence"]
            .as_str()
            .is_some_and(|told| told.contains(&port.to_string())),
        "{finding}"
    );
    assert_ne!(upstream(&gateway)["state"], "bound");
    assert_eq!(route_of(&gateway, NEAR), "sim-0");
    let told = gateway
        .api()
        .call("route.explain", json!({ "to": NEAR }))
        .expect("an answer");
    assert_eq!(told["chosen"], "sim-0", "{told:#}");
    let shown = rig.cli(&gateway, &["upstreams"]);
    assert!(
        shown.out.contains("phone") && shown.out.contains("cannot be reached"),
        "{shown:?}"
    );
    let (_, _, page) = gateway.api().get("/metrics", &[]);
    assert!(page.contains("simrelay_upstream_up{upstream=\"phone\"} 0\n"), "{page}");

    let Some(centre) = Peer::node("smsc.js", &[&port.to_string(), "password=secret"]) else {
        return;
    };
    centre.hears("listening");
    wait_bound(&gateway, port, 1);
    eventually("it is well", LONG, || {
        (upstream(&gateway)["state"] == "bound").then_some(())
    });
    let shown = rig.cli(&gateway, &["modems"]);
    assert!(shown.out.contains("sim-0") && shown.out.contains("phone"), "{shown:?}");
    assert_eq!(route_of(&gateway, FAR), "sim-0");
    for _ in 0..2 {
        assert_eq!(route_of(&gateway, NEAR), "phone");
    }
    assert_eq!(route_of(&gateway, NEAR), "sim-0", "the day's limit is used up");
    let told = gateway
        .api()
        .call("route.explain", json!({ "to": NEAR }))
        .expect("an answer");
    assert!(
        told.to_string().contains("its limit of 2 parts a day is used up"),
        "{told:#}"
    );
    gateway.wait_finding("phone", "its limit per_day = 2 is used up");
    let checked = rig.cli(&gateway, &["check", "--modem", "phone"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.out.contains("delivered=2c"), "{checked:?}");
    gateway.stop();
}

#[test]
fn an_upstream_that_cannot_now_holds_up_no_recipient_elsewhere() {
    let port = free_port();
    let Some(centre) = Peer::node("smsc.js", &[&port.to_string(), "password=secret", "status=8"]) else {
        return;
    };
    centre.hears("listening");
    let rig = Rig::new(1).slot(0, "cost_micros = 90000");
    let rig = relay(
        rig,
        "phone",
        port,
        "prefixes = [{ prefix = \"+49\" }]\ncost_micros = 7000\n",
    );
    let gateway = rig.start_ready();
    wait_bound(&gateway, port, 1);
    // It answers ESME_RSYSERR to all, so a recipient that rested for it would be reached by nobody.
    let id = gateway.api().send(NEAR, "tried there first");
    let view = gateway.wait_state(&id, "delivered", LONG);
    let part = &view["parts"][0];
    assert_eq!(
        (&part["sim"], &part["attempts"]),
        (&json!("sim-0"), &json!(2)),
        "{view:#}"
    );
    let there = gateway
        .api()
        .send_with(json!({ "to": NEAR, "text": "there alone", "from": "phone" }));
    eventually("it was tried", LONG, || {
        let view = gateway.api().call("sms.status", json!({ "id": there })).expect("known");
        (view["parts"][0]["attempts"].as_u64() > Some(0) && view["state"] == "queued").then_some(())
    });
    let id = gateway
        .api()
        .send_with(json!({ "to": NEAR, "text": "by another", "from": "sim-0" }));
    gateway.wait_state(&id, "delivered", Duration::from_secs(20));
    gateway.stop();
}

#[test]
fn receipts_of_nobody_are_told_and_break_nothing() {
    let port = free_port();
    let Some(mut centre) = Peer::node("smsc.js", &[&port.to_string(), "password=secret", "receipts=none"]) else {
        return;
    };
    centre.hears("listening");
    let rig = relay(Rig::new(0), "phone", port, "");
    let gateway = rig.start();
    wait_bound(&gateway, port, 1);
    let other = json!({ "id": "ffffff", "from": "491711234567", "to": "1", "state": "DELIVRD" });
    centre.tell(&json!({ "receipt": other }));
    assert_eq!(centre.hears("answered"), 0, "it is kept, so it is answered");
    eventually("it is shown", LONG, || {
        (upstream(&gateway)["receipts_waiting"] == 1).then_some(())
    });
    let id = gateway.api().send(NEAR, "hello");
    gateway.wait_state(&id, "sent", LONG);
    let own = gateway
        .api()
        .call("sms.status", json!({ "id": id }))
        .expect("an answer");
    let name = own["parts"][0]["peer_id"].as_str().expect("a name").to_owned();
    for state in ["ENROUTE", "UNDELIV", "DELIVRD"] {
        let receipt = json!({ "id": name, "from": "491711234567", "to": "1", "state": state });
        centre.tell(&json!({ "receipt": receipt }));
        assert_eq!(centre.hears("answered"), 0);
    }
    let view = gateway.wait_state(&id, "failed", LONG);
    let receipts = view["parts"][0]["receipts"].as_array().expect("receipts").iter();
    let words: Vec<&str> = receipts.map(|one| one["status"].as_str().expect("a word")).collect();
    assert_eq!(words, ["still_trying", "failed", "delivered"], "{view:#}");
    gateway.stop();
}

#[test]
fn a_thousand_messages_are_each_delivered_once_whenever_their_receipts_come() {
    let rig = Rig::new(0).config("[store]\nuncertain_wait_s = 600\n");
    let (mut rig, mut peers) = (rig, Vec::new());
    for (name, receipts) in [("early", "before"), ("late", "50")] {
        let port = free_port();
        let wishes = [
            &port.to_string(),
            "password=secret",
            &format!("receipts={receipts}"),
            "enroute=1",
        ];
        let Some(peer) = Peer::node("smsc.js", &wishes) else {
            return;
        };
        peer.hears("listening");
        rig = relay(rig, name, port, "window = 50\n");
        peers.push((port, peer));
    }
    let gateway = rig.start();
    peers.iter().for_each(|(port, _)| wait_bound(&gateway, *port, 1));
    for place in 0..1000 {
        gateway
            .api()
            .send(&format!("+491701{place:06}"), &format!("message {place}"));
    }
    let counted = || {
        let stats = gateway.api().call("stats", json!({})).expect("an answer");
        (stats["totals"]["delivered"] == 1000).then_some(stats)
    };
    let stats = eventually("all are delivered", LONG, counted);
    assert_eq!(stats["totals"]["sent"], 1000, "{stats:#}");
    let sent: Vec<u64> = stats["upstreams"]
        .as_array()
        .expect("upstreams")
        .iter()
        .map(|one| one["sent"].as_u64().expect("a number"))
        .collect();
    assert_eq!(sent.iter().sum::<u64>(), 1000, "nothing went out twice: {stats:#}");
    assert!(sent.iter().all(|one| *one > 100), "both took part: {sent:?}");
    let upstreams = gateway.api().call("upstreams.list", json!({})).expect("an answer");
    for one in upstreams.as_array().expect("upstreams") {
        assert_eq!(
            (&one["receipts_waiting"], &one["receipts_stray"]),
            (&json!(0), &json!(0)),
            "{one:#}"
        );
    }
    gateway.stop();
}
