//! PINs and cards.

use message::RouteId;
use store::{Binding, PinVerdict};

use crate::common::{Bench, t};

#[tokio::test]
async fn a_pin_whose_answer_is_unknown_is_not_entered_again_after_a_power_cut() {
    let bench = Bench::new();
    let (right, wrong) = ([1; 32], [2; 32]);
    assert!(bench.store.pin_state("8949").await.expect("read").may_enter(&right));
    bench.store.record_pin_try("8949", right, t(1)).await.expect("kept");
    let bench = bench.after_power_cut();
    let state = bench.store.pin_state("8949").await.expect("read");
    assert!(!state.may_enter(&right));
    assert!(state.may_enter(&wrong), "another PIN was never tried");
    assert_eq!(state.tries[0].verdict, PinVerdict::Open);
}

#[tokio::test]
async fn a_pin_the_card_took_may_be_entered_and_one_it_refused_may_not() {
    let bench = Bench::new();
    let (right, wrong) = ([1; 32], [2; 32]);
    for hash in [wrong, right] {
        bench.store.record_pin_try("8949", hash, t(1)).await.expect("kept");
    }
    bench.store.pin_rejected("8949", wrong).await.expect("kept");
    bench.store.pin_accepted("8949", right).await.expect("kept");
    let state = bench.store.pin_state("8949").await.expect("read");
    assert!(state.may_enter(&right) && !state.may_enter(&wrong));
    assert!(
        bench.store.pin_state("8950").await.expect("read").may_enter(&wrong),
        "another card"
    );
    bench.store.record_pin_try("8949", right, t(2)).await.expect("kept");
    assert!(
        !bench.store.pin_state("8949").await.expect("read").may_enter(&right),
        "until it answers again"
    );
    bench.store.release_pin("8949").await.expect("kept");
    assert!(bench.store.pin_state("8949").await.expect("read").may_enter(&wrong));
}

#[tokio::test]
async fn a_slot_keeps_its_card_until_the_operator_says_otherwise() {
    let bench = Bench::new();
    let slot = RouteId::new("sim1");
    assert_eq!(bench.store.binding(&slot).await.expect("read"), None);
    let bind = |iccid| bench.store.bind_sim(&slot, iccid);
    assert_eq!(bind("1").await.expect("kept").into_inner(), Binding::Bound);
    assert_eq!(bind("1").await.expect("kept").into_inner(), Binding::Same);
    let other = Binding::Other { iccid: "1".to_owned() };
    assert_eq!(bind("2").await.expect("kept").into_inner(), other);
    bench.store.rebind(&slot, "2").await.expect("kept");
    assert_eq!(bind("2").await.expect("kept").into_inner(), Binding::Same);
    let bench = bench.reopened().await;
    assert_eq!(bench.store.binding(&slot).await.expect("read").as_deref(), Some("2"));
}
