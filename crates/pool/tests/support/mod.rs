//! A pool on simulated modems, and patience without sleeping.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer, in its helpers too")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;
use std::time::{Duration, Instant};

use message::{Committed, Outcome, RouteId, SlotSnapshot, SlotState};
use modem::{Event, Job};
use pool::{Config, Pool, PoolEvent, PoolHandle, SlotConfig, SlotEvent};
use tokio::sync::mpsc;

/// Nothing here takes longer unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A pool with everything that it told so far.
pub(crate) struct Tried {
    pub(crate) pool: PoolHandle,
    events: mpsc::Receiver<PoolEvent>,
    pub(crate) told: Vec<PoolEvent>,
}

impl Tried {
    /// Starts a pool with these slots, whose ports appear in a folder.
    pub(crate) fn start<const N: usize>(folder: &Path, slots: [(&str, SlotConfig); N]) -> Self {
        Self::start_with(config(folder, slots))
    }

    pub(crate) fn start_with(config: Config) -> Self {
        let (pool, events) = Pool::start(config).unwrap();
        Self {
            pool,
            events,
            told: Vec::new(),
        }
    }

    /// Waits until what was told and is shown satisfies a claim; tells all of it if that never comes.
    pub(crate) async fn until(&mut self, claim: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !holds(self) {
            let told = tokio::time::timeout(Duration::from_millis(20), self.events.recv()).await;
            if let Ok(Some(event)) = told {
                self.told.push(event);
            }
            if start.elapsed() > PATIENCE {
                panic!("{claim} never came\n{:#?}\n{:#?}", self.told, self.pool.snapshots());
            }
        }
        start.elapsed()
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> PoolEvent {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits until slots can send.
    pub(crate) async fn until_ready<const N: usize>(&mut self, slots: [&str; N]) -> Duration {
        let claim = format!("{slots:?} ready");
        self.until(&claim, |tried| {
            slots.iter().all(|slot| tried.shown(slot).state.can_send())
        })
        .await
    }

    pub(crate) fn shown(&self, slot: &str) -> SlotSnapshot {
        (*self.pool.snapshot(&RouteId::new(slot)).unwrap()).clone()
    }

    pub(crate) fn is(&self, slot: &str, state: SlotState) -> bool {
        self.shown(slot).state == state
    }

    /// Sends "Hi" to a number of eleven digits.
    pub(crate) fn send(&self, slot: &str, ticket: u64, to: &str) {
        let part = modem::Send {
            mark: None,
            ticket,
            tpdu: submit_hi(to),
            proof: Committed::witnessed(()),
            journal: false,
            burst: false,
        };
        self.pool.submit(&RouteId::new(slot), Job::Send(part)).unwrap();
    }

    /// How an attempt ended, each time it was told.
    pub(crate) fn outcomes(&self, wanted: u64) -> Vec<Outcome> {
        let of = |event: &PoolEvent| match &event.event {
            SlotEvent::Modem(Event::Settled { ticket, outcome, .. }) if *ticket == wanted => Some(outcome.clone()),
            _ => None,
        };
        self.told.iter().filter_map(of).collect()
    }

    pub(crate) async fn until_settled(&mut self, ticket: u64) -> Outcome {
        self.until(&format!("the end of {ticket}"), |tried| {
            !tried.outcomes(ticket).is_empty()
        })
        .await;
        self.outcomes(ticket).remove(0)
    }

    /// How often a slot's port was opened and given up.
    pub(crate) fn ups_and_downs(&self, slot: &str) -> (usize, usize) {
        let of = |wanted: fn(&SlotEvent) -> bool| {
            self.told
                .iter()
                .filter(|event| event.slot.as_str() == slot && wanted(&event.event))
                .count()
        };
        (
            of(|event| matches!(event, SlotEvent::Up { .. })),
            of(|event| matches!(event, SlotEvent::Down { .. })),
        )
    }

    /// Stops the pool while its events are taken.
    pub(crate) async fn stop(mut self) -> Self {
        let pool = self.pool.clone();
        let stopping = tokio::spawn(async move { pool.stop().await });
        while let Some(event) = self.events.recv().await {
            self.told.push(event);
        }
        stopping.await.unwrap();
        self
    }
}

pub(crate) fn config<const N: usize>(folder: &Path, slots: [(&str, SlotConfig); N]) -> Config {
    Config {
        directories: vec![folder.to_path_buf()],
        slots: slots
            .into_iter()
            .map(|(name, slot)| (RouteId::new(name), slot))
            .collect(),
        ..Config::default()
    }
}

pub(crate) fn by_port(port: &Path) -> SlotConfig {
    SlotConfig {
        port: Some(port.to_path_buf()),
        ..SlotConfig::default()
    }
}

pub(crate) fn by_imei(imei: &str) -> SlotConfig {
    SlotConfig {
        imei: Some(imei.to_owned()),
        ..SlotConfig::default()
    }
}

pub(crate) fn sent(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Sent { .. })
}

/// SMS-SUBMIT of "Hi" without validity (TS 23.040 9.2.2.2).
fn submit_hi(to: &str) -> Vec<u8> {
    let digits: Vec<u8> = to
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit - b'0')
        .collect();
    let mut tpdu = vec![0x01, 0x00, digits.len() as u8, 0x91];
    tpdu.extend(
        digits
            .chunks(2)
            .map(|pair| pair[0] | pair.get(1).copied().unwrap_or(0xF) << 4),
    );
    tpdu.extend([0x00, 0x00, 0x02, 0xC8, 0x34]);
    tpdu
}
