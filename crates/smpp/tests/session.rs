//! Two sessions joined in memory, the time a variable: what a message centre and an application make of each other.

mod link;

use std::time::Duration;

use link::{Link, bind, sm};
use smpp::{
    Body, CommandId, Pdu, SmResp, Status, Tag, Tlvs,
    session::{Answer, BindMode, Config, Event, Overflow, Rebind, Rejected, Role, Session, Silence, Timer, Why},
};

const SECOND: Duration = Duration::from_secs(1);

/// Octets of a PDU as an odd peer might write it.
fn raw(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = 16 + u32::try_from(body.len()).expect("a short body");
    let mut octets = Vec::new();
    for number in [length, command, status, sequence] {
        octets.extend(number.to_be_bytes());
    }
    octets.extend(body);
    octets
}

/// Commands and statuses of what a session wrote.
fn written(octets: &[u8]) -> Vec<(CommandId, Status, u32)> {
    let mut reader = smpp::FrameReader::default();
    reader.receive(octets);
    let mut seen = Vec::new();
    while let Some(smpp::Frame::Pdu(octets)) = reader.take() {
        let pdu = Pdu::decode(octets).expect("what we write can be read");
        seen.push((pdu.command(), pdu.status, pdu.sequence));
    }
    seen
}

/// A message centre that is bound, alone, with whatever it wrote thrown away.
fn bound_smsc(config: Config) -> (Session, std::time::Instant) {
    let now = std::time::Instant::now();
    let mut smsc = Session::new(Role::Smsc, config, now);
    let mut octets = Vec::new();
    let request = Pdu::request(1, BindMode::Transceiver.request(bind()));
    request.encode(&mut octets).expect("a bind");
    smsc.receive(&octets, now);
    let Some(Event::BindRequested { owed, .. }) = smsc.poll() else {
        panic!("a bind was expected")
    };
    smsc.accept(owed, now);
    smsc.written(usize::MAX);
    (smsc, now)
}

fn submit_sm(sequence: u32) -> Vec<u8> {
    Pdu::request(sequence, Body::SubmitSm(sm("hello")))
        .to_octets()
        .expect("a submit_sm")
}

#[test]
fn each_bind_mode_carries_what_it_should() {
    for (mode, sends, receives) in [
        (BindMode::Transmitter, true, false),
        (BindMode::Receiver, false, true),
        (BindMode::Transceiver, true, true),
    ] {
        let mut link = Link::bound(mode, Config::default());
        let sent = link.esme.submit(&Body::SubmitSm(sm("up")), &Tlvs::NONE, 1, link.now);
        let delivered = link.smsc.submit(&Body::DeliverSm(sm("down")), &Tlvs::NONE, 2, link.now);
        assert_eq!((sent.is_ok(), delivered.is_ok()), (sends, receives), "{mode:?}");
        link.run();
        assert_eq!(link.answered(), usize::from(sends) + usize::from(receives));
    }
}

#[test]
fn a_refused_bind_ends_the_session_on_both_sides() {
    let mut link = Link::new(Config::default());
    link.refuse_with = Some(Status::INVALID_PASSWORD);
    link.esme.bind(BindMode::Transceiver, bind(), link.now).unwrap();
    link.run();
    assert_eq!(
        link.ends(),
        [
            Why::Refused(Status::INVALID_PASSWORD),
            Why::Refused(Status::INVALID_PASSWORD)
        ]
    );
}

#[test]
fn nothing_is_taken_before_a_bind_but_enquire_link_is_answered() {
    let now = std::time::Instant::now();
    let mut smsc = Session::new(Role::Smsc, Config::default(), now);
    smsc.receive(&submit_sm(5), now);
    smsc.receive(&raw(0x15, 0, 6, &[]), now);
    assert_eq!(smsc.poll(), None);
    assert_eq!(
        written(smsc.outgoing()),
        [
            (CommandId::SUBMIT_SM_RESP, Status::WRONG_BIND_STATE, 5),
            (CommandId::ENQUIRE_LINK_RESP, Status::OK, 6),
        ]
    );
    smsc.tick(now + 30 * SECOND);
    assert_eq!(smsc.poll(), Some(Event::Closed(Why::NoBind)));
}

#[test]
fn a_peer_that_is_silent_is_asked_twice_and_then_given_up() {
    let (mut smsc, now) = bound_smsc(Config::default());
    for asked in 1..=2_usize {
        smsc.tick(now + 30 * SECOND * u32::try_from(asked).unwrap());
        assert_eq!(smsc.poll(), None);
        assert_eq!(written(smsc.outgoing()).len(), asked);
    }
    assert_eq!(smsc.due(), Some(now + 90 * SECOND));
    smsc.tick(now + 90 * SECOND);
    assert_eq!(smsc.poll(), Some(Event::Closed(Why::Silent)));
}

#[test]
fn two_idle_sessions_keep_each_other_alive_until_inactivity_unbinds_them() {
    let mut link = Link::bound(BindMode::Transceiver, Config::default());
    link.pass(299 * SECOND);
    assert!(link.ends().is_empty());
    link.pass(2 * SECOND);
    let ends = link.ends();
    assert!(ends.contains(&Why::Unbound) && ends.len() == 2, "{ends:?}");
}

#[test]
fn an_inactivity_of_zero_keeps_a_session_for_ever() {
    let mut config = Config::default();
    config.timers.set(Timer::Inactivity, Duration::ZERO);
    let mut link = Link::bound(BindMode::Transceiver, config);
    link.pass(86_400 * SECOND);
    assert!(link.ends().is_empty());
}

#[test]
fn a_request_without_an_answer_is_told_and_a_late_answer_still_counts() {
    let mut link = Link::bound(BindMode::Transmitter, Config::default());
    link.keep_answers = true;
    link.esme
        .submit(&Body::SubmitSm(sm("?")), &Tlvs::NONE, 77, link.now)
        .unwrap();
    link.pass(61 * SECOND);
    assert!(link.heard.contains(&Event::Unanswered {
        ticket: 77,
        why: Silence::TimedOut
    }));
    assert_eq!(link.esme.windows(), (0, 0));
    link.answer_kept();
    link.run();
    let late = link.heard.iter().any(|event| {
        matches!(
            event,
            Event::Answered {
                ticket: 77,
                late: true,
                ..
            }
        )
    });
    assert!(late, "{:?}", link.heard);
}

#[test]
fn our_window_is_never_exceeded() {
    let config = Config {
        window_out: 3,
        ..Config::default()
    };
    let mut link = Link::bound(BindMode::Transmitter, config);
    link.keep_answers = true;
    let send = |link: &mut Link, ticket| {
        link.esme
            .submit(&Body::SubmitSm(sm("x")), &Tlvs::NONE, ticket, link.now)
    };
    for ticket in 0..3 {
        send(&mut link, ticket).unwrap();
    }
    assert_eq!(send(&mut link, 3), Err(Rejected::WindowFull));
    link.run();
    link.answer_kept();
    link.run();
    assert_eq!(send(&mut link, 3), Ok(()));
}

#[test]
fn a_peer_beyond_its_window_waits_and_loses_nothing() {
    let config = Config {
        window_in: 2,
        ..Config::default()
    };
    let (mut smsc, now) = bound_smsc(config);
    for sequence in 2..12 {
        smsc.receive(&submit_sm(sequence), now);
    }
    smsc.receive(&raw(0x15, 0, 99, &[]), now);
    let mut taken = Vec::new();
    let mut owed_now = Vec::new();
    while taken.len() < 10 {
        match smsc.poll() {
            Some(Event::Request { owed, .. }) => owed_now.push(owed),
            Some(other) => panic!("{other:?}"),
            None => {
                assert_eq!((owed_now.len(), smsc.windows().1), (2, 2));
                for owed in owed_now.drain(..) {
                    taken.push(owed.sequence());
                    smsc.respond(owed, Answer::taken("id"), now).unwrap();
                }
            }
        }
    }
    assert_eq!(smsc.poll(), None);
    assert_eq!(taken, (2..12).collect::<Vec<u32>>());
    assert_eq!(
        written(smsc.outgoing()).len(),
        11,
        "ten answers and one for the enquiry"
    );
}

#[test]
fn what_is_not_read_stays_in_the_socket() {
    let config = Config {
        window_in: 1,
        ..Config::default()
    };
    let (mut smsc, now) = bound_smsc(config);
    let mut refused = 0;
    for sequence in 2..10_000 {
        let octets = submit_sm(sequence);
        refused += octets.len() - smsc.receive(&octets, now);
        if sequence == 2 {
            assert!(matches!(smsc.poll(), Some(Event::Request { .. })));
        }
        assert_eq!(smsc.poll(), None);
    }
    assert!(refused > 300_000, "{refused}");
    assert!(!smsc.wants_octets());
}

#[test]
fn a_peer_that_never_reads_cannot_fill_our_memory() {
    let (mut smsc, now) = bound_smsc(Config::default());
    let enquiries = raw(0x15, 0, 7, &[]).repeat(1000);
    for _ in 0..1000 {
        smsc.receive(&enquiries, now);
        assert_eq!(smsc.poll(), None);
    }
    assert!(smsc.outgoing().len() < 300_000, "{}", smsc.outgoing().len());
    assert!(!smsc.wants_octets());
    smsc.written(usize::MAX);
    assert_eq!(smsc.poll(), None);
    assert!(smsc.wants_octets());
}

#[test]
fn beyond_its_window_a_peer_can_be_throttled_instead() {
    let config = Config {
        window_in: 1,
        overflow: Overflow::Throttle,
        ..Config::default()
    };
    let (mut smsc, now) = bound_smsc(config);
    smsc.receive(&[submit_sm(2), submit_sm(3)].concat(), now);
    assert!(matches!(smsc.poll(), Some(Event::Request { .. })));
    assert_eq!(smsc.poll(), None);
    assert_eq!(
        written(smsc.outgoing()),
        [(CommandId::SUBMIT_SM_RESP, Status::THROTTLED, 3)]
    );
}

#[test]
fn throttling_answers_hold_the_sender_back_longer_each_time() {
    let mut link = Link::bound(BindMode::Transmitter, Config::default());
    link.answer_with = Answer::refused(Status::THROTTLED);
    for pause in [1, 2, 4] {
        link.esme
            .submit(&Body::SubmitSm(sm("x")), &Tlvs::NONE, 1, link.now)
            .unwrap();
        link.run();
        assert_eq!(link.esme.may_submit(), Err(Rejected::Paused));
        assert!(link.heard.contains(&Event::Paused(pause * SECOND)));
        link.pass(pause * SECOND);
        assert!(link.heard.contains(&Event::Resumed));
        link.heard.clear();
    }
    link.answer_with = Answer::taken("1");
    link.esme
        .submit(&Body::SubmitSm(sm("x")), &Tlvs::NONE, 1, link.now)
        .unwrap();
    link.run();
    link.answer_with = Answer::refused(Status::QUEUE_FULL);
    link.esme
        .submit(&Body::SubmitSm(sm("x")), &Tlvs::NONE, 1, link.now)
        .unwrap();
    link.run();
    assert!(
        link.heard.contains(&Event::Paused(SECOND)),
        "a taken message ends the row"
    );
}

#[test]
fn an_unbind_waits_for_the_last_answers_of_both_sides() {
    let mut link = Link::bound(BindMode::Transceiver, Config::default());
    link.keep_answers = true;
    link.esme
        .submit(&Body::SubmitSm(sm("up")), &Tlvs::NONE, 1, link.now)
        .unwrap();
    link.smsc
        .submit(&Body::DeliverSm(sm("down")), &Tlvs::NONE, 2, link.now)
        .unwrap();
    link.run();
    link.esme.unbind(link.now);
    link.run();
    assert!(link.ends().is_empty());
    let more = link.esme.submit(&Body::SubmitSm(sm("no")), &Tlvs::NONE, 3, link.now);
    assert_eq!(more, Err(Rejected::Closing));
    link.answer_kept();
    link.run();
    assert_eq!(link.answered(), 2);
    assert_eq!(link.ends().len(), 2);
    assert!(link.ends().contains(&Why::Unbound) && link.ends().contains(&Why::PeerUnbound));
}

#[test]
fn an_unbind_whose_last_answer_never_comes_goes_out_all_the_same() {
    let mut link = Link::bound(BindMode::Transmitter, Config::default());
    link.keep_answers = true;
    link.esme
        .submit(&Body::SubmitSm(sm("up")), &Tlvs::NONE, 1, link.now)
        .unwrap();
    link.run();
    link.esme.unbind(link.now);
    link.pass(30 * SECOND);
    link.answer_kept();
    link.run();
    assert_eq!(link.ends().len(), 2, "{:?}", link.heard);
}

#[test]
fn both_may_unbind_at_once() {
    let mut link = Link::bound(BindMode::Transceiver, Config::default());
    link.esme.unbind(link.now);
    link.smsc.unbind(link.now);
    link.run();
    assert_eq!(link.ends(), [Why::Unbound, Why::Unbound]);
}

#[test]
fn a_second_bind_is_refused_or_asked_about_as_configured() {
    let again = Pdu::request(9, BindMode::Transmitter.request(bind()))
        .to_octets()
        .unwrap();
    let (mut smsc, now) = bound_smsc(Config::default());
    smsc.receive(&again, now);
    assert_eq!(smsc.poll(), None);
    assert_eq!(
        written(smsc.outgoing()),
        [(CommandId::BIND_TRANSMITTER_RESP, Status::ALREADY_BOUND, 9)]
    );
    let (mut smsc, now) = bound_smsc(Config {
        rebind: Rebind::Ask,
        ..Config::default()
    });
    smsc.receive(&again, now);
    let Some(Event::BindRequested { owed, .. }) = smsc.poll() else {
        panic!("asked")
    };
    smsc.accept(owed, now);
    assert_eq!(smsc.bound(), Some(BindMode::Transmitter));
}

#[test]
fn what_was_not_answered_before_a_second_bind_is_told_once_that_is_accepted() {
    let (mut smsc, now) = bound_smsc(Config {
        rebind: Rebind::Ask,
        window_out: 1,
        ..Config::default()
    });
    let deliver = Body::DeliverSm(smpp::Sm::default());
    smsc.submit(&deliver, &Tlvs::NONE, 7, now).unwrap();
    let again = Pdu::request(9, BindMode::Transceiver.request(bind()))
        .to_octets()
        .unwrap();
    smsc.receive(&again, now);
    let Some(Event::BindRequested { owed, .. }) = smsc.poll() else {
        panic!("asked")
    };
    assert_eq!(
        smsc.may_submit(),
        Err(Rejected::WindowFull),
        "the answer to the bind comes first"
    );
    smsc.accept(owed, now);
    let told = Event::Unanswered {
        ticket: 7,
        why: Silence::BoundAnew,
    };
    assert_eq!(smsc.poll(), Some(told));
    assert_eq!(smsc.may_submit(), Ok(()));
    // An answer that comes all the same is no stray one.
    let late = Pdu::request(1, Body::DeliverSmResp(smpp::SmResp::default()));
    smsc.receive(&late.to_octets().unwrap(), now);
    let told = smsc.poll();
    assert!(
        matches!(
            told,
            Some(Event::Answered {
                ticket: 7,
                late: true,
                ..
            })
        ),
        "{told:?}"
    );
}

#[test]
fn a_second_bind_changes_the_version_only_where_it_is_accepted() {
    let (mut smsc, now) = bound_smsc(Config {
        rebind: Rebind::Ask,
        ..Config::default()
    });
    let old = smpp::Bind {
        interface_version: 0x33,
        ..bind()
    };
    let again = Pdu::request(9, BindMode::Receiver.request(old)).to_octets().unwrap();
    let asked = |smsc: &mut Session| {
        smsc.receive(&again, now);
        let Some(Event::BindRequested { owed, .. }) = smsc.poll() else {
            panic!("asked")
        };
        assert!(smsc.knows_tlvs() && !owed.knows_tlvs());
        owed
    };
    let owed = asked(&mut smsc);
    smsc.refuse(owed, Status::INVALID_PASSWORD, now);
    assert!(smsc.knows_tlvs());
    assert_eq!(smsc.bound(), Some(BindMode::Transceiver));
    let owed = asked(&mut smsc);
    smsc.accept(owed, now);
    assert!(!smsc.knows_tlvs());
}

#[test]
fn unknown_and_unreadable_pdus_are_answered_and_the_session_goes_on() {
    let (mut smsc, now) = bound_smsc(Config::default());
    smsc.receive(&raw(0x110, 0, 2, &[1]), now);
    smsc.receive(&raw(0x8000_0110, 0, 3, &[]), now);
    smsc.receive(&raw(4, 0, 4, &[0, 1, 1]), now);
    smsc.receive(&submit_sm(5), now);
    assert!(matches!(smsc.poll(), Some(Event::Stray(_))));
    assert!(matches!(smsc.poll(), Some(Event::Malformed(_))));
    assert!(matches!(smsc.poll(), Some(Event::Request { .. })));
    assert_eq!(
        written(smsc.outgoing()),
        [
            (CommandId::GENERIC_NACK, Status::INVALID_COMMAND, 2),
            (CommandId::SUBMIT_SM_RESP, Status::INVALID_COMMAND_LENGTH, 4),
        ]
    );
}

#[test]
fn a_length_that_cannot_be_is_answered_and_ends_the_session() {
    let (mut smsc, now) = bound_smsc(Config::default());
    let mut octets = raw(4, 0, 4, &[]);
    octets[0] = 0xFF;
    smsc.receive(&octets, now);
    assert!(matches!(smsc.poll(), Some(Event::Closed(Why::OutOfStep(_)))));
    assert_eq!(
        written(smsc.outgoing()),
        [(CommandId::GENERIC_NACK, Status::INVALID_COMMAND_LENGTH, 4)]
    );
}

#[test]
fn a_pdu_that_never_ends_ends_the_session() {
    let (mut smsc, now) = bound_smsc(Config::default());
    smsc.receive(&submit_sm(2)[..20], now);
    assert_eq!(smsc.poll(), None);
    smsc.receive(&[0], now + 29 * SECOND);
    assert_eq!(smsc.poll(), None);
    smsc.tick(now + 60 * SECOND);
    assert_eq!(smsc.poll(), Some(Event::Closed(Why::Unfinished)));
}

#[test]
fn an_old_peer_is_sent_no_parameters() {
    let now = std::time::Instant::now();
    let mut smsc = Session::new(Role::Smsc, Config::default(), now);
    let old = smpp::Bind {
        interface_version: 0x33,
        ..bind()
    };
    let request = Pdu::request(1, BindMode::Transceiver.request(old)).to_octets().unwrap();
    smsc.receive(&request, now);
    let Some(Event::BindRequested { owed, .. }) = smsc.poll() else {
        panic!("asked")
    };
    smsc.accept(owed, now);
    assert!(!smsc.knows_tlvs());
    let mut tlvs = Tlvs::default();
    tlvs.push_octet(Tag::MESSAGE_STATE, 2);
    smsc.submit(&Body::DeliverSm(sm("x")), &tlvs, 1, now).unwrap();
    let mut reader = smpp::FrameReader::default();
    reader.receive(smsc.outgoing());
    while let Some(smpp::Frame::Pdu(octets)) = reader.take() {
        assert!(Pdu::decode(octets).unwrap().tlvs.is_empty());
    }
    let mut payload = Tlvs::default();
    payload.push(Tag::MESSAGE_PAYLOAD, "long");
    assert_eq!(
        smsc.submit(&Body::DeliverSm(sm("")), &payload, 1, now),
        Err(Rejected::TooOld)
    );
}

#[test]
fn a_lost_connection_tells_what_has_no_answer() {
    let mut link = Link::bound(BindMode::Transmitter, Config::default());
    link.keep_answers = true;
    link.esme
        .submit(&Body::SubmitSm(sm("x")), &Tlvs::NONE, 5, link.now)
        .unwrap();
    link.run();
    link.esme.lost(link.now);
    link.run();
    assert!(link.heard.contains(&Event::Unanswered {
        ticket: 5,
        why: Silence::Closed
    }));
    assert!(link.heard.contains(&Event::Closed(Why::ConnectionLost)));
}

#[test]
fn an_answer_of_another_kind_or_number_settles_nothing() {
    let mut link = Link::bound(BindMode::Transmitter, Config::default());
    link.keep_answers = true;
    link.esme
        .submit(&Body::SubmitSm(sm("x")), &Tlvs::NONE, 5, link.now)
        .unwrap();
    let resp = |body, sequence| Pdu::request(sequence, body).to_octets().unwrap();
    let wrong = resp(Body::DeliverSmResp(SmResp::default()), 2);
    let unknown = resp(Body::SubmitSmResp(SmResp::default()), 1234);
    link.esme.receive(&[wrong, unknown].concat(), link.now);
    for _ in 0..2 {
        assert!(matches!(link.esme.poll(), Some(Event::Stray(_))));
    }
    assert_eq!(link.esme.windows().0, 1);
    link.esme.receive(&raw(0x8000_0000, 3, 2, &[]), link.now);
    let Some(Event::Answered { ticket: 5, status, .. }) = link.esme.poll() else {
        panic!("answered")
    };
    assert_eq!(status, Status::INVALID_COMMAND);
}

#[test]
fn an_outbind_leads_to_a_bind_the_other_way_round() {
    let mut link = Link::new(Config::default());
    let outbind = smpp::Outbind {
        system_id: "smsc".into(),
        password: "x".into(),
    };
    link.smsc.outbind(outbind, link.now).unwrap();
    link.run();
    assert!(link.heard.iter().any(|event| matches!(event, Event::Outbind(_))));
    link.esme.bind(BindMode::Receiver, bind(), link.now).unwrap();
    link.run();
    assert_eq!(link.smsc.bound(), Some(BindMode::Receiver));
}
