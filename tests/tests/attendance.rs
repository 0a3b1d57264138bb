//! Attendance from a phone to its acknowledgement, over the air.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use end_to_end::{Rig, eventually};

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

fn rig() -> Rig {
    let rig = Rig::new(1);
    let keys = rig.folder().join("attendance.keys");
    fs::write(&keys, "shared a7b2c3d4e5f6g789abcdef0123456789\n").expect("written");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("closed");
    let lines = format!("[attendance]\nkey_file = {keys:?}\nprojection = \"attendance.db\"\n");
    rig.config(&lines)
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
