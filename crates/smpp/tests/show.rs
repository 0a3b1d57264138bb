//! A PDU is shown to people: every field, and no password.

use smpp::{
    Bind, Body, DefaultAlphabet, Destination, EsmClass, Pdu, Sm, Status, SubmitMulti, SubmitMultiResp, Unsuccessful,
    analyze::show_pdu,
};

/// A text, with nothing else of interest.
fn text(words: &str) -> Sm {
    Sm {
        short_message: words.into(),
        ..Sm::default()
    }
}

#[test]
fn a_pdu_is_shown_field_by_field_and_no_password_is() {
    let bind = Bind {
        system_id: "app".into(),
        password: "secret".into(),
        ..Bind::default()
    };
    let shown = show_pdu(
        &Pdu::request(1, Body::BindTransmitter(bind)),
        &[],
        DefaultAlphabet::Gsm7,
    );
    assert!(
        shown.contains("system_id: \"app\"") && !shown.contains("secret"),
        "{shown}"
    );
    let shown = show_pdu(&Pdu::request(1, Body::SubmitSm(text("hi"))), &[], DefaultAlphabet::Gsm7);
    assert!(shown.contains("says: \"hi\""), "{shown}");
    let headless = Sm {
        esm_class: EsmClass::UDHI,
        ..text("x")
    };
    let shown = show_pdu(&Pdu::request(1, Body::SubmitSm(headless)), &[], DefaultAlphabet::Gsm7);
    assert!(
        shown.contains("! esm_class tells of a header that cannot be read (SMPP 3.4 5.2.12"),
        "{shown}"
    );
}

#[test]
fn the_many_recipients_of_one_pdu_are_shown_as_people_write_them() {
    let multi = SubmitMulti {
        dest_address: vec![
            Destination::Address {
                ton: 1,
                npi: 1,
                address: "491711234567".into(),
            },
            Destination::List("staff".into()),
        ],
        ..SubmitMulti::default()
    };
    let failed = SubmitMultiResp {
        unsuccess_sme: vec![Unsuccessful {
            ton: 1,
            npi: 1,
            address: "491711234567".into(),
            status: Status::INVALID_DESTINATION,
        }],
        ..SubmitMultiResp::default()
    };
    let show = |body| show_pdu(&Pdu::request(1, body), &[], DefaultAlphabet::Gsm7);
    let shown = show(Body::SubmitMulti(multi));
    assert!(
        shown.contains("\"491711234567\" (ton 1, npi 1), the list \"staff\"\n"),
        "{shown}"
    );
    let shown = show(Body::SubmitMultiResp(failed));
    assert!(shown.contains("\"491711234567\" (ton 1, npi 1): "), "{shown}");
    assert!(!shown.contains("Unsuccessful"), "{shown}");
}
