//! A clock that is set: what waits still waits as long as before.

use jiff::SignedDuration;
use message::PartState;
use store::{Policies, ProbeKind, Settled};

use crate::common::{Bench, failure, message, t};

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_a_year_makes_nothing_wait_for_a_year_and_loses_nothing() {
    let bench = Bench::new();
    let waiting = bench.accept(message(1)).await;
    let scheduled = bench
        .accept(store::NewMessage {
            send_at: Some(t(5_000)),
            ..message(1)
        })
        .await;
    // It failed once and is tried again in a minute.
    let part = waiting.due[0].key;
    bench.attempt(part, "sim1", t(10)).await.expect("attempted");
    let again = Settled::Retry {
        due_at: t(70),
        failure: failure(),
        exclude_route: None,
    };
    bench.settle(part, "sim1", t(11), again).await;
    assert_eq!(bench.store.newest().await.expect("read"), Some(t(0)));

    let moved = bench.store.move_deadlines(-YEAR, t(20) - YEAR).await.expect("moved");
    assert!(*moved.get() >= 2, "{moved:?}");
    let early = bench
        .store
        .tick(t(60) - YEAR, &Policies::default())
        .await
        .expect("ticked")
        .into_inner();
    assert_eq!((early.woken, early.expired.len()), (0, 0));
    let ticked = bench
        .store
        .tick(t(71) - YEAR, &Policies::default())
        .await
        .expect("ticked")
        .into_inner();
    assert_eq!((ticked.woken, ticked.expired.len()), (1, 0), "a minute after it failed");

    // What is to be sent at a time keeps it.
    let view = bench
        .store
        .status(scheduled.accepted.id)
        .await
        .expect("read")
        .expect("known");
    assert_eq!((view.send_at, view.parts[0].state), (Some(t(5_000)), PartState::Queued));
    assert!(view.expires_at > t(5_000));

    // Set right again, nothing has expired meanwhile, and nothing is sent twice.
    bench.store.move_deadlines(YEAR, t(80)).await.expect("moved");
    let ticked = bench
        .store
        .tick(t(81), &Policies::default())
        .await
        .expect("ticked")
        .into_inner();
    assert_eq!((ticked.expired.len(), ticked.resent.len()), (0, 0));
    let view = bench
        .store
        .status(waiting.accepted.id)
        .await
        .expect("read")
        .expect("known");
    assert_eq!((view.parts[0].state, view.parts[0].attempts), (PartState::Queued, 1));
    assert_eq!(
        bench.store.integrity_check().await.expect("checked"),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validity_ends_as_long_after_its_beginning_as_before() {
    let bench = Bench::new();
    let message = message(1);
    let length = message.expires_at.duration_since(message.accepted_at);
    let id = bench.accept(message).await.accepted.id;
    bench.store.move_deadlines(-YEAR, t(0) - YEAR).await.expect("moved");
    let last = t(0) - YEAR + length;
    let before = bench
        .store
        .tick(last - SignedDuration::from_secs(1), &Policies::default())
        .await
        .expect("ticked");
    assert_eq!(before.get().expired, []);
    let after = bench.store.tick(last, &Policies::default()).await.expect("ticked");
    assert_eq!(after.get().expired, [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn since_when_a_test_is_wanted_is_kept_while_it_is() {
    let bench = Bench::new();
    let since = |wanted, at| bench.store.probe_since(ProbeKind::Ring, wanted, at);
    assert_eq!(since(true, t(1)).await.expect("kept"), t(1));
    assert_eq!(since(true, t(9)).await.expect("kept"), t(1));
    since(false, t(10)).await.expect("forgotten");
    assert_eq!(since(true, t(11)).await.expect("kept"), t(11));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_after_the_clock_was_set_back_does_not_find_that_once_more() {
    let bench = Bench::new();
    bench.accept(message(1)).await;
    bench.store.move_deadlines(-YEAR, t(1) - YEAR).await.expect("moved");
    assert_eq!(bench.store.newest().await.expect("read"), Some(t(1) - YEAR));
    let late = store::NewMessage {
        accepted_at: t(2) - YEAR,
        ..message(1)
    };
    bench.accept(late).await;
    assert_eq!(bench.store.newest().await.expect("read"), Some(t(2) - YEAR));
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_know_by_how_much_they_have_to_follow_the_clock() {
    let bench = Bench::new();
    let behind = || async { bench.store.alerts_left().await.expect("read").behind };
    assert_eq!(behind().await, SignedDuration::ZERO);
    bench.store.move_deadlines(-YEAR, t(1) - YEAR).await.expect("moved");
    bench
        .store
        .move_deadlines(SignedDuration::from_secs(10), t(12) - YEAR)
        .await
        .expect("moved");
    let all = SignedDuration::from_secs(10) - YEAR;
    assert_eq!(behind().await, all);
    let followed = store::AlertWork {
        moved: Some(all),
        ..store::AlertWork::default()
    };
    bench.store.alert_work(followed).await.expect("kept");
    assert_eq!(behind().await, SignedDuration::ZERO);
}
