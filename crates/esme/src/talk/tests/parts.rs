//! Parts on their way: refused, held back, unanswered, and begun or not.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_upstream_that_asks_for_less_gets_nothing_for_a_second_and_loses_nothing() {
    for status in [Status::THROTTLED, Status::QUEUE_FULL] {
        let mut rig = Rig::bound(Config::default()).await;
        rig.submit(7);
        let (owed, _) = rig.centre.asked().await;
        rig.centre.respond(owed, Answer::refused(status)).await;
        assert!(
            matches!(rig.event().await, CarrierEvent::Changed),
            "the route rests before the part is given back"
        );
        assert!(rig.give(8, "more", None).is_err());
        let (ticket, outcome, _) = rig.settled().await;
        assert!(ticket == 7 && is_hold(&outcome), "{outcome:?}");
        let before = clock::steady();
        assert!(matches!(rig.event().await, CarrierEvent::Changed));
        assert_eq!(clock::steady() - before, Duration::from_secs(1));
        rig.submit(7);
        let (owed, _) = rig.centre.asked().await;
        rig.centre.respond(owed, Answer::taken("1")).await;
        assert_eq!(rig.settled().await.1, Outcome::Sent { reference: None });
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_with_its_status() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.submit(7);
    let (owed, _) = rig.centre.asked().await;
    rig.centre
        .respond(owed, Answer::refused(Status::INVALID_DESTINATION))
        .await;
    let (_, outcome, _) = rig.settled().await;
    let Outcome::Failed(failure) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (failure.cause, failure.class),
        (Cause::Smpp(0x0B), ErrorClass::OtherRoute)
    );
    assert_eq!(rig.upstream.board().snapshot().traffic.failures_in_row, 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_sent_than_the_window_allows() {
    let mut rig = Rig::bound(Config {
        window: 2,
        ..Config::default()
    })
    .await;
    (1..=3).for_each(|ticket| rig.submit(ticket));
    let (first, _) = rig.centre.asked().await;
    let (_second, _) = rig.centre.asked().await;
    assert_eq!(rig.upstream.board().snapshot().outstanding, 3);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(rig.centre.session.poll().is_none(), "the third waits");
    rig.centre.respond(first, Answer::taken("1")).await;
    assert_eq!(rig.settled().await.0, 1);
    rig.centre.asked().await;
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_not_answered_is_uncertain_and_an_answer_that_comes_late_settles_it() {
    let mut rig = Rig::bound(Config {
        response_s: 5,
        enquire_link_s: 0,
        ..Config::default()
    })
    .await;
    rig.submit(7);
    let (owed, _) = rig.centre.asked().await;
    let (ticket, outcome, _) = rig.settled().await;
    assert!(
        ticket == 7 && matches!(outcome, Outcome::Uncertain { .. }),
        "{outcome:?}"
    );
    rig.centre.respond(owed, Answer::taken("5")).await;
    assert_eq!(
        rig.settled().await,
        (7, Outcome::Sent { reference: None }, Some("5".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_uncertain_after_a_loss_and_what_was_not_goes_back() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.submit(1);
    rig.centre.asked().await;
    // The pipe is full, so the last parts stay here.
    let long = "x".repeat(150);
    for ticket in 2..=10 {
        rig.give(ticket, &long, None).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(rig.centre);
    let left = rig.talking.await.unwrap();
    assert_eq!(left.why, Why::ConnectionLost);
    let mut held = Vec::new();
    let mut uncertain = Vec::new();
    while let Ok(event) = rig.events.try_recv() {
        match event {
            CarrierEvent::Settled { ticket, outcome, .. } if came_back(&outcome) => held.push(ticket),
            CarrierEvent::Settled { ticket, .. } => uncertain.push(ticket),
            _ => {}
        }
    }
    assert!(
        uncertain.starts_with(&[1, 2]) && held.ends_with(&[10]),
        "{uncertain:?} {held:?}"
    );
    uncertain.extend(held);
    assert_eq!(uncertain, (1..=10).collect::<Vec<u64>>(), "each once");
}

#[tokio::test(start_paused = true)]
async fn what_was_given_back_does_not_go_out_when_the_upstream_reads_again() {
    let mut rig = Rig::bound(Config {
        response_s: 5,
        enquire_link_s: 0,
        ..Config::default()
    })
    .await;
    let long = "x".repeat(150);
    for ticket in 0..10 {
        let text = format!("{ticket}{long}");
        rig.give(ticket, &text, None).unwrap();
    }
    let mut given_back = Vec::new();
    for _ in 0..10 {
        let (ticket, outcome, _) = rig.settled().await;
        given_back.extend(came_back(&outcome).then_some(ticket));
    }
    assert!(given_back.contains(&9), "{given_back:?}");
    loop {
        match rig.centre.next().await {
            Event::Request {
                body: Body::SubmitSm(sm),
                ..
            } => {
                let ticket = u64::from(sm.short_message[0] - b'0');
                assert!(!given_back.contains(&ticket), "{ticket} of {given_back:?}");
            }
            Event::Closed(_) => break,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_has_its_mark_when_it_is_written_and_not_while_it_waits_for_the_rate() {
    let mut rig = Rig::bound(Config {
        rate: 1,
        ..Config::default()
    })
    .await;
    let notes = [Arc::<Note>::default(), Arc::default(), Arc::default()];
    for (ticket, note) in (1..).zip(&notes) {
        rig.give(ticket, "hello", Some(Arc::clone(note) as _)).unwrap();
    }
    let (owed, _) = rig.centre.asked().await;
    assert_eq!(notes.each_ref().map(|note| note.is_set()), [true, false, false]);
    rig.upstream.withdraw(2);
    let (ticket, outcome, _) = rig.settled().await;
    assert!(ticket == 2 && came_back(&outcome), "{outcome:?}");
    rig.upstream.withdraw(1);
    rig.centre.respond(owed, Answer::taken("1")).await;
    assert_eq!(rig.settled().await.0, 1, "one that is out goes on");
    rig.centre.asked().await;
    assert_eq!(notes.map(|note| note.is_set()), [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_beginning_cannot_be_noted_does_not_go_out() {
    let mut rig = Rig::bound(Config::default()).await;
    let note = Note {
        fails: true,
        ..Note::default()
    };
    rig.give(7, "hello", Some(Arc::new(note))).unwrap();
    let (ticket, outcome, _) = rig.settled().await;
    assert!(ticket == 7 && came_back(&outcome), "{outcome:?}");
    assert!(matches!(rig.centre.next().await, Event::Closed(_)), "nothing came");
    rig.talking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_ends_though_nobody_reads_its_last_octets() {
    let rig = Rig::connected(Config::default(), 16);
    let left = timeout(Duration::from_secs(600), rig.talking).await;
    assert_eq!(left.expect("an end").unwrap().why, Why::NoAnswer);
    drop(rig.centre);
}

/// Nobody has it written down.
#[tokio::test(start_paused = true)]
async fn no_more_late_answers_are_waited_for_than_that() {
    let (tell, mut events) = mpsc::channel(1);
    let upstream = Arc::new(Upstream::new(RouteId::new("phone"), Config::default(), tell, None));
    let (kept, _told) = mpsc::channel(1);
    let mut talk = Talk::new(&upstream, untapped(), 0, kept);
    talk.written = 1;
    let last = 3 * MOST_OVERDUE as u64;
    for ticket in 1..=last {
        let (since, begins) = (clock::steady(), 0);
        talk.sent.insert(ticket, Sent { since, begins });
        talk.unanswered(ticket, Silence::TimedOut).await;
        assert!(matches!(events.recv().await, Some(CarrierEvent::Settled { .. })));
    }
    assert_eq!(talk.sent.len(), MOST_OVERDUE);
    assert!(talk.sent.contains_key(&last));
}

#[tokio::test(start_paused = true)]
async fn a_part_too_long_for_an_old_upstream_does_not_wait_for_ever() {
    let mut rig = Rig::connected(
        Config {
            charset: crate::config::Charset::Utf8,
            ..Config::default()
        },
        PIPE,
    );
    let Event::BindRequested { owed, .. } = rig.centre.next().await else {
        panic!("a bind")
    };
    // As one that speaks SMPP 3.3 answers.
    let mut resp = Vec::new();
    let mut tlvs = Tlvs::NONE;
    tlvs.push_octet(smpp::Tag::SC_INTERFACE_VERSION, 0x33);
    let body = Body::BindTransceiverResp(smpp::BindResp {
        system_id: "centre".into(),
    });
    smpp::Pdu::encode_parts(Status::OK, owed.sequence(), &body, &tlvs, &mut resp).unwrap();
    rig.centre.stream.write_all(&resp).await.unwrap();
    assert!(matches!(rig.event().await, CarrierEvent::Changed));
    rig.give(7, &"\u{E4}".repeat(160), None).unwrap();
    let (ticket, outcome, _) = rig.settled().await;
    assert!(
        matches!(
            &outcome,
            Outcome::Failed(Failure {
                class: ErrorClass::OtherRoute,
                ..
            })
        ),
        "{ticket} {outcome:?}"
    );
}
