//! Receipts of upstreams find their part by its name, or wait for it.

use jiff::Timestamp;
use message::{MessageState, PartState, PeerId, Receipt, ReportStatus, RouteId};
use store::{Config, PartKey, Policies, ReportOutcome, Settled};

use crate::common::{Bench, message, number, t, uncertain};

const UP: &str = "operator";

fn id(text: &str) -> PeerId {
    PeerId::new(text).expect("a name")
}

/// A receipt about the friend of [`message`].
fn receipt(name: &str, status: ReportStatus) -> Receipt {
    Receipt {
        id: id(name),
        recipient: Some(number("+491711234567")),
        status,
        code: Some("000".to_owned()),
        discharged: None,
        words: format!("{status:?} err:000"),
    }
}

fn answered(name: &str) -> Settled {
    Settled::Sent {
        reference: None,
        cost_micros: 0,
        peer_id: Some(id(name)),
    }
}

impl Bench {
    async fn go_out(&self, key: PartKey, name: &str, at: Timestamp) {
        assert!(self.attempt(key, UP, at).await.is_some());
        self.settle(key, UP, at, answered(name)).await;
    }

    async fn receipt(&self, receipt: Receipt, at: Timestamp) -> ReportOutcome {
        let kept = self.store.receipt(&RouteId::new(UP), receipt, at).await;
        kept.expect("kept").into_inner()
    }

    async fn waiting_and_stray(&self) -> (u64, u64) {
        let totals = self.store.route_totals().await.expect("read");
        let of = totals.get(&RouteId::new(UP)).cloned().unwrap_or_default();
        (of.receipts_waiting, of.receipts_stray)
    }
}

const PARKED: ReportOutcome = ReportOutcome::Unmatched { candidates: 0 };

#[tokio::test]
async fn a_receipt_settles_the_part_with_its_name_on_its_route_and_no_other() {
    let bench = Bench::new();
    let (one, two) = (bench.part(message(1)).await, bench.part(message(1)).await);
    bench.go_out(one.key, "7", t(1)).await;
    bench.attempt(two.key, "other", t(1)).await;
    bench.settle(two.key, "other", t(1), answered("8")).await;
    assert_eq!(bench.receipt(receipt("8", ReportStatus::Delivered), t(2)).await, PARKED);
    bench.receipt(receipt("7", ReportStatus::Delivered), t(2)).await;
    assert_eq!(bench.states(one.message).await, [PartState::Delivered]);
    assert_eq!(bench.states(two.message).await, [PartState::Sent]);
    let view = bench.store.status(one.message).await.expect("read").expect("known");
    assert_eq!(view.parts[0].peer_id, Some(id("7")));
    assert_eq!(view.parts[0].sim, Some(RouteId::new(UP)));
}

#[tokio::test]
async fn several_receipts_are_kept_in_order_and_the_first_final_one_counts() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.go_out(part.key, "7", t(1)).await;
    let words = [
        ReportStatus::StillTrying,
        ReportStatus::Failed,
        ReportStatus::StillTrying,
        ReportStatus::Delivered,
    ];
    for (place, status) in (2..).zip(words) {
        let mut receipt = receipt("7", status);
        receipt.words = format!("{place}");
        bench.receipt(receipt, t(place)).await;
    }
    let view = bench.store.status(part.message).await.expect("read").expect("known");
    assert_eq!(view.state, MessageState::Failed);
    assert_eq!(view.parts[0].code.as_deref(), Some("err 000"));
    let kept = view.parts[0].receipts.iter().map(|receipt| receipt.status);
    assert_eq!(kept.collect::<Vec<_>>(), words);
    let totals = bench.store.totals().await.expect("read");
    assert_eq!((totals.sent, totals.delivered, totals.failed), (1, 0, 1));
}

#[tokio::test]
async fn the_same_receipt_twice_is_harmless_after_a_restart_too() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.go_out(part.key, "7", t(1)).await;
    bench.receipt(receipt("7", ReportStatus::Delivered), t(2)).await;
    let bench = bench.reopened().await;
    let again = bench.receipt(receipt("7", ReportStatus::Delivered), t(300)).await;
    assert_eq!(again, ReportOutcome::Twin);
    assert_eq!(bench.store.totals().await.expect("read").delivered, 1);
    assert_eq!(bench.waiting_and_stray().await, (0, 0));
}

#[tokio::test]
async fn a_receipt_before_the_answer_waits_for_it_also_through_a_power_cut() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, UP, t(1)).await;
    for status in [ReportStatus::StillTrying, ReportStatus::Delivered] {
        assert_eq!(bench.receipt(receipt("7", status), t(2)).await, PARKED);
    }
    let again = bench.receipt(receipt("7", ReportStatus::Delivered), t(3)).await;
    assert_eq!(again, ReportOutcome::Twin, "a repeated one waits once");
    assert_eq!(bench.waiting_and_stray().await, (2, 0));
    for bench in [bench.after_power_cut(), bench] {
        bench.settle(part.key, UP, t(4), answered("7")).await;
        assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
        assert_eq!(bench.waiting_and_stray().await, (0, 0));
        let view = bench.store.status(part.message).await.expect("read").expect("known");
        assert_eq!(view.parts[0].receipts.len(), 2);
        bench.sound().await;
    }
}

#[tokio::test]
async fn a_part_whose_answer_is_lost_is_settled_by_the_receipt_that_only_it_can_mean() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, UP, t(1)).await;
    bench.settle(part.key, UP, t(2), uncertain(t(120))).await;
    bench.receipt(receipt("7", ReportStatus::StillTrying), t(3)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
    bench.receipt(receipt("7", ReportStatus::Delivered), t(4)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn a_receipt_that_waited_through_a_crash_keeps_its_part_from_going_out_twice() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    let now = jiff::Timestamp::now();
    bench.attempt(part.key, UP, now).await;
    for status in [ReportStatus::StillTrying, ReportStatus::Delivered] {
        bench.receipt(receipt("7", status), now).await;
    }
    let bench = bench.after_power_cut();
    assert_eq!(bench.recovered.uncertain, [part.key]);
    let until = bench.recovered.until.expect("it is waited for");
    let ticked = bench.store.tick(until, &Policies::default()).await.expect("kept");
    assert!(ticked.get().resent.is_empty());
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn two_parts_in_doubt_to_one_recipient_are_not_guessed() {
    let bench = Bench::new();
    for _ in 0..2 {
        let part = bench.part(message(1)).await;
        bench.attempt(part.key, UP, t(1)).await;
        bench.settle(part.key, UP, t(2), uncertain(t(120))).await;
    }
    assert_eq!(bench.receipt(receipt("7", ReportStatus::Delivered), t(3)).await, PARKED);
    assert_eq!(bench.store.queue_facts().await.expect("read").uncertain, 2);
}

#[tokio::test]
async fn a_name_that_is_used_again_means_the_newer_part() {
    let bench = Bench::new();
    let (old, new) = (bench.part(message(1)).await, bench.part(message(1)).await);
    bench.go_out(old.key, "1", t(1)).await;
    bench.receipt(receipt("1", ReportStatus::Delivered), t(2)).await;
    bench.attempt(new.key, UP, t(10)).await;
    let early = Receipt {
        words: "undeliverable".to_owned(),
        ..receipt("1", ReportStatus::Failed)
    };
    assert_eq!(bench.receipt(early, t(11)).await, PARKED, "its answer is on its way");
    bench.settle(new.key, UP, t(12), answered("1")).await;
    assert_eq!(bench.states(new.message).await, [PartState::Failed]);
    assert_eq!(bench.states(old.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn a_name_that_is_used_again_means_no_part_to_somebody_else_while_an_answer_is_on_its_way() {
    let bench = Bench::new();
    let other = store::NewMessage {
        to: number("+491719999999"),
        ..message(1)
    };
    let (old, new) = (bench.part(other).await, bench.part(message(1)).await);
    bench.go_out(old.key, "1", t(1)).await;
    bench.attempt(new.key, UP, t(10)).await;
    let early = receipt("1", ReportStatus::Delivered);
    assert_eq!(bench.receipt(early, t(11)).await, PARKED, "its answer is on its way");
    assert_eq!(bench.states(old.message).await, [PartState::Sent]);
    bench.settle(new.key, UP, t(12), answered("1")).await;
    assert_eq!(bench.states(new.message).await, [PartState::Delivered]);
    assert_eq!(bench.states(old.message).await, [PartState::Sent]);
}

#[tokio::test]
async fn a_doubt_is_settled_among_receipts_to_others() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, UP, t(1)).await;
    let others = [Some(number("+491719999999")), None];
    for (name, recipient) in ["8", "9"].into_iter().zip(others) {
        let stray = Receipt {
            recipient,
            ..receipt(name, ReportStatus::Failed)
        };
        assert_eq!(bench.receipt(stray, t(2)).await, PARKED);
    }
    assert_eq!(bench.receipt(receipt("7", ReportStatus::Delivered), t(2)).await, PARKED);
    bench.settle(part.key, UP, t(3), uncertain(t(120))).await;
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
    assert_eq!(bench.waiting_and_stray().await, (2, 0));
}

#[tokio::test]
async fn what_came_before_an_attempt_does_not_mean_it() {
    let bench = Bench::new();
    bench.receipt(receipt("1", ReportStatus::Delivered), t(1)).await;
    let part = bench.part(message(1)).await;
    bench.go_out(part.key, "1", t(60)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
}

#[tokio::test]
async fn what_fits_no_part_is_counted_and_given_up_after_ten_minutes() {
    let bench = Bench::new();
    bench.receipt(receipt("1", ReportStatus::Delivered), t(1)).await;
    let tick = async |at| {
        let ticked = bench.store.tick(at, &Policies::default()).await.expect("kept");
        ticked.get().strays
    };
    assert_eq!(bench.store.next_due(t(2)).await.expect("read"), Some(t(601)));
    assert_eq!(tick(t(600)).await, 0);
    assert_eq!(tick(t(601)).await, 1);
    assert_eq!(bench.waiting_and_stray().await, (0, 1));
    let bench = bench.reopened().await;
    assert_eq!(bench.waiting_and_stray().await, (0, 1));
}

#[tokio::test]
async fn no_more_receipts_wait_than_may() {
    let bench = Bench::with(Config::default());
    let mut keeping = Vec::new();
    for name in 0..10_200 {
        let store = bench.store.clone();
        keeping.push(tokio::spawn(async move {
            let receipt = receipt(&name.to_string(), ReportStatus::Delivered);
            store.receipt(&RouteId::new(UP), receipt, t(name)).await.expect("kept");
        }));
    }
    for kept in keeping {
        kept.await.expect("kept");
    }
    let (waiting, stray) = bench.waiting_and_stray().await;
    assert_eq!(waiting + stray, 10_200);
    assert!((10_000..10_064).contains(&waiting), "{waiting}");
}

#[tokio::test]
async fn erasing_a_number_takes_its_receipts_along() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.go_out(part.key, "7", t(1)).await;
    bench.receipt(receipt("7", ReportStatus::Delivered), t(2)).await;
    bench.receipt(receipt("9", ReportStatus::Delivered), t(2)).await;
    bench.store.erase(&number("+491711234567")).await.expect("erased");
    assert!(bench.store.status(part.message).await.expect("read").is_none());
    assert_eq!(bench.waiting_and_stray().await, (0, 0));
}
