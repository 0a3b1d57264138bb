//! The mailbox of alarm mails.

use std::net::{IpAddr, Ipv4Addr};

use consumers::alerts::intake::{AlertMailbox, LetterConfig};
use consumers::smtp::{Answer, Letter, Mailbox, Recipient, Sender, Trust};
use jiff::Timestamp;

use crate::bench::Bench;

fn sender() -> Sender {
    Sender {
        address: Some("nvr@example.org".into()),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        account: None,
        trust: Trust::Listed,
    }
}

fn letter(id: &str, text: &str) -> Letter {
    let mail = format!("From: nvr@example.org\r\n{id}Subject: Alarm\r\n\r\n{text}\r\n");
    Letter::read(mail.as_bytes(), sender(), Timestamp::now())
}

fn to(address: &str) -> Recipient {
    Recipient::parse(address).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_mail_is_an_alert_once() {
    let bench = Bench::new().await;
    let mailbox = AlertMailbox::new(&LetterConfig::default(), bench.raiser.clone());
    let own = [to("Alerts+gate@sms.example.org")];
    for address in ["alerts@x.example", "alerts+a@x.example", "ALERTS@y.example"] {
        assert_eq!(mailbox.answer(&to(address), &sender()).await, Answer::Mine, "{address}");
    }
    assert_eq!(
        mailbox.answer(&to("+49171@x.example"), &sender()).await,
        Answer::NotMine
    );
    let mail = letter("Message-ID: <1@nvr>\r\n", "EVENT TYPE: Motion Detected");
    mailbox.take(&mail, &own).await.unwrap();
    mailbox.take(&mail, &own).await.unwrap();
    mailbox
        .take(&letter("Message-ID: <1@nvr>\r\n", "EVENT TYPE: Video Loss"), &own)
        .await
        .unwrap();
    for _ in 0..2 {
        mailbox.take(&letter("", "EVENT TYPE: Tampering"), &own).await.unwrap();
    }
    let kept = bench.alerts(4).await;
    let events: Vec<&str> = kept.iter().map(|raised| raised.alert.event.as_str()).collect();
    assert_eq!(events, ["Motion Detected", "Video Loss", "Tampering", "Tampering"]);
    assert_eq!(
        (kept[0].alert.camera.as_str(), kept[0].alert.source.as_str()),
        ("gate", "mail")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_mail_of_two_devices_is_two_alerts() {
    let bench = Bench::new().await;
    let mailbox = AlertMailbox::new(&LetterConfig::default(), bench.raiser.clone());
    let mut mail = letter(
        "Date: Sat, 31 Jan 2026 08:00:00 +0000\r\n",
        "EVENT TYPE: Motion Detected",
    );
    let (gate, door) = ([to("alerts+gate@x.example")], [to("alerts+door@x.example")]);
    for recipients in [&gate, &door, &gate] {
        mailbox.take(&mail, recipients).await.unwrap();
    }
    mail.sender.peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    mailbox.take(&mail, &gate).await.unwrap();
    let kept = bench.alerts(3).await;
    let cameras: Vec<&str> = kept.iter().map(|raised| raised.alert.camera.as_str()).collect();
    assert_eq!(cameras, ["gate", "door", "gate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_domain_is_of_that_domain_alone() {
    let bench = Bench::new().await;
    let config = LetterConfig {
        to: vec!["cams@sms.example.org".into()],
        ..LetterConfig::default()
    };
    let mailbox = AlertMailbox::new(&config, bench.raiser.clone());
    assert_eq!(
        mailbox.answer(&to("cams@SMS.example.org"), &sender()).await,
        Answer::Mine
    );
    assert_eq!(
        mailbox.answer(&to("cams@example.org"), &sender()).await,
        Answer::NotMine
    );
}
