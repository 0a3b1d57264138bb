//! Who is let in, and for how long.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Scope;
use serde_json::json;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::house::{House, post, soon, token};

#[tokio::test]
async fn without_a_right_token_there_is_only_ping() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let send = json!({"jsonrpc": "2.0", "id": 5, "method": "sms.send", "params": {"to": "+491711234567", "text": "a"}});
    let none = house.post(None, &send).await;
    assert_eq!((none.error(), &none.body["id"]), ((401, 1001, None), &json!(5)));
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    let secret = ops.plain().split_once('.').unwrap().1;
    for wrong in [
        "ops.wrong",
        "ops",
        "",
        &format!("other.{secret}"),
        secret,
        &format!("{}x", ops.plain()),
        &"x".repeat(2000),
    ] {
        let answer = post(&house.client(), &house.url(), Some(wrong), send.to_string()).await;
        assert_eq!(answer.error(), (401, 1002, None), "{wrong}");
        assert!(!answer.body.to_string().contains(secret));
    }
    assert_eq!(house.post(Some(&ops), &send).await.result()["state"], "queued");
}

#[tokio::test]
async fn a_ping_is_answered_whatever_token_comes_with_it_and_tells_nothing_of_it() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::with(&[&ops], |config| config.failures_per_minute = 1).await;
    let (client, url) = (house.client(), house.url());
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    for _ in 0..20 {
        for shown in ["ops.wrong", "garbage", "", ops.plain()] {
            let answer = post(&client, &url, Some(shown), ping.to_string()).await;
            assert_eq!(answer.result(), "pong", "{shown}");
        }
    }
    // None of them was counted, and none of those that count is forgotten.
    let preview = json!({"jsonrpc": "2.0", "id": 1, "method": "sms.preview", "params": {"text": "a"}}).to_string();
    let guess = async || post(&client, &url, Some("ops.wrong"), preview.clone()).await.error().1;
    assert_eq!(guess().await, 1002);
    soon("the lockout", async { while guess().await == 1002 {} }).await;
    assert_eq!(guess().await, 1005);
    let answer = post(&client, &url, Some("ops.wrong"), ping.to_string()).await;
    assert_eq!(answer.result(), "pong", "locked out, but open is open");
    // With others beside it, or with a long body, the token counts.
    let long = json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "x".repeat(5000)}});
    for more in [json!([ping]), json!([ping, ping]), long] {
        let answer = post(&client, &url, Some("ops.wrong"), more.to_string()).await;
        assert_eq!(answer.error().1, 1005, "{more}");
    }
}

#[tokio::test]
async fn every_method_asks_for_its_scope() {
    let scopes = [
        Scope::Send,
        Scope::Fetch,
        Scope::Ussd,
        Scope::Health,
        Scope::Stats,
        Scope::Attendance,
        Scope::Alert,
    ];
    let tokens = scopes.map(|scope| token(scope.word(), &[scope]));
    let house = House::new(&tokens.each_ref()).await;
    for (method, needs) in [
        ("sms.send", Some(Scope::Send)),
        ("sms.status", Some(Scope::Send)),
        ("sms.cancel", Some(Scope::Send)),
        ("sms.resolve", Some(Scope::Send)),
        ("sms.list", Some(Scope::Send)),
        ("sms.preview", Some(Scope::Send)),
        ("route.explain", Some(Scope::Send)),
        ("sms.fetch", Some(Scope::Fetch)),
        ("ussd.start", Some(Scope::Ussd)),
        ("ussd.reply", Some(Scope::Ussd)),
        ("ussd.cancel", Some(Scope::Ussd)),
        ("health", Some(Scope::Health)),
        ("modems.list", Some(Scope::Health)),
        ("stats", Some(Scope::Stats)),
        ("attendance.list", Some(Scope::Attendance)),
        ("attendance.show", Some(Scope::Attendance)),
        ("attendance.history", Some(Scope::Attendance)),
        ("attendance.who", Some(Scope::Attendance)),
        ("attendance.devices", Some(Scope::Attendance)),
        ("alert.list", Some(Scope::Alert)),
        ("alert.ack", Some(Scope::Alert)),
        ("alert.test", Some(Scope::Alert)),
        ("alert.raise", Some(Scope::Alert)),
        ("attendance.reload", None),
        ("sim.unlock", None),
        ("numbers.erase", None),
    ] {
        for (token, scope) in tokens.iter().zip(scopes) {
            let answer = house.call(Some(token), method, json!({"nonsense": 1})).await;
            let expected = if needs == Some(scope) {
                (200, -32602, Some("nonsense"))
            } else {
                (403, 1003, None)
            };
            assert_eq!(answer.error(), expected, "{method} with {scope}");
        }
    }
    assert!(house.call(Some(&tokens[0]), "rpc.discover", json!({})).await.result()["methods"].is_array());
    assert_eq!(
        house.call(None, "rpc.discover", json!({})).await.error(),
        (401, 1001, None)
    );
}

#[tokio::test]
async fn a_token_is_bound_to_its_prefixes() {
    let mut german = token("german", &[Scope::Send]);
    german.entry.prefixes = vec!["+49".into()];
    let house = House::new(&[&german]).await;
    let abroad = house
        .call(Some(&german), "sms.send", json!({"to": "+4366412345678", "text": "a"}))
        .await;
    assert_eq!(abroad.error(), (200, 2005, Some("to")));
    assert!(
        house
            .call(Some(&german), "sms.send", json!({"to": "+491711234567", "text": "a"}))
            .await
            .result()
            .is_object()
    );
}

#[tokio::test]
async fn a_token_is_held_to_its_rate_and_told_when_to_come_back() {
    let mut slow = token("slow", &[Scope::Send]);
    slow.entry.per_minute = Some(3);
    let house = House::new(&[&slow]).await;
    let preview = json!({"text": "a"});
    for _ in 0..3 {
        house.call(Some(&slow), "sms.preview", preview.clone()).await.result();
    }
    let answer = house.call(Some(&slow), "sms.preview", preview).await;
    assert_eq!(answer.error(), (429, 1004, None));
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((2..=21).contains(&wait), "{wait}");
}

#[tokio::test]
async fn an_address_that_guesses_is_locked_out() {
    let (ops, late) = (token("ops", &[Scope::Send]), token("late", &[Scope::Send]));
    let house = House::with(&[&ops, &late], |config| config.failures_per_minute = 3).await;
    let preview = json!({"jsonrpc": "2.0", "id": 1, "method": "sms.preview", "params": {"text": "a"}}).to_string();
    let as_token = async |token: &str| post(&house.client(), &house.url(), Some(token), preview.clone()).await;
    as_token(ops.plain()).await.result();
    for _ in 0..4 {
        assert_eq!(as_token("ops.guess").await.error(), (401, 1002, None));
    }
    let out = as_token("ops.guess").await;
    assert_eq!(out.error(), (429, 1005, None));
    assert!(out.headers.contains_key("retry-after"));
    assert_eq!(
        as_token(late.plain()).await.error(),
        (429, 1005, None),
        "no new token from there"
    );
    as_token(ops.plain()).await.result();
}

#[tokio::test]
async fn a_reload_takes_tokens_away_and_brings_others() {
    let (old, new) = (token("old", &[Scope::Send]), token("new", &[Scope::Send]));
    let house = House::new(&[&old]).await;
    let preview = json!({"text": "a"});
    house.call(Some(&old), "sms.preview", preview.clone()).await.result();
    assert_eq!(
        house.call(Some(&new), "sms.preview", preview.clone()).await.error(),
        (401, 1002, None)
    );
    let mut config = house.config.clone();
    config.tokens = vec![new.entry.clone()];
    house.handle.reload(&config).await.unwrap();
    assert_eq!(
        house.call(Some(&old), "sms.preview", preview.clone()).await.error(),
        (401, 1002, None)
    );
    house.call(Some(&new), "sms.preview", preview.clone()).await.result();

    config.tokens[0].scopes.clear();
    let error = house.handle.reload(&config).await.unwrap_err().to_string();
    assert!(
        error.starts_with("[api] tokens[0].scopes = []: at least one of"),
        "{error}"
    );
    house.call(Some(&new), "sms.preview", preview).await.result();
}

async fn leaf(house: &House) -> CertificateDer<'static> {
    let stream = house.tls(&["http/1.1"]).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_without_a_restart() {
    let house = House::with(&[], |config| config.certificate_check_s = 1).await;
    let before = leaf(&house).await;
    house.replace_certificate();
    let renewed = async {
        loop {
            // Between the change and the look the old one is shown, which the new file does not vouch for.
            let trial = house.client().get(house.url()).send().await;
            if trial.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("the new certificate", renewed).await;
    assert_ne!(leaf(&house).await, before);

    house.replace_certificate();
    house.handle.reload(&house.config).await.unwrap();
    leaf(&house).await;
}

#[tokio::test]
async fn health_tells_of_a_certificate_that_could_not_be_taken_up_until_one_is() {
    let ops = token("ops", &[Scope::Health]);
    let house = House::with(&[&ops], |config| config.certificate_check_s = 0).await;
    let client = house.client();
    let health = async || {
        let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "health", "params": {}}).to_string();
        let answer = post(&client, &house.url(), Some(ops.plain()), ask).await;
        let findings = answer.result()["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["subject"] == "certificate")
    };
    assert_eq!(health().await, None);
    let good = std::fs::read(&house.config.certificate).unwrap();
    std::fs::write(&house.config.certificate, "rubbish").unwrap();
    house.handle.reload(&house.config).await.unwrap_err();
    let finding = health().await.expect("a finding");
    assert_eq!(finding["level"], "WARNING");
    assert!(
        finding["sentence"].as_str().unwrap().contains("the old one stays"),
        "{finding}"
    );
    std::fs::write(&house.config.certificate, good).unwrap();
    house.handle.reload(&house.config).await.unwrap();
    assert_eq!(health().await, None);
}

#[tokio::test]
async fn a_revoked_token_waits_for_nothing_any_more() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let fetch = json!({"jsonrpc": "2.0", "id": 1, "method": "sms.fetch", "params": {"wait_s": 60}}).to_string();
    let (client, url, plain) = (house.client(), house.url(), reader.plain().to_owned());
    let waiting = tokio::spawn(async move { post(&client, &url, Some(&plain), fetch).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut config = house.config.clone();
    config.tokens.clear();
    house.handle.reload(&config).await.unwrap();
    let answer = soon("the refusal", waiting).await.unwrap();
    assert_eq!(answer.error(), (401, 1002, None));
}

/// Everything that was logged at `debug` and above, by us and by all libraries.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_and_no_text_is_ever_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    // With one alone in the process, `tracing` asks whatever thread comes by first whether a line is wanted, and keeps the
    // answer: the tests beside this one want none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let ops = token("ops", &[Scope::Send]);
    let house = House::new(&[&ops]).await;
    let text = "a very private text";
    house
        .call(Some(&ops), "sms.send", json!({"to": "+491711234567", "text": text}))
        .await
        .result();
    house
        .call(Some(&ops), "sms.send", json!({"to": "+49x", "text": text}))
        .await
        .error();
    house.call(Some(&ops), "health", json!({"text": text})).await.error();
    let guess = "ops.guess-that-nobody-should-see";
    let one = house.builder().http1_only().build().unwrap();
    for client in [one, house.client()] {
        for shown in [guess, ops.plain(), "a-secret-without-id"] {
            post(&client, &house.url(), Some(shown), "{}".into()).await;
        }
    }
    for shown in [guess, ops.plain(), "a-secret-without-id"] {
        let texts = format!("<param><value>{text}</value></param>").repeat(4);
        let call = format!(
            "<methodCall><methodName>send_sms</methodName><params><param><value>{shown}</value></param>{texts}</params>\
             </methodCall>"
        );
        for broken in [&call[..], &call[..call.len() - 5], "<methodCall>a-secret-without-id"] {
            let request = house.client().post(house.url()).header("content-type", "text/xml");
            request.body(broken.to_owned()).send().await.unwrap();
        }
    }
    house.handle.reload(&house.config).await.unwrap();
    house.stop().await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("wrong token"), "{logged}");
    let secret = ops.plain().split_once('.').unwrap().1;
    for private in [
        secret,
        ops.entry.hash.as_str(),
        text,
        "guess-that",
        "a-secret-without-id",
    ] {
        assert!(!logged.contains(private), "{private} stands in the log");
    }
}

#[tokio::test]
async fn old_tls_is_refused() {
    let house = House::new(&[]).await;
    // A ClientHello that offers TLS 1.1 (RFC 4346) at most.
    let mut hello = vec![0x16, 0x03, 0x01, 0x00, 0x2d, 0x01, 0x00, 0x00, 0x29, 0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0x00, 0x00, 0x02, 0x00, 0x2f, 0x01, 0x00]);
    let mut socket = house.tcp().await;
    tokio::io::AsyncWriteExt::write_all(&mut socket, &hello).await.unwrap();
    let mut answer = Vec::new();
    let _ = soon(
        "the refusal",
        tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer),
    )
    .await;
    assert_eq!(answer.first(), Some(&0x15), "an alert: {answer:02x?}");
}
