//! A route that takes several parts at once.

use message::PeerId;

use super::*;

/// A desk with one upstream that takes so many parts at once.
fn wide(at_once: u16, config: RouteConfig) -> Desk {
    let mut desk = desk(&[]);
    desk.add_lane(Lane::new(RouteId::new("up"), config, TimeZone::UTC));
    takes(&mut desk, at_once, t(1));
    desk
}

fn takes(desk: &mut Desk, at_once: u16, now: Timestamp) {
    let status = RouteStatus {
        at_once,
        ahead: Ahead::Any,
        ..status("up", None, Level::Ok)
    };
    desk.facts(&status, now);
}

/// Lets the store record all that is to be recorded, and answers which parts went out under which tickets.
fn all_go(desk: &mut Desk, now: Timestamp) -> Vec<(PartKey, u64)> {
    let mut gone = Vec::new();
    while let Some(action) = desk.poll() {
        match action {
            Action::Record { route, hand, progress } => {
                let attempted = progress.attempt.map(attempted);
                desk.recorded(&route, hand, Committed::witnessed(attempted), now);
            }
            Action::Submit(handover) => gone.push((handover.proof.get().key, handover.ticket)),
            Action::Reload(_) => desk.reloaded(Vec::new(), true, now),
            // Nothing waits there.
            Action::Withdraw { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    gone
}

fn up() -> RouteId {
    RouteId::new("up")
}

#[test]
fn an_upstream_has_as_many_parts_under_way_as_it_takes_and_answers_them_in_any_order() {
    let mut desk = wide(3, RouteConfig::default());
    desk.arrive((1..=5).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    assert_eq!(gone.len(), 3);
    assert!(all_go(&mut desk, t(2)).is_empty());
    desk.settled(&up(), gone[2].1, sent(), t(2));
    let next = all_go(&mut desk, t(2));
    assert_eq!(next.len(), 1);
    for (_, ticket) in [gone[0], next[0]] {
        desk.settled(&up(), ticket, sent(), t(3));
    }
    assert_eq!(all_go(&mut desk, t(3)).len(), 1);
    assert!(desk.is_working());
}

#[test]
fn the_name_of_a_part_is_recorded_with_its_end() {
    let mut desk = wide(2, RouteConfig::default());
    desk.arrive([part(1, 1, 1, 1)], t(1));
    let gone = all_go(&mut desk, t(1));
    let end = End {
        peer_id: PeerId::new("4F"),
        ..End::from(sent())
    };
    desk.settled(&up(), gone[0].1, end, t(2));
    let (_, progress) = record(&mut desk);
    let settled = progress.settle.map(|settle| settle.result);
    let Some(Settled::Sent { peer_id, .. }) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(peer_id, PeerId::new("4F"));
}

#[test]
fn a_limit_counts_what_is_under_way_and_forgets_what_did_not_go_out() {
    let config = RouteConfig {
        limits: router::Limits {
            per_day: Some(3),
            ..Default::default()
        },
        ..RouteConfig::default()
    };
    let mut desk = wide(10, config);
    desk.arrive((1..=9).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    assert_eq!(gone.len(), 3);
    desk.settled(&up(), gone[0].1, failed(ErrorClass::Permanent), t(2));
    desk.tick(t(3));
    let next = all_go(&mut desk, t(3));
    assert_eq!(next.len(), 1, "a place became free");
    for (_, ticket) in [gone[1], gone[2], next[0]] {
        desk.settled(&up(), ticket, sent(), t(4));
        desk.tick(t(5));
        assert!(all_go(&mut desk, t(5)).is_empty());
    }
    desk.tick(t(100));
    assert!(all_go(&mut desk, t(100)).is_empty(), "the day is used up");
}

#[test]
fn the_parts_of_one_message_go_one_after_the_other_and_others_beside_them() {
    let mut desk = wide(8, RouteConfig::default());
    // Another route could carry it, once it is heard of.
    desk.add_lane(Lane::new(RouteId::new("spare"), RouteConfig::default(), TimeZone::UTC));
    desk.arrive((1..=3).map(|number| part(1, number, 3, 1)), t(1));
    desk.arrive([part(2, 1, 1, 1)], t(1));
    let gone = all_go(&mut desk, t(1));
    let messages: Vec<i64> = gone.iter().map(|(key, _)| key.message).collect();
    assert_eq!(messages, [1, 2]);
    desk.settled(&up(), gone[0].1, sent(), t(2));
    let next = all_go(&mut desk, t(2));
    assert_eq!(next[0].0, PartKey { message: 1, part: 2 });
    desk.settled(&up(), next[0].1, failed(ErrorClass::OtherRoute), t(3));
    let (_, progress) = record(&mut desk);
    assert!(progress.attempt.is_none(), "its third part does not follow");
    desk.recorded(&up(), 0, Committed::witnessed(None), t(3));
    let remade = matches!(desk.poll(), Some(Action::Remake { message, .. }) if message == id(1));
    assert!(remade, "all of it is made anew for another route");
}

#[test]
fn an_upstream_that_takes_less_than_before_finishes_what_it_has() {
    let mut desk = wide(4, RouteConfig::default());
    desk.arrive((1..=8).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    takes(&mut desk, 1, t(2));
    for (_, ticket) in &gone[1..] {
        desk.settled(&up(), *ticket, sent(), t(3));
        assert!(all_go(&mut desk, t(3)).is_empty());
    }
    desk.settled(&up(), gone[0].1, sent(), t(4));
    assert_eq!(all_go(&mut desk, t(4)).len(), 1);
    takes(&mut desk, 3, t(5));
    desk.tick(t(5));
    assert_eq!(all_go(&mut desk, t(5)).len(), 2);
}

#[test]
fn another_limit_counts_what_is_under_way_since_before_it() {
    let mut desk = wide(2, RouteConfig::default());
    desk.arrive((1..=3).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    let config = RouteConfig {
        limits: router::Limits {
            per_day: Some(2),
            ..Default::default()
        },
        ..RouteConfig::default()
    };
    let other = Reordered {
        lanes: vec![Lane::new(up(), config, TimeZone::UTC)],
        routes: [up()].into(),
        routing: RoutingConfig::default(),
        max_attempts: 20,
    };
    desk.reorder(other, t(2));
    for (_, ticket) in gone {
        desk.settled(&up(), ticket, sent(), t(3));
        desk.tick(t(4));
        assert!(all_go(&mut desk, t(4)).is_empty());
    }
}

#[test]
fn what_the_store_could_not_record_waits_and_takes_no_place_of_the_limit() {
    let config = RouteConfig {
        limits: router::Limits {
            per_day: Some(2),
            ..Default::default()
        },
        ..RouteConfig::default()
    };
    let mut desk = wide(2, config);
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    for _ in 0..2 {
        let Some(Action::Record { route, hand, .. }) = desk.poll() else {
            panic!("a record")
        };
        desk.unrecorded(&route, hand, t(1));
    }
    desk.tick(t(2));
    assert_eq!(all_go(&mut desk, t(2)).len(), 2);
}

#[test]
fn one_answer_that_is_late_does_not_stop_an_upstream_and_all_of_them_do() {
    let mut desk = wide(2, RouteConfig::default());
    desk.arrive((1..=4).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    desk.settled(&up(), gone[1].1, sent(), t(14));
    let next = all_go(&mut desk, t(14));
    desk.tick(t(17));
    desk.settled(&up(), next[0].1, sent(), t(18));
    assert_eq!(all_go(&mut desk, t(18)).len(), 1, "one is late, the other goes on");
    for second in 18..40 {
        desk.tick(t(second));
    }
    let question = Question {
        to: Number::International("4917100000001".into()),
        allowed: None,
    };
    let told = desk.explain(&question, t(40));
    assert!(told.routes[0].why.contains("not answered for long"), "{told:?}");
}

/// What the desk wants back.
fn asked_back(desk: &mut Desk) -> Vec<u64> {
    let mut tickets = Vec::new();
    while let Some(action) = desk.poll() {
        match action {
            Action::Withdraw { ticket, .. } => tickets.push(ticket),
            Action::Reload(_) => desk.reloaded(Vec::new(), true, t(1)),
            other => panic!("{other:?}"),
        }
    }
    tickets
}

fn not_begun() -> Outcome {
    Outcome::NotBegun {
        reason: "it was asked back".into(),
    }
}

#[test]
fn each_part_is_on_record_before_it_begins_and_has_a_hand_of_its_own() {
    let mut desk = wide(3, RouteConfig::default());
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    desk.arrive([part(3, 1, 2, 1)], t(1));
    let mut hands = Vec::new();
    while let Some(action) = desk.poll() {
        match action {
            Action::Record { route, hand, progress } => {
                let attempted = progress.attempt.map(attempted);
                assert!(attempted.as_ref().is_some_and(|attempted| attempted.ahead));
                desk.recorded(&route, hand, Committed::witnessed(attempted), t(1));
            }
            Action::Submit(handover) => hands.push(handover.hand),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(hands, [0, 1, 2]);
}

#[test]
fn what_waits_at_an_upstream_can_be_taken_back() {
    let mut desk = wide(3, RouteConfig::default());
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    assert!(desk.ask_back(id(2)), "nobody here knows whether it has begun");
    assert_eq!(asked_back(&mut desk), [gone[1].1]);
    desk.settled(&up(), gone[1].1, not_begun(), t(2));
    let (_, progress) = record(&mut desk);
    let settled = progress.settle.map(|settle| settle.result);
    assert_eq!(settled, Some(Settled::Requeued), "nothing is held against it");
    assert!(desk.lanes[0].is_usable(), "nor against the upstream");
}

#[test]
fn what_is_more_urgent_does_not_wait_behind_what_waits_for_the_rate() {
    let mut desk = wide(2, RouteConfig::default());
    desk.arrive((1..=4).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    desk.arrive([part(9, 1, 1, 3)], t(2));
    assert_eq!(asked_back(&mut desk), [gone[0].1, gone[1].1]);
    desk.settled(&up(), gone[1].1, not_begun(), t(2));
    assert_eq!(all_go(&mut desk, t(2))[0].0, PartKey { message: 9, part: 1 });
    desk.settled(&up(), gone[0].1, sent(), t(3));
    let next = all_go(&mut desk, t(3));
    assert_eq!(next[0].0, PartKey { message: 3, part: 1 }, "one that had begun goes on");
}

#[test]
fn what_is_urgent_and_cannot_go_yet_asks_nothing_back() {
    let mut desk = wide(3, RouteConfig::default());
    desk.arrive((1..=2).map(|number| part(1, number, 2, 3)), t(1));
    assert_eq!(all_go(&mut desk, t(1)).len(), 1, "its second part follows the first");
    desk.arrive([part(2, 1, 1, 1)], t(1));
    let mut seen = Vec::new();
    while let Some(action) = desk.poll() {
        match action {
            Action::Record { route, hand, progress } => {
                let attempted = progress.attempt.map(attempted);
                desk.recorded(&route, hand, Committed::witnessed(attempted), t(1));
            }
            Action::Submit(handover) => seen.push(handover.proof.get().key.message),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [2]);
}

#[test]
fn a_message_of_several_parts_that_had_not_begun_goes_where_it_can() {
    let mut desk = wide(2, RouteConfig::default());
    desk.add_lane(Lane::new(RouteId::new("spare"), RouteConfig::default(), TimeZone::UTC));
    desk.arrive((1..=2).map(|number| part(1, number, 2, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    assert_eq!(gone.len(), 1);
    desk.facts(&status("up", Some("no connection"), Level::Warning), t(2));
    desk.settled(&up(), gone[0].1, not_begun(), t(2));
    desk.facts(&status("spare", None, Level::Ok), t(2));
    all_go(&mut desk, t(2));
    // The store shows it as it was.
    desk.arrive([part(1, 1, 2, 1)], t(3));
    desk.tick(t(3));
    let Some(Action::Submit(handover)) = std::iter::from_fn(|| match desk.poll()? {
        Action::Record { route, hand, progress } => {
            let attempted = progress.attempt.map(attempted);
            desk.recorded(&route, hand, Committed::witnessed(attempted), t(3));
            Some(None)
        }
        other => Some(Some(other)),
    })
    .flatten()
    .find(|action| matches!(action, Action::Submit(_))) else {
        panic!("it goes out")
    };
    assert_eq!(handover.route, RouteId::new("spare"));
}

/// What an upstream says that cannot now, whoever the recipient.
fn cannot_now() -> Outcome {
    failed(ErrorClass::RetryLater {
        after: Duration::from_secs(30),
        times: None,
        rests: Rests::Route,
    })
}

/// What the desk records of the end of an attempt; the store takes it, and nothing more begins.
fn end_of(desk: &mut Desk, now: Timestamp) -> Settled {
    let Some(Action::Record { route, hand, progress }) = desk.poll() else {
        panic!("a record")
    };
    assert_eq!(progress.attempt.map(|attempt| attempt.key), None);
    desk.recorded(&route, hand, Committed::witnessed(None), now);
    progress.settle.expect("an end").result
}

#[test]
fn an_upstream_that_cannot_now_rests_and_its_recipient_does_not() {
    let mut desk = wide(1, RouteConfig::default());
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    desk.settled(&up(), gone[0].1, cannot_now(), t(2));
    let end = end_of(&mut desk, t(2));
    assert!(
        matches!(end, Settled::Retry { due_at, exclude_route: None, .. } if due_at == t(32)),
        "{end:?}"
    );
    assert!(all_go(&mut desk, t(2)).is_empty(), "nothing more is given to it");
    assert_eq!(desk.destinations.resting_until(&part(1, 1, 1, 1).to, t(3)), None);
    let told = desk.waits(&[part(2, 1, 1, 1)], t(2))[0].wait.reason.clone();
    assert_eq!(told, "up: network out of order");
    desk.tick(t(3));
    desk.tick(t(4));
    assert_eq!(all_go(&mut desk, t(4)).len(), 1, "the rest is over");
}

#[test]
fn the_rests_of_an_upstream_grow_until_it_takes_something() {
    let mut desk = wide(3, RouteConfig::default());
    let mut now = 10;
    let mut rests = Vec::new();
    for round in 0..7 {
        desk.arrive((1..=3).map(|message| part(round * 3 + message, 1, 1, 1)), t(now));
        let gone = all_go(&mut desk, t(now));
        assert_eq!(gone.len(), 3, "round {round}");
        for (_, ticket) in gone {
            desk.settled(&up(), ticket, cannot_now(), t(now));
        }
        all_go(&mut desk, t(now));
        let until = desk.lanes[0].pause.as_ref().and_then(|pause| pause.until);
        rests.push(until.expect("it rests").duration_since(t(now)).as_secs());
        now += 40;
        desk.tick(t(now));
        desk.tick(t(now + 1));
    }
    assert_eq!(rests, [1, 2, 4, 8, 16, 30, 30], "those under way together count once");
    desk.arrive([part(900, 1, 1, 1)], t(now));
    let gone = all_go(&mut desk, t(now));
    desk.settled(&up(), gone[0].1, sent(), t(now));
    assert_eq!(desk.lanes[0].next_rest(), Duration::from_secs(1));
}

#[test]
fn what_was_under_way_when_an_upstream_begins_to_rest_makes_that_no_shorter() {
    let permanent = || failed(ErrorClass::Permanent);
    let hold = || failed(ErrorClass::Hold);
    for other in [sent, permanent, hold, cannot_now] {
        let mut desk = wide(2, RouteConfig::default());
        desk.lanes[0].refusals = 4;
        desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
        let gone = all_go(&mut desk, t(1));
        desk.settled(&up(), gone[0].1, cannot_now(), t(2));
        desk.settled(&up(), gone[1].1, other(), t(3));
        let pause = desk.lanes[0].pause.as_ref().expect("it rests");
        assert_eq!((pause.until, desk.lanes[0].refusals), (Some(t(18)), 5));
    }
}

#[test]
fn what_an_upstream_cannot_take_now_goes_by_another_that_can() {
    for parts in [1, 2] {
        let mut desk = wide(1, RouteConfig::default());
        desk.arrive((1..=parts).map(|number| part(1, number, parts, 1)), t(1));
        let gone = all_go(&mut desk, t(1));
        desk.add_lane(Lane::new(RouteId::new("spare"), RouteConfig::default(), TimeZone::UTC));
        desk.facts(&status("spare", None, Level::Ok), t(1));
        desk.settled(&up(), gone[0].1, cannot_now(), t(2));
        let Settled::Retry {
            due_at, exclude_route, ..
        } = end_of(&mut desk, t(2))
        else {
            panic!("it is tried again")
        };
        assert_eq!(due_at, t(2));
        // A message of several parts that had not begun is made anew as a whole, without the route that its parts name. A
        // single part may come back here, where the other route turns out to be none for it.
        assert_eq!(exclude_route, (parts > 1).then(up));
        let remade = std::iter::from_fn(|| desk.poll()).any(|action| matches!(action, Action::Remake { .. }));
        assert_eq!(remade, parts > 1);
        if parts == 1 {
            desk.reloaded(vec![part(1, 1, 1, 1)], true, t(2));
            let (_, route, _) = go(&mut desk, t(2));
            assert_eq!(route.as_str(), "spare");
        }
    }
}

#[test]
fn a_message_that_has_begun_at_an_upstream_waits_for_it() {
    let mut desk = wide(1, RouteConfig::default());
    desk.arrive((1..=2).map(|number| part(1, number, 2, 1)), t(1));
    let gone = all_go(&mut desk, t(1));
    desk.add_lane(Lane::new(RouteId::new("spare"), RouteConfig::default(), TimeZone::UTC));
    desk.facts(&status("spare", None, Level::Ok), t(1));
    desk.settled(&up(), gone[0].1, sent(), t(2));
    let next = all_go(&mut desk, t(2));
    desk.settled(&up(), next[0].1, cannot_now(), t(3));
    let end = end_of(&mut desk, t(3));
    assert!(
        matches!(end, Settled::Retry { due_at, exclude_route: None, .. } if due_at == t(33)),
        "{end:?}"
    );
}
