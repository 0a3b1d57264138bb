//! Status reports find their part, or none.

use message::{MessageState, PartState, StatusReport};
use store::{Config, ReportOutcome, Settled};

use crate::common::{Bench, delivered, message, number, sent, t, uncertain};

#[tokio::test]
async fn a_report_settles_the_part_with_its_reference() {
    let bench = Bench::new();
    let one = bench.part(message(1)).await;
    let two = bench.part(message(1)).await;
    bench.send(one.key, "sim1", t(1), 5).await;
    bench.send(two.key, "sim1", t(2), 6).await;
    let outcome = bench.report("sim1", delivered(6), t(10)).await;
    assert_eq!(
        outcome,
        ReportOutcome::Settled {
            key: two.key,
            message: two.message,
            part: PartState::Delivered,
            state: MessageState::Delivered
        }
    );
    assert_eq!(bench.states(one.message).await, [PartState::Sent]);
    assert_eq!(bench.store.totals().await.expect("read").delivered, 1);
}

#[tokio::test]
async fn a_report_in_national_form_still_finds_its_part() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.send(part.key, "sim1", t(1), 5).await;
    let national = StatusReport {
        recipient: number("01711234567"),
        ..delivered(5)
    };
    assert!(matches!(
        bench.report("sim1", national, t(9)).await,
        ReportOutcome::Settled { .. }
    ));
}

#[tokio::test]
async fn another_sim_another_recipient_or_an_old_part_is_not_meant() {
    let bench = Bench::with(Config {
        report_window_s: 3600,
        ..Config::default()
    });
    let part = bench.part(message(1)).await;
    bench.send(part.key, "sim1", t(1), 5).await;
    let none = ReportOutcome::Unmatched { candidates: 0 };
    assert_eq!(bench.report("sim2", delivered(5), t(2)).await, none);
    let stranger = StatusReport {
        recipient: number("+49309999999"),
        ..delivered(5)
    };
    assert_eq!(bench.report("sim1", stranger, t(2)).await, none);
    assert_eq!(bench.report("sim1", delivered(5), t(4000)).await, none);
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
}

#[tokio::test]
async fn the_same_report_twice_is_harmless() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.send(part.key, "sim1", t(1), 5).await;
    bench.report("sim1", delivered(5), t(2)).await;
    assert_eq!(bench.report("sim1", delivered(5), t(3)).await, ReportOutcome::Twin);
    let bench = bench.reopened().await;
    assert_eq!(bench.report("sim1", delivered(5), t(4)).await, ReportOutcome::Twin);
    assert_eq!(bench.store.totals().await.expect("read").delivered, 1);
}

#[tokio::test]
async fn a_report_before_the_reply_is_kept() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    let early = bench.report("sim1", delivered(5), t(2)).await;
    assert_eq!(early, ReportOutcome::Unmatched { candidates: 1 });
    bench.settle(part.key, "sim1", t(3), sent(5)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn a_report_before_the_reply_survives_a_restart_between_them() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    bench.report("sim1", delivered(5), t(2)).await;
    let bench = bench.reopened().await;
    assert_eq!(bench.recovered.uncertain, [part.key]);
    bench.settle(part.key, "sim1", t(3), sent(5)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn an_early_report_with_another_reference_is_not_taken() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    bench.report("sim1", delivered(5), t(2)).await;
    bench.settle(part.key, "sim1", t(3), sent(6)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
}

#[tokio::test]
async fn a_report_settles_an_uncertain_part_when_only_that_fits() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    bench.settle(part.key, "sim1", t(2), uncertain(t(120))).await;
    bench.report("sim1", delivered(200), t(3)).await;
    let view = bench.store.status(part.message).await.expect("read").expect("known");
    assert_eq!(view.state, MessageState::Delivered);
    assert_eq!(view.parts[0].reference, Some(200));
    let totals = bench.store.totals().await.expect("read");
    assert_eq!((totals.sent, totals.delivered), (1, 1));
}

#[tokio::test]
async fn two_uncertain_parts_to_one_recipient_are_not_guessed() {
    let bench = Bench::new();
    for _ in 0..2 {
        let part = bench.part(message(1)).await;
        bench.attempt(part.key, "sim1", t(1)).await;
        bench.settle(part.key, "sim1", t(2), uncertain(t(120))).await;
    }
    let outcome = bench.report("sim1", delivered(200), t(3)).await;
    assert_eq!(outcome, ReportOutcome::Unmatched { candidates: 2 });
    assert_eq!(bench.store.queue_facts().await.expect("read").uncertain, 2);
}

#[tokio::test]
async fn a_wrapped_reference_is_told_apart_by_the_stamp_or_not_at_all() {
    let bench = Bench::new();
    let old = bench.part(message(1)).await;
    let new = bench.part(message(1)).await;
    bench.send(old.key, "sim1", t(0), 5).await;
    bench.send(new.key, "sim1", t(10_000), 5).await;
    let outcome = bench.report("sim1", delivered(5), t(10_100)).await;
    assert_eq!(outcome, ReportOutcome::Unmatched { candidates: 2 });
    let stamped = StatusReport {
        submitted: Some(t(10_003)),
        ..delivered(5)
    };
    bench.report("sim1", stamped, t(10_200)).await;
    assert_eq!(bench.states(old.message).await, [PartState::Sent]);
    assert_eq!(bench.states(new.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn a_modem_that_tells_no_reference_gets_its_reports_matched_by_recipient() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    let nameless = Settled::Sent {
        reference: None,
        cost_micros: 0,
        peer_id: None,
    };
    bench.settle(part.key, "sim1", t(2), nameless).await;
    assert!(matches!(
        bench.report("sim1", delivered(123), t(3)).await,
        ReportOutcome::Settled { .. }
    ));
}

#[tokio::test]
async fn every_status_is_read_as_the_standard_says() {
    for status in 0..=u8::MAX {
        let expected = match status {
            0x00..=0x1f => PartState::Delivered,
            0x46 => PartState::Expired,
            0x40..=0x7f => PartState::Failed,
            _ => PartState::Sent,
        };
        if status % 16 > 6 {
            continue;
        }
        let bench = Bench::new();
        let part = bench.part(message(1)).await;
        bench.send(part.key, "sim1", t(1), 5).await;
        let report = StatusReport { status, ..delivered(5) };
        bench.report("sim1", report, t(2)).await;
        assert_eq!(bench.states(part.message).await, [expected], "{status:#x}");
    }
}

#[tokio::test]
async fn still_trying_proves_that_an_uncertain_part_went_out() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    bench.settle(part.key, "sim1", t(2), uncertain(t(120))).await;
    let trying = StatusReport {
        status: 0x30,
        ..delivered(9)
    };
    assert!(matches!(
        bench.report("sim1", trying, t(3)).await,
        ReportOutcome::Noted { .. }
    ));
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
    bench.report("sim1", delivered(9), t(4)).await;
    assert_eq!(bench.states(part.message).await, [PartState::Delivered]);
}

#[tokio::test]
async fn a_settled_part_does_not_change_by_a_later_report() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.send(part.key, "sim1", t(1), 5).await;
    bench
        .report(
            "sim1",
            StatusReport {
                status: 0x40,
                ..delivered(5)
            },
            t(2),
        )
        .await;
    let later = bench.report("sim1", delivered(5), t(3)).await;
    assert!(matches!(later, ReportOutcome::Noted { .. }));
    assert_eq!(bench.states(part.message).await, [PartState::Failed]);
    let view = bench.store.status(part.message).await.expect("read").expect("known");
    assert_eq!(view.parts[0].code.as_deref(), Some("TP-ST 0x40"));
}
