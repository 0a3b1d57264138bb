//! Other settings for a gateway that works.

use std::fs;
use std::time::Duration;

use end_to_end::{Gateway, MailServer, Manner, Rig, Sink, eventually};
use modemsim::{ModemSpec, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

#[test]
fn slots_come_and_go_and_an_exchange_that_is_open_is_finished() {
    let settings = Settings {
        latency: Duration::from_secs(2),
        ..Settings::default()
    };
    let rig = Rig::with(settings, (0..3).map(ModemSpec::new)).config("[gateway]\nreport = false");
    let gateway = rig.start_ready();
    let before = gateway.slot("sim-0");
    let stays = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": "over the one that stays", "from": "sim-0" }));
    let goes = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": "over the one that goes", "from": "sim-1" }));
    let waits = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": "waits for it", "from": "sim-1", "strict": false }));
    for id in [&stays, &goes] {
        eventually("both are with their modems", LIMIT, || {
            (status(&gateway, id)["parts"][0]["state"] == "attempting").then_some(())
        });
    }
    edit(&rig, |text| without_slot(text, "sim-1"));
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["slots.sim-1 (gone)"]));

    for id in [&stays, &goes, &waits] {
        let view = gateway.wait_state(id, "sent", LIMIT);
        assert_eq!(view["maybe_twice"], false, "{view:#}");
    }
    assert_eq!(rig.network.sent().len(), 3, "each went out once");
    assert_ne!(
        status(&gateway, &waits)["parts"][0]["sim"],
        "sim-1",
        "it went over another"
    );
    wait_slots(&gateway, &["sim-0", "sim-2"]);
    let refused = gateway
        .api()
        .refused("sms.send", json!({ "to": FAR, "text": "x", "from": "sim-1" }));
    assert_eq!(refused.field(), "from");

    edit(&rig, |_| rig_text(&rig));
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["slots.sim-1 (new)"]));
    wait_slots(&gateway, &["sim-0", "sim-1", "sim-2"]);
    gateway.wait_slot("sim-1", "ready");
    let again = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": "it is back", "from": "sim-1" }));
    gateway.wait_state(&again, "sent", LIMIT);
    let after = gateway.slot("sim-0");
    for fact in ["initialisations", "recoveries", "port"] {
        assert_eq!(
            after[fact], before[fact],
            "the modem of the slot that stays is not touched"
        );
    }
}

#[test]
fn a_slot_with_other_settings_is_set_up_anew_alone() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let before = gateway.slot("sim-0");
    edit(&rig, |text| {
        text.replace("[slots.sim-1]", "[slots.sim-1]\nhang_up_calls = true")
    });
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["slots.sim-1"]));
    eventually("it is set up anew", LIMIT, || {
        let slot = gateway.slot("sim-1");
        (slot["initialisations"].as_u64() > Some(1) && slot["state"] == "ready").then_some(())
    });
    assert_eq!(gateway.slot("sim-0")["initialisations"], before["initialisations"]);
    edit(&rig, |text| {
        text.replace("[slots.sim-1]", "[slots.sim-1]\nenabled = false")
    });
    reload(&rig, &gateway);
    gateway.wait_slot("sim-1", "disabled");
}

#[test]
fn a_file_that_is_not_right_is_refused_whole_and_said_so() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    edit(&rig, |text| {
        format!("{}\n[routing]\nleast_cost = 3\n", without_slot(text, "sim-0"))
    });
    let run = rig.cli(&gateway, &["reload"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.out.contains("least_cost") && run.out.contains("stays as it was"),
        "{run:?}"
    );
    gateway.wait_log("nothing is changed");
    gateway.wait_finding("configuration", "least_cost");
    assert_eq!(
        gateway.slot("sim-0")["state"],
        "ready",
        "not even what was right in it is taken"
    );

    // What only shows when it is tried is no half measure either.
    edit(&rig, |text| text.replace("least_cost = 3", ""));
    let certificate = fs::read_to_string(rig.certificate()).expect("the certificate");
    fs::write(rig.certificate(), "no certificate").expect("written");
    let told = gateway.api().call("config.reload", json!({})).expect("an answer");
    assert_eq!(told["taken"], false, "{told:#}");
    assert_eq!(gateway.slot("sim-0")["state"], "ready");
    fs::write(rig.certificate(), certificate).expect("written");
    edit(&rig, |_| rig_text(&rig));
    reload(&rig, &gateway);
    eventually("health is well again", LIMIT, || {
        let health = gateway.api().call("health", json!({})).ok()?;
        let findings = health["findings"].as_array()?.iter();
        let wrong =
            |finding: &Value| ["configuration", "certificate"].contains(&finding["subject"].as_str().unwrap_or(""));
        (!findings.into_iter().any(wrong)).then_some(())
    });
}

#[test]
fn tokens_routes_and_limits_are_taken_and_what_is_not_is_named() {
    let rig = Rig::new(2).token_entry("old", &["send", "health"], "");
    let gateway = rig.start_ready();
    let old = gateway.api().with_token(&rig.token_of("old"));
    old.call("modems.list", json!({})).expect("it is known");
    let cost = |sim: &str| {
        let told = gateway
            .api()
            .call("route.explain", json!({ "to": FAR }))
            .expect("explained");
        let routes = told["routes"].as_array().expect("routes");
        let found = routes.iter().find(|route| route["route"] == sim);
        found.expect("the route")["cost_micros"].clone()
    };
    assert_eq!(cost("sim-0"), 0);
    edit(&rig, |text| {
        text.replace("id = \"old\"", "id = \"new\"")
            .replace(
                "[slots.sim-0]",
                "[slots.sim-0]\ncost_micros = 70000\nlimits.per_day = 1",
            )
            .replace("[slots.sim-1]", "[slots.sim-1]\nonly_explicit = true")
            .replace("127.0.0.1:", "127.0.0.2:")
    });
    let told = reload(&rig, &gateway);
    assert_eq!(
        told["changed"],
        json!(["slots.sim-0", "slots.sim-1", "api.tokens"]),
        "{told:#}"
    );
    assert_eq!(told["needs_restart"], json!(["api.listen"]), "{told:#}");
    assert_eq!(cost("sim-0"), 70_000);
    assert_eq!(old.refused("modems.list", json!({})).code, 1002);
    let new = gateway.api().with_token(&rig.token_of("new"));
    let first = new.send(FAR, "the one of this day");
    gateway.wait_state(&first, "delivered", LIMIT);
    let second = new.send(FAR, "one too many");
    eventually("it waits for another day", LIMIT, || {
        let told = gateway.api().call("route.explain", json!({ "to": FAR })).ok()?;
        told["routes"].to_string().contains("is used up").then_some(())
    });
    assert_eq!(status(&gateway, &second)["state"], "queued");

    // The limit goes, and what waited goes out; what needs a restart is still named.
    edit(&rig, |text| text.replace("limits.per_day = 1", ""));
    assert_eq!(reload(&rig, &gateway)["needs_restart"], json!(["api.listen"]));
    gateway.wait_state(&second, "delivered", LIMIT);
    assert_eq!(reload(&rig, &gateway)["changed"], json!([]));
}

#[test]
fn rules_and_webhooks_are_taken_and_one_comes_and_goes_while_the_other_loses_nothing() {
    let rig = Rig::new(1);
    let (sink, other) = (Sink::open(&rig, "sink"), Sink::open(&rig, "other"));
    let rig = rig.config(&sink.hook("shop", "events = [\"received\"]"));
    let gateway = rig.start_ready();
    let arrive = |text: &str| {
        let to = rig.modems[0].number();
        rig.network.text(to, "+4930123456", text).expect("delivered");
    };
    let wait = |sink: &Sink, text: &str| {
        eventually(text, LIMIT, || {
            let taken = sink.taken();
            taken
                .iter()
                .any(|post| post.json()["data"]["text"] == text)
                .then_some(())
        });
    };
    arrive("to the first address");
    wait(&sink, "to the first address");
    let hook = |sink: &Sink| sink.hook("shop", "events = [\"received\"]");
    edit(&rig, |text| text.replace(&hook(&sink), &hook(&other)));
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["webhooks.shop"]));
    arrive("to the other address");
    wait(&other, "to the other address");

    edit(&rig, |text| {
        format!("{text}\n[[rules]]\nconsumer = \"webhook.shop\"\ntext = \"^keep\"\n")
    });
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["rules"]));
    arrive("drop this");
    arrive("keep this");
    wait(&other, "keep this");
    assert!(
        other
            .taken()
            .iter()
            .all(|post| post.json()["data"]["text"] != "drop this")
    );

    // One that is new gets what comes from now on, and takes what its rule says; told by a signal.
    let before = sink.taken().len();
    let second = format!(
        "{}[[rules]]\nconsumer = \"webhook.second\"\ntext = \"^new\"\nthen = \"take\"\n",
        sink.hook("second", "events = [\"received\"]")
    );
    let keep = "[[rules]]\nconsumer = \"webhook.shop\"\ntext = \"^keep\"\n";
    edit(&rig, |text| text.replace(keep, &format!("{second}{keep}")));
    kill(
        Pid::from_raw(i32::try_from(gateway.pid()).expect("a process id")),
        Signal::SIGHUP,
    )
    .expect("told");
    gateway.wait_log("changed: rules, webhooks.second (new)");
    gateway.wait_log("taken: webhooks.second (new)");
    arrive("new one");
    wait(&sink, "new one");
    assert_eq!(sink.taken().len(), before + 1, "and nothing that came before it");
    arrive("keep this, too");
    wait(&other, "keep this, too");

    // One that is gone gives up what waits for it, and nobody else does.
    sink.be(Manner::Answer(503));
    arrive("new, and never taken");
    eventually("it waits", LIMIT, || {
        backlog(&gateway, "webhook.second").filter(|(waiting, _)| *waiting == 1)
    });
    other.be(Manner::Answer(503));
    arrive("keep this till later");
    eventually("it waits", LIMIT, || {
        backlog(&gateway, "webhook.shop").filter(|(waiting, _)| *waiting == 1)
    });
    edit(&rig, |text| text.replace(&second, ""));
    assert_eq!(
        reload(&rig, &gateway)["changed"],
        json!(["rules", "webhooks.second (gone)"])
    );
    eventually("it is shown no more", LIMIT, || {
        backlog(&gateway, "webhook.second").is_none().then_some(())
    });
    other.be(Manner::Answer(200));
    wait(&other, "keep this till later");
    // What was given up stays so, also for one of the same name.
    sink.be(Manner::Answer(200));
    edit(&rig, |text| text.replace(keep, &format!("{second}{keep}")));
    reload(&rig, &gateway);
    arrive("new again");
    wait(&sink, "new again");
    assert!(
        sink.taken()
            .iter()
            .all(|post| post.json()["data"]["text"] != "new, and never taken")
    );
}

#[test]
fn another_certificate_more_of_the_log_and_other_tests_are_taken_and_told_once() {
    let rig = Rig::new(1);
    let sink = Sink::open(&rig, "sink");
    let rig = rig.config(&sink.hook("shop", "events = [\"received\"]"));
    let gateway = rig.start_ready();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let another = params.self_signed(&key).expect("a certificate");
    let old = fs::read(rig.certificate()).expect("read");
    fs::write(rig.certificate(), another.pem()).expect("written");
    fs::write(rig.folder().join("key.pem"), key.serialize_pem()).expect("written");
    edit(&rig, |text| {
        format!("{text}\n[self_test]\nevery = \"daily\"\nat = \"05:00\"\n[log]\nlevel = \"debug\"\n")
    });
    let hangup = || {
        let id = Pid::from_raw(i32::try_from(gateway.pid()).expect("a process id"));
        kill(id, Signal::SIGHUP).expect("told");
    };
    hangup();
    gateway.wait_log("the settings are read again; changed: log.level, self_test, api.certificate");
    assert!(!gateway.log().contains("needs a restart"), "{}", gateway.log());
    let to = rig.modems[0].number();
    rig.network.text(to, "+4930123456", "hello").expect("delivered");
    gateway.wait_log("webhook.shop: done");
    assert_ne!(fs::read(rig.certificate()).expect("read"), old);
    hangup();
    gateway.wait_log("the settings are read again; changed: nothing");
}

#[test]
fn a_mail_section_that_comes_gets_what_comes_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = MailServer::new(folder.path()) else {
        return;
    };
    server.start();
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let arrive = |text: &str, all: usize| {
        let to = rig.modems[0].number();
        rig.network.text(to, "+4930123456", text).expect("delivered");
        eventually("it arrives", LIMIT, || {
            (gateway.api().fetch(0, 0).len() >= all).then_some(())
        });
    };
    arrive("before", 1);
    let mail = format!("{}to = [\"ops@example.org\"]\nbody = \"{{text}}\"\n", server.settings());
    edit(&rig, |text| format!("{text}\n{mail}"));
    let told = reload(&rig, &gateway);
    assert!(told["changed"].to_string().contains("\"mail\""), "{told:#}");
    assert_eq!(told["needs_restart"], json!([]), "{told:#}");
    arrive("after", 2);
    let mails = eventually("it is mailed", LIMIT, || {
        Some(server.mails()).filter(|mails| !mails.is_empty())
    });
    let texts: Vec<&str> = mails
        .iter()
        .filter_map(|mail| mail["text"].as_str())
        .map(str::trim)
        .collect();
    assert_eq!(texts, ["after"]);
    edit(&rig, |text| text.replace(&mail, ""));
    reload(&rig, &gateway);
    eventually("it is shown no more", LIMIT, || {
        backlog(&gateway, "mail").is_none().then_some(())
    });
}

/// How much waits for a consumer, and how much was given up; `None`: it is not shown.
fn backlog(gateway: &Gateway, name: &str) -> Option<(u64, u64)> {
    let told = gateway.api().call("stats", json!({})).ok()?;
    let found = told["consumers"].as_array()?.iter().find(|one| one["name"] == name)?;
    Some((found["waiting"].as_u64()?, found["gave_up"].as_u64()?))
}

/// Writes the configuration as `change` makes it.
pub(crate) fn edit(rig: &Rig, change: impl FnOnce(&str) -> String) {
    let file = rig.folder().join("simrelay.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let kept = rig.folder().join("first.toml");
    if !kept.exists() {
        fs::write(&kept, &text).expect("written");
    }
    // The file keeps its mode.
    fs::write(&file, change(&text)).expect("written");
}

/// Waits until these slots are shown: what is shown may be a second old.
fn wait_slots(gateway: &Gateway, names: &[&str]) {
    eventually(&format!("the slots are {names:?}"), LIMIT, || {
        let slots = gateway.api().call("modems.list", json!({})).ok()?;
        let shown: Vec<&str> = slots
            .as_array()?
            .iter()
            .filter_map(|slot| slot["slot"].as_str())
            .collect();
        (shown == names).then_some(())
    });
}

/// The configuration before the first change.
fn rig_text(rig: &Rig) -> String {
    fs::read_to_string(rig.folder().join("first.toml")).expect("the first configuration")
}

/// The configuration without a slot.
fn without_slot(text: &str, slot: &str) -> String {
    let head = format!("[slots.{slot}]");
    let (before, rest) = text.split_once(&head).expect("the slot");
    let end = rest.find("\n[").map_or(rest.len(), |at| at + 1);
    format!("{before}{}", &rest[end..])
}

/// Has it read the file again and takes its answer; it is taken.
pub(crate) fn reload(rig: &Rig, gateway: &Gateway) -> Value {
    let told = rig.cli_json(gateway, &["reload"]);
    assert_eq!(told["taken"], true, "{told:#}");
    told
}

pub(crate) fn status(gateway: &Gateway, id: &str) -> Value {
    gateway
        .api()
        .call("sms.status", json!({ "id": id }))
        .expect("its status")
}

/// A number outside of the simulated network.
pub(crate) const FAR: &str = "+4915112345678";

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
