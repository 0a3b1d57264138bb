//! Received messages.

use std::sync::Arc;

use message::{Alphabet, Concat, Inbound, InboundKind, Payload, Reception, RouteId};
use store::{Config, Look, Policies, Received, Store};

use crate::common::{Bench, number, payload, raw, t};

async fn receive(bench: &Bench, sim: &str, text: &str, concat: Option<Concat>, at: i64) -> Received {
    receive_as(bench, sim, text, payload(text, concat), at).await
}

async fn receive_as(bench: &Bench, sim: &str, text: &str, payload: Payload, at: i64) -> Received {
    bench
        .store
        .receive(&RouteId::new(sim), raw(text.as_bytes()), payload, reception(), t(at))
        .await
        .expect("kept")
        .into_inner()
}

fn reception() -> Reception {
    Reception {
        own: Some(number("+491700000001")),
        network: Some("Example Mobile".to_owned()),
    }
}

fn part(sequence: u8, total: u8) -> Option<Concat> {
    Some(Concat {
        reference: 300,
        total,
        sequence,
        wide: true,
    })
}

async fn all(bench: &Bench) -> Vec<Inbound> {
    bench.store.fetch(0, 100, None, None).await.expect("read")
}

#[tokio::test]
async fn a_message_is_kept_read_back_and_announced() {
    let bench = Bench::new();
    let mut arrivals = bench.store.arrivals();
    let got = receive(&bench, "sim1", "Hello", None, 5).await;
    let message = got.completed.expect("complete");
    assert_eq!(message.text, "Hello");
    assert_eq!(message.sim, RouteId::new("sim1"));
    assert_eq!(message.to, Some(number("+491700000001")));
    assert_eq!(message.service_centre_time, Some(t(0)));
    assert_eq!((message.parts, message.missing), (1, 0));
    assert_eq!(*arrivals.borrow_and_update(), message.cursor);
    assert_eq!(all(&bench).await, std::slice::from_ref(&message));
    let bench = bench.reopened().await;
    assert_eq!(all(&bench).await, std::slice::from_ref(&message));
    assert_eq!(*bench.store.arrivals().borrow(), message.cursor);
}

#[tokio::test]
async fn a_twin_is_recognised_on_its_sim_only() {
    let bench = Bench::new();
    receive(&bench, "sim1", "Hello", None, 5).await;
    let twin = receive(&bench, "sim1", "Hello", None, 6).await;
    assert!(twin.twin && twin.completed.is_none());
    let bench = bench.reopened().await;
    assert!(receive(&bench, "sim1", "Hello", None, 7).await.twin);
    assert!(!receive(&bench, "sim2", "Hello", None, 8).await.twin);
    assert_eq!(bench.store.totals().await.expect("read").received, 2);
}

#[tokio::test]
async fn parts_come_in_any_order_twice_and_across_a_restart() {
    let bench = Bench::new();
    assert!(receive(&bench, "sim1", "C", part(3, 3), 1).await.completed.is_none());
    assert!(receive(&bench, "sim1", "A", part(1, 3), 2).await.completed.is_none());
    assert!(receive(&bench, "sim1", "A", part(1, 3), 3).await.twin);
    let bench = bench.reopened().await;
    let whole = receive(&bench, "sim1", "B", part(2, 3), 4)
        .await
        .completed
        .expect("complete");
    assert_eq!((whole.text.as_str(), whole.parts, whole.missing), ("ABC", 3, 0));
    let Reception { own, network } = reception();
    assert_eq!(
        (&whole.to, &whole.network, whole.alphabet),
        (&own, &network, Some(Alphabet::Ucs2))
    );
    assert_eq!(bench.store.fetch(0, 10, None, None).await.expect("read"), [whole]);
    assert!(
        receive(&bench, "sim1", "C", part(3, 3), 5).await.twin,
        "also after completion"
    );
    bench.sound().await;
}

#[tokio::test]
async fn groups_of_other_senders_sims_totals_and_widths_do_not_mix() {
    let bench = Bench::new();
    receive(&bench, "sim1", "1", part(1, 2), 1).await;
    assert!(receive(&bench, "sim2", "2", part(2, 2), 1).await.completed.is_none());
    assert!(receive(&bench, "sim1", "3", part(2, 3), 1).await.completed.is_none());
    let narrow = part(2, 2).map(|concat| Concat { wide: false, ..concat });
    assert!(receive(&bench, "sim1", "4", narrow, 1).await.completed.is_none());
    let mut stranger = payload("5", part(2, 2));
    stranger.from = number("+4930123456");
    assert!(receive_as(&bench, "sim1", "5", stranger, 1).await.completed.is_none());
    let whole = receive(&bench, "sim1", "6", part(2, 2), 1)
        .await
        .completed
        .expect("complete");
    assert_eq!(whole.text, "16");
}

#[tokio::test]
async fn a_reference_used_again_begins_a_new_message() {
    let bench = Bench::new();
    receive(&bench, "sim1", "A", part(1, 2), 1).await;
    receive(&bench, "sim1", "a", part(1, 2), 2).await;
    let first = receive(&bench, "sim1", "B", part(2, 2), 3)
        .await
        .completed
        .expect("complete");
    let second = receive(&bench, "sim1", "b", part(2, 2), 4)
        .await
        .completed
        .expect("complete");
    assert_eq!((first.text.as_str(), second.text.as_str()), ("AB", "ab"));
}

#[tokio::test]
async fn what_is_missing_too_long_is_shown_without() {
    let bench = Bench::with(Config {
        fragment_wait_s: 60,
        ..Config::default()
    });
    receive(&bench, "sim1", "A", part(1, 3), 0).await;
    receive(&bench, "sim1", "C", part(3, 3), 30).await;
    assert_eq!(bench.store.next_due(t(0)).await.expect("read"), Some(t(60)));
    assert!(
        bench
            .store
            .tick(t(59), &Policies::default())
            .await
            .expect("kept")
            .get()
            .overdue
            .is_empty()
    );
    let ticked = bench
        .store
        .tick(t(60), &Policies::default())
        .await
        .expect("kept")
        .into_inner();
    let message = &ticked.overdue[0];
    assert_eq!((message.text.as_str(), message.parts, message.missing), ("A?C", 3, 1));
    assert_eq!(all(&bench).await, ticked.overdue);
    assert!(bench.store.next_due(t(60)).await.expect("read").is_none());
    bench.sound().await;
}

#[tokio::test]
async fn the_cursor_is_the_order_of_completion_and_is_never_used_twice() {
    let bench = Bench::new();
    receive(&bench, "sim1", "A", part(1, 2), 1).await;
    let single = receive(&bench, "sim1", "single", None, 2)
        .await
        .completed
        .expect("complete");
    let whole = receive(&bench, "sim1", "B", part(2, 2), 3)
        .await
        .completed
        .expect("complete");
    assert!(whole.cursor > single.cursor);
    assert_eq!(
        bench.store.fetch(single.cursor, 10, None, None).await.expect("read"),
        std::slice::from_ref(&whole)
    );
    bench.store.erase(&number("+491717654321")).await.expect("erased");
    let bench = bench.reopened().await;
    let next = receive(&bench, "sim1", "next", None, 4)
        .await
        .completed
        .expect("complete");
    assert!(next.cursor > whole.cursor);
}

#[tokio::test]
async fn fetch_can_be_narrowed_to_sims_and_to_a_number() {
    let bench = Bench::new();
    receive(&bench, "sim1", "1", None, 1).await;
    receive(&bench, "sim2", "2", None, 2).await;
    receive(&bench, "sim1", "3", None, 3).await;
    let texts = |found: Vec<Inbound>| found.into_iter().map(|one| one.text).collect::<Vec<_>>();
    let sims = [RouteId::new("sim1"), RouteId::new("unknown")];
    let found = bench.store.fetch(0, 10, Some(&sims), None).await.expect("read");
    assert_eq!(texts(found), ["1", "3"]);
    assert!(
        bench
            .store
            .fetch(0, 10, Some(&[]), None)
            .await
            .expect("read")
            .is_empty()
    );
    let own = number("+491700000001");
    assert_eq!(bench.store.fetch(0, 2, None, Some(&own)).await.expect("read").len(), 2);
    let other = number("+491700000002");
    assert!(
        bench
            .store
            .fetch(0, 2, None, Some(&other))
            .await
            .expect("read")
            .is_empty()
    );
}

#[tokio::test]
async fn messages_are_read_from_the_newest_back_as_well() {
    let bench = Bench::new();
    for (at, sim) in [(1, "sim1"), (2, "sim2"), (3, "sim1"), (4, "sim2"), (5, "sim2")] {
        receive(&bench, sim, &at.to_string(), None, at).await;
    }
    let cursors: Vec<_> = all(&bench).await.iter().map(|one| one.cursor).collect();
    let newest = *bench.store.arrivals().borrow();
    let back = async |after, upto, limit, sims: Option<&[RouteId]>| {
        let look = Look {
            after,
            upto,
            backward: true,
            limit,
            sims: sims.map(<[RouteId]>::to_vec),
            number: None,
        };
        let seen = bench.store.look(&look).await.expect("read");
        seen.found.into_iter().map(|one| one.text).collect::<Vec<_>>()
    };
    assert_eq!(back(0, newest, 2, None).await, ["5", "4"]);
    assert_eq!(back(0, newest, 9, None).await, ["5", "4", "3", "2", "1"]);
    assert_eq!(back(cursors[0], cursors[2], 9, None).await, ["3", "2"]);
    let sims = [RouteId::new("sim1")];
    assert_eq!(back(0, newest, 1, Some(&sims)).await, ["3"]);
    assert!(back(newest, newest, 9, None).await.is_empty());
}

#[tokio::test]
async fn a_look_says_how_far_it_came_whether_or_not_anything_fits() {
    let bench = Bench::new();
    for (at, sim) in [(1, "sim1"), (2, "sim2"), (3, "sim2")] {
        receive(&bench, sim, &at.to_string(), None, at).await;
    }
    let newest = *bench.store.arrivals().borrow();
    let look = |limit, backward| Look {
        upto: i64::MAX,
        limit,
        backward,
        sims: Some(vec![RouteId::new("sim1")]),
        ..Look::default()
    };
    let seen = bench.store.look(&look(9, false)).await.expect("read");
    assert_eq!(
        (seen.found.len(), seen.looked, seen.last, seen.more),
        (1, 3, Some(newest), false)
    );
    let seen = bench.store.look(&look(1, false)).await.expect("read");
    assert_eq!(
        (seen.looked, seen.last, seen.more),
        (1, Some(newest - 2), true),
        "it has enough"
    );
    let seen = bench.store.look(&look(9, true)).await.expect("read");
    assert_eq!((seen.looked, seen.last, seen.more), (3, Some(newest - 2), false));
}

#[tokio::test]
async fn what_nobody_can_read_is_kept_raw_and_shown() {
    let bench = Bench::new();
    let mut broken = payload("\u{1}\u{2}", part(1, 2));
    broken.kind = InboundKind::Undecodable;
    let got = receive_as(&bench, "sim1", "\u{1}\u{2}", broken, 1)
        .await
        .completed
        .expect("shown");
    assert_eq!(got.kind, InboundKind::Undecodable);
    assert_eq!(got.data_hex.as_deref(), Some("0102"));
}

#[tokio::test]
async fn a_concatenation_that_makes_no_sense_is_a_message_of_its_own() {
    let bench = Bench::new();
    for (sequence, total) in [(0, 2), (3, 2), (1, 1), (1, 0)] {
        let text = format!("{sequence} of {total}");
        assert!(
            receive(&bench, "sim1", &text, part(sequence, total), 1)
                .await
                .completed
                .is_some()
        );
    }
}

#[tokio::test]
async fn a_joiner_that_panics_costs_neither_the_message_nor_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let panics: store::Joiner = Arc::new(|_| panic!("a bug in the joiner"));
    let (store, _) = Store::open(folder.path(), &Config::default(), panics).expect("opens");
    for text in ["A", "B"] {
        let got = store
            .receive(
                &RouteId::new("sim1"),
                raw(text.as_bytes()),
                payload(text, None),
                Reception::default(),
                t(1),
            )
            .await
            .expect("kept")
            .into_inner();
        assert_eq!(got.completed.expect("shown").kind, InboundKind::Undecodable);
    }
}

#[tokio::test]
async fn two_hundred_and_fifty_five_parts_make_one_message() {
    let bench = Bench::new();
    let mut last = None;
    for sequence in (1..=255).rev() {
        last = receive(&bench, "sim1", &format!("[{sequence}]"), part(sequence, 255), 1)
            .await
            .completed;
    }
    let whole = last.expect("complete");
    assert!(whole.text.starts_with("[1][2]") && whole.text.ends_with("[255]"));
}
