//! kill -9 at moments that nobody chose, in the short form of the figures: 20 of them in 200 messages. The moments are
//! drawn from a fixed seed.

use std::collections::HashMap;

use end_to_end::Api;

use super::*;

#[test]
fn twenty_kills_while_sending_lose_nothing_and_double_only_what_says_so() {
    let rig = sending_rig("");
    let ids = send_through_kills(&rig, 1);
    let gateway = rig.start_ready();
    for (text, id) in &ids {
        let view = settled(&gateway, id);
        let times = times_sent(&rig, text);
        assert!(times >= 1, "'{text}' is lost: {view:#}");
        assert!(times <= 2, "'{text}' went out {times} times: {view:#}");
        assert!(
            times == 1 || view["maybe_twice"] == true,
            "'{text}' is doubled in silence: {view:#}"
        );
    }
}

#[test]
fn twenty_kills_while_sending_with_a_journal_double_nothing() {
    let rig = sending_rig("journal = true");
    let ids = send_through_kills(&rig, 2);
    let gateway = rig.start_ready();
    for (text, id) in &ids {
        let view = settled(&gateway, id);
        assert_eq!(times_sent(&rig, text), 1, "'{text}': {view:#}");
        assert_eq!(view["state"], "delivered", "'{text}': {view:#}");
    }
    eventually("the modems hold nothing more", LIMIT, || {
        rig.modems.iter().all(|modem| modem.stored().is_empty()).then_some(())
    });
}

#[test]
fn twenty_kills_while_receiving_lose_nothing_and_double_nothing() {
    let rig = Rig::with(Settings::default(), (0..MODEMS).map(ModemSpec::new));
    let mut dice = Dice(3);
    let mut texts = 0..MESSAGES;
    for _ in 0..KILLS {
        let gateway = rig.start();
        let before = deleted(&rig);
        let share = MESSAGES / KILLS;
        receive(&rig, texts.by_ref().take(share / 2), 0);
        eventually("the first is received", LIMIT, || {
            (deleted(&rig) > before).then_some(())
        });
        let pause = dice.below(20);
        let moment = dice.below(120);
        let rest = texts.by_ref().take(share - share / 2);
        std::thread::scope(|scope| {
            scope.spawn(|| receive(&rig, rest, pause));
            std::thread::sleep(Duration::from_millis(moment));
            gateway.kill();
        });
    }
    let gateway = rig.start_ready();
    eventually("the modems are emptied", LIMIT, || {
        rig.modems.iter().all(|modem| modem.stored().is_empty()).then_some(())
    });
    let page = gateway
        .api()
        .call("sms.fetch", json!({ "limit": 1000 }))
        .expect("fetched");
    let mut seen: HashMap<String, usize> = HashMap::new();
    for message in page["messages"].as_array().expect("messages") {
        *seen
            .entry(message["text"].as_str().expect("a text").to_owned())
            .or_default() += 1;
    }
    for index in 0..MESSAGES {
        let text = received_text(index);
        assert_eq!(seen.remove(&text), Some(1), "'{text}'");
    }
    assert!(seen.is_empty(), "nobody sent these: {seen:#?}");
}

fn receive(rig: &Rig, texts: impl Iterator<Item = usize>, pause_ms: u64) {
    for index in texts {
        let to = rig.modems[index % MODEMS].number();
        rig.network
            .text(to, "+4930123456", &received_text(index))
            .expect("a text");
        std::thread::sleep(Duration::from_millis(pause_ms));
    }
}

/// How many messages the gateways have deleted on the modems so far.
fn deleted(rig: &Rig) -> u64 {
    rig.network.modems().iter().map(|modem| modem.counts.deleted).sum()
}

/// A few modems that take a moment for each message.
fn sending_rig(slot: &str) -> Rig {
    let settings = Settings {
        latency: Duration::from_millis(30),
        ..Settings::default()
    };
    let rig = Rig::with(settings, (0..MODEMS).map(ModemSpec::new)).config("[store]\nuncertain_wait_s = 3");
    (0..MODEMS).fold(rig, |rig, index| rig.slot(index, slot))
}

/// Sends the messages in as many lives as there are kills; text and id of each. Whoever got no answer asks again in the
/// next life, under the same key.
fn send_through_kills(rig: &Rig, seed: u64) -> Vec<(String, String)> {
    let mut dice = Dice(seed);
    let mut ids = Vec::new();
    for life in 1..=KILLS {
        let before = rig.network.stats().sent;
        let gateway = rig.start();
        let end = life * MESSAGES / KILLS;
        std::thread::scope(|scope| {
            let api = gateway.api().clone();
            let ids = &mut ids;
            scope.spawn(move || send_until_killed(&api, end, ids));
            eventually("the first goes out", LIMIT, || {
                (rig.network.stats().sent > before).then_some(())
            });
            std::thread::sleep(Duration::from_millis(dice.below(80)));
            gateway.kill();
        });
    }
    let gateway = rig.start_ready();
    send_until_killed(gateway.api(), MESSAGES, &mut ids);
    assert_eq!(ids.len(), MESSAGES);
    let interrupted = gateway.log().matches(INTERRUPTED).count();
    assert!(
        interrupted >= KILLS / 4,
        "only {interrupted} kills met a message at a modem"
    );
    gateway.kill();
    ids
}

fn send_until_killed(api: &Api, end: usize, ids: &mut Vec<(String, String)>) {
    while ids.len() < end {
        let text = format!("message {:03}", ids.len());
        // Each to another recipient, so that no report fits two.
        let to = format!("+4915120000{:03}", ids.len());
        let params = json!({ "to": to, "text": text, "idempotency_key": text });
        let Ok(accepted) = api.call("sms.send", params) else {
            return;
        };
        ids.push((text, accepted["id"].as_str().expect("an id").to_owned()));
    }
}

/// Waits until nothing more happens to a message.
fn settled(gateway: &Gateway, id: &str) -> Value {
    eventually("the message is settled", LIMIT, || {
        let view = status(gateway, id);
        matches!(view["state"].as_str(), Some("delivered" | "failed")).then_some(view)
    })
}

fn times_sent(rig: &Rig, text: &str) -> usize {
    let sent = rig.network.sent();
    sent.iter()
        .filter(|message| message.text.as_deref() == Some(text))
        .count()
}

/// Every third message has two parts, so that kills fall between parts, too.
fn received_text(index: usize) -> String {
    let tail = if index.is_multiple_of(3) {
        "and so on ".repeat(20)
    } else {
        String::new()
    };
    format!("received {index:03} {tail}")
}

/// A small generator (Knuth's MMIX), so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What a life logs whose predecessor died in the middle of an attempt.
const INTERRUPTED: &str = "were with a modem when the gateway ended last";
const KILLS: usize = 20;
const MESSAGES: usize = 200;
const MODEMS: usize = 4;
