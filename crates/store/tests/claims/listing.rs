//! Lists of outgoing messages.

use message::{MessageId, MessageState, TokenId};
use store::NewMessage;

use crate::common::{Bench, message, number, t};

#[tokio::test]
async fn a_token_sees_its_own_messages_newest_first() {
    let bench = Bench::new();
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(bench.part(message(1)).await.message);
    }
    let other = NewMessage {
        token: None,
        to: number("+4930123456"),
        ..message(1)
    };
    let other = bench.part(other).await.message;
    let list = |query, token: Option<&'static str>| {
        let store = bench.store.clone();
        async move {
            let views = store.list(query, token.map(TokenId::new).as_ref()).await.expect("read");
            views.messages.into_iter().map(|view| view.id).collect::<Vec<_>>()
        }
    };
    let all = message::ListQuery::default;
    own.reverse();
    assert_eq!(list(all(), Some("shop")).await, own);
    assert_eq!(list(all(), None).await.len(), 4);
    assert_eq!(list(all(), Some("nobody")).await, []);
    let mut query = all();
    query.before = Some(own[0]);
    query.limit = Some(1);
    assert_eq!(list(query, Some("shop")).await, [own[1]]);
    let mut query = all();
    query.to = Some("+4930123456".to_owned());
    assert_eq!(list(query, None).await, [other]);
    bench.send(store_key(&bench, own[2]).await, "sim1", t(1), 1).await;
    let mut query = all();
    query.state = Some(MessageState::Sent);
    assert_eq!(list(query, None).await, [own[2]]);
    assert_eq!(
        bench.store.owner(own[0]).await.expect("read").expect("known").token,
        Some(TokenId::new("shop"))
    );
    assert_eq!(bench.store.owner(MessageId::fresh()).await.expect("read"), None);
}

#[tokio::test]
async fn a_list_finds_what_lies_thousands_of_messages_back() {
    let bench = Bench::new();
    let first = bench.part(message(1)).await;
    bench.send(first.key, "sim1", t(1), 1).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4100 {
        let store = bench.store.clone();
        tasks.spawn(async move { store.accept(message(1)).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|kept| kept));
    let query = message::ListQuery {
        state: Some(MessageState::Sent),
        ..Default::default()
    };
    let found = bench.store.list(query, None).await.expect("read");
    assert_eq!(
        found.messages.iter().map(|view| view.id).collect::<Vec<_>>(),
        [first.message]
    );
    assert_eq!(found.stopped, None);
}

#[tokio::test]
async fn a_search_among_many_ends_and_says_where_it_goes_on() {
    let bench = Bench::new();
    let oldest = bench.part(message(1)).await;
    bench.send(oldest.key, "sim1", t(1), 1).await;
    bench.part(message(1)).await;
    bench.store.close().await;
    fill(&bench, 200_000);
    let bench = Bench::at(bench.folder, bench.config);
    let mut query = message::ListQuery {
        state: Some(MessageState::Sent),
        ..Default::default()
    };
    let first = bench.store.list(query.clone(), None).await.expect("read");
    assert_eq!(first.messages, []);
    assert!(first.stopped.is_some());
    query.before = first.stopped;
    let second = bench.store.list(query, None).await.expect("read");
    let found: Vec<_> = second.messages.iter().map(|view| view.id).collect();
    assert_eq!((found, second.stopped), (vec![oldest.message], None));
}

async fn store_key(bench: &Bench, id: MessageId) -> store::PartKey {
    let due = bench.store.due(t(0), 100).await.expect("read");
    due.iter().find(|part| part.message == id).expect("waits").key
}

/// Puts copies of the second message behind it.
fn fill(bench: &Bench, count: u32) {
    let conn = rusqlite::Connection::open(bench.folder.path().join("simrelay.db")).expect("opens");
    let sql = format!(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO message (row, id, token, origin, strict, priority, report, alphabet, on_uncertain, parts, accepted_at,
            expires_at, recipient, text)
         SELECT row + i, randomblob(16), token, origin, strict, priority, report, alphabet, on_uncertain, parts, accepted_at,
            expires_at, recipient, text FROM n, (SELECT * FROM message ORDER BY row DESC LIMIT 1);
         INSERT INTO part (key, state, token, origin, attempts, maybe_twice)
         SELECT row << 8 | 1, 0, token, origin, 0, 0 FROM message
         WHERE NOT EXISTS (SELECT 1 FROM part WHERE key = row << 8 | 1);
         COMMIT;"
    );
    conn.execute_batch(&sql).expect("filled");
}
