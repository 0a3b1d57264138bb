//! What a SIM, a tariff and a token allow, and what is counted.

use std::time::Duration;

use end_to_end::{Gateway, Rig, eventually};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn sim_of(gateway: &Gateway, id: &str) -> Value {
    gateway.wait_state(id, "delivered", LONG)["parts"][0]["sim"].clone()
}

/// What `route.explain` says of one slot for a number.
fn why(gateway: &Gateway, to: &str, slot: &str) -> String {
    let explained = gateway
        .api()
        .call("route.explain", json!({ "to": to }))
        .expect("explained");
    let routes = explained["routes"].as_array().expect("routes");
    let route = routes.iter().find(|route| route["route"] == slot);
    let why = route.unwrap_or_else(|| panic!("no {slot} in {explained}"))["why"].as_str();
    why.expect("a reason").to_owned()
}

#[test]
fn each_limit_of_a_sim_holds_says_so_and_survives_a_restart() {
    let names = ["per_minute", "per_hour", "per_day", "per_month"];
    let mut rig = Rig::new(6);
    for (slot, name) in names.iter().enumerate() {
        rig = rig.slot(slot, &format!("limits.{name} = 2"));
    }
    rig = rig
        .slot(4, "limits.recipients_per_month = 2")
        .slot(5, "only_explicit = true");
    let gateway = rig.start_ready();
    let send = |gateway: &Gateway, slot: usize, to: &str, strict: bool| {
        gateway
            .api()
            .send_with(json!({ "to": to, "text": "x", "from": format!("sim-{slot}"), "strict": strict }))
    };
    for (slot, _) in names.iter().enumerate() {
        for _ in 0..2 {
            let id = send(&gateway, slot, "+4930001", true);
            assert_eq!(sim_of(&gateway, &id), format!("sim-{slot}"));
        }
    }
    // Two recipients, as often as one likes; a third one is too many.
    for to in ["+4930001", "+4930002", "+4930001", "+4930002"] {
        let id = send(&gateway, 4, to, true);
        assert_eq!(sim_of(&gateway, &id), "sim-4");
    }
    let waiting: Vec<String> = (0..4).map(|slot| send(&gateway, slot, "+4930001", true)).collect();
    let third = send(&gateway, 4, "+4930003", true);
    let wish = send(&gateway, 0, "+4930001", false);
    assert_eq!(
        sim_of(&gateway, &wish),
        "sim-4",
        "the only one with room for this recipient"
    );
    let words = ["minute", "hour", "day", "month"];
    let check = |gateway: &Gateway| {
        for (slot, word) in words.iter().enumerate() {
            let why = why(gateway, "+4930001", &format!("sim-{slot}"));
            assert!(why.contains("limit of 2") && why.contains(word), "{why}");
        }
        let recipients = why(gateway, "+4930003", "sim-4");
        assert!(recipients.contains("recipients"), "{recipients}");
        assert!(why(gateway, "+4930003", "sim-5").contains("by name"));
        for id in waiting.iter().chain([&third]) {
            let view = gateway.api().call("sms.status", json!({ "id": id })).expect("a status");
            assert_eq!(
                (&view["state"], &view["parts"][0]["attempts"]),
                (&json!("queued"), &json!(0)),
                "{view}"
            );
            let waits = view["parts"][0]["waits"].clone();
            let reason = waits["reason"].as_str().unwrap_or_default();
            assert!(
                reason.contains("its limit of 2") && waits["until"].is_string(),
                "{view}"
            );
            let set_up = &gateway.slot("sim-0")["initialised_at"];
            for time in [&waits["until"], set_up] {
                let time = time.as_str().expect("a time");
                assert!(
                    time.len() <= "2026-11-22T10:00:00.123Z".len(),
                    "to the millisecond: {time}"
                );
            }
        }
    };
    check(&gateway);
    gateway.kill();
    let gateway = rig.start_ready();
    check(&gateway);
    let explicit = send(&gateway, 5, "+4930003", true);
    assert_eq!(sim_of(&gateway, &explicit), "sim-5");
    let explained = gateway
        .api()
        .call("route.explain", json!({ "to": "+4930003" }))
        .expect("explained");
    assert!(
        explained["chosen"].is_null() && explained["refusal"].is_string(),
        "{explained}"
    );
}

#[test]
fn the_longest_prefix_wins_then_the_cost_then_the_load() {
    let slots = [
        "prefixes = [{ prefix = \"+49\", cost_micros = 10 }, { prefix = \"+43\", cost_micros = 90 }]",
        "prefixes = [{ prefix = \"+4917\", cost_micros = 99 }]",
        "prefixes = [{ prefix = \"+43\", cost_micros = 80 }]",
    ];
    let rig = |extra: &str| {
        let rig = Rig::new(3).config(extra);
        slots
            .iter()
            .enumerate()
            .fold(rig, |rig, (index, lines)| rig.slot(index, lines))
    };
    let first = rig("");
    let gateway = first.start_ready();
    for (to, sim) in [("+4930001", "sim-0"), ("+49170001", "sim-1"), ("+4366001", "sim-2")] {
        let explained = gateway
            .api()
            .call("route.explain", json!({ "to": to }))
            .expect("explained");
        assert_eq!(explained["chosen"], sim, "{explained}");
        assert_eq!(explained["routes"][0]["route"], sim, "best first: {explained}");
        let id = gateway.api().send(to, "x");
        assert_eq!(sim_of(&gateway, &id), sim);
    }
    let nobody = gateway
        .api()
        .refused("sms.send", json!({ "to": "+33600000001", "text": "x" }));
    assert_eq!((nobody.code, nobody.field()), (2010, "to"), "{nobody:?}");
    let second = rig("[routing]\nleast_cost_any_prefix = true\n");
    let gateway = second.start_ready();
    let id = gateway.api().send("+49170001", "x");
    assert_eq!(sim_of(&gateway, &id), "sim-0", "the cheapest with any matching prefix");
}

#[test]
fn a_token_does_what_its_scopes_sims_prefixes_rate_and_budget_allow() {
    let rig = Rig::new(2)
        .slot(0, "cost_micros = 100")
        .slot(1, "cost_micros = 200")
        .token_entry("sender", &["send"], "prefixes = [\"+49\"]\n")
        .token_entry("fetcher", &["fetch"], "sims = [\"sim-1\"]\n")
        .token_entry("bound", &["send", "health", "stats"], "sims = [\"sim-1\"]\n")
        .token_entry("watcher", &["health"], "per_minute = 5\n")
        .token_entry("poor", &["send"], "sims = [\"sim-0\"]\ndaily_spend_micros = 250\n");
    let gateway = rig.start_ready();
    let token = |id: &str| gateway.api().with_token(&rig.token_of(id));
    let hello = |to: &str| json!({ "to": to, "text": "x" });

    let sender = token("sender");
    let mine = sender.send("+4930001", "mine");
    assert_eq!(sender.refused("sms.send", hello("+4366001")).code, 2005);
    let theirs = gateway.api().send("+4930002", "the administrator's");
    assert_eq!(
        sender.refused("sms.status", json!({ "id": theirs })).code,
        2004,
        "not its own"
    );
    assert_eq!(sender.refused("sms.cancel", json!({ "id": theirs })).code, 2004);
    let listed = sender.call("sms.list", json!({})).expect("a list");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["id"], mine.as_str());
    for method in ["sms.fetch", "modems.list", "stats", "health"] {
        let refused = sender.refused(method, json!({}));
        assert_eq!((refused.code, refused.reason()), (1003, "scope"), "{method}");
    }
    assert_eq!(
        sender
            .refused("ussd.start", json!({ "sim": "sim-0", "code": "*100#" }))
            .code,
        1003
    );
    assert_eq!(sender.refused("sim.unlock", json!({ "sim": "sim-0" })).code, 1003);
    assert_eq!(
        sender.refused("numbers.erase", json!({ "number": "+4930001" })).code,
        1003
    );

    let fetcher = token("fetcher");
    for (modem, text) in [(0, "for others"), (1, "for it")] {
        rig.network
            .text(rig.modems[modem].number(), "+4930555", text)
            .expect("a text");
    }
    eventually("both arrive", LONG, || {
        (gateway.api().fetch(0, 0).len() == 2).then_some(())
    });
    let seen = fetcher.fetch(0, 0);
    assert_eq!((seen.len(), &seen[0]["text"]), (1, &json!("for it")));
    assert_eq!(fetcher.refused("sms.send", hello("+4930001")).code, 1003);
    assert!([2004, 2005].contains(&fetcher.refused("sms.fetch", json!({ "sim": "sim-0" })).code));

    let bound = token("bound");
    let id = bound.send("+4930001", "over its SIM");
    let view = eventually("it is delivered", LONG, || {
        let view = bound.call("sms.status", json!({ "id": id })).expect("its own");
        (view["state"] == "delivered").then_some(view)
    });
    assert_eq!(view["parts"][0]["sim"], "sim-1", "though sim-0 is cheaper");
    assert_eq!(
        bound
            .refused("sms.send", json!({ "to": "+4930001", "text": "x", "from": "sim-0" }))
            .code,
        2005
    );
    let slots = bound.call("modems.list", json!({})).expect("slots");
    assert_eq!(
        (slots.as_array().map(Vec::len), &slots[0]["slot"]),
        (Some(1), &json!("sim-1"))
    );

    let watcher = token("watcher");
    let answers: Vec<_> = (0..7).map(|_| watcher.call("health", json!({}))).collect();
    let refused: Vec<i64> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err().map(|error| error.code))
        .collect();
    assert!(refused.ends_with(&[1004]) && refused.len() >= 2, "{refused:?}");

    let poor = token("poor");
    let later = json!({ "to": "+4930001", "text": "x", "send_at": (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string() });
    let id = poor.call("sms.send", later).expect("there is a budget")["id"].clone();
    let accepted = std::thread::scope(|scope| {
        let ask = || token("poor").call("sms.send", hello("+4930001")).is_ok();
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        asked
            .into_iter()
            .map(|one| one.join().expect("an answer"))
            .filter(|ok| *ok)
            .count()
    });
    assert_eq!(
        accepted, 1,
        "what waits counts, and so does what is asked for at the same moment"
    );
    let spent = poor.refused("sms.send", hello("+4930001"));
    assert_eq!((spent.code, spent.retryable()), (2007, true), "{spent:?}");
    poor.call("sms.cancel", json!({ "id": id })).expect("it waits");
    assert!(
        poor.call("sms.send", hello("+4930001")).is_ok(),
        "what was taken back costs nothing"
    );

    assert!([1001, 1002].contains(&gateway.api().with_token("").refused("stats", json!({})).code));
    let wrong = gateway.api().with_token("sender.wrong").refused("stats", json!({}));
    assert_eq!(wrong.code, 1002, "{wrong:?}");
    let log = gateway.log();
    assert!(!log.contains("end-to-end-secret"), "no token in the log");
}

#[test]
fn everything_is_counted() {
    let rig = Rig::new(2);
    rig.network
        .rules(vec![modemsim::Rule {
            to: Some("+4930009".into()),
            cms: Some(1),
            ..modemsim::Rule::default()
        }])
        .expect("rules");
    let gateway = rig.start_ready();
    let long = "a long one ".repeat(30);
    let from =
        |slot: &str, to: &str, text: &str| gateway.api().send_with(json!({ "to": to, "text": text, "from": slot }));
    let first = from("sim-0", "+4930001", &long);
    let second = from("sim-1", rig.modems[0].number(), "inside");
    let bad = from("sim-1", "+4930009", "nobody");
    gateway.wait_state(&first, "delivered", LONG);
    gateway.wait_state(&second, "delivered", LONG);
    gateway.wait_state(&bad, "failed", LONG);
    let stats = eventually("all is counted", LONG, || {
        let stats = gateway.api().call("stats", json!({})).expect("stats");
        let totals = &stats["totals"];
        let fits = totals["accepted"] == 3
            && totals["sent"] == 4
            && totals["delivered"] == 4
            && totals["failed"] == 1
            && totals["received"] == 1;
        let slots = stats["slots"].as_array().expect("slots");
        (fits && slots[0]["sent"] == 3 && slots[1]["sent"] == 1 && slots[1]["failed"] == 1).then_some(stats)
    });
    assert_eq!(stats["queue"]["queued"], 0, "{stats}");
    let slots = stats["slots"].as_array().expect("slots");
    assert_eq!(
        slots[0]["received"], 1,
        "the message, and none of the three reports: {stats}"
    );
    for key in ["last_sent", "last_received", "signal_dbm"] {
        assert!(!slots[0][key].is_null(), "{key}: {stats}");
    }
    gateway.kill();
    let gateway = rig.start_ready();
    let totals = eventually("totals survive a crash", LONG, || {
        let stats = gateway.api().call("stats", json!({})).expect("stats");
        (stats["totals"]["sent"] == 4).then_some(stats["totals"].clone())
    });
    assert_eq!((&totals["delivered"], &totals["received"]), (&json!(4), &json!(1)));
    let erased = gateway
        .api()
        .call("numbers.erase", json!({ "number": "+4930001" }))
        .expect("erased");
    assert_eq!(erased["erased"], 1);
    assert_eq!(gateway.api().refused("sms.status", json!({ "id": first })).code, 2004);
}
