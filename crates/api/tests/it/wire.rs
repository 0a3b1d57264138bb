//! A WebSocket is read as HTTP is, message by message and frame by frame.

use std::time::Duration;

use api::Scope;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::house::{House, post, soon, token};
use crate::sockets::Socket;

impl Socket {
    async fn send(&mut self, message: Message) {
        soon("room to write", self.0.send(message)).await.unwrap();
    }

    /// The next message, whatever it is.
    async fn next(&mut self) -> Option<Message> {
        soon("anything", self.0.next()).await?.ok()
    }

    /// The answer to a message, letter by letter.
    async fn ask(&mut self, text: &str) -> String {
        self.send(Message::text(text)).await;
        match self.next().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// The status code of the gateway's last word.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.next().await.expect("its last word") {
                Message::Close(Some(word)) => return word.code.into(),
                Message::Close(None) => panic!("no status code"),
                _ => {}
            }
        }
    }
}

fn fragment(text: &str, kind: Data, last: bool) -> Message {
    Message::Frame(Frame::message(text.to_owned(), OpCode::Data(kind), last))
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const PONG: &str = r#"{"jsonrpc":"2.0","id":1,"result":"pong"}"#;

#[tokio::test]
async fn every_error_is_the_same_over_http_and_over_a_websocket() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::with(&[&ops], |config| {
        config.limits.body_bytes = 5_000;
        config.limits.batch = 3;
        config.limits.response_bytes = 65_536;
    })
    .await;
    let mut socket = Socket::with(&house, &ops).await;
    let call =
        |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","id":"x","method":"{method}","params":{params}}}"#);
    let ping = call("ping", "{}");
    for (asked, number, reason) in [
        ("garbage".to_owned(), -32700, "parse"),
        (String::new(), -32700, "parse"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping""#.to_owned(), -32700, "parse"),
        ("[{]".to_owned(), -32700, "parse"),
        ("7".to_owned(), -32600, "request"),
        (r#"{"id":7,"method":"ping"}"#.to_owned(), -32600, "request"),
        (r#"{"jsonrpc":"2.0","id":-7}"#.to_owned(), -32600, "request"),
        (
            r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#.to_owned(),
            -32600,
            "request",
        ),
        (r#"{"jsonrpc":"2.0","method":"ping"}"#.to_owned(), -32600, "request"),
        ("[]".to_owned(), -32600, "request"),
        (format!("[{ping},{ping},{ping},{ping}]"), 1007, "batch_too_large"),
        (call("sms.nothing", "{}"), -32601, "method"),
        (call("sms.send", "[1]"), -32602, "params"),
        (call("sms.send", r#"{"text":"a"}"#), -32602, "params"),
        (call("sms.send", r#"{"to":5,"text":"a"}"#), -32602, "params"),
        (call("sms.send", r#"{"to":"+49x","text":"a"}"#), 2002, "number"),
        (call("health", "{}"), 1003, "scope"),
        (call("rpc.discover", "{}"), 1015, "response_too_large"),
        // Last: with this one the WebSocket ends.
        (" ".repeat(5_001), 1006, "body_too_large"),
    ] {
        let over_http = post(&house.client(), &house.url(), Some(ops.plain()), asked.clone())
            .await
            .body;
        let over_socket: Value = serde_json::from_str(&socket.ask(&asked).await).unwrap();
        let shown = asked.trim();
        assert_eq!(over_socket, over_http, "{shown}");
        let error = &over_socket["error"];
        assert_eq!(
            (&error["code"], &error["data"]["reason"]),
            (&json!(number), &json!(reason)),
            "{shown}: {error}"
        );
        assert!(error["data"]["retryable"].is_boolean(), "{shown}: {error}");
    }
    assert_eq!(socket.closed().await, 1009);
}

#[tokio::test]
async fn an_id_comes_back_as_it_was_written_from_calls_batches_and_subscriptions() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let mut socket = Socket::with(&house, &reader).await;
    for id in ["-1", "1.50", "1e3", "18446744073709551616", "null", r#""a\u00e9""#] {
        let with_id = |text: &str| text.replace(r#""id":1,"#, &format!(r#""id":{id},"#));
        assert_eq!(socket.ask(&with_id(PING)).await, with_id(PONG));
        let subscribe = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"sms.subscribe"}}"#);
        let answer = socket.ask(&subscribe).await;
        let begins = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":""#);
        assert!(answer.starts_with(&begins), "{answer}");
    }
    let batch = format!(
        r#"[{PING}, {{"jsonrpc":"2.0","id":-2.5,"method":"sms.subscribe"}}, {{"jsonrpc":"2.0","method":"ping"}}]"#
    );
    let answers: Value = serde_json::from_str(&socket.ask(&batch).await).unwrap();
    assert_eq!(answers[0], serde_json::from_str::<Value>(PONG).unwrap());
    assert_eq!(
        (&answers[1]["id"], &answers[1]["error"]["code"]),
        (&json!(-2.5), &json!(-32600))
    );
    assert_eq!(
        (&answers[2]["id"], &answers[2]["error"]["code"]),
        (&json!(null), &json!(-32600))
    );
}

#[tokio::test]
async fn fragments_pings_and_binary_frames_are_understood() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let mut socket = Socket::with(&house, &reader).await;
    let (one, rest) = PING.split_at(7);
    let (two, three) = rest.split_at(9);
    socket.send(fragment(one, Data::Text, false)).await;
    socket.send(Message::Ping("there?".into())).await;
    assert_eq!(socket.next().await, Some(Message::Pong("there?".into())));
    socket.send(fragment(two, Data::Continue, false)).await;
    socket.send(Message::Pong("unasked".into())).await;
    socket.send(fragment(three, Data::Continue, true)).await;
    assert_eq!(socket.next().await, Some(Message::text(PONG)));
    socket.send(Message::binary(PING)).await;
    assert_eq!(socket.next().await, Some(Message::text(PONG)), "answers are text");

    socket.send(Message::Close(None)).await;
    assert!(matches!(socket.next().await, Some(Message::Close(_)) | None));
    let mut wrong = Socket::with(&house, &reader).await;
    wrong.send(fragment(PING, Data::Continue, true)).await;
    assert_eq!(wrong.closed().await, 1002);
    let mut unmasked = Socket::with(&house, &reader).await;
    unmasked.0.get_mut().write_all(b"\x81\x02[]").await.unwrap();
    unmasked.0.get_mut().write_all(&[0; 8]).await.unwrap();
    assert_eq!(unmasked.closed().await, 1002);
}

#[tokio::test]
async fn who_is_not_welcome_any_more_is_told_so() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let mut socket = Socket::with(&house, &reader).await;
    socket.say(1, "sms.fetch", json!({"wait_s": 60})).await;
    let mut config = house.config.clone();
    config.tokens.clear();
    house.handle.reload(&config).await.unwrap();
    assert_eq!(socket.closed().await, 1008);
}

#[tokio::test]
async fn a_stop_answers_who_waits_and_closes_every_websocket() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let (mut waiting, mut listening, mut idle) = (
        Socket::with(&house, &reader).await,
        Socket::with(&house, &reader).await,
        Socket::with(&house, &reader).await,
    );
    listening.call("sms.subscribe", json!({})).await;
    waiting.say(5, "sms.fetch", json!({"after": 7, "wait_s": 60})).await;
    // Calls begin in the order they came, so that the one before has begun when this one is answered.
    waiting.say(6, "ping", json!({})).await;
    assert_eq!(waiting.hear().await["id"], 6);
    soon("the end", house.stop()).await;
    let answer = waiting.hear().await;
    assert_eq!(
        (&answer["id"], &answer["result"]),
        (&json!(5), &json!({"messages": [], "next": 7}))
    );
    for socket in [&mut waiting, &mut listening, &mut idle] {
        assert_eq!(socket.closed().await, 1001);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_for_and_then_dropped() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::with(&[&reader], |config| {
        config.limits.stall_s = 2;
        config.limits.connections = 1;
    })
    .await;
    let mut socket = Socket::with(&house, &reader).await;
    socket.call("sms.subscribe", json!({})).await;
    // Long answers to long calls, so that the buffers of the system are soon full.
    let asked = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"rpc.discover"{}}}"#,
        " ".repeat(500_000)
    );
    let mut taken = 0;
    let flood = async {
        while socket.0.send(Message::text(asked.as_str())).await.is_ok() {
            taken += 1;
        }
    };
    soon("the end of the flood", flood).await;
    // As many as may be in work, as many as wait in the queue, and what the system keeps in between.
    assert!(taken < 400, "{taken} calls were read for a client that took no answer");
    drop(socket);
    let free = async {
        while house.client().get(house.url()).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("the free place", free).await;
}

#[tokio::test]
async fn subscriptions_end_one_by_one_and_free_their_places() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::with(&[&reader], |config| config.limits.subscriptions = 2).await;
    let mut socket = Socket::with(&house, &reader).await;
    let first = socket.call("sms.subscribe", json!({})).await["result"].clone();
    let second = socket.call("sms.subscribe", json!({"from_matches": "^BANK"})).await["result"].clone();
    assert_eq!(socket.call("sms.subscribe", json!({})).await["error"]["code"], 1016);
    house.receive("sim1", "+491701111111", "for the first").await;
    let notice = socket.hear().await;
    assert_eq!(notice["params"]["subscription"], first);
    let members: Vec<_> = notice.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["jsonrpc", "method", "params"]);
    let ended = socket.call("sms.unsubscribe", json!({"subscription": first})).await;
    assert_eq!(ended["result"], true);
    house.receive("sim1", "+491701111111", "for nobody").await;
    // One that is refused takes no place.
    assert_eq!(
        socket.call("sms.subscribe", json!({"sim": "nowhere"})).await["error"]["code"],
        2004
    );
    let third = socket.call("sms.subscribe", json!({})).await["result"].clone();
    house.receive("sim1", "BANK", "for both").await;
    let mut heard = [socket.hear().await, socket.hear().await].map(|notice| notice["params"]["subscription"].clone());
    if heard[0] == third {
        heard.reverse();
    }
    assert_eq!(heard, [second, third]);
    let wrong = socket.call("sms.unsubscribe", json!([1])).await;
    assert_eq!(wrong["error"]["code"], -32602);
}
