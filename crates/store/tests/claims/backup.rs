//! Copies of a database that is being written to, and what a gateway makes of one.

use std::os::unix::fs::{DirEntryExt, PermissionsExt};

use jiff::SignedDuration;
use message::{OnUncertain, PartState, Reception, RouteId};
use store::{Config, CopyError, NewMessage, OpenError, back_up, restore};

use crate::common::{Bench, message, payload, raw, t};

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A message that is worth something today.
fn fresh() -> NewMessage {
    NewMessage {
        accepted_at: now(),
        expires_at: now() + SignedDuration::from_hours(24),
        ..message(1)
    }
}

async fn receive(bench: &Bench, text: &str) {
    let sim = RouteId::new("sim1");
    bench
        .store
        .receive(
            &sim,
            raw(text.as_bytes()),
            payload(text, None),
            Reception::default(),
            t(1),
        )
        .await
        .expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_messages_are_kept_shows_one_moment() {
    let bench = Bench::new();
    let store = bench.store.clone();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writing = tokio::spawn(async move {
        let mut kept = 0;
        while !*stopped.borrow() {
            store.accept(message(3)).await.expect("kept");
            kept += 1;
        }
        kept
    });
    let other = tempfile::tempdir().expect("a folder");
    for round in 0..5 {
        let (folder, to) = (bench.folder.path().to_owned(), other.path().join(format!("{round}.db")));
        let file = to.clone();
        let copied = tokio::task::spawn_blocking(move || back_up(&folder, &to, false));
        let copied = copied.await.expect("ran").expect("copied, checked and sound");
        assert_eq!(copied.open, copied.messages * 3, "whole messages only");
        let found = std::fs::metadata(file).expect("there");
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        assert_eq!(found.len(), copied.octets);
    }
    stop.send_replace(true);
    assert!(writing.await.expect("ran") > 0);
    assert_eq!(
        std::fs::read_dir(other.path()).expect("read").count(),
        5,
        "nothing else is left"
    );
}

#[tokio::test]
async fn nothing_is_overwritten_unless_that_is_said() {
    let bench = Bench::new();
    bench.accept(message(1)).await;
    let other = tempfile::tempdir().expect("a folder");
    let to = other.path().join("copy.db");
    std::fs::write(&to, "precious").expect("written");
    let refused = back_up(bench.folder.path(), &to, false).expect_err("it is there");
    assert!(
        matches!(refused, CopyError::Exists(_)) && refused.to_string().contains("--force"),
        "{refused}"
    );
    assert_eq!(std::fs::read(&to).expect("read"), b"precious");
    assert_eq!(back_up(bench.folder.path(), &to, true).expect("copied").messages, 1);
}

#[tokio::test]
async fn nothing_of_the_gateway_is_overwritten_whatever_is_said() {
    let bench = Bench::new();
    bench.accept(message(1)).await;
    let (folder, other) = (bench.folder.path(), tempfile::tempdir().expect("a folder"));
    std::fs::write(folder.join("ports.hints"), "precious").expect("written");
    std::os::unix::fs::symlink(folder, other.path().join("way")).expect("a link");
    std::os::unix::fs::symlink(folder.join("simrelay.db"), other.path().join("database")).expect("a link");
    std::fs::hard_link(folder.join("simrelay.db-wal"), other.path().join("log")).expect("a link");
    let held: Vec<_> = [
        "simrelay.db",
        "simrelay.db-wal",
        "simrelay.db-shm",
        "simrelay.db-journal",
        "simrelay.db.replaced",
        "simrelay.db.layout-3",
        "simrelay.lock",
        "simrelay.begins",
        "ports.hints",
    ]
    .iter()
    .flat_map(|name| [folder.join(name), other.path().join("way").join(name)])
    .chain([other.path().join("database"), other.path().join("log")])
    .collect();
    let before = inodes(folder);
    for (file, replace) in held.iter().flat_map(|file| [(file, true), (file, false)]) {
        let refused = back_up(folder, file, replace).expect_err("it belongs to the gateway");
        assert!(
            matches!(refused, CopyError::Belongs(_)),
            "{}: {refused}",
            file.display()
        );
    }
    assert_eq!(inodes(folder), before);
    // Its own copies may be replaced there, and what lies elsewhere has any name.
    for _ in 0..2 {
        back_up(folder, &folder.join("copy.db"), true).expect("copied");
        back_up(folder, &other.path().join("simrelay.db"), true).expect("copied");
    }
}

#[tokio::test]
async fn what_lies_beside_a_database_that_is_elsewhere_is_not_overwritten() {
    let bench = Bench::new();
    bench.store.close().await;
    let Bench { folder, config, .. } = bench;
    let disk = tempfile::tempdir().expect("a folder");
    let real = disk.path().join("big.db");
    std::fs::copy(folder.path().join("simrelay.db"), &real).expect("moved");
    std::fs::remove_file(folder.path().join("simrelay.db")).expect("moved");
    std::os::unix::fs::symlink(&real, folder.path().join("simrelay.db")).expect("a link");
    let bench = Bench::at(folder, config);
    bench.accept(message(1)).await;
    for name in ["big.db", "big.db-wal", "big.db-shm"] {
        let refused = back_up(bench.folder.path(), &disk.path().join(name), true).expect_err("it is in use");
        assert!(matches!(refused, CopyError::Belongs(_)), "{name}: {refused}");
    }
}

#[tokio::test]
async fn every_restore_keeps_what_it_replaces() {
    let bench = Bench::new();
    let copy = bench.folder.path().join("copy.db");
    back_up(bench.folder.path(), &copy, false).expect("copied");
    let other = Bench::new();
    let theirs = other.part(fresh()).await;
    other.store.close().await;
    let Bench { folder, config, .. } = other;
    // A log that was left of an earlier one must not be taken for this one's.
    std::fs::write(folder.path().join("simrelay.db.replaced.1-wal"), "left").expect("written");
    let kept: Vec<_> = (0..3)
        .map(|_| restore(&copy, folder.path(), true).expect("restored").aside)
        .collect();
    let name = |name: &str| Some(folder.path().join(name));
    let names = [
        name("simrelay.db.replaced"),
        name("simrelay.db.replaced.2"),
        name("simrelay.db.replaced.3"),
    ];
    assert_eq!(kept, names);
    let first = names[0].as_deref().expect("a name");
    let restored = restore(first, folder.path(), true).expect("the way back");
    assert_eq!(restored.messages, 1);
    assert!(first.exists(), "it stays a copy");
    let found = Bench::at(folder, config);
    assert!(found.store.status(theirs.message).await.expect("read").is_some());
}

/// Which file has which name.
fn inodes(folder: &std::path::Path) -> std::collections::BTreeMap<std::ffi::OsString, u64> {
    let entries = std::fs::read_dir(folder).expect("read");
    entries
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name(), entry.ino()))
        .collect()
}

#[tokio::test]
async fn what_waits_in_a_restored_copy_is_uncertain_and_what_is_for_later_waits() {
    let bench = Bench::new();
    let waits = bench.part(fresh()).await;
    let held = NewMessage {
        on_uncertain: OnUncertain::Hold,
        ..fresh()
    };
    let held = bench.part(held).await;
    let later = NewMessage {
        send_at: Some(now() + SignedDuration::from_hours(1)),
        ..fresh()
    };
    let later = bench.part(later).await;
    let out = bench.part(fresh()).await;
    bench.send(out.key, "sim1", now(), 5).await;
    receive(&bench, "A").await;
    let copy = bench.folder.path().join("copy.db");
    let copied = back_up(bench.folder.path(), &copy, false).expect("copied");
    assert_eq!((copied.messages, copied.inbound, copied.open), (4, 1, 3));
    receive(&bench, "after the copy").await;

    let other = tempfile::tempdir().expect("a folder");
    restore(&copy, other.path(), false).expect("restored");
    let found = Bench::at(other, Config::default());
    assert_eq!(found.recovered.restored, Some(2));
    assert_eq!(found.states(waits.message).await, [PartState::Uncertain]);
    assert_eq!(found.states(held.message).await, [PartState::Uncertain]);
    assert_eq!(found.states(later.message).await, [PartState::Queued]);
    assert_eq!(found.states(out.message).await, [PartState::Sent]);
    found.sound().await;

    let after = now() + SignedDuration::from_secs(600);
    let ticked = found
        .store
        .tick(after, &store::Policies::default())
        .await
        .expect("kept");
    assert_eq!(
        (&ticked.get().resent, &ticked.get().held),
        (&vec![waits.message], &vec![held.message])
    );
    let again = found.store.status(waits.message).await.expect("read").expect("known");
    assert!(again.maybe_twice, "what goes out again says so");

    receive(&found, "B").await;
    let known = found.store.fetch(0, 10, None, None).await.expect("read");
    assert_eq!(
        known.iter().map(|message| &*message.text).collect::<Vec<_>>(),
        ["A", "B"]
    );
    let given_since = 2;
    assert_eq!(known[0].cursor, 1);
    assert!(
        known[1].cursor > given_since,
        "a cursor that a client has seen is not used again"
    );

    // The second start is one like any other.
    let found = found.reopened().await;
    assert_eq!(found.recovered.restored, None);
}

#[tokio::test]
async fn a_copy_goes_into_no_folder_where_a_gateway_works_and_over_no_database_unasked() {
    let bench = Bench::new();
    let kept = bench.part(fresh()).await;
    let copy = bench.folder.path().join("copy.db");
    back_up(bench.folder.path(), &copy, false).expect("copied");
    let refused = restore(&copy, bench.folder.path(), true).expect_err("it is in use");
    assert!(
        matches!(&refused, CopyError::Source(OpenError::InUse { .. })),
        "{refused}"
    );
    assert!(bench.store.status(kept.message).await.expect("read").is_some());

    let other = Bench::new();
    let theirs = other.part(fresh()).await;
    other.store.close().await;
    let refused = restore(&copy, other.folder.path(), false).expect_err("there is one");
    assert!(matches!(refused, CopyError::Exists(_)), "{refused}");
    restore(&copy, other.folder.path(), true).expect("restored");
    let Bench { folder, config, .. } = other;
    assert!(
        folder.path().join("simrelay.db.replaced").exists(),
        "nothing is thrown away"
    );
    let found = Bench::at(folder, config);
    assert!(found.store.status(kept.message).await.expect("read").is_some());
    assert!(found.store.status(theirs.message).await.expect("read").is_none());
}

#[tokio::test]
async fn a_damaged_copy_is_not_restored() {
    let bench = Bench::new();
    for _ in 0..200 {
        bench.accept(message(1)).await;
    }
    let copy = bench.folder.path().join("copy.db");
    back_up(bench.folder.path(), &copy, false).expect("copied");
    let mut octets = std::fs::read(&copy).expect("read");
    octets.chunks_mut(4096).skip(4).for_each(|page| page[..512].fill(0xa5));
    std::fs::write(&copy, octets).expect("written");
    let other = tempfile::tempdir().expect("a folder");
    let refused = restore(&copy, other.path(), false).expect_err("damaged");
    let sentence = refused.to_string();
    let begins = format!("{} is damaged (", copy.display());
    assert!(sentence.starts_with(&begins), "the copy is named: {sentence}");
    let advice = format!("nothing in {} is changed", other.path().display());
    assert!(sentence.contains(&advice), "{sentence}");
    assert!(!sentence.contains("starts empty"), "{sentence}");
    assert!(!other.path().join("simrelay.db").exists());

    let text = other.path().join("text");
    std::fs::write(&text, "x".repeat(9000)).expect("written");
    let refused = restore(&text, other.path(), false).expect_err("no database");
    assert!(
        refused.to_string().contains("text is damaged (file is not a database)"),
        "{refused}"
    );
    let foreign = other.path().join("foreign.db");
    let sql = "CREATE TABLE song (title TEXT); INSERT INTO song VALUES ('A')";
    rusqlite::Connection::open(&foreign)
        .expect("opens")
        .execute_batch(sql)
        .expect("made");
    let refused = restore(&foreign, other.path(), false).expect_err("not ours");
    assert!(
        refused
            .to_string()
            .contains("foreign.db is no copy of a simrelay's database"),
        "{refused}"
    );
}
