//! What is handed over, as the gateway reads it.

use smpp::{Carried, Coding, EsmClass};
use tpdu::{Pdu, Tpdu, decode_incoming};

use super::*;
use crate::config::{Charset, Form};

fn sm(coding: u8, esm_class: u8, octets: &[u8]) -> Body {
    Body::DeliverSm(Sm {
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: "989126211770".into(),
        destination_addr: "989102211824".into(),
        data_coding: coding,
        esm_class,
        short_message: octets.into(),
        ..Sm::default()
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn read_it(body: &Body, tlvs: &Tlvs, config: &Config) -> Delivered {
    read(body, tlvs, config, at(SECOND), SECOND)
}

fn delivers(delivered: Delivered) -> Vec<Deliver> {
    let Delivered::Message(pdus) = delivered else {
        panic!("{delivered:?}")
    };
    let deliver = |pdu: &Vec<u8>| match decode_incoming(pdu).map(|Pdu { tpdu, .. }| tpdu) {
        Ok(Tpdu::Deliver(deliver)) => deliver,
        other => panic!("{other:?}"),
    };
    pdus.iter().map(deliver).collect()
}

/// What all parts say together.
fn text(body: &Body, tlvs: &Tlvs, config: &Config) -> (String, usize) {
    let parts = delivers(read_it(body, tlvs, config));
    let datas = parts.iter().map(|part| (part.dcs, &part.user_data));
    let content = tpdu::join(datas);
    (content.text().unwrap_or("(data)").to_owned(), parts.len())
}

fn receipt(text: &str, tlvs: &Tlvs, config: &Config) -> Receipt {
    let body = sm(0, EsmClass::RECEIPT.0, text.as_bytes());
    match read_it(&body, tlvs, config) {
        Delivered::Receipt(receipt) => *receipt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn septets_stay_as_they_are_and_two_twos_are_two_dollars() {
    let config = Config::default();
    let part = delivers(read_it(
        &sm(0, 0, &[2, 2, b'a', 0x1B, 0x65, 2, 2]),
        &Tlvs::NONE,
        &config,
    ))
    .remove(0);
    assert_eq!(part.user_data.body, [2, 2, b'a', 0x1B, 0x65, 2, 2]);
    assert_eq!(part.content().text(), Some("$$a€$$"));
    assert_eq!(part.from, Address::international("989126211770"));
    assert_eq!(part.time.unix_seconds(), Some(SECOND));
}

#[test]
fn every_coding_gives_its_letters_or_its_octets() {
    let config = Config::default();
    let told = |coding, octets: &[u8]| text(&sm(coding, 0, octets), &Tlvs::NONE, &config).0;
    assert_eq!(told(0x01, b"$$[a]`"), "$$[a]`");
    assert_eq!(told(0x03, b"Gr\xFC\xDFe \xE3"), "Grüße ã");
    assert_eq!(told(0x08, &[0x04, 0x4F, 0xD8, 0x3D, 0xDE, 0x00]), "я😀");
    assert_eq!(told(0x06, &[0xBF]), "П");
    assert_eq!(told(0x07, &[0xE9]), "י");
    assert_eq!(told(0x00, "Grüße".as_bytes()), "Grüße", "what cannot be septets is not");
    assert_eq!(told(0xF0, b"flash\x02"), "flash$");
    for coding in [0x02, 0x04, 0xF5] {
        let part = delivers(read_it(&sm(coding, 0, &[0, 255]), &Tlvs::NONE, &config)).remove(0);
        assert_eq!(part.content().data(), Some(&[0, 255][..]), "{coding:#x}");
    }
    let flash = delivers(read_it(&sm(0x18, 0, &[0, b'x']), &Tlvs::NONE, &config)).remove(0);
    assert_eq!(flash.dcs.class(), Some(tpdu::Class::Immediate));
    for coding in 0..=255 {
        // Whatever it is, it is kept.
        assert_eq!(
            delivers(read_it(&sm(coding, 0, b"ab"), &Tlvs::NONE, &config)).len(),
            1,
            "{coding:#x}"
        );
    }
    let latin = Config {
        charset: Charset::Latin1,
        ..Config::default()
    };
    assert_eq!(text(&sm(0, 0, b"$\xE4"), &Tlvs::NONE, &latin).0, "$ä");
}

#[test]
fn long_messages_are_cut_and_say_the_same() {
    let config = Config::default();
    let long = "[€] ".repeat(100);
    let octets = Coding::DEFAULT.encode(&long, DefaultAlphabet::Gsm7).unwrap();
    let carried = Carried::whole(octets);
    let body = sm(0, 0, &carried.short_message);
    let (said, parts) = text(&body, &carried.tlvs, &config);
    assert_eq!((said, parts), (long.clone(), 5));
    let again = read_it(&body, &carried.tlvs, &config);
    assert_eq!(
        again,
        read_it(&body, &carried.tlvs, &config),
        "under the same reference"
    );
    let cyrillic = "Привет 😀 ".repeat(30);
    let carried = Carried::whole(ucs2::encode(&cyrillic));
    assert_eq!(text(&sm(8, 0, b""), &carried.tlvs, &config).0, cyrillic);
    let huge = Carried::whole(vec![b'a'; 60_000]);
    assert_eq!(read_it(&sm(0, 0, b""), &huge.tlvs, &config), Delivered::TooLong);
}

#[test]
fn parts_keep_their_place_by_header_and_by_parameters() {
    let config = Config::default();
    let part = [&[5, 0, 3, 7, 2, 1][..], b"first"].concat();
    let by_header = delivers(read_it(&sm(0, EsmClass::UDHI, &part), &Tlvs::NONE, &config)).remove(0);
    let concat = by_header.user_data.header.concat().unwrap();
    assert_eq!(
        (concat.reference, concat.total, concat.sequence),
        (Reference::Eight(7), 2, 1)
    );
    assert_eq!(by_header.content().text(), Some("first"));
    let mut tlvs = Tlvs::NONE;
    tlvs.push_short(Tag::SAR_MSG_REF_NUM, 0x0102);
    tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 3);
    tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, 2);
    let by_parameters = delivers(read_it(&sm(0, 0, b"second"), &tlvs, &config)).remove(0);
    let concat = by_parameters.user_data.header.concat().unwrap();
    assert_eq!(
        (concat.reference, concat.total, concat.sequence),
        (Reference::Eight(0x02), 3, 2)
    );
}

#[test]
fn ports_by_parameters_stand_in_the_header() {
    let mut tlvs = Tlvs::NONE;
    tlvs.push_short(Tag::SOURCE_PORT, 9200);
    tlvs.push_short(Tag::DESTINATION_PORT, 2948);
    let one = delivers(read_it(&sm(4, 0, &[1, 6]), &tlvs, &Config::default())).remove(0);
    let ports = one.user_data.header.ports().unwrap();
    assert_eq!((ports.destination, ports.source), (2948, 9200));
}

#[test]
fn parts_by_parameters_may_be_as_long_as_those_by_header() {
    for (coding, octets) in [(0, 153), (8, 134), (4, 134)] {
        for reference in [9, 700] {
            let mut parts = Vec::new();
            for (sequence, octets) in [(1, octets), (2, 20)] {
                let mut tlvs = Tlvs::NONE;
                tlvs.push_short(Tag::SAR_MSG_REF_NUM, reference);
                tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 2);
                tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, sequence);
                let body = sm(coding, 0, &vec![0x41; octets]);
                parts.extend(delivers(read_it(&body, &tlvs, &Config::default())));
            }
            let places: Vec<_> = parts
                .iter()
                .filter_map(|part| part.user_data.header.concat())
                .map(|concat| (concat.reference.bits(), concat.total, concat.sequence))
                .collect();
            assert_eq!(places, [(8, 2, 1), (8, 2, 2)], "{coding:#x} under {reference}");
        }
    }
}

#[test]
fn parts_in_another_alphabet_become_so_many_that_their_numbers_agree() {
    let config = Config::default();
    let texts = ["ã".repeat(134), "plain [`]".to_owned(), String::new()];
    let mut parts = Vec::new();
    for (sequence, text) in (1..).zip(&texts) {
        let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let octets = [&[5, 0, 3, 9, 3, sequence][..], &latin].concat();
        parts.extend(delivers(read_it(&sm(3, EsmClass::UDHI, &octets), &Tlvs::NONE, &config)));
    }
    let sequences: Vec<u8> = parts
        .iter()
        .map(|part| part.user_data.header.concat().unwrap().sequence)
        .collect();
    assert_eq!(sequences, (1..=12).collect::<Vec<u8>>());
    assert!(
        parts
            .iter()
            .all(|part| part.user_data.header.concat().unwrap().total == 12)
    );
    let joined = tpdu::join(parts.iter().map(|part| (part.dcs, &part.user_data)));
    assert_eq!(joined.text(), Some(texts.concat().as_str()));
}

#[test]
fn parts_of_septets_keep_their_numbers_though_one_has_a_letter_that_is_none() {
    let config = Config::default();
    let texts = ["plain ".repeat(20), "f\u{FC}r ".repeat(30), "end".to_owned()];
    let mut parts = Vec::new();
    for (sequence, text) in (1..).zip(&texts) {
        let octets = [&[5, 0, 3, 9, 3, sequence][..], text.as_bytes()].concat();
        parts.extend(delivers(read_it(&sm(0, EsmClass::UDHI, &octets), &Tlvs::NONE, &config)));
    }
    let numbers: Vec<(u8, u8)> = parts
        .iter()
        .filter_map(|part| part.user_data.header.concat())
        .map(|concat| (concat.total, concat.sequence))
        .collect();
    assert_eq!(numbers, [(3, 1), (3, 2), (3, 3)]);
    let joined = tpdu::join(parts.iter().map(|part| (part.dcs, &part.user_data)));
    assert_eq!(joined.text(), Some(texts.concat().as_str()));
}

#[test]
fn what_is_told_in_between_ends_no_part() {
    let told = |stat: &str, data: bool| {
        let esm_class = EsmClass::INTERMEDIATE.0;
        let text = format!("id:1 stat:{stat}");
        let mut tlvs = Tlvs::NONE;
        let body = match data {
            true => {
                tlvs.push(Tag::MESSAGE_PAYLOAD, text.as_bytes());
                Body::DataSm(smpp::DataSm {
                    esm_class,
                    ..smpp::DataSm::default()
                })
            }
            false => sm(0, esm_class, text.as_bytes()),
        };
        match read_it(&body, &tlvs, &Config::default()) {
            Delivered::Receipt(receipt) => receipt.status,
            other => panic!("{other:?}"),
        }
    };
    for data in [false, true] {
        for stat in ["UNDELIV", "EXPIRED", "REJECTD", "UNKNOWN", "ENROUTE", "DND_REJECTED"] {
            assert_eq!(told(stat, data), ReportStatus::StillTrying, "{stat}");
        }
        assert_eq!(told("DELIVRD", data), ReportStatus::Delivered);
    }
}

#[test]
fn senders_are_numbers_codes_or_names() {
    let from = |ton, source: &str, international| {
        let body = Body::DeliverSm(Sm {
            source_addr_ton: ton,
            source_addr: source.into(),
            ..Sm::default()
        });
        let config = Config {
            international,
            ..Config::default()
        };
        sender(&body, &config).map(|number| number.to_string())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(from(1, "491711234567", true), some("+491711234567"));
    assert_eq!(from(0, "491711234567", true), some("+491711234567"));
    assert_eq!(from(0, "491711234567", false), some("491711234567"));
    assert_eq!(from(0, "+491711234567", false), some("+491711234567"));
    assert_eq!(from(0, "01711234567", true), some("01711234567"));
    assert_eq!(from(0, "22333", true), some("22333"));
    assert_eq!(from(5, "Bank", true), some("Bank"));
    assert_eq!(from(0, "A very long name", true), some("A very long"));
    assert_eq!(from(5, "12345678", true), some("12345678"));
    assert_eq!(from(0, "", true), None);
}

#[test]
fn an_id_is_read_in_the_form_of_its_place() {
    let mixed = Config {
        response_id: Form::Hex,
        receipt_id: Form::Decimal,
        ..Config::default()
    };
    let kept = peer_id(b"38601FA", mixed.response_id.into());
    assert_eq!(
        Some(receipt("id:0059113978 stat:DELIVRD", &Tlvs::NONE, &mixed).id),
        kept
    );
    let mut tlvs = Tlvs::NONE;
    tlvs.push_string(Tag::RECEIPTED_MESSAGE_ID, b"38601fa");
    assert_eq!(Some(receipt("id:0059113978 stat:DELIVRD", &tlvs, &mixed).id), kept);
    let odd = Config {
        parameter_id: Some(Form::Decimal),
        ..mixed
    };
    let mut tlvs = Tlvs::NONE;
    tlvs.push_string(Tag::RECEIPTED_MESSAGE_ID, b"59113978");
    assert_eq!(Some(receipt("", &tlvs, &odd).id), kept);
}

#[test]
fn states_are_final_or_not() {
    let status = |text: &str| receipt(&format!("id:1 {text}"), &Tlvs::NONE, &Config::default()).status;
    for (stat, expected) in [
        ("DELIVRD", ReportStatus::Delivered),
        ("EXPIRED", ReportStatus::Expired),
        ("DELETED", ReportStatus::Failed),
        ("UNDELIV", ReportStatus::Failed),
        ("REJECTD", ReportStatus::Failed),
        ("DND_REJECTED", ReportStatus::Failed),
        ("ACCEPTD", ReportStatus::StillTrying),
        ("ENROUTE", ReportStatus::StillTrying),
        ("BUFFRED", ReportStatus::StillTrying),
        ("UNKNOWN", ReportStatus::Unknown),
        ("0", ReportStatus::Unknown),
    ] {
        assert_eq!(status(&format!("stat:{stat}")), expected, "{stat}");
    }
    assert_eq!(status("err:000"), ReportStatus::Unknown);
    let undelivered = receipt("id:1 stat:UNDELIV err:069", &Tlvs::NONE, &Config::default());
    assert_eq!(undelivered.words, "UNDELIV err:069");
    assert_eq!(undelivered.code.as_deref(), Some("069"));
    assert_eq!(
        undelivered.recipient,
        Some(Number::International("989126211770".into()))
    );
    assert_eq!(
        receipt("id:1 stat:DELIVRD err:000", &Tlvs::NONE, &Config::default()).code,
        None
    );
}

#[test]
fn a_date_counts_only_where_it_can_be_true() {
    let done = |seconds| {
        let date = smpp::Receipt::date(seconds, true).unwrap().text();
        receipt(
            &format!("id:1 stat:DELIVRD done date:{date}"),
            &Tlvs::NONE,
            &Config::default(),
        )
        .discharged
    };
    assert_eq!(done(SECOND - 60), Some(at(SECOND - 60)));
    assert_eq!(done(SECOND + 7200), None, "another zone");
}

#[test]
fn a_text_like_a_receipt_is_one_only_where_the_operator_says_so() {
    let body = sm(0, 0, b"id:1 stat:DELIVRD");
    assert!(matches!(
        read_it(&body, &Tlvs::NONE, &Config::default()),
        Delivered::Message(_)
    ));
    let trusting = Config {
        unmarked_receipts: true,
        ..Config::default()
    };
    assert!(matches!(read_it(&body, &Tlvs::NONE, &trusting), Delivered::Receipt(_)));
    assert!(matches!(
        read_it(&sm(0, 0, b"hello"), &Tlvs::NONE, &trusting),
        Delivered::Message(_)
    ));
    let nameless = sm(0, EsmClass::RECEIPT.0, b"stat:DELIVRD");
    assert_eq!(
        read_it(&nameless, &Tlvs::NONE, &trusting),
        Delivered::Nameless("DELIVRD".into())
    );
}

const SECOND: i64 = 1_800_000_000;

proptest::proptest! {
    #[test]
    fn whatever_comes_is_kept_as_sms_that_say_the_same(
        octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        coding: u8,
        esm_class: u8,
        source in proptest::collection::vec(1_u8.., 0..20),
        ton: u8,
        concat: Option<(u16, u8, u8)>,
    ) {
        let mut carried = Carried::whole(octets);
        if let Some((reference, total, sequence)) = concat {
            carried.tlvs.push_short(Tag::SAR_MSG_REF_NUM, reference);
            carried.tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, total);
            carried.tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, sequence);
        }
        let body = Body::DeliverSm(Sm {
            source_addr: source.into(),
            source_addr_ton: ton,
            data_coding: coding,
            esm_class,
            short_message: carried.short_message,
            ..Sm::default()
        });
        let Delivered::Message(pdus) = read_it(&body, &carried.tlvs, &Config::default()) else {
            return Ok(());
        };
        proptest::prop_assert!(!pdus.is_empty());
        let parts = delivers(Delivered::Message(pdus));
        let payload = Payload::of(&body, &carried.tlvs).unwrap();
        let joined = tpdu::join(parts.iter().map(|part| (part.dcs, &part.user_data)));
        // Octets above the septets, and what is cut in the middle of a letter, are read leniently on either side.
        if payload.coding == Coding::LATIN_1 {
            let content = payload.content(DefaultAlphabet::Gsm7);
            proptest::prop_assert_eq!(joined.text(), content.text());
        } else if payload.coding == Coding::DATA {
            proptest::prop_assert_eq!(joined.data().unwrap_or_default(), payload.body);
        }
    }
}
