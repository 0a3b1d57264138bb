//! A gateway without modems, and what it was told.

use std::collections::BTreeMap;
use std::time::Duration;

use consumers::alerts::intake::Raiser;
use gateway::{Gateway, Parts, RouteSettings, joiner};
use message::RaisedAlert;
use rusqlite::Connection;
use store::{Retention, Store};
use tempfile::TempDir;

/// A store and a gateway; the folder goes with it.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) raiser: Raiser,
    _gateway: Gateway,
    folder: TempDir,
}

/// The store is not writable while this lives, as on a disk that hangs.
pub(crate) struct Held(#[expect(dead_code, reason = "it is there to be dropped")] Connection);

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::patient(store::Config::default().busy_wait_ms).await
    }

    /// One whose store waits for a file that is held for so long, in milliseconds, before it says that it can't write.
    pub(crate) async fn patient(busy_wait_ms: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let config = store::Config {
            busy_wait_ms,
            ..store::Config::default()
        };
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, &config, joiner()));
        let (store, _) = opened.await.unwrap().unwrap();
        let parts = Parts {
            config: gateway::Config::default(),
            uncertain_wait: Duration::from_secs(1),
            retention: Retention::default(),
            settings: RouteSettings::default(),
            store: store.clone(),
            carriers: Vec::new(),
            care: gateway::CareSettings::default(),
            token_sims: BTreeMap::new(),
            tally: gateway::Tally::default(),
        };
        let gateway = Gateway::start(parts).await.unwrap();
        let (raiser, _) = Raiser::start(gateway.clone());
        Self {
            store,
            raiser,
            _gateway: gateway,
            folder,
        }
    }

    /// Holds the store's file, as another program would.
    pub(crate) fn hold(&self) -> Held {
        let file = Connection::open(self.folder.path().join("simrelay.db")).unwrap();
        file.busy_timeout(LONG).unwrap();
        file.execute_batch("BEGIN IMMEDIATE").unwrap();
        Held(file)
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
/// [`LONG`], for [`Bench::patient`].
pub(crate) const LONG_MS: u32 = 60_000;
