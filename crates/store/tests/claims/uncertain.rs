//! Parts nobody can tell about, and what the rule of their message makes of them.

use message::{MessageState, OnUncertain, PartState, Resolution};
use store::{NewMessage, Policies, ResolveError};

use crate::common::{Bench, failure, message, sent, t, uncertain};

async fn doubtful(bench: &Bench, rule: OnUncertain) -> store::DuePart {
    let part = bench
        .part(NewMessage {
            on_uncertain: rule,
            ..message(1)
        })
        .await;
    bench.attempt(part.key, "sim1", t(1)).await;
    bench.settle(part.key, "sim1", t(2), uncertain(t(120))).await;
    part
}

#[tokio::test]
async fn it_cannot_be_refused_since_it_may_be_out() {
    let bench = Bench::new();
    let part = doubtful(&bench, OnUncertain::Hold).await;
    let refused = || store::Settled::Refused { failure: failure() };
    bench.settle(part.key, "sim1", t(3), refused()).await;
    assert_eq!(bench.states(part.message).await, [PartState::Uncertain]);
    let waiting = bench.part(message(1)).await;
    bench.settle(waiting.key, "sim1", t(3), refused()).await;
    assert_eq!(
        bench.states(waiting.message).await,
        [PartState::Refused],
        "what waits can"
    );
}

#[tokio::test]
async fn it_is_sent_once_more_marked_and_then_given_up() {
    let bench = Bench::new();
    let part = doubtful(&bench, OnUncertain::Resend).await;
    let policies = Policies::default();
    assert_eq!(bench.store.next_due(t(3)).await.expect("read"), Some(t(120)));
    assert!(
        bench
            .store
            .tick(t(119), &policies)
            .await
            .expect("kept")
            .get()
            .resent
            .is_empty()
    );
    let ticked = bench.store.tick(t(120), &policies).await.expect("kept").into_inner();
    assert_eq!(ticked.resent, [part.message]);
    let view = bench.store.status(part.message).await.expect("read").expect("known");
    assert!(view.maybe_twice && view.parts[0].maybe_twice);
    assert_eq!(view.state, MessageState::Queued);
    bench.attempt(part.key, "sim1", t(121)).await;
    bench.settle(part.key, "sim1", t(122), uncertain(t(240))).await;
    let ticked = bench.store.tick(t(240), &policies).await.expect("kept").into_inner();
    assert_eq!(ticked.failed, [part.message]);
    assert_eq!(bench.states(part.message).await, [PartState::Failed]);
}

#[tokio::test]
async fn a_late_success_on_the_same_sim_stops_the_second_sending() {
    let bench = Bench::new();
    let part = doubtful(&bench, OnUncertain::Resend).await;
    bench.store.tick(t(120), &Policies::default()).await.expect("kept");
    bench.settle(part.key, "sim1", t(121), sent(3)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
    assert_eq!(bench.attempt(part.key, "sim1", t(122)).await, None);
}

#[tokio::test]
async fn a_held_part_waits_for_the_operator_until_its_validity_ends() {
    let bench = Bench::new();
    let part = doubtful(&bench, OnUncertain::Hold).await;
    let policies = Policies::default();
    let ticked = bench.store.tick(t(120), &policies).await.expect("kept").into_inner();
    assert_eq!(ticked.held, [part.message]);
    assert_eq!(bench.states(part.message).await, [PartState::Uncertain]);
    assert!(
        bench
            .store
            .tick(t(5_000), &policies)
            .await
            .expect("kept")
            .get()
            .held
            .is_empty()
    );
    let ticked = bench
        .store
        .tick(t(24 * 3600), &policies)
        .await
        .expect("kept")
        .into_inner();
    assert_eq!(ticked.failed, [part.message]);
}

#[tokio::test]
async fn the_operator_sends_again_or_drops() {
    let bench = Bench::new();
    let again = doubtful(&bench, OnUncertain::Hold).await;
    let gone = doubtful(&bench, OnUncertain::Hold).await;
    let resolve = |id, how| bench.store.resolve(id, how, t(200));
    assert_eq!(
        resolve(again.message, Resolution::Resend)
            .await
            .expect("kept")
            .into_inner(),
        MessageState::Queued
    );
    assert_eq!(
        resolve(gone.message, Resolution::Drop)
            .await
            .expect("kept")
            .into_inner(),
        MessageState::Failed
    );
    let due = bench.store.due(t(200), 10).await.expect("read");
    assert_eq!(due.len(), 1);
    assert!(
        bench
            .store
            .status(again.message)
            .await
            .expect("read")
            .expect("known")
            .maybe_twice
    );
    assert_eq!(
        resolve(gone.message, Resolution::Resend).await,
        Err(ResolveError::NothingUncertain {
            state: MessageState::Failed
        })
    );
    assert_eq!(
        resolve(message::MessageId::fresh(), Resolution::Drop).await,
        Err(ResolveError::Unknown)
    );
}

#[tokio::test]
async fn what_a_modems_memory_tells_settles_it_without_a_second_sending() {
    let bench = Bench::new();
    let out = doubtful(&bench, OnUncertain::Resend).await;
    let still_there = doubtful(&bench, OnUncertain::Resend).await;
    bench.settle(out.key, "sim1", t(10), sent(4)).await;
    bench
        .settle(still_there.key, "sim1", t(10), store::Settled::Requeued)
        .await;
    assert_eq!(bench.states(out.message).await, [PartState::Sent]);
    let due = bench.store.due(t(10), 10).await.expect("read");
    assert_eq!((due[0].key, due[0].attempts), (still_there.key, 0));
    assert!(
        !bench
            .store
            .status(still_there.message)
            .await
            .expect("read")
            .expect("known")
            .maybe_twice
    );
}

#[tokio::test]
async fn every_start_waits_anew_for_the_reports_that_lie_on_the_sims() {
    let bench = Bench::new();
    let part = doubtful(&bench, OnUncertain::Resend).await;
    let now = jiff::Timestamp::now();
    let bench = bench.reopened().await;
    let due = bench.store.next_due(now).await.expect("read").expect("something");
    assert!(due >= now + jiff::SignedDuration::from_secs(119), "{due}");
    bench.store.tick(now, &Policies::default()).await.expect("kept");
    assert_ne!(bench.states(part.message).await, [PartState::Queued]);
}

#[tokio::test]
async fn a_report_that_comes_while_it_waits_to_be_sent_again_stops_that() {
    let bench = Bench::new();
    let part = doubtful(&bench, OnUncertain::Resend).await;
    bench.store.tick(t(120), &Policies::default()).await.expect("kept");
    bench.report("sim2", crate::common::delivered(9), t(121)).await;
    assert_eq!(
        bench.states(part.message).await,
        [PartState::Queued],
        "another SIM says nothing"
    );
    bench.report("sim1", crate::common::delivered(9), t(122)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
    assert_eq!(bench.attempt(part.key, "sim1", t(123)).await, None);
    bench.sound().await;
}
