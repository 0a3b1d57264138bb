//! Attendance requests, their states and their acknowledgements.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use message::{EventId, MessageId, RouteId};
use store::{AcceptError, AttendanceKnown, AttendanceQuery, AttendanceRequest, AttendanceRuling, Config, NewMessage};

use crate::common::{Bench, message, number, t};

fn request(sender: &str, seconds: i64) -> AttendanceRequest {
    AttendanceRequest {
        event: EventId::fresh(),
        message: MessageId::fresh(),
        sender: number(sender),
        person: number(sender),
        sim: RouteId::new("sim1"),
        service_centre_time: Some(t(seconds - 2)),
        received_at: t(seconds),
        version: 1,
        frame: Some([1; 32]),
        device: None,
        own_devices: Vec::new(),
        lately: SignedDuration::from_mins(10),
    }
}

fn taken(status: &str, time: &str) -> AttendanceRuling {
    AttendanceRuling {
        verdict: "taken",
        status: status.to_owned(),
        time: time.to_owned(),
        is_state: true,
        ..AttendanceRuling::default()
    }
}

fn answered(status: &str, time: &str, answer: NewMessage) -> AttendanceRuling {
    AttendanceRuling {
        answer: Some(answer),
        ..taken(status, time)
    }
}

fn bad() -> AttendanceRuling {
    AttendanceRuling {
        verdict: "bad_padding",
        bad: true,
        ..AttendanceRuling::default()
    }
}

/// Keeps a request and tells what was known before it.
async fn attend(bench: &Bench, request: AttendanceRequest, ruling: AttendanceRuling) -> Option<AttendanceKnown> {
    let seen = Arc::new(Mutex::new(None));
    let told = Arc::clone(&seen);
    let rule = move |known: &AttendanceKnown| {
        *told.lock().expect("whole") = Some(*known);
        ruling.clone()
    };
    bench.store.attend(request, rule).await.expect("kept");
    *seen.lock().expect("whole")
}

async fn states(bench: &Bench) -> Vec<String> {
    let states = bench.store.attendance().await.expect("read");
    let shown = states
        .iter()
        .map(|state| format!("{}|{}|{}", state.number, state.status, state.time));
    shown.collect()
}

async fn verdicts(bench: &Bench, query: AttendanceQuery) -> Vec<String> {
    let events = bench.store.attendance_history(query).await.expect("read");
    events.into_iter().map(|event| event.verdict).collect()
}

fn all() -> AttendanceQuery {
    AttendanceQuery {
        limit: 100,
        ..AttendanceQuery::default()
    }
}

#[tokio::test]
async fn a_request_its_state_and_its_acknowledgement_survive_a_power_cut_together() {
    let bench = Bench::new();
    let answer = message(1);
    let id = answer.id;
    let ruling = answered("Arrival", " 08.00", answer);
    attend(&bench, request("+989126211770", 0), ruling).await;
    let after = bench.after_power_cut();
    assert_eq!(states(&after).await, ["+989126211770|Arrival| 08.00"]);
    assert_eq!(after.store.due(t(1), 10).await.expect("read")[0].message, id);
    let events = after.store.attendance_history(all()).await.expect("read");
    assert_eq!(events[0].answer, Some(id));
    assert_eq!(events[0].sim, RouteId::new("sim1"));
    assert_eq!(
        (events[0].received_at, events[0].service_centre_time),
        (t(0), Some(t(-2)))
    );
    after.sound().await;
}

#[tokio::test]
async fn an_event_that_is_given_again_is_kept_and_answered_once() {
    let bench = Bench::new();
    let twice = request("+989126211770", 0);
    for _ in 0..2 {
        attend(&bench, twice.clone(), answered("Arrival", " 08.00", message(1))).await;
    }
    assert_eq!(attend(&bench, twice, bad()).await, None, "the rule is not asked again");
    assert_eq!(verdicts(&bench, all()).await, ["taken"]);
    assert_eq!(bench.store.due(t(1), 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn where_no_acknowledgement_can_be_queued_nothing_is_kept() {
    let config = Config {
        queue_limit_token: 1,
        ..Config::default()
    };
    let bench = Bench::with(config);
    bench.accept(message(1)).await;
    let again = request("+989126211770", 0);
    let full = bench
        .store
        .attend(again.clone(), |_| answered("Arrival", " 08.00", message(1)))
        .await;
    assert!(matches!(full, Err(AcceptError::QueueFull { .. })));
    assert!(states(&bench).await.is_empty());
    assert!(verdicts(&bench, all()).await.is_empty());
    attend(&bench, again, taken("Arrival", " 08.00")).await;
    assert_eq!(states(&bench).await.len(), 1);
}

#[tokio::test]
async fn the_state_is_the_last_word_and_the_history_all_of_them() {
    let bench = Bench::new();
    attend(&bench, request("+989126211770", 0), taken("Arrival", " 08.00")).await;
    attend(&bench, request("+989126211771", 1), taken("Arrival", " 08.01")).await;
    attend(&bench, request("+989126211770", 2), taken("Exit", " 15.15")).await;
    attend(&bench, request("+989126211770", 3), bad()).await;
    assert_eq!(
        states(&bench).await,
        ["+989126211770|Exit| 15.15", "+989126211771|Arrival| 08.01"]
    );
    let one = AttendanceQuery {
        sender: Some(number("+989126211770")),
        ..all()
    };
    assert_eq!(verdicts(&bench, one.clone()).await, ["taken", "taken", "bad_padding"]);
    let late = AttendanceQuery {
        since: Some(t(2)),
        ..one.clone()
    };
    assert_eq!(verdicts(&bench, late).await, ["taken", "bad_padding"]);
    let newest = AttendanceQuery {
        limit: 1,
        ..one.clone()
    };
    assert_eq!(verdicts(&bench, newest).await, ["bad_padding"]);
    let before = AttendanceQuery {
        until: Some(t(2)),
        sender: Some(number("989126211770")),
        ..all()
    };
    assert_eq!(verdicts(&bench, before).await, ["taken"], "a number without its plus");
    let first = AttendanceQuery {
        after: Some(0),
        limit: 2,
        ..all()
    };
    let page = bench.store.attendance_history(first.clone()).await.expect("read");
    assert_eq!(page.len(), 2);
    let rest = AttendanceQuery {
        after: Some(page[1].cursor),
        ..first
    };
    assert_eq!(verdicts(&bench, rest).await, ["taken", "bad_padding"], "page by page");
}

#[tokio::test]
async fn a_page_is_full_of_what_came_to_the_sims_that_are_asked_for() {
    let bench = Bench::new();
    for (sim, seconds) in [("sim1", 0), ("sim2", 1), ("sim1", 2), ("sim1", 3), ("sim3", 4)] {
        let came = AttendanceRequest {
            sim: RouteId::new(sim),
            ..request("+989126211770", seconds)
        };
        attend(&bench, came, taken("Arrival", "")).await;
    }
    let page = |sims: &[&str], after| AttendanceQuery {
        sims: Some(sims.iter().map(|sim| RouteId::new(sim)).collect()),
        after,
        limit: 2,
        ..AttendanceQuery::default()
    };
    let mut found = Vec::new();
    for query in [
        page(&["sim2", "sim3"], Some(0)),
        page(&["sim1"], Some(1)),
        page(&["sim1"], None),
        page(&[], Some(0)),
    ] {
        let events = bench.store.attendance_history(query).await.expect("read");
        found.push(events.iter().map(|event| event.received_at).collect::<Vec<_>>());
    }
    assert_eq!(
        found,
        [vec![t(1), t(4)], vec![t(2), t(3)], vec![t(2), t(3)], Vec::new()]
    );
}

#[tokio::test]
async fn what_a_roaming_device_sends_is_its_owners_state_and_is_erased_with_it() {
    let bench = Bench::new();
    let roaming = AttendanceRequest {
        person: number("+989126211779"),
        ..request("+989126211770", 0)
    };
    let told = AttendanceRuling {
        skew_s: Some(-90),
        ..taken("Arrival", "08:00")
    };
    attend(&bench, roaming, told).await;
    assert_eq!(states(&bench).await, ["+989126211779|Arrival|08:00"]);
    let kept = bench.store.attendance_history(all()).await.expect("read");
    assert_eq!(
        (kept[0].number.to_string().as_str(), kept[0].skew_s),
        ("+989126211770", Some(-90))
    );
    bench.store.erase(&number("+989126211779")).await.expect("erased");
    assert!(states(&bench).await.is_empty());
    assert!(verdicts(&bench, all()).await.is_empty());
}

#[tokio::test]
async fn a_request_that_is_worked_late_does_not_undo_a_younger_one() {
    let bench = Bench::new();
    attend(&bench, request("+989126211770", 9), taken("Exit", " 15.15")).await;
    attend(&bench, request("+989126211770", 0), taken("Arrival", " 08.00")).await;
    assert_eq!(states(&bench).await, ["+989126211770|Exit| 15.15"]);
    assert_eq!(verdicts(&bench, all()).await.len(), 2);
}

#[tokio::test]
async fn the_rule_is_told_what_came_before() {
    let bench = Bench::new();
    let first = attend(&bench, request("+989126211770", 0), taken("Arrival", " 08.00")).await;
    assert_eq!(first, Some(AttendanceKnown::default()));
    attend(&bench, request("+989126211770", 1), bad()).await;
    let known = attend(&bench, request("+989126211770", 2), bad()).await.expect("asked");
    assert_eq!(
        (known.requests, known.bad, known.copied, known.repeated),
        (2, 1, false, true)
    );
    let known = attend(&bench, request("+989126211771", 3), bad()).await.expect("asked");
    assert_eq!(
        (known.requests, known.bad, known.copied, known.repeated),
        (0, 0, true, false)
    );
    let known = attend(&bench, request("+989126211770", 700), bad())
        .await
        .expect("asked");
    assert_eq!((known.requests, known.bad), (0, 0), "after ten minutes");
    let other = AttendanceRequest {
        frame: Some([2; 32]),
        ..request("+989126211770", 701)
    };
    let known = attend(&bench, other, bad()).await.expect("asked");
    assert_eq!((known.copied, known.repeated), (false, false));
}

#[tokio::test]
async fn the_counters_of_a_device_are_kept() {
    let bench = Bench::new();
    let sealed = |seconds| AttendanceRequest {
        version: 2,
        device: Some(1000),
        own_devices: vec![999, 1000],
        ..request("+989126211770", seconds)
    };
    let counted = AttendanceRuling {
        counter: Some((7, t(0))),
        counters: Some((u32::MAX, u64::MAX)),
        ends_first: true,
        ..taken("Arrival", "")
    };
    let known = attend(&bench, sealed(0), counted).await.expect("asked");
    assert_eq!((known.counters, known.second_version), (None, false));
    let bench = bench.reopened().await;
    let known = attend(&bench, sealed(1), bad()).await.expect("asked");
    assert_eq!(
        (known.counters, known.second_version),
        (Some((u32::MAX, u64::MAX)), true)
    );
    let events = bench.store.attendance_history(all()).await.expect("read");
    let device = |at: usize| (events[at].device, events[at].counter, events[at].device_time);
    assert_eq!(device(0), (Some(1000), Some(7), Some(t(0))));
    assert_eq!(device(1), (Some(1000), None, None));
}

#[tokio::test]
async fn a_device_speaks_the_second_version_for_its_owner_once_it_was_believed() {
    let bench = Bench::new();
    let sealed = |frame, seconds| AttendanceRequest {
        version: 2,
        frame: Some([frame; 32]),
        device: Some(1000),
        ..request("+989126211771", seconds)
    };
    let of_the_owner = |seconds| AttendanceRequest {
        frame: Some([9; 32]),
        own_devices: vec![1000],
        ..request("09126211770", seconds)
    };
    let revoked = AttendanceRuling {
        verdict: "revoked",
        counter: Some((1, t(0))),
        counters: Some((1, 1)),
        ..AttendanceRuling::default()
    };
    attend(&bench, sealed(1, 0), revoked).await;
    let known = attend(&bench, of_the_owner(1), bad()).await.expect("asked");
    assert!(!known.second_version);
    let believed = AttendanceRuling {
        counter: Some((2, t(2))),
        counters: Some((2, 3)),
        ends_first: true,
        ..taken("Arrival", "")
    };
    attend(&bench, sealed(2, 2), believed).await;
    let replay = AttendanceRuling {
        counter: Some((2, t(3))),
        ..bad()
    };
    attend(&bench, sealed(3, 3), replay).await;
    let known = attend(&bench, of_the_owner(4), bad()).await.expect("asked");
    assert!(known.second_version);
    let years = 400_000_000;
    for (frame, before) in [(2, true), (3, false), (4, false)] {
        let known = attend(&bench, sealed(frame, years), bad()).await.expect("asked");
        assert_eq!(known.taken_before, before, "{frame}");
        assert!(!known.second_version, "whoever carried it owns none");
    }
}

#[tokio::test]
async fn the_projection_is_the_table_that_the_first_query_program_reads() {
    let bench = Bench::new();
    let file = bench.folder.path().join("attendance.db");
    bench.store.attendance_projection(&file).await.expect("written");
    attend(&bench, request("+989126211770", 0), taken("Arrival", " 08.00")).await;
    attend(&bench, request("+989126211771", 1), taken("", "")).await;
    attend(&bench, request("989126211770", 2), taken("Exit", " 15.15")).await;
    bench.store.attendance_projection(&file).await.expect("written");
    let conn = rusqlite::Connection::open(&file).expect("opens");
    let mut statement = conn
        .prepare("SELECT source_address || '|' || status || '|' || time FROM attendance ORDER BY source_address")
        .expect("the table");
    let rows: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .expect("read")
        .collect::<Result<_, _>>()
        .expect("texts");
    assert_eq!(rows, ["989126211770|Exit| 15.15", "989126211771||"]);

    let nowhere = bench.folder.path().join("no/attendance.db");
    let refused = bench
        .store
        .attendance_projection(&nowhere)
        .await
        .expect_err("no folder");
    assert!(
        refused.to_string().contains("attendance.db cannot be written"),
        "{refused}"
    );
    bench.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn projections_that_are_made_at_the_same_time_take_turns() {
    let bench = Bench::new();
    for index in 0..200 {
        let sender = format!("+9891262{index:05}");
        attend(&bench, request(&sender, index), taken("Arrival", " 08.00")).await;
    }
    let file = bench.folder.path().join("attendance.db");
    let makings: Vec<_> = (0..40)
        .map(|_| {
            let (store, file) = (bench.store.clone(), file.clone());
            tokio::spawn(async move { store.attendance_projection(&file).await })
        })
        .collect();
    for making in makings {
        making.await.expect("no panic").expect("written");
        let conn = rusqlite::Connection::open(&file).expect("opens");
        let count: i64 = conn
            .query_row("SELECT count(*) FROM attendance", [], |row| row.get(0))
            .expect("the table");
        assert_eq!(count, 200, "whoever reads it sees all of it");
    }
}

#[tokio::test]
async fn who_wants_to_be_forgotten_is() {
    let bench = Bench::new();
    attend(&bench, request("+989126211770", 0), taken("Arrival", " 08.00")).await;
    attend(&bench, request("+989126211770", 1), taken("Exit", " 15.15")).await;
    attend(&bench, request("+989126211771", 2), taken("Arrival", " 08.00")).await;
    bench.store.erase(&number("+989126211770")).await.expect("kept");
    assert_eq!(states(&bench).await, ["+989126211771|Arrival| 08.00"]);
    assert_eq!(verdicts(&bench, all()).await.len(), 1);
}
