//! Parts that are handed over while another one is on its way: what a crash leaves of them.

use message::{OnUncertain, PartState, RouteId};
use store::{Attempt, DuePart, NewMessage, Progress, Settled};

use crate::common::{Bench, copy_file, message, sent, t};

const SIM: &str = "sim1";

/// One part on its way and two behind it, which no modem would have: the first has begun, as has the second.
async fn three_at_a_modem(bench: &Bench) -> [DuePart; 3] {
    let mut parts = Vec::new();
    for _ in 0..3 {
        parts.push(bench.part(held()).await);
    }
    assert!(bench.attempt(parts[0].key, SIM, t(1)).await.is_some());
    for part in &parts[1..] {
        hand_over_ahead(bench, part).await;
    }
    begin(bench, &parts[1]);
    parts.try_into().expect("three")
}

fn held() -> NewMessage {
    NewMessage {
        on_uncertain: OnUncertain::Hold,
        ..message(1)
    }
}

async fn hand_over_ahead(bench: &Bench, part: &DuePart) {
    let attempt = Attempt {
        key: part.key,
        route: RouteId::new(SIM),
        at: t(1),
        tpdu: None,
        ahead: true,
    };
    let step = Progress {
        settle: None,
        attempt: Some(attempt),
    };
    let attempted = bench.store.progress(step).await.expect("kept").into_inner();
    assert_eq!(attempted.expect("begins").attempts, 1);
}

fn begin(bench: &Bench, part: &DuePart) {
    let mark = bench
        .store
        .begin_mark(&RouteId::new(SIM), 1, part.key)
        .expect("can be noted");
    mark.set().expect("noted");
}

/// What the next process finds after this one was killed: the files as it left them.
fn after_kill(bench: &Bench) -> Bench {
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["simrelay.db", "simrelay.db-wal", "simrelay.begins"] {
        copy_file(bench.folder.path(), copy.path(), name);
    }
    Bench::at(copy, bench.config.clone())
}

#[tokio::test]
async fn a_kill_leaves_what_had_not_begun_as_it_was() {
    let bench = Bench::new();
    let parts = three_at_a_modem(&bench).await;
    let found = after_kill(&bench);
    assert_eq!(found.recovered.uncertain, [parts[0].key, parts[1].key]);
    assert_eq!((found.recovered.not_begun, found.recovered.queued), (1, 1));
    let due = found.store.due(t(2), 10).await.expect("read");
    assert_eq!(
        due.iter().map(|part| (part.key, part.attempts)).collect::<Vec<_>>(),
        [(parts[2].key, 0)]
    );
    let view = found
        .store
        .status(parts[2].message)
        .await
        .expect("read")
        .expect("known");
    assert!(!view.parts[0].maybe_twice, "nobody announces a double");
    found.sound().await;
}

#[tokio::test]
async fn the_notes_of_an_earlier_run_are_not_believed() {
    let bench = Bench::new();
    let first = three_at_a_modem(&bench).await;
    let found = after_kill(&bench);
    hand_over_ahead(&found, &first[2]).await;
    begin(&found, &first[2]);
    // The file of the run before it comes back from somewhere.
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["simrelay.db", "simrelay.db-wal"] {
        copy_file(found.folder.path(), copy.path(), name);
    }
    copy_file(bench.folder.path(), copy.path(), "simrelay.begins");
    let later = Bench::at(copy, bench.config.clone());
    assert_eq!((later.recovered.not_begun, later.recovered.queued), (0, 0));
    assert_eq!(later.recovered.uncertain, [first[2].key]);
}

#[tokio::test]
async fn a_power_cut_leaves_doubt_about_all_of_them() {
    let bench = Bench::new();
    let parts = three_at_a_modem(&bench).await;
    let found = bench.after_power_cut();
    assert_eq!(found.recovered.uncertain, parts.map(|part| part.key));
    assert_eq!((found.recovered.not_begun, found.recovered.queued), (0, 0));
    found.sound().await;
}

#[tokio::test]
async fn in_a_restored_copy_they_are_all_in_doubt() {
    let bench = Bench::new();
    let parts = three_at_a_modem(&bench).await;
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy.db");
    store::back_up(bench.folder.path(), &copy, false).expect("copied");
    // What happened since is not in the copy, but in the folder.
    begin(&bench, &parts[2]);
    begin(&bench, &parts[0]);
    bench.store.close().await;
    store::restore(&copy, bench.folder.path(), true).expect("restored");
    let found = Bench::at(bench.folder, bench.config);
    assert_eq!(found.recovered.uncertain, parts.map(|part| part.key));
    assert_eq!(found.recovered.not_begun, 0);
}

#[tokio::test]
async fn one_whose_validity_ended_meanwhile_expires() {
    let bench = Bench::new();
    let parts = three_at_a_modem(&bench).await;
    let end = t(100_000);
    bench
        .store
        .tick(end, &store::Policies::default())
        .await
        .expect("ticked");
    let found = after_kill(&bench);
    found
        .store
        .tick(end, &store::Policies::default())
        .await
        .expect("ticked");
    assert_eq!(found.states(parts[2].message).await, [PartState::Expired]);
    found.sound().await;
}

#[tokio::test]
async fn a_hand_whose_part_takes_long_is_not_forgotten_for_the_others() {
    let bench = Bench::new();
    let slow = bench.part(held()).await;
    let waits = bench.part(held()).await;
    for part in [&slow, &waits] {
        hand_over_ahead(&bench, part).await;
    }
    let begin = |hand, part: &DuePart| {
        let mark = bench.store.begin_mark(&RouteId::new(SIM), hand, part.key);
        mark.expect("can be noted").set().expect("noted");
    };
    begin(0, &slow);
    for _ in 0..20 {
        let quick = bench.part(held()).await;
        hand_over_ahead(&bench, &quick).await;
        begin(1, &quick);
        bench.settle(quick.key, SIM, t(2), sent(1)).await;
    }
    let found = after_kill(&bench);
    assert_eq!(
        (found.recovered.uncertain, found.recovered.not_begun),
        (vec![slow.key], 1)
    );
}

#[tokio::test]
async fn an_attempt_that_came_back_binds_no_message_to_its_route() {
    let bench = Bench::new();
    let part = bench.part(message(2)).await;
    hand_over_ahead(&bench, &part).await;
    bench.settle(part.key, SIM, t(2), Settled::Requeued).await;
    let due = bench.store.due(t(3), 10).await.expect("read");
    let routes: Vec<_> = due.iter().map(|part| part.route.as_ref()).collect();
    assert_eq!(routes, [None, None]);
}
