//! What a mail server refuses, and what comes of it.

use consumers::mail::Config;
use serde_json::json;

use crate::setting::{idle, open, receive, settings, sms, start, until};
use crate::sink::{Sink, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_waits_while_the_others_have_their_mail_once() {
    for mode in ["plain", "pipelining"] {
        let Some(sink) = Sink::start(mode) else { return };
        full_mailbox(sink).await;
    }
}

async fn full_mailbox(sink: Sink) {
    sink.refuse("full@ 452 4.2.2 mailbox full");
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("one"), sms("two")]).await;
    let to = ["a@example.org", "full@example.org", "b@example.org"].map(str::to_owned);
    let config = Config {
        to: to.into(),
        ..settings(sink.port)
    };
    let room = start(&store, &config);
    until("both are with those who can take them", || sink.mails().len() >= 2).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(sink.mails().len(), 2);
    let backlog = store.backlog().await.expect("readable").remove(0);
    assert_eq!(backlog.waiting, 2);
    let told = "full@example.org: the mail server says: 452 4.2.2 mailbox full";
    assert_eq!(backlog.error.as_deref(), Some(told));
    // Who has it is kept, so a restart changes nothing.
    room.stop().await;
    store.close().await;
    drop(store);
    let store = open(folder.path());
    let room = start(&store, &config);
    sink.refuse("");
    assert_eq!(idle(&store).await.0, 0);
    room.stop().await;
    let to: Vec<_> = sink.mails().iter().map(|mail| mail["to"].clone()).collect();
    let others = json!(["a@example.org", "b@example.org"]);
    let full = json!(["full@example.org"]);
    assert_eq!(to, [others.clone(), others, full.clone(), full]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_given_up_alone_and_said() {
    for mode in ["plain", "pipelining"] {
        let Some(sink) = Sink::start(mode) else { return };
        refused_for_good(sink).await;
    }
}

async fn refused_for_good(sink: Sink) {
    sink.refuse("gone@ 550 5.1.1 no such user");
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("one"), sms("two")]).await;
    let to = ["gone@example.org", "a@example.org"].map(str::to_owned);
    let room = start(
        &store,
        &Config {
            to: to.into(),
            ..settings(sink.port)
        },
    );
    let (gave_up, error) = idle(&store).await;
    assert_eq!(gave_up, 2);
    assert_eq!(
        error.as_deref(),
        Some("gone@example.org: the mail server says: 550 5.1.1 no such user")
    );
    assert_eq!(sink.mails().len(), 2);
    sink.refuse("DATA 554 5.7.1 looks like spam");
    receive(&store, [sms("three")]).await;
    let (gave_up, error) = idle(&store).await;
    assert_eq!(gave_up, 3);
    assert_eq!(
        error.as_deref(),
        Some("the mail server says: 554 5.7.1 looks like spam")
    );
    sink.refuse("");
    receive(&store, [sms("four")]).await;
    assert_eq!(idle(&store).await.0, 3);
    room.stop().await;
    assert_eq!(sink.mails().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_is_refused_for_now_comes_again() {
    let Some(sink) = Sink::start("plain") else { return };
    sink.refuse("DATA 451 4.7.1 greylisted");
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("one")]).await;
    let room = start(&store, &settings(sink.port));
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(sink.mails().len(), 0);
    sink.refuse("");
    assert_eq!(idle(&store).await.0, 0);
    room.stop().await;
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_mail_server_is_down_and_the_gateway_restarts() {
    let Some(mut sink) = Sink::start("plain") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let room = start(&store, &settings(sink.port));
    receive(&store, [sms("before")]).await;
    assert_eq!(idle(&store).await.0, 0);
    sink.stop();
    receive(&store, (0..50).map(|number| sms(&number.to_string()))).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let backlog = store.backlog().await.expect("readable").remove(0);
    assert_eq!((backlog.waiting, backlog.gave_up), (50, 0));
    assert!(backlog.oldest.is_some());
    assert!(backlog.error.is_some_and(|error| error.contains("refused")));
    // Dropped as a kill drops it.
    drop(room);
    store.close().await;
    drop(store);
    sink.start_again();
    let store = open(folder.path());
    let room = start(&store, &settings(sink.port));
    assert_eq!(idle(&store).await.0, 0);
    room.stop().await;
    let mails = sink.mails();
    let mut ids: Vec<&str> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((mails.len(), ids.len()), (51, 51));
}
