//! Messages that wait: replaced, taken back, and handed in for several at once.

use std::process::Command;

use end_to_end::{Run, eventually, program};
use jiff::Timestamp;
use serde_json::json;
use smpp::{Body, CancelSm, Destination, QuerySm, ReplaceSm, Sm, Status, SubmitMulti, Tag, Tlvs};

use crate::esme::{Esme, sm};
use crate::{Centre, LONG, fetched};

/// An hour from now.
const LATER: &str = "000000010000000R";

fn later(to: &str, text: &str) -> Sm {
    Sm {
        schedule_delivery_time: LATER.into(),
        ..sm(to, text)
    }
}

fn replace(id: &str, source: &str, text: &str, schedule: &str) -> Body {
    Body::ReplaceSm(ReplaceSm {
        message_id: id.into(),
        source_addr_ton: 5,
        source_addr: source.into(),
        schedule_delivery_time: schedule.into(),
        short_message: text.into(),
        ..ReplaceSm::default()
    })
}

fn cancel(id: &str, to: &str) -> Body {
    Body::CancelSm(CancelSm {
        message_id: id.into(),
        source_addr_ton: 5,
        source_addr: "Shop".into(),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: to.trim_start_matches('+').into(),
        ..CancelSm::default()
    })
}

/// The next receipt, which has to say that a message was taken back: its id, and the recipient.
fn deleted(esme: &mut Esme) -> (String, String) {
    let (sm, tlvs) = esme.delivered();
    let text = sm.short_message.text();
    assert!(
        text.contains(" dlvrd:000 ") && text.contains(" stat:DELETED err:000 "),
        "{text}"
    );
    assert_eq!(tlvs.number(Tag::MESSAGE_STATE), Some(4), "{text}");
    assert!(!tlvs.has(Tag::NETWORK_ERROR_CODE), "{text}");
    let id = tlvs.string(Tag::RECEIPTED_MESSAGE_ID).expect("an id");
    (String::from_utf8_lossy(id).into_owned(), sm.source_addr.text())
}

fn state(esme: &mut Esme, id: &str) -> u8 {
    let query = QuerySm {
        message_id: id.into(),
        ..QuerySm::default()
    };
    match esme.call(Body::QuerySm(query)).body {
        Body::QuerySmResp(resp) => resp.message_state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_gets_other_words_while_it_waits() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    let id = esme.submit(Sm {
        data_coding: 3,
        ..later(to, "the first words")
    });
    let stranger = esme.call(replace(&id, "Other", "x", ""));
    assert_eq!(stranger.status, Status::REPLACE_FAILED, "another source_addr");
    assert_eq!(
        esme.call(replace("nonsense", "Shop", "x", "")).status,
        Status::REPLACE_FAILED
    );
    assert_eq!(esme.call(replace(&id, "Shop", "still later", "")).status, Status::OK);
    let view = gateway.api().call("sms.status", json!({ "id": id })).expect("known");
    assert_eq!(
        (&view["text"], &view["state"]),
        (&json!("still later"), &json!("queued")),
        "{view}"
    );
    assert!(
        view["send_at"].is_string(),
        "what the request leaves empty stays: {view}"
    );
    let long = "Größe ".repeat(40);
    let mut soon = ReplaceSm {
        message_id: id.as_str().into(),
        source_addr: "Shop".into(),
        schedule_delivery_time: "000000000001000R".into(),
        registered_delivery: 1,
        ..ReplaceSm::default()
    };
    soon.short_message = long
        .chars()
        .map(|c| u8::try_from(c).expect("Latin-1"))
        .collect::<Vec<u8>>()
        .into();
    assert_eq!(esme.call(Body::ReplaceSm(soon)).status, Status::OK);
    assert_eq!(
        fetched(&gateway, 1),
        [long],
        "in the data_coding of the first words, and two parts"
    );
    let (receipt, tlvs) = loop {
        let (sm, tlvs) = esme.delivered();
        if sm.esm_class == 4 {
            break (sm, tlvs);
        }
    };
    assert!(receipt.short_message.starts_with(format!("id:{id} ").as_bytes()));
    assert_eq!(tlvs.number(Tag::MESSAGE_STATE), Some(2));
    assert_eq!(
        esme.call(replace(&id, "Shop", "too late", "")).status,
        Status::REPLACE_FAILED
    );
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_message_that_is_put_off_is_still_worth_something_when_it_is_due() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    let id = esme.submit(Sm {
        validity_period: "000000020000000R".into(),
        ..later(to, "first")
    });
    let other = |schedule: &str, validity: &str| {
        let Body::ReplaceSm(mut wish) = replace(&id, "Shop", "second", schedule) else {
            panic!("a replace_sm");
        };
        wish.validity_period = validity.into();
        Body::ReplaceSm(wish)
    };
    let hours = |from: &str, to: &str| {
        let view = gateway.api().call("sms.status", json!({ "id": id })).expect("known");
        let [from, to] = [from, to].map(|at| view[at].as_str().expect("a time").parse::<Timestamp>().expect("a time"));
        to.duration_since(from).as_secs_f64() / 3600.0
    };
    let half_an_hour = other("", "000000003000000R");
    assert_eq!(esme.call(half_an_hour).status, Status::INVALID_EXPIRY, "due in an hour");
    assert_eq!(esme.call(other("000000050000000R", "")).status, Status::OK);
    assert!(
        (0.9..1.1).contains(&hours("send_at", "expires_at")),
        "an hour, as before"
    );
    assert!((4.9..5.1).contains(&hours("accepted_at", "send_at")), "and later");
    let both = other("000000050000000R", "000000040000000R");
    assert_eq!(esme.call(both).status, Status::INVALID_EXPIRY);
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn what_other_words_would_break_is_not_replaced() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let numbers = [0, 1].map(|modem| centre.rig.modems[modem].number());
    let to = numbers[1];
    let mut esme = Esme::bound(centre.port);
    let several = Body::SubmitMulti(SubmitMulti {
        source_addr_ton: 5,
        source_addr: "Shop".into(),
        dest_address: numbers
            .iter()
            .map(|number| Destination::Address {
                ton: 1,
                npi: 1,
                address: number.trim_start_matches('+').into(),
            })
            .collect(),
        schedule_delivery_time: LATER.into(),
        short_message: "for both".into(),
        ..SubmitMulti::default()
    });
    let several = esme.call(several).message_id().expect("an id").text();
    let part = esme.submit(Sm {
        esm_class: 0x40,
        short_message: vec![5, 0, 3, 7, 2, 1, b'a'].into(),
        ..later(to, "")
    });
    for id in [several, part] {
        let refused = esme.call(replace(&id, "Shop", "for one", "")).status;
        assert_eq!(refused, Status::REPLACE_FAILED, "{id}");
    }
    let mut display = Tlvs::NONE;
    display.push_octet(Tag::DEST_ADDR_SUBUNIT, 1);
    let flash = esme.call_with(Body::SubmitSm(later(to, "flash")), display);
    let flash = flash.message_id().expect("an id").text();
    let Body::ReplaceSm(canned) = replace(&flash, "Shop", "", "000000000000000R") else {
        panic!("a replace_sm");
    };
    let canned = Body::ReplaceSm(ReplaceSm {
        sm_default_msg_id: 1,
        ..canned
    });
    assert_eq!(
        esme.call(canned).status,
        Status::INVALID_DEFAULT_MESSAGE,
        "there is none, and the message stays as it was"
    );
    assert_eq!(state(&mut esme, &flash), 1);
    assert_eq!(
        esme.call(replace(&flash, "Shop", "still flash", "000000000000000R"))
            .status,
        Status::OK
    );
    let found = eventually("it arrives", LONG, || gateway.api().fetch(0, 0).into_iter().next());
    assert_eq!(
        (&found["text"], &found["class"]),
        (&json!("still flash"), &json!(0)),
        "{found}"
    );
    // replace_if_present_flag is not heeded.
    let twice = [(); 2].map(|()| {
        esme.submit(Sm {
            replace_if_present_flag: 1,
            ..later(to, "beside it")
        })
    });
    assert_eq!(twice.map(|id| state(&mut esme, &id)), [1, 1]);
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn all_that_waits_for_a_recipient_is_taken_back_at_once() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let [to, other] = [1, 0].map(|modem| centre.rig.modems[modem].number());
    let mut esme = Esme::bound(centre.port);
    let alike = [later(to, "one"), later(to, "two")].map(|sm| esme.submit(sm));
    let left = esme.submit(later(other, "three"));
    let foreign = esme.submit(Sm {
        source_addr: "Desk".into(),
        ..later(to, "four")
    });
    let Body::CancelSm(named) = cancel(&left, "") else {
        panic!("a cancel_sm")
    };
    let strange = Body::CancelSm(CancelSm {
        source_addr: "Desk".into(),
        ..named
    });
    assert_eq!(esme.call(strange).status, Status::CANCEL_FAILED, "somebody else's");
    let strange = Body::QuerySm(QuerySm {
        message_id: left.as_str().into(),
        source_addr: "Desk".into(),
        ..QuerySm::default()
    });
    assert_eq!(esme.call(strange).status, Status::QUERY_FAILED);
    assert_eq!(esme.call(cancel("", "")).status, Status::CANCEL_FAILED, "all of what?");
    assert_eq!(esme.call(cancel("", to)).status, Status::OK);
    let noted = Run::of(
        Command::new(program("simrelay"))
            .args(["audit", "list", "--number", to, "--data"])
            .arg(centre.rig.data()),
    );
    let noted = noted.out.lines().find(|line| line.contains("sms.cancel"));
    let noted = noted.expect("whose messages were taken back");
    assert!(noted.contains("over SMPP, 2 messages"), "{noted}");
    assert_eq!(alike.each_ref().map(|id| state(&mut esme, id)), [4, 4], "DELETED");
    assert_eq!([left, foreign].map(|id| state(&mut esme, &id)), [1, 1], "ENROUTE");
    assert_eq!(
        esme.call(cancel("", to)).status,
        Status::CANCEL_FAILED,
        "nothing is left"
    );
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn whoever_takes_a_message_back_its_application_has_a_receipt_if_it_wants_one() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    let submit = |esme: &mut Esme, registered_delivery| {
        esme.submit(Sm {
            registered_delivery,
            ..later(to, "one")
        })
    };
    let silent = submit(&mut esme, 0);
    let [own, operators] = [1, 2].map(|wants| submit(&mut esme, wants));
    assert_eq!(esme.call(cancel(&silent, to)).status, Status::OK);
    assert_eq!(esme.call(cancel(&own, to)).status, Status::OK);
    let from = to.trim_start_matches('+').to_owned();
    assert_eq!(deleted(&mut esme), (own, from.clone()));
    gateway
        .api()
        .call("sms.cancel", json!({ "id": operators }))
        .expect("it waits");
    assert_eq!(deleted(&mut esme), (operators, from));
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn one_submission_for_several_has_one_id_and_a_receipt_for_each() {
    let centre = Centre::new("receive = false\nprefixes = [\"+49\"]");
    let gateway = centre.rig.start_ready();
    let numbers = [0, 1].map(|modem| centre.rig.modems[modem].number().trim_start_matches('+').to_owned());
    let to = |address: &str| Destination::Address {
        ton: 1,
        npi: 1,
        address: address.into(),
    };
    let multi = |schedule: &str| {
        Body::SubmitMulti(SubmitMulti {
            source_addr_ton: 5,
            source_addr: "Shop".into(),
            dest_address: vec![
                to("33123456789"),
                to(&numbers[0]),
                Destination::List("491711234567".into()),
                to(&numbers[1]),
            ],
            schedule_delivery_time: schedule.into(),
            registered_delivery: 1,
            short_message: "for both".into(),
            ..SubmitMulti::default()
        })
    };
    let mut esme = Esme::bound(centre.port);
    let answer = esme.call(multi(""));
    let id = answer.message_id().expect("an id").text();
    let Body::SubmitMultiResp(resp) = answer.body else {
        panic!("{answer:?}")
    };
    let refused: Vec<_> = resp
        .unsuccess_sme
        .iter()
        .map(|one| (one.address.text(), one.status))
        .collect();
    let expected = [
        ("33123456789".to_owned(), Status::INVALID_DESTINATION),
        ("491711234567".to_owned(), Status::INVALID_LIST_NAME),
    ];
    assert_eq!(refused, expected);
    let mut told = [esme.delivered(), esme.delivered()].map(|(sm, tlvs)| {
        assert_eq!(tlvs.string(Tag::RECEIPTED_MESSAGE_ID), Some(id.as_bytes()));
        assert!(sm.short_message.starts_with(format!("id:{id} ").as_bytes()));
        sm.source_addr.text()
    });
    told.sort();
    assert_eq!(told, numbers, "the receipt comes from the recipient");
    assert_eq!(fetched(&gateway, 2), ["for both", "for both"]);

    let waiting = esme.call(multi(LATER)).message_id().expect("an id").text();
    assert_eq!(esme.call(cancel(&waiting, &numbers[1])).status, Status::OK);
    assert_eq!(deleted(&mut esme), (waiting.clone(), numbers[1].clone()));
    let again = esme.call(cancel(&waiting, &numbers[1])).status;
    assert_eq!(again, Status::CANCEL_FAILED, "that one is gone");
    assert_eq!(state(&mut esme, &waiting), 1, "and the other waits");
    assert_eq!(esme.call(cancel(&waiting, "")).status, Status::OK);
    assert_eq!(deleted(&mut esme), (waiting.clone(), numbers[0].clone()));
    assert_eq!(state(&mut esme, &waiting), 4);
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_flag_puts_a_message_in_the_place_of_the_last_one_like_it() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let [to, other] = [1, 0].map(|modem| centre.rig.modems[modem].number());
    let instead = |sm: Sm| Sm {
        replace_if_present_flag: 1,
        ..sm
    };
    let mut esme = Esme::bound(centre.port);
    let [older, old] = ["older", "old"].map(|text| esme.submit(later(to, text)));
    let left = [
        later(other, "another number"),
        Sm {
            source_addr: "Desk".into(),
            ..later(to, "another sender")
        },
        Sm {
            service_type: "CMT".into(),
            ..later(to, "another service")
        },
    ];
    let left = left.map(|sm| esme.submit(sm));
    let fresh = esme.submit(Sm {
        registered_delivery: 1,
        ..instead(sm(to, "new"))
    });
    assert_eq!(fresh, old, "the last one like it, under its id");
    let (told, tlvs) = esme.delivered();
    assert_eq!(tlvs.string(Tag::RECEIPTED_MESSAGE_ID), Some(old.as_bytes()));
    assert!(
        told.short_message.text().contains("stat:DELIVRD"),
        "as the new one asked"
    );
    assert_eq!(fetched(&gateway, 1), ["new"]);
    assert_eq!(state(&mut esme, &older), 1, "ENROUTE");
    assert_eq!(left.map(|id| state(&mut esme, &id)), [1, 1, 1]);

    let again = esme.submit(instead(later(to, "in its place")));
    assert_eq!(again, older, "what was sent is not replaced");
    let beside = esme.submit(later(to, "without the flag"));
    assert!(![older, old].contains(&beside));
    let part = |number: u8| Sm {
        esm_class: 0x40,
        short_message: vec![5, 0, 3, 7, 2, number, b'x'].into(),
        ..instead(later(to, ""))
    };
    let parts = [1, 2].map(|number| esme.submit(part(number)));
    assert_ne!(parts[0], parts[1], "parts do not replace each other");
    assert_eq!(state(&mut esme, &beside), 1, "nor what is like them");
    esme.unbinds();
    assert!(gateway.stop().success());
}
