//! SMPP: applications bind to the gateway as to an operator. They are other people's, which `tools/peers install` brings: here
//! smpplib, in `peers` those of npm and the crates, in `kannel` that one; `trace` looks at sessions. `esme` is our own, in `waiting` and `told`.

mod certificates;
mod esme;
mod fields;
mod guessing;
mod kannel;
mod outbind;
mod peers;
mod reload;
mod told;
mod trace;
mod ussd;
mod waiting;

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use end_to_end::{Gateway, Peer, Rig, eventually, free_port, installed};
use serde_json::{Value, json};

pub(crate) const LONG: Duration = Duration::from_secs(60);
/// `bcrypt` of "secret", at the lowest cost.
pub(crate) const HASH: &str = "$2b$04$hzMC8BYEEHcz.NyVVz0bb.86Kn7Jz5p6MFzMqPPkIf5UZzOwBo2Zy";

/// A gateway with a message centre and an account `shop`.
pub(crate) struct Centre {
    pub(crate) rig: Rig,
    pub(crate) port: u16,
    /// With TLS.
    pub(crate) tls: u16,
}

impl Centre {
    /// With these lines for the account.
    pub(crate) fn new(lines: &str) -> Self {
        Self::with("", lines)
    }

    /// With these lines for the message centre and for the account; `NUMBER1` there is the second SIM's number.
    pub(crate) fn with(section: &str, account: &str) -> Self {
        Self::made(section, &format!("hash = \"{HASH}\"\n{account}"))
    }

    /// With these lines for the account, and no password besides.
    pub(crate) fn raw(account: &str) -> Self {
        Self::made("", account)
    }

    fn made(section: &str, account: &str) -> Self {
        Self::on(Rig::new(2), section, account)
    }

    /// On these modems, two at least; with these lines for the message centre and for the account.
    pub(crate) fn on(rig: Rig, section: &str, account: &str) -> Self {
        let [port, tls] = [free_port(), free_port()];
        let account = account.replace("NUMBER1", &format!("{:?}", rig.modems[1].number()));
        let rig = rig.config(&format!(
            "[smpp]\nlisten = [\"127.0.0.1:{port}\"]\nlisten_tls = [\"127.0.0.1:{tls}\"]\n{section}\n\
             [[smpp.accounts]]\nsystem_id = \"shop\"\n{account}"
        ));
        Self { rig, port, tls }
    }

    /// smpplib with these wishes: source, destination and text of each message. `None` where it is not installed.
    fn bind(&self, password: &str, mode: &str, wishes: &[&str]) -> Option<Peer> {
        let library = installed("python", "smpplib")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smpp/client.py");
        let mut python = Command::new("python3");
        python
            .env("PYTHONPATH", library)
            .arg(script)
            .args(["127.0.0.1", &self.port.to_string(), "shop", password, mode])
            .args(wishes);
        Some(Peer::start(&mut python))
    }
}

/// The receipt that a deliver_sm is: id and state by its text, which must agree with its parameters.
fn receipt(delivered: &Value) -> (String, String) {
    assert_eq!(delivered["esm_class"], 4, "{delivered}");
    let octets = hex(delivered["octets"].as_str().expect("hex"));
    let text = String::from_utf8(octets).expect("ASCII");
    let field = |name: &str| {
        let rest = text.split_once(name).unwrap_or_else(|| panic!("{name} in {text}")).1;
        rest.split(' ').next().unwrap_or_default().to_owned()
    };
    let id = field("id:");
    assert_eq!(delivered["receipted"], id.as_str(), "{delivered}");
    (id, field("stat:"))
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex"))
        .collect()
}

pub(crate) fn fetched(gateway: &Gateway, count: usize) -> Vec<String> {
    let found = eventually(&format!("{count} messages arrive"), LONG, || {
        let found = gateway.api().fetch(0, 0);
        (found.len() >= count).then_some(found)
    });
    let text = |message: &Value| message["text"].as_str().expect("a text").to_owned();
    found.iter().map(text).collect()
}

#[test]
fn what_an_application_submits_arrives_and_its_receipts_come_back() {
    let centre = Centre::new("receive = false");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let long = "Ein langer Text mit {Klammern} und €. ".repeat(12);
    let texts = ["Grüße @ [€]", "Привет 👋", long.as_str()];
    let wishes: Vec<&str> = texts.iter().flat_map(|text| ["Shop", to, text]).collect();
    let Some(application) = centre.bind("secret", "transceiver", &wishes) else {
        return;
    };
    assert_eq!(application.hears("bound"), "transceiver");
    let mut arrived = fetched(&gateway, 3);
    arrived.sort();
    let mut sent = texts.map(str::to_owned).to_vec();
    sent.sort();
    assert_eq!(arrived, sent, "the parts of the long one are joined by their header");
    // One message a submit_sm: two short ones, and the parts of the long one.
    let list = gateway.api().call("sms.list", json!({})).expect("a list");
    let list = list.as_array().expect("a list");
    let count = list.len();
    assert!(count >= 5, "{list:?}");
    let mut submitted = Vec::new();
    let mut receipts = Vec::new();
    while receipts.len() < count {
        let told = application.says(LONG).expect("receipts for all");
        if let Some(id) = told["submitted"].as_str() {
            submitted.push(id.to_owned());
        }
        if !told["delivered"].is_null() {
            let (id, state) = receipt(&told["delivered"]);
            assert!(submitted.contains(&id), "the answer comes before the receipt");
            assert_eq!((state.as_str(), &told["delivered"]["to"]), ("DELIVRD", &json!("Shop")));
            receipts.push(id);
        }
    }
    submitted.sort();
    receipts.sort();
    assert_eq!(receipts, submitted, "one for each");
    assert!(application.ends());
    assert!(gateway.stop().success());
}

#[test]
fn what_nobody_was_bound_for_is_delivered_on_the_next_bind_also_after_a_kill() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let Some(sender) = centre.bind("secret", "transmitter", &["", to, "once"]) else {
        return;
    };
    let id = sender.hears("submitted");
    let id = id.as_str().expect("an id").to_owned();
    assert!(sender.ends());
    gateway.wait_state(&id, "delivered", LONG);
    fetched(&gateway, 1);
    gateway.kill();
    let gateway = centre.rig.start_ready();
    let receiver = centre.bind("secret", "receiver", &[]).expect("it was there");
    let mut heard = [receiver.hears("delivered"), receiver.hears("delivered")];
    heard.sort_by_key(|delivered| delivered["esm_class"].as_u64());
    let [message, told] = heard;
    assert_eq!(
        (&message["octets"], &message["data_coding"]),
        (&json!("6f6e6365"), &json!(0)),
        "once"
    );
    assert_eq!(format!("+{}", message["to"].as_str().expect("a number")), to);
    assert_eq!(receipt(&told), (id, "DELIVRD".to_owned()));
    assert!(receiver.ends());
    assert!(gateway.stop().success());
}

#[test]
fn who_may_not_bind_and_what_cannot_be_sent_is_refused_by_its_status() {
    let centre = Centre::new("binds = 1\nsource = \"strict\"");
    let gateway = centre.rig.start_ready();
    let to = centre.rig.modems[1].number();
    let Some(guesser) = centre.bind("guess", "transceiver", &[]) else {
        return;
    };
    assert_eq!(guesser.hears("refused"), 0x0E, "ESME_RINVPASWD");
    let wishes = ["Nobody", to, "x", "", "+999", "x"];
    let first = centre.bind("secret", "transceiver", &wishes).expect("it was there");
    assert_eq!(first.hears("bound"), "transceiver");
    let mut refused = [first.hears("status"), first.hears("status")].map(|status| status.as_u64());
    refused.sort();
    assert_eq!(refused, [Some(0x0A), Some(0x0B)], "ESME_RINVSRCADR, ESME_RINVDSTADR");
    let second = centre.bind("secret", "receiver", &[]).expect("it was there");
    assert_eq!(second.hears("refused"), 0x0D, "ESME_RBINDFAIL");
    assert!(first.ends());
    assert!(gateway.stop().success());
}

#[test]
fn what_is_no_smpp_harms_nobody() {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let mut silent = TcpStream::connect(("127.0.0.1", centre.port)).expect("a connection");
    for garbage in [&[0xFF; 4096][..], &[0; 64], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut rude = TcpStream::connect(("127.0.0.1", centre.port)).expect("a connection");
        // It may have been cut off already.
        let _ = rude.write_all(garbage);
    }
    silent.set_read_timeout(Some(LONG)).expect("a limit");
    let closed = std::io::Read::read(&mut silent, &mut [0]).expect("the end");
    assert_eq!(closed, 0, "nobody stays without a bind");
    let Some(application) = centre.bind("secret", "transceiver", &[]) else {
        return;
    };
    assert_eq!(application.hears("bound"), "transceiver");
    assert!(application.ends());
    assert!(gateway.stop().success());
}
