//! XML-RPC as the clients of SMSgate speak it, without modems.

use api::{Config, Scope, Token, TokenConfig};
use message::RouteId;
use serde_json::json;

use crate::house::{House, bound, token};

/// What came back: a fault's code and sentence, or the value as it was written.
type Told = Result<String, (i32, String)>;

const LEGACY: &str = "abcdefghijklmnopqrstuvwxyz0123";

#[tokio::test]
async fn the_methods_answer_in_smsgate_s_shapes_on_any_path() {
    let all = token(
        "all",
        &[Scope::Send, Scope::Fetch, Scope::Ussd, Scope::Health, Scope::Stats],
    );
    let house = House::new(&[&all]).await;
    for path in ["/RPC2", "/", "/rpc", "/anything/else", "/healthz"] {
        assert_eq!(at(&house, path, "ping", "").await, Ok(text("OK")), "{path}");
    }
    let t = text(all.plain());
    let given = params(&[&t, &text(""), &text("+49 171 123-4567"), &text("Grüße <&>"), FALSE]);
    let id = inner(&call(&house, "send_sms", &given).await.expect("accepted"));
    let kept = house.call(Some(&all), "sms.status", json!({"id": id})).await;
    assert_eq!(kept.result()["text"], "Grüße <&>");
    for unknown in [&*id, "019aa5a8-7c00-7000-8000-000000000001", "no id"] {
        let status = call(&house, "get_delivery_status", &params(&[&t, &text(unknown)])).await;
        assert_eq!(status, Ok(FALSE.into()), "{unknown}");
    }
    let empty = call(&house, "get_sms", &params(&[&t, &text("")])).await;
    assert_eq!(empty, Ok("<value><array><data></data></array></value>".into()));
    house.receive("sim1", "+491700000001", "code\u{1b} <1>").await;
    let got = call(&house, "get_sms", &params(&[&t, &text("")]))
        .await
        .expect("a list");
    for field in [
        "sms_id",
        "recipient",
        "text",
        "timestamp",
        "created_timestamp",
        "sender",
        "receiving_modem",
        "flash",
    ] {
        assert!(got.contains(&format!("<name>{field}</name>")), "{field}: {got}");
    }
    assert!(
        got.contains("code\u{fffd} &lt;1&gt;") && got.contains("<dateTime.iso8601>20"),
        "{got}"
    );
    let nowhere = call(&house, "get_sms", &params(&[&t, &text("+491799999999")])).await;
    assert_eq!(nowhere, Ok("<value><array><data></data></array></value>".into()));
    let health = call(&house, "get_health_state", &params(&[&t])).await.expect("a list");
    assert!(
        health.contains("<data><value><string>OK</string></value><value><string></string>"),
        "{health}"
    );
    let stats = call(&house, "get_stats", &params(&[&t])).await;
    let nobody =
        "<value><array><data><value><string>OK</string></value><value><struct></struct></value></data></array></value>";
    assert_eq!(stats, Ok(nobody.into()));
    let ussd = call(
        &house,
        "send_ussd",
        &params(&[&t, &text("+491799999999"), &text("*100#")]),
    )
    .await
    .expect("a list");
    assert!(
        ussd.contains("ERROR") && ussd.contains("Modem could not be identified for phone number +491799999999."),
        "{ussd}"
    );
    house.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_codes_that_clients_know() {
    let send = token("send", &[Scope::Send]);
    let house = House::with(&[&send], |config| config.xml_rpc.send_ussd = false).await;
    let t = text(send.plain());
    let sms =
        |token: &str, from: &str, to: &str, words: &str| params(&[token, &text(from), &text(to), &text(words), FALSE]);
    for (method, given, code, words) in [
        (
            "send_sms",
            sms(&text("wrong"), "", "+491711234567", "x"),
            401,
            "Invalid API token.",
        ),
        (
            "send_sms",
            sms(&text(""), "", "+491711234567", "x"),
            401,
            "Invalid API token.",
        ),
        (
            "send_sms",
            sms(&t, "", "Vodafone", "x"),
            400,
            "Invalid recipient format.",
        ),
        ("send_sms", sms(&t, "", "80808", "x"), 400, "Invalid recipient format."),
        (
            "send_sms",
            sms(&t, "sim1", "+491711234567", "x"),
            400,
            "Invalid sender format.",
        ),
        (
            "send_sms",
            sms(&t, "+491799999999", "+491711234567", "x"),
            400,
            "there is no SIM",
        ),
        ("send_sms", sms(&t, "", "+49", "x"), 400, "7 to 15 digits"),
        ("send_sms", sms(&t, "", "+491711234567", ""), 400, "the text is empty"),
        (
            "send_sms",
            params(&[&t]),
            8002,
            "send_sms takes (token, sender, recipient, message, flash)",
        ),
        (
            "send_ussd",
            params(&[&text("wrong"), &text(""), &text("*1#")]),
            405,
            "This API function is not enabled.",
        ),
        ("get_stats", params(&[&t]), 401, "it lacks the scope 'stats'"),
        ("get_sms", params(&[&t, &text("")]), 401, "it lacks the scope 'fetch'"),
        (
            "get_stats",
            params(&["<value><int>1</int></value>"]),
            8002,
            "token must be a string",
        ),
        (
            "system.listMethods",
            String::new(),
            8001,
            "procedure system.listMethods not found",
        ),
    ] {
        let (told, sentence) = call(&house, method, &given).await.expect_err(method);
        assert_eq!(told, code, "{method}: {sentence}");
        assert!(sentence.contains(words), "{method}: {sentence}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_legacy_token_is_let_in_here_alone_and_shares_the_rights_of_its_hash() {
    let hash = bcrypt::hash(LEGACY, 4).unwrap();
    let entries = [
        legacy("legacy-send", &hash, &["send"], None),
        legacy("legacy-00", &hash, &["fetch"], Some("sim1")),
        legacy("legacy-01", &bcrypt::hash(LEGACY, 4).unwrap(), &["fetch"], Some("sim2")),
        legacy("other", &bcrypt::hash("other", 4).unwrap(), &["admin"], None),
    ];
    let ops = token("ops", &[Scope::Admin]);
    let house = House::with(&[&ops], |config| config.legacy_tokens = entries.to_vec()).await;
    let t = text(LEGACY);
    let given = params(&[&t, &text(""), &text("+491711234567"), &text("x"), FALSE]);
    let id = inner(&call(&house, "send_sms", &given).await.expect("accepted"));
    let kept = house.call(Some(&ops), "sms.status", json!({"id": id})).await;
    assert_eq!(kept.result()["token"], "legacy-send", "its name is who sent it");
    house.receive("sim1", "+491700000001", "one").await;
    house.receive("sim2", "+491700000001", "two").await;
    let got = call(&house, "get_sms", &params(&[&t, &text("")]))
        .await
        .expect("a list");
    assert!(got.contains("one") && got.contains("two"), "{got}");
    let (code, _) = call(&house, "get_stats", &params(&[&t])).await.expect_err("refused");
    assert_eq!(code, 401);
    for shown in [LEGACY.to_owned(), format!("legacy-send.{LEGACY}")] {
        let status = house
            .client()
            .post(house.url())
            .header("content-type", "application/json")
            .bearer_auth(shown)
            .body(r#"{"jsonrpc":"2.0","id":1,"method":"sms.list"}"#)
            .send()
            .await
            .unwrap()
            .status();
        assert_eq!(status.as_u16(), 401);
    }
    let new = call(&house, "get_stats", &params(&[&text(ops.plain())])).await;
    assert!(new.is_ok(), "a token of today works beside them: {new:?}");
    house.stop().await;
}

#[tokio::test]
async fn a_token_of_one_sim_neither_reads_nor_sends_over_another() {
    let one = bound("one", &[Scope::Send, Scope::Fetch], "sim1");
    let house = House::new(&[&one]).await;
    house.receive("sim2", "+491700000001", "secret").await;
    house.receive("sim1", "+491700000001", "mine").await;
    let got = call(&house, "get_sms", &params(&[&text(one.plain()), &text("")]))
        .await
        .expect("a list");
    assert!(got.contains("mine") && !got.contains("secret"), "{got}");
    house.stop().await;
}

#[tokio::test]
async fn guessing_locks_an_address_out_but_not_who_is_known() {
    let entries = vec![legacy("legacy-1", &bcrypt::hash(LEGACY, 4).unwrap(), &["stats"], None)];
    let house = House::with(&[], |config| {
        config.legacy_tokens = entries;
        config.failures_per_minute = 2;
    })
    .await;
    let stats = async |token: &str| call(&house, "get_stats", &params(&[&text(token)])).await;
    assert!(stats(LEGACY).await.is_ok());
    for _ in 0..3 {
        assert_eq!(stats("guess").await.expect_err("refused").1, "Invalid API token.");
    }
    let (code, sentence) = stats("guess").await.expect_err("refused");
    assert!(code == 401 && sentence.contains("wait a minute"), "{sentence}");
    assert!(stats(LEGACY).await.is_ok(), "it is known already");
    house.stop().await;
}

#[tokio::test]
async fn hostile_bodies_get_a_fault_and_harm_nobody() {
    let house = House::new(&[]).await;
    let bomb = "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>";
    let deep = "<value><array><data>".repeat(10_000);
    let wide = "<value/>".repeat(100_000);
    for (body, words) in [
        (
            format!("{bomb}<methodCall><methodName>&b;</methodName></methodCall>").into_bytes(),
            "document type",
        ),
        (
            format!("<methodCall><methodName>x</methodName><params><param>{deep}").into_bytes(),
            "nested deeper than 16",
        ),
        (
            b"<methodCall><methodName>\xff</methodName></methodCall>".to_vec(),
            "not UTF-8",
        ),
        (
            b"<methodCall><methodName>&xxe;</methodName></methodCall>".to_vec(),
            "an entity other than",
        ),
        (
            b"<methodCall><methodName>x</methodNam></methodCall>".to_vec(),
            "not well-formed",
        ),
        (b"{\"jsonrpc\": \"2.0\"}".to_vec(), "<methodCall> is expected"),
        (Vec::new(), "<methodCall> is expected"),
        (wide.into_bytes(), "longer than 262144 bytes"),
        (vec![b' '; 3 << 20], "longer than 262144 bytes"),
    ] {
        for builder in [house.builder(), house.builder().http1_only()] {
            let client = builder.build().unwrap();
            let (code, told) = send(&client, &house, "/RPC2", body.clone()).await.expect_err("a fault");
            assert!(code == 8002 && told.contains(words), "{words}: {code} {told}");
        }
    }
    let client = house.client();
    let packed = client
        .post(house.url())
        .header("content-type", "text/xml")
        .header("content-encoding", "gzip");
    let told = packed.body("x").send().await.unwrap().text().await.unwrap();
    assert!(told.contains("without Content-Encoding"), "{told}");
    assert_eq!(call(&house, "ping", "").await, Ok(text("OK")));
    house.stop().await;
}

#[tokio::test]
async fn where_it_is_switched_off_there_is_none() {
    let house = House::with(&[], |config| config.xml_rpc.enabled = false).await;
    for (path, status) in [("/rpc", 415), ("/RPC2", 404)] {
        let url = house.url().replace("/rpc", path);
        let request = house
            .client()
            .post(url)
            .header("content-type", "text/xml")
            .body("<methodCall/>");
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{path}");
    }
    let mut config = house.config.clone();
    config.xml_rpc.enabled = true;
    house.handle.reload(&config).await.unwrap();
    assert_eq!(
        call(&house, "ping", "").await,
        Ok(text("OK")),
        "a reload switches it on"
    );
    house.stop().await;
}

#[test]
fn settings_of_legacy_tokens_are_checked() {
    let hash = |n: usize| format!("$2b$10${n:021}Od9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK");
    let entries = |count: usize| {
        (0..count)
            .map(|n| legacy(&format!("l{n}"), &hash(n), &["send"], None))
            .collect()
    };
    let problems = |legacy_tokens: Vec<TokenConfig>| {
        let ops = Token::generate(Some("ops"), &[Scope::Send]).unwrap().entry;
        let tokens = vec![ops];
        let config = Config {
            tokens,
            legacy_tokens,
            ..Config::default()
        };
        let told = config.problems().into_iter().map(|problem| problem.key);
        told.collect::<Vec<_>>()
    };
    assert_eq!(problems(entries(16)), Vec::<String>::new());
    assert_eq!(problems(entries(17)), ["legacy_tokens"]);
    assert_eq!(
        problems(vec![legacy("ops", &hash(1), &["send"], None)]),
        ["legacy_tokens[0].id"]
    );
    assert_eq!(
        problems(vec![legacy("a", "plain", &["send"], None)]),
        ["legacy_tokens[0].hash"]
    );
    let same = vec![legacy("a", &hash(1), &["send"], None); 2];
    assert_eq!(problems(same), ["legacy_tokens[1].id"]);
}

fn legacy(id: &str, hash: &str, scopes: &[&str], sim: Option<&str>) -> TokenConfig {
    let mut entry: TokenConfig = serde_json::from_value(json!({"id": id, "hash": hash, "scopes": scopes})).unwrap();
    entry.sims = sim.map(|sim| vec![RouteId::new(sim)]);
    entry
}

const FALSE: &str = "<value><boolean>0</boolean></value>";

fn text(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<value><string>{escaped}</string></value>")
}

fn params(values: &[&str]) -> String {
    values.iter().map(|value| format!("<param>{value}</param>")).collect()
}

/// The text in a value.
fn inner(value: &str) -> String {
    let text = value
        .strip_prefix("<value><string>")
        .and_then(|rest| rest.strip_suffix("</string></value>"));
    text.unwrap().to_owned()
}

async fn call(house: &House, method: &str, params: &str) -> Told {
    at(house, "/RPC2", method, params).await
}

async fn at(house: &House, path: &str, method: &str, params: &str) -> Told {
    let body = format!(
        "<?xml version='1.0'?>\n<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    );
    send(&house.client(), house, path, body.into_bytes()).await
}

async fn send(client: &reqwest::Client, house: &House, path: &str, body: Vec<u8>) -> Told {
    let url = house.url().replace("/rpc", path);
    let response = client
        .post(url)
        .header("content-type", "text/xml")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
    let answer = response.text().await.unwrap();
    let between = |before: &str, after: &str| {
        let (_, rest) = answer.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found.to_owned())
    };
    if let Some(fault) = between("<fault>", "</fault>") {
        let code = between("<int>", "</int>").unwrap().parse().unwrap();
        let sentence = between("<name>faultString</name><value><string>", "</string>").unwrap_or(fault);
        return Err((code, sentence.replace("&lt;", "<").replace("&gt;", ">")));
    }
    Ok(between("<params><param>", "</param></params>").unwrap())
}
