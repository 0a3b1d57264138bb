//! Bursts: in bounded memory, and nothing is lost that was acknowledged.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::Hold;

use crate::site::{MEMORY, Site, jpeg, most_memory};

const SENDERS: usize = 8;

fn line(name: &str, picture: &str) -> String {
    format!("{{\"event\":\"{name}\",\"camera\":\"cam\",\"image_filename\":\"a.jpg\",\"image_b64\":\"{picture}\"}}\n")
}

#[test]
fn ten_thousand_events_with_pictures_fit_into_the_memory_and_all_are_kept() {
    let site = Site::new("ack = true", "");
    let gateway = site.rig.start();
    let picture = STANDARD.encode(jpeg(20_000));
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let mut client = site.connect();
            let (mut writer, picture) = (client.writer(), &picture);
            scope.spawn(move || {
                for number in 0..10_000 / SENDERS {
                    writer
                        .write_all(line(&format!("{sender}-{number}"), picture).as_bytes())
                        .expect("said");
                }
            });
            scope.spawn(move || {
                for _ in 0..10_000 / SENDERS {
                    assert_eq!(client.hear()["ok"], true);
                }
            });
        }
    });
    assert_eq!(site.count(), 10_000);
    let memory = most_memory(&gateway);
    assert!(memory < MEMORY, "{memory} MB");
    assert!(gateway.stop().success());
}

#[test]
fn the_longest_lines_from_many_at_once_fit_into_the_memory() {
    let site = Site::new("ack = true", "");
    let gateway = site.rig.start();
    let picture = STANDARD.encode(jpeg(6_000_000));
    thread::scope(|scope| {
        for sender in 0..16 {
            let mut client = site.connect();
            let picture = &picture;
            scope.spawn(move || {
                for _ in 0..3 {
                    client.say(line(&sender.to_string(), picture).as_bytes());
                    assert_eq!(client.hear()["ok"], true);
                }
            });
        }
    });
    assert_eq!(site.count(), 48);
    let memory = most_memory(&gateway);
    assert!(memory < MEMORY, "{memory} MB");
    assert!(gateway.stop().success());
}

#[test]
fn what_was_acknowledged_survives_a_kill_in_the_burst() {
    let site = Site::new("ack = true", "");
    let gateway = site.rig.start();
    let picture = STANDARD.encode(jpeg(20_000));
    let mut client = site.connect();
    let mut writer = client.writer();
    let sending = thread::spawn(move || {
        for number in 0..10_000 {
            // The gateway is killed meanwhile.
            if writer
                .write_all(line(&number.to_string(), &picture).as_bytes())
                .is_err()
            {
                return;
            }
        }
    });
    let acknowledged: BTreeSet<String> = (0..500)
        .map(|_| client.hear()["id"].as_str().expect("an id").to_owned())
        .collect();
    gateway.kill();
    sending.join().expect("it ends");
    drop(client);
    let gateway = site.rig.start();
    let kept = site.kept(usize::try_from(site.count()).expect("few"));
    let ids: BTreeSet<String> = kept
        .iter()
        .map(|kept| kept.alert["id"].as_str().expect("an id").to_owned())
        .collect();
    assert!(acknowledged.is_subset(&ids), "{} of {}", ids.len(), acknowledged.len());
    assert!(
        kept.iter().all(|kept| kept.pictures == [jpeg(20_000)]),
        "pictures are kept with their alerts"
    );
    assert!(kept.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert!(gateway.stop().success());
}

#[test]
fn what_cannot_be_kept_is_refused_to_whoever_asks_and_tried_again_for_the_silent() {
    let site = Site::new("", "\n[store]\nbusy_wait_ms = 100");
    let gateway = site.rig.start();
    let url = format!("http://127.0.0.1:{}/alert", site.http);
    let post = || {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--max-time",
            "60",
            "--write-out",
            "%{http_code}",
            "--output",
            "/dev/null",
        ]);
        let output = curl
            .args(["--data", "{\"event\":\"posted\"}", &url])
            .output()
            .expect("curl");
        String::from_utf8(output.stdout).expect("a status")
    };
    let hold = Hold::take(&site.rig);
    let mut client = site.connect();
    for number in 0..300 {
        client.say(line(&number.to_string(), "").as_bytes());
    }
    gateway.wait_log("alerts cannot be kept");
    assert_eq!(post(), "503");
    assert_eq!(site.count(), 0);
    drop(hold);
    let kept = site.kept(300);
    let events: BTreeSet<&str> = kept.iter().filter_map(|kept| kept.alert["event"].as_str()).collect();
    assert_eq!(events.len(), 300, "each once");
    gateway.wait_log("alerts can be kept again");
    assert_eq!(post(), "200");
    site.kept(301);
    assert!(gateway.stop().success());
}
