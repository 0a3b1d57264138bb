//! What one client may take, and who is closed for being slow.

use std::process::Command;
use std::time::{Duration, Instant};

use api::{Config, Scope};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::house::{House, post, soon, token};

fn impatient(config: &mut Config) {
    config.limits.handshake_s = 1;
    config.limits.header_s = 1;
    config.limits.body_s = 1;
    config.limits.idle_s = 2;
    config.limits.stall_s = 1;
}

/// Waits until the other side closes; what it sent before.
async fn closed(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut said = Vec::new();
    let _ = soon("the end of the connection", stream.read_to_end(&mut said)).await;
    said
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_closed() {
    let house = House::with(&[], impatient).await;
    let start = Instant::now();
    assert_eq!(closed(house.tcp().await).await, b"");
    assert!(start.elapsed() >= Duration::from_millis(900));
    let mut socket = house.tcp().await;
    socket.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    assert_eq!(closed(socket).await, b"");
}

#[tokio::test]
async fn a_client_that_is_silent_after_the_handshake_is_closed() {
    let house = House::with(&[], impatient).await;
    for alpn in [&[] as &[&str], &["http/1.1"], &["h2"]] {
        let start = Instant::now();
        closed(house.tls(alpn).await).await;
        assert!(start.elapsed() >= Duration::from_millis(900), "{alpn:?}");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
    let house = House::with(&[], impatient).await;
    let mut stream = house.tls(&["http/1.1"]).await;
    let dripping = async {
        for byte in b"POST /rpc HTTP/1.1\r\nhost: localhost\r\nx-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            .iter()
            .cycle()
        {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("the end of the connection", dripping).await;
}

#[tokio::test]
async fn a_body_that_drips_is_told_so() {
    let house = House::with(&[], impatient).await;
    let mut stream = house.tls(&["http/1.1"]).await;
    let head =
        "POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = String::from_utf8(closed(stream).await).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("1008"), "{said}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::with(&[&reader], impatient).await;
    let mut stream = house.tls(&["http/1.1"]).await;
    let ping = ask("ping", "{}", None);
    for _ in 0..2 {
        stream.write_all(ping.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.contains("pong"));
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    let fetch = ask("sms.fetch", r#"{"wait_s": 4}"#, Some(reader.plain()));
    stream.write_all(fetch.as_bytes()).await.unwrap();
    assert!(
        answer(&mut stream).await.contains("\"next\":0"),
        "a long poll may outlast the idle limit"
    );
    let start = Instant::now();
    assert_eq!(closed(stream).await, b"");
    assert!(start.elapsed() >= Duration::from_millis(1900));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::with(&[&ops], impatient).await;
    let mut stream = house.tls(&["http/1.1"]).await;
    let discover = ask("rpc.discover", "{}", Some(ops.plain()));
    let shouting = async { while stream.write_all(discover.as_bytes()).await.is_ok() {} };
    soon("the end of the connection", shouting).await;
}

/// Many clients write all of a body before they read an answer.
#[tokio::test]
async fn whoever_writes_all_before_reading_learns_why_it_was_refused() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::with(&[&ops], |config| config.limits.body_bytes = 10_000).await;
    let body = vec![b' '; 3 << 20];
    let bearer = format!("authorization: Bearer {}\r\n", ops.plain());
    for (header, kind, status) in [
        (bearer.as_str(), "application/json", 413),
        ("authorization: Bearer ops.wrong\r\n", "application/json", 401),
        ("", "text/plain", 415),
    ] {
        let head = format!(
            "POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n{header}content-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = house.tls(&["http/1.1"]).await;
        let sent = async {
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
        };
        soon("all of it taken", sent).await;
        let said = soon("an answer", answer(&mut stream)).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{kind}: {said}");
    }
    let mut asking = house.tls(&["http/1.1"]).await;
    let head = "POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                expect: 100-continue\r\ncontent-length: 5000000\r\n\r\n";
    asking.write_all(head.as_bytes()).await.unwrap();
    let start = Instant::now();
    let said = soon("an answer", answer(&mut asking)).await;
    assert!(
        said.starts_with("HTTP/1.1 413 ") && start.elapsed() < Duration::from_secs(4),
        "{said}"
    );
}

/// Over HTTP/2 an answer before the body's end resets the stream; clients that lose the answer then are served all the
/// same.
#[tokio::test]
async fn an_early_refusal_waits_for_the_body_over_http_2() {
    let house = House::with(&[], |config| config.limits.body_bytes = 10_000).await;
    let url = house.url();
    let body = "x".repeat(4 << 20);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, &body).unwrap();
    let curl = async |options: &[&str], path: &str| {
        let mut command = Command::new("curl");
        command.args([
            "-sk",
            "--http2",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{http_version}",
        ]);
        command.arg("--data-binary").arg(format!("@{}", file.display()));
        command.args(options).arg(url.replace("/rpc", path));
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let ran = ran.expect("curl is there");
        (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    if Command::new("curl").arg("--version").output().is_err() {
        return println!("skipped: curl is not installed");
    }
    let json = ["-H", "Content-Type: application/json"];
    assert_eq!(curl(&json, "/rpc").await, (Some(0), "413 2".into()));
    let put = ["-X", "PUT", json[0], json[1]];
    assert_eq!(curl(&put, "/rpc").await, (Some(0), "405 2".into()));
    assert_eq!(curl(&json, "/other").await, (Some(0), "404 2".into()));
    assert_eq!(
        curl(&["-H", "Content-Type: text/plain"], "/rpc").await,
        (Some(0), "415 2".into())
    );
}

#[tokio::test]
async fn bodies_and_heads_have_their_size() {
    let ops = token("ops", &[Scope::Send]);
    let house = House::with(&[&ops], |config| config.limits.body_bytes = 10_000).await;
    let huge = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#,
        "x".repeat(20_000)
    );
    let announced = post(&house.client(), &house.url(), Some(ops.plain()), huge.clone()).await;
    assert_eq!(announced.error(), (413, 1006, None));
    let version = post(&house.client(), &house.url(), Some(ops.plain()), "{".into())
        .await
        .version;
    assert_eq!(version, reqwest::Version::HTTP_2);
    let less = huge.replace(&"x".repeat(15_000), "");
    let anonymous = post(&house.client(), &house.url(), None, less.clone()).await;
    assert_eq!(anonymous.error(), (413, 1006, None), "nobody needs less");
    let known = post(&house.client(), &house.url(), Some(ops.plain()), less).await;
    assert_eq!(known.error(), (200, -32602, Some("x")));

    let mut stream = house.tls(&["http/1.1"]).await;
    let head =
        "POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let _ = stream.write_all(chunk.repeat(4).as_bytes()).await;
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413 "), "unannounced");

    let mut stream = house.tls(&["http/1.1"]).await;
    let head = format!(
        "POST /rpc HTTP/1.1\r\nhost: localhost\r\nx-filler: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let house = House::with(&[], |config| config.limits.connections_per_address = 2).await;
    let (one, two) = (house.tls(&["http/1.1"]).await, house.tls(&["http/1.1"]).await);
    assert_eq!(closed(house.tcp().await).await, b"");
    drop(one);
    let again = async {
        loop {
            let mut socket = house.tcp().await;
            let mut byte = [0];
            let waited = tokio::time::timeout(Duration::from_millis(300), socket.read(&mut byte)).await;
            if waited.is_err() {
                return;
            }
        }
    };
    soon("a free place", again).await;
    drop(two);
}

#[tokio::test]
async fn waiting_calls_take_no_place_of_others_and_have_their_own_bound() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::with(&[&reader], |config| {
        config.limits.calls = 1;
        config.limits.waits_per_token = 2;
    })
    .await;
    let (client, url) = (house.client(), house.url());
    let fetch = json!({"jsonrpc": "2.0", "id": 1, "method": "sms.fetch", "params": {"wait_s": 60}}).to_string();
    // Whoever is refused for want of a place tries again, so both wait in the end.
    let wait = || {
        let (client, url, plain, fetch) = (client.clone(), url.clone(), reader.plain().to_owned(), fetch.clone());
        tokio::spawn(async move {
            loop {
                let answer = post(&client, &url, Some(&plain), fetch.clone()).await;
                if answer.status == 200 {
                    return answer;
                }
            }
        })
    };
    let (one, two) = (wait(), wait());
    let third = async {
        loop {
            let trial = json!({"jsonrpc": "2.0", "id": 1, "method": "sms.fetch", "params": {"wait_s": 1}}).to_string();
            let answer = post(&client, &url, Some(reader.plain()), trial).await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let refused = soon("a refusal", third).await;
    assert_eq!(refused.error(), (429, 1011, None));
    house.call(None, "ping", json!({})).await.result();
    house.call(Some(&reader), "sms.fetch", json!({})).await.result();
    house.receive("sim1", "+491701111111", "for both").await;
    for waiting in [one, two] {
        let answer = soon("the message", waiting).await.unwrap();
        assert_eq!(answer.result()["messages"][0]["text"], "for both");
    }
}

/// A call in HTTP/1.1, ready to be written.
fn ask(method: &str, params: &str, token: Option<&str>) -> String {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let authorization = token
        .map(|token| format!("authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    format!(
        "POST /rpc HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One answer: its head, and as much of its body as it announces.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut said = Vec::new();
    let reading = async {
        loop {
            let text = String::from_utf8_lossy(&said).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    return;
                }
            }
            let Ok(byte) = stream.read_u8().await else { return };
            said.push(byte);
        }
    };
    soon("an answer", reading).await;
    String::from_utf8(said).unwrap()
}
