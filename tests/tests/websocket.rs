//! `sms.subscribe` over a WebSocket of the running gateway.

use std::time::Duration;

use end_to_end::{Rig, Socket};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn next(socket: &mut Socket) -> Value {
    socket.message(LONG).expect("a message")
}

#[test]
fn a_subscription_brings_messages_as_they_come_and_goes_on_where_it_was() {
    let rig = Rig::new(2)
        .token_entry("fetcher", &["fetch"], "sims = [\"sim-1\"]\n")
        .token_entry("sender", &["send"], "");
    let gateway = rig.start_ready();
    let text = |modem: usize, from: &str, text: &str| {
        rig.network
            .text(rig.modems[modem].number(), from, text)
            .expect("a text");
    };
    let mut all = rig.socket(&gateway);
    assert!(all.call("sms.subscribe", json!({}))["result"].is_string());
    let mut codes = rig.socket(&gateway);
    let subscription = codes.call(
        "sms.subscribe",
        json!({ "from_matches": "^BANK", "text_matches": "[0-9]{6}" }),
    );
    let mut bound = rig
        .socket_with(&gateway, &rig.token_of("fetcher"))
        .expect("a WebSocket");
    assert!(bound.call("sms.subscribe", json!({}))["result"].is_string());

    text(0, "+4930123", "one");
    text(1, "BANK", "code 123456");
    let (first, second) = (next(&mut all), next(&mut all));
    let mut seen = [&first, &second].map(|message| message["text"].as_str().expect("a text"));
    seen.sort_unstable();
    assert_eq!(seen, ["code 123456", "one"]);
    assert!(first["cursor"].as_i64() < second["cursor"].as_i64(), "{first} {second}");
    assert_eq!(next(&mut codes)["text"], "code 123456");
    assert_eq!(next(&mut bound)["sim"], "sim-1", "a bound token sees its SIMs only");
    assert!(bound.message(Duration::from_millis(300)).is_none());

    let ended = codes.call("sms.unsubscribe", json!({ "subscription": subscription["result"] }));
    assert_eq!(ended["result"], true);
    drop(all);
    text(0, "BANK", "code 654321");
    text(0, "+4930123", "three");
    let mut again = rig.socket(&gateway);
    again.call("sms.subscribe", json!({ "after": second["cursor"] }));
    assert_eq!(next(&mut again)["text"], "code 654321");
    assert_eq!(next(&mut again)["text"], "three");
    assert!(codes.message(Duration::from_millis(300)).is_none(), "it was ended");

    let scope = rig
        .socket_with(&gateway, &rig.token_of("sender"))
        .expect("a WebSocket")
        .call("sms.subscribe", json!({}));
    assert_eq!(scope["error"]["code"], 1003, "{scope}");
    assert!(rig.socket_with(&gateway, "test.wrong").is_err());
    let sent = again.call("sms.send", json!({ "to": "+4930001", "text": "any method works here" }));
    assert_eq!(sent["result"]["state"], "queued", "{sent}");
    let refused = gateway.api().refused("sms.subscribe", json!({}));
    assert_eq!(refused.code, 1012, "{refused:?}");
}

#[test]
fn a_subscriber_that_reads_slowly_loses_nothing_and_holds_up_nobody() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let mut slow = rig.socket(&gateway);
    slow.call("sms.subscribe", json!({}));
    let mut quick = rig.socket(&gateway);
    quick.call("sms.subscribe", json!({}));
    for index in 0..60 {
        rig.network
            .text(
                rig.modems[0].number(),
                "+4930123",
                &format!("{index} {}", "x".repeat(100)),
            )
            .expect("a text");
    }
    let cursors = |socket: &mut Socket| {
        (0..60)
            .map(|_| next(socket)["cursor"].as_i64().expect("a cursor"))
            .collect::<Vec<_>>()
    };
    let seen = cursors(&mut quick);
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(cursors(&mut slow), seen);
}
