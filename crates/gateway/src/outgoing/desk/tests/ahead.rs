//! A route that takes one part more, behind the one that is on its way.

use super::*;

fn deep(route: &str) -> RouteStatus {
    RouteStatus {
        ahead: Ahead::OneMore,
        ..status(route, None, Level::Ok)
    }
}

fn deep_desk() -> Desk {
    let mut desk = desk(&["a"]);
    desk.facts(&deep("a"), t(0));
    desk
}

fn a() -> RouteId {
    RouteId::new("a")
}

/// What the desk asked for.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// Messages that were handed over, with their tickets.
    handed: Vec<(i64, u64)>,
    /// Tickets that were asked back.
    withdrawn: Vec<u64>,
    /// Messages whose attempts were recorded ahead.
    ahead: Vec<i64>,
    /// Ends that were recorded.
    ends: Vec<Settled>,
}

/// Lets the store record all that is asked.
fn serve(desk: &mut Desk, now: Timestamp) -> Seen {
    let mut seen = Seen::default();
    while let Some(action) = desk.poll() {
        match action {
            Action::Record { route, hand, progress } => {
                seen.ends.extend(progress.settle.map(|settle| settle.result));
                let attempted = progress.attempt.map(attempted);
                let ahead = attempted.iter().filter(|attempted| attempted.ahead);
                seen.ahead.extend(ahead.map(|attempted| attempted.key.message));
                desk.recorded(&route, hand, Committed::witnessed(attempted), now);
            }
            Action::Submit(handover) => {
                seen.handed.push((handover.proof.get().key.message, handover.ticket));
            }
            Action::Withdraw { ticket, .. } => seen.withdrawn.push(ticket),
            Action::Reload(_) => desk.not_reloaded(),
            other => panic!("{other:?}"),
        }
    }
    seen
}

fn not_begun() -> Outcome {
    Outcome::NotBegun {
        reason: "taken back".into(),
    }
}

#[test]
fn the_next_part_is_on_record_and_handed_over_while_one_is_on_its_way() {
    let mut desk = deep_desk();
    desk.arrive((1..=4).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    let [(1, first), (2, second)] = seen.handed[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(seen.ahead, [2], "only what stands behind is ahead of its turn");
    assert!(second > first);
    desk.settled(&a(), first, sent(), t(2));
    let seen = serve(&mut desk, t(2));
    assert_eq!(
        (seen.handed[0].0, &seen.ahead[..]),
        (3, &[3][..]),
        "the second is on its way now"
    );
    assert_eq!(seen.handed.len(), 1);
}

#[test]
fn what_is_more_urgent_passes_the_part_that_stands_behind() {
    let mut desk = deep_desk();
    desk.arrive((1..=3).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    let behind = seen.handed[1].1;
    desk.arrive([part(9, 1, 1, 3)], t(2));
    assert_eq!(serve(&mut desk, t(2)).withdrawn, [behind]);
    desk.arrive([part(10, 1, 1, 3)], t(2));
    assert_eq!(
        serve(&mut desk, t(2)).withdrawn,
        Vec::<u64>::new(),
        "it is asked back once"
    );
    desk.settled(&a(), behind, not_begun(), t(2));
    let seen = serve(&mut desk, t(2));
    assert_eq!(seen.ends, [Settled::Requeued], "nothing is held against it");
    assert_eq!((seen.handed[0].0, seen.handed.len()), (9, 1), "the alarm stands next");
    assert!(desk.lanes[0].is_usable(), "and the route does not rest for it");
}

#[test]
fn what_is_urgent_and_rests_asks_nothing_back() {
    let mut desk = deep_desk();
    desk.arrive([part(9, 1, 1, 3)], t(1));
    let seen = serve(&mut desk, t(1));
    let later = ErrorClass::RetryLater {
        after: Duration::from_secs(60),
        times: None,
        rests: Rests::Recipient,
    };
    desk.settled(&a(), seen.handed[0].1, failed(later), t(2));
    serve(&mut desk, t(2));
    let to_it = DuePart {
        to: part(9, 1, 1, 3).to,
        ..part(10, 1, 1, 3)
    };
    desk.arrive([to_it, part(1, 1, 1, 1), part(2, 1, 1, 1)], t(3));
    let seen = serve(&mut desk, t(3));
    assert_eq!((seen.handed.len(), seen.withdrawn.len()), (2, 0), "{seen:?}");
}

#[test]
fn a_part_that_was_asked_back_too_late_ends_as_any_other() {
    let mut desk = deep_desk();
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    let [(_, first), (_, behind)] = seen.handed[..] else {
        panic!("{seen:?}")
    };
    desk.arrive([part(9, 1, 1, 3)], t(2));
    serve(&mut desk, t(2));
    desk.settled(&a(), first, sent(), t(2));
    let seen = serve(&mut desk, t(2));
    assert_eq!(seen.handed[0].0, 9);
    desk.settled(&a(), behind, sent(), t(3));
    let seen = serve(&mut desk, t(3));
    assert!(matches!(seen.ends[..], [Settled::Sent { .. }]), "{seen:?}");
}

#[test]
fn a_message_of_several_parts_is_begun_in_its_turn_only() {
    let mut desk = deep_desk();
    desk.arrive(
        [part(1, 1, 1, 1), part(2, 1, 2, 1), part(2, 2, 2, 1), part(3, 1, 1, 1)],
        t(1),
    );
    let seen = serve(&mut desk, t(1));
    assert_eq!(seen.handed.iter().map(|(message, _)| *message).collect::<Vec<_>>(), [1]);
    desk.settled(&a(), seen.handed[0].1, sent(), t(2));
    let seen = serve(&mut desk, t(2));
    assert_eq!(
        seen.handed.iter().map(|(message, _)| *message).collect::<Vec<_>>(),
        [2],
        "its first part"
    );
    desk.settled(&a(), seen.handed[0].1, sent(), t(3));
    let seen = serve(&mut desk, t(3));
    let handed: Vec<i64> = seen.handed.iter().map(|(message, _)| *message).collect();
    assert_eq!(
        (&handed[..], &seen.ahead[..]),
        (&[2, 3][..], &[3][..]),
        "its second, and the next behind it"
    );
}

#[test]
fn what_stands_behind_a_part_that_takes_too_long_goes_elsewhere() {
    let mut desk = desk(&["a", "b"]);
    desk.facts(&deep("a"), t(0));
    desk.facts(&status("b", Some("no network"), Level::Warning), t(0));
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    let [(1, _), (2, behind)] = seen.handed[..] else {
        panic!("{seen:?}")
    };
    desk.facts(&status("b", None, Level::Ok), t(2));
    desk.tick(t(16));
    assert_eq!(serve(&mut desk, t(16)).withdrawn, [behind]);
    desk.settled(&a(), behind, not_begun(), t(16));
    assert_eq!(serve(&mut desk, t(16)).ends, [Settled::Requeued]);
    assert!(!desk.lanes[0].is_usable(), "the modem still hangs");
    desk.arrive([part(2, 1, 1, 1)], t(17));
    let seen = serve(&mut desk, t(17));
    assert_eq!((seen.handed[0].0, desk.lanes[1].load()), (2, 1));
}

#[test]
fn what_waits_for_a_busy_route_goes_by_one_that_has_nothing_to_do() {
    let mut desk = desk(&["a", "b"]);
    desk.facts(&deep("a"), t(0));
    desk.facts(&status("b", Some("no network"), Level::Warning), t(0));
    desk.arrive((1..=3).map(|message| part(message, 1, 1, 1)), t(1));
    assert_eq!(serve(&mut desk, t(1)).handed.len(), 2, "one of them stands behind");
    desk.facts(&status("b", None, Level::Ok), t(2));
    desk.tick(t(3));
    let seen = serve(&mut desk, t(3));
    assert_eq!(
        (seen.handed[0].0, desk.lanes[1].load()),
        (3, 1),
        "the last one that waited"
    );
}

#[test]
fn the_time_of_a_part_behind_counts_from_its_turn() {
    let mut desk = deep_desk();
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    desk.settled(&a(), seen.handed[0].1, sent(), t(12));
    serve(&mut desk, t(12));
    desk.tick(t(20));
    assert!(desk.lanes[0].is_usable(), "it is on its way for 8 s");
    desk.tick(t(27));
    assert!(!desk.lanes[0].is_usable(), "and now for 15 s");
}

#[test]
fn a_modem_that_gives_a_part_back_by_itself_gets_a_rest() {
    let mut desk = deep_desk();
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    desk.settled(&a(), seen.handed[1].1, not_begun(), t(2));
    let seen = serve(&mut desk, t(2));
    assert!(
        matches!(&seen.ends[..], [Settled::Held { reason, .. }] if reason == "taken back"),
        "{seen:?}"
    );
    assert!(!desk.lanes[0].is_usable());
}

#[test]
fn a_desk_that_closes_waits_for_what_has_begun_alone() {
    let mut desk = deep_desk();
    desk.arrive((1..=3).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    let [(1, first), (2, behind)] = seen.handed[..] else {
        panic!("{seen:?}")
    };
    desk.close();
    assert_eq!(serve(&mut desk, t(1)).withdrawn, [behind]);
    desk.settled(&a(), behind, not_begun(), t(1));
    desk.settled(&a(), first, sent(), t(2));
    let seen = serve(&mut desk, t(2));
    assert_eq!((seen.ends.len(), seen.handed.len()), (2, 0));
    assert!(!desk.is_working());
}

#[test]
fn a_message_that_stands_behind_is_asked_back_and_begins_nowhere_until_it_is_let_go() {
    let mut desk = deep_desk();
    desk.arrive((1..=2).map(|message| part(message, 1, 1, 1)), t(1));
    let seen = serve(&mut desk, t(1));
    let [(1, first), (2, behind)] = seen.handed[..] else {
        panic!("{seen:?}")
    };
    assert!(!desk.ask_back(id(1)), "it is on its way");
    assert!(!desk.ask_back(id(7)), "nobody has it");
    assert!(desk.ask_back(id(2)));
    assert_eq!(serve(&mut desk, t(1)).withdrawn, [behind]);
    desk.settled(&a(), behind, not_begun(), t(1));
    assert_eq!(serve(&mut desk, t(1)).ends, [Settled::Requeued]);
    desk.arrive([part(2, 1, 1, 1)], t(2));
    desk.settled(&a(), first, sent(), t(2));
    assert!(
        serve(&mut desk, t(2)).handed.is_empty(),
        "the store shows it, and it is not let go"
    );
    desk.remade(id(2), None, t(3));
    desk.arrive([part(2, 1, 1, 1)], t(3));
    assert_eq!(serve(&mut desk, t(3)).handed[0].0, 2);
}
