//! A mistake of ours, made on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use message::{BeginMark, Committed, Outcome, RouteId};
use modem::{Event, Job};
use modemsim::{Fault, Network};
use tokio::sync::mpsc;

use crate::{Config, Pool, PoolEvent, PoolHandle, SlotConfig, SlotEvent};

/// Panics where a test asks for it, as a mistake in the machine would.
pub(super) fn spring(job: &Job) {
    let sprung = matches!(job, Job::RefusePin { reason } if reason == TRAP);
    assert!(!sprung, "{TRAP}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_of_ours_leaves_no_part_without_an_end_and_the_slot_goes_on() {
    let (network, modems) = Network::of(1).unwrap();
    let modem = &modems[0];
    let (pool, mut events) = Pool::start(on(&network, modem)).unwrap();
    let slot = RouteId::new("one");
    until_ready(&pool, &slot).await;
    modem.fault(Fault::HangAfterCtrlZ { sent: true }).unwrap();
    pool.submit(&slot, part(1)).unwrap();
    assert_eq!(network.wait_sent(1, PATIENCE).len(), 1, "it was handed over");
    modem.fault(Fault::Heal).unwrap();
    pool.submit(&slot, part(2)).unwrap();
    let reason = String::from(TRAP);
    pool.submit(&slot, Job::RefusePin { reason }).unwrap();
    pool.submit(&slot, part(3)).unwrap();

    let mut ends = Vec::new();
    while ends.len() < 3 {
        ends.extend(end(next(&mut events).await));
    }
    let [(1, first), (2, second), (3, third)] = ends.as_slice() else {
        panic!("{ends:#?}")
    };
    assert!(matches!(first, Outcome::Uncertain { .. }), "{first:?}");
    assert!(matches!(second, Outcome::NotBegun { .. }), "it only waited: {second:?}");
    assert!(
        matches!(third, Outcome::Failed(_)),
        "it came while there was no modem: {third:?}"
    );

    until_ready(&pool, &slot).await;
    pool.submit(&slot, part(4)).unwrap();
    let (ticket, outcome) = loop {
        if let Some(end) = end(next(&mut events).await) {
            break end;
        }
    };
    assert_eq!(ticket, 4, "nothing is told twice: {outcome:?}");
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
}

/// Notes when it is set, and can fail.
#[derive(Debug, Default)]
struct Note {
    set: AtomicBool,
    fails: bool,
}

impl BeginMark for Note {
    fn set(&self) -> std::io::Result<()> {
        self.set.store(true, Ordering::SeqCst);
        match self.fails {
            true => Err(std::io::Error::other("no room")),
            false => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_whose_beginning_cannot_be_noted_does_not_go_out() {
    let (network, modems) = Network::of(1).unwrap();
    let (pool, mut events) = Pool::start(on(&network, &modems[0])).unwrap();
    let slot = RouteId::new("one");
    until_ready(&pool, &slot).await;
    let [kept, lost] = [false, true].map(|fails| {
        let set = AtomicBool::new(false);
        Arc::new(Note { set, fails })
    });
    let marked = |ticket, note: &Arc<Note>| match part(ticket) {
        Job::Send(send) => Job::Send(modem::Send {
            mark: Some(Arc::clone(note) as Arc<dyn BeginMark>),
            ..send
        }),
        other => other,
    };
    pool.submit(&slot, marked(1, &kept)).unwrap();
    pool.submit(&slot, marked(2, &lost)).unwrap();
    let mut ends = Vec::new();
    while ends.len() < 2 {
        ends.extend(end(next(&mut events).await));
    }
    let [(1, Outcome::Sent { .. }), (2, Outcome::Failed(failure))] = &ends[..] else {
        panic!("{ends:#?}")
    };
    assert!(failure.reason.contains("nothing was handed over"), "{failure:?}");
    assert!([&kept, &lost].iter().all(|note| note.set.load(Ordering::SeqCst)));
    assert_eq!(network.sent().len(), 1, "the network has the first alone");
    until_ready(&pool, &slot).await;
}

fn on(network: &Network, modem: &modemsim::Modem) -> Config {
    let slot = SlotConfig {
        port: Some(modem.path().to_path_buf()),
        ..SlotConfig::default()
    };
    Config {
        directories: vec![network.dir().to_path_buf()],
        slots: [(RouteId::new("one"), slot)].into(),
        ..Config::default()
    }
}

fn part(ticket: u64) -> Job {
    Job::Send(modem::Send {
        mark: None,
        ticket,
        // SMS-SUBMIT of "Hi" (TS 23.040 9.2.2.2).
        tpdu: vec![
            0x01, 0, 11, 0x91, 0x94, 0x51, 0x91, 0x99, 0x99, 0xF9, 0, 0, 2, 0xC8, 0x34,
        ],
        proof: Committed::witnessed(()),
        journal: false,
        burst: false,
    })
}

async fn next(events: &mut mpsc::Receiver<PoolEvent>) -> PoolEvent {
    tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
}

fn end(told: PoolEvent) -> Option<(u64, Outcome)> {
    match told.event {
        SlotEvent::Modem(Event::Settled { ticket, outcome, .. }) => Some((ticket, outcome)),
        _ => None,
    }
}

async fn until_ready(pool: &PoolHandle, slot: &RouteId) {
    let mut shown = pool.watch(slot).unwrap();
    let ready = shown.wait_for(|shown| shown.state.can_send());
    tokio::time::timeout(PATIENCE, ready).await.unwrap().unwrap();
}

const TRAP: &str = "a trap of the tests";

const PATIENCE: Duration = Duration::from_secs(30);
