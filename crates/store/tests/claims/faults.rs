//! The disk, the file, other processes.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use rusqlite::Connection;
use store::{AcceptError, Config, Error, Health, NewMessage, OpenError, Settled, Store};

use crate::common::{Bench, joiner, message, number, sent, t};

#[tokio::test]
async fn two_daemons_on_one_folder_are_refused_and_the_second_is_told_who() {
    let bench = Bench::new();
    let second = Store::open(bench.folder.path(), &bench.config, joiner());
    let Err(refused) = second else { panic!("opened twice") };
    let OpenError::InUse { pid, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(refused.to_string().contains("is used by another simrelay"), "{refused}");
    let bench = bench.reopened().await;
    bench.accept(message(1)).await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let bench = Bench::new();
    bench.store.close().await;
    assert_eq!(
        bench.store.accept(message(1)).await,
        Err(AcceptError::Store(Error::Closed))
    );
    assert_eq!(bench.store.due(t(0), 1).await, Err(Error::Closed));
    bench.store.close().await;
}

#[tokio::test]
async fn what_waits_when_the_store_closes_is_still_kept() {
    let bench = Bench::new();
    let mut calls = Vec::new();
    for _ in 0..50 {
        let store = bench.store.clone();
        calls.push(tokio::spawn(async move { store.accept(message(1)).await.is_ok() }));
    }
    tokio::task::yield_now().await;
    bench.store.close().await;
    let mut kept = 0;
    for call in calls {
        kept += usize::from(call.await.expect("ran"));
    }
    let bench = bench.reopened().await;
    assert_eq!(bench.store.due(t(0), 100).await.expect("read").len(), kept);
}

#[test]
fn a_file_that_is_no_database_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("simrelay.db"), [b'x'; 8192]).expect("written");
    let opened = Store::open(folder.path(), &Config::default(), joiner());
    let Err(refused) = opened else { panic!("opened") };
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
    assert!(refused.to_string().contains("restore a backup"), "{refused}");
}

#[tokio::test]
async fn a_database_with_a_broken_page_is_refused() {
    let bench = Bench::new();
    for _ in 0..200 {
        bench.accept(message(1)).await;
    }
    bench.store.close().await;
    let path = bench.folder.path().join("simrelay.db");
    let length = std::fs::metadata(&path).expect("there").len();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).expect("opens");
    for page in 4..length / 4096 {
        file.seek(SeekFrom::Start(page * 4096)).expect("seeks");
        file.write_all(&[0xa5; 512]).expect("writes");
    }
    let opened = Store::open(bench.folder.path(), &bench.config, joiner());
    let Err(refused) = opened else { panic!("opened") };
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let Err(refused) = Store::open(&missing, &Config::default(), joiner()) else {
        panic!("opened")
    };
    assert!(matches!(refused, OpenError::Folder { .. }));
    assert!(refused.to_string().contains("missing"), "{refused}");
}

#[tokio::test]
async fn a_full_disk_refuses_for_a_while_and_loses_nothing() {
    let bench = Bench::with(Config {
        max_size: 500 << 10,
        queue_limit_token: 0,
        ..Config::default()
    });
    let big = || NewMessage {
        text: "x".repeat(2000),
        to: number("+4930123456"),
        ..message(1)
    };
    let busy = bench.part(message(1)).await;
    bench.attempt(busy.key, "sim1", t(1)).await;
    let mut kept = 0;
    let refused = loop {
        match bench.store.accept(big()).await {
            Ok(_) => kept += 1,
            Err(refused) => break refused,
        }
        assert!(kept < 1000, "the quota does not hold");
    };
    let AcceptError::Store(error) = refused else {
        panic!("{refused}")
    };
    assert!(matches!(error, Error::Full(_)) && error.is_retryable(), "{error}");
    let mut health = bench.store.health();
    let Health::Ill { error, hint, .. } = health.borrow_and_update().clone() else {
        panic!("well")
    };
    assert!(matches!(error, Error::Full(_)));
    assert!(hint.contains("free space"), "{hint}");

    bench.settle(busy.key, "sim1", t(2), sent(1)).await;
    assert_eq!(bench.store.due(t(9), 1000).await.expect("read").len(), kept);
    bench.store.erase(&number("+4930123456")).await.expect("erased");
    let well = health.wait_for(|health| *health == Health::Well);
    tokio::time::timeout(Duration::from_secs(10), well)
        .await
        .expect("it goes on by itself")
        .expect("open");
    bench.accept(big()).await;
    bench.sound().await;
}

#[tokio::test]
async fn one_job_that_does_not_fit_does_not_fail_its_neighbours() {
    let bench = Bench::with(Config {
        max_size: 600 << 10,
        queue_limit_token: 0,
        ..Config::default()
    });
    let mut small = Vec::new();
    for _ in 0..40 {
        small.push(bench.part(message(1)).await);
        bench.attempt(small[small.len() - 1].key, "sim1", t(1)).await;
    }
    let huge = NewMessage {
        text: "x".repeat(1 << 20),
        ..message(1)
    };
    let steps = small.iter().map(|part| {
        let store = bench.store.clone();
        let settle = store::Settle {
            key: part.key,
            route: message::RouteId::new("sim1"),
            at: t(2),
            result: Settled::Sent {
                reference: Some(1),
                cost_micros: 0,
                peer_id: None,
            },
            journal: None,
        };
        let step = store::Progress {
            settle: Some(settle),
            attempt: None,
        };
        async move { store.progress(step).await.is_ok() }
    });
    let (accepted, settled) = futures(bench.store.accept(huge), steps).await;
    assert!(
        matches!(accepted, Err(AcceptError::Store(Error::Full(_)))),
        "{accepted:?}"
    );
    assert!(settled.into_iter().all(|kept| kept));
}

/// Runs one call among many at once.
async fn futures<T>(
    first: impl Future<Output = T>,
    others: impl Iterator<Item = impl Future<Output = bool> + Send + 'static>,
) -> (T, Vec<bool>) {
    let mut tasks = tokio::task::JoinSet::new();
    for other in others {
        tasks.spawn(other);
    }
    let first = first.await;
    (first, tasks.join_all().await)
}

#[tokio::test]
async fn a_database_held_by_another_program_is_busy_and_then_goes_on() {
    let bench = Bench::with(Config {
        busy_wait_ms: 20,
        ..Config::default()
    });
    let part = bench.part(message(1)).await;
    let other = Connection::open(bench.folder.path().join("simrelay.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let refused = bench.store.accept(message(1)).await;
    assert!(
        matches!(refused, Err(AcceptError::Store(Error::Busy(_)))),
        "{refused:?}"
    );
    assert!(matches!(
        &*bench.store.health().borrow(),
        Health::Ill {
            error: Error::Busy(_),
            ..
        }
    ));
    assert_eq!(bench.store.due(t(0), 10).await.expect("reads go on"), [part]);
    other.execute_batch("ROLLBACK").expect("given back");
    bench.accept(message(1)).await;
    assert_eq!(*bench.store.health().borrow(), Health::Well);
}

#[tokio::test]
async fn unknown_settings_are_refused() {
    let read = serde_json::from_str::<Config>(r#"{"consumer": []}"#);
    assert!(
        read.expect_err("refused")
            .to_string()
            .contains("unknown field `consumer`")
    );
    assert_eq!(serde_json::from_str::<Config>("{}").expect("read"), Config::default());
}

#[tokio::test]
async fn a_job_that_breaks_a_rule_fails_alone() {
    let bench = Bench::new();
    let taken = bench.part(message(1)).await.message;
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..60 {
        let store = bench.store.clone();
        let mut new = message(1);
        if index % 20 == 7 {
            new.id = taken;
        }
        tasks.spawn(async move { (index, store.accept(new).await) });
    }
    for (index, answer) in tasks.join_all().await {
        match index % 20 {
            7 => assert!(
                matches!(answer, Err(AcceptError::Store(Error::Internal(_)))),
                "{index}: {answer:?}"
            ),
            _ => assert!(answer.is_ok(), "{index}: {answer:?}"),
        }
    }
    assert_eq!(*bench.store.health().borrow(), Health::Well, "the disk is not to blame");
    assert_eq!(bench.store.due(t(0), 100).await.expect("read").len(), 58);
    bench.sound().await;
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_sync() {
    let bench = Bench::new();
    let before = bench.store.commits();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let store = bench.store.clone();
        tasks.spawn(async move { store.accept(message(1)).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|kept| kept));
    let commits = bench.store.commits() - before;
    assert!(commits <= 200, "{commits} syncs for 1000 callers");
}

#[tokio::test]
async fn what_messages_say_is_readable_by_this_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.accept(message(1)).await;
    store::back_up(bench.folder.path(), &bench.folder.path().join("copy.db"), false).expect("written");
    for name in ["simrelay.db", "simrelay.db-wal", "copy.db"] {
        let mode = std::fs::metadata(bench.folder.path().join(name))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name} is {mode:o}");
    }
}

#[tokio::test]
async fn a_disk_without_room_refuses_and_the_store_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: mounting a small disk needs more rights than this test has");
        return;
    };
    let folder = tempfile::tempdir_in(disk.0.path()).expect("a folder");
    let unlimited = Config {
        queue_limit_token: 0,
        ..Config::default()
    };
    let bench = Bench::at(folder, unlimited);
    let ballast = disk.0.path().join("ballast");
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    fill(&ballast);
    let mut kept = Vec::new();
    let refused = loop {
        match bench.store.accept(message(200)).await {
            Ok(accepted) => kept.push(accepted.get().accepted.id),
            Err(refused) => break refused,
        }
        assert!(kept.len() < 10_000, "a small disk takes everything");
    };
    assert!(matches!(refused, AcceptError::Store(Error::Full(_))), "{refused:?}");
    let mut health = bench.store.health();
    assert!(matches!(
        &*health.borrow_and_update(),
        Health::Ill {
            error: Error::Full(_),
            ..
        }
    ));
    for id in &kept {
        assert!(bench.store.status(*id).await.expect("reads go on").is_some());
    }
    std::fs::remove_file(&ballast).expect("removed");
    let well = health.wait_for(|health| *health == Health::Well);
    tokio::time::timeout(Duration::from_secs(10), well)
        .await
        .expect("it goes on by itself")
        .expect("open");
    bench.settle(part.key, "sim1", t(2), sent(1)).await;
    bench.accept(message(200)).await;
    bench.sound().await;
    bench.store.close().await;
}

/// A disk of 24 MB in memory.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let place = tempfile::tempdir().expect("a folder");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "simrelay-test"])
            .arg(place.path())
            .output();
        mounted.is_ok_and(|done| done.status.success()).then_some(Self(place))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let gone = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status();
        assert!(gone.is_ok_and(|done| done.success()), "the small disk stays mounted");
    }
}

/// Leaves no room.
fn fill(ballast: &std::path::Path) {
    let mut file = std::fs::File::create(ballast).expect("created");
    let block = [0u8; 4096];
    while file.write_all(&block).is_ok() {}
}

#[tokio::test]
async fn a_file_damaged_under_a_running_gateway_is_told_and_a_repaired_one_taken_again() {
    let bench = Bench::new();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3000 {
        let store = bench.store.clone();
        tasks.spawn(async move { store.accept(message(1)).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|kept| kept));
    let bench = bench.reopened().await;
    let path = bench.folder.path().join("simrelay.db");
    let sound = std::fs::read(&path).expect("read");
    let mut broken = sound.clone();
    broken[4096..].fill(0xa5);
    overwrite(&path, &broken);

    let mut health = bench.store.health();
    let mut refused = None;
    for _ in 0..200 {
        if let Err(error) = bench.store.accept(message(1)).await {
            refused = Some(error);
            break;
        }
    }
    let Some(AcceptError::Store(Error::Sick(word))) = refused else {
        panic!("{refused:?}")
    };
    assert!(word.contains("malformed"), "{word}");
    assert!(matches!(
        &*health.borrow_and_update(),
        Health::Ill {
            error: Error::Sick(_),
            ..
        }
    ));

    overwrite(&path, &sound);
    let well = health.wait_for(|health| *health == Health::Well);
    tokio::time::timeout(Duration::from_secs(10), well)
        .await
        .expect("it goes on by itself")
        .expect("open");
    bench.accept(message(1)).await;
}

fn overwrite(path: &std::path::Path, content: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opens");
    file.write_all(content).expect("written");
}

#[tokio::test]
async fn a_database_is_examined_under_a_working_gateway_and_nothing_changes_by_it() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    assert_eq!(store::examine(bench.folder.path()).expect("read"), Vec::<String>::new());
    assert_eq!(bench.states(part.message).await, [message::PartState::Attempting]);
    bench.store.close().await;
    assert_eq!(store::examine(bench.folder.path()).expect("read"), Vec::<String>::new());
    let conn = Connection::open(bench.folder.path().join("simrelay.db")).expect("opens");
    conn.execute("DELETE FROM message", []).expect("deleted");
    let findings = store::examine(bench.folder.path()).expect("read");
    assert_eq!(findings, ["1 parts belong to no message"]);
    conn.execute_batch("PRAGMA user_version = 99").expect("set");
    assert!(matches!(
        store::examine(bench.folder.path()),
        Err(OpenError::Newer { found: 99, .. })
    ));
    let none = tempfile::tempdir().expect("a folder");
    assert!(matches!(store::examine(none.path()), Err(OpenError::Folder { .. })));
}
