//! Dialogues with the network over the API: a menu with its answers, and how a dialogue ends early.

use std::time::Duration;

use end_to_end::{Api, Rig, eventually};
use modemsim::{ModemSpec, Profile, Settings, UssdNode};
use serde_json::{Value, json};

#[test]
fn a_menu_is_answered_step_by_step_whatever_form_the_make_gives_its_texts() {
    // Texts plain, as the character set chosen, and packed in hex.
    let makes = ["generic", "telit", "huawei"];
    let specs = makes.iter().enumerate().map(|(index, make)| ModemSpec {
        profile: Profile::find(make).expect("a profile"),
        ..ModemSpec::new(index)
    });
    let rig = Rig::with(Settings::default(), specs);
    let gateway = rig.start_ready();
    for (index, make) in makes.iter().enumerate() {
        let sim = format!("sim-{index}");
        let said = |reply: Value| (reply["text"].clone(), reply["open"].clone());
        let menu = start(gateway.api(), &sim, "*101#");
        assert_eq!(said(menu), (json!("1 Balance 2 Tariff"), json!(true)), "{make}");
        let deeper = reply(gateway.api(), &sim, "2");
        assert_eq!(said(deeper), (json!("1 Small 2 Large"), json!(true)), "{make}");
        let end = reply(gateway.api(), &sim, "1");
        assert_eq!(said(end), (json!("Small it is"), json!(false)), "{make}");

        let over = gateway.api().refused("ussd.reply", json!({ "sim": sim, "text": "1" }));
        assert_eq!(over.reason(), "state", "{make}: {over:?}");
        let again = start(gateway.api(), &sim, "*100#");
        assert_eq!(said(again), (json!("Balance: 7.95 EUR"), json!(false)), "{make}");
    }
    assert!(gateway.stop().success());
}

#[test]
fn what_the_network_says_by_itself_is_shown_to_who_asks_and_is_in_no_log() {
    let rig = Rig::new(1).token_entry("other", &["health", "stats"], "");
    let gateway = rig.start_ready();
    let none = gateway.api().call("ussd.heard", json!({ "sim": "sim-0" }));
    assert_eq!(none.expect("asked")["notice"], Value::Null);
    rig.modems[0].ussd(UssdNode::end("Your code is 4711")).expect("said");
    gateway.wait_log("the network said something by itself");
    let heard = gateway
        .api()
        .call("ussd.heard", json!({ "sim": "sim-0" }))
        .expect("heard");
    assert_eq!(heard["notice"]["text"], "Your code is 4711");
    let shown = rig.cli(&gateway, &["ussd", "sim-0", "--heard"]);
    assert!(
        shown.code == 0 && shown.out.ends_with(": Your code is 4711\n"),
        "{shown:?}"
    );
    assert!(!gateway.log().contains("4711"), "{}", gateway.log());
    let other = gateway.api().with_token(&rig.token_of("other"));
    assert_eq!(other.refused("ussd.heard", json!({ "sim": "sim-0" })).reason(), "scope");
}

#[test]
fn what_the_network_asks_by_itself_can_be_answered() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let menu = UssdNode::menu("1 Yes 2 No", [("1", UssdNode::end("Thank you"))]);
    rig.modems[0].ussd(menu).expect("asked");
    gateway.wait_log("the network said something by itself");
    let shown = rig.cli(&gateway, &["ussd", "sim-0", "--heard"]);
    assert!(shown.out.contains("simrelay ussd sim-0 --reply TEXT"), "{shown:?}");
    let answered = rig.cli(&gateway, &["ussd", "sim-0", "--reply", "1"]);
    assert_eq!(
        (answered.code, answered.out.as_str()),
        (0, "Thank you\n"),
        "{answered:?}"
    );
    let over = rig.cli(&gateway, &["ussd", "sim-0", "--reply", "1"]);
    assert!(over.code != 0 && over.err.contains("no dialogue is open"), "{over:?}");
}

#[test]
fn a_question_in_the_way_of_a_code_is_ended_by_the_command_that_the_refusal_names() {
    let rig = Rig::new(1).slot(0, "balance_ussd = '*100#'");
    let gateway = rig.start_ready();
    eventually("the gateway's own dialogue is over", Duration::from_secs(60), || {
        let told = gateway.api().call("balance.list", json!({})).expect("listed");
        told[0]["balance"].is_object().then_some(())
    });
    rig.modems[0]
        .ussd(UssdNode::menu("1 Yes 2 No", [("1", UssdNode::end("Thank you"))]))
        .expect("asked");
    gateway.wait_log("the network said something by itself");
    for args in [["balance", "sim-0", "--now"], ["ussd", "sim-0", "*100#"]] {
        let refused = rig.cli(&gateway, &args);
        assert!(
            refused.code != 0 && refused.err.contains("simrelay ussd sim-0 --cancel"),
            "{args:?}: {refused:?}"
        );
    }
    assert_eq!(rig.cli(&gateway, &["ussd", "sim-0", "--cancel"]).code, 0);
    let answered = rig.cli(&gateway, &["ussd", "sim-0", "*100#"]);
    assert_eq!(answered.out, "Balance: 7.95 EUR\n", "{answered:?}");
}

#[test]
fn a_cancelled_dialogue_is_over_for_the_gateway_and_for_the_network() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let api = gateway.api();
    start(api, "sim-0", "*101#");
    let second = api.refused("ussd.start", json!({ "sim": "sim-0", "code": "*100#" }));
    assert_eq!(second.reason(), "conflict", "one dialogue at a time: {second:?}");
    let cancelled = api.call("ussd.cancel", json!({ "sim": "sim-0" })).expect("cancelled");
    assert_eq!(cancelled, json!({ "done": true }));
    let late = api.refused("ussd.reply", json!({ "sim": "sim-0", "text": "1" }));
    assert_eq!(late.reason(), "state", "{late:?}");
    // A network that still had the menu open would take the code for an answer to it.
    assert_eq!(start(api, "sim-0", "*101#")["text"], "1 Balance 2 Tariff");
}

#[test]
fn a_dialogue_belongs_to_the_token_that_began_it() {
    let rig = Rig::new(1)
        .token_entry("one", &["ussd"], "")
        .token_entry("other", &["ussd"], "");
    let gateway = rig.start_ready();
    let (one, other) = ["one", "other"]
        .map(|id| gateway.api().with_token(&rig.token_of(id)))
        .into();
    start(&one, "sim-0", "*101#");
    for (method, params) in [
        ("ussd.reply", json!({ "sim": "sim-0", "text": "1" })),
        ("ussd.cancel", json!({ "sim": "sim-0" })),
    ] {
        let refused = other.refused(method, params);
        assert_eq!(refused.reason(), "state", "{method}: {refused:?}");
    }
    assert_eq!(reply(&one, "sim-0", "1")["text"], "Balance: 7.95 EUR");
}

#[test]
fn an_answer_that_the_network_does_not_know_ends_the_dialogue() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    start(gateway.api(), "sim-0", "*101#");
    let reply = gateway.api().call("ussd.reply", json!({ "sim": "sim-0", "text": "9" }));
    let open = reply.as_ref().is_ok_and(|reply| reply["open"] == true);
    assert!(!open, "{reply:?}");
    assert_eq!(start(gateway.api(), "sim-0", "*100#")["open"], false);
}

fn start(api: &Api, sim: &str, code: &str) -> Value {
    api.call("ussd.start", json!({ "sim": sim, "code": code }))
        .expect("the network answers")
}

fn reply(api: &Api, sim: &str, text: &str) -> Value {
    api.call("ussd.reply", json!({ "sim": sim, "text": text }))
        .expect("the network answers")
}
