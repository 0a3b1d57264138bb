//! WebSockets and subscriptions.

use std::time::{Duration, Instant};

use api::{Scope, Token};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::house::{House, bound, soon, token};

pub(crate) struct Socket(pub(crate) WebSocketStream<TlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(house: &House, token: Option<&str>) -> Result<Self, tungstenite::Error> {
        let mut request = "wss://localhost/rpc".into_client_request().unwrap();
        if let Some(token) = token {
            request
                .headers_mut()
                .insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let stream = house.tls(&["http/1.1"]).await;
        client_async(request, stream).await.map(|(socket, _)| Self(socket))
    }

    pub(crate) async fn with(house: &House, token: &Token) -> Self {
        Self::open(house, Some(token.plain())).await.unwrap()
    }

    pub(crate) async fn say(&mut self, id: u32, method: &str, params: Value) {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.0.send(Message::text(call.to_string())).await.unwrap();
    }

    /// The next message, if there is one more.
    async fn heard(&mut self) -> Option<Value> {
        loop {
            match soon("a message or the end", self.0.next()).await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn hear(&mut self) -> Value {
        self.heard().await.expect("a message")
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.say(1, method, params).await;
        self.hear().await
    }
}

#[tokio::test]
async fn a_websocket_wants_a_token_at_once() {
    let house = House::new(&[]).await;
    for wrong in [None, Some("ops.guess")] {
        let Err(tungstenite::Error::Http(response)) = Socket::open(&house, wrong).await.map(drop) else {
            panic!("open")
        };
        assert_eq!(response.status(), 401);
    }
}

#[tokio::test]
async fn calls_work_over_a_websocket() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let mut socket = Socket::with(&house, &ops).await;
    assert_eq!(socket.call("ping", json!({})).await["result"], "pong");
    let sent = socket
        .call("sms.send", json!({"to": "+491711234567", "text": "a"}))
        .await;
    assert_eq!(sent["result"]["state"], "queued");
    let wrong = socket.call("sms.send", json!({"to": "+49x", "text": "a"})).await;
    assert_eq!(
        (&wrong["error"]["code"], &wrong["error"]["data"]["field"]),
        (&json!(2002), &json!("to"))
    );
    let scope = socket.call("sms.subscribe", json!({})).await;
    assert_eq!(scope["error"]["code"], 1003);
    socket.0.send(Message::text("rubbish")).await.unwrap();
    assert_eq!(socket.hear().await["error"]["code"], -32700);
    let batch = json!([{"jsonrpc": "2.0", "id": 7, "method": "ping"}]);
    socket.0.send(Message::text(batch.to_string())).await.unwrap();
    assert_eq!(socket.hear().await[0]["id"], 7);
}

#[tokio::test]
async fn messages_stream_in_order_from_a_cursor_until_unsubscribed() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    house.receive("sim1", "+491701111111", "old").await;
    let mut socket = Socket::with(&house, &reader).await;
    let fresh = socket.call("sms.subscribe", json!({})).await["result"].clone();
    assert!(fresh.is_string(), "{fresh}");
    house.receive("sim1", "+491701111111", "new").await;
    let notice = socket.hear().await;
    assert_eq!(
        (&notice["method"], &notice["params"]["subscription"]),
        (&json!("sms.message"), &fresh)
    );
    assert_eq!(notice["params"]["result"]["text"], "new");
    assert_eq!(
        socket.call("sms.unsubscribe", json!({"subscription": fresh})).await["result"],
        true
    );
    assert_eq!(
        socket.call("sms.unsubscribe", json!({"subscription": fresh})).await["result"],
        false
    );

    let all = socket.call("sms.subscribe", json!({"after": 0})).await["result"].clone();
    let texts = [socket.hear().await, socket.hear().await].map(|notice| notice["params"]["result"]["text"].clone());
    assert_eq!(texts, ["old", "new"]);
    for count in 0..50 {
        house.receive("sim2", "+491701111111", &count.to_string()).await;
    }
    for count in 0..50 {
        let notice = socket.hear().await;
        assert_eq!(notice["params"]["subscription"], all);
        assert_eq!(notice["params"]["result"]["text"], count.to_string());
    }
}

#[tokio::test]
async fn a_subscription_shows_only_the_token_s_sims_and_refuses_wrong_wishes() {
    let reader = bound("reader", &[Scope::Fetch], "sim1");
    let house = House::new(&[&reader]).await;
    let mut socket = Socket::with(&house, &reader).await;
    for (wish, code) in [
        (json!({"sim": "nowhere"}), 2004),
        (json!({"text_matches": "("}), 2001),
        (json!({"wait_s": 1}), -32602),
        (json!({"after": -1}), -32602),
    ] {
        let refused = socket.call("sms.subscribe", wish).await;
        assert_eq!(refused["error"]["code"], code, "{refused}");
        assert!(refused["error"]["data"]["reason"].is_string());
    }
    socket.call("sms.subscribe", json!({})).await;
    house.receive("sim2", "+491701111111", "not yours").await;
    house.receive("sim1", "+491701111111", "yours").await;
    assert_eq!(socket.hear().await["params"]["result"]["text"], "yours");
}

#[tokio::test]
async fn a_revoked_token_closes_its_websockets() {
    let (old, other) = (token("old", &[Scope::Fetch]), token("other", &[Scope::Fetch]));
    let house = House::new(&[&old, &other]).await;
    let mut revoked = Socket::with(&house, &old).await;
    let mut kept = Socket::with(&house, &other).await;
    revoked.call("sms.subscribe", json!({})).await;
    let mut config = house.config.clone();
    config.tokens.remove(0);
    house.handle.reload(&config).await.unwrap();
    assert_eq!(revoked.heard().await, None, "closed by itself");
    assert_eq!(kept.call("ping", json!({})).await["result"], "pong");

    config.tokens[0].scopes = vec![Scope::Send];
    house.handle.reload(&config).await.unwrap();
    assert_eq!(kept.heard().await, None, "other rights are another token");
}

#[tokio::test]
async fn too_much_at_once_is_refused_on_a_websocket() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::with(&[&reader], |config| {
        config.limits.streams = 3;
        config.limits.subscriptions = 1;
        config.limits.body_bytes = 2_000;
    })
    .await;
    let mut long = Socket::with(&house, &reader).await;
    long.0.send(Message::text("x".repeat(3_000))).await.unwrap();
    assert_eq!(long.hear().await["error"]["code"], 1006);
    let mut socket = Socket::with(&house, &reader).await;
    socket.call("sms.subscribe", json!({})).await;
    let refused = socket.call("sms.subscribe", json!({})).await;
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["data"]),
        (&json!(1016), &json!({"reason": "subscriptions", "retryable": false}))
    );
    for id in 10..14 {
        socket.say(id, "sms.fetch", json!({"wait_s": 60})).await;
    }
    let refused = socket.hear().await;
    assert_eq!(refused["error"]["code"], 1010, "{refused}");
    house.receive("sim1", "+491701111111", "for all").await;
    let mut answered = 0;
    while answered < 3 {
        answered += u32::from(socket.hear().await["result"]["messages"][0]["text"] == "for all");
    }
}

#[tokio::test]
async fn a_websocket_that_shows_no_sign_of_life_is_closed() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::with(&[&reader], |config| {
        config.limits.idle_s = 2;
        config.limits.connections = 1;
    })
    .await;
    let mut silent = Socket::with(&house, &reader).await;
    let start = Instant::now();
    // A client that reads answers pings and stays.
    let quiet = tokio::time::timeout(Duration::from_secs(5), silent.0.next()).await;
    assert!(matches!(quiet, Err(_) | Ok(Some(Ok(Message::Ping(_))))), "{quiet:?}");
    while start.elapsed() < Duration::from_secs(5) {
        let _ = tokio::time::timeout(Duration::from_secs(1), silent.0.next()).await;
    }
    assert_eq!(silent.call("ping", json!({})).await["result"], "pong");
    // One that does not read does not, and loses its place.
    let gone = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if house.client().get(house.url()).send().await.is_ok() {
                return;
            }
        }
    };
    soon("the free place", gone).await;
    assert_eq!(silent.heard().await, None);
}
