//! The attendance consumer on a real store and gateway; what it sends waits in the queue, since there is no modem.
#![expect(clippy::unwrap_used, reason = "a panic in a test is the answer")]

mod drawer;

use std::time::Duration;

use gateway::{AttendanceDesk, Gateway, Origin, joiner};
use jiff::Timestamp;
use message::{AttendanceEvent, AttendanceSearch, Event, Inbound, MessageId, MessageView, RouteId};
use store::{AttendanceQuery, Retention, Store};
use tempfile::TempDir;

use consumers::attendance::protocol::{Frame, v1, v2};
use consumers::attendance::{Attendance, Config, Keyring, Keys, NAME, Office, Person};
use consumers::{Consumer, Verdict, Wish};

const SHARED: &str = "a7b2c3d4e5f6g789abcdef0123456789";
const EMPLOYEE: &str = "+989126211770";
const COLLEAGUE: &str = "+989126211771";
/// 2023-11-15 08:00 UTC, where people work in these tests.
const EIGHT_O_CLOCK: i64 = 1_700_035_200;

struct World {
    store: Store,
    attendance: Attendance,
    office: Office,
    gateway: Gateway,
    /// Seconds that went by since the first message.
    seconds: i64,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::default(), &format!("shared {SHARED}\n")).await
    }

    async fn with(config: Config, keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store_config = store::Config {
            consumers: vec![NAME.to_owned()],
            ..store::Config::default()
        };
        let (store, _) = Store::open(folder.path(), &store_config, joiner()).unwrap();
        // The messages of these tests are years old.
        let retention = Retention {
            texts_days: 0,
            facts_days: 0,
            inbound_days: 0,
            ..Retention::default()
        };
        let gateway = drawer::gateway(&store, "+989102211824", retention).await;
        let config = Config {
            time_zone: config.time_zone.or(Some("UTC".to_owned())),
            ..config
        };
        let keys = Keyring::fixed(Keys::parse(keys).unwrap());
        let office = Office::new(&config, keys, store.clone());
        Self {
            attendance: Attendance::new(config, office.clone(), gateway.clone()),
            gateway,
            store,
            office,
            seconds: 0,
            _folder: folder,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(EIGHT_O_CLOCK + self.seconds).unwrap()
    }

    /// Something arrives; what came of it, and the text that is sent for it.
    async fn receive(&mut self, from: &str, text: &str) -> (AttendanceEvent, Option<String>) {
        self.seconds += 1;
        let message = message(from, text, self.now());
        let event = Event::Message(message);
        assert_eq!(self.attendance.wish(&event), Wish::Take, "{text}");
        self.store.add_event(event, self.now()).await.unwrap();
        for delivery in self.store.deliveries(NAME, self.now(), 10).await.unwrap() {
            assert_eq!(self.attendance.work(&delivery).await, Verdict::Done);
            // A kill before the mark: it is given again.
            assert_eq!(self.attendance.work(&delivery).await, Verdict::Done);
            self.store.delivery_done(delivery.id).await.unwrap();
        }
        let kept = self.history().await.pop().unwrap();
        let answer = match kept.answer {
            Some(id) => Some(self.view(id).await),
            None => None,
        };
        if let Some(answer) = &answer {
            assert_eq!((answer.to.to_string(), answer.parts.len()), (from.to_owned(), 1));
        }
        (kept, answer.and_then(|answer| answer.text))
    }

    async fn verdict(&mut self, from: &str, text: &str) -> String {
        let (kept, answer) = self.receive(from, text).await;
        assert_eq!(answer, None, "{text}");
        kept.verdict
    }

    async fn view(&self, id: MessageId) -> MessageView {
        self.store.status(id).await.unwrap().unwrap()
    }

    async fn history(&self) -> Vec<AttendanceEvent> {
        let all = AttendanceQuery {
            limit: 1_000,
            ..AttendanceQuery::default()
        };
        self.store.attendance_history(all).await.unwrap()
    }

    async fn states(&self) -> Vec<String> {
        let states = self.store.attendance().await.unwrap();
        let shown = states
            .iter()
            .map(|state| format!("{}|{}|{}", state.number, state.status, state.time));
        shown.collect()
    }
}

fn message(from: &str, text: &str, at: Timestamp) -> Inbound {
    Inbound::of_text("sim1", from, text, at)
}

fn sealed(plaintext: &str, key: &str) -> String {
    format!("$${}$$", v1::encode(plaintext, &v1::Key::new(key).unwrap()))
}

const NOTHING: [&str; 0] = [];

const DEVICE: &str = "34db2a575a6782faf7351954f12df4325d65bc99bfdb199771852111704b8718";

fn device_key() -> v2::DeviceKey {
    v2::DeviceKey::new(&hex::decode(DEVICE).unwrap().try_into().unwrap())
}

fn arrival(counter: u32, unix_time: i64) -> v2::Request {
    v2::Request {
        kind: v2::Kind::Arrival,
        flags: 0,
        counter,
        unix_time: unix_time.try_into().unwrap(),
        quarter_hours: 14,
        note: String::new(),
    }
}

fn frame(request: &v2::Request) -> String {
    request.seal(1000, &device_key(), [3; 12]).unwrap()
}

fn status(answer: &str) -> v2::Status {
    let sealed = v2::Sealed::decode(&Frame::find(answer).unwrap()).unwrap();
    sealed.answer(&device_key()).unwrap().status
}

#[tokio::test]
async fn a_request_is_kept_once_and_answered_once_from_the_sim_it_came_to() {
    let mut world = World::new().await;
    let (kept, answer) = world.receive(EMPLOYEE, "$$kpG1avIYqIaaK49i5YE/KQ==$$").await;
    assert_eq!(
        (kept.verdict.as_str(), kept.status.as_str(), kept.time.as_str()),
        ("taken", "Arrival", " 08.00")
    );
    let expected = "$$kgrn7zIqaoQmkWvux1FNr/vTV0L/3P/P0+/92hHT2Qe5k03aR3zLF5+OtHnqr/mPYHkVJ3/DoajB9Ph6QlprnoYl7vg7PkU9WAvo/Hlt1N0=$$";
    assert_eq!(answer.as_deref(), Some(expected));
    assert_eq!(world.states().await, ["+989126211770|Arrival| 08.00"]);
    assert_eq!(world.history().await.len(), 1);
    let due = world.store.due(Timestamp::now(), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].from.clone(), due[0].strict), (Some(RouteId::new("sim1")), true));
}

#[tokio::test]
async fn every_bad_message_has_its_verdict_and_meets_the_same_silence() {
    let config = Config {
        sims: vec![RouteId::new("sim1")],
        bad_limit: 100,
        ..Config::default()
    };
    let mut world = World::with(config, &format!("shared {SHARED}\n")).await;
    let request = sealed("Arrival 08.00", SHARED);
    let acknowledgement = world.receive(EMPLOYEE, &request).await.1.unwrap();
    let other = "twenty-four-byte-key-OK!";
    for (from, text, verdict) in [
        (EMPLOYEE, "hello", "no_frame"),
        (EMPLOYEE, "$$AAAAAAAAAAAAAAAAAAAAAAAAA$$", "bad_base64"),
        (EMPLOYEE, "$$AAAAAAAAAAAAAAAA$$", "bad_length"),
        (EMPLOYEE, "$$AAAAAAAAAAAAAAAAAAAAAA==$$", "bad_padding"),
        (EMPLOYEE, &sealed("Arrival 08.00", other), "bad_padding"),
        (EMPLOYEE, &acknowledgement, "acknowledgement"),
        ("11111", &request, "loop"),
        (EMPLOYEE, "$$2:AAAA$$", "bad_length"),
        (EMPLOYEE, &frame(&arrival(1, 0)), "unknown_device"),
    ] {
        assert_eq!(world.verdict(from, text).await, verdict, "{text}");
    }
    assert_eq!(
        world.states().await,
        ["+989126211770|Arrival| 08.00"],
        "nothing bad became a state"
    );
}

#[tokio::test]
async fn neither_word_is_kept_as_blanks_and_answered_and_strict_mode_refuses_it() {
    let mut world = World::new().await;
    let (kept, answer) = world.receive(EMPLOYEE, &sealed("arrival 08.00", SHARED)).await;
    assert_eq!(kept.verdict, "neither_word");
    assert!(answer.is_some());
    assert_eq!(world.states().await, ["+989126211770||"]);

    let strict = Config {
        strict: true,
        ..Config::default()
    };
    let mut world = World::with(strict, &format!("shared {SHARED}\n")).await;
    for loose in ["arrival 08.00", "Arrival", "Arrival 8 Exit 9"] {
        assert_eq!(world.verdict(EMPLOYEE, &sealed(loose, SHARED)).await, "not_strict");
    }
    assert!(
        world
            .receive(EMPLOYEE, &sealed("Arrival ۰۸:۳۰", SHARED))
            .await
            .1
            .is_some()
    );
    assert_eq!(world.states().await, ["+989126211770|Arrival| ۰۸:۳۰"]);
}

#[tokio::test]
async fn after_some_bad_messages_a_sender_is_not_listened_to_for_a_while() {
    let mut world = World::new().await;
    let good = sealed("Arrival 08.00", SHARED);
    for _ in 0..5 {
        assert_eq!(
            world.verdict(EMPLOYEE, "$$AAAAAAAAAAAAAAAAAAAAAA==$$").await,
            "bad_padding"
        );
    }
    assert_eq!(world.verdict(EMPLOYEE, &good).await, "locked");
    assert_eq!(world.receive(COLLEAGUE, &good).await.0.verdict, "taken");
    world.seconds += 3_600;
    assert_eq!(world.receive(EMPLOYEE, &good).await.0.verdict, "taken");
}

#[tokio::test]
async fn the_lock_out_does_not_tell_padding_that_was_right_from_padding_that_was_wrong() {
    let strict = Config {
        strict: true,
        ..Config::default()
    };
    let keys = format!("shared {SHARED}\ndevice 1000 {COLLEAGUE} {DEVICE} v2\n");
    let right = sealed("rightly padded nonsense", SHARED);
    let wrong = "$$AAAAAAAAAAAAAAAAAAAAAA==$$";
    for (guess, told) in [(&*right, "not_strict"), (wrong, "bad_padding")] {
        let mut world = World::with(strict.clone(), &keys).await;
        for _ in 0..5 {
            assert_eq!(world.verdict(EMPLOYEE, guess).await, told);
            assert_eq!(world.verdict(COLLEAGUE, guess).await, "downgrade");
        }
        let captured = sealed("Arrival 08.00", SHARED);
        assert_eq!(world.verdict(EMPLOYEE, &captured).await, "locked");
        let second = frame(&arrival(1, world.now().as_second()));
        assert_eq!(world.receive(COLLEAGUE, &second).await.0.verdict, "taken");
    }
}

#[tokio::test]
async fn the_second_version_ends_the_first_for_the_owner_whichever_number_carried_it() {
    let keys = format!("shared {SHARED}\ndevice 1000 {EMPLOYEE} {DEVICE} roaming\n");
    let first = sealed("Arrival 08.00", SHARED);
    for carrier in [COLLEAGUE, "09126211770"] {
        let mut world = World::with(Config::default(), &keys).await;
        assert_eq!(world.receive(EMPLOYEE, &first).await.0.verdict, "taken");
        let second = frame(&arrival(1, world.now().as_second()));
        assert_eq!(world.receive(carrier, &second).await.0.verdict, "taken", "{carrier}");
        assert_eq!(world.verdict(EMPLOYEE, &first).await, "downgrade", "{carrier}");
        assert_eq!(world.receive(COLLEAGUE, &first).await.0.verdict, "taken", "{carrier}");
    }
}

#[tokio::test]
async fn a_device_that_was_revoked_before_it_was_used_leaves_its_owner_the_first_version() {
    let keys = format!("shared {SHARED}\ndevice 1000 {EMPLOYEE} {DEVICE} revoked\n");
    let mut world = World::with(Config::default(), &keys).await;
    let request = frame(&arrival(1, world.now().as_second()));
    assert_eq!(world.receive(EMPLOYEE, &request).await.0.verdict, "revoked");
    let first = sealed("Arrival 08.00", SHARED);
    assert_eq!(world.receive(EMPLOYEE, &first).await.0.verdict, "taken");
}

#[tokio::test]
async fn the_same_message_of_a_device_is_answered_again_however_late_and_another_one_never() {
    let keys = format!("device 1000 {EMPLOYEE} {DEVICE}\n");
    let mut world = World::with(Config::default(), &keys).await;
    let now = world.now().as_second();
    let first = frame(&arrival(7, now));
    assert_eq!(world.receive(EMPLOYEE, &first).await.0.verdict, "taken");
    world.seconds += 3 * 86_400;
    let (kept, answer) = world.receive(EMPLOYEE, &first).await;
    assert_eq!(
        (kept.verdict.as_str(), status(&answer.unwrap())),
        ("duplicate", v2::Status::Duplicate)
    );
    let far_ahead = frame(&arrival(107, world.now().as_second()));
    assert_eq!(world.receive(EMPLOYEE, &far_ahead).await.0.verdict, "taken");
    assert_eq!(world.receive(EMPLOYEE, &first).await.0.verdict, "duplicate");
    let forged = frame(&v2::Request {
        flags: 1,
        ..arrival(107, now)
    });
    for _ in 0..2 {
        assert_eq!(world.verdict(EMPLOYEE, &forged).await, "replay");
    }
}

/// Something comes when it comes, and is worked.
async fn hear(world: &World, message: Inbound) {
    let at = message.received_at;
    world.store.add_event(Event::Message(message), at).await.unwrap();
    for delivery in world.store.deliveries(NAME, at, 10).await.unwrap() {
        assert_eq!(world.attendance.work(&delivery).await, Verdict::Done);
        world.store.delivery_done(delivery.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_bound_token_reads_its_history_page_by_page_to_the_end() {
    let world = World::new().await;
    for (sim, minutes) in [("sim2", 0), ("sim1", 1), ("sim1", 2), ("sim1", 3), ("sim2", 4)] {
        let at = world.now() + Duration::from_secs(60 * minutes);
        hear(
            &world,
            Inbound::of_text(sim, EMPLOYEE, &sealed("Exit 8.00", SHARED), at),
        )
        .await;
    }
    let bound = Origin {
        sims: Some(vec![RouteId::new("sim2")]),
        ..Origin::default()
    };
    let (mut seen, mut after) = (0, 0);
    loop {
        let search = AttendanceSearch {
            after: Some(after),
            limit: Some(1),
            ..AttendanceSearch::default()
        };
        let page = world.office.history(&bound, &search).await.unwrap();
        if page.events.is_empty() {
            break;
        }
        assert_eq!(page.events[0].sim, RouteId::new("sim2"));
        (seen, after) = (seen + 1, page.next);
    }
    assert_eq!(seen, 2);
}

#[tokio::test]
async fn who_was_in_is_asked_of_the_days_around_it_and_not_of_all_that_came_since() {
    let world = World::new().await;
    let sent = world.now();
    for (from, days) in [(EMPLOYEE, 2), (COLLEAGUE, 30)] {
        let late = Inbound {
            service_centre_time: Some(sent),
            ..message(
                from,
                &sealed("Arrival 08.00", SHARED),
                sent + Duration::from_secs(days * 86_400),
            )
        };
        hear(&world, late).await;
    }
    let at = sent + Duration::from_secs(600);
    let roll = world.office.who(&Origin::operator(), Some(at)).await.unwrap();
    let told: Vec<_> = roll.people.iter().map(|one| one.number.to_string()).collect();
    assert_eq!(told, [EMPLOYEE]);
}

#[tokio::test]
async fn a_sender_that_sends_too_much_is_not_answered() {
    let config = Config {
        request_limit: 2,
        ..Config::default()
    };
    let mut world = World::with(config, &format!("shared {SHARED}\n")).await;
    let good = sealed("Arrival 08.00", SHARED);
    for _ in 0..2 {
        assert!(world.receive(EMPLOYEE, &good).await.1.is_some());
    }
    assert_eq!(world.verdict(EMPLOYEE, &good).await, "too_many");
}

#[tokio::test]
async fn only_listed_senders_are_listened_to_and_a_key_of_ones_own_shuts_others_out() {
    let config = Config {
        senders: vec!["+98912".to_owned()],
        ..Config::default()
    };
    let own = "0123456789abcdef0123456789abcdef";
    let keys = format!("shared {SHARED}\nsender {EMPLOYEE} {own}\n");
    let mut world = World::with(config, &keys).await;
    assert_eq!(
        world.verdict("+49171123456", &sealed("Exit 9.00", SHARED)).await,
        "sender_not_allowed"
    );
    assert_eq!(
        world.verdict(EMPLOYEE, &sealed("Exit 9.00", SHARED)).await,
        "bad_padding"
    );
    assert!(world.receive(EMPLOYEE, &sealed("Exit 9.00", own)).await.1.is_some());
    assert!(world.receive(COLLEAGUE, &sealed("Exit 9.00", SHARED)).await.1.is_some());
}

#[tokio::test]
async fn octets_that_came_before_are_flagged_however_they_are_written() {
    let mut world = World::new().await;
    assert_eq!(
        world.receive(EMPLOYEE, "$$kpG1avIYqIaaK49i5YE/KQ==$$").await.0.flags,
        NOTHING
    );
    assert_eq!(
        world.receive(EMPLOYEE, "$$kpG1avIYqIaaK49i5YE/KQ==$$").await.0.flags,
        ["repeated"]
    );
    assert_eq!(
        world
            .receive(COLLEAGUE, "$$kpG1avIYqIaaK49i5YE/KQ==YQ==$$")
            .await
            .0
            .flags,
        ["copied"]
    );
}

#[tokio::test]
async fn a_device_is_answered_once_for_each_counter_and_a_repeat_alike() {
    let mut world = World::with(
        Config::default(),
        &format!("shared {SHARED}\ndevice 1000 {EMPLOYEE} {DEVICE}\n"),
    )
    .await;
    let now = world.now().as_second();
    assert!(
        world
            .receive(EMPLOYEE, &sealed("Arrival 08.00", SHARED))
            .await
            .1
            .is_some()
    );
    let first = frame(&arrival(7, now));
    let (kept, answer) = world.receive(EMPLOYEE, &first).await;
    assert_eq!(
        (kept.verdict.as_str(), kept.time.as_str(), kept.counter),
        ("taken", "11:30", Some(7))
    );
    assert_eq!(status(&answer.unwrap()), v2::Status::Kept);
    let (kept, answer) = world.receive(EMPLOYEE, &first).await;
    assert_eq!(
        (kept.verdict.as_str(), status(&answer.unwrap())),
        ("duplicate", v2::Status::Duplicate)
    );

    let other = v2::Request {
        flags: 1,
        ..arrival(7, now)
    };
    assert_eq!(world.verdict(EMPLOYEE, &frame(&other)).await, "replay");
    assert_eq!(world.verdict(COLLEAGUE, &frame(&arrival(8, now))).await, "wrong_sender");
    let (kept, answer) = world.receive(EMPLOYEE, &frame(&arrival(8, now - 3_600))).await;
    assert_eq!(
        (kept.verdict.as_str(), status(&answer.unwrap())),
        ("skew", v2::Status::Skew)
    );
    let unknown = v2::Request {
        kind: v2::Kind::Unknown(9),
        ..arrival(9, now)
    };
    assert_eq!(
        status(&world.receive(EMPLOYEE, &frame(&unknown)).await.1.unwrap()),
        v2::Status::NotKnown
    );
    assert_eq!(world.verdict(EMPLOYEE, &sealed("Exit 9.00", SHARED)).await, "downgrade");
}

#[tokio::test]
async fn a_device_that_has_only_the_second_version_is_not_talked_down() {
    let keys = format!("shared {SHARED}\ndevice 1000 {EMPLOYEE} {DEVICE} v2\n");
    let mut world = World::with(Config::default(), &keys).await;
    assert_eq!(world.verdict(EMPLOYEE, &sealed("Exit 9.00", SHARED)).await, "downgrade");
    assert!(world.receive(COLLEAGUE, &sealed("Exit 9.00", SHARED)).await.1.is_some());
}

#[tokio::test]
async fn the_projection_follows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attendance.db");
    let config = Config {
        projection: Some(file.clone()),
        ..Config::default()
    };
    let mut world = World::with(config, &format!("shared {SHARED}\n")).await;
    world.receive(EMPLOYEE, &sealed("Exit 9.00", SHARED)).await;
    let holds_it = || std::fs::read(&file).is_ok_and(|octets| octets.windows(12).any(|word| word == b"989126211770"));
    for _ in 0..100 {
        if holds_it() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the file does not hold the sender after five seconds");
}

#[tokio::test]
async fn who_cannot_be_answered_is_kept_and_marked() {
    let mut world = World::new().await;
    let (kept, answer) = world.receive("Bank", &sealed("Exit 8.00", SHARED)).await;
    assert_eq!((kept.verdict.as_str(), answer), ("taken", None));
    assert_eq!(kept.flags, ["unanswerable"]);
}

#[tokio::test]
async fn parts_that_never_came_are_no_try_to_find_something_out() {
    let world = World::new().await;
    let mut cut = message(EMPLOYEE, &sealed("Exit 9.00", SHARED), world.now());
    cut.missing = 1;
    world.store.add_event(Event::Message(cut), world.now()).await.unwrap();
    let delivery = world.store.deliveries(NAME, world.now(), 1).await.unwrap().remove(0);
    assert_eq!(world.attendance.work(&delivery).await, Verdict::Done);
    assert_eq!(world.history().await[0].verdict, "incomplete");
}

#[tokio::test]
async fn a_claimed_time_far_from_the_networks_is_flagged_and_answered_as_ever() {
    let mut world = World::new().await;
    let (kept, answer) = world.receive(EMPLOYEE, &sealed("Arrival 07.44", SHARED)).await;
    assert_eq!((kept.verdict.as_str(), answer.is_some()), ("taken", true));
    assert_eq!((kept.skew_s, kept.flags), (Some(-961), vec!["skew".to_owned()]));
    let (kept, _) = world.receive(EMPLOYEE, &sealed("Arrival 08.10", SHARED)).await;
    assert_eq!((kept.skew_s, kept.flags), (Some(598), Vec::new()));
    let (kept, _) = world.receive(EMPLOYEE, &sealed("Arrival some day", SHARED)).await;
    assert_eq!((kept.skew_s, kept.flags), (None, Vec::new()), "no time to compare");
}

#[tokio::test]
async fn a_message_that_the_network_kept_is_no_skew() {
    let keys = format!("shared {SHARED}\ndevice 1000 {COLLEAGUE} {DEVICE}\n");
    let world = World::with(Config::default(), &keys).await;
    let sent = world.now();
    let late = sent + Duration::from_secs(5 * 3600);
    for (from, text) in [
        (EMPLOYEE, sealed("Arrival 08.00", SHARED)),
        (COLLEAGUE, frame(&arrival(1, sent.as_second()))),
    ] {
        let kept = Inbound {
            service_centre_time: Some(sent),
            ..message(from, &text, late)
        };
        world.store.add_event(Event::Message(kept), late).await.unwrap();
    }
    for delivery in world.store.deliveries(NAME, late, 10).await.unwrap() {
        assert_eq!(world.attendance.work(&delivery).await, Verdict::Done);
    }
    for kept in world.history().await {
        assert_eq!(
            (kept.verdict.as_str(), kept.skew_s, kept.flags),
            ("taken", Some(0), Vec::new())
        );
    }
}

#[tokio::test]
async fn a_revoked_device_is_told_and_nothing_it_says_counts() {
    let keys = format!("device 1000 {EMPLOYEE} {DEVICE} revoked\n");
    let mut world = World::with(Config::default(), &keys).await;
    let request = frame(&arrival(1, world.now().as_second()));
    for _ in 0..2 {
        let (kept, answer) = world.receive(EMPLOYEE, &request).await;
        assert_eq!(
            (kept.verdict.as_str(), status(&answer.unwrap())),
            ("revoked", v2::Status::Revoked)
        );
    }
    assert!(world.states().await.is_empty());
    assert_eq!(
        world.verdict(COLLEAGUE, &request).await,
        "wrong_sender",
        "others learn nothing"
    );
    let replayed = v2::Request {
        flags: 1,
        ..arrival(1, world.now().as_second())
    };
    assert_eq!(world.verdict(EMPLOYEE, &frame(&replayed)).await, "replay");
}

#[tokio::test]
async fn a_phone_moves_from_the_first_version_over_both_to_the_second_and_back_only_by_the_operator() {
    let keys = |mode: &str| format!("shared {SHARED}\ndevice 1000 {EMPLOYEE} {DEVICE} {mode}\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let write = |mode| {
        std::fs::write(&file, keys(mode)).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write("v1");
    let mut world = World::new().await;
    let config = Config {
        time_zone: Some("UTC".to_owned()),
        ..Config::default()
    };
    world.office = Office::new(&config, Keyring::load(file.clone()).unwrap(), world.store.clone());
    world.attendance = Attendance::new(config, world.office.clone(), world.gateway.clone());
    let first = sealed("Arrival 08.00", SHARED);
    let mut counter = 0;
    let mut second = |now: Timestamp| {
        counter += 1;
        frame(&arrival(counter, now.as_second()))
    };

    assert!(world.receive(EMPLOYEE, &first).await.1.is_some());
    let request = second(world.now());
    assert_eq!(world.verdict(EMPLOYEE, &request).await, "not_in_use");

    write("both");
    world.office.reload().await.unwrap();
    assert!(world.receive(EMPLOYEE, &first).await.1.is_some());
    let request = second(world.now());
    assert!(world.receive(EMPLOYEE, &request).await.1.is_some());
    assert_eq!(world.verdict(EMPLOYEE, &first).await, "downgrade");

    write("v2");
    world.office.reload().await.unwrap();
    assert_eq!(world.verdict(EMPLOYEE, &first).await, "downgrade");
    let request = second(world.now());
    assert!(world.receive(EMPLOYEE, &request).await.1.is_some());

    write("v1");
    world.office.reload().await.unwrap();
    assert!(world.receive(EMPLOYEE, &first).await.1.is_some());

    std::fs::write(&file, "shared no key").unwrap();
    let told = world.office.reload().await.unwrap_err();
    assert!(!told.reason.contains("no key"), "{told}");
    assert!(world.receive(EMPLOYEE, &first).await.1.is_some(), "the keys stay");
}

#[tokio::test]
async fn the_office_knows_people_by_number_and_name_and_shows_a_bound_token_its_own_sims_alone() {
    let person: Person = serde_json::from_value(serde_json::json!({ "number": EMPLOYEE, "name": "Sara" })).unwrap();
    let config = Config {
        people: vec![person],
        ..Config::default()
    };
    let mut world = World::with(config, &format!("shared {SHARED}\n")).await;
    world.receive(EMPLOYEE, &sealed("Arrival 08.00", SHARED)).await;
    world.receive(COLLEAGUE, &sealed("Exit 08.00", SHARED)).await;
    world.receive(EMPLOYEE, "$$AAAAAAAAAAAAAAAAAAAAAA==$$").await;

    let operator = Origin::operator();
    let office = world.office.clone();
    for who in ["sara", EMPLOYEE, "989126211770", "0912 621 1770"] {
        let record = office.show(&operator, who).await.unwrap();
        let verdicts: Vec<_> = record.events.iter().map(|event| event.verdict.as_str()).collect();
        assert_eq!(verdicts, ["taken", "bad_padding"], "{who}");
        assert_eq!(record.state.unwrap().name.as_deref(), Some("Sara"), "{who}");
    }
    assert!(office.show(&operator, "+989120000000").await.is_err());
    let roll = office.who(&operator, Some(world.now())).await.unwrap();
    let told: Vec<_> = roll
        .people
        .iter()
        .map(|one| (one.name.is_some(), one.state.word()))
        .collect();
    assert_eq!(told, [(true, "in"), (false, "out")]);

    let bound = Origin {
        sims: Some(vec![RouteId::new("sim2")]),
        ..Origin::default()
    };
    assert!(office.list(&bound).await.unwrap().is_empty());
    let everything = AttendanceSearch::default();
    assert!(office.history(&bound, &everything).await.unwrap().events.is_empty());
    assert_eq!(office.history(&operator, &everything).await.unwrap().events.len(), 3);
    let roll = office.who(&bound, Some(world.now())).await.unwrap();
    assert!(roll.people.iter().all(|one| one.came_at.is_none()));
}
