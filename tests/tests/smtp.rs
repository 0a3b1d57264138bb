//! E-mail to SMS: swaks is the client, the simulated SIMs are the phones.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use end_to_end::{Gateway, MailServer, Rig, eventually, free_port, mail_header};
use modemsim::Rule;
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);

/// A gateway that takes mail at a port for `sms.test`, and what swaks needs to bring it.
struct Post {
    rig: Rig,
    port: u16,
}

impl Post {
    /// With these lines in `[smtp]`, `[mail_to_sms]` and after both.
    fn new(smtp: &str, sms: &str, more: &str) -> Self {
        let port = free_port();
        let rig = Rig::new(2).config(&format!(
            "[smtp]\nlisten = [\"127.0.0.1:{port}\"]\n{smtp}\n[mail_to_sms]\ndomain = \"sms.test\"\n{sms}\n{more}"
        ));
        Self { rig, port }
    }

    /// swaks with STARTTLS and the login of a token, to a number; `None` where it is not installed.
    fn mail(&self, token: &str, number: &str, args: &[&str]) -> Option<Output> {
        let secret = self.rig.token_of(token);
        let secret = secret.split_once('.').expect("a token has two halves").1;
        let ca = self.rig.certificate().display().to_string();
        let mut all = vec!["--tls", "--tls-verify", "--tls-ca-path", &ca, "--auth", "PLAIN"];
        all.extend(["--auth-user", token, "--auth-password", secret]);
        all.extend(args);
        self.swaks(number, &all)
    }

    fn swaks(&self, number: &str, args: &[&str]) -> Option<Output> {
        let mut swaks = Command::new("swaks");
        swaks.args([
            "--server",
            &format!("localhost:{}", self.port),
            "--from",
            "me@example.org",
        ]);
        // In quotes, since swaks takes what begins with a plus for an option.
        swaks.args(["--to", &format!("\"{number}\"@sms.test")]).args(args);
        let missing = match swaks.output() {
            Ok(output) if String::from_utf8_lossy(&output.stderr).contains("TLS not available") => "its TLS".to_owned(),
            Ok(output) => return Some(output),
            Err(error) => error.to_string(),
        };
        let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
        assert!(!required, "swaks is missing ({missing}): run `tools/peers install`");
        eprintln!("skipped: swaks is not installed ({missing})");
        None
    }
}

fn is_told(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(words), "'{words}' is not in {said}");
    assert!(!output.status.success());
}

/// The texts that have arrived, at least so many.
fn arrived(gateway: &Gateway, count: usize) -> Vec<String> {
    let found = eventually(&format!("{count} messages arrive"), LONG, || {
        let found = gateway.api().fetch(0, 0);
        (found.len() >= count).then_some(found)
    });
    let text = |message: &serde_json::Value| message["text"].as_str().expect("a text").to_owned();
    found.iter().map(text).collect()
}

#[test]
fn a_mail_becomes_a_message_once_and_belongs_to_its_token() {
    let post = Post::new("", "", "");
    let rig = post.rig.token_entry("mailer", &["send"], "");
    let post = Post { rig, ..post };
    let gateway = post.rig.start_ready();
    let to = post.rig.modems[1].number();
    // It comes again as it was, its date included.
    let date = jiff::Timestamp::now().strftime("Date: %a, %d %b %Y %H:%M:%S +0000");
    let date = date.to_string();
    let mail = [
        "--body",
        "Grüße 👋\\n-- \\nmy signature",
        "--header",
        "Message-Id: <1@example.org>",
        "--header",
        &date,
    ];
    for _ in 0..2 {
        let Some(output) = post.mail("mailer", to, &mail) else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
    }
    let other = ["--body", "another", "--header", "Message-Id: <2@example.org>"];
    // From the slot that its number names.
    let output = post
        .mail("mailer", &format!("{to}+sim-1"), &other)
        .expect("it was there");
    assert!(output.status.success(), "{output:?}");
    let mut texts = arrived(&gateway, 2);
    texts.sort();
    assert_eq!(texts, ["Grüße 👋", "another"]);
    let own = gateway.api().with_token(&post.rig.token_of("mailer"));
    let list = own.call("sms.list", json!({})).expect("a list");
    let list = list.as_array().expect("a list");
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!(list[0]["parts"][0]["sim"], "sim-1", "{list:?}");
    assert!(gateway.stop().success());
}

#[test]
fn what_was_answered_is_not_lost_when_the_gateway_dies() {
    // It may be with a modem when the gateway dies; then it waits a moment for its report, and goes out again.
    let post = Post::new("", "", "[store]\nuncertain_wait_s = 1");
    let gateway = post.rig.start();
    let to = post.rig.modems[1].number().to_owned();
    let Some(output) = post.mail("test", &to, &["--body", "kept"]) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    gateway.kill();
    let gateway = post.rig.start_ready();
    assert!(arrived(&gateway, 1).iter().all(|text| text == "kept"));
}

#[test]
fn what_cannot_be_sent_is_said_before_the_mail_comes() {
    let post = Post::new("mail_bytes = 20000", "parts = 1\ntruncate = false", "");
    let rig = post.rig;
    let rig = rig
        .token_entry("near", &["send"], "prefixes = [\"+49151\"]\n")
        .token_entry("reader", &["fetch"], "")
        .token_entry("rare", &["send"], "per_minute = 1\n");
    let post = Post { rig, ..post };
    let gateway = post.rig.start_ready();
    let to = post.rig.modems[1].number().to_owned();
    let Some(output) = post.mail("near", "+4366412345", &[]) else {
        return;
    };
    is_told(&output, "550 5.7.1 this token may not send to +4366412345");
    let told = |token: &str, number: &str, args: &[&str], words: &str| {
        is_told(&post.mail(token, number, args).expect("it was there"), words);
    };
    told("test", "+1", &[], "550 5.1.3");
    told("test", "not-a-number", &[], "550 5.1.3");
    told("test", &format!("{to}+sim-9"), &[], "550 5.1.1 there is no SIM 'sim-9'");
    told("reader", &to, &[], "550 5.7.1 this sender may not send messages");
    gateway
        .api()
        .call("numbers.stop", json!({ "number": "+491715550000" }))
        .expect("on the list");
    told(
        "test",
        "+491715550000",
        &[],
        "550 5.7.1 +491715550000 asked for no more messages",
    );
    told("test", &to, &["--header", "X-Simrelay-Id: 1"], "554 5.4.6");
    told("test", &to, &["--header", "Auto-Submitted: auto-replied"], "554 5.4.6");
    told("test", &to, &["--body", &"x".repeat(161)], "552 5.2.3");
    told("test", &to, &["--body", &"xxxxxxxxx\\n".repeat(3000)], "552 5.3.4");
    told("test", &to, &["--body", " ", "--header", "Subject: "], "554 5.6.0");
    assert!(
        post.mail("rare", &to, &["--body", "one"])
            .expect("it was there")
            .status
            .success()
    );
    told("rare", &to, &[], "452 4.5.3");
    // Neither without a login, nor with a wrong one.
    is_told(&post.swaks(&to, &[]).expect("it was there"), "530 5.7.0");
    let wrong = [
        "--tls",
        "--auth",
        "LOGIN",
        "--auth-user",
        "test",
        "--auth-password",
        "wrong",
    ];
    is_told(&post.swaks(&to, &wrong).expect("it was there"), "535 5.7.8");
    assert_eq!(arrived(&gateway, 1), ["one"]);
    assert!(gateway.stop().success());
}

#[test]
fn an_old_camera_is_understood_where_that_is_configured() {
    let senders = "[[smtp.senders]]\nfrom = [\"cam@example.org\"]\nnetworks = [\"127.0.0.0/8\"]\ntoken = \"camera\"\n";
    let post = Post::new("bare_lf = true\nidle_s = 2", "transliterate = true", senders);
    let rig = post.rig.token_entry("camera", &["send"], "");
    let post = Post { rig, ..post };
    let gateway = post.rig.start_ready();
    let to = post.rig.modems[1].number();
    let mut camera = TcpStream::connect(("127.0.0.1", post.port)).expect("it listens");
    let silent = BufReader::new(TcpStream::connect(("127.0.0.1", post.port)).expect("it listens"));
    let mail = format!(
        "HELO\nMAIL FROM: cam@example.org\nRCPT TO: {to}@sms.test\nDATA\nSubject: Motion\nPrecedence: bulk\n\
         Content-Type: text/html\n\n<p>EVENT TYPE: <b>Motion</b></p>\n.\n"
    );
    camera.write_all(mail.as_bytes()).expect("written");
    let mut said = BufReader::new(camera).lines().map_while(Result::ok);
    let kept = said.find(|line| line.contains("2.0.0 kept"));
    // It goes without a word.
    drop(said);
    assert!(kept.is_some());
    assert_eq!(arrived(&gateway, 1), ["EVENT TYPE: Motion"]);
    let lines: Vec<String> = silent.lines().map_while(Result::ok).collect();
    assert!(lines.last().expect("a farewell").starts_with("421 4.4.2"), "{lines:?}");
    assert!(gateway.stop().success());
}

#[test]
fn an_answer_to_a_mail_and_its_failure_find_their_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = MailServer::new(folder.path()) else {
        return;
    };
    server.start();
    let mail = format!(
        "{}from = \"gw@example.org\"\nto = [\"ops@example.org\"]\n",
        server.settings()
    );
    let post = Post::new("", "bounces = true", &mail);
    let gateway = post.rig.start_ready();
    let (sim, stranger) = (post.rig.modems[0].number(), "+493023125001");
    post.rig
        .network
        .text(sim, stranger, "Are you there?")
        .expect("delivered");
    let first = |count: usize| eventually("a mail comes", LONG, || server.mails().into_iter().nth(count));
    let received = first(0);
    let answer = mail_header(&received, "Reply-To");
    assert_eq!(answer, format!("{stranger}+sim-0@sms.test"));
    // The number is out of use, as the network tells: 0x41.
    let fails = Rule {
        to: Some(stranger.into()),
        reports: Some(vec![0x41]),
        ..Rule::default()
    };
    post.rig.network.rules(vec![fails]).expect("taken");
    let body = "Yes\\n\\nOn Friday, somebody wrote:\\n> Are you there?";
    let args = ["--body", body, "--header", "Message-Id: <answer@example.org>"];
    let Some(output) = post.mail("test", answer.trim_end_matches("@sms.test"), &args) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let sent = eventually("it is sent", LONG, || post.rig.network.sent().into_iter().next());
    assert_eq!((sent.to.as_str(), sent.from.as_str()), (stranger, sim));
    assert_eq!(sent.text.as_deref(), Some("Yes"));
    let bounce = first(1);
    assert_eq!(bounce["to"], json!(["me@example.org"]));
    assert_eq!(bounce["from"], "<>", "nobody is told of a failure of this one");
    assert_eq!(mail_header(&bounce, "In-Reply-To"), "<answer@example.org>");
    assert!(mail_header(&bounce, "Content-Type").contains("multipart/report"));
    assert!(bounce["text"].as_str().expect("a text").contains(stranger));
    // It would be refused as a loop by this gateway and by others like it.
    assert_eq!(mail_header(&bounce, "Auto-Submitted"), "auto-replied");
    assert!(gateway.stop().success());
}
