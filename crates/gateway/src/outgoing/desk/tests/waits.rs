//! What a waiting part is said to wait for.

use message::WaitView;
use router::Limits;

use super::*;

/// What this part waits for, and until which second.
fn waits(desk: &mut Desk, part: &DuePart, now: Timestamp) -> (String, Option<Timestamp>) {
    let wait = desk.waits(std::slice::from_ref(part), now).remove(0);
    assert_eq!(wait.key, part.key);
    let WaitView { reason, until } = wait.wait;
    (reason, until)
}

#[test]
fn a_part_behind_others_knows_how_many() {
    let mut desk = desk(&["a"]);
    let parts = [1, 2, 3].map(|message| part(message, 1, 1, 1));
    desk.arrive(parts.clone(), t(1));
    let turn = |desk: &mut Desk, at: usize| waits(desk, &parts[at], t(1));
    assert_eq!(
        turn(&mut desk, 1),
        ("its turn at a: one part goes before it".into(), None)
    );
    assert_eq!(turn(&mut desk, 2), ("its turn at a: 2 parts go before it".into(), None));
}

#[test]
fn a_limit_that_is_used_up_is_told_with_its_end() {
    let mut desk = desk(&[]);
    let limits = Limits {
        per_minute: Some(1),
        ..Limits::default()
    };
    let config = RouteConfig {
        limits,
        ..RouteConfig::default()
    };
    desk.add_lane(Lane::new(RouteId::new("a"), config, TimeZone::UTC));
    desk.facts(&status("a", None, Level::Ok), t(1));
    desk.arrive([part(1, 1, 1, 1)], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    desk.settled(&route, ticket, sent(), t(2));
    record(&mut desk);
    desk.recorded(&route, 0, Committed::witnessed(None), t(2));
    let second = part(2, 1, 1, 1);
    desk.arrive([second.clone()], t(3));
    let (reason, until) = waits(&mut desk, &second, t(3));
    assert_eq!(reason, "a: its limit of 1 part a minute is used up");
    assert_eq!(until, Some(t(62)));
}

#[test]
fn where_no_route_can_send_each_says_why() {
    let mut desk = desk(&["a", "b"]);
    desk.facts(&status("a", Some("no network"), Level::Ok), t(1));
    desk.facts(&status("b", Some("locked"), Level::Ok), t(1));
    let part = part(1, 1, 1, 1);
    desk.arrive([part.clone()], t(1));
    assert_eq!(waits(&mut desk, &part, t(1)), ("a: no network; b: locked".into(), None));
}

#[test]
fn a_number_that_rests_is_named_and_so_is_the_next_try() {
    let mut desk = desk(&["a"]);
    let first = part(1, 1, 1, 1);
    desk.arrive([first.clone()], t(1));
    let (_, route, ticket) = go(&mut desk, t(1));
    let class = ErrorClass::RetryLater {
        after: Duration::from_secs(300),
        times: None,
        rests: Rests::Recipient,
    };
    desk.settled(&route, ticket, failed(class), t(2));
    let second = DuePart {
        to: first.to.clone(),
        ..part(2, 1, 1, 1)
    };
    let (reason, until) = waits(&mut desk, &second, t(3));
    assert_eq!(
        reason,
        "+4917100000001 could not be reached lately, so nothing is tried there"
    );
    assert_eq!(until, Some(t(302)));
    let again = DuePart {
        attempts: 1,
        due_at: Some(t(302)),
        ..first
    };
    assert_eq!(
        waits(&mut desk, &again, t(3)),
        ("for its next try".into(), Some(t(302)))
    );
}

#[test]
fn what_is_not_to_be_sent_before_a_time_waits_for_that() {
    let mut desk = desk(&["a"]);
    let later = DuePart {
        due_at: Some(t(100)),
        ..part(1, 1, 1, 1)
    };
    assert_eq!(waits(&mut desk, &later, t(1)), ("for its time".into(), Some(t(100))));
}
