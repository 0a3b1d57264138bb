//! USSD by SMPP: menus step by step, their end, and who may not.

use std::process::Command;
use std::time::{Duration, Instant};

use end_to_end::{Hold, Rig, eventually, program};
use modemsim::{ModemSpec, Settings};
use smpp::{Body, Pdu, Sm, Status, Tag, Tlvs};

use crate::esme::Esme;
use crate::{Centre, HASH, LONG};

/// Takes a step on the first SIM.
fn step(esme: &mut Esme, operation: u8, session: Option<[u8; 2]>, text: &str) -> Pdu {
    let mut tlvs = Tlvs::NONE;
    tlvs.push_octet(Tag::USSD_SERVICE_OP, operation);
    if let Some(session) = session {
        tlvs.push(Tag::ITS_SESSION_INFO, &session[..]);
    }
    let sm = Sm {
        source_addr_ton: 5,
        source_addr: "sim-0".into(),
        destination_addr: "7".into(),
        short_message: text.into(),
        ..Sm::default()
    };
    esme.call_with(Body::SubmitSm(sm), tlvs)
}

/// What the network says: the operation, session and whether it ends, and the text.
fn said(esme: &mut Esme) -> (u32, Option<[u8; 2]>, String) {
    let (sm, tlvs) = esme.delivered();
    assert_eq!(
        (sm.source_addr.text(), sm.destination_addr.text()),
        ("7".into(), "sim-0".into())
    );
    let info = tlvs
        .get(Tag::ITS_SESSION_INFO)
        .and_then(|octets| octets.try_into().ok());
    (
        tlvs.number(Tag::USSD_SERVICE_OP).expect("an operation"),
        info,
        sm.short_message.text(),
    )
}

/// The first SIM is free for another session of `shop`.
fn dials_again(centre: &Centre) {
    let mut again = Esme::bound(centre.port);
    eventually("its SIM is free", LONG, || {
        let status = step(&mut again, 1, None, "*100#").status;
        (status == Status::OK).then_some(())
    });
    assert_eq!(said(&mut again), (17, Some([1, 0x01]), "Balance: 7.95 EUR".into()));
    again.unbinds();
}

#[test]
fn a_menu_is_answered_step_by_step_and_ended_by_either_side() {
    let centre = Centre::new("ussd = true\nreceive = false");
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    assert_eq!(step(&mut esme, 1, None, "*101#").status, Status::OK);
    assert_eq!(said(&mut esme), (2, Some([1, 0x02]), "1 Balance 2 Tariff".into()));
    assert_eq!(
        step(&mut esme, 1, None, "*100#").status,
        Status::SYSTEM_ERROR,
        "later: one at a time on a SIM"
    );
    assert_eq!(
        step(&mut esme, 18, Some([9, 0]), "2").status,
        Status::SUBMIT_FAILED,
        "there is no ninth"
    );
    assert_eq!(step(&mut esme, 18, Some([1, 0x02]), "2").status, Status::OK);
    assert_eq!(said(&mut esme), (2, Some([1, 0x04]), "1 Small 2 Large".into()));
    assert_eq!(step(&mut esme, 18, None, "1").status, Status::OK);
    assert_eq!(
        said(&mut esme),
        (17, Some([1, 0x05]), "Small it is".into()),
        "the last word"
    );
    assert_eq!(
        step(&mut esme, 18, None, "1").status,
        Status::SUBMIT_FAILED,
        "it is over"
    );

    assert_eq!(step(&mut esme, 1, Some([40, 0]), "*101#").status, Status::OK);
    assert_eq!(said(&mut esme).1, Some([40, 0x02]), "a number of its own");
    assert_eq!(
        step(&mut esme, 18, Some([40, 0x01]), "").status,
        Status::OK,
        "it is ended"
    );
    assert_eq!(
        step(&mut esme, 1, None, "*100#").status,
        Status::OK,
        "a menu that was still open would take it for an answer"
    );
    assert_eq!(said(&mut esme), (17, Some([1, 0x01]), "Balance: 7.95 EUR".into()));
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_menu_that_was_left_is_over_for_the_next_dial_and_a_taken_number_dials_nothing() {
    let centre = Centre::new("ussd = true\nreceive = false");
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    assert_eq!(step(&mut esme, 1, Some([7, 0]), "*101#").status, Status::OK);
    assert_eq!(said(&mut esme).1, Some([7, 0x02]));
    let dial = |esme: &mut Esme, sim: &str, code: &str| {
        let mut tlvs = Tlvs::NONE;
        tlvs.push_octet(Tag::USSD_SERVICE_OP, 1);
        tlvs.push(Tag::ITS_SESSION_INFO, &[7, 0][..]);
        let sm = Sm {
            source_addr_ton: 5,
            source_addr: sim.into(),
            destination_addr: code.into(),
            ..Sm::default()
        };
        esme.call_with(Body::SubmitSm(sm), tlvs).status
    };
    assert_eq!(
        dial(&mut esme, "sim-1", "*100#"),
        Status::SUBMIT_FAILED,
        "another SIM's"
    );
    // Somebody else ends it, as the network does that waits in vain.
    assert_eq!(centre.rig.cli(&gateway, &["ussd", "sim-0", "--cancel"]).code, 0);
    assert_eq!(
        dial(&mut esme, "sim-0", "*100#"),
        Status::OK,
        "its number is free again"
    );
    let (sm, tlvs) = esme.delivered();
    assert_eq!(
        (sm.source_addr.text().as_str(), sm.short_message.text().as_str()),
        ("*100#", "Balance: 7.95 EUR")
    );
    assert_eq!(tlvs.number(Tag::USSD_SERVICE_OP), Some(17), "and not cancelled");
    assert_eq!(step(&mut esme, 1, Some([7, 0]), "*101#").status, Status::OK);
    assert_eq!(said(&mut esme).1, Some([7, 0x02]));
    assert_eq!(centre.rig.cli(&gateway, &["ussd", "sim-0", "--cancel"]).code, 0);
    assert_eq!(step(&mut esme, 18, Some([7, 0x02]), "1").status, Status::SUBMIT_FAILED);
    assert_eq!(dial(&mut esme, "sim-1", "*100#"), Status::OK, "the refusal ended it");
    esme.delivered();
    esme.unbinds();
    assert!(gateway.stop().success());
    let listed = Command::new(program("simrelay"))
        .args(["audit", "list", "--json", "--data"])
        .arg(centre.rig.data())
        .output()
        .expect("it runs");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    assert_eq!(
        listed.matches("*100#").count(),
        2,
        "what was refused was not dialled: {listed}"
    );
}

#[test]
fn a_menu_ends_with_the_last_session_of_its_application_and_not_before() {
    let centre = Centre::new("ussd = true\nreceive = false");
    let gateway = centre.rig.start_ready();
    let (mut first, mut other) = (Esme::bound(centre.port), Esme::bound(centre.port));
    assert_eq!(step(&mut first, 1, None, "*101#").status, Status::OK);
    assert_eq!(said(&mut first), (2, Some([1, 0x02]), "1 Balance 2 Tariff".into()));
    first.unbinds();
    assert_eq!(step(&mut other, 18, Some([1, 0x02]), "2").status, Status::OK);
    assert_eq!(said(&mut other), (2, Some([1, 0x04]), "1 Small 2 Large".into()));
    drop(other);
    gateway.wait_log("the application is gone; its dialogue ends");
    dials_again(&centre);
    assert!(gateway.stop().success());
}

#[test]
fn a_menu_ends_when_its_last_session_binds_as_another_account() {
    let desk = format!("[[smpp.accounts]]\nsystem_id = \"desk\"\nhash = \"{HASH}\"");
    let centre = Centre::new(&format!("rebind = true\nussd = true\nreceive = false\n{desk}"));
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    assert_eq!(step(&mut esme, 1, None, "*101#").status, Status::OK);
    assert_eq!(said(&mut esme), (2, Some([1, 0x02]), "1 Balance 2 Tariff".into()));
    assert_eq!(esme.bind_as("desk", "secret", 0x34).status, Status::OK);
    gateway.wait_log("the application is gone; its dialogue ends");
    dials_again(&centre);
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_menu_that_was_left_ends_also_where_that_cannot_be_noted() {
    let rig = Rig::new(2).config("[store]\nbusy_wait_ms = 100");
    let account = format!("hash = \"{HASH}\"\nussd = true\nreceive = false");
    let centre = Centre::on(rig, "", &account);
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    assert_eq!(step(&mut esme, 1, None, "*101#").status, Status::OK);
    assert_eq!(said(&mut esme), (2, Some([1, 0x02]), "1 Balance 2 Tariff".into()));
    let hold = Hold::take(&centre.rig);
    drop(esme);
    gateway.wait_log("the end of a USSD dialogue is not in the audit log");
    drop(hold);
    dials_again(&centre);
    assert!(gateway.stop().success());
}

#[test]
fn codes_are_dialled_only_for_who_may_on_sims_that_there_are() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    assert_eq!(step(&mut esme, 1, None, "*100#").status, Status::SUBMIT_FAILED);
    esme.unbinds();
    assert!(gateway.stop().success());
    let centre = Centre::new("ussd = true\nsims = [\"sim-1\"]\nsource = \"strict\"");
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    assert_eq!(
        step(&mut esme, 1, None, "*100#").status,
        Status::INVALID_SOURCE,
        "another one's SIM"
    );
    assert_eq!(step(&mut esme, 3, None, "*100#").status, Status::SUBMIT_FAILED);
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_code_that_the_network_never_answers_ends_with_a_word_of_it() {
    let silent = Settings {
        ussd_delay: Duration::from_secs(3600),
        ..Settings::default()
    };
    let rig = Rig::with(silent, [0, 1].map(ModemSpec::new));
    let account = format!("hash = \"{HASH}\"\nussd = true\nreceive = false");
    let centre = Centre::on(rig, "", &account);
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    let begun = Instant::now();
    assert_eq!(step(&mut esme, 1, None, "*100#").status, Status::OK);
    // The modem is given a minute.
    let told = eventually("it is given up", 3 * LONG, || esme.heard_one());
    let Body::DeliverSm(sm) = &told.body else {
        panic!("no deliver_sm: {told:?}");
    };
    assert!(begun.elapsed() >= LONG / 2, "the network has its time");
    assert_eq!(told.tlvs.number(Tag::USSD_SERVICE_OP), Some(17), "its last word");
    assert!(told.tlvs.has(Tag::NETWORK_ERROR_CODE), "there was none");
    assert!(!sm.short_message.is_empty(), "and why");
    esme.answers(&told);
    assert_eq!(step(&mut esme, 18, Some([1, 0x02]), "1").status, Status::SUBMIT_FAILED);
    esme.unbinds();
    assert!(gateway.stop().success());
}
