//! Mail that becomes messages, in a gateway without modems: what is sent, and what is only a repetition.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use consumers::mail_to_sms::{Config, MailToSms};
use consumers::smtp::{Account, Letter, Mailbox, Recipient, Reply, Sender, Trust};
use gateway::{Gateway, Origin, Parts, RouteSettings, joiner};
use jiff::Timestamp;
use message::{ListQuery, RouteId, TokenId};
use router::RouteConfig;
use store::{Retention, Store};
use tempfile::TempDir;

use crate::server::Clerk;

/// Turns mails into messages that wait, since there is nothing to send them over.
struct Office {
    gateway: Gateway,
    mailbox: MailToSms,
    _folder: TempDir,
}

impl Office {
    async fn new(queue_limit_token: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let config = store::Config {
            queue_limit_token,
            ..store::Config::default()
        };
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, &config, joiner()));
        let (store, _) = opened.await.expect("it ends").expect("a store");
        let routes = BTreeMap::from([(RouteId::new("sim1"), RouteConfig::default())]);
        let parts = Parts {
            config: gateway::Config::default(),
            uncertain_wait: Duration::from_secs(1),
            retention: Retention::default(),
            settings: RouteSettings {
                routes,
                ..RouteSettings::default()
            },
            store,
            carriers: Vec::new(),
            care: gateway::CareSettings::default(),
            token_sims: BTreeMap::new(),
            tally: gateway::Tally::default(),
        };
        let gateway = Gateway::start(parts).await.expect("it starts");
        let config = Config {
            domain: Some("sms".into()),
            ..Config::default()
        };
        Self {
            mailbox: MailToSms::new(config, gateway.clone(), Arc::new(Clerk)).expect("a domain"),
            gateway,
            _folder: folder,
        }
    }

    /// Brings a mail for these numbers now.
    async fn bring(&self, mail: &str, numbers: &[&str]) -> Result<(), Reply> {
        let origin = Origin {
            token: Some(TokenId::new("gw")),
            ..Origin::default()
        };
        let sender = Sender {
            address: Some("ups@here".into()),
            peer: Ipv4Addr::LOCALHOST.into(),
            account: Some(Account { origin, may_send: true }),
            trust: Trust::Listed,
        };
        let letter = Letter::read(mail.as_bytes(), sender, Timestamp::now());
        let to: Vec<Recipient> = numbers
            .iter()
            .filter_map(|number| Recipient::parse(&format!("{number}@sms")))
            .collect();
        self.mailbox.take(&letter, &to).await
    }

    /// The texts of all messages, the first first.
    async fn texts(&self) -> Vec<String> {
        let found = self.gateway.list(&Origin::operator(), ListQuery::default()).await;
        let texts = found.expect("a list").messages.into_iter().rev();
        texts.map(|view| view.text.unwrap_or_default()).collect()
    }
}

/// A mail of a device that always writes the same Message-ID, so many seconds ago.
fn fixed_id(seconds_ago: i64, text: &str) -> String {
    let date = Timestamp::now() - Duration::from_secs(seconds_ago.unsigned_abs());
    let date = date.strftime("%a, %d %b %Y %H:%M:%S +0000");
    format!("From: ups@here\r\nMessage-ID: <1@ups>\r\nDate: {date}\r\n\r\n{text}\r\n")
}

#[tokio::test]
async fn a_device_that_always_writes_the_same_message_id_is_heard_each_time() {
    let office = Office::new(0).await;
    let lost = fixed_id(600, "Power lost");
    for mail in [
        &lost,
        &fixed_id(300, "Power is back"),
        &fixed_id(0, "Power lost"),
        &lost,
    ] {
        assert_eq!(office.bring(mail, &[ONE]).await, Ok(()));
    }
    assert_eq!(office.texts().await, ["Power lost", "Power is back", "Power lost"]);
}

#[tokio::test]
async fn a_mail_without_message_id_and_date_is_not_doubled_by_a_retry_after_a_partial_refusal() {
    let office = Office::new(1).await;
    let mail = "From: ups@here\r\n\r\nPower lost\r\n";
    let full = office.bring(mail, &[ONE, OTHER]).await.unwrap_err();
    assert!(full.is_temporary(), "{full}");
    let kept = office.gateway.list(&Origin::operator(), ListQuery::default()).await;
    let first = kept.unwrap().messages[0].id;
    // There is room again.
    office.gateway.cancel(&Origin::operator(), first).await.unwrap();
    assert_eq!(office.bring(mail, &[ONE, OTHER]).await, Ok(()));
    let kept = office.gateway.list(&Origin::operator(), ListQuery::default()).await;
    let to: Vec<String> = kept.unwrap().messages.iter().map(|view| view.to.to_string()).collect();
    assert_eq!(to, [OTHER, ONE]);
}

const ONE: &str = "+491711234567";
const OTHER: &str = "+491711234568";
