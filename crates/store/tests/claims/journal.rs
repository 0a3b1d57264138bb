//! What attempts leave on the modems is known as ours exactly as long as it may lie there.

use message::{JournalEntry, Memory, PartState, RouteId};
use store::{Progress, Settle, Settled};

use crate::common::{Bench, message, sent, t};

#[tokio::test]
async fn what_an_attempt_left_on_the_modem_is_known_from_the_commit_of_its_end_until_it_is_gone() {
    let bench = Bench::new();
    let sim = RouteId::new("sim1");
    let id = settle(&bench, &sim, sent(7)).await;
    assert_eq!(bench.states(id).await, [PartState::Sent]);
    let bench = bench.after_power_cut();
    let known = async |sim: &RouteId, found| bench.store.journal_entry(sim, found).await.expect("read").is_some();
    assert!(known(&sim, entry(3, 0)).await);
    assert!(known(&sim, entry(3, 0x51)).await, "the modem set TP-MR");
    assert!(
        !known(&sim, entry(4, 0)).await,
        "the same at another place is somebody's"
    );
    assert!(!known(&RouteId::new("sim2"), entry(3, 0)).await, "or on another card");
    let mut other = entry(3, 0);
    other.tpdu.push(9);
    assert!(!known(&sim, other.clone()).await, "or another at its place");

    bench.store.journal_gone(&sim, other).await.expect("kept");
    assert!(known(&sim, entry(3, 0)).await, "the word was about another");
    bench.store.journal_gone(&sim, entry(3, 0)).await.expect("kept");
    assert!(!known(&sim, entry(3, 0)).await);
}

#[tokio::test]
async fn an_attempt_whose_word_counts_no_more_leaves_its_entry_all_the_same() {
    let bench = Bench::new();
    let (sim, elsewhere) = (RouteId::new("sim1"), RouteId::new("sim2"));
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim2", t(1)).await;
    let step = step(part.key, &sim, sent(7));
    bench.store.progress(step).await.expect("kept");
    assert_eq!(bench.states(part.message).await, [PartState::Attempting]);
    let found = bench.store.journal_entry(&sim, entry(3, 0)).await.expect("read");
    assert_eq!(found.map(message::Committed::into_inner), Some(entry(3, 0)));
    assert!(
        bench
            .store
            .journal_entry(&elsewhere, entry(3, 0))
            .await
            .expect("read")
            .is_none()
    );
}

#[tokio::test]
async fn what_lies_of_an_attempt_in_doubt_is_needed_until_something_else_settles_it_and_known_once() {
    let bench = Bench::new();
    let sim = RouteId::new("sim1");
    let part = bench.part(message(1)).await;
    let found = JournalEntry {
        tpdu: part.tpdu.clone(),
        ..entry(3, 0)
    };
    bench.attempt(part.key, "sim1", t(1)).await;
    let bench = bench.after_power_cut();
    assert_eq!(bench.states(part.message).await, [PartState::Uncertain]);
    let known = async |found: &JournalEntry| {
        let proof = bench.store.journal_entry(&sim, found.clone()).await;
        proof.expect("kept").is_some()
    };
    assert!(!known(&found).await, "it is to settle the attempt");
    bench.settle(part.key, "sim1", t(2), sent(7)).await;
    assert!(known(&found).await, "that was settled without it");
    assert!(known(&found).await, "and it is known there until it is gone");
    let draft = JournalEntry {
        place: Memory { name: *b"SM", index: 4 },
        ..found.clone()
    };
    assert!(!known(&draft).await, "one attempt left one entry");
    bench.store.journal_gone(&sim, found.clone()).await.expect("kept");
    assert!(!known(&found).await);
}

async fn settle(bench: &Bench, sim: &RouteId, result: Settled) -> message::MessageId {
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, sim.as_str(), t(1)).await;
    let step = step(part.key, sim, result);
    bench.store.progress(step).await.expect("kept");
    part.message
}

fn step(key: store::PartKey, route: &RouteId, result: Settled) -> Progress {
    let settle = Settle {
        key,
        route: route.clone(),
        at: t(2),
        result,
        journal: Some(entry(3, 0)),
    };
    Progress {
        settle: Some(settle),
        attempt: None,
    }
}

/// What lies at a place, after the modem has set this reference.
fn entry(index: u16, reference: u8) -> JournalEntry {
    JournalEntry {
        place: Memory { name: *b"SM", index },
        tpdu: vec![0x01, reference, 0x02, 0x91, 0x94, 0x00, 0x00, 0x01, 0x41],
    }
}
