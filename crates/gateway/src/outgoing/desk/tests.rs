//! The desk against a carrier and a store in memory, with time as a variable.

use jiff::tz::TimeZone;
use message::{Level, OnUncertain, Outcome, Priority, Rests};
use router::RouteConfig;
use store::Attempt;

use crate::carrier::Ahead;

use super::*;

mod ahead;
mod rests;
mod waits;
mod wide;

fn t(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn desk(routes: &[&str]) -> Desk {
    let rules = Rules {
        max_attempts: 20,
        uncertain_wait: Duration::from_secs(120),
    };
    let mut desk = Desk::new(rules, RoutingConfig::default());
    for route in routes {
        let id = RouteId::new(route);
        desk.add_lane(Lane::new(id.clone(), RouteConfig::default(), TimeZone::UTC));
        desk.facts(&status(route, None, Level::Ok), t(0));
    }
    // The first look finds nothing.
    assert!(matches!(desk.poll(), Some(Action::Reload(Page::First))));
    desk.reloaded(Vec::new(), true, t(0));
    desk.tick(t(1));
    desk
}

fn part(message: i64, part: u8, parts: u8, priority: u8) -> DuePart {
    DuePart {
        key: PartKey { message, part },
        message: id(message),
        parts,
        priority: Priority(priority),
        seq: message,
        to: Number::International(format!("4917100000{message:03}")),
        from: None,
        strict: true,
        route: None,
        tpdu: vec![1, 0, 1, 0x91, 0xf1, 0, 0, 0],
        report: true,
        expires_at: t(86_400),
        due_at: None,
        attempts: 0,
        excluded: Vec::new(),
        on_uncertain: OnUncertain::Resend,
        token: None,
    }
}

fn id(message: i64) -> MessageId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&message.to_be_bytes());
    MessageId::from_bytes(bytes)
}

/// What the desk asks to be recorded next.
fn record(desk: &mut Desk) -> (RouteId, Progress) {
    match desk.poll() {
        Some(Action::Record { route, progress, .. }) => (route, progress),
        other => panic!("a record, not {other:?}"),
    }
}

/// Lets the store record, and answers what goes out.
fn go(desk: &mut Desk, now: Timestamp) -> (PartKey, RouteId, u64) {
    let (route, progress) = record(desk);
    hand_over(desk, route, progress, now)
}

fn hand_over(desk: &mut Desk, route: RouteId, progress: Progress, now: Timestamp) -> (PartKey, RouteId, u64) {
    let attempt = progress.attempt.expect("an attempt");
    let attempted = Attempted {
        key: attempt.key,
        route: route.clone(),
        attempts: 1,
        ahead: attempt.ahead,
    };
    desk.recorded(&route, 0, Committed::witnessed(Some(attempted)), now);
    match desk.poll() {
        Some(Action::Submit(handover)) => (attempt.key, handover.route, handover.ticket),
        other => panic!("a handover, not {other:?}"),
    }
}

/// How a carrier tells that a route stands.
fn status(route: &str, obstacle: Option<&str>, level: Level) -> RouteStatus {
    RouteStatus {
        route: RouteId::new(route),
        number: None,
        network: None,
        obstacle: obstacle.map(|sentence| crate::Obstacle {
            sentence: sentence.to_owned(),
            needs_operator: false,
        }),
        level,
        at_once: 1,
        ahead: Ahead::None,
    }
}

fn sent() -> Outcome {
    Outcome::Sent { reference: Some(7) }
}

fn ended(outcome: Outcome, entry: JournalEntry) -> End {
    End {
        journal: Some(entry),
        ..End::from(outcome)
    }
}

fn failed(class: ErrorClass) -> Outcome {
    Outcome::Failed(Failure {
        class,
        cause: Cause::Cms(38),
        reason: "network out of order".into(),
    })
}

#[test]
fn nothing_is_handed_over_before_its_attempt_is_on_record() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1)], t(1));
    let (route, progress) = record(&mut desk);
    assert_eq!(
        progress.attempt.map(|attempt| attempt.key),
        Some(PartKey { message: 1, part: 1 })
    );
    assert!(desk.poll().is_none(), "the desk waits for the store");
    desk.unrecorded(&route, 0, t(1));
    assert!(desk.poll().is_none(), "a store that cannot record sends nothing");
    assert_eq!(desk.due(), Some(t(2)));
    desk.tick(t(2));
    assert!(
        matches!(desk.poll(), Some(Action::Record { .. })),
        "and it is tried again"
    );
}

#[test]
fn the_end_of_one_attempt_and_the_beginning_of_the_next_are_one_record() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(1));
    let (first, route, ticket) = go(&mut desk, t(1));
    assert!(matches!(
        desk.settled(&route, ticket, sent(), t(2)),
        Ended::Settled(None)
    ));
    let (_, progress) = record(&mut desk);
    assert_eq!(progress.settle.map(|settle| settle.key), Some(first));
    assert_eq!(progress.attempt.map(|attempt| attempt.key.message), Some(2));
}

#[test]
fn what_lies_of_an_attempt_on_the_modem_is_gone_before_the_next_begins() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(1));
    let route = end_with_entry(&mut desk);
    match desk.poll() {
        Some(Action::Free { route: on, entry: told }) => assert_eq!((on, told.into_inner()), (route.clone(), entry(3))),
        other => panic!("it is freed, not {other:?}"),
    }
    assert!(desk.is_working() && desk.poll().is_none());
    desk.freed(&route, &entry(4), t(2));
    assert!(desk.poll().is_none(), "that was another entry");
    desk.freed(&route, &entry(3), t(3));
    assert_eq!(go(&mut desk, t(3)).0.message, 2);
}

#[test]
fn a_modem_that_never_says_what_became_of_an_entry_holds_its_lane_for_a_while_only() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(1));
    end_with_entry(&mut desk);
    assert!(matches!(desk.poll(), Some(Action::Free { .. })));
    desk.tick(t(31));
    assert_eq!(desk.due(), Some(t(32)));
    assert!(desk.poll().is_none());
    desk.tick(t(32));
    assert_eq!(go(&mut desk, t(32)).0.message, 2);
}

#[test]
fn the_entry_of_an_uncertain_attempt_stays_to_tell_what_became_of_it() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1)], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    let reason = String::from("no answer");
    desk.settled(&route, ticket, ended(Outcome::Uncertain { reason }, entry(3)), t(2));
    let (_, progress) = record(&mut desk);
    assert_eq!(progress.settle.and_then(|settle| settle.journal), None);
    desk.recorded(&route, 0, Committed::witnessed(None), t(2));
    assert!(!matches!(desk.poll(), Some(Action::Free { .. })));
}

/// Sends the first part, of which something lies on the modem afterwards, until its end is recorded.
fn end_with_entry(desk: &mut Desk) -> RouteId {
    let (_, route, ticket) = go(desk, t(1));
    desk.settled(&route, ticket, ended(sent(), entry(3)), t(2));
    let (route, progress) = record(desk);
    assert_eq!(progress.settle.and_then(|settle| settle.journal), Some(entry(3)));
    assert_eq!(progress.attempt, None, "the end is recorded alone");
    desk.recorded(&route, 0, Committed::witnessed(None), t(2));
    route
}

fn entry(index: u16) -> JournalEntry {
    JournalEntry {
        place: message::Memory { name: *b"SM", index },
        tpdu: part(1, 1, 1, 1).tpdu,
    }
}

#[test]
fn an_alarm_overtakes_what_waits() {
    let mut desk = desk(&["a"]);
    desk.arrive((1..=3).map(|message| part(message, 1, 1, 0)), t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.arrive([part(9, 1, 1, 3)], t(1));
    desk.settled(&route, ticket, sent(), t(2));
    let (_, progress) = record(&mut desk);
    assert_eq!(progress.attempt.map(|attempt| attempt.key.message), Some(9));
}

#[test]
fn equal_sims_share_the_work() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let (one, other) = (record(&mut desk).0, record(&mut desk).0);
    assert_ne!(one, other);
}

#[test]
fn parts_of_one_message_leave_from_one_sim() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=3).map(|number| part(1, number, 3, 1)), t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    assert!(desk.poll().is_none(), "the other SIM gets none of it");
    desk.settled(&route, ticket, sent(), t(2));
    assert_eq!(record(&mut desk).0, route);
}

#[test]
fn a_dead_number_rests_and_the_next_message_goes_on() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.settled(
        &route,
        ticket,
        failed(ErrorClass::RetryLater {
            after: Duration::ZERO,
            times: None,
            rests: Rests::Recipient,
        }),
        t(2),
    );
    let (_, progress) = record(&mut desk);
    let settle = progress.settle.expect("the failure is recorded");
    assert!(matches!(settle.result, Settled::Retry { due_at, .. } if due_at == t(7)));
    assert_eq!(progress.attempt.map(|attempt| attempt.key.message), Some(2));
}

#[test]
fn a_sim_that_goes_away_gives_back_what_it_had_not_begun() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=4).map(|message| part(message, 1, 1, 1)), t(1));
    let (one, other) = (record(&mut desk), record(&mut desk));
    let first = hand_over(&mut desk, one.0, one.1, t(1));
    let second = hand_over(&mut desk, other.0, other.1, t(1));
    desk.facts(&status(first.1.as_str(), Some("unplugged"), Level::Critical), t(2));
    desk.tick(t(3));
    desk.settled(&second.1, second.2, sent(), t(3));
    let (route, progress) = record(&mut desk);
    assert_eq!(route, second.1);
    let next = progress.attempt.expect("the other SIM goes on");
    desk.recorded(
        &route,
        0,
        Committed::witnessed(Some(Attempted {
            key: next.key,
            route: route.clone(),
            attempts: 1,
            ahead: false,
        })),
        t(3),
    );
    let Some(Action::Submit(handover)) = desk.poll() else {
        panic!("goes out")
    };
    desk.settled(&route, handover.ticket, sent(), t(4));
    assert!(
        record(&mut desk).1.attempt.is_some(),
        "all that waited goes over the other SIM"
    );
}

#[test]
fn what_no_other_sim_can_carry_is_not_made_anew_and_what_went_out_stays_so() {
    let mut desk = desk(&["a"]);
    desk.arrive((1..=3).map(|number| part(1, number, 3, 1)), t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.settled(&route, ticket, sent(), t(2));
    let (route, progress) = record(&mut desk);
    let (_, route, ticket) = hand_over(&mut desk, route, progress, t(2));
    desk.settled(&route, ticket, failed(ErrorClass::OtherRoute), t(3));
    let mut ends = Vec::new();
    while let Some(action) = desk.poll() {
        match action {
            Action::Settle(settle) => ends.push((settle.key.part, settle.result)),
            Action::Record { progress, .. } => {
                assert!(progress.attempt.is_none(), "the third part is not sent");
                ends.extend(progress.settle.map(|settle| (settle.key.part, settle.result)));
            }
            Action::Reload(_) => desk.not_reloaded(),
            other => panic!("{other:?}"),
        }
    }
    ends.sort_by_key(|(part, _)| *part);
    // The store lets the first one alone: it went out.
    assert!(
        matches!(
            &ends[..],
            [(1, Settled::Refused { .. }), (2, Settled::Failed { .. }), (3, Settled::Refused { failure })]
                if failure.reason.starts_with("not sent, since part 2 cannot go out")
        ),
        "{ends:#?}"
    );
}

#[test]
fn what_cannot_leave_from_one_sim_is_made_anew_for_another() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=2).map(|number| part(1, number, 2, 1)), t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.settled(&route, ticket, failed(ErrorClass::OtherRoute), t(2));
    let (_, progress) = record(&mut desk);
    assert!(
        progress.attempt.is_none(),
        "the second part does not go out under the old reference"
    );
    let remade = |action: Option<Action>| match action {
        Some(Action::Remake { message, remake }) => Some((message, remake.exclude)),
        _ => None,
    };
    desk.unrecorded(&route, 0, t(2));
    assert!(desk.poll().is_none(), "not made anew before the failure is on record");
    desk.tick(t(3));
    record(&mut desk);
    desk.recorded(&route, 0, Committed::witnessed(None), t(3));
    assert_eq!(remade(desk.poll()), Some((id(1), Some(route.clone()))));
    assert!(matches!(desk.poll(), Some(Action::Reload(_))));
    desk.reloaded((1..=2).map(|number| part(1, number, 2, 1)).collect(), true, t(3));
    assert!(desk.poll().is_none(), "what the store shows meanwhile is the old form");
    let anew = (1..=2).map(|number| DuePart {
        excluded: vec![route.clone()],
        ..part(1, number, 2, 1)
    });
    desk.remade(id(1), Some(anew.collect()), t(4));
    assert_ne!(record(&mut desk).0, route, "it leaves from the other SIM");
}

#[test]
fn an_uncertain_attempt_is_remembered_and_not_repeated() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1)], t(1));
    let (key, route, ticket) = go(&mut desk, t(1));
    let uncertain = Outcome::Uncertain {
        reason: "no answer".into(),
    };
    assert!(matches!(desk.settled(&route, ticket, uncertain, t(181)), Ended::Settled(Some(told)) if told == key));
    let (_, progress) = record(&mut desk);
    let settle = progress.settle.expect("it is recorded");
    assert!(matches!(settle.result, Settled::Uncertain { until, .. } if until == t(301)));
    assert!(
        matches!(desk.settled(&route, ticket, sent(), t(182)), Ended::Unknown(_)),
        "a late answer is told apart"
    );
}

#[test]
fn a_message_taken_back_meanwhile_is_not_sent() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(1));
    let (route, _) = record(&mut desk);
    desk.recorded(&route, 0, Committed::witnessed(None), t(1));
    assert_eq!(go(&mut desk, t(1)).0.message, 2);
}

#[test]
fn a_backlog_that_waits_leaves_room_and_is_read_again() {
    let mut desk = desk(&["a"]);
    desk.facts(&status("a", Some("away"), Level::Critical), t(0));
    let many = i64::try_from(WAITING).unwrap() + 10;
    desk.arrive((1..=many).map(|message| part(message, 1, 1, 1)), t(1));
    assert_eq!(desk.known.len(), WAITING);
    desk.arrive([part(many + 1, 1, 1, 3)], t(1));
    assert_eq!(desk.known.len(), WAITING + 1, "an alarm finds a place");
    desk.facts(&status("a", None, Level::Ok), t(2));
    desk.tick(t(3));
    assert!(matches!(desk.poll(), Some(Action::Record { .. })));
    let Some(Action::Reload(Page::After(_, key))) = desk.poll() else {
        panic!("what was left in the store is read")
    };
    assert_eq!((key.message, key.part), (1025, 0), "and nothing that the lane holds");
}

#[test]
fn a_long_backlog_of_one_sim_leaves_the_other_its_work() {
    let mut desk = desk(&["a", "b"]);
    let from = |message, route| DuePart {
        from: Some(RouteId::new(route)),
        ..part(message, 1, 1, 1)
    };
    desk.arrive((1..=20_000).map(|message| from(message, "a")), t(1));
    desk.arrive([from(20_001, "b")], t(1));
    let routes = [record(&mut desk).0, record(&mut desk).0];
    assert_eq!(routes.map(|route| route.to_string()), ["a", "b"]);
    assert!(desk.known.len() <= desk.lane_room() + 2);
}

#[test]
fn a_closing_desk_finishes_and_begins_nothing() {
    let mut desk = desk(&["a"]);
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.close();
    desk.settled(&route, ticket, sent(), t(2));
    let (_, progress) = record(&mut desk);
    assert!(progress.settle.is_some() && progress.attempt.is_none());
    desk.recorded(&route, 0, Committed::witnessed(None), t(2));
    assert!(!desk.is_working());
}

#[test]
fn a_begun_message_whose_sim_stays_away_moves_as_a_whole() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=2).map(|number| part(1, number, 2, 1)), t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.settled(&route, ticket, sent(), t(2));
    let (_, progress) = record(&mut desk);
    assert!(progress.attempt.is_some());
    desk.recorded(&route, 0, Committed::witnessed(None), t(2));
    let begun = DuePart {
        route: Some(route.clone()),
        ..part(1, 2, 2, 1)
    };
    desk.facts(&status(route.as_str(), Some("unplugged"), Level::Critical), t(3));
    desk.arrive([begun], t(3));
    desk.tick(t(10));
    assert!(desk.poll().is_none(), "it waits for its SIM");
    desk.tick(t(700));
    assert!(matches!(desk.poll(), Some(Action::Remake { .. })));
}

#[test]
fn what_waits_behind_an_exchange_that_takes_too_long_goes_elsewhere() {
    let mut desk = desk(&["a", "b"]);
    let b = RouteId::new("b");
    desk.facts(&status(b.as_str(), Some("no network"), Level::Warning), t(1));
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 3)], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    assert_eq!(route.as_str(), "a");
    desk.facts(&status(b.as_str(), None, Level::Ok), t(2));
    desk.arrive([part(3, 1, 1, 1)], t(2));
    desk.tick(t(3));
    let (_, second, other) = go(&mut desk, t(3));
    assert_eq!(second.as_str(), "b", "the lane without work takes one");
    desk.settled(&b, other, sent(), t(4));

    assert!(desk.due().is_some_and(|due| due <= t(16)), "{:?}", desk.due());
    while let Some(action) = desk.poll() {
        if let Action::Record { route, progress, .. } = action {
            desk.recorded(&route, 0, Committed::witnessed(progress.attempt.map(attempted)), t(4));
        }
    }
    let to = Number::International("4917100000009".into());
    desk.tick(t(16));
    desk.tick(t(17));
    let told = desk.explain(
        &Question {
            to: to.clone(),
            allowed: None,
        },
        t(17),
    );
    assert_eq!(told.chosen, Some(b), "{told:?}");
    assert!(
        told.routes
            .iter()
            .any(|route| route.why.contains("busy with one message"))
    );
    desk.settled(&RouteId::new("a"), ticket, sent(), t(18));
    desk.tick(t(19));
    let told = desk.explain(&Question { to, allowed: None }, t(19));
    assert!(told.routes.iter().all(|route| route.usable), "{told:?}");
}

#[test]
fn a_modem_that_takes_nothing_keeps_no_part_waiting() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive([part(1, 1, 1, 1)], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    let refused = Outcome::Failed(Failure {
        class: ErrorClass::Hold,
        cause: Cause::Gateway,
        reason: "the modem is not ready: Recovering".into(),
    });
    desk.settled(&route, ticket, refused, t(2));
    let (_, progress) = record(&mut desk);
    assert!(
        matches!(&progress.settle, Some(Settle { result: Settled::Held { due_at, .. }, .. }) if *due_at == t(2)),
        "{progress:?}"
    );
    desk.recorded(&route, 0, Committed::witnessed(None), t(2));
    assert!(
        matches!(desk.poll(), Some(Action::Reload(Page::First))),
        "it is read again once it is kept"
    );
    desk.reloaded(vec![part(1, 1, 1, 1)], true, t(2));
    let (_, other, _) = go(&mut desk, t(2));
    assert_ne!(other, route, "the other SIM takes it at once");
}

#[test]
fn the_parts_of_a_message_that_has_begun_stay_together() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=4).map(|number| part(1, number, 4, 1)), t(1));
    let (_, home, ticket) = go(&mut desk, t(1));
    let other = RouteId::new(if home.as_str() == "a" { "b" } else { "a" });
    // Another SIM comes and goes while one has nothing to do, and then the exchange takes long.
    desk.facts(&status(other.as_str(), Some("no network"), Level::Warning), t(2));
    desk.facts(&status(other.as_str(), None, Level::Ok), t(3));
    for second in 4..30 {
        desk.tick(t(second));
        assert!(
            !matches!(desk.poll(), Some(Action::Record { .. })),
            "nothing begins on {other}"
        );
    }
    desk.settled(&home, ticket, sent(), t(30));
    for second in 30..33 {
        desk.tick(t(second));
        let (_, route, ticket) = go(&mut desk, t(second));
        assert_eq!(route, home);
        desk.settled(&home, ticket, sent(), t(second));
    }
}

fn attempted(attempt: Attempt) -> Attempted {
    Attempted {
        key: attempt.key,
        route: attempt.route,
        attempts: 1,
        ahead: attempt.ahead,
    }
}

#[test]
fn an_alarm_goes_next_however_much_waits_and_however_urgent_that_is() {
    let mut desk = desk(&["a"]);
    let bulk = |first: i64, count: usize, priority: u8| {
        let numbers = first..first + i64::try_from(count).unwrap();
        numbers.map(move |message| part(message, 1, 1, priority))
    };
    desk.arrive(bulk(1, WINDOW, 0), t(1));
    desk.arrive(bulk(100_000, WINDOW * 2, 2), t(1));
    desk.tick(t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.arrive([part(500_000, 1, 1, Priority::ALARM.0)], t(2));
    desk.settled(&route, ticket, sent(), t(3));
    let (next, ..) = go(&mut desk, t(3));
    assert_eq!(next.message, 500_000);
}

/// The desk's settings with these routes, of which `fresh` are new or have other settings.
fn reordered(routes: &[&str], fresh: &[&str]) -> Reordered {
    let lane = |route: &&str| Lane::new(RouteId::new(route), RouteConfig::default(), TimeZone::UTC);
    Reordered {
        lanes: fresh.iter().map(lane).collect(),
        routes: routes.iter().map(|route| RouteId::new(route)).collect(),
        routing: RoutingConfig::default(),
        max_attempts: 20,
    }
}

/// Lets the store record two beginnings, and answers what goes out.
fn both_go(desk: &mut Desk, now: Timestamp) -> [(PartKey, RouteId, u64); 2] {
    let records = [record(desk), record(desk)];
    records.map(|(route, progress)| hand_over(desk, route, progress, now))
}

#[test]
fn a_route_that_goes_finishes_what_its_modem_has_and_gives_the_rest_away() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=4).map(|message| part(message, 1, 1, 1)), t(1));
    let [(first, gone, ticket), (_, stays, other)] = both_go(&mut desk, t(1));
    desk.reorder(reordered(&[stays.as_str()], &[]), t(2));
    desk.tick(t(3));
    assert!(desk.poll().is_none(), "the one that stays is busy, undisturbed");
    desk.facts(&status(gone.as_str(), None, Level::Ok), t(3));
    assert!(matches!(
        desk.settled(&gone, ticket, sent(), t(4)),
        Ended::Settled(None)
    ));
    let (route, progress) = record(&mut desk);
    assert_eq!((&route, progress.settle.map(|settle| settle.key)), (&gone, Some(first)));
    assert!(progress.attempt.is_none(), "nothing more begins there");
    desk.recorded(&gone, 0, Committed::witnessed(None), t(4));
    for now in [5, 6] {
        desk.settled(&stays, other + u64::from(now == 6), sent(), t(now));
        let (_, route, _) = go(&mut desk, t(now));
        assert_eq!(route, stays, "what waited goes over the one that is left");
    }
    let told = desk.explain(
        &Question {
            to: Number::International("491710000001".into()),
            allowed: None,
        },
        t(7),
    );
    assert_eq!(told.routes.len(), 1, "it is no route any more: {told:?}");
}

#[test]
fn a_message_that_had_begun_on_a_route_that_goes_is_made_anew_elsewhere() {
    let mut desk = desk(&["a", "b"]);
    desk.arrive((1..=2).map(|number| part(1, number, 2, 1)), t(1));
    let (_, gone, ticket) = go(&mut desk, t(1));
    let stays = if gone.as_str() == "a" { "b" } else { "a" };
    desk.reorder(reordered(&[stays], &[]), t(2));
    desk.tick(t(2));
    let Some(Action::Remake { message, remake }) = desk.poll() else {
        panic!("its second part can not follow there")
    };
    assert_eq!((message, remake.exclude), (id(1), Some(gone.clone())));
    desk.remade(message, None, t(3));
    desk.settled(&gone, ticket, sent(), t(3));
    assert!(desk.is_working(), "its end is still to be recorded");
}

#[test]
fn a_route_that_comes_back_and_one_that_is_new_are_used_once_they_are_heard_of() {
    let mut desk = desk(&["a"]);
    desk.reorder(reordered(&[], &[]), t(1));
    desk.reorder(reordered(&["a", "n"], &["a", "n"]), t(2));
    desk.arrive([part(1, 1, 1, 1), part(2, 1, 1, 1)], t(2));
    assert!(desk.poll().is_none(), "nothing is known of them");
    for route in ["a", "n"] {
        desk.facts(&status(route, None, Level::Ok), t(3));
    }
    desk.tick(t(4));
    let used = both_go(&mut desk, t(4)).map(|(_, route, _)| route);
    assert!(
        used.iter().any(|route| route.as_str() == "a") && used.iter().any(|route| route.as_str() == "n"),
        "{used:?}"
    );
}
