//! What holds for any octets in any pieces, and for the hostile input that other libraries died of.

use proptest::prelude::*;
use smpp::{
    Body, CommandId, EncodeError, FrameReader, Octets, Oddity, Payload, Pdu, Problem, Receipt, Sm, Status, Tag, Tlvs,
};

/// Octets of a PDU with the right length.
fn pdu(command: CommandId, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = 16 + u32::try_from(body.len()).expect("a short body");
    let mut octets = Vec::new();
    for number in [length, command.0, status, sequence] {
        octets.extend(number.to_be_bytes());
    }
    octets.extend(body);
    octets
}

fn submit(change: impl FnOnce(&mut Sm)) -> Pdu {
    let mut sm = Sm {
        source_addr: "49170".into(),
        destination_addr: "49171".into(),
        short_message: "hello".into(),
        ..Sm::default()
    };
    change(&mut sm);
    Pdu::request(7, Body::SubmitSm(sm))
}

/// The octets of a submit_sm written without regard for what is allowed.
fn submit_sm(source: &[u8], schedule: &[u8], sm_length: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1, 1];
    body.extend(source);
    body.extend([0, 1, 1]);
    body.extend(b"49171\0");
    body.extend([0, 0, 0]);
    body.extend(schedule);
    body.extend([0, 0, 0, 0, 0, 0, sm_length]);
    body.extend(rest);
    pdu(CommandId::SUBMIT_SM, 0, 7, &body)
}

fn read(octets: &[u8]) -> (Pdu, Vec<Oddity>) {
    let mut oddities = Vec::new();
    let pdu = Pdu::decode_noting(octets, &mut oddities).expect("a PDU");
    (pdu, oddities)
}

#[test]
fn long_names_and_passwords_and_senders_are_read_and_told() {
    let mut body = vec![b'x'; 20];
    body.push(0);
    body.extend([b'p'; 20]);
    body.extend([0, 0, 0x34, 0, 0, 0]);
    let (bind, oddities) = read(&pdu(CommandId::BIND_TRANSCEIVER, 0, 1, &body));
    let Body::BindTransceiver(fields) = &bind.body else {
        panic!("{bind:?}")
    };
    assert_eq!((fields.system_id.len(), fields.password.len()), (20, 20));
    assert_eq!(oddities.len(), 2);
    assert_eq!(
        bind.to_octets(),
        Err(EncodeError::Long {
            field: "system_id",
            octets: 21,
            most: 16
        })
    );
    let (sms, oddities) = read(&submit_sm(&[b'1'; 24], b"", 0, b""));
    let Body::SubmitSm(sm) = &sms.body else {
        panic!("{sms:?}")
    };
    assert_eq!(sm.source_addr.len(), 24);
    assert!(matches!(
        oddities[..],
        [Oddity::Long {
            field: "source_addr",
            ..
        }]
    ));
}

#[test]
fn a_latin_1_sender_keeps_its_octets() {
    let octets = submit_sm(b"\xDCnal", b"", 2, b"hi");
    let (sms, oddities) = read(&octets);
    let Body::SubmitSm(sm) = &sms.body else {
        panic!("{sms:?}")
    };
    assert_eq!(*sm.source_addr, *b"\xDCnal");
    assert_eq!(oddities, [Oddity::NotAscii("source_addr")]);
    assert_eq!(sms.to_octets().unwrap(), octets);
}

#[test]
fn a_short_time_a_cut_parameter_and_trailing_octets_harm_nobody() {
    let (sms, oddities) = read(&submit_sm(b"1", b"261122103000", 0, &[0x14, 0x00, 0, 9, 1]));
    assert!(matches!(sms.body, Body::SubmitSm(_)));
    assert_eq!(
        oddities,
        [
            Oddity::TimeLength("schedule_delivery_time", 13),
            Oddity::CutTlv(Tag(0x1400))
        ]
    );
    let (_, oddities) = read(&submit_sm(b"1", b"", 0, &[9]));
    assert_eq!(oddities, [Oddity::Trailing(1)]);
    let (sms, oddities) = read(&submit_sm(b"1", b"", 0, &[0x02, 0x04, 0, 1, 5]));
    assert_eq!(sms.tlvs.number(Tag::USER_MESSAGE_REFERENCE), Some(5));
    assert_eq!(
        oddities,
        [Oddity::TlvLength {
            tag: Tag::USER_MESSAGE_REFERENCE,
            octets: 1
        }]
    );
}

#[test]
fn a_vendors_parameter_comes_back_as_it_was() {
    let octets = submit_sm(b"1", b"", 1, &[b'x', 0x14, 0x00, 0, 2, 1, 2]);
    let (sms, oddities) = read(&octets);
    assert!(oddities.is_empty());
    assert_eq!(sms.to_octets().unwrap(), octets);
}

#[test]
fn a_message_length_beyond_the_body_is_answered_and_nothing_is_reserved() {
    let error = Pdu::decode(&submit_sm(b"1", b"", 200, b"hi")).unwrap_err();
    assert_eq!(error.status(), Status::INVALID_MESSAGE_LENGTH);
    assert_eq!((error.field, error.header.sequence), ("sm_length", 7));
    assert!(matches!(
        error.problem,
        Problem::Short {
            needed: 200,
            present: 2
        }
    ));
    assert_eq!(
        error.to_string(),
        "submit_sm, sm_length at octet 38: 200 octets expected, 2 left"
    );
}

#[test]
fn an_unterminated_message_id_in_a_response_is_taken() {
    for id in [&b"abc"[..], &[b'9'; 80][..]] {
        let (response, oddities) = read(&pdu(CommandId::SUBMIT_SM_RESP, 0, 1, id));
        assert_eq!(response.message_id().map(|id| id.len()), Some(id.len()));
        assert!(oddities.contains(&Oddity::NoNul("message_id")));
    }
}

#[test]
fn a_response_without_a_body_is_read_and_written_as_such() {
    for command in [
        CommandId::SUBMIT_SM_RESP,
        CommandId::BIND_TRANSCEIVER_RESP,
        CommandId::QUERY_SM_RESP,
    ] {
        let octets = pdu(command, 0x58, 1, &[]);
        let (response, oddities) = read(&octets);
        assert_eq!(
            (response.body.clone(), response.message_id()),
            (Body::Omitted(command), None)
        );
        assert!(oddities.is_empty());
        assert_eq!(response.to_octets().unwrap(), octets);
    }
    assert!(Pdu::decode(&pdu(CommandId::SUBMIT_SM, 0, 1, &[])).is_err());
}

#[test]
fn an_unknown_command_is_kept_with_its_body() {
    let octets = pdu(CommandId(0x110), 0, 1, &[1, 2, 3]);
    let (unknown, _) = read(&octets);
    assert_eq!(unknown.body, Body::Unknown(CommandId(0x110), Octets::new(&[1, 2, 3])));
    assert_eq!(unknown.to_octets().unwrap(), octets);
}

#[test]
fn what_the_specification_does_not_allow_is_not_written() {
    let mut out = vec![1, 2, 3];
    let long = submit(|sm| sm.short_message = Octets::new(&[b'x'; 255]));
    assert!(matches!(
        long.encode(&mut out),
        Err(EncodeError::Long {
            field: "short_message",
            ..
        })
    ));
    let nul = submit(|sm| sm.source_addr = Octets::new(b"1\x002"));
    assert_eq!(nul.encode(&mut out), Err(EncodeError::Nul("source_addr")));
    let time = submit(|sm| sm.validity_period = "261122103000".into());
    assert_eq!(time.encode(&mut out), Err(EncodeError::Time("validity_period")));
    let mut two = submit(|_| {});
    two.tlvs.push(Tag::MESSAGE_PAYLOAD, "more");
    assert_eq!(two.encode(&mut out), Err(EncodeError::TwoMessages));
    let mut tlv = submit(|_| {});
    tlv.tlvs.push(Tag(0x1400), vec![0; 65_536]);
    assert_eq!(tlv.encode(&mut out), Err(EncodeError::TlvLong(Tag(0x1400))));
    assert_eq!(out, [1, 2, 3]);
}

/// A PDU that the specification allows.
fn valid() -> impl Strategy<Value = Pdu> {
    let string = |most: usize| prop::collection::vec(1..=127_u8, 0..most).prop_map(Octets::from);
    let flags = prop::collection::vec(any::<u8>(), 9);
    let time = prop_oneof![Just(Octets::EMPTY), Just(Octets::from("261122103000000+"))];
    let message = prop::collection::vec(any::<u8>(), 0..=254).prop_map(Octets::from);
    let tlv = (0x1400..0x3FFF_u16, prop::collection::vec(any::<u8>(), 0..40));
    let tlvs = prop::collection::vec(tlv, 0..4);
    let fields = (
        string(6),
        string(21),
        string(21),
        flags,
        time,
        message,
        tlvs,
        1..0x7FFF_FFFF_u32,
    );
    fields.prop_map(
        |(service_type, source_addr, destination_addr, flags, time, short_message, tlvs, sequence)| {
            let mut pdu = submit(|sm| {
                *sm = Sm {
                    service_type,
                    source_addr_ton: flags[0],
                    source_addr_npi: flags[1],
                    source_addr,
                    dest_addr_ton: flags[2],
                    dest_addr_npi: flags[3],
                    destination_addr,
                    esm_class: flags[4],
                    protocol_id: flags[5],
                    priority_flag: flags[6],
                    schedule_delivery_time: time.clone(),
                    validity_period: time,
                    registered_delivery: flags[7],
                    replace_if_present_flag: 0,
                    data_coding: flags[8],
                    sm_default_msg_id: 0,
                    short_message,
                }
            });
            pdu.sequence = sequence;
            for (tag, value) in tlvs {
                pdu.tlvs.push(Tag(tag), value);
            }
            pdu
        },
    )
}

fn frames(octets: &[u8], sizes: &[usize]) -> Vec<String> {
    let mut reader = FrameReader::default();
    let mut seen = Vec::new();
    let mut rest = octets;
    for size in sizes.iter().cycle() {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        reader.receive(now);
        while let Some(frame) = reader.take() {
            seen.push(format!("{frame:?}"));
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decode_after_encode_gives_the_same(pdu in valid()) {
        let octets = pdu.to_octets().unwrap();
        let mut oddities = Vec::new();
        prop_assert_eq!(Pdu::decode_noting(&octets, &mut oddities).unwrap(), pdu);
        prop_assert!(oddities.is_empty(), "{:?}", oddities);
    }

    #[test]
    fn any_splitting_gives_the_same_pdus(
        pdus in prop::collection::vec(valid(), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        sizes in prop::collection::vec(1_usize..300, 1..8),
    ) {
        let mut octets = Vec::new();
        for pdu in &pdus {
            pdu.encode(&mut octets).unwrap();
        }
        octets.extend(noise);
        let whole = frames(&octets, &[usize::MAX]);
        prop_assert_eq!(&whole, &frames(&octets, &sizes));
        prop_assert_eq!(&whole, &frames(&octets, &[1]));
        prop_assert!(whole.len() >= pdus.len());
    }

    #[test]
    fn no_body_of_any_command_panics_and_what_was_clean_comes_back(
        which in 0..40_u32,
        response in any::<bool>(),
        status in prop_oneof![Just(0_u32), any::<u32>()],
        body in prop::collection::vec(prop_oneof![3 => Just(0_u8), 2 => any::<u8>(), 2 => 1..9_u8], 0..120),
    ) {
        let command = CommandId(which | if which > 0x20 { 0x100 } else { 0 } | if response { 0x8000_0000 } else { 0 });
        let octets = pdu(command, status, 1, &body);
        let mut oddities = Vec::new();
        if let Ok(pdu) = Pdu::decode_noting(&octets, &mut oddities) {
            let _ = (Payload::of(&pdu.body, &pdu.tlvs), Receipt::of(&pdu.body, &pdu.tlvs), pdu.body.fields());
            if oddities.is_empty() {
                prop_assert_eq!(pdu.to_octets().map_err(|error| TestCaseError::fail(error.to_string()))?, octets);
            }
        }
    }

    #[test]
    fn any_text_is_a_receipt_or_none(text in prop::collection::vec(any::<u8>(), 0..300), keys in "[idsubmtaero :]{0,80}") {
        let _ = Receipt::decode(&text, &Tlvs::NONE).to_text();
        let receipt = Receipt::decode(keys.as_bytes(), &Tlvs::NONE);
        let again = Receipt::decode(&receipt.to_text(), &Tlvs::NONE);
        prop_assert_eq!(again.stat, receipt.stat);
    }
}
