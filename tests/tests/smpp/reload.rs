//! Accounts come, change and go while others stay bound.

use std::fs;
use std::time::{Duration, Instant};

use end_to_end::{Gateway, Rig, eventually};
use serde_json::{Value, json};
use smpp::{Body, Status};

use crate::esme::{Esme, sm};
use crate::{Centre, HASH, LONG};

/// A section for a further account.
fn account(name: &str, lines: &str) -> String {
    format!("\n[[smpp.accounts]]\nsystem_id = {name:?}\nhash = \"{HASH}\"\n{lines}\n")
}

fn edit(rig: &Rig, old: &str, new: &str) {
    let file = rig.folder().join("simrelay.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let changed = match old {
        "" => format!("{text}{new}"),
        old => text.replace(old, new),
    };
    assert_ne!(changed, text);
    fs::write(&file, changed).expect("written");
}

fn reload(rig: &Rig, gateway: &Gateway) -> Value {
    let told = rig.cli_json(gateway, &["reload"]);
    assert_eq!(told["taken"], true, "{told:#}");
    assert_eq!(told["needs_restart"], json!([]), "{told:#}");
    told["changed"].clone()
}

/// Whether the session lives: its gateway answers.
fn lives(esme: &mut Esme) {
    assert_eq!(esme.call(Body::EnquireLink).status, Status::OK);
}

#[test]
fn accounts_come_and_go_and_nobody_else_is_unbound() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut shop = Esme::bound(centre.port);
    let mut bank = Esme::connect(centre.port);
    assert_eq!(bank.bind_as("bank", "secret", 0x34).status, Status::INVALID_PASSWORD);
    let section = account("bank", "receive = false");
    edit(&centre.rig, "", &section);
    assert_eq!(reload(&centre.rig, &gateway), json!(["smpp.accounts.bank (new)"]));
    let mut bank = Esme::connect(centre.port);
    assert_eq!(bank.bind_as("bank", "secret", 0x34).status, Status::OK);
    let id = bank.submit(smpp::Sm {
        registered_delivery: 1,
        ..sm(to, "of the new one")
    });
    let (receipt, _) = bank.delivered();
    assert!(receipt.short_message.text().contains(&id), "{receipt:?}");

    // What is not right changes nothing for anybody.
    edit(&centre.rig, &section, &account("bank", "window = 0"));
    assert_eq!(centre.rig.cli(&gateway, &["reload"]).code, 1);
    lives(&mut shop);
    lives(&mut bank);

    // One that is gone is unbound in order, and binds no more.
    edit(&centre.rig, &account("bank", "window = 0"), "");
    assert_eq!(reload(&centre.rig, &gateway), json!(["smpp.accounts.bank (gone)"]));
    let unbind = bank.given();
    assert!(matches!(unbind.body, Body::Unbind), "{unbind:?}");
    bank.agrees(&unbind);
    assert_eq!(bank.read(), None, "the end of the connection");
    let mut bank = Esme::connect(centre.port);
    assert_eq!(bank.bind_as("bank", "secret", 0x34).status, Status::INVALID_PASSWORD);
    lives(&mut shop);
    eventually("one is shown", LONG, || {
        let told = gateway.api().call("smpp.sessions", json!({})).ok()?;
        (told.as_array()?.len() == 1).then_some(())
    });
    shop.submit(sm(to, "still bound"));
}

#[test]
fn other_rights_hold_at_once_and_another_password_from_the_next_bind() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut shop = Esme::bound(centre.port);
    shop.submit(sm(to, "before"));
    let old = format!("system_id = \"shop\"\nhash = \"{HASH}\"");
    let other = bcrypt::hash("other", 4).expect("a hash");
    let new = format!("system_id = \"shop\"\nprefixes = [\"+4930\"]\nrate = 2\nhash = \"{other}\"");
    edit(&centre.rig, &old, &new);
    assert_eq!(reload(&centre.rig, &gateway), json!(["smpp.accounts.shop"]));
    let refused = shop.call(Body::SubmitSm(sm(to, "not allowed any more")));
    assert_eq!(refused.status, Status::INVALID_DESTINATION);
    let many: Vec<Body> = (0..20).map(|_| Body::SubmitSm(sm("+493012345", "too many"))).collect();
    let throttled = shop
        .call_all(many)
        .iter()
        .filter(|one| one.status == Status::THROTTLED)
        .count();
    assert!(throttled > 0, "the rate holds at once");
    lives(&mut shop);
    let mut second = Esme::connect(centre.port);
    assert_eq!(second.bind_with("secret", 0x34).status, Status::INVALID_PASSWORD);
    let mut second = Esme::connect(centre.port);
    assert_eq!(second.bind_with("other", 0x34).status, Status::OK);
    lives(&mut shop);
}

#[test]
fn who_binds_anew_from_now_on_is_waited_for_as_long_at_once() {
    let centre = Centre::with("response_s = 1", "unanswered_most = 1");
    let gateway = centre.rig.start_ready();
    let mut shop = Esme::bound(centre.port);
    let old = format!("system_id = \"shop\"\nhash = \"{HASH}\"");
    edit(&centre.rig, &old, &format!("{old}\nrebind = true"));
    assert_eq!(reload(&centre.rig, &gateway), json!(["smpp.accounts.shop"]));
    // Whatever wakes the session: it works by the new settings.
    lives(&mut shop);
    let begun = Instant::now();
    let to = centre.rig.modems[0].number();
    centre.rig.network.text(to, "+4930123456", "poison").expect("a text");
    shop.given();
    gateway.wait_log("given up: it was given 1 times, and the application never answered");
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
}
