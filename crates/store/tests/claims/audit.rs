//! The audit log: what is done is in it, and whoever changes it is found out.

use jiff::{SignedDuration, Timestamp};
use message::TokenId;
use rusqlite::Connection;
use store::{
    AuditEntry, AuditHead, AuditLine, AuditNumbers, AuditVerdict, Config, NewMessage, Retention, audit_read,
    audit_verify,
};

use crate::common::{Bench, message, number, t};

fn lines(bench: &Bench) -> Vec<AuditLine> {
    let mut lines = Vec::new();
    let read = audit_read(bench.folder.path(), None, None, |line| {
        lines.push(line);
        true
    });
    read.expect("read");
    lines
}

fn verify(bench: &Bench) -> AuditVerdict {
    audit_verify(bench.folder.path(), None).expect("read")
}

/// The database, opened by somebody else.
fn stranger(bench: &Bench) -> Connection {
    Connection::open(bench.folder.path().join("simrelay.db")).expect("opens")
}

/// A log of nine entries in as many rows.
async fn nine() -> Bench {
    let bench = Bench::new();
    for n in 0..9 {
        let entry = AuditEntry {
            token: Some(TokenId::new("ops")),
            facts: Some(format!("fact {n}")),
            ..AuditEntry::new("numbers.stop", t(n))
        };
        bench.store.audit(entry).await.expect("kept");
    }
    bench
}

#[tokio::test]
async fn a_message_is_in_the_log_with_who_sent_it_and_without_its_text() {
    let bench = Bench::with(Config {
        audit_numbers: AuditNumbers::Plain,
        ..Config::default()
    });
    let sent = bench.part(message(3)).await;
    let lines = lines(&bench);
    assert_eq!(lines.len(), 1, "one for all parts: {lines:?}");
    assert_eq!((lines[0].n, &*lines[0].what), (1, "send"));
    assert_eq!(lines[0].message, Some(sent.message));
    assert_eq!(lines[0].token.as_deref(), Some("shop"));
    assert_eq!(lines[0].number.as_deref(), Some("+491711234567"));
    let held: String = stranger(&bench)
        .query_row("SELECT group_concat(body || private) FROM audit", [], |row| row.get(0))
        .expect("read");
    assert!(!held.contains("Hello"), "{held}");
    assert_eq!(verify(&bench).faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_message_that_was_not_kept_is_not_in_the_log() {
    let bench = Bench::with(Config {
        queue_limit_token: 2,
        ..Config::default()
    });
    bench.accept(message(2)).await;
    bench.store.accept(message(1)).await.expect_err("the queue is full");
    let repeated = || NewMessage {
        token: None,
        idempotency_key: Some("once".to_owned()),
        ..message(1)
    };
    bench.accept(repeated()).await;
    bench.accept(repeated()).await;
    assert_eq!(lines(&bench).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_a_row_and_the_chain_goes_on_after_a_start() {
    let bench = Bench::new();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let store = bench.store.clone();
        tasks.spawn(async move { store.accept(message(1)).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|kept| kept));
    let rows: i64 = stranger(&bench)
        .query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
        .expect("read");
    assert!(rows < 250, "{rows} rows for 500 entries");
    let before = verify(&bench);
    assert_eq!((before.entries, before.faults.len()), (500, 0), "{before:?}");
    let bench = bench.reopened().await;
    bench.accept(message(1)).await;
    let after = audit_verify(bench.folder.path(), Some(&before.head)).expect("read");
    assert_eq!((after.head.entry, after.faults.len()), (501, 0), "{after:?}");
}

#[tokio::test]
async fn a_row_that_was_changed_is_named() {
    let bench = nine().await;
    assert_eq!(verify(&bench).faults, Vec::<String>::new());
    let changed = stranger(&bench).execute(
        "UPDATE audit SET body = replace(body, 'fact 4', 'fact 7') WHERE first = 5",
        [],
    );
    assert_eq!(changed.expect("changed"), 1);
    assert_eq!(verify(&bench).faults, ["entry 5 is changed, moved or exchanged"]);
}

#[tokio::test]
async fn a_row_that_was_removed_is_named_first_last_or_between() {
    for (gone, word) in [(3, "entry 3 is missing"), (1, "entry 1 is missing")] {
        let bench = nine().await;
        stranger(&bench)
            .execute("DELETE FROM audit WHERE first = ?1", [gone])
            .expect("removed");
        assert_eq!(verify(&bench).faults, [word]);
    }
    let bench = nine().await;
    let noted = verify(&bench).head;
    stranger(&bench)
        .execute("DELETE FROM audit WHERE first >= 8", [])
        .expect("removed");
    assert_eq!(
        verify(&bench).faults,
        Vec::<String>::new(),
        "the end alone says nothing"
    );
    let faults = audit_verify(bench.folder.path(), Some(&noted)).expect("read").faults;
    assert!(
        faults[0].contains("cut off"),
        "an end that was noted elsewhere does: {faults:?}"
    );
}

#[tokio::test]
async fn rows_that_were_exchanged_are_named() {
    let bench = nine().await;
    stranger(&bench)
        .execute_batch(
            "UPDATE audit SET first = -1 WHERE first = 4; UPDATE audit SET first = 4 WHERE first = 6;
             UPDATE audit SET first = 6 WHERE first = -1;",
        )
        .expect("exchanged");
    let faults = verify(&bench).faults;
    for n in [4, 6] {
        assert!(
            faults.contains(&format!("entry {n} is changed, moved or exchanged")),
            "{faults:?}"
        );
    }
    assert!(
        faults.contains(&"entry 4 says that it is entry 6".to_owned()),
        "{faults:?}"
    );
}

#[tokio::test]
async fn a_number_is_erased_and_the_chain_holds_and_no_other_may_take_its_place() {
    for audit_numbers in [AuditNumbers::Plain, AuditNumbers::Hashed] {
        let bench = Bench::with(Config {
            audit_numbers,
            ..Config::default()
        });
        bench.accept(message(1)).await;
        let other = NewMessage {
            to: number("+4930123456"),
            ..message(1)
        };
        bench.accept(other).await;
        let stays = lines(&bench)[1].number.clone();
        bench.store.erase(&number("+491711234567")).await.expect("erased");
        let shown: Vec<_> = lines(&bench).into_iter().map(|line| line.number).collect();
        assert_eq!(shown, [Some("erased".to_owned()), stays.clone()]);
        let verdict = verify(&bench);
        assert_eq!((verdict.erased, verdict.faults.len()), (1, 0), "{verdict:?}");
        stranger(&bench)
            .execute(
                "UPDATE audit SET private = replace(private, ?1, '+4966666') WHERE first = 2",
                [stays],
            )
            .expect("forged");
        assert_eq!(verify(&bench).faults, ["the number of entry 2 was changed"]);
    }
}

#[tokio::test]
async fn hashed_numbers_can_be_told_apart_and_not_read() {
    let bench = Bench::new();
    for _ in 0..2 {
        bench.accept(message(1)).await;
    }
    let shown: Vec<_> = lines(&bench).into_iter().filter_map(|line| line.number).collect();
    assert_eq!(shown[0], shown[1]);
    assert!(shown[0].starts_with("sha256:"), "{shown:?}");
    let held: String = stranger(&bench)
        .query_row("SELECT group_concat(body || private) FROM audit", [], |row| row.get(0))
        .expect("read");
    assert!(!held.contains("1711234567"), "{held}");
    for (who, expected) in [("+491711234567", 2), ("+4930123456", 0)] {
        let mut found = 0;
        let read = audit_read(bench.folder.path(), None, Some(&number(who)), |_| {
            found += 1;
            true
        });
        read.expect("read");
        assert_eq!(found, expected, "{who}");
    }
    let head = bench.store.audit_head().await.expect("read");
    assert_eq!(head, verify(&bench).head);
}

#[tokio::test]
async fn what_is_old_goes_and_the_rest_still_holds_but_nobody_else_may_cut() {
    let bench = nine().await;
    let soon = t(0) + SignedDuration::from_hours(1);
    bench.store.retain(soon, &Retention::default()).await.expect("kept");
    assert_eq!(verify(&bench).entries, 9, "nothing is old");
    // The time that stands beside the entries is covered by no hash, and does not make them old.
    let old = t(0) - SignedDuration::from_hours(24 * 800);
    stranger(&bench)
        .execute("UPDATE audit SET at = ?1", [old.as_millisecond()])
        .expect("forged");
    let after = t(4) + SignedDuration::from_hours(24 * 730);
    let retained = bench.store.retain(after, &Retention::default()).await;
    retained.expect("kept");
    let verdict = verify(&bench);
    assert_eq!(
        (verdict.first, verdict.entries, verdict.faults.len()),
        (5, 6, 0),
        "{verdict:?}"
    );
    assert!(lines(&bench).last().is_some_and(|line| line.what == "audit.trimmed"));
    let again = bench.store.retain(after, &Retention::default()).await;
    again.expect("kept");
    assert_eq!(verify(&bench).entries, 6, "nothing to remove, nothing to note");

    stranger(&bench)
        .execute_batch(
            "UPDATE audit_anchor SET next = 7, hash = (SELECT hash FROM audit WHERE first = 6);
             DELETE FROM audit WHERE first < 7;",
        )
        .expect("cut");
    let faults = verify(&bench).faults;
    assert!(faults[0].contains("removed by hand"), "{faults:?}");
}

#[tokio::test]
async fn an_entry_is_not_hidden_by_the_time_beside_it() {
    let since = |bench: &Bench, from: Timestamp| {
        let mut shown = Vec::new();
        let read = audit_read(bench.folder.path(), Some(from), None, |line| {
            shown.push(line.n);
            true
        });
        read.expect("read");
        shown
    };
    // Each of them, all of them from some one on, and all.
    for forged in ["first = 3", "first = 7", "first = 9", "first <= 7", "first >= 7", "1"] {
        for by in ["- 99999999999", "+ 99999999999"] {
            let bench = nine().await;
            let sql = format!("UPDATE audit SET at = at {by} WHERE {forged}");
            stranger(&bench).execute(&sql, []).expect("forged");
            assert_eq!(since(&bench, t(5)), [6, 7, 8, 9], "{sql}");
            assert_eq!(since(&bench, t(0)).len(), 9, "{sql}");
            assert_eq!(since(&bench, t(9)), Vec::<u64>::new(), "{sql}");
        }
    }
}

#[tokio::test]
async fn a_hash_of_another_length_is_named_and_the_log_goes_on() {
    for first in [4, 9] {
        let bench = nine().await;
        stranger(&bench)
            .execute("UPDATE audit SET hash = x'00' WHERE first = ?1", [first])
            .expect("changed");
        assert_eq!(
            verify(&bench).faults,
            [format!("entry {first} is changed, moved or exchanged")]
        );
        let bench = bench.reopened().await;
        bench.accept(message(1)).await;
        let verdict = verify(&bench);
        assert_eq!(verdict.entries, 10, "{verdict:?}");
        let head = bench.store.audit_head().await.expect("read");
        assert_eq!(head, verdict.head);
    }
}

#[tokio::test]
async fn an_end_of_another_log_is_not_found() {
    let bench = nine().await;
    let strange = AuditHead {
        entry: 5,
        hash: "0".repeat(64),
    };
    let faults = audit_verify(bench.folder.path(), Some(&strange)).expect("read").faults;
    assert!(faults[0].contains("entry 5"), "{faults:?}");
}
