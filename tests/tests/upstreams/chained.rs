//! Two gateways in a row: the second one's message centre is the first one's upstream.

use std::collections::BTreeSet;
use std::fs;

use end_to_end::{Rig, eventually, free_port, relay, wait_bound};
use serde_json::json;
use smpp::capture::Capture;
use smpp::{CommandId, Pdu};

use crate::{LONG, texts};

/// `bcrypt` of "secret", at the lowest cost.
const HASH: &str = "$2b$04$hzMC8BYEEHcz.NyVVz0bb.86Kn7Jz5p6MFzMqPPkIf5UZzOwBo2Zy";

/// A gateway with a message centre for the account `shop`.
fn centre(port: u16, lines: &str) -> Rig {
    Rig::new(2).config(&format!(
        "[smpp]\nlisten = [\"127.0.0.1:{port}\"]\n[[smpp.accounts]]\nsystem_id = \"shop\"\nhash = \"{HASH}\"\n{lines}"
    ))
}

#[test]
fn what_the_first_sends_leaves_from_the_seconds_sim_and_comes_back_as_delivered() {
    let port = free_port();
    let rig = centre(port, "");
    let second = rig.start_ready();
    let front = relay(Rig::new(0), "phone", port, "");
    let first = front.start();
    wait_bound(&first, port, 1);
    let to = rig.modems[1].number();
    let long = "Ein langer Text mit {Klammern} und €. ".repeat(8);
    for text in ["Grüße @ [€]", "Привет 👋", long.as_str()] {
        let id = first.api().send_with(json!({ "to": to, "text": text, "report": true }));
        let view = first.wait_state(&id, "delivered", LONG);
        assert_eq!(view["parts"][0]["sim"], "phone", "{view:#}");
        eventually("the text is sent by a SIM", LONG, || {
            let sent = rig.network.sent().into_iter();
            sent.filter_map(|one| one.text)
                .any(|sent| text.starts_with(&sent) || sent == text)
                .then_some(())
        });
    }
    first.stop();
    second.stop();
}

#[test]
fn parts_by_parameters_are_as_long_as_the_second_takes_them() {
    let port = free_port();
    let rig = centre(port, "");
    let second = rig.start_ready();
    let front = relay(Rig::new(0), "phone", port, "long = \"sar\"\n");
    let first = front.start();
    wait_bound(&first, port, 1);
    let long = "0123456789".repeat(40);
    let id = first.api().send(rig.modems[1].number(), &long);
    first.wait_state(&id, "delivered", LONG);
    assert_eq!(texts(&second, 1), [long]);
    first.stop();
    second.stop();
}

#[test]
fn what_the_second_receives_reaches_the_first_also_through_a_kill() {
    let port = free_port();
    let rig = centre(port, "");
    let second = rig.start_ready();
    let front = relay(Rig::new(0), "phone", port, "");
    let first = front.start();
    wait_bound(&first, port, 1);
    let own = rig.modems[0].number();
    rig.network.text(own, "+491711234567", "one").expect("delivered");
    assert_eq!(texts(&first, 1), ["one"]);
    first.kill();
    rig.network.text(own, "+491711234567", "two").expect("delivered");
    texts(&second, 2);
    let first = front.start();
    assert_eq!(texts(&first, 2), ["one", "two"]);
    first.stop();
    second.stop();
}

#[test]
fn a_refusal_of_the_second_is_told_by_the_first() {
    let port = free_port();
    let rig = centre(port, "prefixes = [\"+49171\"]\n");
    let second = rig.start_ready();
    let front = relay(Rig::new(0), "phone", port, "");
    let first = front.start();
    wait_bound(&first, port, 1);
    let switched = first.api().call("trace.set", json!({ "sim": "phone", "on": true }));
    let file = switched.expect("it has sessions")["trace"]["file"]
        .as_str()
        .expect("a file")
        .to_owned();
    let id = first.api().send("+4915112345678", "not allowed");
    // There is no other route that could carry it.
    let view = first.wait_state(&id, "refused", LONG);
    assert_eq!(view["parts"][0]["code"], "SMPP 0x0B", "{view:#}");
    eventually(
        "what went over the session is written down, from us to there and back",
        LONG,
        || {
            let octets = fs::read(&file).ok()?;
            let capture = Capture::read(&octets).ok()?;
            let pieces = capture.pieces.iter().filter(|piece| !piece.octets.is_empty());
            let pdus: Vec<_> = pieces
                .map(|piece| {
                    let connection = &capture.connections[piece.connection];
                    let to = if piece.forth { connection.to } else { connection.from };
                    (to.port() == port, Pdu::decode(piece.octets).expect("a PDU").command())
                })
                .collect();
            let both = [(true, CommandId::SUBMIT_SM), (false, CommandId::SUBMIT_SM.response())];
            both.iter().all(|one| pdus.contains(one)).then_some(())
        },
    );
    second.stop();
}

#[test]
fn a_kill_in_the_middle_leaves_each_message_with_one_end() {
    let port = free_port();
    let rig = centre(port, "");
    let second = rig.start_ready();
    let front = relay(Rig::new(0).config("[store]\nuncertain_wait_s = 5\n"), "phone", port, "");
    let first = front.start();
    wait_bound(&first, port, 1);
    let to = rig.modems[1].number();
    let send = |number| {
        let text = format!("message {number}");
        first.api().send_with(json!({ "to": to, "text": text, "report": true }))
    };
    let ids: Vec<String> = (0..COUNT).map(send).collect();
    let texts = || {
        let sent = rig.network.sent().into_iter();
        sent.filter_map(|one| one.text).collect::<BTreeSet<String>>()
    };
    eventually("some are sent", LONG, || (texts().len() >= 5).then_some(()));
    first.kill();
    let first = front.start();
    for id in &ids {
        first.wait_state(id, "delivered", LONG);
    }
    assert_eq!(texts().len(), COUNT);
    first.stop();
    second.stop();
}

const COUNT: usize = 40;
