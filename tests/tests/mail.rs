//! Received messages by mail: whatever is wrong with the mail server or the gateway, nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::{Gateway, Rig, eventually};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(120);
const SENDER: &str = "+493023125001";

/// The mail server of the mail tests, run in a folder; it dies with this value.
struct MailServer(Child);

impl MailServer {
    fn start(folder: &Path, port: u16) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/consumers/tests/mail/sink.py");
        let mut python = Command::new("/usr/bin/python3");
        python.arg(script).arg(folder).args(["plain", &port.to_string()]);
        let mut child = python.stdout(Stdio::piped()).spawn().expect("python3 runs it");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        said.read_line(&mut line).expect("it says its port");
        assert_eq!(line.trim(), port.to_string());
        Self(child)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether aiosmtpd is there. Where it is not, says so; in CI that is an error.
fn is_there() -> bool {
    let python = Command::new("/usr/bin/python3")
        .args(["-c", "import aiosmtpd"])
        .status();
    let found = python.is_ok_and(|status| status.success());
    if !found {
        let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
        assert!(!required, "aiosmtpd is missing: run `tools/peers install`");
        eprintln!("skipped: aiosmtpd is not installed");
    }
    found
}

fn arrive(rig: &Rig, gateway: &Gateway, texts: &[&str], all: usize) {
    for text in texts {
        let told = rig.network.text(rig.modems[0].number(), SENDER, text);
        told.expect("delivered");
    }
    eventually("they arrive", LONG, || {
        (gateway.api().fetch(0, 0).len() >= all).then_some(())
    });
}

/// The mails the server took, in order.
fn mails(folder: &Path) -> Vec<Value> {
    let read = |number: usize| fs::read(folder.join(format!("{number}.json"))).ok();
    let mails = (0..).map_while(read);
    mails.map(|mail| serde_json::from_slice(&mail).expect("JSON")).collect()
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().expect("a list");
    let found = headers.iter().find(|header| header[0] == name);
    found.and_then(|header| header[1].as_str()).unwrap_or_default()
}

#[test]
fn nothing_is_lost_while_the_mail_server_is_down_and_the_gateway_is_killed() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let rig = Rig::new(1).config(&format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {port}\nto = [\"ops@example.org\"]\nbody = \"{{text}}\""
    ));
    let gateway = rig.start_ready();
    arrive(&rig, &gateway, &["one", "Grüße 👍"], 2);
    gateway.wait_log("Connection refused");
    gateway.kill();
    let gateway = rig.start_ready();
    arrive(&rig, &gateway, &["three"], 3);
    let server = MailServer::start(folder.path(), port);
    let taken = eventually("all are mailed", LONG, || {
        let taken = mails(folder.path());
        (taken.len() >= 3).then_some(taken)
    });
    let texts: BTreeSet<&str> = taken
        .iter()
        .filter_map(|mail| mail["text"].as_str())
        .map(str::trim)
        .collect();
    assert_eq!(texts, BTreeSet::from(["one", "Grüße 👍", "three"]));
    let ids: BTreeSet<&str> = taken.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!(ids.len(), 3);
    assert!(header(&taken[0], "From").starts_with(SENDER));
    assert!(gateway.stop().success());
    drop(server);
}
