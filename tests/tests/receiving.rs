//! From the network to `sms.fetch`: whatever arrives, in whatever order, once.

use std::time::{Duration, Instant};

use end_to_end::{Delivery, Gateway, Rig, eventually};
use modemsim::{Fault, ModemSpec, Profile, Settings};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

/// Waits until `count` messages have arrived; all of them.
fn wait_inbox(gateway: &Gateway, count: usize) -> Vec<Value> {
    eventually(&format!("{count} messages arrive"), LONG, || {
        let messages = gateway.api().fetch(0, 0);
        (messages.len() >= count).then_some(messages)
    })
}

fn texts(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["text"].as_str().expect("a text"))
        .collect()
}

#[test]
fn parts_come_in_any_order_with_twins_and_shared_references() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let part = |from: &str, sequence: u8, text: &str| Delivery::part(from, 77, 3, sequence, text);
    let deliver = |modem: usize, delivery: &Delivery| {
        rig.network
            .pdu(rig.modems[modem].number(), &delivery.hex())
            .expect("delivered");
    };
    // Two senders with one reference, on one SIM; the first of them with the same reference on the other SIM too.
    for (modem, from, sequence, text) in [
        (0, "+4930111", 3, "drei"),
        (0, "+4930222", 2, "two "),
        (1, "+4930111", 1, "один "),
        (0, "+4930111", 1, "eins "),
        (0, "+4930111", 3, "drei"),
        (0, "+4930222", 3, "three 👍"),
        (1, "+4930111", 3, "три"),
        (0, "+4930222", 2, "two "),
        (0, "+4930111", 2, "zwei "),
        (1, "+4930111", 2, "два "),
        (0, "+4930222", 1, "one "),
    ] {
        deliver(modem, &part(from, sequence, text));
    }
    let mut messages = wait_inbox(&gateway, 3);
    messages.sort_by_key(|message| (message["sim"].to_string(), message["from"].to_string()));
    assert_eq!(texts(&messages), ["eins zwei drei", "one two three 👍", "один два три"]);
    for message in &messages {
        assert_eq!(
            (&message["parts"], &message["missing"]),
            (&json!(3), &json!(0)),
            "{message}"
        );
    }
    // The network repeats what it believes lost, after the message is whole.
    deliver(0, &part("+4930111", 2, "zwei "));
    rig.modems[1].fault(Fault::Duplicate { times: 2 }).expect("a fault");
    rig.network
        .text(rig.modems[1].number(), "+4930333", "only once")
        .expect("a text");
    rig.network
        .text(rig.modems[0].number(), "+4930333", "last")
        .expect("a text");
    let messages = wait_inbox(&gateway, 5);
    eventually("the modems are emptied", LONG, || {
        rig.modems.iter().all(|modem| modem.stored().is_empty()).then_some(())
    });
    assert_eq!(messages.len(), 5, "{:?}", texts(&messages));
    assert_eq!(gateway.api().fetch(0, 0).len(), 5);
}

#[test]
fn a_message_whose_part_is_missing_is_shown_without_it_in_the_end() {
    let rig = Rig::new(1).config("[store]\nfragment_wait_s = 1\n");
    let gateway = rig.start_ready();
    let (number, from) = (rig.modems[0].number(), "+4930111");
    for sequence in [1, 3] {
        let part = Delivery::part(from, 5, 3, sequence, &format!("<{sequence}>"));
        rig.network.pdu(number, &part.hex()).expect("delivered");
    }
    let message = wait_inbox(&gateway, 1).remove(0);
    assert_eq!(
        (&message["parts"], &message["missing"]),
        (&json!(3), &json!(1)),
        "{message}"
    );
    let text = message["text"].as_str().expect("a text");
    assert!(text.contains("<1>") && text.contains("<3>"), "{text}");
    gateway.wait_log("stays incomplete");
}

#[test]
fn what_is_no_plain_text_is_told_for_what_it_is() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let number = rig.modems[0].number();
    let deliver = |hex: &str| rig.network.pdu(number, hex).expect("delivered");
    let data = Delivery::data("+4930001", &[], &[0xde, 0xad, 0xbe, 0xef]);
    // Ports 2948 and 9200 (TS 23.040 9.2.3.24.4), then a WAP push of application/vnd.wap.mms-message.
    let wap = Delivery::data(
        "+4930002",
        &[0x05, 0x04, 0x0b, 0x84, 0x23, 0xf0],
        b"\x01\x06\x03\xbe\xaf\x84\x8c\x82\x98x\0\x8d\x90",
    );
    let voicemail = Delivery {
        dcs: 0xc8,
        body: Vec::new(),
        septets: Some(0),
        ..Delivery::text("+4930003", "")
    };
    let flash = Delivery {
        dcs: 0x18,
        ..Delivery::text("+4930004", "now!")
    };
    for delivery in [&data, &wap, &voicemail, &flash] {
        deliver(&delivery.hex());
    }
    // An address without an end, and a message that ends after its address.
    deliver("04FF91");
    deliver("040A919471062143");
    let messages = wait_inbox(&gateway, 6);
    let of = |kind: &str| {
        messages
            .iter()
            .filter(|message| message["kind"] == kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("data").len(), 1, "{messages:#?}");
    assert_eq!(
        of("data")[0]["data_hex"].as_str().map(str::to_lowercase).as_deref(),
        Some("deadbeef")
    );
    assert_eq!(
        (of("wap_push").len(), &of("wap_push")[0]["from"]),
        (1, &json!("+4930002"))
    );
    assert_eq!(
        (of("waiting").len(), &of("waiting")[0]["from"]),
        (1, &json!("+4930003"))
    );
    let told = json!({ "for": "voicemail", "active": true, "discard": true });
    assert_eq!(of("waiting")[0]["waiting"], told);
    let shown = of("text");
    assert_eq!(
        (shown.len(), &shown[0]["text"], &shown[0]["class"]),
        (1, &json!("now!"), &json!(0))
    );
    let unreadable = of("undecodable");
    assert_eq!(unreadable.len(), 2, "{messages:#?}");
    assert!(unreadable.iter().all(|message| message["data_hex"].is_string()));
    gateway.wait_log("nobody can read");
    eventually("the modem is emptied", LONG, || {
        rig.modems[0].stored().is_empty().then_some(())
    });
}

#[test]
fn what_no_phone_would_show_is_kept_for_who_asks_and_answered_by_nothing() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let (api, number) = (gateway.api(), rig.modems[0].number());
    // TP-PID and TP-DCS of each (TS 23.040 9.2.3.9). A silent STOP comes first.
    for (pid, dcs, from, text) in [
        (0x40, 0x08, "+4930555001", "STOP"),
        (0x7f, 0x12, "+4930555002", ""),
        (0x7d, 0xf5, "+4930555003", ""),
        (0x41, 0x08, "+4930555004", "first of a replaceable type"),
        (0x41, 0x08, "+4930555004", "second of it"),
        (0x5f, 0x08, "+4930555005", "call me"),
    ] {
        let delivery = Delivery {
            pid,
            dcs,
            ..match text {
                "" => Delivery::data(from, &[], &[0x02, 0x70, 0x00]),
                text => Delivery::text(from, text),
            }
        };
        rig.network.pdu(number, &delivery.hex()).expect("delivered");
    }
    let mut shown = wait_inbox(&gateway, 3);
    shown.sort_by_key(|message| message["cursor"].as_i64());
    assert_eq!(
        texts(&shown),
        ["first of a replaceable type", "second of it", "call me"]
    );
    assert!(shown.iter().all(|message| message["kind"] == "text"), "{shown:#?}");
    let page = api.call("sms.fetch", json!({ "hidden": true })).expect("fetched");
    let all = page["messages"].as_array().expect("messages");
    let kinds: Vec<_> = all.iter().map(|message| message["kind"].clone()).collect();
    assert_eq!(
        kinds,
        ["silent", "sim_data", "device", "text", "text", "text"],
        "{all:#?}"
    );
    assert_eq!(all[0]["text"], "STOP");
    gateway.wait_log("received a silent message");
    api.send("+4930555001", "its STOP was none");
    eventually("the modem is emptied", LONG, || {
        rig.modems[0].stored().is_empty().then_some(())
    });
}

#[test]
fn flash_messages_that_a_modem_would_lose_are_received_where_the_slot_wants_them() {
    let profile = Profile {
        stores_class0: false,
        ..Profile::default()
    };
    let spec = ModemSpec {
        profile,
        ..ModemSpec::new(0)
    };
    let rig = Rig::with(Settings::default(), [spec]).slot(0, "flash = true");
    let gateway = rig.start_ready();
    let flash = Delivery {
        dcs: 0x18,
        ..Delivery::text("+4930004", "now!")
    };
    rig.network
        .pdu(rig.modems[0].number(), &flash.hex())
        .expect("delivered");
    rig.network
        .text(rig.modems[0].number(), "+4930005", "stored")
        .expect("a text");
    let mut messages = wait_inbox(&gateway, 2);
    messages.sort_by_key(|message| message["from"].to_string());
    assert_eq!(texts(&messages), ["now!", "stored"]);
    let counts = rig.modems[0].view().expect("a view").counts;
    assert_eq!(
        (counts.unacknowledged, counts.acknowledged >= 1),
        (0, true),
        "{counts:?}"
    );
}

#[test]
fn the_cursor_the_filters_and_the_patterns_find_what_is_asked_for() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let api = gateway.api();
    for index in 0..6 {
        let (modem, from) = (&rig.modems[index % 2], if index < 3 { "BANK" } else { "+4930555" });
        rig.network
            .text(modem.number(), from, &format!("message {index}"))
            .expect("a text");
        wait_inbox(&gateway, index + 1);
    }
    let fetch = |params: Value| {
        let page = api.call("sms.fetch", params).expect("a page");
        let messages = page["messages"].as_array().expect("messages").clone();
        (messages, page["next"].as_i64().expect("a cursor"))
    };
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let (page, next) = fetch(json!({ "after": after, "limit": 4 }));
        if page.is_empty() {
            assert_eq!(next, after);
            break;
        }
        assert!(page.len() <= 4 && next > after);
        seen.extend(page);
        after = next;
    }
    let cursors: Vec<i64> = seen
        .iter()
        .map(|message| message["cursor"].as_i64().expect("a cursor"))
        .collect();
    assert!(cursors.is_sorted() && cursors.len() == 6, "{cursors:?}");
    let found = |params: Value| {
        let (messages, _) = fetch(params);
        texts(&messages)
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(json!({ "sim": "sim-0" })),
        ["message 0", "message 2", "message 4"]
    );
    assert_eq!(
        found(json!({ "number": rig.modems[1].number() })),
        ["message 1", "message 3", "message 5"]
    );
    assert_eq!(
        found(json!({ "from_matches": "^BANK$" })),
        ["message 0", "message 1", "message 2"]
    );
    assert_eq!(
        found(json!({ "sim": "sim-1", "text_matches": "[35]$" })),
        ["message 3", "message 5"]
    );
    for (params, field) in [
        (json!({ "text_matches": "(" }), "text_matches"),
        (json!({ "wait_s": 61 }), "wait_s"),
        (json!({ "limit": 0 }), "limit"),
        (json!({ "after": "now" }), "after"),
    ] {
        assert_eq!(api.refused("sms.fetch", params.clone()).field(), field, "{params}");
    }
    let nowhere = api.refused("sms.fetch", json!({ "sim": "sim-9" }));
    assert!([2001, 2004].contains(&nowhere.code), "{nowhere:?}");

    // A one-time password: the wait goes past what does not match, and ends with what does.
    let waiting = std::thread::spawn({
        let api = api.clone();
        move || {
            let asked = Instant::now();
            let page = api.call(
                "sms.fetch",
                json!({ "after": after, "wait_s": 60, "text_matches": "code is ([0-9]{6})" }),
            );
            (page.expect("a page"), asked.elapsed())
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    rig.network
        .text(rig.modems[0].number(), "BANK", "Dear customer")
        .expect("a text");
    rig.network
        .text(rig.modems[0].number(), "BANK", "Your code is 123456")
        .expect("a text");
    let (page, took) = waiting.join().expect("it ends");
    assert_eq!(
        texts(page["messages"].as_array().expect("messages")),
        ["Your code is 123456"]
    );
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    let (nothing, _) = fetch(json!({ "after": page["next"], "wait_s": 1 }));
    assert!(nothing.is_empty());
}

#[test]
fn nothing_that_waited_on_a_card_is_lost_or_shown_twice() {
    let rig = Rig::new(1);
    let number = rig.modems[0].number();
    for index in 0..40 {
        rig.network
            .text(number, "+4930123", &format!("waiting {index}"))
            .expect("a text");
    }
    let gateway = rig.start_ready();
    let messages = wait_inbox(&gateway, 40);
    let mut sorted = texts(&messages);
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((messages.len(), sorted.len()), (40, 40));
    eventually("the card is emptied", LONG, || {
        rig.modems[0].stored().is_empty().then_some(())
    });
    assert!(gateway.stop().success());
    rig.network
        .text(number, "+4930123", "while it was away")
        .expect("a text");
    let gateway = rig.start_ready();
    assert_eq!(wait_inbox(&gateway, 41).len(), 41);
}

#[test]
fn a_full_memory_is_told_and_emptied() {
    let spec = ModemSpec {
        sim_places: 5,
        ..ModemSpec::new(0)
    };
    let rig = Rig::with(Settings::default(), [spec, ModemSpec::new(1)]);
    let number = rig.modems[0].number();
    for index in 0..12 {
        rig.network
            .text(number, "+4930123", &format!("{index}"))
            .expect("a text");
    }
    assert_eq!(rig.modems[0].stored().len(), 5, "full before the gateway comes");
    let gateway = rig.start_ready();
    assert_eq!(
        wait_inbox(&gateway, 12).len(),
        12,
        "the network brings the rest once there is room"
    );
    rig.modems[0].fault(Fault::MemoryFull { on: true }).expect("a fault");
    rig.network
        .text(rig.modems[1].number(), "+4930123", "the other works")
        .expect("a text");
    rig.network.text(number, "+4930123", "later").expect("a text");
    assert_eq!(wait_inbox(&gateway, 13).len(), 13);
    rig.modems[0].fault(Fault::Heal).expect("healed");
    rig.network.text(number, "+4930123", "now").expect("a text");
    let messages = wait_inbox(&gateway, 15);
    assert_eq!(messages.len(), 15, "{:?}", texts(&messages));
}

#[test]
fn calls_are_noted_and_hung_up_where_that_is_wished() {
    let rig = Rig::new(2).slot(1, "hang_up_calls = true");
    let gateway = rig.start_ready();
    rig.modems[0].call("+4930777", 2).expect("a call");
    rig.modems[1].call("+4930888", 50).expect("a call");
    eventually("both calls are noted", LONG, || {
        let log = gateway.log();
        let noted = |slot: &str| {
            log.lines()
                .any(|line| line.contains("somebody called") && line.contains(slot))
        };
        (noted("sim-0") && noted("sim-1")).then_some(())
    });
    let id = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "the line is free", "from": "sim-1" }));
    gateway.wait_state(&id, "delivered", LONG);
}
