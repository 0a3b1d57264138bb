//! Events, one delivery per consumer.

use std::sync::Arc;

use message::{CallNotice, Event, InboundKind, MessageState, Reception, RouteId};
use store::{Config, Settled};

use crate::common::{Bench, delivered, failure, message, number, payload, raw, t};

fn consumers(names: &[&str]) -> Config {
    Config {
        consumers: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Config::default()
    }
}

async fn receive(bench: &Bench, text: &str) {
    bench
        .store
        .receive(
            &RouteId::new("sim1"),
            raw(text.as_bytes()),
            payload(text, None),
            Reception::default(),
            t(1),
        )
        .await
        .expect("kept");
}

#[tokio::test]
async fn every_consumer_gets_every_message_in_order_under_one_id() {
    let bench = Bench::with(consumers(&["mail", "hook"]));
    let mut news = bench.store.events();
    receive(&bench, "one").await;
    receive(&bench, "two").await;
    assert!(news.has_changed().expect("open"));
    news.borrow_and_update();
    let mail = bench.store.deliveries("mail", t(1), 10).await.expect("read");
    let hook = bench.store.deliveries("hook", t(1), 10).await.expect("read");
    let ids = |list: &[store::Delivery]| list.iter().map(|one| one.event_id).collect::<Vec<_>>();
    assert_eq!(ids(&mail), ids(&hook));
    let texts: Vec<_> = mail
        .iter()
        .map(|one| match &one.event {
            Event::Message(inbound) => inbound.text.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["one", "two"]);
    bench.store.delivery_done(mail[0].id).await.expect("kept");
    let bench = bench.reopened().await;
    assert_eq!(
        ids(&bench.store.deliveries("mail", t(1), 10).await.expect("read")),
        ids(&mail[1..])
    );
    assert_eq!(bench.store.deliveries("hook", t(1), 10).await.expect("read").len(), 2);
    bench.sound().await;
}

#[tokio::test]
async fn nobody_is_told_of_what_no_phone_would_show() {
    let joiner: store::Joiner = Arc::new(|pdus| store::Joined {
        text: String::new(),
        kind: match pdus[0].as_deref().and_then(<[u8]>::first) {
            Some(b's') => InboundKind::Silent,
            Some(b'c') => InboundKind::SimData,
            Some(b'd') => InboundKind::Device,
            _ => InboundKind::Text,
        },
        class: None,
        alphabet: None,
        data_hex: None,
        ports: None,
        waiting: None,
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _) = store::Store::open(folder.path(), &consumers(&["mail"]), joiner).expect("opens");
    for text in ["silent", "card", "device", "text"] {
        let (sim, pdu, read) = (RouteId::new("sim1"), raw(text.as_bytes()), payload(text, None));
        let kept = store.receive(&sim, pdu, read, Reception::default(), t(1)).await;
        kept.expect("kept");
    }
    let told = store.deliveries("mail", t(1), 10).await.expect("read");
    assert!(matches!(&told[..], [one] if matches!(&one.event, Event::Message(sms) if sms.kind == InboundKind::Text)));
    let kinds: Vec<_> = store.fetch(0, 9, None, None).await.expect("read");
    let kinds: Vec<_> = kinds.iter().map(|sms| sms.kind).collect();
    assert_eq!(
        kinds,
        [
            InboundKind::Silent,
            InboundKind::SimData,
            InboundKind::Device,
            InboundKind::Text
        ]
    );
}

#[tokio::test]
async fn what_a_consumer_cannot_work_comes_again_or_is_given_up_and_shown() {
    let bench = Bench::with(consumers(&["mail"]));
    receive(&bench, "one").await;
    let first = bench.store.deliveries("mail", t(1), 10).await.expect("read").remove(0);
    bench
        .store
        .delivery_later(first.id, t(60), "server does not answer", Some("one has it"))
        .await
        .expect("kept");
    assert!(
        bench
            .store
            .deliveries("mail", t(59), 10)
            .await
            .expect("read")
            .is_empty()
    );
    assert_eq!(bench.store.next_delivery("mail").await.expect("read"), Some(t(60)));
    let again = bench.store.deliveries("mail", t(60), 10).await.expect("read").remove(0);
    assert_eq!((again.event_id, again.attempts), (first.event_id, 1));
    assert_eq!((first.memo, again.memo.as_deref()), (None, Some("one has it")));
    bench
        .store
        .delivery_later(first.id, t(60), "server does not answer", None)
        .await
        .expect("kept");
    let bench = bench.reopened().await;
    let again = bench.store.deliveries("mail", t(60), 10).await.expect("read").remove(0);
    assert_eq!(
        again.memo.as_deref(),
        Some("one has it"),
        "it stays until another replaces it"
    );
    let backlog = bench.store.backlog().await.expect("read").remove(0);
    assert_eq!((backlog.waiting, backlog.gave_up, backlog.oldest), (1, 0, Some(t(1))));
    assert_eq!(backlog.error.as_deref(), Some("server does not answer"));
    bench
        .store
        .delivery_gave_up(first.id, "no such mailbox")
        .await
        .expect("kept");
    let backlog = bench.store.backlog().await.expect("read").remove(0);
    assert_eq!((backlog.waiting, backlog.gave_up), (0, 1));
    assert_eq!(backlog.gave_up_why.as_deref(), Some("no such mailbox"));
}

#[tokio::test]
async fn the_end_of_an_outgoing_message_is_told_once() {
    let bench = Bench::with(consumers(&["mail"]));
    let accepted = bench.accept(message(2)).await;
    for (part, reference) in accepted.due.iter().zip([1, 2]) {
        bench.send(part.key, "sim1", t(1), reference).await;
    }
    bench.report("sim1", delivered(1), t(2)).await;
    let sent = bench.store.deliveries("mail", t(9), 10).await.expect("read");
    assert_eq!(sent.len(), 1, "one part is no message");
    bench.store.delivery_done(sent[0].id).await.expect("kept");
    bench.report("sim1", delivered(2), t(3)).await;
    let told = bench.store.deliveries("mail", t(9), 10).await.expect("read");
    assert_eq!(told.len(), 1);
    let Event::Report(notice) = &told[0].event else {
        panic!("{told:?}")
    };
    assert_eq!(
        (notice.id, notice.state, notice.at),
        (accepted.accepted.id, MessageState::Delivered, t(3))
    );
}

#[tokio::test]
async fn a_message_of_which_two_parts_fail_has_failed_once() {
    let bench = Bench::with(consumers(&["mail"]));
    let accepted = bench.accept(message(2)).await;
    for part in &accepted.due {
        bench.attempt(part.key, "sim1", t(1)).await;
        bench
            .settle(part.key, "sim1", t(2), Settled::Failed { failure: failure() })
            .await;
    }
    assert_eq!(bench.store.deliveries("mail", t(9), 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_message_that_is_taken_back_is_told_once_and_has_not_failed() {
    let bench = Bench::with(consumers(&["mail"]));
    let new = store::NewMessage {
        note: Some("for me".into()),
        ..message(2)
    };
    let one = bench.accept(new).await.accepted.id;
    let other = bench.accept(message(1)).await.accepted.id;
    bench.store.cancel(one, t(1)).await.expect("cancelled");
    bench.store.cancel_all(vec![one, other], t(2)).await.expect("kept");
    let told = bench.store.deliveries("mail", t(9), 10).await.expect("read");
    let notices: Vec<_> = told.iter().map(|one| &one.event).collect();
    let [Event::Report(first), Event::Report(second)] = notices[..] else {
        panic!("{told:?}")
    };
    assert_eq!((first.id, first.state, first.at), (one, MessageState::Cancelled, t(1)));
    assert_eq!((first.reason.as_deref(), first.note.as_deref()), (None, Some("for me")));
    assert_eq!((second.id, second.state), (other, MessageState::Cancelled));
}

#[tokio::test]
async fn any_event_survives_a_restart_and_none_is_kept_for_nobody() {
    let call = Event::Call(CallNotice {
        sim: RouteId::new("sim1"),
        from: Some(number("+4930123456")),
        at: t(1),
    });
    let bench = Bench::new();
    assert_eq!(
        bench
            .store
            .add_event(call.clone(), t(1))
            .await
            .expect("kept")
            .into_inner(),
        None
    );
    let bench = Bench::with(consumers(&["mail"]));
    bench.store.add_event(call.clone(), t(1)).await.expect("kept");
    let bench = bench.reopened().await;
    assert_eq!(
        bench.store.deliveries("mail", t(1), 10).await.expect("read")[0].event,
        call
    );
}

#[tokio::test]
async fn a_consumer_that_is_not_configured_any_more_keeps_nothing_waiting() {
    let mut bench = Bench::with(consumers(&["mail", "hook"]));
    receive(&bench, "one").await;
    bench.config = consumers(&["hook", "new"]);
    let bench = bench.reopened().await;
    receive(&bench, "two").await;
    assert_eq!(bench.store.deliveries("mail", t(9), 10).await.expect("read").len(), 0);
    assert_eq!(bench.store.deliveries("hook", t(9), 10).await.expect("read").len(), 2);
    assert_eq!(bench.store.deliveries("new", t(9), 10).await.expect("read").len(), 1);
    assert_eq!(bench.store.backlog().await.expect("read").len(), 2);
}

#[tokio::test]
async fn who_gets_events_may_change_while_the_store_is_open_and_holds_after_a_restart() {
    let mut bench = Bench::with(consumers(&["mail", "hook"]));
    let waiting = async |bench: &Bench, name: &str| bench.store.deliveries(name, t(9), 10).await.expect("read").len();
    receive(&bench, "one").await;
    let names = ["hook", "new"].map(str::to_owned);
    let adopted = bench.store.adopt_consumers(names.to_vec(), Vec::new()).await;
    let last = adopted.expect("kept").into_inner();
    assert!(bench.store.tells(&names, &[]) && !bench.store.tells(&names, &names));
    receive(&bench, "two").await;
    let told = bench.store.deliveries("new", t(9), 10).await.expect("read");
    assert!(told.len() == 1 && told[0].id.event() > last, "{told:?}");
    assert_eq!((waiting(&bench, "hook").await, waiting(&bench, "mail").await), (2, 1));
    let shown = bench.store.backlog().await.expect("read");
    assert_eq!(shown.iter().map(|one| one.consumer.as_str()).collect::<Vec<_>>(), names);
    bench.store.give_up_for_others().await.expect("kept");
    assert_eq!((waiting(&bench, "hook").await, waiting(&bench, "mail").await), (2, 0));
    bench.config = consumers(&["hook", "new"]);
    let bench = bench.reopened().await;
    assert_eq!((waiting(&bench, "hook").await, waiting(&bench, "new").await), (2, 1));
}

#[tokio::test]
async fn being_sent_is_told_once_whether_a_report_is_waited_for_or_not() {
    let bench = Bench::with(consumers(&["mail"]));
    for report in [true, false] {
        let accepted = bench.accept(store::NewMessage { report, ..message(2) }).await;
        for part in &accepted.due {
            bench.send(part.key, "sim1", t(1), part.key.part).await;
        }
    }
    let told = bench.store.deliveries("mail", t(9), 10).await.expect("read");
    assert_eq!(told.len(), 2);
    for one in &told {
        assert!(
            matches!(&one.event, Event::Report(notice) if notice.state == MessageState::Sent),
            "{one:?}"
        );
    }
}

#[tokio::test]
async fn the_end_of_a_message_tells_its_sim_its_token_and_why() {
    let bench = Bench::with(consumers(&["mail"]));
    let new = store::NewMessage {
        note: Some("for me".into()),
        ..message(1)
    };
    let accepted = bench.accept(new).await;
    bench.attempt(accepted.due[0].key, "sim1", t(1)).await;
    bench
        .settle(
            accepted.due[0].key,
            "sim1",
            t(2),
            Settled::Failed { failure: failure() },
        )
        .await;
    let told = bench.store.deliveries("mail", t(9), 10).await.expect("read").remove(0);
    let Event::Report(notice) = told.event else {
        panic!("{told:?}")
    };
    assert_eq!(notice.state, MessageState::Failed);
    assert_eq!(notice.sim, Some(RouteId::new("sim1")));
    assert_eq!(notice.token, message(1).token);
    assert_eq!(notice.reason, Some(failure().reason));
    assert_eq!(notice.note.as_deref(), Some("for me"));
}

#[tokio::test]
async fn what_was_given_up_is_shown_with_its_time() {
    let bench = Bench::with(consumers(&["mail"]));
    receive(&bench, "one").await;
    let first = bench.store.deliveries("mail", t(1), 10).await.expect("read").remove(0);
    let before = jiff::Timestamp::now();
    bench
        .store
        .delivery_gave_up(first.id, "no such mailbox")
        .await
        .expect("kept");
    let backlog = bench.store.backlog().await.expect("read").remove(0);
    let at = backlog.gave_up_at.expect("a time");
    assert!(at.as_millisecond() >= before.as_millisecond(), "{at} {before}");
    assert_eq!((backlog.gave_up, backlog.oldest), (1, None));
    assert_eq!(backlog.gave_up_why.as_deref(), Some("no such mailbox"));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_given_up_and_the_next_one_is_given_out() {
    let bench = Bench::with(consumers(&["mail"]));
    let call = Event::Call(CallNotice {
        sim: RouteId::new("sim1"),
        from: None,
        at: t(1),
    });
    for at in [1, 2] {
        bench.store.add_event(call.clone(), t(at)).await.expect("kept");
    }
    let other = rusqlite::Connection::open(bench.folder.path().join("simrelay.db")).expect("opens");
    let changed = other.execute(
        "UPDATE event SET body = '{\"event\":\"of_tomorrow\"}' WHERE row = 1",
        [],
    );
    assert_eq!(changed.expect("changed"), 1);
    let given = bench.store.deliveries("mail", t(9), 10).await.expect("read");
    assert_eq!((given.len(), given[0].since), (1, t(2)));
    let backlog = bench.store.backlog().await.expect("read").remove(0);
    assert_eq!((backlog.waiting, backlog.gave_up), (1, 1));
    assert!(
        backlog
            .gave_up_why
            .as_deref()
            .is_some_and(|why| why.contains("of_tomorrow")),
        "{backlog:?}"
    );
}
