//! A gateway without modems, and what it was told.

use std::collections::BTreeMap;
use std::time::Duration;

use consumers::alerts::intake::Raiser;
use gateway::{Gateway, Parts, RouteSettings, joiner};
use message::RaisedAlert;
use store::{Retention, Store};
use tempfile::TempDir;

/// A store and a gateway; the folder goes with it.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) raiser: Raiser,
    _gateway: Gateway,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, &store::Config::default(), joiner()));
        let (store, _) = opened.await.unwrap().unwrap();
        let parts = Parts {
            config: gateway::Config::default(),
            uncertain_wait: Duration::from_secs(1),
            retention: Retention::default(),
            settings: RouteSettings::default(),
            store: store.clone(),
            carriers: Vec::new(),
            token_sims: BTreeMap::new(),
        };
        let gateway = Gateway::start(parts).await.unwrap();
        let (raiser, _) = Raiser::start(gateway.clone());
        Self {
            store,
            raiser,
            _gateway: gateway,
            _folder: folder,
        }
    }

    /// Waits until so many alerts are kept; all of them.
    pub(crate) async fn alerts(&self, count: usize) -> Vec<RaisedAlert> {
        let mut last = self.store.alerts();
        let reached = last.wait_for(|last| usize::try_from(*last).unwrap() >= count);
        tokio::time::timeout(LONG, reached)
            .await
            .expect("they are kept in time")
            .unwrap();
        let all = self.store.alerts_after(0, count + 1).await.unwrap();
        assert_eq!(all.len(), count);
        all
    }
}

/// For what takes no time to speak of.
pub(crate) const LONG: Duration = Duration::from_secs(60);
