//! Clients that do what they should not.

use std::time::Duration;

use crate::server::Server;

const MAIL: &str = "MAIL FROM:<cam@here>\r\nRCPT TO:<x@here>\r\nDATA\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_is_taken_and_answered_in_order() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    client
        .say(format!(
            "EHLO\r\n{MAIL}Subject: 1\r\n\r\n..\r\n.\r\n{MAIL}Subject: 2\n\nx\r\n.\r\nQUIT\r\n"
        ))
        .await;
    let replies = client.replies(7 + 2 * 4 + 1).await;
    let codes: Vec<&str> = replies.iter().skip(7).map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "354", "250", "250", "250", "354", "250", "221"]);
    let letters = server.letters();
    assert_eq!((letters[0].0.text.as_str(), letters[1].0.text.as_str()), (".\n", "x\n"));
    assert_eq!(client.reply().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_smuggled_inside_of_a_mail() {
    let server = Server::start(|_| {}).await;
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r.\r\n"] {
        let before = server.letters().len();
        let mut client = server.connect().await;
        client
            .say(format!(
                "{MAIL}Subject: 1\r\n\r\na{end}{MAIL}Subject: 2\r\n\r\nb\r\n.\r\n"
            ))
            .await;
        client.replies(4).await;
        assert_eq!(server.letters().len(), before + 1, "{end:?}");
        assert!(client.ask("NOOP").await.starts_with("250"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_feeds_alone_end_a_mail_where_that_is_configured() {
    let server = Server::start(|config| config.bare_lf = true).await;
    let mut client = server.connect().await;
    client
        .say("MAIL FROM:<cam@here>\nRCPT TO:<x@here>\nDATA\nSubject: x\n\nold\n.\n")
        .await;
    assert_eq!(client.replies(4).await[3], "250 2.0.0 kept");
    assert_eq!(server.letters()[0].0.text, "old\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_the_handshake_counts_for_nothing() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    client
        .say(format!("STARTTLS\r\n{MAIL}Subject: injected\r\n\r\nx\r\n.\r\n"))
        .await;
    assert!(client.reply().await.starts_with("220"));
    client.say("this is no handshake").await;
    // An alert perhaps, and the end: nothing of the mail was answered.
    let rest = client.reply().await;
    assert!(!rest.contains("250"), "{rest}");
    assert!(server.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_after_the_last_dot_has_handed_in_its_mail() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    client.say(format!("{MAIL}Subject: slow\r\n\r\nx\r\n.\r\n")).await;
    client.replies(3).await;
    // A reset, as devices do it, instead of an end.
    client.0.set_zero_linger().unwrap();
    drop(client);
    for _ in 0..100 {
        if !server.letters().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the mail is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_does_not_end_is_none() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    client.say(format!("{MAIL}Subject: half\r\n\r\nx")).await;
    client.replies(3).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(server.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_garbage_are_sent_away_and_others_go_on() {
    let server = Server::start(|config| config.idle_s = 1).await;
    let mut silent = server.connect().await;
    let mut halfway = server.connect().await;
    halfway.say(MAIL).await;
    halfway.replies(3).await;
    let mut garbage = server.connect().await;
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    // It may be sent away before it has said everything.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut garbage.0, &noise).await;
    assert!(silent.reply().await.starts_with("421 4.4.2"));
    assert_eq!(silent.reply().await, "");
    assert_eq!(halfway.reply().await, "", "a mail that stalls ends with its connection");
    let mut client = server.connect().await;
    client.say(format!("{MAIL}Subject: x\r\n\r\nx\r\n.\r\n")).await;
    assert_eq!(client.replies(4).await[3], "250 2.0.0 kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_after_its_time_and_too_many_are_told_to_come_again() {
    let server = Server::start(|config| {
        config.total_s = 1;
        config.connections_per_address = 2;
    })
    .await;
    let mut one = server.connect().await;
    let _two = server.connect().await;
    let mut three = crate::server::Client(tokio::net::TcpStream::connect(server.plain).await.unwrap());
    assert!(three.reply().await.starts_with("421 4.7.0"));
    for _ in 0..20 {
        if tokio::io::AsyncWriteExt::write_all(&mut one.0, b"NOOP\r\n")
            .await
            .is_err()
            || one.reply().await.is_empty()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it lasts for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_mail_end_and_sends_idle_clients_away() {
    let server = Server::start(|_| {}).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.say(format!("{MAIL}Subject: slow\r\n\r\nx\r\n.\r\n")).await;
    busy.replies(3).await;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    assert!(busy.reply().await.starts_with("250 2.0.0 kept"));
}
