//! Alerts from the door to the phone of whoever is on call, over the air, through kills.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{ANNA, BEN, Gateway, Rig, Submission, eventually, free_port, on_call};
use modemsim::{ModemSpec, Settings};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);
const STRANGER: &str = "+491719999999";

/// Anna and Ben take turns at the gate's cameras, and have ten seconds for an answer.
fn gate() -> String {
    on_call(10, "cameras = [\"gate*\"]")
}

fn raise(gateway: &Gateway, event: &str, camera: &str) -> i64 {
    let params = json!({ "event": event, "camera": camera, "severity": "critical" });
    let raised = gateway.api().call("alert.raise", params).expect("raised");
    raised["number"].as_i64().expect("a number")
}

/// The texts that somebody was sent so far.
fn texts(rig: &Rig, to: &str) -> Vec<String> {
    let sent = rig.network.sent().into_iter();
    sent.filter(|one| one.to == to).filter_map(|one| one.text).collect()
}

fn wait_text(rig: &Rig, to: &str, words: &str) -> String {
    eventually(&format!("{to} reads '{words}'"), LONG, || {
        texts(rig, to).into_iter().find(|text| text.contains(words))
    })
}

fn writes(rig: &Rig, from: &str, text: &str) {
    rig.network
        .text(rig.modems[0].number(), from, text)
        .expect("it arrives");
}

fn state(gateway: &Gateway, number: i64) -> Value {
    let list = gateway.api().call("alert.list", json!({})).expect("listed");
    let list = list.as_array().expect("a list");
    list.iter()
        .find(|one| one["number"] == number)
        .cloned()
        .unwrap_or_default()
}

#[test]
fn an_answer_by_sms_ends_the_call_and_a_strangers_is_not_answered() {
    let rig = Rig::new(1).config(&gate());
    let gateway = rig.start_ready();
    let number = raise(&gateway, "DOOR_OPENED", "gate 1");
    let text = wait_text(&rig, ANNA, "DOOR_OPENED - gate 1");
    assert!(text.ends_with(&format!("Answer ACK {number}.")), "{text}");
    assert_eq!(state(&gateway, number)["state"], "calling");
    gateway.wait_finding("alerts", "waiting for somebody who takes 1");

    writes(&rig, STRANGER, &format!("ACK {number}"));
    eventually("the stranger's message is one as any other", LONG, || {
        let messages = gateway.api().fetch(0, 0);
        messages.iter().any(|one| one["from"] == STRANGER).then_some(())
    });
    assert_eq!(state(&gateway, number)["state"], "calling");

    writes(&rig, ANNA, &format!("ack {number}"));
    wait_text(&rig, ANNA, &format!("Yours is {number}: DOOR_OPENED - gate 1."));
    let view = state(&gateway, number);
    assert_eq!(view["state"], "taken", "{view}");
    assert_eq!(view["incidents"][0]["taken_by"], "anna");
    let list = rig.cli(&gateway, &["alert", "list"]);
    assert!(list.out.contains("taken") && list.out.contains("anna"), "{list:?}");
    // Nobody is called after that, through a kill.
    gateway.kill();
    let gateway = rig.start_ready();
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(texts(&rig, BEN), Vec::<String>::new());
    assert_eq!(texts(&rig, STRANGER), Vec::<String>::new());
    assert_eq!(texts(&rig, ANNA).len(), 2, "{:?}", texts(&rig, ANNA));
    writes(&rig, BEN, &format!("ACK {number}"));
    wait_text(&rig, BEN, &format!("{number} was taken by anna."));
    gateway.stop();
}

#[test]
fn without_an_answer_the_next_one_is_called_although_the_gateway_was_killed() {
    let rig = Rig::new(1).config(&gate());
    let gateway = rig.start_ready();
    let number = raise(&gateway, "DOOR_OPENED", "gate 1");
    let unmatched = raise(&gateway, "DOOR_OPENED", "kitchen");
    wait_text(&rig, ANNA, "DOOR_OPENED");
    gateway.kill();
    let gateway = rig.start_ready();
    wait_text(&rig, BEN, "Nobody answered: critical: DOOR_OPENED - gate 1");
    assert_eq!(texts(&rig, ANNA).len(), 1);
    gateway.wait_finding("alerts", "nobody answered: 1");
    assert_eq!(state(&gateway, number)["state"], "unanswered");
    assert_eq!(state(&gateway, unmatched)["state"], "unmatched");
    assert_eq!((texts(&rig, ANNA).len(), texts(&rig, BEN).len()), (1, 1));
    let taken = rig.cli(&gateway, &["alert", "ack", "1", "--by", "carla"]);
    assert_eq!(
        (taken.code, taken.out.trim()),
        (0, "1 is carla's: DOOR_OPENED - gate 1")
    );
    wait_text(&rig, ANNA, "carla took 1: DOOR_OPENED - gate 1");
    let again = rig.cli(&gateway, &["alert", "ack", "99"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("there is no alert 99"), "{again:?}");
    gateway.stop();
}

#[test]
fn an_alert_goes_out_before_everything_that_waits() {
    let slow = Settings {
        latency: Duration::from_millis(100),
        ..Settings::default()
    };
    let rig = Rig::with(slow, [ModemSpec::new(0)])
        .config("[[alerts.rules]]\nname = \"all\"\nsms = [\"+491710000001\"]\nflash = [\"+491710000002\"]\n");
    let gateway = rig.start_ready();
    let api = gateway.api();
    for index in 0..400 {
        let priority = index % 3;
        api.send_with(json!({ "to": "+4930123", "text": format!("bulk {index}"), "priority": priority }));
    }
    let before = rig.network.sent().len();
    assert!(before < 300, "the backlog is gone already ({before})");
    raise(&gateway, "DOOR_OPENED", "gate 1");
    wait_text(&rig, ANNA, "DOOR_OPENED");
    wait_text(&rig, BEN, "DOOR_OPENED");
    let sent = rig.network.sent();
    let place = |to: &str| sent.iter().position(|one| one.to == to).expect("sent");
    let (sms, flash) = (place(ANNA), place(BEN));
    // Those that left between the look and the commit, and the one that was with the modem.
    let while_raised = 5;
    assert!(
        sms.max(flash) <= before + while_raised,
        "{before} then {sms} and {flash}"
    );
    assert!(sent.len() < 400, "the backlog still waits: {}", sent.len());
    // TP-DCS with a class, and that is 0 (TS 23.038 4).
    assert_eq!(Submission::read(&sent[flash].tpdu).dcs & 0x13, 0x10);
    assert_eq!(Submission::read(&sent[sms].tpdu).dcs & 0x10, 0);
    gateway.stop();
}

#[test]
fn a_test_says_what_would_happen_and_tells_nobody_unless_it_is_sent() {
    let rig = Rig::new(1).config(&gate());
    let gateway = rig.start_ready();
    let test = |camera: &str, more: &[&str]| {
        let mut args = vec!["alert", "test", "--event", "DOOR_OPENED", "--camera", camera];
        args.extend(more);
        rig.cli(&gateway, &args)
    };
    let none = test("kitchen", &[]);
    assert_eq!(none.code, 1, "{none:?}");
    assert!(
        none.out.contains("gate: no: kitchen is none of its cameras"),
        "{none:?}"
    );
    let fits = test("gate 1", &[]);
    assert_eq!(fits.code, 0, "{fits:?}");
    assert!(fits.out.contains("gate: yes: it would be told at once"), "{fits:?}");
    assert!(
        fits.out.contains("sms to +491710000001: warning: DOOR_OPENED - gate 1"),
        "{fits:?}"
    );
    assert!(rig.network.sent().is_empty());
    let sent = test("gate 1", &["--send"]);
    assert!(sent.out.contains("raised as 1"), "{sent:?}");
    wait_text(&rig, ANNA, "DOOR_OPENED");
    eventually("a second one would be a repetition", LONG, || {
        test("gate 1", &[]).out.contains("it repeats 1").then_some(())
    });
    gateway.stop();
}

/// The mail server of the mail tests, run in a folder; it dies with this value.
struct MailServer {
    child: Child,
    port: u16,
}

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
        Self { child, port }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
fn a_storm_is_one_mail_and_one_digest_while_mail_server_and_gateway_die() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let rig = Rig::new(1).config(&format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {port}\n[alerts]\ntemplate = \"dvr\"\n[[alerts.rules]]\nname = \"all\"\n\
         mail = [\"ops@example.org\", \"night@example.org\"]\ncooldown_s = 5\n"
    ));
    let gateway = rig.start_ready();
    for _ in 0..60 {
        raise(&gateway, "MOTION_DETECTED", "cam1");
    }
    eventually("the rules saw them", LONG, || {
        let all = json!({ "all": true, "limit": 100 });
        let list = gateway.api().call("alert.list", all).expect("listed");
        let seen = list
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["state"] != "waiting");
        seen.then_some(())
    });
    gateway.kill();
    let gateway = rig.start_ready();
    for _ in 60..121 {
        raise(&gateway, "MOTION_DETECTED", "cam1");
    }
    let server = MailServer::start(folder.path(), port);
    let taken = eventually("all 121 are told", LONG, || {
        let taken = mails(folder.path());
        (told(&taken) >= 121).then_some(taken)
    });
    assert_eq!(told(&taken), 121, "{taken:#?}");
    let subjects: BTreeSet<&str> = taken.iter().map(|mail| header(mail, "Subject")).collect();
    assert!(subjects.contains("DVR ALERT: MOTION_DETECTED - cam1"), "{subjects:?}");
    assert!(taken.len() <= 6, "{taken:#?}");
    assert_eq!(header(&taken[0], "To"), "ops@example.org, night@example.org");
    let ids: BTreeSet<&str> = taken.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!(ids.len(), taken.len());
    let thread = header(&taken[0], "References");
    assert!(taken.iter().all(|mail| header(mail, "References") == thread));
    let list = rig.cli_json(&gateway, &["alert", "list"]);
    assert_eq!(list[0]["incidents"][0]["count"], 121, "{list:#}");
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    gateway.stop();
    drop(server);
}

#[test]
fn ten_thousand_events_with_pictures_are_a_few_mails_with_the_right_count_in_bounded_memory() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = MailServer::start(folder.path(), free_port());
    let listener = free_port();
    let rig = Rig::new(0).config(&format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\n[alerts.listener]\nlisten = [\"127.0.0.1:{listener}\"]\nack = true\n\
         [[alerts.rules]]\nname = \"all\"\nmail = [\"ops@example.org\"]\ncooldown_s = 10\nstorm = 3\n",
        server.port
    ));
    let gateway = rig.start();
    // As much of a JPEG as says what it is and how large.
    let mut picture =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
    picture.resize(20_000, 7);
    let picture = STANDARD.encode(picture);
    std::thread::scope(|scope| {
        for camera in 0..8 {
            let stream = TcpStream::connect(("127.0.0.1", listener)).expect("it listens");
            let mut writer = stream.try_clone().expect("a stream");
            let picture = &picture;
            scope.spawn(move || {
                let line =
                    format!("{{\"event\":\"VIDEO_LOST\",\"camera\":\"cam{camera}\",\"image_b64\":\"{picture}\"}}\n");
                (0..1250).for_each(|_| writer.write_all(line.as_bytes()).expect("said"));
            });
            scope.spawn(move || {
                let answers = BufReader::new(stream).lines().take(1250);
                let good = answers.filter(|line| line.as_ref().is_ok_and(|line| line.contains("\"ok\":true")));
                assert_eq!(good.count(), 1250);
            });
        }
    });
    let taken = eventually("all are told", LONG, || {
        let taken = mails(folder.path());
        (told(&taken) >= 10_000).then_some(taken)
    });
    assert_eq!(told(&taken), 10_000);
    assert!(taken.len() <= 24, "{} mails", taken.len());
    let attached = |mail: &Value| mail["attached"].as_array().map_or(0, Vec::len);
    let attached: Vec<usize> = taken.iter().map(attached).collect();
    assert!(attached.iter().all(|count| (1..=3).contains(count)), "{attached:?}");
    let storm = taken.iter().filter_map(|mail| mail["text"].as_str());
    let storm = storm.filter(|text| text.contains(" alerts between ")).count();
    assert!(storm >= 1, "the fourth and all further cameras are one");
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("it runs");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("a peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 64_000_000 / 1024, "{kib} KiB");
    gateway.stop();
    drop(server);
}

/// How many alerts these mails tell of: one each, or as many as their subjects say.
fn told(mails: &[Value]) -> u64 {
    let count = |mail: &Value| {
        let (_, times) = header(mail, "Subject").rsplit_once('(')?;
        times.strip_suffix(" times)")?.parse().ok()
    };
    mails.iter().map(|mail| count(mail).unwrap_or(1)).sum()
}
