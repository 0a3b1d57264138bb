//! Power cuts and kills. That the data is synced before the answer is shown elsewhere, by watching the system calls; here
//! it is shown what is found afterwards.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use message::{MessageId, PartState, Reception, RouteId};
use store::{Config, Progress, Store};

use crate::common::{Bench, copy_file, joiner, message, payload, raw, t};

#[tokio::test]
async fn what_was_answered_survives_a_power_cut_and_what_was_begun_is_uncertain() {
    let bench = Bench::new();
    let queued = bench.part(message(1)).await;
    let begun = bench.part(message(1)).await;
    bench.attempt(begun.key, "sim1", t(1)).await;
    let out = bench.part(message(1)).await;
    bench.send(out.key, "sim1", t(1), 5).await;
    let sim = RouteId::new("sim1");
    bench
        .store
        .receive(&sim, raw(b"A"), payload("A", None), Reception::default(), t(1))
        .await
        .expect("kept");

    let found = bench.after_power_cut();
    assert_eq!(found.recovered.uncertain, [begun.key]);
    assert!(found.recovered.until.is_some());
    assert_eq!(found.states(queued.message).await, [PartState::Queued]);
    assert_eq!(found.states(begun.message).await, [PartState::Uncertain]);
    assert_eq!(found.states(out.message).await, [PartState::Sent]);
    let again = found
        .store
        .receive(&sim, raw(b"A"), payload("A", None), Reception::default(), t(2))
        .await
        .expect("kept");
    assert!(again.get().twin, "read again from the SIM, recognised, deleted");
    let open = found.store.attempting_on(&sim).await.expect("read");
    assert_eq!((open[0].key, open[0].state), (begun.key, PartState::Uncertain));
    found.sound().await;
}

#[tokio::test]
async fn a_log_torn_anywhere_keeps_whole_transactions_in_their_order() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(bench.accept(message(3)).await.accepted.id);
    }
    let log = bench.folder.path().join("simrelay.db-wal");
    let length = std::fs::metadata(&log).expect("there").len();
    for cut in (0..=20).map(|share| length * share / 20 + share % 3) {
        let torn = tempfile::tempdir().expect("a folder");
        copy_file(bench.folder.path(), torn.path(), "simrelay.db");
        copy_file(bench.folder.path(), torn.path(), "simrelay.db-wal");
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(torn.path().join("simrelay.db-wal"));
        file.expect("opens").set_len(cut.min(length)).expect("cut");
        let found = Bench::at(torn, Config::default());
        let mut known = Vec::new();
        for id in &ids {
            known.push(
                found
                    .store
                    .status(*id)
                    .await
                    .expect("read")
                    .map(|view| view.parts.len()),
            );
        }
        let whole = known.iter().take_while(|parts| **parts == Some(3)).count();
        assert!(known[whole..].iter().all(Option::is_none), "at {cut}: {known:?}");
        found.sound().await;
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_had_answered() {
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut answered = Vec::new();
    for round in 0..5 {
        answered.extend(kill_after(folder.path(), 40 + round * 17));
        let found = Bench::at(folder, Config::default());
        for (id, state) in &answered {
            let now = found.states(*id).await[0];
            let kept = match state {
                PartState::Queued => matches!(now, PartState::Queued | PartState::Uncertain),
                _ => now == PartState::Uncertain,
            };
            assert!(kept, "{id} was answered as {state:?} and is {now:?}");
        }
        found.sound().await;
        found.store.close().await;
        folder = found.folder;
    }
    assert!(answered.len() >= 5 * 40);
}

fn kill_after(folder: &std::path::Path, lines: usize) -> Vec<(MessageId, PartState)> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::victim", "--ignored", "--nocapture"])
        .env(VICTIM, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let words = output.lines().map_while(Result::ok).filter_map(|line| {
        let (id, state) = line.split_once(' ')?;
        Some((id.parse().ok()?, PartState::from_code(state.parse().ok()?)?))
    });
    let answered = words.take(lines).collect();
    child.kill().expect("killed");
    child.wait().expect("gone");
    answered
}

/// The process that is killed: accepts and sends for ever, and says what was answered.
#[tokio::test]
#[ignore = "run by a_killed_process_loses_nothing_it_had_answered"]
async fn victim() {
    let Ok(folder) = std::env::var(VICTIM) else { return };
    let (store, _) = Store::open(folder.as_ref(), &Config::default(), joiner()).expect("opens");
    loop {
        let accepted = store.accept(message(1)).await.expect("kept").into_inner();
        let id = accepted.accepted.id;
        println!("{id} {}", PartState::Queued.code());
        let step = Progress {
            settle: None,
            attempt: Some(store::Attempt {
                ahead: false,
                key: accepted.due[0].key,
                route: RouteId::new("sim1"),
                at: t(1),
                tpdu: None,
            }),
        };
        store.progress(step).await.expect("kept");
        println!("{id} {}", PartState::Attempting.code());
    }
}

const VICTIM: &str = "STORE_VICTIM";
