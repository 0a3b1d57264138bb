//! How it ends.

use std::time::{Duration, Instant};

use api::Scope;
use serde_json::json;
use tokio::net::TcpStream;

use crate::house::{House, post, soon, token};

#[tokio::test]
async fn a_stop_closes_the_port_ends_waiting_calls_and_idle_connections() {
    let reader = token("reader", &[Scope::Fetch]);
    let house = House::new(&[&reader]).await;
    let (client, url, address) = (house.client(), house.url(), house.address);
    let fetch =
        json!({"jsonrpc": "2.0", "id": 1, "method": "sms.fetch", "params": {"after": 7, "wait_s": 60}}).to_string();
    let plain = reader.plain().to_owned();
    let waiting = tokio::spawn(async move { post(&client, &url, Some(&plain), fetch).await });
    let idle = house.tls(&["http/1.1"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    soon("the end", house.stop()).await;
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let answer = waiting.await.unwrap();
    assert_eq!(answer.result(), &json!({"messages": [], "next": 7}));
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn who_does_not_finish_is_cut() {
    let house = House::with(&[], |config| config.limits.stop_s = 1).await;
    let mut slow = house.tls(&["http/1.1"]).await;
    tokio::io::AsyncWriteExt::write_all(&mut slow, b"POST /rpc HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    soon("the end", house.stop()).await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}
