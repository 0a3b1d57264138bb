//! Received messages by mail: whatever is wrong with the mail server or the gateway, nothing is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use end_to_end::{Gateway, MailServer, Rig, eventually, mail_header};

const LONG: Duration = Duration::from_secs(120);
const SENDER: &str = "+493023125001";

fn arrive(rig: &Rig, gateway: &Gateway, texts: &[&str], all: usize) {
    for text in texts {
        let told = rig.network.text(rig.modems[0].number(), SENDER, text);
        told.expect("delivered");
    }
    eventually("they arrive", LONG, || {
        (gateway.api().fetch(0, 0).len() >= all).then_some(())
    });
}

#[test]
fn nothing_is_lost_while_the_mail_server_is_down_and_the_gateway_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = MailServer::new(folder.path()) else {
        return;
    };
    let settings = server.settings();
    let rig = Rig::new(1).config(&format!("{settings}to = [\"ops@example.org\"]\nbody = \"{{text}}\""));
    let gateway = rig.start_ready();
    arrive(&rig, &gateway, &["one", "Grüße 👍"], 2);
    gateway.wait_log("Connection refused");
    gateway.kill();
    let gateway = rig.start_ready();
    arrive(&rig, &gateway, &["three"], 3);
    server.start();
    let taken = eventually("all are mailed", LONG, || {
        let taken = server.mails();
        (taken.len() >= 3).then_some(taken)
    });
    let texts: BTreeSet<&str> = taken
        .iter()
        .filter_map(|mail| mail["text"].as_str())
        .map(str::trim)
        .collect();
    assert_eq!(texts, BTreeSet::from(["one", "Grüße 👍", "three"]));
    let ids: BTreeSet<&str> = taken.iter().map(|mail| mail_header(mail, "Message-ID")).collect();
    assert_eq!(ids.len(), 3);
    assert!(mail_header(&taken[0], "From").starts_with(SENDER));
    assert!(gateway.stop().success());
}
