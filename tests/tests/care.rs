//! The care of SIMs: balances by USSD, tests between the own SIMs, a SIM that is kept alive.

use std::time::Duration;

use end_to_end::{Gateway, Rig, eventually};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_balance_is_told_kept_and_looked_at_before_anything_is_sent() {
    let asked = "balance_ussd = '*101#'\nbalance_replies = ['1']\nbalance_warning = 9\nbalance_critical = 8";
    let rig = Rig::new(3)
        .slot(0, "balance_ussd = '*100#'")
        .slot(1, asked)
        .slot(2, "balance_ussd = '*100#'\nbalance_pattern = 'left: (\\d+)'");
    let gateway = rig.start_ready();
    let api = gateway.api();
    let told = eventually("all balances", LIMIT, || {
        let list = api.call("balance.list", json!({})).expect("a list");
        let told = |view: &Value| !view["balance"].is_null() || !view["error"].is_null();
        list.as_array().expect("a list").iter().all(told).then_some(list)
    });
    assert_eq!(
        (&told[0]["balance"]["micros"], &told[0]["usable"]),
        (&json!(7_950_000), &json!(true))
    );
    assert_eq!(
        (&told[1]["balance"]["micros"], &told[1]["usable"]),
        (&json!(7_950_000), &json!(false))
    );
    let error = told[2]["error"].as_str().expect("an error");
    assert!(
        error.contains("finds no amount") && error.contains("Balance: 7.95 EUR"),
        "{error}"
    );

    // Used up: nothing is sent by it, and it says so; the others go on.
    let found = gateway.wait_finding("sim-1", "its balance is 7.95 EUR, below 8.00");
    assert_eq!(found["level"], "CRITICAL");
    let unknown = gateway.wait_finding("sim-2", "its balance is not known");
    assert_eq!(unknown["level"], "WARNING");
    let refused = api.refused(
        "sms.send",
        json!({ "to": "+491701111111", "text": "x", "from": "sim-1" }),
    );
    assert_eq!(refused.reason(), "no_route", "{refused:?}");
    assert!(refused.message.contains("top it up"), "{refused:?}");
    let route = api
        .call("route.explain", json!({ "to": "+491701111111" }))
        .expect("told");
    let sim1 = route["routes"]
        .as_array()
        .expect("routes")
        .iter()
        .find(|route| route["route"] == "sim-1");
    assert!(sim1.is_some_and(|route| route["usable"] == false), "{route}");
    let id = api.send("+491701111111", "goes by another");
    gateway.wait_state(&id, "delivered", LIMIT);

    // Somebody's dialogue is not disturbed, and the other way round it waits its turn.
    api.call("ussd.start", json!({ "sim": "sim-0", "code": "*101#" }))
        .expect("a menu");
    let busy = api.refused("balance.now", json!({ "sim": "sim-0" }));
    assert_eq!(busy.reason(), "conflict", "{busy:?}");
    api.call("ussd.cancel", json!({ "sim": "sim-0" })).expect("cancelled");
    let now = api.call("balance.now", json!({ "sim": "sim-0" })).expect("told");
    assert_eq!(now["balance"]["micros"], 7_950_000);
    let history = rig.cli_json(&gateway, &["balance", "sim-0", "--history"]);
    assert_eq!(history.as_array().map(Vec::len), Some(2), "{history}");
    let shown = rig.cli(&gateway, &["balance"]);
    assert_eq!(shown.code, 1, "one lets nothing be sent");
    assert!(
        shown.out.contains("7.95 EUR") && shown.out.contains("used up"),
        "{}",
        shown.out
    );
    assert!(gateway.stop().success());

    // A restart asks nobody again, and remembers what is used up.
    let gateway = rig.start_ready();
    let refused = gateway.api().refused(
        "sms.send",
        json!({ "to": "+491701111111", "text": "x", "from": "sim-1" }),
    );
    assert_eq!(refused.reason(), "no_route", "{refused:?}");
    let history = rig.cli_json(&gateway, &["balance", "sim-1", "--history"]);
    assert_eq!(history.as_array().map(Vec::len), Some(1), "{history}");
    assert!(gateway.stop().success());
}

#[test]
fn missed_tests_are_made_up_for_once_arrive_and_are_told_to_nobody() {
    let rig = Rig::new(2).config("[self_test]\nevery = 'daily'\n[ring]\nevery = 'weekly'");
    assert!(rig.start_ready().stop().success());
    long_ago(&rig, 10);
    let gateway = rig.start_ready();
    for sim in ["sim-0", "sim-1"] {
        for test in ["self_test", "ring"] {
            let probe = eventually(&format!("{test} of {sim}"), LIMIT, || {
                let probe = gateway.slot(sim)[test].clone();
                (probe["state"] == "arrived").then_some(probe)
            });
            assert!(
                probe["latency_ms"].as_u64().is_some() && !probe["next"].is_null(),
                "{probe}"
            );
        }
    }
    assert_eq!(gateway.slot("sim-0")["ring"]["to"], "sim-1");
    assert_eq!(gateway.slot("sim-1")["ring"]["to"], "sim-0");
    assert_eq!(gateway.api().fetch(0, 0), Vec::<Value>::new(), "nobody is told");
    let marked = gateway
        .api()
        .call("sms.fetch", json!({ "probes": true }))
        .expect("a page");
    let kinds: Vec<_> = marked["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|sms| &sms["kind"])
        .collect();
    assert_eq!(kinds, ["probe"; 4]);
    let shown = rig.cli(&gateway, &["inbox", "--probes"]);
    assert!(shown.out.contains("[test] simrelay test "), "{}", shown.out);
    assert!(gateway.stop().success());

    // The last run is on record: a restart sends nothing again.
    let gateway = rig.start_ready();
    gateway.wait_ready(2);
    let sent = sent(&gateway);
    assert_eq!(sent, 4);
    assert_eq!(gateway.slot("sim-1")["self_test"]["state"], "arrived");
    assert!(gateway.stop().success());
}

#[test]
fn a_sim_that_spent_nothing_is_kept_alive_by_one_message() {
    let rig = Rig::new(2).slot(0, "keep_alive_days = 10\nkeep_alive_margin_days = 3");
    assert!(rig.start_ready().stop().success());
    long_ago(&rig, 8);
    let gateway = rig.start_ready();
    let alive = eventually("a message", LIMIT, || {
        let alive = gateway.slot("sim-0")["keep_alive"].clone();
        (!alive["last_event"].is_null()).then_some(alive)
    });
    let due: jiff::Timestamp = alive["due"].as_str().expect("a time").parse().expect("a time");
    assert!(
        due > jiff::Timestamp::now() + jiff::SignedDuration::from_hours(6 * 24),
        "{alive}"
    );
    assert_eq!(sent(&gateway), 1);
    assert!(gateway.slot("sim-1")["keep_alive"].is_null());
    assert_eq!(gateway.api().fetch(0, 0), Vec::<Value>::new());
    assert!(gateway.stop().success());
}

/// Lets the tests be wanted for so many days already.
fn long_ago(rig: &Rig, days: i64) {
    let database = rusqlite::Connection::open(rig.database()).expect("the database");
    let marked = database.execute("UPDATE sim_probe_mark SET since = since - ?1", [days * 86_400_000]);
    assert!(marked.expect("moved") > 0, "no test is wanted");
}

/// Messages that were ever accepted.
fn sent(gateway: &Gateway) -> u64 {
    let stats = gateway.api().call("stats", json!({})).expect("told");
    stats["totals"]["accepted"].as_u64().expect("a count")
}
