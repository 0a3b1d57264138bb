//! Every event reaches every consumer, however often something breaks on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use consumers::{Change, Consumer, Patience, Room, Rule, Rules, Then, Verdict, Wish};
use jiff::Timestamp;
use message::Event;

use crate::scripted::{Scripted, call, open, receive, room, until};

const ALWAYS: fn(&store::Delivery) -> Option<Verdict> = |_| Some(Verdict::Done);

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_and_what_comes_is_worked_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["mail"]);
    for sim in ["a", "b", "c"] {
        call(&store, sim).await;
    }
    let mail = Arc::new(Scripted::new("mail", ALWAYS));
    let room = room(&store, &[&mail]);
    until("what waited is worked", || mail.words() == ["a", "b", "c"]).await;
    call(&store, "d").await;
    until("what comes is worked", || mail.words() == ["a", "b", "c", "d"]).await;
    room.stop().await;
    let backlog = store.backlog().await.expect("read");
    assert_eq!((backlog[0].waiting, backlog[0].gave_up), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_lets_the_next_ones_pass_and_is_given_up_in_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["mail"]);
    let mut mail = Scripted::new("mail", |delivery| {
        match crate::scripted::words(&delivery.event).as_str() {
            "bad" => Some(Verdict::later("it is bad")),
            "never" => Some(Verdict::give_up("it will never do")),
            _ => Some(Verdict::Done),
        }
    });
    mail.patience.most_tries = Some(3);
    let mail = Arc::new(mail);
    for sim in ["bad", "never", "good", "better"] {
        call(&store, sim).await;
    }
    let room = room(&store, &[&mail]);
    let tries = |words: &str| mail.words().iter().filter(|seen| *seen == words).count();
    until("the bad one is tried three times", || tries("bad") == 3).await;
    assert_eq!(mail.words()[..4], ["bad", "never", "good", "better"]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    room.stop().await;
    assert_eq!((tries("bad"), tries("never"), tries("good")), (3, 1, 1));
    let backlog = store.backlog().await.expect("read").remove(0);
    assert_eq!((backlog.waiting, backlog.gave_up), (0, 2));
    assert_eq!(
        backlog.gave_up_why.as_deref(),
        Some("given up after 3 tries: it is bad")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_is_cut_off_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["mail", "hook"]);
    let mut mail = Scripted::new("mail", |delivery| {
        let hangs = delivery.attempts == 0 && crate::scripted::words(&delivery.event) == "slow";
        (!hangs).then_some(Verdict::Done)
    });
    mail.patience.each = Duration::from_millis(300);
    let (mail, hook) = (Arc::new(mail), Arc::new(Scripted::new("hook", ALWAYS)));
    call(&store, "slow").await;
    call(&store, "next").await;
    let room = room(&store, &[&mail, &hook]);
    until("the other consumer is done", || hook.words().len() == 2).await;
    until("the slow one is worked at last", || mail.words().len() == 3).await;
    assert!(mail.words().contains(&"next".to_owned()));
    room.stop().await;
    assert_eq!(store.backlog().await.expect("read")[0].waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_other_side_is_gone_rests_and_then_works_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["mail"]);
    let (gone, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let (is_gone, asking) = (Arc::clone(&gone), Arc::clone(&asked));
    let mail = Scripted::new("mail", move |_| {
        asking.fetch_add(1, Ordering::Relaxed);
        Some(match is_gone.load(Ordering::Relaxed) {
            true => Verdict::away("connection refused"),
            false => Verdict::Done,
        })
    });
    let mail = Arc::new(mail);
    for place in 0..50 {
        call(&store, &format!("sim{place}")).await;
    }
    let room = room(&store, &[&mail]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let tries = asked.load(Ordering::Relaxed);
    assert!((1..20).contains(&tries), "{tries} tries at somebody who is not there");
    gone.store(false, Ordering::Relaxed);
    until("all are worked", || asked.load(Ordering::Relaxed) >= tries + 50).await;
    room.stop().await;
    assert_eq!(store.backlog().await.expect("read")[0].waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_taken_is_not_seen_by_those_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["attendance", "shop", "mail"]);
    let requests = |event: &Event| match event {
        Event::Message(message) if message.text.starts_with("$$") => Wish::Take,
        _ => Wish::Pass,
    };
    let attendance = Arc::new(Scripted::new("attendance", ALWAYS).wishing(requests));
    let (shop, mail) = (
        Arc::new(Scripted::new("shop", ALWAYS)),
        Arc::new(Scripted::new("mail", ALWAYS)),
    );
    let consumers: Vec<Arc<dyn Consumer>> = vec![attendance.clone(), mail.clone(), shop.clone()];
    let rules = Rules::new(vec![Rule {
        consumer: "shop".into(),
        then: Then::Take,
        sim: None,
        from: None,
        text: Some(consumers::Pattern::new("^ORDER ").expect("a pattern")),
    }]);
    let room = Room::start(&store, consumers, rules);
    for text in ["$$abc$$", "ORDER 1", "hello"] {
        receive(&store, text).await;
    }
    call(&store, "sim1").await;
    let worked = || (attendance.words(), shop.words(), mail.words());
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let right = (
        words(&["$$abc$$"]),
        words(&["ORDER 1", "sim1"]),
        words(&["hello", "sim1"]),
    );
    until("all are worked", || worked() == right).await;
    room.stop().await;
    for backlog in store.backlog().await.expect("read") {
        assert_eq!(backlog.waiting, 0, "{backlog:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_comes_takes_nothing_that_was_before_it_and_one_that_goes_gives_up_what_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["stays", "goes"]);
    let away = Arc::new(AtomicBool::new(true));
    let shut = Arc::clone(&away);
    let stays = Arc::new(Scripted::new("stays", move |_| match shut.load(Ordering::Relaxed) {
        true => Some(Verdict::away("nobody is there")),
        false => Some(Verdict::Done),
    }));
    let goes = Arc::new(Scripted::new("goes", |_| Some(Verdict::later("not now"))));
    let mut room = Room::start(&store, vec![stays.clone(), goes], Rules::default());
    receive(&store, "ORDER 1").await;
    let names = ["comes", "stays"].map(str::to_owned).to_vec();
    let adopted = store.adopt_consumers(names.clone(), Vec::new()).await;
    let comes = Arc::new(Scripted::new("comes", ALWAYS));
    let rules = Rules::new(vec![Rule {
        consumer: "comes".into(),
        then: Then::Take,
        sim: None,
        from: None,
        text: Some(consumers::Pattern::new("^ORDER ").expect("a pattern")),
    }]);
    room.adopt(Change {
        names,
        fresh: vec![comes.clone()],
        rules,
        last_event: adopted.expect("kept").into_inner(),
    })
    .await;
    receive(&store, "ORDER 2").await;
    until("the new one has its own", || comes.words() == ["ORDER 2"]).await;
    let tries = || stays.words().iter().filter(|words| *words == "ORDER 1").count();
    let before = tries();
    away.store(false, Ordering::Relaxed);
    until("the other one is given what came before", || tries() > before).await;
    room.stop().await;
    assert!(!stays.words().contains(&"ORDER 2".to_owned()), "that was taken");
    assert_eq!(
        store.deliveries("goes", Timestamp::MAX, 9).await.expect("read").len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_being_worked_at_a_kill_comes_again_under_the_same_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["mail"]);
    let mail = Arc::new(Scripted::new("mail", |delivery| {
        (crate::scripted::words(&delivery.event) != "second").then_some(Verdict::Done)
    }));
    for sim in ["first", "second", "third"] {
        call(&store, sim).await;
    }
    let killed = room(&store, &[&mail]);
    until("the second is being worked", || mail.words().len() == 2).await;
    // The first is marked while the second is worked.
    while store.backlog().await.expect("read")[0].waiting > 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // As a kill does: the work done so far on the second is never marked.
    drop(killed);
    store.close().await;
    drop(store);
    let store = open(folder.path(), &["mail"]);
    let after = Arc::new(Scripted::new("mail", ALWAYS));
    let room = room(&store, &[&after]);
    until("the rest is worked", || after.words() == ["second", "third"]).await;
    assert_eq!(after.seen()[0], mail.seen()[1], "the same event under the same id");
    room.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_what_is_being_worked_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["mail"]);
    let mut mail = Scripted::new("mail", |_| None);
    mail.patience = Patience {
        each: Duration::from_millis(200),
        ..Patience::default()
    };
    let mail = Arc::new(mail);
    call(&store, "a").await;
    let room = room(&store, &[&mail]);
    until("it is being worked", || !mail.words().is_empty()).await;
    room.stop().await;
    let backlog = store.backlog().await.expect("read").remove(0);
    assert_eq!(backlog.waiting, 1);
    assert_eq!(backlog.error.as_deref(), Some("it took longer than 200ms"));
}
