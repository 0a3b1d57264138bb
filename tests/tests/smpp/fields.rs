//! Fields that travel: parts by parameters, ports, and addresses that are too long.

use end_to_end::Delivery;
use smpp::{Body, EsmClass, Payload, Pdu, Sm, Status, Tag, Tlvs};

use crate::Centre;
use crate::esme::{Esme, sm};

fn octets(to: &str, octets: &[u8]) -> Body {
    Body::SubmitSm(Sm {
        data_coding: 4,
        short_message: octets.into(),
        ..sm(to, "")
    })
}

#[test]
fn parts_by_parameters_and_ports_go_to_a_sim_and_come_back_by_header() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let mut esme = Esme::bound(centre.port);
    for (sequence, octet) in [(1, 0xA1), (2, 0xA2)] {
        let mut tlvs = Tlvs::NONE;
        tlvs.push_short(Tag::SAR_MSG_REF_NUM, 700);
        tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 2);
        tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, sequence);
        let answer = esme.call_with(octets(to, &[octet; 134]), tlvs);
        assert_eq!(answer.status, Status::OK, "134 octets fit in a part");
    }
    let mut back = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..back.len() {
        let (part, tlvs) = esme.delivered();
        assert_eq!(
            (part.esm_class, part.data_coding, tlvs.is_empty()),
            (EsmClass::UDHI, 4, true)
        );
        let body = Body::DeliverSm(part);
        let payload = Payload::of(&body, &tlvs).expect("a message");
        let place = payload.concat.expect("a part");
        assert_eq!(place.total, 3, "133 octets fit beside a reference of 16 bits");
        back[usize::from(place.sequence) - 1] = payload.body.to_vec();
    }
    assert_eq!(back.concat(), [[0xA1; 134], [0xA2; 134]].concat());
    let mut tlvs = Tlvs::NONE;
    tlvs.push_short(Tag::SOURCE_PORT, 9200);
    tlvs.push_short(Tag::DESTINATION_PORT, 5000);
    let answer = esme.call_with(octets(to, &[1, 2, 3]), tlvs);
    assert_eq!(answer.status, Status::OK);
    let (back, _) = esme.delivered();
    assert_eq!(*back.short_message, [6, 5, 4, 0x13, 0x88, 0x23, 0xF0, 1, 2, 3]);
    let broken = Sm {
        esm_class: EsmClass::UDHI,
        ..sm(to, "no header")
    };
    assert_eq!(esme.call(Body::SubmitSm(broken)).status, Status::INVALID_ESM_CLASS);
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn a_sender_longer_than_it_may_be_gets_its_receipt_as_far_as_it_fits() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let mut esme = Esme::bound(centre.port);
    let submitted = Sm {
        source_addr: "ABCDEFGHIJKLMNOPQRST".into(),
        registered_delivery: 1,
        ..sm(centre.rig.modems[1].number(), "x")
    };
    let mut octets = Pdu::request(77, Body::SubmitSm(submitted)).to_octets().expect("a PDU");
    let end = octets
        .windows(2)
        .position(|pair| pair == b"T\0")
        .expect("the sender's end")
        + 1;
    octets.splice(end..end, *b"UVWX");
    let length = u32::try_from(octets.len()).expect("short");
    octets[..4].copy_from_slice(&length.to_be_bytes());
    esme.write_octets(&octets);
    let answer = esme.read().expect("an answer");
    assert_eq!((answer.sequence, answer.status), (77, Status::OK));
    let (receipt, _) = esme.delivered();
    assert_eq!(receipt.esm_class, EsmClass::RECEIPT.0);
    assert_eq!(*receipt.destination_addr, *b"ABCDEFGHIJKLMNOPQRST");
    esme.unbinds();
    assert!(gateway.stop().success());
}

#[test]
fn what_waits_for_the_subscriber_is_told_by_the_data_coding() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let number = centre.rig.modems[0].number();
    let mut esme = Esme::bound(centre.port);
    // By TP-DCS: no fax waits any more, in UCS-2, though septets do for it; by the header alone: three mails wait (TS 23.040 9.2.3.24.2).
    let gone = Delivery {
        dcs: 0xE1,
        ..Delivery::text("+4930003", "no fax")
    };
    let mails = Delivery {
        header: vec![0x01, 0x02, 0x82, 3],
        ..Delivery::text("+4930004", "Жук")
    };
    for (delivery, coding) in [(gone, 0xD1), (mails, 0xEA)] {
        let from = delivery.from.clone();
        centre.rig.network.pdu(number, &delivery.hex()).expect("delivered");
        let (sm, _) = esme.delivered();
        assert_eq!(format!("+{}", sm.source_addr.text()), from);
        assert_eq!(sm.data_coding, coding, "{sm:?}");
    }
    esme.unbinds();
    assert!(gateway.stop().success());
}
