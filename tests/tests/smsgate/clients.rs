//! Python's xmlrpc.client over TLS, against the real program on simulated modems.

use std::time::Duration;

use end_to_end::{Delivery, Rig, eventually};
use modemsim::{ModemSpec, Settings};
use serde_json::{Value, json};

use crate::{Python, legacy};

const LONG: Duration = Duration::from_secs(60);

/// As SMSgate's tool makes them.
const TOKEN: &str = "Zq3xT9bLm0RkWv7yPd2sHc5nJf8aGe";

const ALL: [&str; 5] = ["send", "fetch", "ussd", "health", "stats"];

#[test]
fn a_message_is_sent_followed_fetched_and_counted_as_smsgate_did() {
    let rig = Rig::new(2).config(&legacy("old", TOKEN, &ALL, ""));
    let gateway = rig.start_ready();
    let mut python = Python::new(gateway.api().port(), &rig.certificate());
    let (from, to) = (rig.modems[0].number(), rig.modems[1].number());
    assert_eq!(python.value(json!(["ping"])), "OK");
    assert_eq!(python.value(json!(["get_sms", TOKEN, ""])), json!([]));

    let text = "Grüße <&> ]]> 👋\nzwei";
    let id = python.value(json!(["send_sms", TOKEN, from, to, text, false]));
    assert_eq!(id.as_str().map(str::len), Some(36), "a UUID: {id}");
    let delivered = || (python.value(json!(["get_delivery_status", TOKEN, id])) == true).then_some(());
    eventually("it is delivered", LONG, delivered);
    let nobody = "00000000-0000-4000-8000-000000000000";
    assert_eq!(python.value(json!(["get_delivery_status", TOKEN, nobody])), false);

    let got = eventually("it is fetched", LONG, || {
        let got = python.value(json!(["get_sms", TOKEN, to]));
        got.get(0).cloned()
    });
    let expected = json!({
        "sms_id": got["sms_id"], "recipient": to, "text": text, "timestamp": got["timestamp"],
        "created_timestamp": got["created_timestamp"], "sender": from, "receiving_modem": "sim-1", "flash": false,
    });
    assert_eq!(got, expected);
    assert_eq!(
        got["timestamp"]["time"].as_str().map(str::len),
        Some("20261122T10:00:00".len())
    );
    assert_eq!(
        python.value(json!(["get_sms", TOKEN, from])),
        json!([]),
        "of the other SIM"
    );
    assert_eq!(
        python.value(json!(["get_sms", TOKEN, "+491799999999"])),
        json!([]),
        "of none"
    );

    let stats = eventually("it is counted", LONG, || {
        let stats = python.stats(TOKEN, "sim-0");
        (stats["sent"].as_i64() > Some(0)).then_some(stats)
    });
    assert_eq!(
        (&stats["phone_number"], &stats["status"]),
        (&json!(from), &json!("Ready."))
    );
    assert!(
        (-113..=-51).contains(&stats["current_signal"].as_i64().expect("a whole number")),
        "{stats}"
    );
    let minutes = stats["last_sent"].as_str().expect("a text");
    assert!(
        minutes.len() == "2026-11-22 10:00".len() && minutes.as_bytes()[10] == b' ',
        "{stats}"
    );
    let other = python.stats(TOKEN, "sim-1");
    assert_eq!(
        (&other["sent"], &other["last_sent"]),
        (&json!(0), &json!("")),
        "{other}"
    );
    for text in [
        "current_network",
        "port",
        "currency",
        "health_state_short",
        "health_state_message",
        "last_init",
    ] {
        assert!(stats[text].is_string(), "{text}: {stats}");
    }
    let health = python.value(json!(["get_health_state", TOKEN]));
    assert!(
        ["OK", "WARNING"].contains(&health[0].as_str().expect("a level")),
        "{health}"
    );
    assert!(gateway.stop().success());
}

#[test]
fn each_old_mistake_gets_its_old_fault() {
    let send = legacy("send", TOKEN, &["send"], "");
    let rig = Rig::new(1).config(&send).config("[api.xml_rpc]\nsend_ussd = false");
    let gateway = rig.start_ready();
    let mut python = Python::new(gateway.api().port(), &rig.certificate());
    for (call, code, words) in [
        (
            json!(["send_sms", "wrong", "", "+491711234567", "x", false]),
            401,
            "Invalid API token.",
        ),
        (
            json!(["send_sms", TOKEN, "", "Vodafone", "x", false]),
            400,
            "Invalid recipient format.",
        ),
        (
            json!(["send_sms", TOKEN, "me", "+491711234567", "x", false]),
            400,
            "Invalid sender format.",
        ),
        (
            json!(["send_sms", TOKEN, "+491799999999", "+491711234567", "x", false]),
            400,
            "there is no SIM",
        ),
        (json!(["get_stats", TOKEN]), 401, "lacks the scope 'stats'"),
        (
            json!(["send_ussd", TOKEN, "", "*100#"]),
            405,
            "This API function is not enabled.",
        ),
        (
            json!(["send_sms", TOKEN]),
            8002,
            "send_sms takes (token, sender, recipient, message, flash)",
        ),
        (
            json!(["send_sms", TOKEN, "", 49171, "x", false]),
            8002,
            "recipient must be a string",
        ),
        (
            json!(["no_such_method", TOKEN]),
            8001,
            "procedure no_such_method not found",
        ),
    ] {
        let (told, sentence) = python.call(call.clone()).expect_err("a fault");
        assert_eq!(told, code, "{call}: {sentence}");
        assert!(sentence.contains(words), "{call}: {sentence}");
    }
    let long = "x".repeat(3 << 20);
    let (code, sentence) = python.call(json!(["ping", long])).expect_err("a fault");
    assert!(code == 8002 && sentence.contains("longer than"), "{sentence}");
    assert_eq!(python.value(json!(["ping"])), "OK", "and it goes on");
    assert!(!gateway.log().contains(TOKEN), "the token stands in the log");
}

#[test]
fn ussd_is_answered_and_keeps_nobody_else_waiting() {
    let slow = Settings {
        ussd_delay: Duration::from_secs(3600),
        ..Settings::default()
    };
    let rig = Rig::with(slow, [ModemSpec::new(0)]).config(&legacy("old", TOKEN, &ALL, ""));
    let gateway = rig.start_ready();
    let number = rig.modems[0].number();
    let mut waiting = Python::new(gateway.api().port(), &rig.certificate());
    waiting.ask(&json!(["send_ussd", TOKEN, number, "*100#"]));
    let asked = json!({ "sim": "sim-0", "text": "1" });
    eventually("the dialogue goes on", LONG, || {
        let refusal = gateway.api().refused("ussd.reply", asked.clone());
        (refusal.reason() == "conflict").then_some(())
    });
    let mut python = Python::new(gateway.api().port(), &rig.certificate());
    let second = python.value(json!(["send_ussd", TOKEN, number, "*100#"]));
    assert_eq!(second[0], "ERROR", "{second}");
    let words = second[1].as_str().expect("a text");
    assert!(
        words.starts_with("Failed to send USSD code.") && words.contains("a dialogue is going on"),
        "{words}"
    );
    for call in [
        json!(["ping"]),
        json!(["get_sms", TOKEN, ""]),
        json!(["get_stats", TOKEN]),
        json!(["get_health_state", TOKEN]),
    ] {
        python.value(call);
    }
    assert!(
        waiting.child.try_wait().expect("it can be asked").is_none(),
        "the other one still waits"
    );
}

#[test]
fn a_menu_is_told_and_ended_so_that_the_next_code_finds_the_network_free() {
    let rig = Rig::new(1).config(&legacy("old", TOKEN, &ALL, ""));
    let gateway = rig.start_ready();
    let number = rig.modems[0].number();
    let mut python = Python::new(gateway.api().port(), &rig.certificate());
    let mut dial = |sender: &str, code: &str| {
        let told = python.value(json!(["send_ussd", TOKEN, sender, code]));
        (told[0].clone(), told[1].as_str().unwrap_or_default().to_owned())
    };
    for _ in 0..2 {
        assert_eq!(dial(number, "*101#"), (json!("OK"), "1 Balance 2 Tariff".to_owned()));
    }
    assert_eq!(dial(number, "*100#"), (json!("OK"), "Balance: 7.95 EUR".to_owned()));
    for unknown in ["+491799999999", ""] {
        let words = format!("Modem could not be identified for phone number {unknown}.");
        assert_eq!(dial(unknown, "*100#"), (json!("ERROR"), words));
    }
    let (word, words) = dial(number, "rm -rf");
    assert_eq!(word, "ERROR");
    assert!(words.starts_with("Failed to send USSD code."), "{words}");
}

#[test]
fn a_token_of_one_modem_fetches_from_that_one_alone() {
    let rig = Rig::new(2)
        .config(&legacy("one", TOKEN, &["fetch"], "sims = [\"sim-0\"]"))
        .config(&legacy("both", "both-of-them", &["fetch"], ""));
    let gateway = rig.start_ready();
    let mut python = Python::new(gateway.api().port(), &rig.certificate());
    for (modem, text) in rig.modems.iter().zip(["first", "second"]) {
        let delivery = Delivery::text("+4930111", text);
        rig.network.pdu(modem.number(), &delivery.hex()).expect("delivered");
    }
    let mut fetched = |token: &str| {
        let got = python.value(json!(["get_sms", token, ""]));
        let texts = got
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| message["text"].clone());
        texts.collect::<Vec<Value>>()
    };
    eventually("both came", LONG, || (fetched("both-of-them").len() == 2).then_some(()));
    assert_eq!(fetched(TOKEN), ["first"]);
    let other = python.call(json!(["get_sms", TOKEN, rig.modems[1].number()]));
    assert_eq!(other, Err((401, "Invalid API token.".to_owned())));
}
