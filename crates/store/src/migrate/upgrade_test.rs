//! Every layout there ever was, brought up to date.

use std::path::Path;
use std::sync::Arc;

use message::{FailureReason, InboundKind, MessageId, PartState, RouteId};

use super::*;
use crate::{Config, Joined, Joiner, Store};

/// A database as the program wrote it that knew so many steps, with a message that waits and one that was received.
fn database_of(folder: &Path, layout: usize) -> MessageId {
    let path = folder.join("simrelay.db");
    let config = Config::default();
    let conn = crate::connection::writing(&path, &config).expect("opens");
    migrate(&conn, &path, &STEPS[..layout]).expect("laid out");
    let id = MessageId::fresh();
    let far = clock::millis(clock::now()) + 86_400_000;
    conn.execute(
        "INSERT INTO message (row, id, token, origin, strict, priority, report, alphabet, on_uncertain, parts, accepted_at,
            expires_at, recipient, text) VALUES (1, ?1, 0, 0, 0, 1, 0, 0, 0, 1, 1, ?2, '+491711234567', 'of old')",
        (id.as_bytes(), far),
    )
    .expect("a message");
    conn.execute(
        "INSERT INTO part (key, state, rank, token, origin, attempts, maybe_twice, tpdu)
         VALUES (257, 0, 2, 0, 0, 0, 0, x'1101')",
        [],
    )
    .expect("its part");
    conn.execute_batch(
        "INSERT INTO route (name) VALUES ('sim1');
         INSERT INTO inbound (cursor, id, route, sender, kind, received_at, parts, missing, text)
            VALUES (7, x'0190163d8694739bb5d38e0d9b2f6f5a', 1, '+491717654321', 0, 1, 1, 0, 'from long ago');",
    )
    .expect("what was received");
    conn.close().map_err(|(_, trouble)| trouble).expect("closed");
    id
}

fn joiner() -> Joiner {
    Arc::new(|_| Joined {
        text: String::new(),
        kind: InboundKind::Text,
        class: None,
        data_hex: None,
        ports: None,
        waiting: None,
        alphabet: None,
    })
}

fn copies(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).expect("read").map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    });
    let mut names: Vec<String> = names.filter(|name| name.contains("layout")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_earlier_layout_is_brought_up_to_date_with_what_it_holds() {
    for layout in 1..STEPS.len() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = database_of(folder.path(), layout);
        let (store, recovered) = Store::open(folder.path(), &Config::default(), joiner()).expect("opens");
        let view = store.status(id).await.expect("read").expect("known");
        assert_eq!(view.text.as_deref(), Some("of old"), "layout {layout}");
        assert_eq!(view.parts[0].state, PartState::Queued, "layout {layout}");
        assert_eq!(recovered.restored, None, "an upgraded file is no copy");
        let received = store.fetch(0, 10, None, None).await.expect("read");
        assert_eq!(
            (received[0].cursor, &*received[0].text),
            (7, "from long ago"),
            "layout {layout}"
        );
        assert_eq!(store.integrity_check().await.expect("checked"), Vec::<String>::new());
        store.close().await;
        assert_eq!(copies(folder.path()), [format!("simrelay.db.layout-{layout}")]);

        let back = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join(format!("simrelay.db.layout-{layout}"));
        let copied = crate::restore(&copy, back.path(), false).expect("the copy is whole");
        assert_eq!((copied.layout as usize, copied.messages, copied.open), (layout, 1, 1));
    }
}

#[tokio::test]
async fn what_failed_before_the_reasons_were_counted_is_still_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    database_of(folder.path(), 18);
    let conn = Connection::open(folder.path().join("simrelay.db")).expect("opens");
    conn.execute_batch("INSERT INTO route_total VALUES (1, 5, 4, 3, 2, 7000, 8000)")
        .expect("counted");
    drop(conn);
    let (store, _) = Store::open(folder.path(), &Config::default(), joiner()).expect("opens");
    let totals = store.route_totals().await.expect("read");
    let of = &totals[&RouteId::new("sim1")];
    let counts = of.counts;
    assert_eq!(
        (counts.sent, counts.delivered, counts.failed, counts.received),
        (5, 4, 3, 2)
    );
    assert_eq!(of.failures, [(FailureReason::Unknown, 3)].into());
    assert_eq!(of.last_received.map(|at| at.as_millisecond()), Some(8000));
    store.close().await;
}

#[tokio::test]
async fn the_copies_of_two_upgrades_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("simrelay.db");
    database_of(folder.path(), 1);
    for layout in [2, 4, 5, STEPS.len()] {
        let conn = crate::connection::writing(&path, &Config::default()).expect("opens");
        migrate(&conn, &path, &STEPS[..layout]).expect("taken");
    }
    assert_eq!(copies(folder.path()), ["simrelay.db.layout-4", "simrelay.db.layout-5"]);
}

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("simrelay.db");
    database_of(folder.path(), STEPS.len());
    let newer = NEWEST + 1;
    let conn = Connection::open(&path).expect("opens");
    conn.pragma_update(None, "user_version", newer).expect("written");
    drop(conn);
    let Err(refused) = Store::open(folder.path(), &Config::default(), joiner()) else {
        panic!("opened")
    };
    assert!(matches!(refused, OpenError::Newer { found, known, .. } if (found, known) == (newer, NEWEST)));
    let refused = crate::restore(&path, tempfile::tempdir().expect("a folder").path(), false).expect_err("newer");
    assert!(refused.to_string().contains("written by a newer simrelay"), "{refused}");
    assert_eq!(copies(folder.path()), Vec::<String>::new());
}

#[test]
fn an_upgrade_without_room_for_the_copy_changes_nothing() {
    let disk = tempfile::tempdir().expect("a folder");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(disk.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return println!("skipped: a small disk is mounted by root only");
    }
    let path = disk.path().join("simrelay.db");
    database_of(disk.path(), 2);
    let refused = Store::open(disk.path(), &Config::default(), joiner()).map(drop);
    let layout: u32 = Connection::open(&path)
        .and_then(|conn| conn.query_row("PRAGMA user_version", [], |row| row.get(0)))
        .expect("read");
    let copies = copies(disk.path());
    let unmounted = std::process::Command::new("umount").arg("-l").arg(disk.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    let word = refused.expect_err("refused").to_string();
    assert!(word.contains("has room for") && word.contains("make room"), "{word}");
    assert_eq!((layout, copies), (2, Vec::new()));
}
