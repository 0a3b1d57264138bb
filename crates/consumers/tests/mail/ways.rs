//! The ways to a mail server, and what travels them.

use std::net::TcpListener;

use consumers::Verdict;
use consumers::mail::{Config, Mail, Password, Security, Shipped};
use message::{Inbound, InboundKind, Number};

use crate::setting::{away, idle, open, receive, settings, sms, start, work};
use crate::sink::{Sink, header};

#[tokio::test(flavor = "multi_thread")]
async fn any_text_arrives_as_it_was_sent() {
    let Some(sink) = Sink::start("plain") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let texts = [
        "Grüße, 日本, 👨‍👩‍👧 and {braces}",
        "سلام، حال شما چطور است؟",
        "a\0b\u{1b}c\u{7f}",
        ".\n..\n.x\n\n.",
        "From me\n-- \nline\r\nline\rline",
        &"long ".repeat(400),
        &"ü".repeat(1530),
        "",
    ];
    receive(&store, texts.map(sms)).await;
    let evil = "Eve\r\nBcc: x@y";
    let named = Inbound {
        from: Number::received(evil),
        ..sms(evil)
    };
    let data = Inbound {
        kind: InboundKind::Data,
        data_hex: Some("00ff0d0a2e0d0a".into()),
        ..sms("")
    };
    receive(&store, [named, data]).await;
    let room = start(
        &store,
        &Config {
            body: Some("{text}".into()),
            ..settings(sink.port)
        },
    );
    assert_eq!(idle(&store).await, (0, None));
    room.stop().await;
    let mails = sink.mails();
    assert_eq!(mails.len(), texts.len() + 2);
    for (mail, text) in mails.iter().zip(texts) {
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let found = mail["text"].as_str().expect("a text").replace("\r\n", "\n");
        // A mail ends with the end of a line.
        assert_eq!(
            found.strip_suffix('\n').unwrap_or(&found),
            lines.strip_suffix('\n').unwrap_or(&lines)
        );
        assert_eq!(mail["defects"].as_array().map(Vec::len), Some(0), "{mail}");
    }
    assert_eq!(header(&mails[0], "From"), "+989126211770 <gw@example.org>");
    let subject = "SMS from +989126211770 to sim1: Grüße, 日本, 👨‍👩‍👧 and {braces}";
    assert_eq!(header(&mails[0], "Subject"), subject);
    assert_eq!(header(&mails[texts.len()], "From"), "\"Eve Bcc: x@y\" <gw@example.org>");
    assert_eq!(mails[texts.len()]["to"], serde_json::json!(["ops@example.org"]));
    assert_eq!(
        mails[texts.len() + 1]["attached"],
        serde_json::json!(["00ff0d0a2e0d0a"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_carries_all_mails_and_a_lost_one_is_made_anew() {
    let Some(mut sink) = Sink::start("plain") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, (0..20).map(|number| sms(&number.to_string()))).await;
    let mail = Mail::new(&settings(sink.port));
    assert!(
        work(&store, &mail)
            .await
            .iter()
            .all(|verdict| *verdict == Verdict::Done)
    );
    let peers: Vec<_> = sink.mails().iter().map(|mail| mail["peer"].clone()).collect();
    assert_eq!(peers.len(), 20);
    assert!(peers.iter().all(|peer| *peer == peers[0]), "{peers:?}");
    sink.stop();
    sink.start_again();
    assert!(
        work(&store, &mail)
            .await
            .iter()
            .all(|verdict| *verdict == Verdict::Done)
    );
    let mails = sink.mails();
    assert_eq!(mails.len(), 40);
    // The same messages once more, as after a kill between mail and mark: the same ids.
    for (first, second) in mails[..20].iter().zip(&mails[20..]) {
        assert_eq!(header(first, "Message-ID"), header(second, "Message-ID"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_and_implicit_tls_carry_the_login() {
    for (mode, security) in [("starttls", Security::Starttls), ("tls", Security::Tls)] {
        let Some(sink) = Sink::start(mode) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        receive(&store, [sms("secret")]).await;
        let right = Config {
            security,
            ca_file: Some(sink.certificate()),
            user: Some("gw".into()),
            password: Some(Password::new("secret")),
            ..settings(sink.port)
        };
        let untrusted = Config {
            ca_file: None,
            ..right.clone()
        };
        let told = work(&store, &Mail::new(&untrusted)).await;
        assert!(away(&told).contains("vouches for its certificate"), "{told:?}");
        let other_name = Config {
            host: "127.0.0.2".into(),
            ..right.clone()
        };
        let told = work(&store, &Mail::new(&other_name)).await;
        assert!(away(&told).contains("127.0.0.2"), "{told:?}");
        let wrong = Config {
            password: Some(Password::new("wrong")),
            ..right.clone()
        };
        let told = work(&store, &Mail::new(&wrong)).await;
        assert!(away(&told).contains("535"), "{told:?}");
        assert_eq!(sink.mails().len(), 0);
        assert_eq!(work(&store, &Mail::new(&right)).await, [Verdict::Done]);
        let mails = sink.mails();
        assert_eq!((&mails[0]["login"], mails.len()), (&true.into(), 1));
        assert_eq!(mails[0]["tls"], (mode == "starttls"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_is_taken_where_it_is_offered_and_missed_only_where_it_is_required() {
    let (Some(plain), Some(secured)) = (Sink::start("plain"), Sink::start("starttls")) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("x")]).await;
    let with = |sink: &Sink, security| Config {
        security,
        ca_file: Some(sink.certificate()),
        ..settings(sink.port)
    };
    assert_eq!(
        work(&store, &Mail::new(&with(&plain, Security::Opportunistic))).await,
        [Verdict::Done]
    );
    let told = work(&store, &Mail::new(&with(&plain, Security::Starttls))).await;
    assert!(away(&told).contains("STARTTLS"), "{told:?}");
    // This server wants a login after STARTTLS, and only says so when it is encrypted.
    let told = work(&store, &Mail::new(&with(&secured, Security::Opportunistic))).await;
    assert!(away(&told).contains("530 5.7.0 Authentication required"), "{told:?}");
    assert_eq!((plain.mails().len(), secured.mails().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_left_after_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("x")]).await;
    let port = listener.local_addr().expect("bound").port();
    let told = work(
        &store,
        &Mail::new(&Config {
            timeout_s: 1,
            ..settings(port)
        }),
    )
    .await;
    assert_eq!(away(&told), format!("localhost:{port}: no answer within 1 s"));
    drop(listener);
    let told = work(&store, &Mail::new(&settings(port))).await;
    assert!(away(&told).contains("refused"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_smsgate_find_their_mail_unchanged() {
    let Some(sink) = Sink::start("plain") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("Hello")]).await;
    let config = Config {
        template: Shipped::Smsgate,
        ..settings(sink.port)
    };
    assert_eq!(work(&store, &Mail::new(&config)).await, [Verdict::Done]);
    let mail = sink.mails().remove(0);
    assert_eq!(
        header(&mail, "Subject"),
        "SMS from +989126211770 to sim1 via modem [sim1]"
    );
    let text = mail["text"].as_str().expect("a text");
    assert!(text.contains("\nFlash message     : False\n") || text.contains("\r\nFlash message     : False\r\n"));
}
