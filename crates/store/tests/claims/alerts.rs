//! Alerts: kept with their pictures, and told to those who want them.

use message::{AlertLetter, CallNotice, Event, NewAlert, Priority, RawAlert, RawImage, RouteId};
use store::{AlertNotice, AlertQuery, AlertWork, Config, IncidentRow, NewMessage, NoticeBy, Retention};

use crate::common::{Bench, message, number, t};

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 1, 2, 3];

fn alert(camera: &str, images: usize) -> NewAlert {
    let image = RawImage {
        name: "a.jpg".into(),
        octets: JPEG.to_vec(),
    };
    let raw = RawAlert {
        source: "test".into(),
        event: "MOTION_DETECTED".into(),
        camera: camera.into(),
        images: vec![image; images],
        ..RawAlert::default()
    };
    NewAlert::clean(raw, t(1))
}

#[tokio::test]
async fn an_alert_that_was_answered_survives_a_power_cut_with_its_pictures() {
    let bench = Bench::new();
    let alerts = vec![alert("cam1", 2), alert("cam2", 0)];
    let kept = bench.store.raise(alerts.clone()).await.expect("kept").into_inner();
    assert_eq!(kept.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(*bench.store.alerts().borrow(), 2);
    let cut = bench.after_power_cut();
    let found = cut.store.alerts_after(0, 10).await.expect("read");
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].number, &found[0].alert, found[0].alert.id),
        (1, &alerts[0].alert, kept[0].id)
    );
    assert_eq!(cut.store.alert_images(1).await.expect("read"), [JPEG, JPEG]);
    assert!(cut.store.alert_images(2).await.expect("read").is_empty());
    assert_eq!(cut.store.alerts_after(1, 10).await.expect("read").len(), 1);
    let next = cut.store.raise(vec![alert("cam3", 0)]).await.expect("kept");
    assert_eq!(next.get()[0].number, 3);
    cut.sound().await;
}

#[tokio::test]
async fn only_consumers_of_alerts_have_rows_for_them() {
    let config = Config {
        consumers: vec!["mail".into(), "hook".into()],
        alert_consumers: vec!["hook".into()],
        ..Config::default()
    };
    let bench = Bench::with(config);
    bench.store.raise(vec![alert("cam1", 1)]).await.expect("kept");
    assert!(bench.store.deliveries("mail", t(1), 10).await.expect("read").is_empty());
    let told = bench.store.deliveries("hook", t(1), 10).await.expect("read");
    let Event::Alert { alert } = &told[0].event else {
        panic!("{:?}", told[0].event)
    };
    assert_eq!((alert.number, alert.alert.camera.as_str()), (1, "cam1"));
    bench.sound().await;
}

fn urgent(key: &str) -> NewMessage {
    NewMessage {
        idempotency_key: Some(key.to_owned()),
        priority: Priority::ALARM,
        ..message(1)
    }
}

fn notice(by: NoticeBy) -> AlertNotice {
    AlertNotice {
        incident: 1,
        at: t(2),
        way: "sms",
        recipient: "+491711234567".into(),
        by,
    }
}

fn work(open: bool, notices: Vec<AlertNotice>) -> AlertWork {
    AlertWork {
        worked: Some(2),
        incidents: vec![IncidentRow {
            row: 1,
            number: 1,
            at: t(1),
            open,
            body: "{}".into(),
        }],
        links: vec![(1, 1), (2, 1)],
        notices,
        ..AlertWork::default()
    }
}

#[tokio::test]
async fn what_follows_from_alerts_is_kept_with_the_messages_it_makes() {
    let bench = Bench::new();
    bench
        .store
        .raise(vec![alert("cam1", 0), alert("cam1", 0), alert("cam2", 0)])
        .await
        .expect("kept");
    let letter = AlertLetter {
        number: 1,
        to: vec!["ops@example.org".into()],
        subject: "s".into(),
        body: "b".into(),
        pictures: vec![1],
        thread: "t".into(),
    };
    let notices = vec![
        notice(NoticeBy::Message(Box::new(urgent("alert-1-1")))),
        notice(NoticeBy::Message(Box::new(NewMessage {
            text: "another".into(),
            ..urgent("alert-1-1")
        }))),
        notice(NoticeBy::Letter(Box::new(letter), "mail")),
        notice(NoticeBy::Nothing("nobody is on call".into())),
    ];
    let kept = bench.store.alert_work(work(true, notices)).await.expect("kept");
    assert_eq!(kept.get().len(), 1);
    let id = kept.get()[0].accepted.id;
    assert_eq!(
        bench.store.due(t(3), 10).await.expect("read")[0].priority,
        Priority::ALARM
    );

    let cut = bench.after_power_cut();
    let left = cut.store.alerts_left().await.expect("read");
    assert_eq!((left.worked, left.next_row), (2, 2));
    assert_eq!(left.open, [(1, "{}".to_owned())]);
    let heads = cut.store.alert_list(query(false, false)).await.expect("read");
    let numbers: Vec<i64> = heads.iter().map(|row| row.alert.number).collect();
    assert_eq!(numbers, [3, 1]);
    let problems: Vec<Option<&str>> = heads[1].incidents[0]
        .told
        .iter()
        .map(|told| told.problem.as_deref())
        .collect();
    assert_eq!(problems[0], None);
    assert!(problems[1].expect("a problem").contains("idempotency key"));
    assert_eq!(
        problems[2..],
        [Some("no mail is configured"), Some("nobody is on call")]
    );
    assert_eq!(cut.store.alert_list(query(true, false)).await.expect("read").len(), 3);
    assert_eq!(cut.store.alert_list(query(false, true)).await.expect("read").len(), 1);
    assert_eq!(cut.store.incidents_of(2).await.expect("read"), [1]);

    let facts = cut.store.alert_facts(t(0)).await.expect("read");
    assert_eq!((facts.waiting, facts.oldest, facts.problems), (1, Some(t(1)), 3));
    let failed = cut
        .store
        .alert_message_failed(id, "the SMS failed")
        .await
        .expect("kept");
    assert_eq!(failed, Some((1, "+491711234567".to_owned())));
    assert_eq!(cut.store.alert_facts(t(0)).await.expect("read").problems, 4);
    let unknown = ::message::MessageId::fresh();
    assert_eq!(cut.store.alert_message_failed(unknown, "x").await.expect("read"), None);
    cut.sound().await;
}

#[tokio::test]
async fn a_delivery_is_done_with_what_follows_from_it_through_a_power_cut() {
    let bench = Bench::with(Config {
        consumers: vec!["alerts".into()],
        ..Config::default()
    });
    let call = Event::Call(CallNotice {
        sim: RouteId::new("sim1"),
        from: None,
        at: t(1),
    });
    for second in [1, 2] {
        bench.store.add_event(call.clone(), t(second)).await.expect("kept");
    }
    let waiting = bench.store.deliveries("alerts", t(3), 9).await.expect("read");
    let (first, second) = (waiting[0].id, waiting[1].id);
    // Whoever works it may hear too late that it was given up.
    bench.store.delivery_gave_up(second, "x").await.expect("kept");
    for delivery in [first, second] {
        assert!(!bench.store.delivery_is_done(delivery).await.expect("read"));
        let work = AlertWork {
            delivery: Some(delivery),
            ..work(true, Vec::new())
        };
        bench.store.alert_work(work).await.expect("kept");
    }
    let cut = bench.after_power_cut();
    for delivery in [first, second] {
        assert!(cut.store.delivery_is_done(delivery).await.expect("read"));
        cut.store
            .delivery_later(delivery, t(4), "late", None)
            .await
            .expect("kept");
    }
    assert_eq!(cut.store.deliveries("alerts", t(9), 9).await.expect("read"), []);
    assert_eq!(cut.store.alerts_left().await.expect("read").open.len(), 1);
    let backlog = cut.store.backlog().await.expect("read");
    assert_eq!((backlog[0].waiting, backlog[0].gave_up), (0, 0));
    cut.sound().await;
}

fn query(all: bool, open: bool) -> AlertQuery {
    AlertQuery {
        before: None,
        limit: 10,
        all,
        open,
    }
}

#[tokio::test]
async fn pictures_go_before_alerts_and_what_is_open_stays() {
    let bench = Bench::new();
    bench
        .store
        .raise(vec![alert("cam1", 1), alert("cam1", 1)])
        .await
        .expect("kept");
    bench.store.alert_work(work(true, Vec::new())).await.expect("kept");
    let retention = Retention {
        pictures_days: 1,
        alerts_days: 2,
        ..Retention::default()
    };
    let days = |days: i64| t(1) + jiff::SignedDuration::from_hours(24 * days + 1);
    bench.store.retain(days(0), &retention).await.expect("kept");
    assert_eq!(bench.store.alert_images(2).await.expect("read").len(), 1);
    bench.store.retain(days(1), &retention).await.expect("kept");
    assert!(bench.store.alert_images(1).await.expect("read").is_empty());
    assert!(bench.store.alert_images(2).await.expect("read").is_empty());
    bench.store.raise(vec![alert("cam1", 1)]).await.expect("kept");
    assert_eq!(
        bench
            .store
            .retain(days(2), &retention)
            .await
            .expect("kept")
            .get()
            .alerts,
        0
    );
    bench.store.alert_work(work(false, Vec::new())).await.expect("kept");
    assert_eq!(
        bench
            .store
            .retain(days(2), &retention)
            .await
            .expect("kept")
            .get()
            .alerts,
        2
    );
    // The third was never put before the rules.
    assert_eq!(bench.store.alerts_after(0, 9).await.expect("read").len(), 1);
    bench.sound().await;
    let bench = bench.reopened().await;
    let next = bench.store.raise(vec![alert("cam1", 0)]).await.expect("kept");
    assert_eq!(next.get()[0].number, 4);
}

#[tokio::test]
async fn erasing_a_number_takes_alerts_that_name_it_and_who_was_told() {
    let bench = Bench::new();
    let names = RawAlert {
        text: "called +49 171 1234567 and +491711234567".into(),
        ..RawAlert::default()
    };
    bench
        .store
        .raise(vec![alert("cam1", 1), NewAlert::clean(names, t(1))])
        .await
        .expect("kept");
    let told = vec![notice(NoticeBy::Nothing("x".into()))];
    bench.store.alert_work(work(false, told)).await.expect("kept");
    bench.store.erase(&number("+491711234567")).await.expect("kept");
    let left = bench.store.alert_list(query(true, false)).await.expect("read");
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].alert.number, left[0].incidents[0].told.len()), (1, 0));
    bench.sound().await;
}
