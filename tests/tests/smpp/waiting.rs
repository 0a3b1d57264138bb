//! Messages that wait: replaced, taken back, and handed in for several at once.

use serde_json::json;
use smpp::{Body, CancelSm, Destination, QuerySm, ReplaceSm, Sm, Status, SubmitMulti, Tag};

use crate::esme::{Esme, sm};
use crate::{Centre, fetched};

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
    assert_eq!(esme.call(cancel("", "")).status, Status::CANCEL_FAILED, "all of what?");
    assert_eq!(esme.call(cancel("", to)).status, Status::OK);
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
    let again = esme.call(cancel(&waiting, &numbers[1])).status;
    assert_eq!(again, Status::CANCEL_FAILED, "that one is gone");
    assert_eq!(state(&mut esme, &waiting), 1, "and the other waits");
    assert_eq!(esme.call(cancel(&waiting, "")).status, Status::OK);
    assert_eq!(state(&mut esme, &waiting), 4);
    esme.unbinds();
    assert!(gateway.stop().success());
}
