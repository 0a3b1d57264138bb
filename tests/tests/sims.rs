//! Cards: their PINs, their tries, and whether they are the right ones.

use std::time::Duration;

use end_to_end::{Gateway, Rig, eventually};
use modemsim::{Fault, ModemSpec, Profile, Settings};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn locked(index: usize) -> ModemSpec {
    ModemSpec {
        pin: Some("4711".into()),
        ..ModemSpec::new(index)
    }
}

fn entered(rig: &Rig, modem: usize) -> u64 {
    rig.modems[modem].view().expect("a view").counts.pins_entered
}

fn unlock(gateway: &Gateway, slot: &str) {
    let done = gateway
        .api()
        .call("sim.unlock", json!({ "sim": slot }))
        .expect("unlocked");
    assert_eq!(done["done"], true);
}

#[test]
fn each_lock_has_its_word_and_its_care() {
    let blind = ModemSpec {
        profile: Profile {
            cpinr: false,
            csim: false,
            ..Profile::default()
        },
        ..locked(4)
    };
    let specs = [locked(0), locked(1), locked(2), locked(3), blind, ModemSpec::new(5)];
    let rig = Rig::with(Settings::default(), specs)
        .slot(0, "pin = \"4711\"")
        .slot(1, "pin = \"0815\"")
        .slot(3, "pin = \"4711\"")
        .slot(4, "pin = \"0815\"");
    rig.modems[3]
        .fault(Fault::PinTries { pin: 1, puk: 10 })
        .expect("a fault");
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "ready");
    gateway.wait_slot("sim-5", "ready");
    let words = [
        ("sim-1", "the PIN is wrong"),
        ("sim-2", "none is configured"),
        ("sim-3", "only one PIN try is left"),
        ("sim-4", "the PIN is wrong"),
    ];
    for (slot, words) in words {
        let shown = gateway.wait_slot(slot, "locked");
        assert!(
            shown["reason"].as_str().is_some_and(|reason| reason.contains(words)),
            "{shown}"
        );
        let finding = gateway.wait_finding(slot, words);
        assert_eq!(finding["level"], "CRITICAL");
        assert!(
            finding["hint"].as_str().is_some_and(|hint| hint.contains("sim unlock")),
            "{finding}"
        );
        gateway.wait_log(words);
    }
    let tries = |rig: &Rig| [0, 1, 2, 3, 4, 5].map(|modem| entered(rig, modem));
    assert_eq!(tries(&rig), [1, 1, 0, 0, 1, 0]);
    let id = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "x", "from": "sim-0" }));
    gateway.wait_state(&id, "delivered", LONG);
    let id = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "x", "from": "sim-5" }));
    gateway.wait_state(&id, "delivered", LONG);
    unlock(&gateway, "sim-3");
    unlock(&gateway, "sim-2");
    gateway.wait_slot("sim-3", "locked");
    gateway.wait_slot("sim-2", "locked");

    // Neither an orderly restart nor a crash makes it try a PIN again that was refused.
    assert!(gateway.stop().success());
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "ready");
    gateway.wait_slot("sim-1", "locked");
    gateway.wait_slot("sim-4", "locked");
    gateway.kill();
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "ready");
    for slot in ["sim-1", "sim-3", "sim-4"] {
        gateway.wait_slot(slot, "locked");
    }
    assert_eq!(
        tries(&rig),
        [1, 1, 0, 0, 1, 0],
        "an open card is not asked, a refused PIN not entered"
    );
    let log = gateway.log();
    assert!(!log.contains("4711") && !log.contains("0815"), "no PIN in the log");
}

#[test]
fn a_corrected_pin_waits_for_the_operators_word() {
    let rig = Rig::with(Settings::default(), [locked(0), ModemSpec::new(1)]).slot(0, "pin = \"0815\"");
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "locked");
    gateway.kill();
    let rig = rig.replace_pin(0, "0815", "4711");
    let gateway = rig.start();
    gateway.wait_slot("sim-1", "ready");
    gateway.wait_slot("sim-0", "locked");
    assert_eq!(
        entered(&rig, 0),
        1,
        "the card was refused once, so nothing is entered without a word"
    );
    let waits = gateway
        .api()
        .refused("sms.send", json!({ "to": "+4930001", "text": "x", "from": "sim-0" }));
    assert_eq!(waits.code, 2010, "{waits:?}");
    unlock(&gateway, "sim-0");
    gateway.wait_slot("sim-0", "ready");
    assert_eq!(entered(&rig, 0), 2);
    let id = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "x", "from": "sim-0" }));
    gateway.wait_state(&id, "delivered", LONG);
    let unknown = gateway.api().refused("sim.unlock", json!({ "sim": "sim-9" }));
    assert_eq!(unknown.code, 2004, "{unknown:?}");
}

#[test]
fn unlocking_tells_what_came_of_it_and_spends_no_try_on_a_pin_that_was_refused() {
    let rig = Rig::with(Settings::default(), [locked(0)]).slot(0, "pin = \"0815\"");
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "locked");
    let unlock =
        |rig: &Rig, gateway: &Gateway, more: &[&str]| rig.cli(gateway, &[&["sim", "unlock", "sim-0"], more].concat());
    let same = unlock(&rig, &gateway, &[]);
    assert_eq!((same.code, entered(&rig, 0)), (1, 1), "{same:?}");
    assert!(
        same.err.contains("has refused this very PIN") && same.err.contains("--force"),
        "{same:?}"
    );

    // A restart does not forget it.
    gateway.kill();
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "locked");
    let same = unlock(&rig, &gateway, &[]);
    assert_eq!((same.code, entered(&rig, 0)), (1, 1), "{same:?}");

    let forced = unlock(&rig, &gateway, &["--force", "--json"]);
    assert_eq!((forced.code, entered(&rig, 0)), (1, 2), "{forced:?}");
    assert!(forced.out.contains("the PIN is wrong"), "{forced:?}");

    // The last try is nobody's, not even of the right PIN.
    let rig = rig.replace_pin(0, "0815", "4711");
    rig.write_config(gateway.api().port());
    assert_eq!(rig.cli(&gateway, &["reload"]).code, 0);
    let last = unlock(&rig, &gateway, &[]);
    assert_eq!((last.code, entered(&rig, 0)), (1, 2), "{last:?}");
    assert!(last.err.contains("only one PIN try is left"), "{last:?}");
    let told = gateway.wait_finding("sim-0", "only one PIN try is left");
    assert!(
        told["hint"]
            .as_str()
            .is_some_and(|hint| hint.starts_with("put the SIM in a telephone")),
        "{told}"
    );

    // In the telephone it got its tries back.
    rig.modems[0]
        .fault(Fault::PinTries { pin: 3, puk: 10 })
        .expect("a fault");
    let open = unlock(&rig, &gateway, &[]);
    assert_eq!((open.code, open.out.contains("the SIM is open")), (0, true), "{open:?}");
    gateway.wait_slot("sim-0", "ready");
}

#[test]
fn another_card_in_a_slot_sends_nothing_until_it_is_accepted() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let sim = |id: &str| gateway.wait_state(id, "delivered", LONG)["parts"][0]["sim"].clone();
    let before = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "before", "from": "sim-0" }));
    assert_eq!(sim(&before), "sim-0");
    rig.modems[0]
        .fault(Fault::Iccid {
            iccid: "8949020000999999999".into(),
        })
        .expect("another card");
    rig.modems[0].fault(Fault::Reboot).expect("a reboot");
    // While it starts it hears nothing. The next word with it shows that it was started anew, and may be lost.
    std::thread::sleep(Duration::from_secs(1));
    let _ = gateway
        .api()
        .call("ussd.start", json!({ "sim": "sim-0", "code": "*100#" }));
    let shown = gateway.wait_slot("sim-0", "wrong_sim");
    assert!(
        shown["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("another card")),
        "{shown}"
    );
    let finding = gateway.wait_finding("sim-0", "another card");
    assert_eq!(finding["level"], "CRITICAL", "{finding}");
    gateway.wait_log("nothing is sent");
    for text in ["a", "b", "c"] {
        assert_eq!(sim(&gateway.api().send("+4930001", text)), "sim-1");
    }
    // The modem tells of its card twice, the second time with the IMSI.
    assert_eq!(gateway.log().matches("nothing is sent: another card").count(), 1);
    let refused = gateway
        .api()
        .refused("sms.send", json!({ "to": "+4930001", "text": "x", "from": "sim-0" }));
    assert_eq!((refused.code, refused.field()), (2010, "from"), "{refused:?}");
    // What arrives for the other card is received all the same.
    rig.network
        .text(rig.modems[0].number(), "+4930555", "hello")
        .expect("a text");
    assert_eq!(gateway.api().fetch(0, 30).len(), 1);
    gateway.kill();
    let gateway = rig.start();
    gateway.wait_slot("sim-1", "ready");
    gateway.wait_slot("sim-0", "wrong_sim");
    let sent = rig.network.sent().iter().filter(|sent| sent.modem == 0).count();
    assert_eq!(sent, 1, "only what left before");
    unlock(&gateway, "sim-0");
    gateway.wait_slot("sim-0", "ready");
    let id = gateway
        .api()
        .send_with(json!({ "to": "+4930001", "text": "x", "from": "sim-0" }));
    gateway.wait_state(&id, "delivered", LONG);
}

#[test]
fn ussd_dialogues_ask_answer_and_end() {
    let rig = Rig::with(
        Settings::default(),
        ["generic", "huawei", "zte"]
            .iter()
            .enumerate()
            .map(|(index, name)| ModemSpec {
                profile: Profile::find(name).expect("a profile"),
                ..ModemSpec::new(index)
            }),
    )
    .token_entry("bound", &["ussd"], "sims = [\"sim-1\"]\n");
    let gateway = rig.start_ready();
    let api = gateway.api();
    let call = |method: &str, params: Value| api.call(method, params).expect("an answer");
    for sim in ["sim-0", "sim-1", "sim-2"] {
        let reply = call("ussd.start", json!({ "sim": sim, "code": "*100#" }));
        assert_eq!(
            (&reply["text"], &reply["open"]),
            (&json!("Balance: 7.95 EUR"), &json!(false)),
            "{sim}"
        );
        let menu = call("ussd.start", json!({ "sim": sim, "code": "*101#" }));
        assert_eq!(
            (&menu["text"], &menu["open"]),
            (&json!("1 Balance 2 Tariff"), &json!(true)),
            "{sim}"
        );
        let busy = api.refused("ussd.start", json!({ "sim": sim, "code": "*100#" }));
        assert_eq!((busy.code, busy.retryable()), (2009, true), "{busy:?}");
        let deeper = call("ussd.reply", json!({ "sim": sim, "text": "2" }));
        assert_eq!(
            (&deeper["text"], &deeper["open"]),
            (&json!("1 Small 2 Large"), &json!(true))
        );
        let end = call("ussd.reply", json!({ "sim": sim, "text": "2" }));
        assert_eq!((&end["text"], &end["open"]), (&json!("Large it is"), &json!(false)));
        let over = api.refused("ussd.reply", json!({ "sim": sim, "text": "1" }));
        assert_eq!(over.code, 2008, "{over:?}");
        call("ussd.start", json!({ "sim": sim, "code": "*101#" }));
        call("ussd.cancel", json!({ "sim": sim }));
        // An SMS may go out between, and the next dialogue begins afresh.
        let id = api.send_with(json!({ "to": "+4930001", "text": "x", "from": sim }));
        gateway.wait_state(&id, "delivered", LONG);
        let again = eventually("the line is free again", LONG, || {
            api.call("ussd.start", json!({ "sim": sim, "code": "*100#" })).ok()
        });
        assert_eq!(again["open"], false);
    }
    for (params, code) in [
        (json!({ "sim": "sim-0", "code": "hello" }), 2001),
        (json!({ "sim": "sim-9", "code": "*100#" }), 2004),
        (json!({ "sim": "sim-0" }), -32602),
    ] {
        assert_eq!(api.refused("ussd.start", params.clone()).code, code, "{params}");
    }
    let bound = api.with_token(&rig.token_of("bound"));
    assert!(
        bound
            .call("ussd.start", json!({ "sim": "sim-1", "code": "*100#" }))
            .is_ok()
    );
    assert_eq!(
        bound
            .refused("ussd.start", json!({ "sim": "sim-0", "code": "*100#" }))
            .code,
        2005
    );
    rig.modems[0]
        .ussd(modemsim::UssdNode::end("You have won"))
        .expect("a page");
    gateway.wait_log("the network said something by itself");
}
