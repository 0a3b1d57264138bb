//! What both applications have in common: what they are told, and what they say, as tests/peers/application.js does.
#![forbid(unsafe_code)]

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Where to bind, and as who: `HOST PORT SYSTEM_ID PASSWORD MODE [window=N]`.
pub struct Account {
    pub host: String,
    pub port: u16,
    pub system_id: String,
    pub password: String,
    /// transceiver, transmitter or receiver.
    pub mode: String,
    /// How many submissions wait for their answers at a time.
    pub window: usize,
}

/// A message to be submitted.
#[derive(Clone)]
pub struct Wish {
    pub from: String,
    pub from_ton: u8,
    pub to: String,
    pub octets: Vec<u8>,
    pub data_coding: u8,
    pub esm_class: u8,
    pub receipt: u8,
    /// In message_payload.
    pub payload: bool,
}

impl Account {
    /// As the command line says.
    pub fn from_args() -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let [host, port, system_id, password, mode, options @ ..] = args.as_slice() else {
            panic!("HOST PORT SYSTEM_ID PASSWORD MODE [window=N]");
        };
        let window = options.iter().find_map(|option| option.strip_prefix("window="));
        Self {
            host: host.clone(),
            port: port.parse().expect("a port"),
            system_id: system_id.clone(),
            password: password.clone(),
            mode: mode.clone(),
            window: window.map_or(10, |window| window.parse().expect("a number")),
        }
    }
}

impl Wish {
    fn of(about: &Value) -> Self {
        let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
        let octet = |name: &str, absent: u8| about[name].as_u64().map_or(absent, |octet| octet as u8);
        Self {
            from: text("from"),
            from_ton: octet("from_ton", 0),
            to: text("to"),
            octets: octets(&text("octets")),
            data_coding: octet("data_coding", 0),
            esm_class: octet("esm_class", 0),
            receipt: octet("receipt", 0),
            payload: about["payload"].as_bool().unwrap_or_default(),
        }
    }
}

/// A line of standard output.
pub fn tell(what: Value) {
    println!("{what}");
}

/// A deliver_sm in plain words.
pub fn delivered(from: &str, to: &str, [esm_class, data_coding]: [u8; 2], octets: &[u8], receipted: &str, state: u8) {
    tell(json!({ "delivered": {
        "from": from, "to": to, "esm_class": esm_class, "data_coding": data_coding, "octets": hex(octets),
        "receipted": receipted, "state": state,
    }}));
}

/// Submits what standard input asks for, and ends with it. `submit` gives the message's id, or the status of the refusal.
pub async fn work<F, R>(window: usize, submit: F)
where
    F: Fn(Wish) -> R + Clone + Send + 'static,
    R: Future<Output = Result<String, i64>> + Send,
{
    let places = Arc::new(Semaphore::new(window));
    let mut open = JoinSet::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let told: Value = serde_json::from_str(&line).expect("an object");
        if told.get("cut").is_some() {
            std::process::exit(0);
        }
        let wish = Wish::of(&told["submit"]);
        for at in 0..told["submit"]["count"].as_u64().unwrap_or(1) {
            let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
            let (submit, mut wish) = (submit.clone(), wish.clone());
            // So many messages, each to the next number.
            wish.to = (wish.to.parse::<u64>().expect("digits") + at).to_string();
            open.spawn(async move {
                match submit(wish).await {
                    Ok(id) => tell(json!({ "submitted": id })),
                    Err(status) => tell(json!({ "status": status })),
                }
                drop(place);
            });
        }
    }
    while open.join_next().await.is_some() {}
}

fn octets(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(pair).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
