//! The demonstration from end to end: the real program on both sides, real sockets, simulated modems.

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use common::{simrelay, stderr, stdout};

/// A demonstration that runs; dropping it ends it.
struct Demo {
    child: Child,
    lines: BufReader<ChildStdout>,
    facts: Value,
    /// Where its own folder is, so that nothing stays even of one that was killed.
    folder: TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = simrelay(&["demo", "--json"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let facts = next(&mut lines);
        Self {
            child,
            lines,
            facts,
            folder,
        }
    }

    /// A client command against it.
    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = simrelay(arguments);
        command
            .env("SIMRELAY_URL", self.text("url"))
            .env("SIMRELAY_CA", self.text("ca"))
            .env("SIMRELAY_TOKEN", self.text("token"));
        command
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        self.client(arguments).output().expect("the program starts")
    }

    /// What a command answers as JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ask(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn text(&self, key: &str) -> String {
        self.facts[key].as_str().expect("a text").to_owned()
    }

    fn number(&self, index: usize) -> String {
        self.facts["numbers"][index].as_str().expect("a number").to_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("it can be signalled");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_newcomer_sends_receives_and_asks_why() {
    let mut demo = Demo::start();
    let first = next(&mut demo.lines);
    assert!(
        first["text"].as_str().unwrap().starts_with("Hello from outside."),
        "{first}"
    );

    let to = demo.number(2);
    let sent = demo.ask(&["send", &to, "Grüße 👋 an alle", "--from", "sim1", "--wait=30"]);
    assert!(sent.status.success(), "{}{}", stdout(&sent), stderr(&sent));
    assert!(stdout(&sent).contains("delivered"), "{}", stdout(&sent));
    let arrived = next(&mut demo.lines);
    assert_eq!(arrived["text"], "Grüße 👋 an alle");
    assert_eq!(arrived["sim"], "sim3");
    assert_eq!(arrived["from"], demo.number(0));

    let inbox = demo.json(&["inbox", "--sim", "sim3"]);
    assert_eq!(inbox["messages"][0]["text"], "Grüße 👋 an alle");
    assert_eq!(
        demo.json(&["inbox", "--limit", "1"])["messages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        demo.json(&["inbox", "--text-matches", "no such text"])["messages"]
            .as_array()
            .unwrap()
            .len(),
        0
    );

    let outbox = demo.json(&["outbox", "--state", "delivered"]);
    let id = outbox[0]["id"].as_str().unwrap();
    assert_eq!(demo.json(&["status", id])["parts"][0]["sim"], "sim1");
    let late = demo.ask(&["cancel", id]);
    assert_eq!(late.status.code(), Some(1), "{}", stderr(&late));

    let slots = demo.json(&["modems"]);
    // One that reads a message or its own facts at this moment is busy, and as well as one that waits.
    let at_work = |slot: &Value| ["ready", "busy"].contains(&slot["state"].as_str().unwrap());
    assert!(slots.as_array().unwrap().iter().all(at_work), "{slots}");
    assert_eq!(demo.json(&["health"])["level"], "OK");
    assert_eq!(demo.json(&["route", "+436601234567"])["chosen"], "sim4");
    assert_eq!(demo.json(&["preview", "5 € – 👋"])["alphabet"], "ucs2");
    let balance = demo.ask(&["ussd", "sim1", "*101#", "--reply", "1"]);
    assert!(
        stdout(&balance).contains("7.95 EUR"),
        "{}{}",
        stdout(&balance),
        stderr(&balance)
    );
}

#[test]
fn nothing_is_sent_to_who_asked_for_no_more() {
    let mut demo = Demo::start();
    next(&mut demo.lines);
    let to = demo.number(2);
    assert!(demo.ask(&["numbers", "stop", &to]).status.success());
    assert_eq!(demo.json(&["numbers", "stopped"])[0]["number"], to);
    let refused = demo.ask(&["send", &to, "x"]);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(demo.ask(&["numbers", "allow", &to]).status.success());
    assert_eq!(demo.json(&["numbers", "stopped"]), serde_json::json!([]));
    assert!(demo.ask(&["send", &to, "x", "--wait=30"]).status.success());
    assert!(demo.ask(&["numbers", "erase", &to, "--yes"]).status.success());
    assert_eq!(demo.json(&["outbox"]), serde_json::json!([]));
}

#[test]
fn a_follower_sees_what_arrives_one_object_a_line() {
    let mut demo = Demo::start();
    next(&mut demo.lines);
    let mut follower = demo
        .client(&["inbox", "--follow", "--json", "--text-matches", "^code [0-9]+$"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap());
    for text in ["hello", "code 123456"] {
        let sent = demo.ask(&["send", &demo.number(3), text, "--key", text]);
        assert!(sent.status.success(), "{}", stderr(&sent));
    }
    assert_eq!(next(&mut lines)["text"], "code 123456");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn who_may_not_and_who_asks_wrongly_is_told_by_the_exit_code() {
    let demo = Demo::start();
    let wrong_token = demo
        .client(&["health"])
        .env("SIMRELAY_TOKEN", "demo.wrong")
        .output()
        .unwrap();
    assert_eq!(wrong_token.status.code(), Some(4), "{}", stderr(&wrong_token));
    let no_token = demo.client(&["health"]).env_remove("SIMRELAY_TOKEN").output().unwrap();
    assert_eq!(no_token.status.code(), Some(4), "{}", stderr(&no_token));
    assert!(stderr(&no_token).contains("SIMRELAY_TOKEN"), "{}", stderr(&no_token));
    let no_number = demo.ask(&["send", "nobody", "x"]);
    assert_eq!(no_number.status.code(), Some(2), "{}", stderr(&no_number));
    let unknown = demo.ask(&["status", "01936f0e-7c1a-7c3e-9a54-0f6f3c2f9a10"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", stderr(&unknown));
    let emergency = demo.ask(&["route", "112"]);
    assert_eq!(emergency.status.code(), Some(1), "{}", stderr(&emergency));

    // Another authority than the gateway's: the certificate of somebody else.
    let folder = tempfile::tempdir().unwrap();
    let other = simrelay(&["certificate", "--name", "localhost", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(other.status.success(), "{}", stderr(&other));
    let stranger = demo
        .client(&["health"])
        .env("SIMRELAY_CA", folder.path().join("ca.pem"))
        .output()
        .unwrap();
    assert_eq!(stranger.status.code(), Some(3));
    assert!(
        stderr(&stranger).contains("its certificate is not known here"),
        "{}",
        stderr(&stranger)
    );
    let misnamed = demo.text("url").replace("localhost", "[::1]");
    let misnamed = demo.client(&["health"]).env("SIMRELAY_URL", misnamed).output().unwrap();
    assert_eq!(misnamed.status.code(), Some(3));
}

#[test]
fn ctrl_c_or_a_closed_terminal_ends_it_and_leaves_nothing_behind() {
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        let mut demo = Demo::start();
        let folder = PathBuf::from(demo.text("ca")).parent().unwrap().to_owned();
        assert!(folder.is_dir() && folder.starts_with(demo.folder.path()));
        demo.signal(signal);
        let end = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = demo.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{signal}: {status}");
        assert!(!folder.exists(), "{signal}");
    }
}

/// The next line, as JSON.
fn next(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("an object a line")
}
