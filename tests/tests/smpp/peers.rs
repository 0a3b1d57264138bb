//! Other people's applications, each through the same day: they bind in all three ways, send and get texts of every kind, submit
//! a thousand messages with receipts, and lose their connection in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use end_to_end::{Gateway, Peer, Submission, eventually, installed};
use serde_json::{Value, json};

use super::{Centre, LONG, hex, receipt};

/// Starts an application of a kind: with this password, in this mode. `None` where it is not installed.
type Start = fn(&Centre, &str, &str) -> Option<Peer>;

fn npm(centre: &Centre, password: &str, mode: &str) -> Option<Peer> {
    let port = centre.port.to_string();
    Peer::node("application.js", &["127.0.0.1", &port, "shop", password, mode])
}

fn npm_over_tls(centre: &Centre, password: &str, mode: &str) -> Option<Peer> {
    let port = centre.tls.to_string();
    let ca = format!("ca={}", centre.rig.certificate().display());
    Peer::node("application.js", &["127.0.0.1", &port, "shop", password, mode, &ca])
}

fn smpp34(centre: &Centre, password: &str, mode: &str) -> Option<Peer> {
    on_crate("on-smpp34", centre, password, mode)
}

fn rusmppc(centre: &Centre, password: &str, mode: &str) -> Option<Peer> {
    on_crate("on-rusmppc", centre, password, mode)
}

fn on_crate(program: &str, centre: &Centre, password: &str, mode: &str) -> Option<Peer> {
    let program = installed("rust/debug", program)?.join(program);
    // rusmppc was seen to stall.
    let mut limited = Command::new("timeout");
    let port = centre.port.to_string();
    limited
        .args(["-k", "5", "150"])
        .arg(program)
        .args(["127.0.0.1", &port, "shop", password, mode]);
    Some(Peer::start(&mut limited))
}

fn a_day_of(start: Start) {
    let centre = Centre::new("");
    let gateway = centre.rig.start_ready();
    let Some(guesser) = start(&centre, "guess", "transceiver") else {
        return;
    };
    // smpp34 tells nobody the status.
    let status = guesser.hears("refused");
    assert!(status == 0x0E || status == -1, "ESME_RINVPASWD: {status}");
    drop(guesser);
    apart(&centre, start);
    let mut application = bound(&centre, start, "transceiver");
    echoes(&centre, &mut application);
    a_thousand(&mut application);
    assert!(application.ends(), "it unbinds");
    lost(&centre, &gateway, start);
    assert!(gateway.stop().success());
}

fn bound(centre: &Centre, start: Start, mode: &str) -> Peer {
    let application = start(centre, "secret", mode).expect("it was there");
    assert_eq!(application.hears("bound"), mode);
    application
}

/// One session sends, another one receives.
fn apart(centre: &Centre, start: Start) {
    let receiver = bound(centre, start, "receiver");
    let mut sender = bound(centre, start, "transmitter");
    let to = centre.rig.modems[1].number();
    sender.tell(&json!({"submit": {"to": to.trim_start_matches('+'), "octets": "6869", "receipt": 1}}));
    let id = sender.hears("submitted");
    let mut heard = [receiver.hears("delivered"), receiver.hears("delivered")];
    heard.sort_by_key(|delivered| delivered["esm_class"].as_u64());
    assert_eq!(heard[0]["octets"], "6869", "the message");
    let told = receipt(&heard[1]);
    assert_eq!((json!(told.0), told.1.as_str()), (id, "DELIVRD"));
    assert!(sender.ends() && receiver.ends());
}

/// Messages to a SIM of the gateway come back: texts of every kind, short and long, are the same when they do.
fn echoes(centre: &Centre, application: &mut Peer) {
    let to = centre.rig.modems[1].number().trim_start_matches('+');
    let long = "0123456789€ ".repeat(30);
    let septets: Vec<u8> = long.replace('€', "\u{1b}e").into_bytes();
    let ucs2 = units("Привет, мир! 👋 ".repeat(8).as_str());
    let wishes = [
        // a@[€] by its septets.
        json!({"octets": "61001b3c1b651b3e"}),
        json!({"octets": "666c617368", "data_coding": 0x10}),
        json!({"octets": "042fd83ddc4b", "data_coding": 8}),
        json!({"octets": text(&septets), "payload": true}),
        json!({"octets": format!("050003070201{}", text(&ucs2[..132])), "data_coding": 8, "esm_class": 0x40}),
        json!({"octets": format!("050003070202{}", text(&ucs2[132..])), "data_coding": 8, "esm_class": 0x40}),
    ];
    for mut wish in wishes {
        wish["to"] = to.into();
        wish["from"] = "Shop".into();
        wish["from_ton"] = 5.into();
        application.tell(&json!({ "submit": wish }));
    }
    let mut came = BTreeSet::new();
    let mut parts: BTreeMap<u64, BTreeMap<u8, Vec<u8>>> = BTreeMap::new();
    let wanted = BTreeSet::from([
        (0, vec![0x61, 0x00, 0x1b, 0x3c, 0x1b, 0x65, 0x1b, 0x3e]),
        (0x10, b"flash".to_vec()),
        (8, vec![0x04, 0x2f, 0xd8, 0x3d, 0xdc, 0x4b]),
        (0, septets),
        (8, ucs2),
    ]);
    while came != wanted {
        let delivered = application.hears("delivered");
        let coding = delivered["data_coding"].as_u64().expect("a number");
        let octets = hex(delivered["octets"].as_str().expect("hex"));
        if delivered["esm_class"] == 0 {
            came.insert((coding, octets));
            continue;
        }
        assert_eq!(delivered["esm_class"], 0x40, "{delivered}");
        // A 16 bit reference: 06 08 04 RR RR TT NN.
        assert_eq!((octets[0], octets[1]), (6, 8), "{delivered}");
        let of_this = parts.entry(coding).or_default();
        of_this.insert(octets[6], octets[7..].to_vec());
        if of_this.len() == usize::from(octets[5]) {
            came.insert((coding, of_this.values().flatten().copied().collect()));
        }
        assert!(came.is_subset(&wanted), "{came:x?} instead of {wanted:x?}");
    }
    let sent = centre.rig.network.sent();
    let flash = sent.iter().find(|sent| sent.text.as_deref() == Some("flash"));
    assert_eq!(Submission::read(&flash.expect("it went out").tpdu).dcs, 0x10);
}

/// Each of a thousand messages gets its own id and its own receipt.
fn a_thousand(application: &mut Peer) {
    application.tell(&json!({"submit": {"to": "493012000", "octets": "6869", "receipt": 1, "count": 1000}}));
    let mut submitted = BTreeSet::new();
    let mut receipts = BTreeSet::new();
    while receipts.len() < 1000 || submitted.len() < 1000 {
        let said = application.says(LONG).expect("answers and receipts for all");
        if let Some(id) = said["submitted"].as_str() {
            assert!(submitted.insert(id.to_owned()), "{id} was there before");
        }
        if !said["delivered"].is_null() {
            let (id, state) = receipt(&said["delivered"]);
            assert_eq!(state, "DELIVRD");
            assert!(receipts.insert(id), "{said} was told before");
        }
        assert!(said["status"].is_null(), "{said}");
    }
    assert_eq!(receipts, submitted);
}

/// The connection breaks while messages are submitted. Whatever was kept has its receipt in the end, answered or not.
fn lost(centre: &Centre, gateway: &Gateway, start: Start) {
    let mut application = bound(centre, start, "transceiver");
    application.tell(&json!({"submit": {"to": "493054000", "octets": "6869", "receipt": 1, "count": 300}}));
    let mut answered = BTreeSet::new();
    let mut receipts = BTreeSet::new();
    while answered.len() < 30 {
        hear(&application.says(LONG).expect("answers"), &mut answered, &mut receipts);
    }
    application.tell(&json!({"cut": true}));
    while let Some(said) = application.says(LONG) {
        hear(&said, &mut answered, &mut receipts);
    }
    // What it is given may be said before that it is bound.
    let again = start(centre, "secret", "receiver").expect("it was there");
    let kept = eventually("all that was kept goes out", LONG, || {
        let all = gateway.api().call("sms.list", json!({ "limit": 1000 }));
        let mut all = all.ok()?.as_array()?.clone();
        all.retain(|message| message["to"].as_str().is_some_and(|to| to.starts_with("+493054")));
        let is_over = |message: &Value| message["state"] == "delivered";
        all.iter().all(is_over).then(|| ids(&all))
    });
    assert!(answered.is_subset(&kept), "what was answered was kept");
    while receipts != kept {
        let said = again.says(LONG).expect("receipts for all");
        hear(&said, &mut answered, &mut receipts);
        assert!(receipts.is_subset(&kept));
    }
    assert!(again.ends());
}

fn hear(said: &Value, answered: &mut BTreeSet<String>, receipts: &mut BTreeSet<String>) {
    answered.extend(said["submitted"].as_str().map(str::to_owned));
    if !said["delivered"].is_null() {
        receipts.insert(receipt(&said["delivered"]).0);
    }
}

fn ids(messages: &[Value]) -> BTreeSet<String> {
    let id = |message: &Value| message["id"].as_str().expect("an id").to_owned();
    messages.iter().map(id).collect()
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn text(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn the_npm_package_smpp_gets_through_its_day() {
    a_day_of(npm);
}

#[test]
fn the_npm_package_smpp_gets_through_its_day_over_tls() {
    a_day_of(npm_over_tls);
}

#[test]
fn the_crate_smpp34_gets_through_its_day() {
    a_day_of(smpp34);
}

#[test]
fn the_crate_rusmppc_gets_through_its_day() {
    a_day_of(rusmppc);
}
