//! USSD by SMPP: menus step by step, their end, and who may not.

use smpp::{Body, Pdu, Sm, Status, Tag, Tlvs};

use crate::Centre;
use crate::esme::Esme;

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
