//! What holds for every value: written and read again it is the same, and no
//! octets make a decoder panic.

use proptest::{collection::vec, option, prelude::*};
use tpdu::{
    Address, Alphabet, Choice, Class, Command, Concat, Content, Dcs, Deliver, DeliverReport, DeliveryStatus, Direction,
    Element, Header, Language, NumberingPlan, Options, Parameters, Pdu, Reference, Scts, StatusReport, Submit,
    SubmitReport, Tpdu, TypeOfNumber, UserData, Validity, cbs, compose, decode_incoming, decode_outgoing,
    decode_stored, fingerprint, gsm7, join, wap,
};

fn number() -> impl Strategy<Value = Address> {
    let kind = (0..7_u8).prop_map(|kind| if kind < 5 { kind } else { kind + 1 });
    (kind, 0..16_u8, "[0-9*#abc]{0,20}").prop_map(|(kind, plan, value)| {
        Address::new(TypeOfNumber::from_bits(kind), NumberingPlan::from_bits(plan), value)
    })
}

fn address() -> impl Strategy<Value = Address> {
    let letters = (0..16_u8, "[A-Za-z0-9 ._-]{0,11}")
        .prop_map(|(plan, value)| Address::new(TypeOfNumber::Alphanumeric, NumberingPlan::from_bits(plan), value));
    prop_oneof![number(), letters]
}

fn stamp() -> impl Strategy<Value = Scts> {
    (vec(0..100_u8, 6), any::<u8>()).prop_map(|(numbers, zone)| {
        let mut octets = [zone; 7];
        for (octet, number) in octets.iter_mut().zip(numbers) {
            *octet = ((number % 10) << 4) | (number / 10);
        }
        Scts::from_octets(octets)
    })
}

fn element() -> impl Strategy<Value = Element> {
    let concat = (any::<u16>(), any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(number, total, sequence, wide)| {
        let reference = if wide {
            Reference::Sixteen(number)
        } else {
            Reference::Eight(number.to_be_bytes()[1])
        };
        Concat {
            reference,
            total,
            sequence,
        }
        .element()
    });
    prop_oneof![
        concat,
        any::<(u16, u16)>().prop_map(|(destination, source)| Element::Ports16 { destination, source }),
        any::<(u8, u8)>().prop_map(|(destination, source)| Element::Ports8 { destination, source }),
        any::<(u8, u8)>().prop_map(|(indication, count)| Element::Waiting { indication, count }),
        any::<u8>().prop_map(Element::SingleShift),
        any::<u8>().prop_map(Element::LockingShift),
        (0x30..=0xFF_u8, vec(any::<u8>(), 0..10)).prop_map(|(id, data)| Element::Unknown(id, data)),
    ]
}

fn coded() -> impl Strategy<Value = (Dcs, UserData)> {
    (any::<u8>().prop_map(Dcs), vec(element(), 0..4), vec(any::<u8>(), 0..90)).prop_map(|(dcs, elements, mut body)| {
        if dcs.counts_septets() {
            body.iter_mut().for_each(|septet| *septet &= 0x7F);
        }
        (
            dcs,
            UserData {
                header: Header::new(elements),
                body,
                missing: 0,
            },
        )
    })
}

fn validity() -> impl Strategy<Value = Option<Validity>> {
    option::of(prop_oneof![
        any::<u8>().prop_map(Validity::Relative),
        stamp().prop_map(Validity::Absolute),
        any::<[u8; 7]>().prop_map(Validity::Enhanced),
    ])
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (option::of(any::<u8>()), option::of(coded())).prop_map(|(pid, coded)| match coded {
        Some((dcs, user_data)) => Parameters {
            pid,
            dcs: Some(dcs),
            user_data: Some(user_data),
        },
        None => Parameters {
            pid,
            dcs: None,
            user_data: None,
        },
    })
}

fn deliver() -> impl Strategy<Value = Tpdu> {
    (any::<[bool; 4]>(), address(), any::<u8>(), stamp(), coded()).prop_map(
        |([more_to_send, loop_prevention, report_indication, reply_path], from, pid, time, (dcs, user_data))| {
            let deliver = Deliver {
                more_to_send,
                loop_prevention,
                report_indication,
                reply_path,
                from,
                pid,
                dcs,
                time,
                user_data,
            };
            Tpdu::Deliver(deliver)
        },
    )
}

fn submit() -> impl Strategy<Value = Tpdu> {
    (any::<[bool; 3]>(), address(), any::<(u8, u8)>(), validity(), coded()).prop_map(
        |([reject_duplicates, report_request, reply_path], to, (reference, pid), validity, (dcs, user_data))| {
            let base = Submit::new(to, dcs, user_data);
            Tpdu::Submit(Submit {
                reject_duplicates,
                report_request,
                reply_path,
                reference,
                pid,
                validity,
                ..base
            })
        },
    )
}

fn report() -> impl Strategy<Value = Tpdu> {
    (
        any::<[bool; 3]>(),
        address(),
        any::<(u8, u8)>(),
        stamp(),
        stamp(),
        parameters(),
    )
        .prop_map(
            |(
                [more_to_send, loop_prevention, answers_command],
                to,
                (reference, status),
                time,
                discharge,
                parameters,
            )| {
                let status = DeliveryStatus(status);
                let report = StatusReport {
                    more_to_send,
                    loop_prevention,
                    answers_command,
                    reference,
                    to,
                    time,
                    discharge,
                    status,
                    parameters,
                };
                Tpdu::StatusReport(report)
            },
        )
}

fn other() -> impl Strategy<Value = (Direction, Tpdu)> {
    let command = (
        any::<[bool; 2]>(),
        any::<[u8; 4]>(),
        address(),
        vec(any::<u8>(), 0..156),
    )
        .prop_map(
            |([report_request, has_header], [reference, pid, command, message], to, data)| {
                let command = Command {
                    report_request,
                    has_header,
                    reference,
                    pid,
                    command,
                    message,
                    to,
                    data,
                };
                (Direction::ToNetwork, Tpdu::Command(command))
            },
        );
    let submitted = (any::<u8>(), stamp(), parameters()).prop_map(|(cause, time, parameters)| {
        (
            Direction::ToPhone,
            Tpdu::SubmitReport(SubmitReport {
                cause,
                time,
                parameters,
            }),
        )
    });
    let delivered = (any::<u8>(), parameters()).prop_map(|(cause, parameters)| {
        (
            Direction::ToNetwork,
            Tpdu::DeliverReport(DeliverReport { cause, parameters }),
        )
    });
    prop_oneof![command, submitted, delivered]
}

fn tpdu() -> impl Strategy<Value = (Direction, Tpdu)> {
    prop_oneof![
        deliver().prop_map(|tpdu| (Direction::ToPhone, tpdu)),
        submit().prop_map(|tpdu| (Direction::ToNetwork, tpdu)),
        report().prop_map(|tpdu| (Direction::ToPhone, tpdu)),
        other(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_is_read_again((direction, tpdu) in tpdu(), smsc in option::of(number())) {
        let pdu = Pdu { smsc, tpdu, tpdu_len: 0, trailing: 0 };
        // Long headers beside long bodies do not fit, and are refused.
        let Ok(encoded) = pdu.encode() else { return Ok(()) };
        let again = Pdu::decode(&encoded.bytes, direction).unwrap();
        prop_assert_eq!(&again.tpdu, &pdu.tpdu);
        prop_assert_eq!(again.tpdu_len, encoded.tpdu_len);
        prop_assert_eq!(again.smsc.map(|smsc| smsc.to_string()), pdu.smsc.map(|smsc| smsc.to_string()));
    }

    #[test]
    fn no_octets_make_a_decoder_panic(octets in vec(any::<u8>(), 0..200)) {
        for direction in [Direction::ToPhone, Direction::ToNetwork] {
            for pdu in [Pdu::decode(&octets, direction), Pdu::decode_bare(&octets, direction)].into_iter().flatten() {
                let _ = (pdu.encode(), format!("{pdu:?}"));
            }
        }
        let _ = (decode_incoming(&octets), decode_outgoing(&octets), decode_stored(&octets));
        prop_assert!(octets.ends_with(fingerprint(&octets)) || fingerprint(&octets).len() < octets.len());
        let _ = (Header::decode(&octets), wap::Push::decode(&octets), wap::MmsNotification::decode(&octets));
        let _ = (gsm7::decode_packed(&octets), cbs::Page::decode(&octets).map(|page| page.text()));
        let _ = cbs::CbsDcs(octets.first().copied().unwrap_or_default()).decode(&octets);
    }

    #[test]
    fn a_broken_pdu_never_panics((direction, tpdu) in tpdu(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let Ok(mut octets) = tpdu.encode() else { return Ok(()) };
        let at = at.index(octets.len());
        octets[at] ^= with;
        if let Ok(pdu) = Pdu::decode_bare(&octets, direction) {
            let _ = pdu.encode();
        }
        let _ = Pdu::decode_bare(&octets[..at], direction);
    }

    #[test]
    fn the_parts_of_any_text_join_to_it(
        text in "[a-zа-я€{}😀👨‍👩‍👧\u{301}\r\n]{0,700}",
        wide in any::<bool>(),
        national in any::<bool>(),
    ) {
        let reference = if wide { Reference::Sixteen(7) } else { Reference::Eight(7) };
        let national = if national { Language::ALL.to_vec() } else { Vec::new() };
        let options = Options { reference, national, class: Some(Class::Phone), ..Options::default() };
        let message = compose(&text, &options).unwrap();
        let joined = join(message.parts.iter().map(|part| (message.dcs, part)));
        prop_assert_eq!(joined, Content::Text(text));
        for submit in message.submits(&Address::international("4917"), &tpdu::Wishes::default()) {
            let pdu = submit.to_pdu(None).unwrap();
            prop_assert!(pdu.tpdu_len <= 164);
        }
    }

    #[test]
    fn the_alphabet_is_the_default_one_wherever_that_has_every_letter(text in "[a-z€Δ@]{1,400}") {
        let message = compose(&text, &Options::default()).unwrap();
        prop_assert_eq!(message.alphabet(), Alphabet::Gsm7);
        let wide = compose(&text, &Options { alphabet: Choice::Ucs2, ..Options::default() }).unwrap();
        prop_assert!(message.parts.len() <= wide.parts.len());
    }
}

#[test]
fn a_composed_message_is_ready_for_the_modem() {
    let message = compose("hello", &Options::default()).unwrap();
    let submit = message
        .submit(0, &Address::international("4917"), &tpdu::Wishes::default())
        .unwrap();
    let pdu = submit.to_pdu(None).unwrap();
    assert_eq!(pdu.hex(), "00010004919471000005E8329BFD06");
    assert_eq!(pdu.tpdu_len, pdu.bytes.len() - 1);
}
