//! The upstream is a message centre on the npm package smpp, as difficult as it is told to be.

use end_to_end::{Peer, Rig, free_port, relay, wait_bound};
use serde_json::json;

use crate::{LONG, texts};

const TO: &str = "+491711234567";

/// A message centre with these options; `None` where it is not installed.
fn centre(options: &[&str]) -> Option<(Peer, u16)> {
    let port = free_port();
    let port_text = port.to_string();
    let mut args = vec![port_text.as_str(), "password=secret"];
    args.extend(options);
    let centre = Peer::node("smsc.js", &args)?;
    centre.hears("listening");
    Some((centre, port))
}

#[test]
fn receipts_find_their_messages_in_every_form_of_ids_also_before_the_answer() {
    let Some((upper, upper_port)) = centre(&["ids=HEX", "receipts=before"]) else {
        return;
    };
    let Some((mixed, mixed_port)) = centre(&["ids=hex", "receipt_ids=dec", "form=text", "enroute=1"]) else {
        return;
    };
    let rig = Rig::new(0);
    let (certificate, key) = (rig.certificate(), rig.folder().join("key.pem"));
    let tls = [
        format!("cert={}", certificate.display()),
        format!("key={}", key.display()),
    ];
    let Some((padded, padded_port)) = centre(&[
        "ids=pad",
        "receipt_ids=dec",
        "form=tlv",
        "receipts=200",
        &tls[0],
        &tls[1],
    ]) else {
        return;
    };
    let rig = relay(rig, "upper", upper_port, "number = \"+491700000001\"\n");
    let rig = relay(
        rig,
        "mixed",
        mixed_port,
        "response_id = \"hex\"\nreceipt_id = \"decimal\"\n",
    );
    let wrapped = format!("tls = true\nca_file = {certificate:?}\nbind = \"separate\"\nconnections = 2\n");
    let rig = relay(rig, "padded", padded_port, &wrapped);
    let gateway = rig.start();
    for (port, times) in [(upper_port, 1), (mixed_port, 1), (padded_port, 4)] {
        wait_bound(&gateway, port, times);
    }
    for (route, peer) in [("upper", &upper), ("mixed", &mixed), ("padded", &padded)] {
        let wish = json!({ "to": TO, "text": "Grüße {1}", "from": route, "report": true });
        let id = gateway.api().send_with(wish);
        let submitted = peer.hears("submitted");
        assert_eq!(submitted["octets"], "47727e1e65201b28311b29", "{submitted}");
        gateway.wait_state(&id, "delivered", LONG);
    }
    gateway.stop();
    assert_eq!(upper.hears("unbound"), "transceiver");
}

#[test]
fn a_long_message_goes_out_in_parts_that_are_joined_and_flash_is_flash() {
    let Some((peer, port)) = centre(&[]) else { return };
    let rig = relay(Rig::new(0), "phone", port, "long = \"sar\"\n");
    let gateway = rig.start();
    wait_bound(&gateway, port, 1);
    let text = "Ж".repeat(100);
    let id = gateway
        .api()
        .send_with(json!({ "to": TO, "text": text, "report": true }));
    let parts = [peer.hears("submitted"), peer.hears("submitted")];
    let octets: String = parts.iter().map(|part| part["octets"].as_str().expect("hex")).collect();
    assert_eq!(octets, "0416".repeat(100));
    assert_eq!(
        (&parts[0]["data_coding"], &parts[0]["esm_class"]),
        (&json!(8), &json!(0))
    );
    gateway.wait_state(&id, "delivered", LONG);
    gateway
        .api()
        .send_with(json!({ "to": TO, "text": "now", "flash": true }));
    assert_eq!(peer.hears("submitted")["data_coding"], 0x10);
}

#[test]
fn an_upstream_that_asks_for_less_gets_less_and_nothing_is_lost() {
    let Some((mut peer, port)) = centre(&["throttle=2", "receipts=none"]) else {
        return;
    };
    let rig = relay(Rig::new(0), "phone", port, "window = 1\n");
    let gateway = rig.start();
    wait_bound(&gateway, port, 1);
    let id = gateway
        .api()
        .send_with(json!({ "to": TO, "text": "patience", "report": false }));
    let view = gateway.wait_state(&id, "sent", LONG);
    assert_eq!(
        view["parts"][0]["attempts"], 1,
        "what is put off is no attempt: {view:#}"
    );
    peer.tell(&json!({"set": {"status": 0x0B}}));
    let id = gateway
        .api()
        .send_with(json!({ "to": TO, "text": "nobody", "report": false }));
    let view = gateway.wait_state(&id, "refused", LONG);
    assert_eq!(view["parts"][0]["code"], "SMPP 0x0B", "{view:#}");
}

#[test]
fn a_connection_that_breaks_is_made_again_and_what_it_left_open_is_uncertain() {
    let Some((mut peer, port)) = centre(&["silent=1", "receipts=none"]) else {
        return;
    };
    let rig = relay(Rig::new(0), "phone", port, "");
    let gateway = rig.start();
    wait_bound(&gateway, port, 1);
    let wish = json!({ "to": TO, "text": "perhaps", "on_uncertain": "hold", "report": false });
    let doubtful = gateway.api().send_with(wish);
    peer.hears("submitted");
    peer.tell(&json!({"drop": true}));
    wait_bound(&gateway, port, 2);
    gateway.wait_state(&doubtful, "uncertain", LONG);
    let id = gateway
        .api()
        .send_with(json!({ "to": TO, "text": "surely", "report": false }));
    gateway.wait_state(&id, "sent", LONG);
    assert_eq!(peer.hears("submitted")["octets"], "737572656c79");
}

#[test]
fn what_an_upstream_hands_over_is_answered_and_read() {
    let Some((mut peer, port)) = centre(&[]) else { return };
    let rig = relay(Rig::new(0), "phone", port, "number = \"+491700000001\"\n");
    let gateway = rig.start();
    wait_bound(&gateway, port, 1);
    let from = "491711234567";
    let long = "005b20ac005d".repeat(40);
    for about in [
        json!({ "from": from, "to": "1", "octets": "0202611b650202", "data_coding": 0 }),
        json!({ "from": from, "to": "1", "octets": "4772fcdf65", "data_coding": 3 }),
        json!({ "from": from, "to": "1", "octets": format!("050003070201{}", "61".repeat(153)), "esm_class": 0x40 }),
        json!({ "from": from, "to": "1", "octets": "05000307020262", "esm_class": 0x40 }),
        json!({ "from": from, "to": "1", "octets": long, "data_coding": 8, "payload": true }),
    ] {
        peer.tell(&json!({ "deliver": about }));
        assert_eq!(peer.hears("answered"), 0, "{about}");
    }
    let found = texts(&gateway, 4);
    let joined = format!("{}b", "a".repeat(153));
    assert_eq!(found, ["$$a€$$", "Grüße", joined.as_str(), "[€]".repeat(40).as_str()]);
    let first = &gateway.api().fetch(0, 0)[0];
    assert_eq!(
        (&first["from"], &first["to"], &first["sim"]),
        (&json!("+491711234567"), &json!("+491700000001"), &json!("phone"))
    );
}

#[test]
fn a_wrong_password_is_told_and_a_silent_upstream_given_up() {
    let Some((_peer, port)) = centre(&["mute=1"]) else {
        return;
    };
    let Some((refusing, wrong_port)) = centre(&[]) else {
        return;
    };
    let rig = relay(Rig::new(0), "mute", port, "response_s = 2\n");
    let rig = relay(rig, "wrong", wrong_port, "");
    std::fs::write(rig.folder().join("upstream.password"), "guess").expect("written");
    let gateway = rig.start();
    refusing.hears("refused");
    gateway.wait_log("ESME_RINVPASWD");
    gateway.wait_log("the peer did not answer in time");
}
