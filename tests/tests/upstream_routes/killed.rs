//! The gateway is killed while many messages are under way by an upstream that gives receipts: another gateway, which keeps
//! them until they are answered.

use std::collections::{BTreeMap, BTreeSet};

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

fn status(gateway: &Gateway, id: &str) -> Value {
    gateway.api().call("sms.status", json!({ "id": id })).expect("known")
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

#[test]
fn what_waits_for_the_rate_has_not_begun() {
    let port = free_port();
    let rig = Rig::new(1).config(&format!(
        "[smpp]\nlisten = [\"127.0.0.1:{port}\"]\n[[smpp.accounts]]\nsystem_id = \"shop\"\nhash = \"{HASH}\"\n"
    ));
    let second = rig.start_ready();
    // Two parts in the time that the test takes, and no more: the second may be begun when it is killed.
    let front = relay(Rig::new(0), "phone", port, "rate = 1\n");
    let front = front.config("[store]\nuncertain_wait_s = 10\n");
    let first = front.start();
    let ids: Vec<String> = (0..8)
        .map(|place| {
            first
                .api()
                .send(&format!("+491701{place:06}"), &format!("message {place}"))
        })
        .collect();
    let attempting = |id: &&String| status(&first, id)["parts"][0]["state"] == "attempting";
    eventually("they are handed over", LONG, || {
        (ids.iter().filter(attempting).count() >= 4).then_some(())
    });
    first
        .api()
        .call("sms.cancel", json!({ "id": ids[7] }))
        .expect("it waits");
    kill_after(first, 1);

    let first = front.start();
    let uncertain = ids.iter().filter(|id| status(&first, id)["state"] == "uncertain");
    assert!(uncertain.count() <= 1, "{}", first.log());
    let doubted = ids[..7].iter().filter(|id| {
        let view = first.wait_state(id, "delivered", LONG);
        view["maybe_twice"] == true
    });
    assert!(doubted.count() <= 1);
    assert_eq!(status(&first, &ids[7])["state"], "cancelled");
    let texts: BTreeSet<String> = rig.network.sent().into_iter().filter_map(|one| one.text).collect();
    assert_eq!(texts.len(), 7, "{texts:?}");
    first.stop();
    second.stop();
}

#[test]
fn an_alarm_passes_what_was_handed_over_and_waits_for_the_rate() {
    let port = free_port();
    let rig = Rig::new(1).config(&format!(
        "[smpp]\nlisten = [\"127.0.0.1:{port}\"]\n[[smpp.accounts]]\nsystem_id = \"shop\"\nhash = \"{HASH}\"\n"
    ));
    let second = rig.start_ready();
    let front = relay(Rig::new(0), "phone", port, "rate = 1\nwindow = 100\n").start();
    let ids: Vec<String> = (0..30)
        .map(|place| {
            let to = format!("+491701{place:06}");
            front.api().send(&to, &format!("message {place}"))
        })
        .collect();
    let handed_over = |id: &&String| status(&front, id)["parts"][0]["state"] != "queued";
    eventually("they are handed over, and the window has room", LONG, || {
        (ids.iter().filter(handed_over).count() == ids.len()).then_some(())
    });
    let alarm = json!({ "to": "+491702000000", "text": "alarm", "priority": 3 });
    let alarm = front.api().send_with(alarm);
    let before = rig.network.sent().len();
    front.wait_state(&alarm, "delivered", LONG);
    let texts = rig.network.sent().into_iter().filter_map(|one| one.text);
    let texts: Vec<String> = texts.collect();
    let place = texts.iter().position(|text| text == "alarm").expect("it went out");
    // What was on its way, and as many as go out in the seconds that a busy machine may need.
    assert!(place <= before + 5 && place < ids.len(), "{before} {texts:?}");
    let others: Vec<&String> = texts.iter().filter(|text| *text != "alarm").collect();
    let in_order: Vec<String> = (0..others.len()).map(|place| format!("message {place}")).collect();
    assert!(
        others.into_iter().eq(&in_order),
        "the others keep their order: {texts:?}"
    );
    front.kill();
    second.stop();
}

fn is_final(receipt: &Value) -> bool {
    receipt["status"] != "still_trying"
}
