//! How things go.

use jiff::SignedDuration;
use message::{CallNotice, Event, NewAlert, RawAlert, Reception, RouteId};
use store::{AlertWork, Config, IncidentRow, NewMessage, Retained, Retention};

use crate::common::{Bench, delivered, message, number, payload, raw, sent, t};

fn after_days(days: i64) -> jiff::Timestamp {
    t(0) + SignedDuration::from_hours(days * 24 + 1)
}

async fn retain(bench: &Bench, days: i64, retention: &Retention) -> Retained {
    bench
        .store
        .retain(after_days(days), retention)
        .await
        .expect("kept")
        .into_inner()
}

#[tokio::test]
async fn texts_go_before_facts_and_nothing_unsettled_goes() {
    let bench = Bench::new();
    let done = bench.part(message(1)).await;
    bench.send(done.key, "sim1", t(1), 5).await;
    bench.report("sim1", delivered(5), t(2)).await;
    let open = bench.part(message(1)).await;
    let retention = Retention {
        texts_days: 10,
        facts_days: 20,
        inbound_days: 20,
        ..Retention::default()
    };
    assert_eq!(retain(&bench, 9, &retention).await, Retained::default());
    assert_eq!(retain(&bench, 10, &retention).await.texts, 1);
    let view = bench.store.status(done.message).await.expect("read").expect("known");
    assert_eq!(view.text, None);
    assert_eq!(bench.store.due(t(9), 10).await.expect("read")[0].tpdu, open.tpdu);
    let gone = retain(&bench, 20, &retention).await;
    assert_eq!((gone.messages, gone.kept, gone.more), (1, 1, false));
    assert!(bench.store.status(done.message).await.expect("read").is_none());
    assert!(bench.store.status(open.message).await.expect("read").is_some());
    bench.sound().await;
}

#[tokio::test]
async fn received_messages_go_with_their_events_and_zero_days_keep_for_ever() {
    let bench = Bench::with(Config {
        consumers: vec!["mail".to_owned()],
        ..Config::default()
    });
    let sim = RouteId::new("sim1");
    bench
        .store
        .receive(&sim, raw(b"A"), payload("A", None), Reception::default(), t(1))
        .await
        .expect("kept");
    let never = Retention {
        texts_days: 0,
        facts_days: 0,
        inbound_days: 0,
        ..Retention::default()
    };
    assert_eq!(retain(&bench, 9_999, &never).await, Retained::default());
    let month = Retention {
        inbound_days: 30,
        ..never
    };
    assert_eq!(retain(&bench, 30, &month).await.inbound, 1);
    assert!(bench.store.fetch(0, 10, None, None).await.expect("read").is_empty());
    assert!(bench.store.deliveries("mail", t(9), 10).await.expect("read").is_empty());
    bench.sound().await;
}

#[tokio::test]
async fn much_is_removed_in_steps() {
    let bench = Bench::new();
    for _ in 0..12 {
        let accepted = bench.accept(message(100)).await;
        bench.store.cancel(accepted.accepted.id, t(1)).await.expect("cancelled");
    }
    let sim = RouteId::new("sim1");
    for index in 0..600 {
        let text = index.to_string();
        bench
            .store
            .receive(
                &sim,
                raw(text.as_bytes()),
                payload(&text, None),
                Reception::default(),
                t(1),
            )
            .await
            .expect("kept");
    }
    let mut gone = Retained::default();
    loop {
        let step = retain(&bench, 400, &Retention::default()).await;
        gone.messages += step.messages;
        gone.inbound += step.inbound;
        if !step.more {
            break;
        }
    }
    assert_eq!((gone.messages, gone.inbound), (12, 600));
    bench.sound().await;
}

/// Removes until nothing more is to be removed; how many alerts went, in how many calls.
async fn retain_all(bench: &Bench, days: i64, retention: &Retention) -> (u64, u32) {
    let mut gone = (0, 0);
    loop {
        let step = retain(bench, days, retention).await;
        gone = (gone.0 + step.alerts, gone.1 + 1);
        if !step.more {
            return gone;
        }
    }
}

#[tokio::test]
async fn a_burst_of_alerts_is_removed_to_the_last_also_behind_one_that_is_open() {
    let bench = Bench::new();
    let alert = NewAlert::clean(RawAlert::default(), t(1));
    bench.store.raise(vec![alert; 1_202]).await.expect("kept");
    let first_is_open = AlertWork {
        worked: Some(1_202),
        incidents: vec![IncidentRow {
            row: 1,
            number: 1,
            at: t(1),
            open: true,
            body: "{}".into(),
        }],
        links: vec![(1, 1)],
        ..AlertWork::default()
    };
    bench.store.alert_work(first_is_open).await.expect("kept");
    assert_eq!(retain_all(&bench, 400, &Retention::default()).await, (1_201, 3));
    let left = bench.store.alerts_after(0, 10).await.expect("read");
    assert_eq!(left.iter().map(|alert| alert.number).collect::<Vec<_>>(), [1]);
    bench.sound().await;
}

#[tokio::test]
async fn other_events_go_to_the_last_where_received_messages_are_kept_for_ever() {
    let bench = Bench::with(Config {
        consumers: vec!["mail".to_owned()],
        ..Config::default()
    });
    let sim = RouteId::new("sim1");
    for index in 0..501 {
        let text = index.to_string();
        bench
            .store
            .receive(
                &sim,
                raw(text.as_bytes()),
                payload(&text, None),
                Reception::default(),
                t(1),
            )
            .await
            .expect("kept");
    }
    for _ in 0..1_001 {
        let event = Event::Call(CallNotice {
            sim: sim.clone(),
            from: None,
            at: t(1),
        });
        bench.store.add_event(event, t(1)).await.expect("kept");
    }
    let retention = Retention {
        inbound_days: 0,
        ..Retention::default()
    };
    assert_eq!(retain_all(&bench, 400, &retention).await, (0, 3));
    let left = bench.store.deliveries("mail", t(9), 9_999).await.expect("read");
    assert_eq!(left.len(), 501);
    assert!(left.iter().all(|one| matches!(one.event, Event::Message(_))));
    bench.sound().await;
}

#[tokio::test]
async fn erasing_a_number_leaves_no_trace_of_it_in_the_file() {
    let bench = Bench::with(Config {
        consumers: vec!["mail".to_owned()],
        ..Config::default()
    });
    let secret = NewMessage {
        text: "XYZZY-SECRET".to_owned(),
        ..message(1)
    };
    let done = bench.part(secret).await;
    bench.send(done.key, "sim1", t(1), 5).await;
    bench.report("sim1", delivered(5), t(2)).await;
    let busy = bench.part(message(1)).await;
    bench.attempt(busy.key, "sim1", t(3)).await;
    bench.part(message(1)).await;
    let mut from_friend = payload("XYZZY-ANSWER", None);
    from_friend.from = number("01711234567");
    bench
        .store
        .receive(
            &RouteId::new("sim1"),
            raw(b"A"),
            from_friend,
            Reception::default(),
            t(4),
        )
        .await
        .expect("kept");
    let friend = number("+491711234567");
    let gone = bench.store.erase(&friend).await.expect("erased").into_inner();
    assert_eq!((gone.messages, gone.inbound, gone.kept), (2, 1, 1));
    assert!(bench.store.deliveries("mail", t(9), 10).await.expect("read").is_empty());
    bench.settle(busy.key, "sim1", t(5), sent(6)).await;
    assert_eq!(bench.store.erase(&friend).await.expect("erased").get().messages, 1);
    assert_eq!(bench.store.queue_facts().await.expect("read").queued, 0);
    bench.sound().await;
    bench.store.close().await;
    for name in ["simrelay.db", "simrelay.db-wal"] {
        let file = std::fs::read(bench.folder.path().join(name)).unwrap_or_default();
        for trace in ["XYZZY", "1711234567"] {
            let found = file.windows(trace.len()).any(|window| window == trace.as_bytes());
            assert!(!found, "{trace} in {name}");
        }
    }
}
