//! What a token may spend: what waits counts with what was spent.

use message::PartState;
use store::{AcceptError, Budget, NewMessage, Settled};

use crate::common::{Bench, failure, message, t};

/// A message of one part that costs 30 of a budget of 100 at most.
fn dear() -> NewMessage {
    NewMessage {
        budget: Some(Budget {
            most_micros: 100,
            each_micros: 30,
        }),
        ..message(1)
    }
}

async fn refused(bench: &Bench) -> bool {
    match bench.store.accept(dear()).await {
        Err(AcceptError::Spent) => true,
        Ok(_) => false,
        Err(other) => panic!("{other}"),
    }
}

fn paid(cost_micros: i64) -> Settled {
    Settled::Sent {
        reference: Some(1),
        cost_micros,
        peer_id: None,
    }
}

#[tokio::test]
async fn what_waits_is_spent_as_far_as_the_budget_goes() {
    let bench = Bench::new();
    let together = bench.store.accept_all((0..5).map(|_| dear()).collect()).await;
    assert_eq!(
        together.iter().filter(|kept| kept.is_ok()).count(),
        3,
        "of five that came at once"
    );
    assert!(refused(&bench).await);
    let bench = bench.reopened().await;
    assert!(refused(&bench).await, "a restart forgets nothing");
    bench.sound().await;
}

#[tokio::test]
async fn what_it_cost_in_the_end_is_what_counts() {
    let bench = Bench::new();
    let mut parts = Vec::new();
    for _ in 0..3 {
        parts.push(bench.part(dear()).await);
    }
    assert!(refused(&bench).await);
    // The cheap SIM took it.
    assert!(bench.attempt(parts[0].key, "sim1", t(1)).await.is_some());
    bench.settle(parts[0].key, "sim1", t(1), paid(10)).await;
    assert!(!refused(&bench).await, "10 are spent and 60 wait");
    assert!(refused(&bench).await, "10 are spent and 90 wait");
    // This one never went out.
    bench
        .settle(parts[1].key, "sim1", t(2), Settled::Failed { failure: failure() })
        .await;
    assert_eq!(bench.states(parts[1].message).await, [PartState::Failed]);
    assert!(!refused(&bench).await);
}

#[tokio::test]
async fn what_takes_the_place_of_another_takes_its_share() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(bench.part(dear()).await.message);
    }
    let other = NewMessage { id: ids[0], ..dear() };
    bench.store.replace(other).await.expect("it costs no more");
    let longer = NewMessage {
        id: ids[0],
        parts: vec![vec![1], vec![2]],
        ..dear()
    };
    let refused = bench.store.replace(longer).await.expect_err("120 of 100");
    assert!(refused.to_string().contains("budget"), "{refused}");
    assert_eq!(bench.states(ids[0]).await, [PartState::Queued], "the old one stays");
}
