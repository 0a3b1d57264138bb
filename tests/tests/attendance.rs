//! Attendance from a phone to its acknowledgement, over the air.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use consumers::attendance::protocol::{Frame, v1, v2};
use end_to_end::{Gateway, Rig, eventually};
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);
const EMPLOYEE: &str = "+989126211770";
/// The request "Arrival 08.00" and its acknowledgement.
const ARRIVAL: [&str; 2] = [
    "$$kpG1avIYqIaaK49i5YE/KQ==$$",
    "$$kgrn7zIqaoQmkWvux1FNr/vTV0L/3P/P0+/92hHT2Qe5k03aR3zLF5+OtHnqr/mPYHkVJ3/DoajB9Ph6QlprnoYl7vg7PkU9WAvo/Hlt1N0=$$",
];
/// The request "Exit 15.15" and its acknowledgement.
const EXIT: [&str; 2] = [
    "$$Cu9dAJu6EItNTh9yutQWcQ==$$",
    "$$/DjhyZqTfzHwDCKORhWStzDJ89W83Fp3xynEH2fvK9ojYnj/bJlemmzotMIrzayjNoRrsPOu93SBrVM/zgcoqjzqwKIh4CjNjf8Q3gcWuP0=$$",
];

const KEY: &str = "a7b2c3d4e5f6g789abcdef0123456789";
const COLLEAGUE: &str = "+989126211771";

fn rig() -> Rig {
    rig_with(&format!("shared {KEY}\n"), "projection = \"attendance.db\"\n")
}

/// A rig with these keys and further lines in `[attendance]`.
fn rig_with(keys: &str, lines: &str) -> Rig {
    let rig = Rig::new(1);
    let file = rig.folder().join("attendance.keys");
    write_keys(&rig, keys);
    rig.config(&format!("[attendance]\nkey_file = {file:?}\n{lines}"))
}

fn write_keys(rig: &Rig, keys: &str) {
    let file = rig.folder().join("attendance.keys");
    fs::write(&file, keys).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("closed");
}

fn sealed(plaintext: &str, key: &str) -> String {
    format!("$${}$$", v1::encode(plaintext, &v1::Key::new(key).expect("a key")))
}

/// The acknowledgement of a request of the first version.
fn acknowledgement(plaintext: &str) -> String {
    let key = v1::Key::new(KEY).expect("a key");
    let request = v1::decode(&v1::encode(plaintext, &key), &key).expect("a request");
    sealed(&request.acknowledgement(), KEY)
}

/// Everything in the history, once there are so many.
fn history(gateway: &Gateway, count: usize) -> Vec<Value> {
    eventually("the history holds the requests", LONG, || {
        let page = gateway.api().call("attendance.history", json!({ "after": 0 })).ok()?;
        let events = page["events"].as_array()?.clone();
        (events.len() >= count).then_some(events)
    })
}

/// The texts that went out to anybody so far.
fn sent(rig: &Rig) -> Vec<(String, String)> {
    let sent = rig.network.sent().into_iter();
    sent.filter_map(|one| Some((one.to, one.text?))).collect()
}

/// Runs a command with something to read; what it printed.
fn answers(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("its input");
    pipe.write_all(input.as_bytes()).expect("it reads");
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a text")
}

fn arrives(rig: &Rig, text: &str) {
    let told = rig.network.text(rig.modems[0].number(), EMPLOYEE, text);
    told.expect("delivered");
}

/// Waits until the employee was sent this text; all texts that went out so far, in their order, without repeats.
fn wait_sent(rig: &Rig, text: &str) -> Vec<String> {
    eventually("the acknowledgement is sent", LONG, || {
        let sent = rig.network.sent().into_iter();
        let mut texts: Vec<String> = sent
            .filter(|one| one.to == EMPLOYEE)
            .filter_map(|one| one.text)
            .collect();
        // What was with the modem when the gateway was killed may go out twice.
        texts.dedup();
        texts.iter().any(|sent| sent == text).then_some(texts)
    })
}

#[test]
fn a_request_is_acknowledged_by_one_sms_and_a_bad_one_by_none_through_a_kill() {
    let rig = rig();
    let gateway = rig.start_ready();
    arrives(&rig, "$$AAAAAAAAAAAAAAAAAAAAAA==$$");
    arrives(&rig, ARRIVAL[0]);
    assert_eq!(wait_sent(&rig, ARRIVAL[1]), [ARRIVAL[1]]);
    gateway.kill();

    let gateway = rig.start_ready();
    arrives(&rig, EXIT[0]);
    assert_eq!(wait_sent(&rig, EXIT[1]), [ARRIVAL[1], EXIT[1]]);
    let file = rig.data().join("attendance.db");
    eventually("the projection holds the last word", LONG, || {
        let octets = fs::read(&file).ok()?;
        octets
            .windows(22)
            .any(|row| row == b"989126211770Exit 15.15")
            .then_some(())
    });
    gateway.stop();
}

#[test]
fn every_bad_message_has_its_verdict_and_the_same_silence() {
    let lines = "sims = [\"sim-0\"]\nsenders = [\"+98912\", \"11111\"]\nbad_limit = 100\nrequest_limit = 100\n";
    let rig = rig_with(&format!("sender {EMPLOYEE} {KEY}\n"), lines);
    let gateway = rig.start_ready();
    let good = sealed("Arrival 08.00", KEY);
    let cut = |text: &str| text.replace("$$", "$ $");
    let two_parts = format!("Arrival 08.00 {}", "x".repeat(120));
    let four_parts = format!("Exit 16.45 {}", "y".repeat(380));
    let persian = "Arrival ۰۸:۳۰ ورود به دفتر";
    let walk: Vec<(&str, String, &str, Option<&str>)> = vec![
        ("+4930123456", good.clone(), "sender_not_allowed", None),
        (COLLEAGUE, good.clone(), "no_key", None),
        (EMPLOYEE, "I shall be late today".into(), "no_frame", None),
        (EMPLOYEE, cut(&good), "no_frame", None),
        (EMPLOYEE, "$$AAAAAAAAAAAAAAAAAAAAAAAAA$$".into(), "bad_base64", None),
        (EMPLOYEE, "$$AAAAAAAAAAAAAAAAAAAAAA==$$".into(), "bad_padding", None),
        (EMPLOYEE, "$$AAAAAAAAAAAAAAAA$$".into(), "bad_length", None),
        (
            EMPLOYEE,
            sealed("Arrival 08.00", &KEY.replace('a', "b")),
            "bad_padding",
            None,
        ),
        (EMPLOYEE, "$$2:AAAA$$".into(), "bad_length", None),
        (EMPLOYEE, acknowledgement("Arrival 08.00"), "acknowledgement", None),
        ("11111", good.clone(), "loop", None),
        (
            EMPLOYEE,
            sealed("arrival 08.00", KEY),
            "neither_word",
            Some("arrival 08.00"),
        ),
        (EMPLOYEE, sealed(persian, KEY), "taken", Some(persian)),
        (EMPLOYEE, sealed(&two_parts, KEY), "taken", Some(&two_parts)),
        (EMPLOYEE, sealed(&four_parts, KEY), "taken", Some(&four_parts)),
    ];
    let mut expected = Vec::new();
    for (count, (from, text, verdict, answered)) in (1..).zip(&walk) {
        rig.network.text(rig.modems[0].number(), from, text).expect("delivered");
        let kept = history(&gateway, count).pop().expect("the newest");
        assert_eq!(
            (kept["verdict"].as_str(), kept["number"].as_str()),
            (Some(*verdict), Some(*from)),
            "{text}"
        );
        assert_eq!(kept["answer"].is_string(), answered.is_some(), "{text}");
        expected.extend(answered.map(|plaintext| (EMPLOYEE.to_owned(), acknowledgement(plaintext))));
    }
    let last = expected.last().expect("one is answered").1.clone();
    wait_sent(&rig, &last);
    assert_eq!(
        sent(&rig),
        expected,
        "only whoever had the key was answered, and only for a request"
    );
    let states = rig.cli_json(&gateway, &["attendance", "list"]);
    assert_eq!(states.as_array().map(Vec::len), Some(1), "{states}");
    assert_eq!(
        (&states[0]["number"], &states[0]["status"]),
        (&json!(EMPLOYEE), &json!("Exit"))
    );
}

/// The first server's query program is not ours to ship; this one asks the same questions of the same table.
const STAND_IN: &str = r#"
import sqlite3, sys
table = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).cursor()
choice = input("Enter 'A' to display all records or 'S' to search for a specific source address: ").upper()
if choice == "A":
    table.execute("SELECT source_address, status, time FROM attendance")
    print("All attendance records:")
    for source_address, status, time in table.fetchall():
        print(f"Source Address: {source_address}\nStatus: {status}\nTime: {time}\n")
elif choice == "S":
    wanted = input("Enter the source address (phone number): ")
    table.execute("SELECT status, time FROM attendance WHERE source_address = ?", (wanted,))
    found = table.fetchone()
    if found and found[0] and found[1]:
        print(f"Status: {found[0]}\nTime: {found[1]}")
    else:
        print("No record found for the given source address.")
else:
    print("Invalid input. Please enter 'A' or 'S'.")
"#;

/// What a program asks of the projection, once it holds so many rows.
fn rows(rig: &Rig, count: usize) -> Vec<String> {
    let file = rig.data().join("attendance.db");
    eventually("the projection holds the rows", LONG, || {
        // Opening it would make an empty one where there is none.
        let there = fs::exists(&file).ok()?.then_some(&file)?;
        let table = rusqlite::Connection::open(there).ok()?;
        let mut all = table
            .prepare("SELECT source_address, status, time FROM attendance")
            .ok()?;
        let read = |row: &rusqlite::Row<'_>| {
            let [address, status, time]: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok(format!("{address}|{status}|{time}"))
        };
        let rows: Vec<String> = all.query_map([], read).ok()?.collect::<Result<_, _>>().ok()?;
        (rows.len() >= count).then_some(rows)
    })
}

#[test]
fn the_first_servers_questions_are_answered_alike_by_its_table_and_by_the_command_line() {
    let rig = rig();
    let gateway = rig.start_ready();
    for (count, (from, text)) in (1..).zip([(COLLEAGUE, EXIT[0]), (EMPLOYEE, ARRIVAL[0])]) {
        rig.network.text(rig.modems[0].number(), from, text).expect("delivered");
        history(&gateway, count);
    }
    assert_eq!(
        rows(&rig, 2),
        ["989126211771|Exit| 15.15", "989126211770|Arrival| 08.00"]
    );
    let file = rig.data().join("attendance.db");
    for question in ["A\n", "a\n", "S\n989126211770\n", "s\n989120000000\n", "x\n", "\n"] {
        let stand_in = answers(Command::new("python3").arg("-c").arg(STAND_IN).arg(&file), question);
        let ours = answers(rig.client(&gateway).args(["attendance", "query"]), question);
        assert_eq!(ours, stand_in, "{question:?}");
    }
    let found = answers(rig.client(&gateway).args(["attendance", "query"]), "S\n989126211770\n");
    assert!(found.ends_with("Status: Arrival\nTime:  08.00\n"), "{found}");
}

#[test]
fn a_projection_that_was_deleted_is_made_again_with_everything() {
    let rig = rig();
    let gateway = rig.start_ready();
    arrives(&rig, ARRIVAL[0]);
    assert_eq!(rows(&rig, 1).len(), 1);
    let file = rig.data().join("attendance.db");
    fs::remove_file(&file).expect("deleted");
    rig.network
        .text(rig.modems[0].number(), COLLEAGUE, EXIT[0])
        .expect("delivered");
    assert_eq!(
        rows(&rig, 2),
        ["989126211770|Arrival| 08.00", "989126211771|Exit| 15.15"]
    );
    gateway.stop();
    fs::remove_file(&file).expect("deleted");
    let gateway = rig.start();
    assert_eq!(rows(&rig, 2).len(), 2, "at the start, too");
    gateway.stop();
}

/// A phone with the second version.
struct Phone {
    id: u32,
    key: v2::DeviceKey,
    counter: u32,
}

impl Phone {
    /// A phone that reads what `device add` shows.
    fn provisioned(shown: &Value) -> Self {
        let code = shown["provisioning"].as_str().expect("a code");
        let mut fields = code.split(':').skip(1);
        let id = fields.next().and_then(|id| id.parse().ok()).expect("an id");
        let key = fields.next().expect("a key");
        assert_eq!(key.to_lowercase(), shown["key"]);
        let octets: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).expect("hex"))
            .collect();
        let key = v2::DeviceKey::new(&octets.try_into().expect("32 octets"));
        Self { id, key, counter: 0 }
    }

    fn arrival(&mut self) -> String {
        self.counter += 1;
        let request = v2::Request {
            kind: v2::Kind::Arrival,
            flags: 0,
            counter: self.counter,
            unix_time: u32::try_from(Timestamp::now().as_second()).expect("before 2106"),
            quarter_hours: 14,
            note: String::new(),
        };
        let nonce = self.counter.to_be_bytes().repeat(3).try_into().expect("12 octets");
        request.seal(self.id, &self.key, nonce).expect("short")
    }

    /// The answer among what was sent to this phone.
    fn answer(&self, rig: &Rig) -> v2::Status {
        eventually("the phone is answered", LONG, || {
            let texts = sent(rig).into_iter().map(|(_, text)| text);
            texts
                .filter_map(|text| self.read(&text))
                .find_map(|answer| (answer.counter == self.counter).then_some(answer.status))
        })
    }

    fn read(&self, text: &str) -> Option<v2::Answer> {
        let sealed = v2::Sealed::decode(&Frame::find(text)?).ok()?;
        sealed.answer(&self.key).ok()
    }
}

#[test]
fn a_device_is_registered_moved_and_revoked_while_the_gateway_runs() {
    let rig = rig();
    let gateway = rig.start_ready();
    let config = rig.folder().join("simrelay.toml");
    let device = |args: &[&str]| {
        let place = ["--config", config.to_str().expect("a path")];
        rig.cli_json(&gateway, &[&["attendance", "device"], args, &place].concat())
    };
    let shown = device(&["add", EMPLOYEE, "--mode", "v1"]);
    assert_eq!(shown["gateway_told"], true, "{shown}");
    let mut phone = Phone::provisioned(&shown);
    let id = phone.id.to_string();
    let mode = fs::metadata(rig.folder().join("attendance.keys"))
        .expect("keys")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    arrives(&rig, &phone.arrival());
    assert_eq!(history(&gateway, 1)[0]["verdict"], "not_in_use");
    arrives(&rig, ARRIVAL[0]);
    wait_sent(&rig, ARRIVAL[1]);

    device(&["set", &id, "--mode", "both"]);
    arrives(&rig, &phone.arrival());
    assert_eq!(phone.answer(&rig), v2::Status::Kept);
    arrives(&rig, EXIT[0]);
    assert_eq!(history(&gateway, 4)[3]["verdict"], "downgrade");
    let listed = rig.cli_json(&gateway, &["attendance", "device", "list"]);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["mode"]),
        (&json!(phone.id), &json!("both")),
        "{listed}"
    );
    assert_eq!(listed[0]["counter"], phone.counter);
    assert!(
        !listed.to_string().contains(shown["key"].as_str().expect("a key")),
        "no key is shown again"
    );

    device(&["revoke", &id]);
    arrives(&rig, &phone.arrival());
    assert_eq!(phone.answer(&rig), v2::Status::Revoked);
}

#[test]
fn a_changed_key_file_is_taken_up_on_sighup_and_a_wrong_one_is_not() {
    let rig = rig_with("", "");
    let gateway = rig.start_ready();
    // Another text each time: the same one within a second is the same message.
    arrives(&rig, &sealed("Exit 7.00", KEY));
    assert_eq!(history(&gateway, 1)[0]["verdict"], "no_key");
    let hang_up = || {
        let pid = Pid::from_raw(i32::try_from(gateway.pid()).expect("a process id"));
        kill(pid, Signal::SIGHUP).expect("it can be told");
    };
    write_keys(&rig, &format!("shared {KEY}\n"));
    hang_up();
    gateway.wait_log("a shared key");
    arrives(&rig, ARRIVAL[0]);
    wait_sent(&rig, ARRIVAL[1]);
    write_keys(&rig, "shared too-short\n# nobody\nshared");
    hang_up();
    gateway.wait_log("nothing is changed");
    arrives(&rig, EXIT[0]);
    wait_sent(&rig, EXIT[1]);
    assert!(!gateway.log().contains("too-short"), "no key is logged");
}

#[test]
fn the_command_line_tells_who_is_in_and_exports_the_history() {
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let days = "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
    let lines = format!(
        "time_zone = \"UTC\"\nday_starts = \"00:00\"\ngrace_min = 1500\ndays = {days}\n\
         [[attendance.people]]\nnumber = \"{EMPLOYEE}\"\nname = \"Sara\"\n\
         [[attendance.people]]\nnumber = \"{COLLEAGUE}\"\nname = \"Reza\"\ngrace_min = 0\n"
    );
    let rig = rig_with(&format!("shared {KEY}\n"), &lines).token_entry("watch", &["attendance"], "");
    let gateway = rig.start_ready();
    let time = now.strftime("%H.%M").to_string();
    arrives(&rig, &sealed(&format!("Arrival {time}"), KEY));
    arrives(&rig, "$$AAAAAAAAAAAAAAAAAAAAAA==$$");
    history(&gateway, 2);

    let run = |args: &[&str]| {
        let mut command = rig.client(&gateway);
        command
            .env("SIMRELAY_TOKEN", rig.token_of("watch"))
            .arg("attendance")
            .args(args);
        end_to_end::Run::of(&mut command)
    };
    let who = run(&["who"]);
    assert_eq!(who.code, 0, "{who:?}");
    let line = |name: &str| {
        who.out
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(line("Sara").contains(" in "), "{who:?}");
    assert!(line("Reza").contains(" absent "), "{who:?}");
    assert!(who.out.contains("1 in, 0 out, 0 late, 1 absent, 0 expected"), "{who:?}");

    let csv = run(&["history", "--csv"]).out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(
        lines[0].starts_with("cursor,received_at,") && lines[1].contains(",Sara,sim-0,1,taken,"),
        "{csv}"
    );
    assert!(lines[2].contains(",bad_padding,"), "{csv}");
    assert_eq!(
        run(&["history", "--since", "1h", "--number", "sara"])
            .out
            .lines()
            .count(),
        3
    );
    assert_eq!(run(&["history", "--until", "1h"]).out.trim(), "no request came");
    assert_eq!(run(&["show", "Sara"]).code, 0);
    assert_eq!(run(&["show", "+989120000000"]).code, 1);
    assert_eq!(run(&["history", "--since", "yesterday"]).code, 2);
    let mut other = rig.client(&gateway);
    other.env("SIMRELAY_TOKEN", "watch.wrong").args(["attendance", "who"]);
    assert_eq!(end_to_end::Run::of(&mut other).code, 4);
}
