//! Upstreams as routes: the flows and the store are real, what stands in the place of the connections does what the test
//! says; and the process dies between any two steps.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the answer")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use gateway::{
    Ahead, Carrier, CarrierEvent, Config, Gateway, Handover, NotTaken, Obstacle, Origin, Parts, PinTry, RouteSettings,
    RouteStatus, UssdStep, joiner,
};
use jiff::Timestamp;
use message::{
    Committed, FetchQuery, Level, Memory, MessageId, MessageState, MessageView, Number, Outcome, PeerId, RawInbound,
    Receipt, ReportStatus, RouteId, SendRequest, UpstreamSnapshot, UpstreamState,
};
use router::{PrefixCost, RouteConfig};
use store::Store;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// What was handed over: route, ticket and TPDU.
type Handed = (String, u64, Vec<u8>);

/// Two upstreams, `operator` and `reserve`.
#[derive(Debug, Default)]
struct Lines {
    handed: Mutex<Vec<Handed>>,
    /// The places that were confirmed.
    answered: Mutex<Vec<u16>>,
    /// Why `operator` cannot send.
    down: Mutex<Option<String>>,
}

impl Carrier for Lines {
    fn routes(&self) -> Vec<RouteStatus> {
        let down = self.down.lock().unwrap().clone();
        let status = |name: &str, down: Option<String>| RouteStatus {
            route: RouteId::new(name),
            number: Some(Number::International("4915550001".into())),
            network: None,
            level: if down.is_some() { Level::Critical } else { Level::Ok },
            obstacle: down.map(|sentence| Obstacle {
                sentence,
                needs_operator: false,
            }),
            at_once: 4,
            ahead: Ahead::None,
        };
        vec![status(OPERATOR, down), status(RESERVE, None)]
    }

    fn upstreams(&self) -> Vec<UpstreamSnapshot> {
        let down = self.down.lock().unwrap().clone();
        let blank = UpstreamSnapshot::blank(RouteId::new(OPERATOR), "smpp.example.org:2776", Timestamp::now());
        vec![UpstreamSnapshot {
            state: match &down {
                Some(_) => UpstreamState::Refused,
                None => UpstreamState::Bound,
            },
            reason: down.unwrap_or_else(|| "bound".into()),
            ..blank
        }]
    }

    fn submit(&self, handover: Handover) -> Result<(), NotTaken> {
        let handed = (handover.route.to_string(), handover.ticket, handover.tpdu);
        self.handed.lock().unwrap().push(handed);
        Ok(())
    }

    fn confirm(&self, _: &RouteId, kept: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        let place = kept.into_inner().expect("an upstream gives places");
        assert_eq!(place.name, Memory::UNANSWERED);
        self.answered.lock().unwrap().push(place.index);
        Ok(())
    }

    fn ussd(&self, route: &RouteId, _: UssdStep) -> Result<(), NotTaken> {
        Err(none(route, "USSD"))
    }

    fn enter_pin(&self, _: &RouteId, _: Result<Committed<PinTry>, String>) {}

    fn judge_card(&self, _: &RouteId, _: Result<Option<String>, String>) {}

    fn unlock(&self, route: &RouteId) -> Result<(), NotTaken> {
        Err(none(route, "card"))
    }
}

fn none(route: &RouteId, what: &str) -> NotTaken {
    NotTaken {
        reason: format!("{route} is an upstream and has no {what}"),
    }
}

/// One life of the gateway.
struct Life {
    gateway: Gateway,
    store: Store,
    lines: Arc<Lines>,
    events: mpsc::Sender<CarrierEvent>,
    folder: TempDir,
}

impl Life {
    async fn begin() -> Self {
        Self::at(tempfile::tempdir().unwrap(), 600).await
    }

    async fn at(folder: TempDir, uncertain_wait_s: u32) -> Self {
        let config = store::Config {
            uncertain_wait_s,
            ..store::Config::default()
        };
        let (store, _) = Store::open(folder.path(), &config, joiner()).unwrap();
        let lines = Arc::new(Lines::default());
        let (events, mut told) = mpsc::channel(16);
        let told = poll_fn(move |context| told.poll_recv(context)).boxed();
        let parts = Parts {
            config: Config::default(),
            uncertain_wait: config.uncertain_wait(),
            retention: store::Retention::default(),
            settings: RouteSettings {
                routes: [(RouteId::new(OPERATOR), operator()), (RouteId::new(RESERVE), reserve())].into(),
                ..RouteSettings::default()
            },
            care: gateway::CareSettings::default(),
            store: store.clone(),
            carriers: vec![(Arc::clone(&lines) as Arc<dyn Carrier>, told)],
            token_sims: BTreeMap::new(),
            tally: gateway::Tally::default(),
        };
        Self {
            gateway: Gateway::start(parts).await.unwrap(),
            store,
            lines,
            events,
            folder,
        }
    }

    /// The process dies now, and another one begins with what is on the disk; it does not wait long for what is in doubt.
    async fn after_a_crash(self) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for name in ["simrelay.db", "simrelay.db-wal"] {
            copy_file(self.folder.path(), copy.path(), name);
        }
        Self::at(copy, 1).await
    }

    async fn send(&self, to: &str, text: &str) -> MessageId {
        let request = SendRequest {
            to: to.into(),
            text: text.into(),
            ..SendRequest::default()
        };
        self.gateway.send(&Origin::operator(), request).await.unwrap().id
    }

    /// What is handed over as the one after so many.
    async fn handed(&self, before: usize) -> Handed {
        self.eventually("it is handed over", async || {
            self.lines.handed.lock().unwrap().get(before).cloned()
        })
        .await
    }

    async fn answer(&self, handed: &Handed, outcome: Outcome, id: Option<&str>) {
        self.tell(CarrierEvent::Settled {
            route: RouteId::new(&handed.0),
            ticket: handed.1,
            outcome,
            journal: None,
            id: id.and_then(PeerId::new),
        })
        .await;
    }

    /// Takes it under a name.
    async fn take(&self, handed: &Handed, id: &str) {
        self.answer(handed, Outcome::Sent { reference: None }, Some(id)).await;
    }

    async fn receipt(&self, id: &str, status: ReportStatus, index: u16) {
        let receipt = Receipt {
            id: PeerId::new(id).unwrap(),
            recipient: Some(Number::International("4930555001".into())),
            status,
            code: Some("000".into()),
            discharged: None,
            words: format!("{status:?}"),
        };
        self.tell(CarrierEvent::Receipt {
            route: RouteId::new(OPERATOR),
            receipt,
            place: place(index),
        })
        .await;
    }

    async fn received(&self, index: u16, identity: Option<[u8; 32]>) {
        let raw = RawInbound {
            pdu: tpdu::from_hex(HELLO).unwrap(),
            memory: Some(place(index)),
        };
        let route = RouteId::new(OPERATOR);
        self.tell(CarrierEvent::Received { route, raw, identity }).await;
    }

    async fn tell(&self, event: CarrierEvent) {
        self.events.send(event).await.unwrap();
    }

    /// Waits until the places are answered.
    async fn answered(&self, places: &[u16]) {
        self.eventually("it is answered", async || {
            let mut answered = self.lines.answered.lock().unwrap().clone();
            answered.sort_unstable();
            (answered == places).then_some(())
        })
        .await;
    }

    async fn view(&self, id: MessageId) -> MessageView {
        self.gateway.status(&Origin::operator(), id).await.unwrap()
    }

    async fn reaches(&self, id: MessageId, state: MessageState) -> MessageView {
        self.eventually(&format!("{id} is {state:?}"), async || {
            let view = self.view(id).await;
            (view.state == state).then_some(view)
        })
        .await
    }

    async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..1500 {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: never; {:#?}", self.lines);
    }
}

fn copy_file(from: &Path, to: &Path, name: &str) {
    if from.join(name).exists() {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn place(index: u16) -> Memory {
    Memory {
        name: Memory::UNANSWERED,
        index,
    }
}

fn operator() -> RouteConfig {
    RouteConfig {
        prefixes: vec![PrefixCost {
            prefix: "+49".into(),
            cost_micros: Some(7_000),
        }],
        ..RouteConfig::default()
    }
}

fn reserve() -> RouteConfig {
    RouteConfig {
        cost_micros: 90_000,
        ..RouteConfig::default()
    }
}

const OPERATOR: &str = "operator";
const RESERVE: &str = "reserve";
const TO: &str = "+4930555001";
/// "hellohello" from +27838890001 (an SMS-DELIVER that many pages on PDUs show).
const HELLO: &str = "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37";

#[tokio::test]
async fn a_message_goes_by_an_upstream_and_its_receipt_comes_back() {
    let life = Life::begin().await;
    let id = life.send(TO, "hello").await;
    let handed = life.handed(0).await;
    assert_eq!(handed.0, OPERATOR);
    life.take(&handed, "4f").await;
    life.reaches(id, MessageState::Sent).await;
    life.receipt("4f", ReportStatus::StillTrying, 1).await;
    life.receipt("4f", ReportStatus::Delivered, 2).await;
    let view = life.reaches(id, MessageState::Delivered).await;
    life.answered(&[1, 2]).await;
    let part = &view.parts[0];
    assert_eq!(part.sim, Some(RouteId::new(OPERATOR)));
    assert_eq!(part.peer_id, PeerId::new("4f"));
    assert_eq!(part.receipts.len(), 2);
    life.gateway.stop().await;
}

#[tokio::test]
async fn a_crash_before_the_hand_over_sends_it_once() {
    let life = Life::begin().await;
    *life.lines.down.lock().unwrap() = Some("it refuses our password".into());
    life.tell(CarrierEvent::Changed).await;
    let explained = life.eventually("it is known to be down", async || {
        let told = life.gateway.explain(&Origin::operator(), TO).await.unwrap();
        (told.chosen == Some(RouteId::new(RESERVE))).then_some(told)
    });
    assert!(format!("{:?}", explained.await).contains("it refuses our password"));
    let request = SendRequest {
        to: TO.into(),
        text: "hello".into(),
        from: Some(OPERATOR.into()),
        ..SendRequest::default()
    };
    let id = life.gateway.send(&Origin::operator(), request).await.unwrap().id;
    let life = life.after_a_crash().await;
    let handed = life.handed(0).await;
    life.take(&handed, "1").await;
    let view = life.reaches(id, MessageState::Sent).await;
    assert!(!view.maybe_twice);
    assert_eq!(view.parts[0].attempts, 1);
}

#[tokio::test]
async fn a_crash_before_the_answer_sends_it_once_more_and_says_so() {
    let life = Life::begin().await;
    let id = life.send(TO, "hello").await;
    life.handed(0).await;
    let life = life.after_a_crash().await;
    let handed = life.handed(0).await;
    life.take(&handed, "2").await;
    let view = life.reaches(id, MessageState::Sent).await;
    assert!(view.maybe_twice);
    life.receipt("2", ReportStatus::Delivered, 1).await;
    life.reaches(id, MessageState::Delivered).await;
}

#[tokio::test]
async fn a_crash_between_an_early_receipt_and_the_answer_sends_nothing_twice() {
    let life = Life::begin().await;
    let id = life.send(TO, "hello").await;
    life.handed(0).await;
    life.receipt("7", ReportStatus::Delivered, 1).await;
    life.answered(&[1]).await;
    assert_eq!(life.view(id).await.parts[0].peer_id, None);
    let life = life.after_a_crash().await;
    let view = life.reaches(id, MessageState::Delivered).await;
    assert!(!view.maybe_twice);
    assert_eq!(view.parts[0].peer_id, PeerId::new("7"));
    assert!(life.lines.handed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_crash_between_the_answer_and_the_receipt_loses_neither() {
    let life = Life::begin().await;
    let id = life.send(TO, "hello").await;
    let handed = life.handed(0).await;
    life.take(&handed, "8").await;
    life.reaches(id, MessageState::Sent).await;
    let life = life.after_a_crash().await;
    life.receipt("8", ReportStatus::Failed, 1).await;
    life.answered(&[1]).await;
    let view = life.reaches(id, MessageState::Failed).await;
    assert!(view.parts[0].error.as_ref().is_some_and(|why| why.contains("upstream")));
    assert!(life.lines.handed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_crash_between_a_receipt_and_its_answer_counts_it_once() {
    let life = Life::begin().await;
    let id = life.send(TO, "hello").await;
    let handed = life.handed(0).await;
    life.take(&handed, "9").await;
    life.reaches(id, MessageState::Sent).await;
    life.receipt("9", ReportStatus::Delivered, 1).await;
    life.reaches(id, MessageState::Delivered).await;
    let life = life.after_a_crash().await;
    life.receipt("9", ReportStatus::Delivered, 5).await;
    life.answered(&[5]).await;
    assert_eq!(life.view(id).await.parts[0].receipts.len(), 1);
    assert_eq!(life.store.totals().await.unwrap().delivered, 1);
}

#[tokio::test]
async fn a_connection_that_dies_after_the_writing_leaves_doubt_that_a_receipt_ends() {
    let life = Life::begin().await;
    let id = life.send(TO, "hello").await;
    let handed = life.handed(0).await;
    let reason = "the connection broke before it answered".to_owned();
    life.answer(&handed, Outcome::Uncertain { reason }, None).await;
    life.reaches(id, MessageState::Uncertain).await;
    life.receipt("3", ReportStatus::Delivered, 1).await;
    let view = life.reaches(id, MessageState::Delivered).await;
    assert!(!view.maybe_twice);
}

#[tokio::test]
async fn an_answer_that_comes_late_ends_the_doubt_and_takes_the_receipt_that_waits() {
    let life = Life::begin().await;
    let (id, other) = (life.send(TO, "hello").await, life.send(TO, "world").await);
    let (handed, second) = (life.handed(0).await, life.handed(1).await);
    let reason = "no answer within 60 s".to_owned();
    life.answer(&handed, Outcome::Uncertain { reason }, None).await;
    life.reaches(id, MessageState::Uncertain).await;
    life.receipt("3", ReportStatus::Delivered, 1).await;
    life.answered(&[1]).await;
    life.take(&handed, "3").await;
    life.take(&second, "4").await;
    life.reaches(id, MessageState::Delivered).await;
    life.reaches(other, MessageState::Sent).await;
}

#[tokio::test]
async fn messages_that_are_the_same_in_all_that_an_sms_holds_are_kept_each() {
    let life = Life::begin().await;
    for (index, name) in [(1, 1), (2, 2), (3, 1)] {
        life.received(index, Some([name; 32])).await;
        life.answered(&(1..=index).collect::<Vec<u16>>()).await;
    }
    let query = FetchQuery::default();
    let page = life.gateway.fetch(&Origin::operator(), query).await.unwrap();
    assert_eq!(page.messages.len(), 2, "the third is the first again");
}

#[tokio::test]
async fn what_an_upstream_hands_over_is_kept_then_answered_and_a_repeat_is_known() {
    let life = Life::begin().await;
    life.received(1, None).await;
    life.answered(&[1]).await;
    let life = life.after_a_crash().await;
    life.received(7, None).await;
    life.answered(&[7]).await;
    let page = life
        .gateway
        .fetch(&Origin::operator(), FetchQuery::default())
        .await
        .unwrap();
    assert_eq!(page.messages.len(), 1);
    let message = &page.messages[0];
    assert_eq!((message.sim.as_str(), message.text.as_str()), (OPERATOR, "hellohello"));
    assert_eq!(message.to, Some(Number::International("4915550001".into())));
    let query = FetchQuery {
        sim: Some(OPERATOR.into()),
        ..FetchQuery::default()
    };
    let page = life.gateway.fetch(&Origin::operator(), query).await.unwrap();
    assert_eq!(page.messages.len(), 1);
}

#[tokio::test]
async fn prefix_and_cost_choose_among_upstreams_and_one_that_is_down_is_passed_over() {
    let life = Life::begin().await;
    life.send(TO, "hello").await;
    life.send("+3225550001", "hello").await;
    let mut routes = [life.handed(0).await.0, life.handed(1).await.0];
    routes.sort();
    assert_eq!(routes, [OPERATOR, RESERVE]);
    *life.lines.down.lock().unwrap() = Some("it refuses our password".into());
    life.tell(CarrierEvent::Changed).await;
    life.eventually("it is passed over", async || {
        let told = life.gateway.explain(&Origin::operator(), TO).await.unwrap();
        (told.chosen == Some(RouteId::new(RESERVE))).then_some(())
    })
    .await;
    life.send(TO, "hello again").await;
    assert_eq!(life.handed(2).await.0, RESERVE);
    let finding = life.eventually("health tells", async || {
        let snapshot = life.gateway.snapshot();
        snapshot.findings_of(OPERATOR).next().cloned()
    });
    let finding = finding.await;
    assert_eq!(finding.level, Level::Critical);
    assert!(finding.sentence.contains("it refuses our password"), "{finding:?}");
}

#[tokio::test]
async fn what_the_store_counted_of_an_upstream_is_shown_with_it() {
    let life = Life::begin().await;
    life.send(TO, "hello").await;
    let handed = life.handed(0).await;
    life.take(&handed, "1").await;
    life.receipt("nobody's", ReportStatus::Delivered, 1).await;
    life.eventually("it is counted", async || {
        let snapshot = life.gateway.snapshot();
        let shown = snapshot.upstreams.first()?;
        let counted = (shown.traffic.totals.sent, shown.receipts_waiting);
        (counted == (1, 1) && shown.traffic.last_sent.is_some()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_only_a_sim_has_is_refused_in_words() {
    let life = Life::begin().await;
    let told = life.gateway.unlock_sim(OPERATOR, false).await.unwrap_err();
    assert!(told.to_string().contains("is an upstream"), "{told}");
}
