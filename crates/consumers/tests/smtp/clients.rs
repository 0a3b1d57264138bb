//! Clients that people use: swaks, curl, Python's smtplib.

use std::process::{Command, Output};

use consumers::smtp::Trust;

use crate::server::Server;

/// Runs a client off the server's threads. `None`, with a word about it, where it is not installed; in CI that is an
/// error.
async fn run(program: &'static str, args: Vec<String>) -> Option<Output> {
    let ran = move || Command::new(program).args(args).output();
    let missing = match tokio::task::spawn_blocking(ran).await.expect("it runs") {
        // swaks without the library that it needs for TLS.
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("TLS not available") => "its TLS".to_owned(),
        Ok(output) => return Some(output),
        Err(error) => error.to_string(),
    };
    let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
    assert!(!required, "{program} is missing ({missing}): run `tools/peers install`");
    eprintln!("skipped: {program} is not installed ({missing})");
    None
}

/// swaks, to one address, with more arguments. It takes an argument that begins with a plus for an option: such an
/// address is written with quotes, which mean nothing in an address.
async fn swaks(port: u16, from: &str, to: &str, args: &[&str]) -> Option<Output> {
    let server = format!("localhost:{port}");
    let mut all = vec![
        "--server",
        &server,
        "--from",
        from,
        "--to",
        to,
        "--helo",
        "client.example",
    ];
    all.extend(args);
    run("swaks", all.into_iter().map(str::to_owned).collect()).await
}

const LOGIN: [&str; 4] = ["--auth-user", "gw", "--auth-password", "secret"];

#[tokio::test(flavor = "multi_thread")]
async fn swaks_sends_with_starttls_and_a_login() {
    let server = Server::start(|_| {}).await;
    let ca = server.ca().display().to_string();
    for mechanism in ["PLAIN", "LOGIN"] {
        let mut args = vec![
            "--tls",
            "--tls-verify",
            "--tls-ca-path",
            &ca,
            "--auth",
            mechanism,
            "--body",
            "Grüße",
        ];
        args.extend(LOGIN);
        let Some(output) = swaks(server.plain.port(), "me@there", "\"+49171\"@here", &args).await else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
    }
    let mut args = vec!["--tlsc", "--auth", "PLAIN"];
    args.extend(LOGIN);
    let output = swaks(server.wrapped.port(), "me@there", "x@here", &args).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let letters = server.letters();
    assert_eq!(letters.len(), 3);
    let (letter, to) = &letters[0];
    assert_eq!(to, &["+49171@here"]);
    assert_eq!(letter.text.trim(), "Grüße");
    assert_eq!(letter.sender.address.as_deref(), Some("me@there"));
    assert_eq!(letter.sender.trust, Trust::Login);
    assert!(letter.message_id.is_some() && letter.date.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_is_told_what_is_wrong() {
    let server = Server::start(|config| config.mail_bytes = 20_000).await;
    let port = server.plain.port();
    // 24: the recipient; 28: the login; 23: the sender; 26: the mail.
    let wrong = [
        "--tls",
        "--auth",
        "PLAIN",
        "--auth-user",
        "gw",
        "--auth-password",
        "guess",
    ];
    let Some(output) = swaks(port, "me@there", "x@here", &wrong).await else {
        return;
    };
    assert_eq!(output.status.code(), Some(28), "{output:?}");
    let stranger = swaks(port, "me@there", "x@here", &[]).await.unwrap();
    assert_eq!(stranger.status.code(), Some(23), "{stranger:?}");
    let unknown = swaks(port, "cam@here", "x@elsewhere", &[]).await.unwrap();
    assert_eq!(unknown.status.code(), Some(24), "{unknown:?}");
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("550 5.1.1"));
    let full = swaks(port, "cam@here", "full@here", &[]).await.unwrap();
    assert!(String::from_utf8_lossy(&full.stdout).contains("452 4.5.3"), "{full:?}");
    let large = "x".repeat(100).repeat(300);
    let large = swaks(port, "cam@here", "x@here", &["--body", &large]).await.unwrap();
    assert!(
        String::from_utf8_lossy(&large.stdout).contains("552 5.3.4"),
        "{large:?}"
    );
    let answer = ["--header", "Auto-Submitted: auto-replied"];
    let answer = swaks(port, "cam@here", "x@here", &answer).await.unwrap();
    assert!(
        String::from_utf8_lossy(&answer.stdout).contains("554 5.4.6"),
        "{answer:?}"
    );
    assert!(server.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_pipelines_and_curl_attaches() {
    let server = Server::start(|_| {}).await;
    let piped = ["--pipeline", "--attach-type", "image/jpeg", "--attach", "@/dev/null"];
    let Some(output) = swaks(server.plain.port(), "cam@here", "x@here,y@here", &piped).await else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.letters()[0].1, ["x@here", "y@here"]);
    let url = format!("smtp://localhost:{}", server.plain.port());
    let picture = server.ca().display().to_string();
    let form = format!("=@{picture};filename=cam.jpg;type=image/jpeg");
    let args = [
        "-sS",
        "--url",
        &url,
        "--mail-from",
        "cam@here",
        "--mail-rcpt",
        "x@here",
        "-H",
        "Subject: Motion",
        "-F",
        "=alarm",
        "-F",
        &form,
    ];
    let Some(output) = run("curl", args.map(str::to_owned).into()).await else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let (letter, _) = &server.letters()[1];
    assert_eq!((letter.subject.as_str(), letter.text.trim()), ("Motion", "alarm"));
    assert_eq!(letter.images[0].name.as_deref(), Some("cam.jpg"));
    assert_eq!(letter.images[0].octets, std::fs::read(server.ca()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn smtplib_sends_8_bit_and_several_mails_on_a_connection() {
    let server = Server::start(|_| {}).await;
    let script = format!(
        "import smtplib, ssl\n\
         s = smtplib.SMTP('localhost', {}, timeout=20)\n\
         s.starttls(context=ssl.create_default_context(cafile={:?}))\n\
         s.login('gw', 'secret')\n\
         for n in range(3):\n\
         \x20   s.sendmail('me@there', ['x@here'], ('Subject: %d\\r\\nContent-Type: text/plain; charset=utf-8\\r\\n\\r\\n\
         Gr\u{fc}\u{df}e\\r\\n.dot\\r\\n' % n).encode(), mail_options=['BODY=8BITMIME', 'SMTPUTF8'])\n\
         try:\n\
         \x20   s.sendmail('me@there', ['nobody@elsewhere'], b'x')\n\
         except smtplib.SMTPRecipientsRefused as refused:\n\
         \x20   assert refused.recipients['nobody@elsewhere'][0] == 550\n\
         s.quit()\n",
        server.plain.port(),
        server.ca()
    );
    let Some(output) = run("python3", vec!["-c".into(), script]).await else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let letters = server.letters();
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[2].0.subject, "2");
    assert_eq!(letters[2].0.text, "Grüße\n.dot\n");
}
