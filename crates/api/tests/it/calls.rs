//! What the methods answer.

use std::time::{Duration, Instant};

use api::Scope;
use serde_json::{Value, json};

use crate::house::{House, bound, post, read, soon, token};

#[tokio::test]
async fn ping_needs_nothing_over_either_http_version() {
    let house = House::new(&[]).await;
    let second = house.call(None, "ping", json!({})).await;
    assert_eq!(
        (second.result(), second.version),
        (&json!("pong"), reqwest::Version::HTTP_2)
    );
    let client = house.builder().http1_only().build().unwrap();
    let body = r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#;
    for url in [house.url(), house.url().replace("/rpc", "/")] {
        let first = post(&client, &url, None, body.into()).await;
        assert_eq!(
            (first.result(), first.version),
            (&json!("pong"), reqwest::Version::HTTP_11)
        );
        assert_eq!(first.body["id"], "a");
    }
}

#[tokio::test]
async fn a_message_is_sent_followed_listed_and_taken_back() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let sent = house
        .call(Some(&ops), "sms.send", json!({"to": "+491711234567", "text": "Grüße"}))
        .await;
    let sent = sent.result();
    assert_eq!(
        (&sent["parts"], &sent["alphabet"], &sent["state"]),
        (&json!(1), &json!("gsm7"), &json!("queued"))
    );
    let one = json!({"id": sent["id"]});
    let status = house.call(Some(&ops), "sms.status", one.clone()).await;
    assert_eq!(status.result()["text"], "Grüße");
    assert_eq!(status.result()["token"], "ops");
    let list = house.call(Some(&ops), "sms.list", json!({"state": "queued"})).await;
    assert_eq!(list.result()[0]["id"], sent["id"]);
    let cancelled = house.call(Some(&ops), "sms.cancel", one.clone()).await;
    assert_eq!(cancelled.result()["state"], "cancelled");
    let again = house.call(Some(&ops), "sms.cancel", one.clone()).await;
    assert_eq!(again.error(), (200, 2008, None));
    let resolve = house
        .call(
            Some(&ops),
            "sms.resolve",
            json!({"id": sent["id"], "resolution": "resend"}),
        )
        .await;
    assert_eq!(resolve.error(), (200, 2008, None));
}

#[tokio::test]
async fn a_repeated_key_sends_once() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let params = json!({"to": "+491711234567", "text": "once", "idempotency_key": "k"});
    let first = house.call(Some(&ops), "sms.send", params.clone()).await;
    let second = house.call(Some(&ops), "sms.send", params).await;
    assert_eq!(first.result()["id"], second.result()["id"]);
    assert_eq!(second.result()["repeated"], true);
}

#[tokio::test]
async fn every_wrong_request_gets_its_own_clear_error() {
    let ops = token("ops", &[Scope::Send, Scope::Fetch]);
    let house = House::new(&[&ops]).await;
    let long = "x".repeat(40_000);
    let unknown = json!({"id": "019aa5a8-7c00-7000-8000-000000000001"});
    for (method, params, code, field) in [
        ("sms.send", json!({"to": "+49x", "text": "a"}), 2002, Some("to")),
        ("sms.send", json!({"to": "", "text": "a"}), 2002, Some("to")),
        ("sms.send", json!({"to": "0171123456", "text": "a"}), 2002, Some("to")),
        (
            "sms.send",
            json!({"to": "+491711234567", "text": ""}),
            2003,
            Some("text"),
        ),
        (
            "sms.send",
            json!({"to": "+491711234567", "text": long}),
            2003,
            Some("text"),
        ),
        ("sms.send", json!({"to": 7, "text": "a"}), -32602, Some("to")),
        ("sms.send", json!({"text": "a"}), -32602, Some("to")),
        (
            "sms.send",
            json!({"to": "+491711234567", "text": "a", "colour": 1}),
            -32602,
            Some("colour"),
        ),
        (
            "sms.send",
            json!({"to": "+491711234567", "text": "a", "priority": 9}),
            2001,
            Some("priority"),
        ),
        (
            "sms.send",
            json!({"to": "+491711234567", "text": "a", "from": "nowhere"}),
            2001,
            Some("from"),
        ),
        ("sms.send", json!(["+491711234567", "a"]), -32602, None),
        ("sms.status", unknown.clone(), 2004, None),
        ("sms.cancel", unknown, 2004, None),
        ("sms.status", json!({"id": "17"}), -32602, Some("id")),
        ("sms.list", json!({"state": "lost"}), -32602, Some("state")),
        ("sms.fetch", json!({"after": -1}), -32602, Some("after")),
        (
            "sms.fetch",
            json!({"after": 9_223_372_036_854_775_808_u64}),
            -32602,
            Some("after"),
        ),
        ("sms.fetch", json!({"newest": 20}), -32602, Some("newest")),
        ("sms.fetch", json!({"wait_s": 61}), 2001, Some("wait_s")),
        ("sms.fetch", json!({"text_matches": "("}), 2001, Some("text_matches")),
        ("sms.fetch", json!({"sim": "nowhere"}), 2004, Some("sim")),
        ("sms.preview", json!({"text": ""}), 2003, Some("text")),
        ("sms.nothing", json!({}), -32601, None),
        ("sms.subscribe", json!({}), 1012, None),
    ] {
        let answer = house.call(Some(&ops), method, params.clone()).await;
        assert_eq!(answer.error(), (200, code, field), "{method} {params}: {}", answer.body);
        assert_eq!(answer.body["id"], 1);
    }
}

#[tokio::test]
async fn what_is_no_call_says_why() {
    let house = House::new(&[]).await;
    let url = house.url();
    for (body, status, code) in [
        ("", 400, -32700),
        ("{", 400, -32700),
        ("7", 400, -32600),
        (r#"{"id":1,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","method":"ping"}"#, 400, -32600),
        ("[]", 400, -32600),
    ] {
        let answer = post(&house.client(), &url, None, body.into()).await;
        assert_eq!(answer.error(), (status, code, None), "{body}: {}", answer.body);
    }
    let get = read(house.client().get(&url).send().await.unwrap()).await;
    assert_eq!(
        (get.error(), get.headers["allow"].as_bytes()),
        ((405, 1013, None), b"POST".as_slice())
    );
    let form = house
        .client()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("<x/>");
    assert_eq!(read(form.send().await.unwrap()).await.error(), (415, 1009, None));
    let lost = house.client().post(url.replace("/rpc", "/nowhere")).body("");
    assert_eq!(read(lost.send().await.unwrap()).await.error(), (404, 1014, None));
}

#[tokio::test]
async fn a_batch_is_answered_call_by_call() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::with(&[&ops], |config| {
        config.limits.batch = 40;
        config.limits.streams = 5;
    })
    .await;
    let call =
        |id: u32, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let mut calls: Vec<_> = (0..36)
        .map(|id| call(id, "sms.send", json!({"to": "+491711234567", "text": format!("{id}")})))
        .collect();
    calls.push(call(36, "health", json!({})));
    calls.push(call(37, "sms.subscribe", json!({})));
    calls.push(json!({"jsonrpc": "2.0", "method": "ping"}));
    calls.push(json!("rubbish"));
    let answer = house.post(Some(&ops), &json!(calls)).await;
    assert_eq!(answer.status, 200);
    let answers = answer.body.as_array().unwrap();
    assert_eq!(answers.len(), 40);
    assert!((0..36).all(|id| answers[id]["id"] == id && answers[id]["result"]["state"] == "queued"));
    let codes: Vec<_> = answers[36..]
        .iter()
        .map(|answer| answer["error"]["code"].as_i64().unwrap())
        .collect();
    assert_eq!(codes, [1003, -32600, -32600, -32600]);

    calls.push(call(41, "ping", json!({})));
    let answer = house.post(Some(&ops), &json!(calls)).await;
    assert_eq!(answer.error(), (413, 1007, None));
}

#[tokio::test]
async fn an_id_is_a_text_or_any_number() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let ask = async |id: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
        post(&house.client(), &house.url(), Some(ops.plain()), body).await
    };
    for id in [
        "0",
        "-1",
        "-9223372036854775808",
        "18446744073709551615",
        "1.5",
        "null",
        r#""a""#,
        r#""-1""#,
    ] {
        let answer = ask(id).await;
        assert_eq!(answer.result(), "pong");
        assert_eq!(answer.body["id"].to_string(), id);
    }
    for id in ["{}", "[]", "true"] {
        let answer = ask(id).await;
        assert_eq!(answer.error(), (400, -32600, None), "{id}");
        let sentence = answer.body["error"]["message"].as_str().unwrap();
        assert!(sentence.contains("is a text or a number, not"), "{sentence}");
    }
    let batch = json!([
        {"jsonrpc": "2.0", "id": -5, "method": "ping"},
        {"jsonrpc": "2.0", "id": -6, "method": "sms.preview", "params": {}},
        {"jsonrpc": "2.0", "id": {}, "method": "ping"},
    ]);
    let answer = house.post(Some(&ops), &batch).await;
    assert_eq!(answer.body[0], json!({"jsonrpc": "2.0", "id": -5, "result": "pong"}));
    assert_eq!(
        (&answer.body[1]["id"], &answer.body[1]["error"]["code"]),
        (&json!(-6), &json!(-32602))
    );
    assert_eq!(answer.body[2]["error"]["code"], -32600);
}

#[tokio::test]
async fn a_list_is_asked_for_numbers_only() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let sent = house
        .call(Some(&ops), "sms.send", json!({"to": "+49 171 1234567", "text": "a"}))
        .await;
    assert_eq!(sent.result()["state"], "queued");
    let listed = house
        .call(Some(&ops), "sms.list", json!({"to": "+49171-1234567"}))
        .await;
    assert_eq!(listed.result().as_array().unwrap().len(), 1);
    let wrong = house.call(Some(&ops), "sms.list", json!({"to": "abc"})).await;
    assert_eq!(wrong.error(), (200, 2002, Some("to")));
}

#[tokio::test]
async fn a_preview_and_a_route_are_explained() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let preview = house.call(Some(&ops), "sms.preview", json!({"text": "Hello 👋"})).await;
    assert_eq!(preview.result()["alphabet"], "ucs2");
    assert!(preview.result()["why"].as_str().unwrap().contains('👋'));
    let route = house
        .call(Some(&ops), "route.explain", json!({"to": "+491711234567"}))
        .await;
    assert_eq!(route.result()["to"], "+491711234567");
    assert_eq!(route.result()["routes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn health_and_counts_are_told() {
    let watcher = token("watcher", &[Scope::Health, Scope::Stats]);
    let house = House::new(&[&watcher]).await;
    let health = house.call(Some(&watcher), "health", json!({})).await;
    assert!(health.result()["findings"].is_array() && health.result()["level"].is_string());
    let stats = house.call(Some(&watcher), "stats", json!({})).await;
    assert_eq!(stats.result()["totals"]["accepted"], 0);
    assert!(
        house
            .call(Some(&watcher), "modems.list", json!({}))
            .await
            .result()
            .is_array()
    );
    let healthz = house
        .client()
        .get(house.url().replace("/rpc", "/healthz"))
        .send()
        .await
        .unwrap();
    assert!(read(healthz).await.body["level"].is_string());
}

#[tokio::test]
async fn received_messages_are_read_by_cursor_and_pattern() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    house.receive("sim1", "+491701111111", "hello").await;
    house.receive("sim2", "+491702222222", "your code is 123456").await;
    let all = house.call(Some(&reader), "sms.fetch", json!({})).await;
    let texts: Vec<_> = all.result()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["text"])
        .collect();
    assert_eq!(texts, ["hello", "your code is 123456"]);
    let page = house.call(Some(&reader), "sms.fetch", json!({"limit": 1})).await;
    let next = house
        .call(Some(&reader), "sms.fetch", json!({"after": page.result()["next"]}))
        .await;
    assert_eq!(next.result()["messages"].as_array().unwrap().len(), 1);
    let code = json!({"text_matches": "code is [0-9]{6}", "from_matches": "^\\+491702"});
    let code = house.call(Some(&reader), "sms.fetch", code).await;
    assert_eq!(code.result()["messages"][0]["from"], "+491702222222");
    let none = house
        .call(Some(&reader), "sms.fetch", json!({"after": all.result()["next"]}))
        .await;
    assert_eq!(
        (&none.result()["messages"], &none.result()["next"]),
        (&json!([]), &all.result()["next"])
    );
}

#[tokio::test]
async fn the_newest_messages_come_in_order_and_reading_on_shows_only_later_ones() {
    let (reader, bound) = (
        token("reader", &[Scope::Fetch]),
        bound("bound", &[Scope::Fetch], "sim1"),
    );
    let house = House::new(&[&reader, &bound]).await;
    let nothing = house.call(Some(&reader), "sms.fetch", json!({"newest": true})).await;
    assert_eq!(nothing.result(), &json!({"messages": [], "next": 0}));
    for n in 0..210 {
        let text = if n == 1 { "the code".into() } else { format!("text {n}") };
        house.receive(["sim1", "sim2"][n % 2], "+491701111111", &text).await;
    }
    let fetch = async |token, params| {
        let answer = house.call(Some(token), "sms.fetch", params).await;
        let page = answer.result();
        let messages = page["messages"].as_array().unwrap();
        let texts: Vec<_> = messages
            .iter()
            .map(|one| one["text"].as_str().unwrap().to_owned())
            .collect();
        (texts, page["next"].as_i64().unwrap())
    };
    let (texts, next) = fetch(&reader, json!({"newest": true, "limit": 3})).await;
    assert_eq!(texts, ["text 207", "text 208", "text 209"]);
    let (code, fives) = ("code", "[05]$");
    for (token, params, expected) in [
        (
            &bound,
            json!({"newest": true, "limit": 2}),
            &["text 206", "text 208"][..],
        ),
        // Far back, and nothing after it fits.
        (&reader, json!({"newest": true, "text_matches": code}), &["the code"]),
        (
            &reader,
            json!({"newest": true, "limit": 2, "text_matches": fives}),
            &["text 200", "text 205"],
        ),
        (&reader, json!({"newest": true, "after": next - 1}), &["text 209"]),
        (&reader, json!({"newest": true, "after": next}), &[]),
    ] {
        let (texts, after) = fetch(token, params.clone()).await;
        assert_eq!(
            (&texts.iter().map(String::as_str).collect::<Vec<_>>()[..], after),
            (expected, next),
            "{params}"
        );
    }
    house.receive("sim2", "+491701111111", "later").await;
    assert_eq!(fetch(&reader, json!({"after": next})).await.0, ["later"]);
}

#[tokio::test]
async fn a_newest_fetch_waits_where_nothing_is_there() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    house.receive("sim1", "+491701111111", "old").await;
    let params = json!({"newest": true, "text_matches": "new", "wait_s": 30});
    let waiting = house.call(Some(&reader), "sms.fetch", params);
    let arriving = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        house.receive("sim1", "+491701111111", "new").await;
    };
    let (page, ()) = tokio::join!(waiting, arriving);
    assert_eq!(page.result()["messages"][0]["text"], "new");
}

#[tokio::test]
async fn a_waiting_fetch_is_answered_when_a_message_comes() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let client = house.client();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "sms.fetch", "params": {"wait_s": 60}}).to_string();
    let (url, plain) = (house.url(), reader.plain().to_owned());
    let waiting = tokio::spawn(async move { post(&client, &url, Some(&plain), call).await });
    // Long enough for the call to wait; shorter would only make the test easier.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    house.receive("sim1", "+491701111111", "at last").await;
    let answer = soon("the message", waiting).await.unwrap();
    assert_eq!(answer.result()["messages"][0]["text"], "at last");
    let start = Instant::now();
    let params = json!({"after": answer.result()["next"], "wait_s": 1});
    let empty = house.call(Some(&reader), "sms.fetch", params).await;
    assert_eq!(empty.result()["messages"], json!([]));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_token_sees_what_is_its_own() {
    let (one, other) = (token("one", &[Scope::Send]), token("other", &[Scope::Send]));
    let reader = bound("reader", &[Scope::Fetch, Scope::Health], "sim1");
    let admin = token("admin", &[Scope::Admin]);
    let house = House::new(&[&one, &other, &reader, &admin]).await;
    let sent = house
        .call(Some(&one), "sms.send", json!({"to": "+491711234567", "text": "mine"}))
        .await;
    let id = json!({"id": sent.result()["id"]});
    assert_eq!(
        house.call(Some(&other), "sms.status", id.clone()).await.error(),
        (200, 2004, None)
    );
    assert_eq!(
        house.call(Some(&other), "sms.cancel", id.clone()).await.error(),
        (200, 2004, None)
    );
    assert_eq!(
        house.call(Some(&other), "sms.list", json!({})).await.result(),
        &json!([])
    );
    assert_eq!(
        house.call(Some(&admin), "sms.status", id).await.result()["text"],
        "mine"
    );
    assert_eq!(
        house.call(Some(&admin), "sms.list", json!({})).await.result()[0]["token"],
        "one"
    );

    house.receive("sim1", "+491701111111", "for sim1").await;
    house.receive("sim2", "+491701111111", "for sim2").await;
    let read = house.call(Some(&reader), "sms.fetch", json!({})).await;
    assert_eq!(read.result()["messages"].as_array().unwrap().len(), 1);
    assert_eq!(read.result()["messages"][0]["text"], "for sim1");
    let all = house.call(Some(&admin), "sms.fetch", json!({})).await;
    assert_eq!(all.result()["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_operator_erases_a_number() {
    let admin = token("admin", &[Scope::Admin]);
    let house = House::new(&[&admin]).await;
    house.receive("sim1", "+491701111111", "forget me").await;
    let erased = house
        .call(Some(&admin), "numbers.erase", json!({"number": "+491701111111"}))
        .await;
    assert_eq!(erased.result(), &json!({"erased": 1}));
    let read = house.call(Some(&admin), "sms.fetch", json!({})).await;
    assert_eq!(read.result()["messages"], json!([]));
    let unlock = house.call(Some(&admin), "sim.unlock", json!({"sim": "nowhere"})).await;
    assert_eq!(unlock.error(), (200, 2004, Some("sim")));
}
