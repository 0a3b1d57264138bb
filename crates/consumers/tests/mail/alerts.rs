//! Mails about alerts, with their pictures.

use std::sync::Arc;
use std::time::Duration;

use consumers::alerts::{AlertMail, MAIL_NAME};
use consumers::{Consumer, Room, Rules, Verdict};
use jiff::Timestamp;
use message::{AlertLetter, NewAlert, RawAlert, RawImage};
use store::{AlertNotice, AlertWork, NoticeBy, Retention, Store};

use crate::setting::{idle, settings};
use crate::sink::{Sink, header};

fn open(folder: &std::path::Path) -> Store {
    let config = store::Config {
        consumers: vec![MAIL_NAME.into()],
        ..store::Config::default()
    };
    let join = Arc::new(|_: &[Option<Vec<u8>>]| unreachable!("no parts come"));
    Store::open(folder, &config, join).expect("it opens").0
}

fn picture(size: usize, first: u8) -> RawImage {
    let mut octets = vec![first; size];
    octets[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    RawImage {
        name: "../../cam1.jpg".into(),
        octets,
    }
}

async fn raise(store: &Store, images: Vec<RawImage>) -> i64 {
    let raw = RawAlert {
        event: "MOTION_DETECTED".into(),
        images,
        ..RawAlert::default()
    };
    let kept = store.raise(vec![NewAlert::clean(raw, Timestamp::now())]).await;
    kept.expect("kept").get()[0].number
}

async fn tell(store: &Store, pictures: Vec<i64>) {
    let letter = AlertLetter {
        number: 17,
        to: vec!["ops@example.org".into(), "night@example.org".into()],
        subject: "DVR ALERT: MOTION_DETECTED - cam1".into(),
        body: "Event: MOTION_DETECTED\nGrüße".into(),
        pictures,
        thread: "t".into(),
    };
    let work = AlertWork {
        notices: vec![AlertNotice {
            incident: 1,
            at: Timestamp::now(),
            way: "mail",
            recipient: "ops@example.org".into(),
            by: NoticeBy::Letter(Box::new(letter), MAIL_NAME),
        }],
        ..AlertWork::default()
    };
    store.alert_work(work).await.expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_arrive_as_they_were_raised_and_those_that_are_gone_hold_nothing_up() {
    let Some(sink) = Sink::start("plain") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (one, two) = (picture(100_000, 1), picture(50_000, 2));
    let first = raise(&store, vec![one.clone(), two.clone()]).await;
    let large = raise(&store, vec![picture(6 << 20, 3)]).await;
    tell(&store, vec![first]).await;
    tell(&store, vec![first, large, 99]).await;
    let mail = Arc::new(AlertMail::new(&settings(sink.port), store.clone()));
    let room = Room::start(&store, vec![mail.clone()], Rules::default());
    assert_eq!(idle(&store).await, (0, None));
    let mails = sink.mails();
    assert_eq!(mails[0]["attached"][0], hex::encode(&one.octets));
    assert_eq!(mails[0]["attached"][1], hex::encode(&two.octets));
    assert_eq!(
        mails[0]["text"].as_str().map(str::trim),
        Some("Event: MOTION_DETECTED\r\nGrüße")
    );
    assert_eq!(header(&mails[0], "Subject"), "DVR ALERT: MOTION_DETECTED - cam1");
    assert_eq!(header(&mails[0], "To"), "ops@example.org, night@example.org");
    assert_eq!(header(&mails[0], "X-Simrelay-Alert"), "17");
    assert_eq!(mails[0]["defects"].as_array().map(Vec::len), Some(0));
    let sizes: Vec<usize> = mails[1]["attached"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|attached| attached.as_str().unwrap_or_default().len() / 2)
        .collect();
    assert_eq!(sizes, [6 << 20, 100_000, 50_000]);
    room.stop().await;

    let retention = Retention {
        pictures_days: 1,
        ..Retention::default()
    };
    let later = Timestamp::now() + Duration::from_secs(2 * 86_400);
    store.retain(later, &retention).await.expect("kept");
    tell(&store, vec![first]).await;
    let waiting = store.deliveries(MAIL_NAME, Timestamp::now(), 9).await.expect("read");
    assert_eq!(mail.work(&waiting[0]).await, Verdict::Done);
    let mails = sink.mails();
    assert_eq!(mails[2]["attached"].as_array().map(Vec::len), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_have_no_room_in_a_mail_are_told_of() {
    let Some(sink) = Sink::start("plain") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let older = raise(&store, vec![picture(4 << 20, 1), picture(3 << 20, 2)]).await;
    let newer = raise(&store, vec![picture(5 << 20, 3)]).await;
    let largest = raise(&store, vec![picture(5 << 20, 4), picture(3 << 20, 5)]).await;
    tell(&store, vec![older, newer]).await;
    tell(&store, vec![largest]).await;
    let mail = Arc::new(AlertMail::new(&settings(sink.port), store.clone()));
    let room = Room::start(&store, vec![mail], Rules::default());
    assert_eq!(idle(&store).await, (0, None));
    room.stop().await;
    let said: Vec<String> = sink.mails().iter().map(|mail| mail["text"].to_string()).collect();
    assert_eq!(said.len(), 2);
    for (said, which) in said.iter().zip(["2 pictures are", "1 picture is"]) {
        let expected = format!("({which} not in this mail: it takes 7 MiB of them at most.)");
        assert!(said.contains("MOTION_DETECTED") && said.contains(&expected), "{said}");
    }
    for mail in sink.mails() {
        assert_eq!(mail["attached"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_pictures_gets_the_words() {
    let Some(sink) = Sink::start("plain") else { return };
    sink.refuse("PICTURES 552 5.3.4 message size exceeds fixed limit");
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let first = raise(&store, vec![picture(10_000, 1)]).await;
    tell(&store, vec![first]).await;
    let mail = Arc::new(AlertMail::new(&settings(sink.port), store.clone()));
    let room = Room::start(&store, vec![mail], Rules::default());
    assert_eq!(idle(&store).await, (0, None));
    room.stop().await;
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["attached"].as_array().map(Vec::len), Some(0));
    let text = mails[0]["text"].as_str().unwrap_or_default();
    assert!(
        text.contains("MOTION_DETECTED") && text.contains("did not take the pictures"),
        "{text}"
    );
    assert!(text.contains("552 5.3.4"), "{text}");
}
