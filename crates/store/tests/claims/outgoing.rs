//! Accepting, queueing, attempting, settling.

use std::collections::HashSet;

use jiff::SignedDuration;
use message::{Alphabet, Cause, MessageId, MessageState, Number, PartState, Priority, RouteId, TokenId};
use store::{
    AcceptError, Attempt, CancelError, Config, MoveError, NewMessage, Policies, Progress, QueueOf, ReplaceError,
    Settle, Settled,
};

use crate::common::{Bench, failure, message, sent, t};

#[tokio::test]
async fn an_accepted_message_is_due_at_once_and_looks_the_same_read_back() {
    let bench = Bench::new();
    let mut new = message(2);
    new.from = Some(RouteId::new("sim1"));
    new.strict = true;
    let accepted = bench.accept(new).await;
    assert_eq!(accepted.accepted.parts, 2);
    assert_eq!(accepted.accepted.state, MessageState::Queued);
    assert_eq!(bench.store.due(t(0), 10).await.expect("read"), accepted.due);
}

#[tokio::test]
async fn urgent_messages_go_first_and_equal_ones_in_the_order_of_acceptance() {
    let bench = Bench::new();
    let mut order = Vec::new();
    for priority in [1, 0, 3, 1, 2] {
        let new = NewMessage {
            priority: Priority(priority),
            ..message(1)
        };
        order.push((priority, bench.part(new).await.key));
    }
    order.sort_by_key(|(priority, key)| (std::cmp::Reverse(*priority), *key));
    let due: Vec<_> = bench.store.due(t(0), 10).await.expect("read");
    assert_eq!(
        due.iter().map(|part| part.key).collect::<Vec<_>>(),
        order.iter().map(|(_, key)| *key).collect::<Vec<_>>()
    );
    assert_eq!(bench.store.due(t(0), 2).await.expect("read").len(), 2);
}

#[tokio::test]
async fn the_queue_is_read_page_by_page_without_gap_or_repetition() {
    let bench = Bench::new();
    for priority in [1, 0, 3, 1, 2, 1, 0] {
        let new = NewMessage {
            priority: Priority(priority),
            ..message(1)
        };
        bench.part(new).await;
    }
    let whole = bench.store.due(t(0), 10).await.expect("read");
    let mut pages = bench.store.due(t(0), 2).await.expect("read");
    while let Some(last) = pages.last() {
        let after = (last.priority, last.key);
        let page = bench.store.due_after(after, 2).await.expect("read");
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }
    assert_eq!(pages, whole);
}

#[tokio::test]
async fn a_scheduled_message_waits_for_its_time() {
    let bench = Bench::new();
    let new = NewMessage {
        send_at: Some(t(60)),
        priority: Priority::ALARM,
        ..message(1)
    };
    let early = bench.part(message(1)).await;
    let later = bench.part(new).await;
    assert_eq!(bench.store.due(t(59), 10).await.expect("read").len(), 1);
    assert_eq!(bench.store.next_due(t(0)).await.expect("read"), Some(t(60)));
    let due = bench.store.due(t(60), 10).await.expect("read");
    assert_eq!(
        due.iter().map(|part| part.key).collect::<Vec<_>>(),
        [later.key, early.key]
    );
    let ticked = bench
        .store
        .tick(t(60), &Policies::default())
        .await
        .expect("kept")
        .into_inner();
    assert_eq!(ticked.woken, 1);
    assert_eq!(bench.store.due(t(60), 10).await.expect("read")[0].key, later.key);
    bench.sound().await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_the_first_message() {
    let bench = Bench::new();
    let keyed = |text: &str| NewMessage {
        idempotency_key: Some("order-7".to_owned()),
        text: text.to_owned(),
        ..message(1)
    };
    let first = bench.accept(keyed("Hello")).await;
    let again = bench.accept(keyed("Hello")).await;
    assert_eq!(again.accepted.id, first.accepted.id);
    assert!(again.accepted.repeated);
    assert!(again.due.is_empty());
    assert_eq!(bench.store.accept(keyed("Goodbye")).await, Err(AcceptError::KeyReused));
    let other = NewMessage {
        token: Some(TokenId::new("bank")),
        ..keyed("Goodbye")
    };
    assert!(!bench.accept(other).await.accepted.repeated);
    let bench = bench.reopened().await;
    assert_eq!(bench.accept(keyed("Hello")).await.accepted.id, first.accepted.id);
    assert_eq!(bench.store.totals().await.expect("read").accepted, 2);
}

#[tokio::test]
async fn a_hundred_callers_at_once_with_one_key_make_one_message() {
    let bench = Bench::new();
    let mut calls = Vec::new();
    for _ in 0..100 {
        let store = bench.store.clone();
        let new = NewMessage {
            idempotency_key: Some("k".to_owned()),
            ..message(1)
        };
        calls.push(tokio::spawn(async move { store.accept(new).await }));
    }
    let mut ids = HashSet::new();
    for call in calls {
        ids.insert(call.await.expect("ran").expect("accepted").get().accepted.id);
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(bench.store.due(t(0), 1000).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_more_when_something_went_out() {
    let bench = Bench::with(Config {
        queue_limit_token: 3,
        queue_limit_route: 1,
        ..Config::default()
    });
    let first = bench.accept(message(2)).await;
    bench.accept(message(1)).await;
    let full = AcceptError::QueueFull {
        which: QueueOf::Token(TokenId::new("shop")),
        limit: 3,
    };
    assert_eq!(bench.store.accept(message(1)).await, Err(full.clone()));
    bench.send(first.due[0].key, "sim1", t(1), 1).await;
    bench.accept(message(1)).await;
    assert_eq!(bench.store.accept(message(1)).await, Err(full));

    let named = || NewMessage {
        from: Some(RouteId::new("sim9")),
        token: None,
        ..message(1)
    };
    bench.accept(named()).await;
    let refused = bench.store.accept(named()).await.expect_err("full");
    assert!(matches!(
        refused,
        AcceptError::QueueFull {
            which: QueueOf::Route(_),
            limit: 1
        }
    ));
    let bench = bench.reopened().await;
    assert!(bench.store.accept(named()).await.is_err(), "limits outlive a restart");
}

#[tokio::test]
async fn a_message_without_parts_is_refused() {
    let bench = Bench::new();
    let new = NewMessage {
        parts: Vec::new(),
        ..message(1)
    };
    assert_eq!(bench.store.accept(new).await, Err(AcceptError::Parts(0)));
}

#[tokio::test]
async fn one_step_settles_a_part_and_begins_the_next() {
    let bench = Bench::new();
    let accepted = bench.accept(message(2)).await;
    let [one, two] = [accepted.due[0].key, accepted.due[1].key];
    assert_eq!(
        bench.attempt(one, "sim1", t(1)).await.map(|begun| begun.attempts),
        Some(1)
    );
    let step = Progress {
        settle: Some(Settle {
            key: one,
            route: RouteId::new("sim1"),
            at: t(2),
            result: sent(77),
            journal: None,
        }),
        attempt: Some(Attempt {
            ahead: false,
            key: two,
            route: RouteId::new("sim1"),
            at: t(2),
            tpdu: Some(vec![1, 2, 3]),
        }),
    };
    assert!(bench.store.progress(step).await.expect("kept").get().is_some());
    let view = bench
        .store
        .status(accepted.accepted.id)
        .await
        .expect("read")
        .expect("known");
    assert_eq!(view.state, MessageState::Sending);
    assert_eq!(view.parts[0].state, PartState::Sent);
    assert_eq!(view.parts[0].reference, Some(77));
    assert_eq!(view.parts[0].sent_at, Some(t(2)));
    assert_eq!(view.parts[1].state, PartState::Attempting);
    let open = bench.store.attempting_on(&RouteId::new("sim1")).await.expect("read");
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].key, open[0].tpdu.as_slice()), (two, [1, 2, 3].as_slice()));
    bench.sound().await;
}

#[tokio::test]
async fn a_part_that_does_not_wait_is_not_attempted() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.store.cancel(part.message, t(1)).await.expect("cancelled");
    assert_eq!(bench.attempt(part.key, "sim1", t(2)).await, None);
    assert_eq!(bench.states(part.message).await, [PartState::Cancelled]);
}

#[tokio::test]
async fn a_message_is_cancelled_only_before_the_first_attempt() {
    let bench = Bench::new();
    let part = bench.part(message(2)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    let late = bench.store.cancel(part.message, t(2)).await;
    assert_eq!(
        late,
        Err(CancelError::TooLate {
            state: MessageState::Sending
        })
    );
    assert_eq!(
        bench.store.cancel(MessageId::fresh(), t(2)).await,
        Err(CancelError::Unknown)
    );
}

#[tokio::test]
async fn a_message_that_waits_is_replaced_under_its_id_and_no_old_part_goes_out() {
    let bench = Bench::new();
    let old = bench.part(message(2)).await;
    let other = NewMessage {
        id: old.message,
        text: "other words".into(),
        parts: vec![vec![9]],
        ..message(1)
    };
    let kept = bench.store.replace(other.clone()).await.expect("kept").into_inner();
    assert_eq!(
        bench.attempt(old.key, "sim1", t(1)).await,
        None,
        "what was held of it is void"
    );
    let view = bench.store.status(old.message).await.expect("read").expect("known");
    assert_eq!((view.parts.len(), view.text.as_deref()), (1, Some("other words")));
    assert_eq!(kept.due[0].tpdu, [9]);
    let due = bench.store.due(t(1), 10).await.expect("read");
    assert_eq!((due.len(), due[0].key), (1, kept.due[0].key));
    assert!(bench.attempt(kept.due[0].key, "sim1", t(2)).await.is_some());
    let late = bench.store.replace(other.clone()).await;
    assert!(matches!(late, Err(ReplaceError::Old(CancelError::TooLate { .. }))));
    let unknown = NewMessage {
        id: MessageId::fresh(),
        ..other
    };
    let unknown = bench.store.replace(unknown).await;
    assert!(matches!(unknown, Err(ReplaceError::Old(CancelError::Unknown))));
    bench.sound().await;
}

#[tokio::test]
async fn a_replacement_takes_the_places_of_the_old_parts_in_a_full_queue() {
    let bench = Bench::with(Config {
        queue_limit_token: 2,
        ..Config::default()
    });
    let old = bench.accept(message(2)).await.accepted.id;
    let other = |parts| NewMessage {
        id: old,
        ..message(parts)
    };
    bench.store.replace(other(2)).await.expect("as many as before");
    let longer = bench.store.replace(other(3)).await;
    assert!(matches!(
        longer,
        Err(ReplaceError::New(AcceptError::QueueFull { limit: 2, .. }))
    ));
    assert_eq!(bench.states(old).await.len(), 2, "a refusal leaves it as it was");
    assert!(bench.store.accept(message(1)).await.is_err(), "also in the counts");
    bench.store.replace(other(1)).await.expect("fewer");
    bench.accept(message(1)).await;
    assert!(bench.store.accept(message(1)).await.is_err(), "full again");
    bench.sound().await;
}

#[tokio::test]
async fn what_waits_is_found_by_token_and_number_and_taken_back_together() {
    let bench = Bench::new();
    let owner = TokenId::new("smpp.shop");
    let noted = |text: &str| NewMessage {
        token: Some(owner.clone()),
        note: Some(text.to_owned()),
        ..message(1)
    };
    let later = NewMessage {
        send_at: Some(t(1000)),
        ..noted("later")
    };
    let elsewhere = NewMessage {
        to: Number::received("+491700000009"),
        ..noted("elsewhere")
    };
    let first = bench.part(noted("out")).await;
    let mut ids = Vec::new();
    for message in [noted("now"), later, elsewhere, message(1)] {
        ids.push(bench.accept(message).await.accepted.id);
    }
    bench.attempt(first.key, "sim1", t(1)).await;
    let notes =
        |found: Vec<(MessageId, Option<String>)>| Vec::from_iter(found.into_iter().filter_map(|(_, note)| note));
    let all = bench.store.waiting_of(&owner, None).await.expect("read");
    assert_eq!(notes(all), ["now", "later", "elsewhere"]);
    let to = first.to.clone();
    let some = bench.store.waiting_of(&owner, Some(&to)).await.expect("read");
    assert_eq!(notes(some), ["now", "later"]);
    assert_eq!(bench.store.note(ids[1]).await.expect("read").as_deref(), Some("later"));
    let wanted = vec![first.message, ids[0], ids[1]];
    let gone = bench.store.cancel_all(wanted, t(2)).await.expect("kept").into_inner();
    assert_eq!(gone, ids[..2], "not the one that was attempted");
    assert_eq!(bench.states(ids[1]).await, [PartState::Cancelled]);
    bench.sound().await;
}

#[tokio::test]
async fn a_failed_attempt_waits_and_remembers_the_route_and_the_reason() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    let retry = Settled::Retry {
        due_at: t(30),
        failure: failure(),
        exclude_route: Some(RouteId::new("sim1")),
    };
    bench.settle(part.key, "sim1", t(2), retry).await;
    assert!(bench.store.due(t(29), 10).await.expect("read").is_empty());
    let due = bench.store.due(t(30), 10).await.expect("read");
    assert_eq!(due[0].excluded, [RouteId::new("sim1")]);
    assert_eq!(due[0].attempts, 1);
    let view = bench.store.status(part.message).await.expect("read").expect("known");
    assert_eq!(view.parts[0].error.as_deref(), Some("the number is not assigned"));
    assert_eq!(view.parts[0].code.as_deref(), Some("CMS 28"));
    assert_eq!(view.parts[0].due_at, Some(t(30)));
    assert_eq!(bench.store.history(part.message).await.expect("read").len(), 1);
}

#[tokio::test]
async fn waiting_for_a_modem_counts_no_attempt_and_fills_no_history() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    for round in 0..5 {
        bench.attempt(part.key, "sim1", t(round * 10)).await;
        let held = Settled::Held {
            due_at: t(round * 10 + 10),
            cause: None,
            reason: "no network".to_owned(),
        };
        bench.settle(part.key, "sim1", t(round * 10 + 1), held).await;
    }
    let due = bench.store.due(t(100), 10).await.expect("read");
    assert_eq!(due[0].attempts, 0);
    assert_eq!(bench.store.history(part.message).await.expect("read").len(), 1);
}

#[tokio::test]
async fn what_ran_out_of_time_tells_the_last_code_that_the_network_gave() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    for (at, cause) in [(1, Some(Cause::Cms(310))), (3, Some(Cause::Cms(331))), (5, None)] {
        bench.attempt(part.key, "sim1", t(at)).await;
        let held = Settled::Held {
            due_at: t(at + 1),
            cause,
            reason: format!("said at {at}"),
        };
        bench.settle(part.key, "sim1", t(at + 1), held).await;
    }
    let code = async || {
        let view = bench
            .store
            .status(part.message)
            .await
            .expect("read")
            .expect("there is one");
        (view.parts[0].error.clone(), view.parts[0].code.clone())
    };
    assert_eq!(code().await, (Some("said at 5".to_owned()), None), "while it waits");
    let late = message(1).expires_at;
    bench.store.tick(late, &Policies::default()).await.expect("kept");
    assert_eq!(bench.states(part.message).await, [PartState::Expired]);
    assert_eq!(code().await, (Some("said at 3".to_owned()), Some("CMS 331".to_owned())));
}

#[tokio::test]
async fn the_word_of_a_route_that_lost_the_part_is_ignored() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.attempt(part.key, "sim1", t(1)).await;
    bench.settle(part.key, "sim1", t(2), Settled::Requeued).await;
    bench.attempt(part.key, "sim2", t(3)).await;
    bench
        .settle(part.key, "sim1", t(4), Settled::Failed { failure: failure() })
        .await;
    assert_eq!(bench.states(part.message).await, [PartState::Attempting]);
    bench.settle(part.key, "sim2", t(5), sent(1)).await;
    bench
        .settle(part.key, "sim2", t(6), Settled::Failed { failure: failure() })
        .await;
    assert_eq!(bench.states(part.message).await, [PartState::Sent]);
}

#[tokio::test]
async fn parts_that_wait_expire_with_their_message() {
    let bench = Bench::new();
    let new = NewMessage {
        expires_at: t(100),
        ..message(1)
    };
    let waiting = bench.part(new.clone()).await;
    let busy = bench
        .part(NewMessage {
            id: MessageId::fresh(),
            ..new
        })
        .await;
    bench.attempt(busy.key, "sim1", t(90)).await;
    assert_eq!(bench.store.next_due(t(0)).await.expect("read"), Some(t(100)));
    let policies = Policies::default();
    assert!(
        bench
            .store
            .tick(t(99), &policies)
            .await
            .expect("kept")
            .get()
            .expired
            .is_empty()
    );
    let ticked = bench.store.tick(t(100), &policies).await.expect("kept").into_inner();
    assert_eq!(ticked.expired, [waiting.message]);
    assert_eq!(bench.states(waiting.message).await, [PartState::Expired]);
    assert_eq!(
        bench.states(busy.message).await,
        [PartState::Attempting],
        "an exchange is finished"
    );
    bench.settle(busy.key, "sim1", t(101), Settled::Requeued).await;
    assert_eq!(
        bench.states(busy.message).await,
        [PartState::Expired],
        "but not begun again"
    );
    assert!(
        bench
            .store
            .tick(t(102), &policies)
            .await
            .expect("kept")
            .get()
            .expired
            .is_empty()
    );
}

#[tokio::test]
async fn a_thousand_messages_of_one_millisecond_all_expire_in_small_ticks() {
    let bench = Bench::new();
    for _ in 0..50 {
        let new = NewMessage {
            expires_at: t(100),
            ..message(1)
        };
        bench.accept(new).await;
    }
    let mut expired = 0;
    loop {
        let ticked = bench
            .store
            .tick(t(200), &Policies { batch: 7 })
            .await
            .expect("kept")
            .into_inner();
        expired += ticked.expired.len();
        if !ticked.more {
            break;
        }
    }
    assert_eq!(expired, 50);
    assert_eq!(bench.store.queue_facts().await.expect("read").queued, 0);
}

#[tokio::test]
async fn a_clock_that_jumps_back_skips_no_end_of_validity() {
    let bench = Bench::new();
    let policies = Policies::default();
    bench.store.tick(t(1_000_000), &policies).await.expect("kept");
    let part = bench
        .part(NewMessage {
            expires_at: t(100),
            ..message(1)
        })
        .await;
    bench.store.tick(t(50), &policies).await.expect("kept");
    assert_eq!(bench.states(part.message).await, [PartState::Queued]);
    let ticked = bench.store.tick(t(100), &policies).await.expect("kept").into_inner();
    assert_eq!(ticked.expired, [part.message]);
}

#[tokio::test]
async fn a_message_that_leaves_its_sim_goes_out_whole_and_anew() {
    let bench = Bench::new();
    let accepted = bench.accept(message(2)).await;
    let id = accepted.accepted.id;
    bench.send(accepted.due[0].key, "sim1", t(1), 9).await;
    let due = bench.store.due(t(1), 10).await.expect("read");
    assert_eq!(
        due[0].route,
        Some(RouteId::new("sim1")),
        "it stays on its SIM until it is moved"
    );
    let tpdus = vec![vec![1], vec![2], vec![3]];
    let moved = bench
        .store
        .move_message(id, tpdus, Alphabet::Ucs2, Some(RouteId::new("sim1")))
        .await
        .expect("moved")
        .into_inner();
    assert_eq!(moved.len(), 3);
    assert_eq!(moved[0].route, None);
    assert_eq!(moved[0].excluded, [RouteId::new("sim1")]);
    assert_eq!(bench.states(id).await, [PartState::Queued; 3]);
    let view = bench.store.status(id).await.expect("read").expect("a message");
    assert_eq!(view.alphabet, Alphabet::Ucs2, "the alphabet it is in now");
    bench.attempt(moved[0].key, "sim2", t(2)).await;
    let bound = bench.store.move_message(id, vec![vec![1]], Alphabet::Ucs2, None).await;
    assert!(matches!(bound, Err(MoveError::Bound { part: 1, .. })));
    bench.sound().await;
}

#[tokio::test]
async fn a_message_that_is_out_is_not_moved() {
    let bench = Bench::new();
    let part = bench.part(message(1)).await;
    bench.send(part.key, "sim1", t(1), 9).await;
    let moved = bench
        .store
        .move_message(part.message, vec![vec![1]], Alphabet::Ucs2, None)
        .await;
    assert!(matches!(moved, Err(MoveError::Bound { .. })));
}

#[tokio::test]
async fn an_uncounted_clock_never_overflows() {
    let bench = Bench::new();
    let new = NewMessage {
        expires_at: jiff::Timestamp::MAX,
        send_at: Some(jiff::Timestamp::MAX - SignedDuration::from_secs(1)),
        ..message(1)
    };
    let part = bench.part(new).await;
    bench
        .store
        .tick(jiff::Timestamp::MIN, &Policies::default())
        .await
        .expect("kept");
    bench
        .store
        .tick(jiff::Timestamp::MAX, &Policies::default())
        .await
        .expect("kept");
    assert_eq!(bench.states(part.message).await, [PartState::Expired]);
}

#[tokio::test]
async fn messages_that_come_together_share_a_commit_and_a_bad_one_is_bad_alone() {
    let bench = Bench::new();
    let before = bench.store.commits();
    let kept = bench.store.accept_all(vec![message(1), message(2), message(1)]).await;
    let due = kept.iter().map(|one| one.as_ref().expect("kept").get().due.len());
    assert_eq!(due.collect::<Vec<_>>(), [1, 2, 1], "in their order");
    assert_eq!(bench.store.commits(), before + 1);

    let twice = message(1);
    let nothing = NewMessage {
        parts: Vec::new(),
        ..message(1)
    };
    let answers = bench
        .store
        .accept_all(vec![twice.clone(), nothing, twice, message(1)])
        .await;
    assert!(answers[0].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert_eq!(answers[1], Err(AcceptError::Parts(0)));
    assert!(
        matches!(answers[2], Err(AcceptError::Store(_))),
        "its id is taken: {answers:?}"
    );
    assert_eq!(bench.store.due(t(0), 10).await.expect("read").len(), 6);
}
