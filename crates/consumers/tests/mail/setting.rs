//! A store with messages for the mail consumer, and what comes of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use consumers::mail::{Config, Mail};
use consumers::{Consumer, Patience, Room, Rules, Verdict, Wish};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use message::{Event, Inbound};
use store::{Delivery, Store};

/// A mail consumer that tries again soon.
#[derive(Debug)]
pub(crate) struct Hurried(pub(crate) Mail);

impl Consumer for Hurried {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn wish(&self, event: &Event) -> Wish {
        self.0.wish(event)
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        self.0.work(delivery)
    }

    fn patience(&self) -> Patience {
        Patience {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_millis(200),
            ..self.0.patience()
        }
    }
}

/// Settings with a server on this machine and one recipient.
pub(crate) fn settings(port: u16) -> Config {
    let config = Config {
        port,
        from: Some("gw@example.org".into()),
        to: vec!["ops@example.org".into()],
        timeout_s: 5,
        ..Config::default()
    };
    assert_eq!(config.problems(), []);
    config
}

/// The store in a folder.
pub(crate) fn open(folder: &Path) -> Store {
    let config = store::Config {
        consumers: vec!["mail".into()],
        ..store::Config::default()
    };
    let join = Arc::new(|_: &[Option<Vec<u8>>]| unreachable!("no parts come"));
    Store::open(folder, &config, join).expect("it opens").0
}

/// A message that arrived.
pub(crate) fn sms(text: &str) -> Inbound {
    Inbound::of_text("sim1", "+989126211770", text, Timestamp::now())
}

/// Keeps messages for the consumer.
pub(crate) async fn receive(store: &Store, messages: impl IntoIterator<Item = Inbound>) {
    for message in messages {
        let event = Event::Message(message);
        store.add_event(event, Timestamp::now()).await.expect("it is kept");
    }
}

/// Starts the consumer on what waits.
pub(crate) fn start(store: &Store, config: &Config) -> Room {
    let mail = Arc::new(Hurried(Mail::new(config)));
    Room::start(store, vec![mail], Rules::default())
}

/// Works what waits once, without a worker.
pub(crate) async fn work(store: &Store, mail: &Mail) -> Vec<Verdict> {
    let waiting = store.deliveries("mail", Timestamp::now(), 100).await.expect("readable");
    let mut verdicts = Vec::new();
    for delivery in &waiting {
        verdicts.push(mail.work(delivery).await);
    }
    verdicts
}

/// What an [`Verdict::Away`] says.
pub(crate) fn away(verdicts: &[Verdict]) -> &str {
    match verdicts {
        [Verdict::Away { why }] => why,
        other => panic!("{other:?}"),
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until nothing waits, and tells how many were given up and why the last.
pub(crate) async fn idle(store: &Store) -> (u64, Option<String>) {
    let start = Instant::now();
    loop {
        let backlog = store.backlog().await.expect("readable").remove(0);
        if backlog.waiting == 0 {
            return (backlog.gave_up, backlog.gave_up_why);
        }
        assert!(start.elapsed() < PATIENCE, "{backlog:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
