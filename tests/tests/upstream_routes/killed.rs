//! The gateway is killed while many messages are under way by an upstream that gives receipts: another gateway, which keeps
//! them until they are answered.

use std::collections::BTreeMap;

use end_to_end::{Gateway, Rig, eventually, free_port, relay};
use serde_json::{Value, json};

use crate::LONG;

/// `bcrypt` of "secret", at the lowest cost.
const HASH: &str = "$2b$04$hzMC8BYEEHcz.NyVVz0bb.86Kn7Jz5p6MFzMqPPkIf5UZzOwBo2Zy";

const MESSAGES: usize = 120;

/// How many parts went out by the upstream since the database was made.
fn sent(gateway: &Gateway) -> u64 {
    let upstreams = gateway.api().call("upstreams.list", json!({})).expect("an answer");
    upstreams[0]["totals"]["sent"].as_u64().unwrap_or(0)
}

fn kill_after(gateway: Gateway, parts: u64) {
    eventually("some are out", LONG, || (sent(&gateway) >= parts).then_some(()));
    gateway.kill();
}

#[test]
fn every_message_has_one_end_and_none_goes_out_twice_unannounced() {
    let port = free_port();
    let rig = Rig::new(2).config(&format!(
        "[smpp]\nlisten = [\"127.0.0.1:{port}\"]\n[[smpp.accounts]]\nsystem_id = \"shop\"\nhash = \"{HASH}\"\nwindow = 20\n"
    ));
    let second = rig.start_ready();
    let front = relay(Rig::new(0), "phone", port, "window = 20\n");
    let front = front.config("[store]\nuncertain_wait_s = 10\n");
    let first = front.start();
    let ids: Vec<String> = (0..MESSAGES)
        .map(|place| {
            first
                .api()
                .send(&format!("+491701{place:06}"), &format!("message {place}"))
        })
        .collect();
    kill_after(first, 20);
    kill_after(front.start(), 60);
    let first = front.start();

    let mut twice: BTreeMap<String, bool> = BTreeMap::new();
    for id in &ids {
        let view = first.wait_state(id, "delivered", LONG);
        let finals = |receipts: &Value| {
            receipts
                .as_array()
                .map_or(0, |all| all.iter().filter(|one| is_final(one)).count())
        };
        assert_eq!(finals(&view["parts"][0]["receipts"]), 1, "{view:#}");
        let text = view["text"].as_str().expect("a text").to_owned();
        twice.insert(text, view["maybe_twice"].as_bool().expect("a word"));
    }
    let mut gone: BTreeMap<String, usize> = BTreeMap::new();
    for text in rig.network.sent().into_iter().filter_map(|one| one.text) {
        *gone.entry(text).or_default() += 1;
    }
    for (text, maybe_twice) in &twice {
        let times = gone.get(text).copied().unwrap_or(0);
        assert!(times == 1 || (*maybe_twice && times == 2), "{text}: {times} times");
    }
    eventually("each is counted once", LONG, || {
        let totals = first.api().call("stats", json!({})).expect("an answer")["totals"].clone();
        (totals["delivered"] == MESSAGES && totals["sent"] == MESSAGES).then_some(())
    });
    first.stop();
    second.stop();
}

fn is_final(receipt: &Value) -> bool {
    receipt["status"] != "still_trying"
}
