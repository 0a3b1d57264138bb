//! A disk that is full, gone, held, read-only, or holds something else: a clear word, nothing lost, and it goes on by
//! itself.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Gateway, Hold, Refusal, Rig, eventually, program};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[test]
fn a_held_database_refuses_for_now_and_what_came_in_is_kept_later() {
    let rig = Rig::new(1).config("[store]\nbusy_wait_ms = 100");
    let gateway = rig.start_ready();
    let hold = Hold::take(&rig);
    assert_refuses_for_now(&gateway);
    assert_ill(&gateway, "held by another process");
    let received = receive_until_unkept(&rig, &gateway);
    assert_eq!(received.len(), 1, "not even one is kept");
    drop(hold);
    assert_goes_on(&rig, &gateway, &received);
}

#[test]
fn a_database_at_its_quota_refuses_and_goes_on_when_something_is_erased() {
    let rig = Rig::new(1).config("[store]\nmax_size = 700000");
    let gateway = rig.start_ready();
    let accepted = fill(&gateway);
    assert!(!accepted.is_empty(), "nothing fits");
    assert_ill(&gateway, "full");
    let received = receive_until_unkept(&rig, &gateway);

    let erased = gateway
        .api()
        .call("numbers.erase", json!({ "number": BULK }))
        .expect("erased");
    assert_eq!(erased["erased"], accepted.len());
    assert_goes_on(&rig, &gateway, &received);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let rig = Rig::new(1);
    let Some(disk) = Disk::mount(&rig, "size=12m") else {
        return;
    };
    let gateway = rig.start_ready();
    let filler = disk.folder.join("filler");
    fill_disk(&filler);
    let accepted = fill(&gateway);
    assert_ill(&gateway, "full");
    let received = receive_until_unkept(&rig, &gateway);

    fs::remove_file(&filler).expect("room again");
    assert_goes_on(&rig, &gateway, &received);
    for id in &accepted {
        let view = gateway
            .api()
            .call("sms.status", json!({ "id": id }))
            .expect("nothing that was accepted is lost");
        assert_eq!(view["state"], "queued");
    }
    gateway.kill();
    let gateway = rig.start();
    let kept = gateway
        .api()
        .call("sms.status", json!({ "id": accepted.last() }))
        .expect("nor by a crash");
    assert_eq!(kept["state"], "queued");
}

#[test]
fn a_read_only_disk_is_refused_at_the_start() {
    let rig = Rig::new(1);
    let Some(disk) = Disk::mount(&rig, "size=12m") else {
        return;
    };
    rig.start_ready().stop();
    disk.remount("ro");
    let word = refusal(&rig);
    assert!(word.contains("cannot be used"), "{word}");
    assert!(word.contains("this user may write to it"), "it says what to do: {word}");
    disk.remount("rw");
    assert!(rig.start_ready().stop().success());
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    let rig = Rig::new(1);
    rig.write_config(0);
    fs::set_permissions(rig.data(), fs::Permissions::from_mode(0o500)).expect("read-only");
    let is_root = nix::unistd::getuid().is_root();
    let mut command = Command::new(if is_root { "setpriv".into() } else { program("simrelay") });
    if is_root {
        // Root may write to every folder, unless it gives that up.
        command
            .args(["--bounding-set", "-dac_override,-dac_read_search"])
            .arg(program("simrelay"));
    }
    let word = refusal_of(command, &rig);
    assert!(word.contains("cannot be used"), "{word}");
    assert!(word.contains("this user may write to it"), "it says what to do: {word}");
    fs::set_permissions(rig.data(), fs::Permissions::from_mode(0o700)).expect("as before");
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let rig = Rig::new(1);
    rig.start_ready().stop();
    let file = fs::File::options()
        .write(true)
        .open(rig.database())
        .expect("the database");
    // The first pages after the header are roots of tables; further back most are free.
    file.write_all_at(&[0x5a; 3 * 4096], 4096).expect("damaged");
    assert_damage_is_refused(&rig);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let rig = Rig::new(1);
    rig.write_config(0);
    fs::write(rig.database(), "a letter to my aunt, and no database ".repeat(200)).expect("written");
    assert_damage_is_refused(&rig);
}

#[test]
fn the_database_of_a_newer_gateway_is_refused_and_left_as_it_is() {
    let rig = Rig::new(1);
    rig.start_ready().stop();
    let newer = rusqlite::Connection::open(rig.database()).expect("the database");
    newer.pragma_update(None, "user_version", 999).expect("newer");
    newer.close().expect("closed");
    let before = fs::read(rig.database()).expect("the database");
    let word = refusal(&rig);
    assert!(word.contains("was written by a newer simrelay (layout 999"), "{word}");
    assert_eq!(fs::read(rig.database()).expect("the database"), before);
}

#[test]
fn a_second_gateway_on_one_folder_is_refused_and_the_first_goes_on() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let word = refusal(&rig);
    assert!(word.contains("is used by another simrelay"), "{word}");
    assert!(
        word.contains(&format!("process {}", gateway.pid())),
        "it says by which: {word}"
    );
    let id = gateway.api().send(FAR, "undisturbed");
    gateway.wait_state(&id, "delivered", LIMIT);
    gateway.kill();
    // What a killed gateway leaves behind keeps nobody out.
    rig.start_ready();
}

/// Sending is refused, and may be tried again.
fn assert_refuses_for_now(gateway: &Gateway) -> Refusal {
    let refusal = gateway
        .api()
        .call("sms.send", json!({ "to": FAR, "text": "refused" }))
        .expect_err("nothing can be kept");
    assert_eq!(refusal.data["reason"], "unavailable", "{refusal:?}");
    assert_eq!(refusal.data["retryable"], true, "{refusal:?}");
    refusal
}

/// Health is critical, and says that of the store.
fn assert_ill(gateway: &Gateway, words: &str) {
    eventually("health turns critical", LIMIT, || {
        let health = gateway.api().call("health", json!({})).ok()?;
        let finding = store_finding(&health)?;
        let said = finding["sentence"].as_str().expect("a sentence");
        assert!(said.contains(words), "{finding:#}");
        (health["level"] == "CRITICAL" && finding["level"] == "CRITICAL").then_some(())
    });
}

fn store_finding(health: &Value) -> Option<&Value> {
    health["findings"]
        .as_array()?
        .iter()
        .find(|finding| finding["subject"] == "store")
}

/// Everything works again, nobody did anything about it, and what came in meanwhile is there.
fn assert_goes_on(rig: &Rig, gateway: &Gateway, received: &[String]) {
    eventually("health is well again", LIMIT, || {
        let health = gateway.api().call("health", json!({})).ok()?;
        store_finding(&health).is_none().then_some(())
    });
    let id = gateway.api().send(FAR, "it goes on");
    gateway.wait_state(&id, "delivered", LIMIT);
    eventually("the modem is emptied", LIMIT, || {
        rig.modems[0].stored().is_empty().then_some(())
    });
    let messages = gateway.api().fetch(0, 60);
    let texts: Vec<&str> = messages.iter().filter_map(|message| message["text"].as_str()).collect();
    assert_eq!(texts, received);
}

/// Texts come in until one cannot be kept: where there is no room for much there may be room for a little.
fn receive_until_unkept(rig: &Rig, gateway: &Gateway) -> Vec<String> {
    let modem = &rig.modems[0];
    let mut texts = Vec::new();
    loop {
        let text = format!("text {} that comes while nothing can be kept", texts.len());
        rig.network.text(modem.number(), "+4930123456", &text).expect("a text");
        texts.push(text);
        let unkept = eventually("it is kept, or stays", LIMIT, || {
            let unkept = gateway
                .log()
                .contains("cannot keep what came in, so it stays on the modem");
            (unkept || modem.stored().is_empty()).then_some(unkept)
        });
        if unkept {
            assert_eq!(modem.stored().len(), 1, "what is not kept is not deleted");
            return texts;
        }
    }
}

/// Sends long messages for later until there is no more room; the accepted ones.
fn fill(gateway: &Gateway) -> Vec<String> {
    let text = "no room is left for this ".repeat(60);
    let later = (Timestamp::now() + SignedDuration::from_hours(24)).to_string();
    let mut accepted = Vec::new();
    for _ in 0..20_000 {
        let params = json!({ "to": BULK, "text": text, "send_at": later });
        match gateway.api().call("sms.send", params) {
            Ok(answer) => accepted.push(answer["id"].as_str().expect("an id").to_owned()),
            Err(refusal) => {
                assert_eq!(refusal.data["reason"], "unavailable", "{refusal:?}");
                assert_eq!(refusal.data["retryable"], true, "{refusal:?}");
                return accepted;
            }
        }
    }
    panic!("it never gets full");
}

/// Takes all the room there is.
fn fill_disk(filler: &Path) {
    let file = fs::File::create(filler).expect("a file");
    let block = [0x5a_u8; 4096];
    let mut at = 0;
    while file.write_all_at(&block, at).is_ok() {
        at += block.len() as u64;
    }
}

fn assert_damage_is_refused(rig: &Rig) {
    let before = fs::read(rig.database()).expect("the file");
    let word = refusal(rig);
    assert!(word.contains("is damaged"), "{word}");
    assert!(word.contains("restore a backup"), "it says what to do: {word}");
    assert_eq!(
        fs::read(rig.database()).expect("the file"),
        before,
        "it is left as it is"
    );
}

/// Starts a gateway that must not start; what it says.
fn refusal(rig: &Rig) -> String {
    refusal_of(Command::new(program("simrelay")), rig)
}

fn refusal_of(mut command: Command, rig: &Rig) -> String {
    let log = rig.folder().join("refused.log");
    let output = fs::File::create(&log).expect("a file");
    let mut child = command
        .arg("serve")
        .arg("--config")
        .arg(rig.write_config(0))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .expect("the program starts");
    let exit = eventually("it refuses", LIMIT, || child.try_wait().expect("it can be waited for"));
    let word = fs::read_to_string(&log).expect("its words");
    assert_eq!(exit.code(), Some(1), "{word}");
    word
}

/// A small disk under the data folder.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts a file system in memory; `None`, and a word, where that is not permitted.
    fn mount(rig: &Rig, options: &str) -> Option<Self> {
        let folder = rig.data();
        fs::create_dir_all(&folder).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        eprintln!("skipped: a file system can be mounted by root only");
        None
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(&self.folder)
            .status();
        assert!(done.is_ok_and(|status| status.success()), "remounted {how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a gateway may still be ending.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// A number outside of the simulated network.
const FAR: &str = "+4915112345678";

/// Where what fills the database goes to.
const BULK: &str = "+4915100000000";

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
