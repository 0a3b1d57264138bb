//! The HTTP server for alerts.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use consumers::alerts::intake::{Http, HttpConfig, Ports, Token};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::bench::{Bench, LONG, LONG_MS};

async fn listen(bench: &Bench, config: HttpConfig) -> SocketAddr {
    let config = HttpConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..config
    };
    assert_eq!(config.problems(), []);
    let ports = Ports::take(&config.listen).await.unwrap();
    let address = ports.addresses()[0];
    let http = Http::new(ports, &config, None, bench.raiser.clone());
    tokio::spawn(http.serve(std::future::pending()));
    address
}

fn post(address: SocketAddr, path: &str) -> RequestBuilder {
    // Refused where another test did it already.
    let _ = aws_lc_rs::default_provider().install_default();
    Client::new().post(format!("http://{address}{path}"))
}

/// Status and answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = timeout(LONG, request.send()).await.expect("it answers").unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn notice(event: &str, state: &str) -> String {
    format!(
        "<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\
         <macAddress>44:19:b6:00:00:01</macAddress><channelID>1</channelID><eventType>{event}</eventType>\
         <eventState>{state}</eventState><channelName>Gate</channelName></EventNotificationAlert>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_answered_once_its_alerts_are_kept() {
    let bench = Bench::new().await;
    let address = listen(&bench, HttpConfig::default()).await;
    let alerts = [1, 2].map(|n| json!({"status": "firing", "labels": {"alertname": format!("A{n}")}}));
    let (status, body) = answer(post(address, "/alertmanager").json(&json!({ "alerts": alerts }))).await;
    assert_eq!((status, body["alerts"].as_array().map(Vec::len)), (200, Some(2)));
    let kept = bench.alerts(2).await;
    assert_eq!(body["alerts"][1]["id"], kept[1].alert.id.to_string());
    let grafana = json!({"alerts": [{"status": "resolved", "labels": {"alertname": "G"}}]});
    assert_eq!(answer(post(address, "/grafana/").json(&grafana)).await.0, 200);
    let icinga = post(address, "/icinga")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("host=web1&state=DOWN&type=PROBLEM");
    assert_eq!(answer(icinga).await.0, 200);
    assert_eq!(answer(post(address, "/alert").body("{\"event\":\"E\"}")).await.0, 200);
    let kept = bench.alerts(5).await;
    let told: Vec<(&str, bool)> = kept[2..]
        .iter()
        .map(|raised| (raised.alert.event.as_str(), raised.alert.ended))
        .collect();
    assert_eq!(told, [("G", true), ("host", false), ("E", false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_repeats_is_one_alert_until_it_is_over() {
    let bench = Bench::new().await;
    let address = listen(&bench, HttpConfig::default()).await;
    let says = |event: &str, state: &str| answer(post(address, "/hikvision").body(notice(event, state)));
    for (event, state) in [
        ("videoloss", "inactive"),
        ("VMD", "active"),
        ("VMD", "active"),
        ("linedetection", "active"),
        ("VMD", "inactive"),
        ("VMD", "inactive"),
        ("videoloss", "inactive"),
        ("VMD", "active"),
    ] {
        assert_eq!(says(event, state).await.0, 200, "{event} {state}");
    }
    let kept = bench.alerts(4).await;
    let told: Vec<(&str, bool)> = kept
        .iter()
        .map(|raised| (raised.alert.event.as_str(), raised.alert.ended))
        .collect();
    assert_eq!(
        told,
        [("VMD", false), ("linedetection", false), ("VMD", true), ("VMD", false)]
    );
    assert_eq!(kept[0].alert.key, kept[2].alert.key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_wanted_where_a_path_is_not_open() {
    let bench = Bench::new().await;
    let config = HttpConfig {
        secret: Some(Token::new("correct horse")),
        open: vec!["/hikvision".into()],
        ..HttpConfig::default()
    };
    let address = listen(&bench, config).await;
    let alerts = json!({ "alerts": [{"labels": {"alertname": "A"}}] });
    let ask = || post(address, "/alertmanager").json(&alerts);
    for (request, status) in [
        (ask(), 401),
        (ask().bearer_auth("wrong"), 401),
        (ask().header("Authorization", "Basic !!"), 401),
        (ask().bearer_auth("correct horse"), 200),
        (ask().basic_auth("anybody", Some("correct horse")), 200),
        (post(address, "/hikvision").body(notice("VMD", "active")), 200),
        (post(address, "/alert").body("{}"), 401),
        (post(address, "/alert").body("{\"token\":\"correct horse\"}"), 200),
    ] {
        assert_eq!(answer(request).await.0, status);
    }
    bench.alerts(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_alert_is_refused_and_the_next_one_is_taken() {
    let bench = Bench::new().await;
    let config = HttpConfig {
        body_bytes: 1000,
        ..HttpConfig::default()
    };
    let address = listen(&bench, config).await;
    for (path, body, status) in [
        ("/alert", "[]".to_owned(), 400),
        ("/alertmanager", "{}".to_owned(), 400),
        ("/icinga", "{\"host\":\"a\"}".to_owned(), 400),
        ("/hikvision", "<x/>".to_owned(), 400),
        ("/elsewhere", "{}".to_owned(), 404),
        ("/alert", "x".repeat(1001), 413),
    ] {
        let (told, answer) = answer(post(address, path).body(body)).await;
        assert_eq!((told, &answer["ok"]), (status, &json!(false)), "{path}");
    }
    let got = Client::new().get(format!("http://{address}/alert"));
    assert_eq!(answer(got).await.0, 405);
    assert_eq!(answer(post(address, "/alert").body("{}")).await.0, 200);
    bench.alerts(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_closed() {
    let bench = Bench::new().await;
    let config = HttpConfig {
        idle_s: 1,
        request_s: 1,
        body_bytes: 10_000_000,
        ..HttpConfig::default()
    };
    let address = listen(&bench, config).await;
    for (said, told) in [
        (&b""[..], ""),
        (b"POST /alert HTTP/1.1\r\nHost: x\r\n", ""),
        (
            b"POST /alert HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            "HTTP/1.1 408 ",
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut heard = Vec::new();
        timeout(LONG, stream.read_to_end(&mut heard))
            .await
            .expect("it is closed")
            .unwrap();
        let heard = String::from_utf8(heard).unwrap();
        assert!(
            heard.starts_with(told) && heard.is_empty() == told.is_empty(),
            "{heard}"
        );
    }
    assert_eq!(answer(post(address, "/alert").body("{}")).await.0, 200);
}

/// A client that has posted and waits.
async fn posted(address: SocketAddr, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_whose_camera_gave_up_waiting_is_told_by_its_repetition() {
    let bench = Bench::patient(1000).await;
    let address = listen(&bench, HttpConfig::default()).await;
    let held = bench.hold();
    let camera = posted(address, "/hikvision", &notice("VMD", "active")).await;
    sleep(Duration::from_millis(300)).await;
    drop(camera);
    // The store gives up, too.
    sleep(Duration::from_millis(1500)).await;
    let again = || answer(post(address, "/hikvision").body(notice("VMD", "active")));
    assert_eq!(again().await.0, 503, "nothing is kept");
    drop(held);
    for _ in 0..2 {
        assert_eq!(again().await.0, 200);
    }
    bench.alerts(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_answered_once_the_alarm_is_kept_which_goes_on_without_its_camera() {
    let bench = Bench::patient(LONG_MS).await;
    let address = listen(&bench, HttpConfig::default()).await;
    let held = bench.hold();
    let camera = posted(address, "/hikvision", &notice("VMD", "active")).await;
    sleep(Duration::from_millis(300)).await;
    drop(camera);
    sleep(Duration::from_millis(300)).await;
    let again = tokio::spawn(answer(post(address, "/hikvision").body(notice("VMD", "active"))));
    sleep(Duration::from_millis(500)).await;
    assert!(!again.is_finished(), "nothing is kept");
    drop(held);
    assert_eq!(again.await.unwrap().0, 200);
    bench.alerts(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_yet_takes_its_memory_though_the_client_is_gone() {
    let bench = Bench::patient(LONG_MS).await;
    let address = listen(&bench, HttpConfig::default()).await;
    let held = bench.hold();
    let mut image =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
    image.resize(2_000_000, 7);
    let body = json!({ "image_b64": STANDARD.encode(image) }).to_string();
    // The first takes its share, the second takes the rest and is the last in line.
    for _ in 0..2 {
        let client = posted(address, "/alert", &body).await;
        sleep(Duration::from_secs(1)).await;
        drop(client);
    }
    sleep(Duration::from_millis(300)).await;
    let other = tokio::spawn(answer(post(address, "/alert").body("x".repeat(100_000))));
    sleep(Duration::from_millis(500)).await;
    assert!(!other.is_finished(), "there is no memory left for it");
    drop(held);
    assert_eq!(other.await.unwrap().0, 400);
    bench.alerts(2).await;
}
