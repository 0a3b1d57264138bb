//! The flows with everything real but the radio: store, pool and simulated modems on pseudo-terminals.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the answer")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use gateway::{
    Carrier, Config, Error, ErrorKind, Gateway, Handover, NotTaken, Origin, Parts, PinTry, PoolCarrier, RouteSettings,
    RouteStatus, UssdStep, joiner,
};
use message::{
    Committed, FetchQuery, Memory, MessageId, MessageState, MessageView, RouteId, SendRequest, SlotSnapshot, SlotState,
};
use modemsim::{Fault, Modem, Network};
use pool::{Pool, PoolHandle, SlotConfig};
use router::RouteConfig;
use store::Store;
use tempfile::TempDir;

struct World {
    network: Network,
    modems: Vec<Modem>,
    folder: TempDir,
}

struct Running {
    gateway: Gateway,
    pool: PoolHandle,
    store: Store,
}

impl World {
    fn new(count: usize) -> Self {
        let (network, modems) = Network::of(count).unwrap();
        Self {
            network,
            modems,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn start(&self) -> Running {
        self.start_through(|carrier| carrier).await
    }

    /// Starts with the pool behind another carrier.
    async fn start_through(&self, wrap: impl FnOnce(Arc<dyn Carrier>) -> Arc<dyn Carrier>) -> Running {
        let (store, _) = Store::open(self.folder.path(), &store::Config::default(), joiner()).unwrap();
        let names: Vec<RouteId> = (0..self.modems.len())
            .map(|n| RouteId::new(&format!("sim-{n}")))
            .collect();
        let slot = |modem: &Modem| SlotConfig {
            port: Some(modem.path().to_owned()),
            number: Some(message::Number::received(modem.number())),
            ..SlotConfig::default()
        };
        let slots = names.iter().cloned().zip(self.modems.iter().map(slot)).collect();
        let config = pool::Config {
            directories: vec![Path::new("/nonexistent").into()],
            slots,
            ..pool::Config::default()
        };
        let (pool, events) = Pool::start(config).unwrap();
        let (carrier, events) = PoolCarrier::new(pool.clone(), events, BTreeSet::new());
        let routes = names.into_iter().map(|name| (name, RouteConfig::default())).collect();
        let parts = Parts {
            config: Config::default(),
            uncertain_wait: Duration::from_secs(5),
            retention: store::Retention::default(),
            settings: RouteSettings {
                routes,
                ..RouteSettings::default()
            },
            care: gateway::CareSettings::default(),
            store: store.clone(),
            carriers: vec![(wrap(carrier), events)],
            token_sims: BTreeMap::new(),
            tally: gateway::Tally::default(),
        };
        let running = Running {
            gateway: Gateway::start(parts).await.unwrap(),
            pool,
            store,
        };
        running.ready(self.modems.len()).await;
        running
    }
}

/// The pool, with slots that take no confirm at first.
#[derive(Debug)]
struct Overwhelmed {
    pool: Arc<dyn Carrier>,
    refusals: AtomicUsize,
}

impl Carrier for Overwhelmed {
    fn confirm(&self, route: &RouteId, kept: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        let left = self.refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err(NotTaken {
                reason: "as many jobs wait as may".into(),
            });
        }
        self.pool.confirm(route, kept)
    }

    fn routes(&self) -> Vec<RouteStatus> {
        self.pool.routes()
    }

    fn slots(&self) -> Vec<SlotSnapshot> {
        self.pool.slots()
    }

    fn submit(&self, handover: Handover) -> Result<(), NotTaken> {
        self.pool.submit(handover)
    }

    fn hand_over_again(&self, route: &RouteId) -> Result<(), NotTaken> {
        self.pool.hand_over_again(route)
    }

    fn ussd(&self, route: &RouteId, step: UssdStep) -> Result<(), NotTaken> {
        self.pool.ussd(route, step)
    }

    fn enter_pin(&self, route: &RouteId, verdict: Result<Committed<PinTry>, String>) {
        self.pool.enter_pin(route, verdict);
    }

    fn judge_card(&self, route: &RouteId, verdict: Result<Option<String>, String>) {
        self.pool.judge_card(route, verdict);
    }

    fn unlock(&self, route: &RouteId) -> Result<(), NotTaken> {
        self.pool.unlock(route)
    }
}

impl Running {
    async fn ready(&self, count: usize) {
        self.eventually("all slots ready", || async {
            let snapshot = self.gateway.snapshot();
            let ready = snapshot
                .slots
                .iter()
                .filter(|slot| slot.state == SlotState::Ready)
                .count();
            (ready == count).then_some(())
        })
        .await;
    }

    async fn send(&self, to: &str, text: &str) -> Result<MessageId, Error> {
        let request = SendRequest {
            to: to.into(),
            text: text.into(),
            ..SendRequest::default()
        };
        self.gateway
            .send(&Origin::operator(), request)
            .await
            .map(|accepted| accepted.id)
    }

    async fn reaches(&self, id: MessageId, state: MessageState) -> MessageView {
        self.eventually(&format!("{id} is {state:?}"), || async {
            let view = self.gateway.status(&Origin::operator(), id).await.unwrap();
            (view.state == state).then_some(view)
        })
        .await
    }

    async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, look: impl Fn() -> F) -> T {
        for _ in 0..1000 {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: never; {:#?}", self.gateway.snapshot());
    }

    async fn stop(self) {
        self.gateway.stop().await;
        self.pool.stop().await;
        self.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_delivered_reported_and_received_by_the_other_sim() {
    let world = World::new(2);
    let running = world.start().await;
    let waiting = {
        let gateway = running.gateway.clone();
        let query = FetchQuery {
            wait_s: Some(30),
            ..FetchQuery::default()
        };
        tokio::spawn(async move { gateway.fetch(&Origin::operator(), query).await })
    };
    let id = running.send(world.modems[1].number(), "Grüße €{}").await.unwrap();
    let view = running.reaches(id, MessageState::Delivered).await;
    assert_eq!(view.parts.len(), 1);
    assert!(view.parts[0].reference.is_some() && view.parts[0].sim.is_some());
    let page = waiting.await.unwrap().unwrap();
    assert_eq!(page.messages[0].text, "Grüße €{}");
    assert_eq!(page.messages[0].sim.as_str(), "sim-1");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_leaves_from_one_sim_and_arrives_whole() {
    let world = World::new(3);
    let running = world.start().await;
    let text = "Lorem ipsum dolor sit amet 😀 ".repeat(12);
    let id = running.send(world.modems[2].number(), &text).await.unwrap();
    let view = running.reaches(id, MessageState::Delivered).await;
    assert!(view.parts.len() > 2);
    assert!(view.parts.iter().all(|part| part.sim == view.parts[0].sim), "{view:#?}");
    let query = FetchQuery {
        wait_s: Some(30),
        ..FetchQuery::default()
    };
    let page = running.gateway.fetch(&Origin::operator(), query).await.unwrap();
    assert_eq!(page.messages[0].text, text);
    assert_eq!(world.network.sent().len(), view.parts.len());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_use_every_sim_and_each_goes_out_once() {
    let world = World::new(4);
    let running = world.start().await;
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(running.send(&format!("+4930555{n:04}"), "hello").await.unwrap());
    }
    for id in ids {
        running.reaches(id, MessageState::Delivered).await;
    }
    let sent = world.network.sent();
    assert_eq!(sent.len(), 100);
    let used: BTreeSet<_> = sent.iter().map(|sent| sent.modem).collect();
    assert_eq!(used.len(), 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unplugged_modem_leaves_its_work_to_the_others() {
    let world = World::new(2);
    let running = world.start().await;
    world.modems[0].fault(Fault::Unplug).unwrap();
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(running.send(&format!("+4930555{n:04}"), "hello").await.unwrap());
    }
    for id in ids {
        running.reaches(id, MessageState::Delivered).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_before_a_stop_goes_out_after_the_next_start() {
    let world = World::new(1);
    let running = world.start().await;
    world.modems[0].fault(Fault::Unplug).unwrap();
    let id = running.send("+49305550001", "later").await.unwrap();
    running.stop().await;
    world.modems[0].fault(Fault::Replug { name: None }).unwrap();
    let running = world.start().await;
    running.reaches(id, MessageState::Delivered).await;
    assert_eq!(world.network.sent().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_confirm_was_refused_leaves_the_modem_all_the_same() {
    let world = World::new(1);
    let overwhelmed = |pool| {
        let refusals = AtomicUsize::new(3);
        Arc::new(Overwhelmed { pool, refusals }) as Arc<dyn Carrier>
    };
    let running = world.start_through(overwhelmed).await;
    for text in ["one", "two", "three"] {
        let number = world.modems[0].number();
        world.network.text(number, "+4930555777", text).unwrap();
    }
    running
        .eventually("the SIM is empty", || async {
            world.modems[0].stored().is_empty().then_some(())
        })
        .await;
    let query = FetchQuery::default();
    let page = running.gateway.fetch(&Origin::operator(), query).await.unwrap();
    assert_eq!(page.messages.len(), 3, "what came again was recognised");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dear_number_is_refused_with_the_setting_that_allows_it() {
    let world = World::new(1);
    let running = world.start().await;
    let refused = running.send("+499001234567", "hello").await.unwrap_err();
    assert_eq!((refused.kind, refused.field), (ErrorKind::NotAllowed, Some("to")));
    assert!(refused.reason.contains("routing.guard.allow_premium"), "{refused}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_stop_gets_no_more_messages() {
    let world = World::new(1);
    let running = world.start().await;
    world
        .network
        .text(world.modems[0].number(), "+4930555777", " stop ")
        .unwrap();
    running
        .eventually("the STOP list holds the number", || async {
            (!running.gateway.stop_list().await.unwrap().is_empty()).then_some(())
        })
        .await;
    let refused = running.send("+4930555777", "hello").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotAllowed);
    assert!(running.gateway.allow_number("+4930555777").await.unwrap());
    running.send("+4930555777", "hello").await.unwrap();
    running.stop().await;
}
