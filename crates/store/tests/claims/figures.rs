//! Figures, limits, the STOP list.

use message::{Cause, ErrorClass, Failure, FailureReason, RouteId, TokenId};
use store::Settled;

use crate::common::{Bench, message, number, sent, t};

#[tokio::test]
async fn what_was_spent_is_summed_by_token_from_a_quarter_of_an_hour_on() {
    let bench = Bench::new();
    for at in [0, 1_000, 2_000] {
        let part = bench.part(message(1)).await;
        bench.attempt(part.key, "sim1", t(at)).await;
        let paid = Settled::Sent {
            reference: None,
            cost_micros: 75_000,
            peer_id: None,
        };
        bench.settle(part.key, "sim1", t(at), paid).await;
    }
    let spent = |token: &str, since| {
        let token = TokenId::new(token);
        let store = bench.store.clone();
        async move { store.spent(&token, t(since)).await.expect("read") }
    };
    assert_eq!(spent("shop", 0).await, 225_000);
    assert_eq!(spent("shop", 900).await, 150_000);
    assert_eq!(spent("shop", 10_000).await, 0);
    assert_eq!(spent("nobody", 0).await, 0);
}

#[tokio::test]
async fn what_failed_on_a_route_is_counted_by_why_and_survives_a_restart() {
    let bench = Bench::new();
    let failed = |class| Settled::Failed {
        failure: Failure {
            class,
            cause: Cause::Cms(38),
            reason: "the network refuses".into(),
        },
    };
    let tried = ErrorClass::RetryLater {
        after: std::time::Duration::ZERO,
        times: Some(1),
        rests: message::Rests::Recipient,
    };
    for result in [
        failed(ErrorClass::Permanent),
        failed(ErrorClass::Permanent),
        failed(tried),
    ] {
        let part = bench.part(message(1)).await;
        bench.attempt(part.key, "sim1", t(1)).await;
        bench.settle(part.key, "sim1", t(2), result).await;
    }
    let bench = bench.reopened().await;
    let totals = bench.store.route_totals().await.expect("read");
    let of = &totals[&RouteId::new("sim1")];
    let why: Vec<_> = of.failures.iter().map(|(reason, failed)| (*reason, *failed)).collect();
    assert_eq!(why, [(FailureReason::RetryLater, 1), (FailureReason::Permanent, 2)]);
    assert_eq!(of.counts.failed, 3, "the sum is no second count");
    assert_eq!(bench.store.totals().await.expect("read").failed, 3);
}

#[tokio::test]
async fn what_went_out_on_a_sim_is_known_after_a_restart() {
    let bench = Bench::new();
    for (index, sim) in [(0, "sim1"), (1, "sim2"), (2, "sim1")] {
        let part = bench.part(message(1)).await;
        bench.send(part.key, sim, t(index * 10), index as u8).await;
    }
    let bench = bench.reopened().await;
    let friend = number("+491711234567");
    let sim1 = RouteId::new("sim1");
    let all = bench.store.sent_since(&sim1, t(0)).await.expect("read");
    assert_eq!(all, [(t(0), friend.clone()), (t(20), friend.clone())]);
    assert_eq!(
        bench.store.sent_since(&sim1, t(1)).await.expect("read"),
        [(t(20), friend)]
    );
    let unknown = RouteId::new("sim9");
    assert!(bench.store.sent_since(&unknown, t(0)).await.expect("read").is_empty());
}

#[tokio::test]
async fn the_queue_is_counted_the_same_before_and_after_a_restart() {
    let bench = Bench::new();
    let later = store::NewMessage {
        send_at: Some(t(500)),
        ..message(1)
    };
    bench.accept(later).await;
    let accepted = bench.accept(message(3)).await;
    bench.attempt(accepted.due[0].key, "sim1", t(1)).await;
    bench.settle(accepted.due[0].key, "sim1", t(2), sent(1)).await;
    bench.attempt(accepted.due[1].key, "sim1", t(2)).await;
    let facts = bench.store.queue_facts().await.expect("read");
    assert_eq!((facts.queued, facts.attempting, facts.uncertain), (2, 1, 0));
    assert_eq!(facts.oldest, Some(t(0)));
    let totals = bench.store.totals().await.expect("read");
    let bench = bench.reopened().await;
    let facts = bench.store.queue_facts().await.expect("read");
    assert_eq!((facts.queued, facts.attempting, facts.uncertain), (2, 0, 1));
    assert_eq!(bench.store.totals().await.expect("read"), totals);
    assert_eq!(bench.recovered.queued, 2);
}

#[tokio::test]
async fn the_stop_list_is_durable() {
    let bench = Bench::new();
    let who = number("+491711234567");
    assert!(!bench.store.stopped(&who));
    bench.store.stop_add(&who, t(1)).await.expect("kept");
    bench.store.stop_add(&who, t(2)).await.expect("kept");
    assert!(bench.store.stopped(&who));
    let bench = bench.reopened().await;
    assert!(bench.store.stopped(&who));
    assert_eq!(bench.store.stop_list().await.expect("read"), [(who.clone(), t(1))]);
    assert!(bench.store.stop_remove(&who).await.expect("kept").into_inner());
    assert!(!bench.store.stop_remove(&who).await.expect("kept").into_inner());
    assert!(!bench.store.stopped(&who));
}
