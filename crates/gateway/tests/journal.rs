//! What is done about the entries that a modem's journal shows: known ones go, those of attempts in doubt settle them, and
//! all others stay. The carrier is the test's own, so that each moment can be held.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the answer")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use gateway::{
    Ahead, Carrier, CarrierEvent, Config, Gateway, Handover, NotTaken, Origin, Parts, PinTry, RouteSettings,
    RouteStatus, UssdStep, joiner,
};
use message::{Committed, JournalEntry, Level, Memory, MessageId, MessageState, Outcome, RouteId, SendRequest};
use router::RouteConfig;
use store::Store;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// One SIM whose modem does what the test says.
#[derive(Debug, Default)]
struct Hand {
    handed: Mutex<Vec<(u64, Vec<u8>)>>,
    freed: Mutex<Vec<JournalEntry>>,
    swept: AtomicUsize,
}

impl Carrier for Hand {
    fn routes(&self) -> Vec<RouteStatus> {
        vec![RouteStatus {
            route: sim(),
            number: None,
            network: None,
            obstacle: None,
            level: Level::Ok,
            at_once: 1,
            ahead: Ahead::None,
        }]
    }

    fn submit(&self, handover: Handover) -> Result<(), NotTaken> {
        self.handed.lock().unwrap().push((handover.ticket, handover.tpdu));
        Ok(())
    }

    fn free(&self, _: &RouteId, entry: Committed<JournalEntry>) -> Result<(), NotTaken> {
        self.freed.lock().unwrap().push(entry.into_inner());
        Ok(())
    }

    fn confirm(&self, _: &RouteId, _: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        Ok(())
    }

    fn hand_over_again(&self, _: &RouteId) -> Result<(), NotTaken> {
        self.swept.fetch_add(1, Relaxed);
        Ok(())
    }

    fn ussd(&self, _: &RouteId, _: UssdStep) -> Result<(), NotTaken> {
        Ok(())
    }

    fn enter_pin(&self, _: &RouteId, _: Result<Committed<PinTry>, String>) {}

    fn judge_card(&self, _: &RouteId, _: Result<Option<String>, String>) {}

    fn unlock(&self, _: &RouteId) -> Result<(), NotTaken> {
        Ok(())
    }
}

struct Life {
    gateway: Gateway,
    store: Store,
    hand: Arc<Hand>,
    events: mpsc::Sender<CarrierEvent>,
    _folder: TempDir,
}

impl Life {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), &store::Config::default(), joiner()).unwrap();
        let hand = Arc::new(Hand::default());
        let (events, mut told) = mpsc::channel(16);
        let told = poll_fn(move |context| told.poll_recv(context)).boxed();
        let parts = Parts {
            config: Config::default(),
            uncertain_wait: Duration::from_secs(600),
            retention: store::Retention::default(),
            settings: RouteSettings {
                routes: [(sim(), RouteConfig::default())].into(),
                ..RouteSettings::default()
            },
            care: gateway::CareSettings::default(),
            store: store.clone(),
            carriers: vec![(Arc::clone(&hand) as Arc<dyn Carrier>, told)],
            token_sims: BTreeMap::new(),
            tally: gateway::Tally::default(),
        };
        Self {
            gateway: Gateway::start(parts).await.unwrap(),
            store,
            hand,
            events,
            _folder: folder,
        }
    }

    /// Sends a text; its id, and ticket and TPDU of the attempt that the modem has now.
    async fn send(&self) -> (MessageId, u64, Vec<u8>) {
        let request = SendRequest {
            to: "+4930555001".into(),
            text: "hello".into(),
            ..SendRequest::default()
        };
        let before = self.handed();
        let accepted = self.gateway.send(&Origin::operator(), request).await.unwrap();
        let (ticket, tpdu) = self.next_attempt(before).await;
        (accepted.id, ticket, tpdu)
    }

    /// The attempt after so many.
    async fn next_attempt(&self, before: usize) -> (u64, Vec<u8>) {
        self.eventually("it is handed to the modem", async || {
            self.hand.handed.lock().unwrap().get(before).cloned()
        })
        .await
    }

    fn handed(&self) -> usize {
        self.hand.handed.lock().unwrap().len()
    }

    async fn settle(&self, ticket: u64, outcome: Outcome, journal: Option<JournalEntry>) {
        let route = sim();
        self.tell(CarrierEvent::Settled {
            route,
            ticket,
            outcome,
            journal,
            id: None,
        })
        .await;
    }

    async fn found(&self, entry: &JournalEntry, sent: bool) {
        let (route, entry) = (sim(), entry.clone());
        self.tell(CarrierEvent::JournalFound { route, entry, sent }).await;
    }

    async fn gone(&self, entry: &JournalEntry) {
        let (route, entry) = (sim(), entry.clone());
        self.tell(CarrierEvent::JournalFreed {
            route,
            entry,
            gone: true,
        })
        .await;
    }

    async fn tell(&self, event: CarrierEvent) {
        self.events.send(event).await.unwrap();
    }

    /// Waits until so many entries were to be freed, and gives them.
    async fn freed(&self, count: usize) -> Vec<JournalEntry> {
        self.eventually("it is freed", async || {
            let freed = self.hand.freed.lock().unwrap().clone();
            (freed.len() >= count).then_some(freed)
        })
        .await
    }

    async fn reaches(&self, id: MessageId, state: MessageState) {
        self.eventually(&format!("{id} is {state:?}"), async || {
            let view = self.gateway.status(&Origin::operator(), id).await.unwrap();
            (view.state == state).then_some(())
        })
        .await;
    }

    async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..1000 {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: never; {:#?}", self.hand);
    }

    async fn end(self) {
        self.gateway.stop().await;
        self.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_settled_attempt_left_is_freed_whenever_it_is_found_and_what_is_like_it_is_not() {
    let life = Life::begin().await;
    let (id, ticket, tpdu) = life.send().await;
    let ours = entry(3, &tpdu);
    life.settle(ticket, SENT, Some(ours.clone())).await;
    assert_eq!(life.freed(1).await, std::slice::from_ref(&ours));
    life.reaches(id, MessageState::Sent).await;

    // Nobody said that it is gone, as after a crash. The same text to the same number is somebody's draft at another place.
    life.found(&entry(4, &tpdu), false).await;
    life.found(&ours, true).await;
    assert_eq!(life.freed(2).await, [ours.clone(), ours.clone()]);

    life.gone(&ours).await;
    let (_, ticket, _) = life.send().await;
    life.settle(ticket, SENT, None).await;
    // Once it is gone, the same at its place is somebody's, too.
    life.found(&ours, false).await;
    let (_, ticket, tpdu) = life.send().await;
    let last = entry(9, &tpdu);
    life.settle(ticket, SENT, Some(last.clone())).await;
    assert_eq!(life.freed(3).await[2..], *std::slice::from_ref(&last));
    life.gone(&last).await;
    assert_eq!(life.handed(), 3, "nothing goes out again");
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_attempt_waits_until_what_the_last_one_left_is_gone() {
    let life = Life::begin().await;
    let (_, ticket, tpdu) = life.send().await;
    let request = SendRequest {
        to: "+4930555002".into(),
        text: "next".into(),
        ..SendRequest::default()
    };
    life.gateway.send(&Origin::operator(), request).await.unwrap();
    let ours = entry(3, &tpdu);
    life.settle(ticket, SENT, Some(ours.clone())).await;
    life.freed(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(life.handed(), 1);
    life.gone(&ours).await;
    let (ticket, _) = life.next_attempt(1).await;
    let known = life.store.journal_entry(&sim(), ours).await.unwrap();
    assert!(known.is_none(), "and is known as ours no more");
    life.settle(ticket, SENT, None).await;
    life.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_in_doubt_is_settled_by_its_entry() {
    for sent in [true, false] {
        let life = Life::begin().await;
        let (id, ticket, tpdu) = life.send().await;
        let ours = entry(3, &tpdu);
        let reason = String::from("no answer");
        life.settle(ticket, Outcome::Uncertain { reason }, Some(ours.clone()))
            .await;
        life.reaches(id, MessageState::Uncertain).await;
        assert!(life.hand.freed.lock().unwrap().is_empty(), "it is needed still");
        life.found(&ours, sent).await;
        assert_eq!(life.freed(1).await, std::slice::from_ref(&ours));
        if sent {
            life.reaches(id, MessageState::Sent).await;
            assert_eq!(life.handed(), 1);
        } else {
            let (again, _) = life.next_attempt(1).await;
            life.settle(again, SENT, None).await;
            life.reaches(id, MessageState::Sent).await;
        }
        life.gone(&ours).await;
        life.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_the_modem_has_is_not_settled_by_an_entry_that_is_like_it() {
    let life = Life::begin().await;
    let (id, ticket, tpdu) = life.send().await;
    life.found(&entry(3, &tpdu), false).await;
    life.eventually("it is asked for again", async || {
        (life.hand.swept.load(Relaxed) > 0).then_some(())
    })
    .await;
    life.reaches(id, MessageState::Sending).await;
    assert!(life.hand.freed.lock().unwrap().is_empty());
    assert_eq!(life.handed(), 1, "it is not sent twice");
    life.settle(ticket, SENT, None).await;
    life.reaches(id, MessageState::Sent).await;
    life.end().await;
}

fn sim() -> RouteId {
    RouteId::new("sim-0")
}

fn entry(index: u16, tpdu: &[u8]) -> JournalEntry {
    JournalEntry {
        place: Memory { name: *b"SM", index },
        tpdu: tpdu.to_vec(),
    }
}

const SENT: Outcome = Outcome::Sent { reference: Some(1) };
