//! A gateway whose one SIM never gets a modem: what is sent waits in the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use gateway::{
    Ahead, Carrier, Gateway, Handover, NotTaken, Obstacle, Parts, PinTry, RouteSettings, RouteStatus, UssdStep,
};
use message::{Committed, Level, Memory, Number, RouteId};
use router::RouteConfig;
use store::{Retention, Store};

/// Starts it on a store; the SIM has this number.
pub(crate) async fn gateway(store: &Store, number: &str, retention: Retention) -> Gateway {
    let drawer = Drawer(Number::received(number));
    let parts = Parts {
        config: gateway::Config::default(),
        uncertain_wait: Duration::from_secs(5),
        retention,
        settings: RouteSettings {
            routes: BTreeMap::from([(RouteId::new("sim1"), RouteConfig::default())]),
            ..RouteSettings::default()
        },
        store: store.clone(),
        carriers: vec![(Arc::new(drawer), futures_util::stream::pending().boxed())],
        care: gateway::CareSettings::default(),
        token_sims: BTreeMap::new(),
        tally: gateway::Tally::default(),
    };
    Gateway::start(parts).await.expect("a gateway")
}

/// The carrier of a SIM that lies in a drawer.
#[derive(Debug)]
struct Drawer(Number);

impl Carrier for Drawer {
    fn routes(&self) -> Vec<RouteStatus> {
        vec![RouteStatus {
            route: RouteId::new("sim1"),
            number: Some(self.0.clone()),
            network: None,
            obstacle: Some(Obstacle {
                sentence: "there is no modem".to_owned(),
                needs_operator: false,
            }),
            level: Level::Ok,
            at_once: 1,
            ahead: Ahead::None,
        }]
    }

    fn submit(&self, _: Handover) -> Result<(), NotTaken> {
        Err(busy())
    }

    fn confirm(&self, _: &RouteId, _: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        Err(busy())
    }

    fn ussd(&self, _: &RouteId, _: UssdStep) -> Result<(), NotTaken> {
        Err(busy())
    }

    fn enter_pin(&self, _: &RouteId, _: Result<Committed<PinTry>, String>) {}

    fn judge_card(&self, _: &RouteId, _: Result<Option<String>, String>) {}

    fn unlock(&self, _: &RouteId) -> Result<(), NotTaken> {
        Err(busy())
    }
}

fn busy() -> NotTaken {
    NotTaken {
        reason: "there is no modem".to_owned(),
    }
}
