//! The listener for lines of JSON.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use consumers::alerts::intake::{Listener, ListenerConfig, Ports, Token};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, LONG};

/// Starts a listener with these settings; the sender stops it.
async fn listen(bench: &Bench, config: ListenerConfig) -> (SocketAddr, oneshot::Sender<()>) {
    let config = ListenerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..config
    };
    assert_eq!(config.problems(), []);
    let ports = Ports::take(&config.listen).await.unwrap();
    let address = ports.addresses()[0];
    let listener = Listener::new(ports, &config, None, bench.raiser.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(listener.serve(async move {
        let _ = stopped.await;
    }));
    (address, stop)
}

fn acknowledged() -> ListenerConfig {
    ListenerConfig {
        ack: true,
        ..ListenerConfig::default()
    }
}

/// Sends octets and closes; everything that was answered.
async fn send(address: SocketAddr, octets: &[u8]) -> Vec<Value> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(octets).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answers = String::new();
    timeout(LONG, stream.read_to_string(&mut answers))
        .await
        .expect("it ends")
        .unwrap();
    answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The frame of a JPEG, padded to a size.
fn jpeg(octets: usize) -> Vec<u8> {
    let mut image =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
    image.resize(octets, 7);
    image
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_nothing_and_keeps_what_it_is_told() {
    let bench = Bench::new().await;
    let (address, _stop) = listen(&bench, ListenerConfig::default()).await;
    let image = STANDARD.encode(jpeg(100_000));
    let line = json!({ "event": "MOTION_DETECTED", "camera": "cam1", "timestamp": "2026-01-31T08:00:00.5Z",
        "image_filename": "../../x.jpg", "image_b64": image });
    assert_eq!(send(address, format!("{line}\n").as_bytes()).await, Vec::<Value>::new());
    let kept = bench.alerts(1).await;
    let alert = &kept[0].alert;
    assert_eq!(
        [&alert.event, &alert.camera, &alert.claimed_at],
        ["MOTION_DETECTED", "cam1", "2026-01-31T08:00:00.5Z"]
    );
    assert_eq!(
        (alert.images[0].name.as_str(), alert.images[0].size),
        ("x.jpg", 100_000)
    );
    assert_eq!(bench.store.alert_images(1).await.unwrap(), [jpeg(100_000)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_line_is_the_next_one_is_heard() {
    let bench = Bench::new().await;
    let (address, _stop) = listen(&bench, acknowledged()).await;
    let lines: [&[u8]; 12] = [
        b"[]",
        b"5",
        b"",
        b"{\"event\":\"\xff\"}",
        b"{\"event\":",
        b"{\"event\":\"A\\r\\nB: c\",\"camera\":\"x\\ny\"}\r",
        b"{\"event\":\"P\",\"image_filename\":\"../../x\",\"image_b64\":\"!\"}",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r",
        b"   ",
        b"{}",
        b"{\"event\":\"last\"}",
    ];
    let answers = send(address, &lines.join(&b'\n')).await;
    let ok: Vec<bool> = answers.iter().map(|answer| answer["ok"].as_bool().unwrap()).collect();
    assert_eq!(ok, [false, false, false, false, true, true, false, false, true, true]);
    assert_eq!(answers[0]["error"], "a list instead of an object");
    assert_eq!(
        (answers[4]["number"].as_i64(), &answers[0]["retry"]),
        (Some(1), &json!(false))
    );
    let kept = bench.alerts(4).await;
    assert_eq!(
        (kept[0].alert.event.as_str(), kept[0].alert.camera.as_str()),
        ("A B: c", "x y")
    );
    assert_eq!(kept[1].alert.left_out, ["picture ../../x: it is not in base64"]);
    assert_eq!(
        (kept[2].alert.event.as_str(), kept[3].alert.event.as_str()),
        ("UNKNOWN", "last")
    );
    assert_eq!(answers[9]["id"], kept[3].alert.id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_100_mb_is_skipped() {
    let bench = Bench::new().await;
    let (address, _stop) = listen(&bench, acknowledged()).await;
    let (reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let mut answers = BufReader::new(reader).lines();
    let piece = vec![b'x'; 1_000_000];
    for _ in 0..100 {
        writer.write_all(&piece).await.unwrap();
    }
    writer.write_all(b"\n{\"event\":\"after\"}\n").await.unwrap();
    let answer = timeout(LONG, answers.next_line()).await.unwrap().unwrap().unwrap();
    assert!(
        answer.contains("it has 100000000 octets, and alerts.listener.line_bytes is 8388608"),
        "{answer}"
    );
    let answer = timeout(LONG, answers.next_line()).await.unwrap().unwrap().unwrap();
    assert!(
        answer.starts_with("{\"id\":") || answer.contains("\"ok\":true"),
        "{answer}"
    );
    assert_eq!(bench.alerts(1).await[0].alert.event, "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_long_lines_at_once_share_the_memory_and_all_come_in() {
    let bench = Bench::new().await;
    let (address, _stop) = listen(&bench, acknowledged()).await;
    let image = STANDARD.encode(jpeg(5_000_000));
    let line = format!("{{\"event\":\"big\",\"image_b64\":\"{image}\"}}\n");
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let line = line.clone();
            tokio::spawn(async move { send(address, line.as_bytes()).await })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap()[0]["ok"], true);
    }
    let kept = bench.alerts(12).await;
    assert!(kept.iter().all(|raised| raised.alert.images[0].size == 5_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn dribbled_octets_make_a_line() {
    let bench = Bench::new().await;
    let (address, _stop) = listen(&bench, acknowledged()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for octet in b"{\"event\":\"slow\"}\n" {
        stream.write_all(&[*octet]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    let mut answer = String::new();
    timeout(LONG, BufReader::new(stream).read_line(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.contains("\"ok\":true"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_takes_too_long_and_a_client_that_says_nothing_are_closed() {
    let bench = Bench::new().await;
    let config = ListenerConfig {
        idle_s: 1,
        line_s: 1,
        ..acknowledged()
    };
    let (address, _stop) = listen(&bench, config).await;
    for said in [&b""[..], b"{\"event\":"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answers = Vec::new();
        timeout(LONG, stream.read_to_end(&mut answers))
            .await
            .expect("it is closed")
            .unwrap();
        assert_eq!(answers, b"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_in_pieces_after_a_long_silence_is_heard() {
    let bench = Bench::new().await;
    let config = ListenerConfig {
        line_s: 1,
        ..acknowledged()
    };
    let (address, _stop) = listen(&bench, config).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for _ in 0..2 {
        sleep(Duration::from_millis(1200)).await;
        stream.write_all(b"{\"event\":").await.unwrap();
        sleep(Duration::from_millis(200)).await;
        stream.write_all(b"\"E\"}\n").await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut answers = String::new();
    timeout(LONG, stream.read_to_string(&mut answers))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answers.matches("\"ok\":true").count(), 2, "{answers}");
    bench.alerts(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_fills_the_memory_is_tried_until_it_is_kept() {
    let bench = Bench::patient(50).await;
    let (address, _stop) = listen(&bench, ListenerConfig::default()).await;
    let held = bench.hold();
    let image = STANDARD.encode(jpeg(5_000_000));
    let line = format!("{{\"event\":\"big\",\"image_b64\":\"{image}\"}}\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(line.as_bytes()).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    drop(held);
    assert_eq!(bench.alerts(1).await[0].alert.images[0].size, 5_000_000);
    stream.write_all(b"{\"event\":\"after\"}\n").await.unwrap();
    bench.alerts(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_of_every_line() {
    let bench = Bench::new().await;
    let config = ListenerConfig {
        secret: Some(Token::new("correct horse")),
        ..acknowledged()
    };
    let (address, _stop) = listen(&bench, config).await;
    let answers = send(
        address,
        b"{\"event\":\"a\"}\n{\"event\":\"b\",\"token\":\"correct horse\"}\n",
    )
    .await;
    assert_eq!(answers[0]["error"], "its token is missing or wrong");
    assert_eq!(answers[1]["ok"], true);
    assert_eq!(bench.alerts(1).await[0].alert.event, "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_lines_comes_in_whole() {
    let bench = Bench::new().await;
    let (address, _stop) = listen(&bench, ListenerConfig::default()).await;
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let lines: String = (0..2500)
                .map(|line| format!("{{\"event\":\"{sender}/{line}\"}}\n"))
                .collect();
            tokio::spawn(async move { send(address, lines.as_bytes()).await })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let kept = bench.alerts(10_000).await;
    for sender in 0..4 {
        let own = kept
            .iter()
            .map(|raised| raised.alert.event.as_str())
            .filter(|event| event.starts_with(&format!("{sender}/")));
        assert!(
            own.eq((0..2500).map(|line| format!("{sender}/{line}"))),
            "each sender's order is kept"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_line_end_and_sends_the_others_away() {
    let bench = Bench::new().await;
    let (address, stop) = listen(&bench, acknowledged()).await;
    let mut coming = TcpStream::connect(address).await.unwrap();
    coming.write_all(b"{\"event\":").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    // One more line shows that both were heard.
    send(address, b"{}\n").await;
    stop.send(()).unwrap();
    let mut rest = Vec::new();
    timeout(LONG, idle.read_to_end(&mut rest))
        .await
        .expect("it is closed")
        .unwrap();
    coming.write_all(b"\"kept\"}\n").await.unwrap();
    let mut answer = String::new();
    timeout(LONG, coming.read_to_string(&mut answer))
        .await
        .expect("it is closed")
        .unwrap();
    assert!(answer.contains("\"ok\":true"), "{answer}");
    assert!(TcpStream::connect(address).await.is_err());
}
