//! From `sms.send` to the recipient's phone and the report back.

use std::time::Duration;

use end_to_end::{Gateway, Rig, Submission, eventually};
use jiff::{SignedDuration, Timestamp};
use modemsim::{Fault, ModemSpec, Rule, Sent, Settings};
use serde_json::{Value, json};

/// Far more than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn rule(to: &str) -> Rule {
    Rule {
        to: Some(to.into()),
        ..Rule::default()
    }
}

/// What went out to `number`.
fn sent_to(rig: &Rig, number: &str) -> Vec<Sent> {
    rig.network
        .sent()
        .into_iter()
        .filter(|sent| sent.to == number)
        .collect()
}

fn status(gateway: &Gateway, id: &str) -> Value {
    gateway.api().call("sms.status", json!({ "id": id })).expect("a status")
}

/// Waits until part 1 of `id` shows an error that holds `words`.
fn wait_error(gateway: &Gateway, id: &str, words: &str) -> Value {
    eventually(&format!("{id} shows '{words}'"), LONG, || {
        let part = status(gateway, id)["parts"][0].clone();
        let said = part["error"].as_str().is_some_and(|said| said.contains(words));
        said.then_some(part)
    })
}

#[test]
fn every_kind_of_text_arrives_as_it_was_written() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let (api, to) = (gateway.api(), rig.modems[1].number());
    let long = "Der Rücklauf der Pumpe ist zu heiß: 81 °C statt 60. ".repeat(8);
    let family = "👨\u{200d}👩\u{200d}👧 und 🇩🇪 ".repeat(12);
    let texts = [
        ("Hello", 1, "gsm7"),
        ("[a] {b} \\ ~ ^ | € \u{c}", 1, "gsm7"),
        ("Zażółć gęślą jaźń", 1, "ucs2"),
        ("Привет 👋", 1, "ucs2"),
        (&"x".repeat(160), 1, "gsm7"),
        (&"x".repeat(161), 2, "gsm7"),
        (long.as_str(), 7, "ucs2"),
        (family.as_str(), 4, "ucs2"),
    ];
    let mut ids = Vec::new();
    for (text, parts, alphabet) in texts {
        let accepted = api
            .call("sms.send", json!({ "to": to, "text": text, "from": "sim-0" }))
            .expect("accepted");
        assert_eq!(accepted["alphabet"], alphabet, "{text}");
        // The number of parts is the encoder's affair where clusters are kept whole; the short ones are certain.
        if text.len() < 200 {
            assert_eq!(accepted["parts"], parts, "{text}");
        }
        ids.push(accepted["id"].as_str().expect("an id").to_owned());
    }
    let mut arrived: Vec<String> = Vec::new();
    let mut after = 0;
    while arrived.len() < texts.len() {
        let page = api.fetch(after, 30);
        assert!(!page.is_empty(), "only {arrived:?} arrived");
        for message in page {
            assert_eq!(
                (&message["sim"], &message["from"]),
                (&json!("sim-1"), &json!(rig.modems[0].number()))
            );
            after = message["cursor"].as_i64().expect("a cursor");
            arrived.push(message["text"].as_str().expect("a text").to_owned());
        }
    }
    let mut written: Vec<String> = texts.iter().map(|(text, ..)| (*text).to_owned()).collect();
    arrived.sort();
    written.sort();
    assert_eq!(arrived, written);
    for id in &ids {
        let view = gateway.wait_state(id, "delivered", LONG);
        for part in view["parts"].as_array().expect("parts") {
            assert_eq!((&part["sim"], &part["attempts"]), (&json!("sim-0"), &json!(1)));
            for key in ["reference", "attempted_at", "sent_at", "settled_at"] {
                assert!(!part[key].is_null(), "{key} of {part}");
            }
        }
    }
    eventually("the modems are emptied", LONG, || {
        rig.modems.iter().all(|modem| modem.stored().is_empty()).then_some(())
    });
}

#[test]
fn wishes_reach_the_network() {
    let rig = Rig::new(1).config("[gateway]\nnational = [{ prefix = \"+90\", languages = [\"turkish\"] }]\n");
    let gateway = rig.start_ready();
    let sent = |to: &str, wishes: Value| {
        let mut params = json!({ "to": to, "text": "Hello" });
        params
            .as_object_mut()
            .expect("an object")
            .extend(wishes.as_object().expect("an object").clone());
        let id = gateway.api().send_with(params);
        let state = if id.is_empty() { "" } else { "delivered" };
        if status(&gateway, &id)["state"] != "sent" {
            eventually("it is with the network", LONG, || {
                let now = status(&gateway, &id)["state"].clone();
                (now == state || now == "sent").then_some(())
            });
        }
        let found = sent_to(&rig, to);
        assert_eq!(found.len(), 1, "{to}");
        (
            Submission::read(&found[0].tpdu),
            found[0].text.clone().unwrap_or_default(),
        )
    };
    let (plain, _) = sent("+4930001", json!({}));
    assert_eq!((plain.report, plain.dcs, plain.kind), (true, 0x00, 0x91));
    let (flash, _) = sent("+4930002", json!({ "flash": true }));
    assert_eq!(flash.dcs & 0x13, 0x10, "class 0 (TS 23.038 4): {flash:?}");
    let (class, _) = sent("+4930003", json!({ "class": 2 }));
    assert_eq!(class.dcs & 0x13, 0x12, "{class:?}");
    let (silent, _) = sent("+4930004", json!({ "report": false }));
    assert!(!silent.report);
    let (hour, _) = sent("+4930005", json!({ "validity_s": 3600 }));
    assert_eq!(hour.validity, Some(11), "(11 + 1) x 5 minutes (TS 23.040 9.2.3.12.1)");
    let long = "şişman ağaç İğne ".repeat(6);
    let (turkish, text) = sent("+9030006", json!({ "text": long }));
    assert_eq!(turkish.dcs, 0x00, "septets: {turkish:?}");
    assert!(
        turkish.header.starts_with(&[0x24]) || turkish.header.starts_with(&[0x25]),
        "a table: {turkish:?}"
    );
    assert_eq!(text, long);
    let (elsewhere, _) = sent("+4930006", json!({ "text": "şişman ağaç İğne" }));
    assert_eq!(elsewhere.dcs, 0x08, "no table where none was opted for");
    let (_, plain) = sent("+4930007", json!({ "text": "Zażółć – “gęś”", "transliterate": true }));
    assert_eq!(plain, "Zazolc - \"ges\"");
    let preview = gateway
        .api()
        .call("sms.preview", json!({ "text": "Hello 👋" }))
        .expect("a preview");
    assert_eq!((&preview["parts"], &preview["alphabet"]), (&json!(1), &json!("ucs2")));
    assert!(
        preview["why"].as_str().is_some_and(|why| why.contains('👋')),
        "{preview}"
    );
}

#[test]
fn reports_tell_what_became_of_a_message() {
    let rig = Rig::new(2);
    let report = |to: &str, reports: &[u8]| Rule {
        reports: Some(reports.to_vec()),
        ..rule(to)
    };
    let quiet = Rule {
        no_report: true,
        ..rule("+4930004")
    };
    let rules = vec![
        report("+4930001", &[0x41]),
        report("+4930002", &[0x46]),
        report("+4930003", &[0x20, 0x30, 0x00]),
        quiet,
        report("+4930005", &[0x20]),
        report("+4930006", &[0xff]),
    ];
    rig.network.rules(rules).expect("rules");
    let gateway = rig.start_ready();
    let send = |to: &str| gateway.api().send(to, "Hello");
    let ends = [
        (send("+4930001"), "failed"),
        (send("+4930002"), "expired"),
        (send("+4930003"), "delivered"),
        (send("+4930000"), "delivered"),
    ];
    let open = [send("+4930004"), send("+4930005"), send("+4930006")];
    for (id, state) in &ends {
        let part = gateway.wait_state(id, state, LONG)["parts"][0].clone();
        assert!(part["settled_at"].is_string(), "{part}");
        if *state != "delivered" {
            assert!(part["error"].is_string(), "{part}");
        }
    }
    // The reports of these have come as well by now, and settle nothing.
    for id in &open {
        let view = gateway.wait_state(id, "sent", LONG);
        assert!(view["parts"][0]["settled_at"].is_null(), "{view}");
    }
    rig.modems[0].fault(Fault::ReportBeforeReply).expect("a fault");
    let early = gateway
        .api()
        .send_with(json!({ "to": "+4930010", "text": "x", "from": "sim-0" }));
    gateway.wait_state(&early, "delivered", LONG);
}

#[test]
fn an_alarm_overtakes_a_filled_queue_and_what_waits_can_be_cancelled() {
    let latency = Duration::from_millis(150);
    let rig = Rig::with(
        Settings {
            latency,
            ..Settings::default()
        },
        [ModemSpec::new(0)],
    );
    let gateway = rig.start_ready();
    let bulk: Vec<String> = (0..30)
        .map(|index| {
            gateway
                .api()
                .send_with(json!({ "to": format!("+49300{index:03}"), "text": "bulk", "priority": 0 }))
        })
        .collect();
    let before = rig.network.sent().len();
    let alarm = gateway
        .api()
        .send_with(json!({ "to": "+4939999", "text": "alarm", "priority": 3 }));
    let last = bulk.last().expect("some");
    let cancelled = gateway
        .api()
        .call("sms.cancel", json!({ "id": last }))
        .expect("cancelled");
    assert_eq!(cancelled["state"], "cancelled");
    gateway.wait_state(&alarm, "delivered", LONG);
    let sent = rig.network.sent();
    let place = sent.iter().position(|sent| sent.to == "+4939999").expect("sent");
    assert!(
        place <= before + 6,
        "after {before} of 30 came the alarm, it left as number {place}"
    );
    for id in &bulk[..29] {
        gateway.wait_state(id, "delivered", LONG);
    }
    assert_eq!(rig.network.sent().len(), 30, "29 and the alarm");
    assert_eq!(sent_to(&rig, "+49300029").len(), 0);
    let late = gateway.api().refused("sms.cancel", json!({ "id": alarm }));
    assert_eq!((late.code, late.reason()), (2008, "state"), "{late:?}");
    let again = gateway.api().refused("sms.cancel", json!({ "id": last }));
    assert_eq!(again.code, 2008, "{again:?}");
    let list = gateway
        .api()
        .call("sms.list", json!({ "state": "cancelled" }))
        .expect("a list");
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_schedule_a_key_and_a_full_queue() {
    let rig = Rig::new(1).config("[store]\nqueue_limit_token = 3\nqueue_limit_route = 2\n");
    let gateway = rig.start_ready();
    let api = gateway.api();
    let past = api.send_with(json!({ "to": "+4930001", "text": "x", "send_at": Timestamp::now().to_string() }));
    gateway.wait_state(&past, "delivered", LONG);
    let keyed = json!({ "to": "+4930002", "text": "x", "idempotency_key": "order-1" });
    let first = api.call("sms.send", keyed.clone()).expect("accepted");
    gateway.wait_state(first["id"].as_str().expect("an id"), "delivered", LONG);
    let again = api.call("sms.send", keyed.clone()).expect("the first one's answer");
    assert_eq!((&again["id"], &again["repeated"]), (&first["id"], &json!(true)));
    let other = api.refused(
        "sms.send",
        json!({ "to": "+4930002", "text": "y", "idempotency_key": "order-1" }),
    );
    assert_eq!((other.reason(), other.field()), ("invalid", "idempotency_key"));

    let later = |seconds: i64| (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string();
    let far = json!({ "to": "+4930003", "text": "x", "send_at": later(400 * 86_400) });
    assert_eq!(api.refused("sms.send", far).field(), "send_at");
    let waits = |to: &str, from: Option<&str>| {
        let mut params = json!({ "to": to, "text": "x", "send_at": later(3600) });
        if let Some(from) = from {
            params["from"] = json!(from);
        }
        api.call("sms.send", params)
    };
    let one = waits("+4930004", Some("sim-0")).expect("accepted");
    waits("+4930005", Some("sim-0")).expect("accepted");
    let full = waits("+4930006", Some("sim-0")).expect_err("the route's limit");
    assert_eq!(
        (full.code, full.reason(), full.retryable()),
        (2006, "queue_full", true),
        "{full:?}"
    );
    waits("+4930007", None).expect("accepted");
    let full = waits("+4930008", None).expect_err("the token's limit");
    assert_eq!((full.code, full.retryable()), (2006, true), "{full:?}");
    let view = status(&gateway, one["id"].as_str().expect("an id"));
    assert_eq!(view["state"], "queued");
    assert!(
        view["send_at"].is_string() && view["expires_at"].as_str() > view["send_at"].as_str(),
        "{view}"
    );
    api.call("sms.cancel", json!({ "id": one["id"] })).expect("cancelled");
    let soon = api.send_with(json!({ "to": "+4930009", "text": "soon", "send_at": later(2), "from": "sim-0" }));
    assert_eq!(status(&gateway, &soon)["state"], "queued");
    let restarted = {
        assert!(gateway.stop().success());
        rig.start_ready()
    };
    restarted.wait_state(&soon, "delivered", LONG);
    let again = restarted
        .api()
        .call("sms.send", keyed)
        .expect("known after a restart too");
    assert_eq!(again["id"], first["id"]);
    assert_eq!(rig.network.sent().len(), 3, "the scheduled ones still wait");
}

#[test]
fn replies_stick_and_a_named_sender_binds() {
    let specs = (0..3).map(|index| ModemSpec {
        pin: (index == 2).then(|| "4711".into()),
        ..ModemSpec::new(index)
    });
    let rig = Rig::with(Settings::default(), specs);
    let gateway = rig.start();
    gateway.wait_ready(2);
    gateway.wait_slot("sim-2", "locked");
    let api = gateway.api();
    let sender = |id: &str| gateway.wait_state(id, "delivered", LONG)["parts"][0]["sim"].clone();
    rig.network
        .text(rig.modems[1].number(), "+4930123456", "who are you?")
        .expect("a text");
    assert_eq!(api.fetch(0, 30).len(), 1);
    for text in ["a", "b", "c", "d"] {
        assert_eq!(
            sender(&api.send("+4930123456", text)),
            "sim-1",
            "a reply leaves from where it was asked"
        );
    }
    for (from, slot) in [("sim-0", "sim-0"), (rig.modems[1].number(), "sim-1")] {
        let id = api.send_with(json!({ "to": "+4930777777", "text": from, "from": from }));
        assert_eq!(sender(&id), slot);
    }
    let unknown = api.refused("sms.send", json!({ "to": "+4930777777", "text": "x", "from": "sim-9" }));
    assert_eq!(unknown.field(), "from", "{unknown:?}");
    let locked = api.refused("sms.send", json!({ "to": "+4930777777", "text": "x", "from": "sim-2" }));
    assert_eq!((locked.code, locked.field()), (2010, "from"), "{locked:?}");
    assert!(locked.message.contains("PIN"), "it says why: {locked:?}");
    let wish = api.send_with(json!({ "to": "+4930777777", "text": "x", "from": "sim-2", "strict": false }));
    assert_ne!(sender(&wish), "sim-2", "a wish falls back");
    rig.modems[0].fault(Fault::Unplug).expect("unplugged");
    gateway.wait_slot("sim-0", "absent");
    let strict = api.send_with(json!({ "to": "+4930777777", "text": "strict", "from": "sim-0" }));
    let wish = api.send_with(json!({ "to": "+4930777777", "text": "wish", "from": "sim-0", "strict": false }));
    assert_eq!(sender(&wish), "sim-1");
    assert_eq!(
        status(&gateway, &strict)["state"],
        "queued",
        "a modem that is only away is waited for"
    );
    rig.modems[0].fault(Fault::Replug { name: None }).expect("plugged in");
    assert_eq!(sender(&strict), "sim-0");
}

#[test]
fn numbers_are_understood_or_refused_with_the_reason() {
    let rig = Rig::new(1)
        .config("[gateway]\ncountry_code = \"49\"\n[routing.guard]\nrefuse = [\"+7\"]\nallow = [\"+7912\"]\n");
    let gateway = rig.start_ready();
    let api = gateway.api();
    for (to, sent) in [
        ("0171 / 123 45-67", "+491711234567"),
        ("0043 664 1234567", "+436641234567"),
        ("80808", "80808"),
    ] {
        let id = api.send(to, "x");
        let view = gateway.wait_state(&id, "delivered", LONG);
        assert_eq!(view["to"], sent);
        assert_eq!(sent_to(&rig, sent).len(), 1, "{to}");
    }
    let short = Submission::read(&sent_to(&rig, "80808")[0].tpdu);
    assert_eq!(short.kind & 0x70, 0x00, "type of number unknown: {short:?}");
    api.send("+79121234567", "allowed");
    let refusals = [
        ("+499001234567", 2005, "premium"),
        ("112", 2005, "emergency"),
        ("+8816123456789", 2005, "satellite"),
        ("+79031234567", 2005, "refuse"),
        ("", 2002, "empty"),
        ("+49", 2002, "digits"),
        ("+49171x", 2002, "'x'"),
        ("Vodafone", 2002, "'V'"),
    ];
    for (to, code, words) in refusals {
        let refusal = api.refused("sms.send", json!({ "to": to, "text": "x" }));
        assert_eq!((refusal.code, refusal.field()), (code, "to"), "{to}: {refusal:?}");
        assert!(refusal.message.contains(words), "{to}: {refusal:?}");
        assert!(!refusal.retryable());
    }
    let route = api.call("route.explain", json!({ "to": "112" })).expect("explained");
    assert!(route["chosen"].is_null() && route["refusal"].is_string(), "{route}");
    assert!(
        !route.to_string().contains("chosen: "),
        "a refused number chooses no SIM: {route}"
    );
    for (params, field) in [
        (json!({ "to": "+4930001", "text": "" }), "text"),
        (json!({ "to": "+4930001", "text": "x".repeat(50_000) }), "text"),
        (json!({ "to": "+4930001" }), "text"),
        (json!({ "to": 7, "text": "x" }), "to"),
        (json!({ "to": "+4930001", "text": "x", "priority": 9 }), "priority"),
        (json!({ "to": "+4930001", "text": "x", "shout": true }), "shout"),
    ] {
        assert_eq!(api.refused("sms.send", params.clone()).field(), field, "{params}");
    }
    let unknown = api.refused("sms.status", json!({ "id": "019aa5a8-7c00-7000-8000-000000000001" }));
    assert_eq!(unknown.code, 2004, "{unknown:?}");

    rig.network
        .text(rig.modems[0].number(), "+4930555555", " Stop\n")
        .expect("a text");
    let stopped = eventually("STOP counts", LONG, || {
        api.call("sms.send", json!({ "to": "+4930555555", "text": "advertisement" }))
            .err()
    });
    assert_eq!((stopped.code, stopped.field()), (2005, "to"), "{stopped:?}");
    assert!(stopped.message.contains("STOP"), "{stopped:?}");
}

#[test]
fn each_class_of_error_has_its_consequence_and_a_dead_number_blocks_nobody() {
    let rig = Rig::new(2);
    let cms = |to: &str, code: u16| Rule {
        cms: Some(code),
        ..rule(to)
    };
    let once = |rule: Rule| Rule { count: Some(1), ..rule };
    let on_first = |rule: Rule| Rule {
        from: Some(rig.modems[0].number().to_owned()),
        ..rule
    };
    rig.network
        .rules(vec![
            cms("+4930001", 1),
            on_first(cms("+4930002", 8)),
            once(cms("+4930003", 144)),
            cms("+4930004", 27),
            once(cms("+4930005", 340)),
            on_first(cms("+4930006", 50)),
        ])
        .expect("rules");
    let gateway = rig.start_ready();
    let from_first = |to: &str, text: &str| {
        gateway
            .api()
            .send_with(json!({ "to": to, "text": text, "from": "sim-0", "strict": false }))
    };
    let dead: Vec<String> = (0..5).map(|_| from_first("+4930004", "dead")).collect();
    let permanent = from_first("+4930001", "permanent");
    let other_sim = from_first("+4930002", "other SIM");
    let other_form = from_first("+4930003", "other encoding");
    let retried = from_first("+4930005", "retried");
    let whole = from_first("+4930006", &"moved as a whole, under a new reference. ".repeat(8));
    let fine = from_first("+4930009", "fine");

    gateway.wait_state(&fine, "delivered", LONG);
    let failed = gateway.wait_state(&permanent, "failed", LONG);
    assert_eq!(failed["parts"][0]["code"], "CMS 1", "{failed}");
    let view = gateway.wait_state(&other_sim, "delivered", LONG);
    assert_eq!(
        (&view["parts"][0]["sim"], &view["parts"][0]["attempts"]),
        (&json!("sim-1"), &json!(2))
    );
    let view = gateway.wait_state(&other_form, "delivered", LONG);
    assert_eq!(view["alphabet"], "ucs2", "{view}");
    assert_eq!(Submission::read(&sent_to(&rig, "+4930003")[0].tpdu).dcs, 0x08);
    let view = gateway.wait_state(&retried, "delivered", LONG);
    assert_eq!(view["parts"][0]["attempts"], 2, "{view}");
    let view = gateway.wait_state(&whole, "delivered", LONG);
    let sims: Vec<&Value> = view["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .map(|part| &part["sim"])
        .collect();
    assert!(sims.len() > 2 && sims.iter().all(|sim| **sim == "sim-1"), "{view}");
    let references: Vec<u8> = sent_to(&rig, "+4930006")
        .iter()
        .map(|sent| Submission::read(&sent.tpdu).header[2])
        .collect();
    assert!(
        references.iter().all(|reference| *reference == references[0]),
        "{references:?}"
    );

    let part = wait_error(&gateway, &dead[0], "CMS");
    assert_eq!(
        (&part["state"], &part["code"]),
        (&json!("queued"), &json!("CMS 27")),
        "{part}"
    );
    assert!(part["due_at"].as_str() > part["attempted_at"].as_str(), "{part}");
    let tried: i64 = dead
        .iter()
        .map(|id| status(&gateway, id)["parts"][0]["attempts"].as_i64().expect("a count"))
        .sum();
    assert!(
        tried <= 2,
        "a dead number rests: its 5 messages were tried {tried} times"
    );
    assert_eq!(sent_to(&rig, "+4930009").len(), 1);
}

#[test]
fn nobody_knows_means_a_report_a_second_sending_or_an_operator() {
    let rig = Rig::new(3).config("[store]\nuncertain_wait_s = 1\n");
    let gateway = rig.start_ready();
    let doubtful = |modem: usize, sent: bool| {
        let fault = Fault::SendError {
            count: 1,
            cms: Some(332),
            cme: None,
            delay_ms: 0,
            sent,
        };
        rig.modems[modem].fault(fault).expect("a fault");
    };
    let send = |to: &str, modem: usize, rule: &str| {
        gateway
            .api()
            .send_with(json!({ "to": to, "text": "x", "from": format!("sim-{modem}"), "on_uncertain": rule }))
    };
    doubtful(0, true);
    let reported = send("+4930001", 0, "resend");
    doubtful(1, false);
    let again = send("+4930002", 1, "resend");
    doubtful(2, false);
    let held = send("+4930003", 2, "hold");

    let view = gateway.wait_state(&reported, "delivered", LONG);
    assert_eq!(
        (&view["maybe_twice"], sent_to(&rig, "+4930001").len()),
        (&json!(false), 1),
        "{view}"
    );
    let view = gateway.wait_state(&again, "delivered", LONG);
    assert_eq!(
        (&view["maybe_twice"], &view["parts"][0]["attempts"]),
        (&json!(true), &json!(2)),
        "{view}"
    );
    gateway.wait_state(&held, "uncertain", LONG);
    gateway.wait_finding("queue", "nobody knows whether it went out");
    gateway.wait_log("an operator decides");
    assert_eq!(status(&gateway, &held)["state"], "uncertain", "it is held");
    let resolved = gateway
        .api()
        .call("sms.resolve", json!({ "id": held, "resolution": "resend" }))
        .expect("resolved");
    assert_ne!(resolved["state"], "uncertain");
    let view = gateway.wait_state(&held, "delivered", LONG);
    assert_eq!(
        (&view["maybe_twice"], sent_to(&rig, "+4930003").len()),
        (&json!(true), 1)
    );
    doubtful(2, false);
    let dropped = send("+4930004", 2, "hold");
    gateway.wait_state(&dropped, "uncertain", LONG);
    let resolved = gateway
        .api()
        .call("sms.resolve", json!({ "id": dropped, "resolution": "drop" }))
        .expect("resolved");
    assert_eq!(resolved["state"], "failed", "{resolved}");
    let settled = gateway
        .api()
        .refused("sms.resolve", json!({ "id": dropped, "resolution": "resend" }));
    assert_eq!(settled.code, 2008, "{settled:?}");
    assert_eq!(sent_to(&rig, "+4930004").len(), 0);
}

#[test]
fn an_alarm_passes_what_stands_next_at_the_modem() {
    let settings = Settings {
        latency: Duration::from_secs(2),
        ..Settings::default()
    };
    let rig = Rig::with(settings, vec![ModemSpec::new(0)]);
    let gateway = rig.start_ready();
    let api = gateway.api();
    for text in ["first", "second", "third"] {
        api.send("+491700000001", text);
    }
    eventually("the second stands at the modem", LONG, || {
        let queue = api.call("stats", json!({})).ok()?;
        (queue["queue"]["attempting"] == 2).then_some(())
    });
    let alarm = api.send_with(json!({ "to": "+491700000001", "text": "alarm", "priority": 3 }));
    gateway.wait_state(&alarm, "delivered", LONG);
    assert_eq!(rig.network.wait_sent(4, LONG).len(), 4);
    let order: Vec<_> = sent_to(&rig, "+491700000001")
        .into_iter()
        .filter_map(|sent| sent.text)
        .collect();
    assert_eq!(order, ["first", "alarm", "second", "third"]);
}

#[test]
fn a_message_that_stands_next_at_the_modem_can_be_taken_back() {
    let settings = Settings {
        latency: Duration::from_secs(3),
        ..Settings::default()
    };
    let rig = Rig::with(settings, vec![ModemSpec::new(0)]);
    let gateway = rig.start_ready();
    let api = gateway.api();
    let [first, second, third] = ["first", "second", "third"].map(|text| api.send("+491700000002", text));
    eventually("the second stands at the modem", LONG, || {
        let queue = api.call("stats", json!({})).ok()?;
        (queue["queue"]["attempting"] == 2).then_some(())
    });
    let view = api.call("sms.cancel", json!({ "id": second })).expect("taken back");
    assert_eq!(view["state"], "cancelled", "{view:#}");
    assert_eq!(
        api.refused("sms.cancel", json!({ "id": first })).code,
        2008,
        "it is on its way"
    );
    gateway.wait_state(&third, "delivered", LONG);
    let order: Vec<_> = sent_to(&rig, "+491700000002")
        .into_iter()
        .filter_map(|sent| sent.text)
        .collect();
    assert_eq!(order, ["first", "third"]);
}
