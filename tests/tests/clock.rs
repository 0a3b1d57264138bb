//! A clock that is set back a year while the gateway runs: the real program, with libfaketime between it and the clock.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use end_to_end::{ANNA, BEN, Gateway, Rig, Sink, eventually, on_call};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(90);

/// How long Anna has for an answer before Ben is called.
const ANSWER_S: u32 = 15;

/// What stands between a program and the clock: the library, and the file that says by how much it is wrong.
struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// `None`, and a word, where libfaketime is not installed; in CI that is an error.
    fn new(rig: &Rig) -> Option<Self> {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library = folders
            .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
            .find(|library| library.exists());
        let Some(library) = library else {
            let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
            assert!(!required, "libfaketime is missing: run `tools/peers install`");
            eprintln!("skipped: libfaketime is not installed (Debian package faketime)");
            return None;
        };
        fs::create_dir_all(rig.data()).expect("a folder");
        // The gateway may read there, confined as it is.
        let file = rig.data().join("clock");
        fs::write(&file, "+0").expect("written");
        Some(Self { library, file })
    }

    /// Sets it, at once as a time service does.
    fn set(&self, offset: &str) {
        let fresh = self.file.with_extension("fresh");
        fs::write(&fresh, offset).expect("written");
        fs::rename(&fresh, &self.file).expect("set");
    }

    fn start(&self, rig: &Rig) -> Gateway {
        let gateway = Gateway::start_through(rig, |program| {
            let mut command = Command::new(program);
            command
                .env("LD_PRELOAD", &self.library)
                .env("FAKETIME_TIMESTAMP_FILE", &self.file)
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("FAKETIME_DONT_RESET", "1");
            command
        });
        gateway.wait_ready(1);
        gateway
    }
}

/// The texts that somebody was sent.
fn texts(rig: &Rig, to: &str) -> Vec<String> {
    let sent = rig.network.sent().into_iter();
    sent.filter(|one| one.to == to).filter_map(|one| one.text).collect()
}

fn state(gateway: &Gateway, id: &str) -> Value {
    let view = gateway.api().call("sms.status", json!({ "id": id })).expect("known");
    view["state"].clone()
}

#[test]
fn a_clock_set_back_a_year_is_told_and_nothing_waits_for_a_year_or_is_lost() {
    let rig = Rig::new(1);
    let Some(clock) = Clock::new(&rig) else { return };
    let mut sink = Sink::new(&rig, "shop");
    let hook = sink.hook("shop", "");
    let rig = rig.config(&format!(
        "{}{hook}[slots.gone]\nport = \"/nonexistent/port\"\nnumber = \"+491700000099\"\n",
        on_call(ANSWER_S, "")
    ));
    let gateway = clock.start(&rig);
    let api = gateway.api();
    // What waits when the clock is set: a message for a modem that is away, an alert that nobody answered yet, and an
    // event for a server that nobody answers at.
    let waiting = api.send_with(json!({"to": "+491711234567", "text": "later", "from": "gone", "validity_s": 3600}));
    api.call("alert.raise", json!({"event": "DOOR", "camera": "gate"}))
        .expect("raised");
    let told = rig.network.text(rig.modems[0].number(), "+493023125001", "hello");
    told.expect("delivered");
    eventually("anna is called", LONG, || (!texts(&rig, ANNA).is_empty()).then_some(()));
    gateway.wait_log("webhook.shop fails");

    clock.set("-366d");
    let finding = gateway.wait_finding("clock", "set back by 36");
    assert_eq!(finding["level"], "CRITICAL");
    assert!(texts(&rig, BEN).is_empty(), "the test is too slow to tell anything");

    let id = api.send("+491711234567", "it goes on");
    let view = gateway.wait_state(&id, "delivered", LONG);
    let accepted: Timestamp = view["accepted_at"]
        .as_str()
        .and_then(|at| at.parse().ok())
        .expect("a time");
    assert!(
        accepted < Timestamp::now() - SignedDuration::from_hours(24 * 300),
        "{view:#}"
    );
    sink.listen();
    eventually("the event is taken", LONG, || (!sink.taken().is_empty()).then_some(()));
    eventually("ben is called", LONG, || (!texts(&rig, BEN).is_empty()).then_some(()));
    assert_eq!(texts(&rig, ANNA).len(), 1, "once");
    assert_eq!(state(&gateway, &waiting), "queued");

    // A start finds nothing new about it, and moves nothing once more.
    assert!(gateway.stop().success());
    let gateway = clock.start(&rig);
    let id = gateway.api().send("+491711234567", "and on");
    gateway.wait_state(&id, "delivered", LONG);
    assert_eq!(state(&gateway, &waiting), "queued");
    gateway.wait_finding("alerts", "nobody answered: 1");

    // Set right, as it was: nothing has run out meanwhile.
    clock.set("+0");
    gateway.wait_finding("clock", "set forward by 36");
    let id = gateway.api().send("+491711234567", "right again");
    gateway.wait_state(&id, "delivered", LONG);
    assert_eq!(state(&gateway, &waiting), "queued");
    assert_eq!((texts(&rig, ANNA).len(), texts(&rig, BEN).len()), (1, 1));
    assert!(gateway.stop().success());
}
