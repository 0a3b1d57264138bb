//! Alerts on a real store and gateway; what is sent waits in the queue, since there is no modem.
#![expect(clippy::unwrap_used, reason = "a panic in a test is the answer")]

mod drawer;

use std::time::{Duration, Instant};

use consumers::alerts::{Alerts, Config, MAIL_NAME, NAME, Person, Rota, Rule};
use consumers::{Consumer, Verdict, Wish};
use gateway::{AlertDesk, Gateway, Origin, joiner};
use jiff::Timestamp;
use message::{AlertSearch, AlertState, Event, Inbound, ListQuery, MessageId, RawAlert, RawImage, Severity};
use store::{Delivery, Retention, Store};
use tempfile::TempDir;

const ANNA: &str = "+491710000001";
const BEN: &str = "+491710000002";

struct World {
    store: Store,
    gateway: Gateway,
    config: Config,
    _folder: TempDir,
}

impl World {
    async fn new(config: Config) -> Self {
        assert_eq!(config.problems(), []);
        let folder = tempfile::tempdir().unwrap();
        let store_config = store::Config {
            consumers: vec![NAME.to_owned(), MAIL_NAME.to_owned()],
            ..store::Config::default()
        };
        let (store, _) = Store::open(folder.path(), &store_config, joiner()).unwrap();
        Self {
            gateway: drawer::gateway(&store, "+491710000000", Retention::default()).await,
            store,
            config,
            _folder: folder,
        }
    }

    fn start(&self) -> Alerts {
        Alerts::start(self.config.clone(), self.store.clone(), self.gateway.clone())
    }

    async fn raise(&self, camera: &str) -> i64 {
        let raw = RawAlert {
            event: "MOTION_DETECTED".into(),
            camera: camera.into(),
            severity: Severity::Critical,
            ..RawAlert::default()
        };
        self.gateway.raise(vec![raw]).await.unwrap()[0].number
    }

    /// The SMS that wait: recipient and text, the first that was accepted first.
    async fn waiting(&self) -> Vec<(String, String)> {
        let query = ListQuery {
            limit: Some(100),
            ..ListQuery::default()
        };
        let mut found = self.gateway.list(&Origin::operator(), query).await.unwrap().messages;
        found.reverse();
        let told = found.into_iter();
        told.map(|view| (view.to.to_string(), view.text.unwrap_or_default()))
            .collect()
    }

    /// Raises an alert that somebody is called for; its number.
    async fn called(&self, alerts: &Alerts, camera: &str) -> i64 {
        let number = self.raise(camera).await;
        let calling = async || (self.state(alerts, number).await == AlertState::Calling).then_some(());
        self.until("somebody is called", calling).await;
        number
    }

    async fn state(&self, alerts: &Alerts, number: i64) -> AlertState {
        let views = alerts.list(AlertSearch::default()).await.unwrap();
        views.iter().find(|view| view.alert.number == number).unwrap().state
    }

    /// Somebody writes; the delivery of it.
    async fn written(&self, from: &str, text: &str) -> Delivery {
        self.delivery(writes(from, text)).await
    }

    /// Something happens; the delivery of it.
    async fn delivery(&self, event: Event) -> Delivery {
        let added = self.store.add_event(event, Timestamp::now()).await.unwrap();
        let of_it = |waiting: &Delivery| Some(waiting.event_id) == *added.get();
        self.deliveries().await.into_iter().find(of_it).unwrap()
    }

    /// What waits for the consumer; events about health are among it.
    async fn deliveries(&self) -> Vec<Delivery> {
        self.store.deliveries(NAME, Timestamp::now(), 100).await.unwrap()
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn on_call() -> Config {
    let person = |name: &str, sms: &str| Person {
        name: name.into(),
        sms: Some(sms.into()),
        mail: None,
    };
    Config {
        people: vec![person("anna", ANNA), person("ben", BEN)],
        rotas: vec![Rota {
            name: "duty".into(),
            people: vec!["anna".into(), "ben".into()],
            start: "2026-01-05".parse().unwrap(),
            handover: "08:00".into(),
            turn_days: 20_000,
            overrides: Vec::new(),
        }],
        rules: vec![Rule {
            rota: Some("duty".into()),
            ..Rule::named("all")
        }],
        ..Config::default()
    }
}

fn writes(from: &str, text: &str) -> Event {
    Event::Message(Inbound::of_text("sim1", from, text, Timestamp::now()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_through_kills_is_counted_once_and_told_with_the_right_numbers() {
    let rule = Rule {
        mail: vec!["ops@example.org".into()],
        cooldown_s: 1,
        storm: 3,
        ..Rule::named("all")
    };
    let world = World::new(Config {
        rules: vec![rule],
        ..Config::default()
    })
    .await;
    let picture = RawImage {
        name: "a.jpg".into(),
        octets: vec![0xff; 20_000],
    };
    let mut alerts = world.start();
    for batch in 0..100 {
        let raw = |place: usize| RawAlert {
            event: "VIDEO_LOST".into(),
            camera: format!("cam{}", place % 8),
            images: vec![picture.clone(); usize::from(place.is_multiple_of(20))],
            ..RawAlert::default()
        };
        world.gateway.raise((0..100).map(raw).collect()).await.unwrap();
        if batch % 10 == 9 {
            // As a kill: whatever it was at is dropped, and the book is read back.
            drop(alerts);
            alerts = world.start();
        }
    }
    let settled = async || {
        let facts = world.store.alert_facts(Timestamp::now()).await.unwrap();
        let left = world.store.alerts_left().await.unwrap();
        (facts.waiting == 0 && left.open.is_empty()).then_some(())
    };
    world.until("all is told", settled).await;
    let search = AlertSearch {
        limit: Some(1000),
        ..AlertSearch::default()
    };
    let heads = alerts.list(search).await.unwrap();
    let counted: u64 = heads
        .iter()
        .flat_map(|head| &head.incidents)
        .map(|incident| incident.count)
        .sum();
    assert_eq!(counted, 10_000);
    assert!(heads.iter().all(|head| head.state == AlertState::Closed));
    let letters = world
        .store
        .deliveries(MAIL_NAME, Timestamp::now(), 10_000)
        .await
        .unwrap();
    let told = |event: &Event| match event {
        Event::Letter { letter } => {
            let times = letter.subject.rsplit_once('(').map(|(_, times)| times);
            let count = times.and_then(|times| times.strip_suffix(" times)")?.parse().ok());
            count.unwrap_or(1)
        }
        other => panic!("{other:?}"),
    };
    let all: u64 = letters.iter().map(|letter| told(&letter.event)).sum();
    assert_eq!(all, 10_000);
    assert!(letters.len() <= 100, "{}", letters.len());
    assert!(world.store.integrity_check().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_given_again_after_a_kill_is_answered_once() {
    let world = World::new(on_call()).await;
    let alerts = world.start();
    let number = world.raise("cam1").await;
    world
        .until("anna is called", async || {
            (world.waiting().await.len() == 1).then_some(())
        })
        .await;
    let event = writes(ANNA, &format!("ack {number}"));
    assert_eq!(alerts.wish(&event), Wish::Take);
    assert_eq!(alerts.wish(&writes("+491719999999", "ACK 1")), Wish::Pass);
    assert_eq!(alerts.wish(&writes(ANNA, "hello")), Wish::Pass);
    let answer = world.written(ANNA, &format!("ack {number}")).await;
    assert_eq!(alerts.work(&answer).await, Verdict::Done);
    drop(alerts);
    let alerts = world.start();
    assert_eq!(alerts.work(&answer).await, Verdict::Done);
    let told = world.waiting().await;
    assert_eq!(told.len(), 2, "{told:?}");
    let answer = format!("Yours is {number}: MOTION_DETECTED - cam1.");
    assert_eq!(told[1], (ANNA.to_owned(), answer));
    let again = alerts.take(number, "carla").await.unwrap_err();
    assert!(again.reason.contains("was taken by anna"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_number_takes_nothing_else_when_it_is_worked_again() {
    for (ack_answer, killed) in [(true, true), (false, true), (true, false), (false, false)] {
        let world = World::new(Config {
            ack_answer,
            ..on_call()
        })
        .await;
        let mut alerts = world.start();
        let taken = world.called(&alerts, "cam1").await;
        let bare = world.written(ANNA, "ACK").await;
        assert_eq!(alerts.work(&bare).await, Verdict::Done);
        // The mark that it is done is still to be made: here the process ends, or the worker had waited too long.
        let open = world.called(&alerts, "cam2").await;
        if killed {
            drop(alerts);
            alerts = world.start();
        }
        let told = world.waiting().await;
        assert_eq!(alerts.work(&bare).await, Verdict::Done);
        assert_eq!(world.state(&alerts, taken).await, AlertState::Taken);
        assert_eq!(world.state(&alerts, open).await, AlertState::Calling);
        assert_eq!(world.waiting().await, told);
        let left = world.deliveries().await;
        assert!(
            left.iter().all(|left| left.id != bare.id),
            "it is done with what it took"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_not_clear_takes_nothing_later() {
    for ack_answer in [true, false] {
        let world = World::new(Config {
            ack_answer,
            ..on_call()
        })
        .await;
        let alerts = world.start();
        let first = world.called(&alerts, "cam1").await;
        let second = world.called(&alerts, "cam2").await;
        let bare = world.written(ANNA, "ACK").await;
        assert_eq!(alerts.work(&bare).await, Verdict::Done);
        alerts.take(first, "carla").await.unwrap();
        assert_eq!(alerts.work(&bare).await, Verdict::Done);
        assert_eq!(world.state(&alerts, second).await, AlertState::Calling);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_sent_to_holds_nobody_up_and_health_says_so() {
    let world = World::new(on_call()).await;
    world.gateway.stop_number(ANNA).await.unwrap();
    let alerts = world.start();
    let number = world.raise("cam1").await;
    let told = async || {
        let told = world.waiting().await;
        (!told.is_empty()).then_some(told)
    };
    let told = world.until("ben is called", told).await;
    assert_eq!(told[0].0, BEN);
    let health = async || {
        let snapshot = world.gateway.snapshot();
        let said = snapshot.findings.iter().filter(|finding| finding.subject == "alerts");
        let said: Vec<String> = said.map(|finding| finding.sentence.clone()).collect();
        (said.len() == 2).then_some(said)
    };
    let said = world.until("health says so", health).await.join("; ");
    assert!(
        said.contains(&format!("waiting for somebody who takes {number}")),
        "{said}"
    );
    assert!(
        said.contains("1 notice reached nobody, the last for +491710000001"),
        "{said}"
    );
    assert!(said.contains("STOP list"), "{said}");
    // An SMS that fails later does the same: nobody is left then.
    let search = AlertSearch::default();
    let view = alerts.list(search).await.unwrap();
    assert_eq!(view[0].state, AlertState::Calling);
    let sms = view[0].incidents[0].told[1].message.unwrap();
    world.store.add_event(failed(sms), Timestamp::now()).await.unwrap();
    let waiting = world.store.deliveries(NAME, Timestamp::now(), 100).await.unwrap();
    for delivery in &waiting {
        assert_eq!(alerts.work(delivery).await, Verdict::Done);
    }
    let second_round = world.waiting().await;
    assert_eq!(second_round.len(), 2, "{second_round:?}");
    assert!(second_round[1].1.starts_with("Nobody answered"), "{second_round:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_that_failed_hurries_the_next_call_once() {
    let mut config = on_call();
    config.rotas[0].people = vec!["anna".into()];
    config.rules[0].rounds = 5;
    let world = World::new(config).await;
    let alerts = world.start();
    world.called(&alerts, "cam1").await;
    let view = alerts.list(AlertSearch::default()).await.unwrap();
    let sms = view[0].incidents[0].told[0].message.unwrap();
    let delivery = world.delivery(failed(sms)).await;
    for _ in 0..2 {
        assert_eq!(alerts.work(&delivery).await, Verdict::Done);
        assert_eq!(world.waiting().await.len(), 2);
    }
}

fn failed(id: MessageId) -> Event {
    let value = serde_json::json!({
        "event": "report", "id": id, "to": BEN, "state": "failed", "at": Timestamp::now(),
    });
    serde_json::from_value(value).unwrap()
}
