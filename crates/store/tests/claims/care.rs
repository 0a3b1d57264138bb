//! Balances, tests between the own SIMs, and what is counted on each route.

use message::{MessageId, RouteId};
use store::{BalanceRow, ProbeKind, ProbeRow};

use crate::common::{Bench, message, t};

fn balance(second: i64, micros: Option<i64>) -> BalanceRow {
    BalanceRow {
        at: t(second),
        micros,
        currency: "EUR".into(),
        error: micros.is_none().then(|| "no answer".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_balance_and_what_failed_since_are_known_after_a_restart() {
    let bench = Bench::new();
    let sim = RouteId::new("sim1");
    assert_eq!(bench.store.balance_state(&sim).await.expect("read"), Default::default());
    for row in [
        balance(1, None),
        balance(2, Some(-30_000)),
        balance(3, None),
        balance(4, None),
    ] {
        bench.store.balance_add(&sim, row).await.expect("kept");
    }
    let bench = bench.reopened().await;
    let state = bench.store.balance_state(&sim).await.expect("read");
    assert_eq!(
        (state.told, state.failed, state.failures),
        (Some(balance(2, Some(-30_000))), Some(balance(4, None)), 2)
    );
    let history = bench.store.balance_history(&sim, 3).await.expect("read");
    assert_eq!(history, [balance(4, None), balance(3, None), balance(2, Some(-30_000))]);
    assert_eq!(
        bench
            .store
            .balance_history(&RouteId::new("sim2"), 3)
            .await
            .expect("read"),
        []
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_on_record_from_before_it_is_handed_in_until_it_arrived() {
    let bench = Bench::new();
    let probe = |second: i64, token: &str| ProbeRow {
        kind: ProbeKind::Ring,
        route: RouteId::new("sim1"),
        target: RouteId::new("sim2"),
        due: t(second),
        at: t(second),
        token: token.into(),
        message: None,
        arrived: None,
        error: None,
    };
    let id = MessageId::fresh();
    for (second, token) in [(1, "a"), (2, "b"), (3, "c")] {
        bench.store.probe_add(probe(second, token)).await.expect("kept");
        bench.store.probe_sent(token, Ok(id)).await.expect("kept");
    }
    bench.store.probe_arrived("b", t(5), None).await.expect("kept");
    bench
        .store
        .probe_arrived("b", t(9), Some("again".into()))
        .await
        .expect("kept");
    let bench = bench.reopened().await;
    let probes = bench.store.probes(t(3)).await.expect("read");
    let told: Vec<_> = probes
        .iter()
        .map(|row| (row.token.as_str(), row.arrived, row.message))
        .collect();
    assert_eq!(
        told,
        [("b", Some(t(5)), Some(id)), ("c", None, Some(id))],
        "the first arrival counts"
    );
    assert_eq!(
        bench.store.probes(t(0)).await.expect("read").len(),
        3,
        "all that are on their way"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_on_a_route_survives_a_power_cut_and_never_grows_smaller() {
    let bench = Bench::new();
    let part = bench.accept(message(1)).await.due[0].key;
    bench.send(part, "sim1", t(1), 7).await;
    let counts = |bench: &Bench| {
        let store = bench.store.clone();
        async move { store.route_totals().await.expect("read") }
    };
    let before = counts(&bench).await;
    let of = before.get(&RouteId::new("sim1")).expect("counted");
    assert_eq!(
        (
            of.counts.sent,
            of.counts.failed,
            of.last_sent.is_some(),
            of.last_received
        ),
        (1, 0, true, None)
    );
    assert_eq!(counts(&bench.after_power_cut()).await, before);
}
