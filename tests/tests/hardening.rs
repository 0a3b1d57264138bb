//! What a confined gateway cannot do, and that it does everything else. All other end-to-end tests run confined as well:
//! it is the default.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use end_to_end::{Api, Gateway, Rig, eventually, free_port, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

/// Whether this machine can confine as the tests want it: Landlock with ports (6.7), and seccomp.
fn can_confine(trial: &Value) -> bool {
    let parts = trial["parts"].as_array().expect("parts");
    let whole = |part: &Value| {
        let sentence = part["sentence"].as_str().unwrap_or_default();
        part["in_force"] == true && !sentence.contains("cannot restrict")
    };
    let can = parts.iter().all(whole);
    if !can {
        assert!(
            std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() != Ok("1"),
            "this kernel cannot confine a program: {trial:#}"
        );
        eprintln!("skipped: this kernel cannot confine a program: {trial:#}");
    }
    can
}

fn simrelay(through: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = match through {
        Some(wrapper) => Command::new(program(wrapper)),
        None => Command::new(program("simrelay")),
    };
    if through.is_some() {
        command.arg(program("simrelay"));
    }
    command.args(arguments).output().expect("the program starts")
}

fn trial(config: &Path, more: &[&str]) -> (Value, Option<i32>) {
    let file = config.to_str().expect("a path");
    let mut line = vec!["--json", "hardening", "try", "--config", file];
    line.extend(more);
    let output = simrelay(None, &line);
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (told, output.status.code())
}

fn of<'a>(trial: &'a Value, what: &str) -> &'a Value {
    let tried = trial["tried"].as_array().expect("attempts").iter();
    let found = tried.clone().find(|one| one["what"] == what);
    let begins = |one: &&Value| one["what"].as_str().is_some_and(|words| words.starts_with(what));
    let found = found.or_else(|| tried.clone().find(begins));
    found.unwrap_or_else(|| panic!("nobody tried '{what}': {trial:#}"))
}

#[test]
fn what_no_gateway_does_is_refused_and_what_it_does_is_not() {
    let rig = Rig::new(1).config("[hardening]\nconnect = [53]");
    let config = rig.write_config(free_port());
    fs::create_dir_all(rig.data()).expect("a folder");
    let (told, code) = trial(&config, &[]);
    if !can_confine(&told) {
        return;
    }
    for one in told["tried"].as_array().expect("attempts") {
        assert_eq!(one["refused"], one["should_be_refused"], "{one} of {told:#}");
    }
    assert_eq!(code, Some(0));
    for refused in [
        "start a program",
        "read /etc/shadow",
        "list /root",
        "write in /tmp",
        "write in /etc",
        "listen on another TCP port",
        "connect to another TCP port",
        "send raw packets",
        "look into another process",
        "mount a file system",
        "load a kernel module",
        "make a namespace",
    ] {
        assert_eq!(of(&told, refused)["refused"], true, "{told:#}");
    }
    for possible in [
        "read the configuration",
        "read the key",
        "write in /",
        "find a host",
        "start a thread",
    ] {
        assert_eq!(of(&told, possible)["refused"], false, "{told:#}");
    }
    let (off, code) = trial(&config, &["--mode", "off"]);
    assert_eq!(of(&off, "start a program")["refused"], false, "{off:#}");
    assert_eq!(code, Some(1), "somebody who looks at the code alone knows it, too");
    let (log, _) = trial(&config, &["--mode", "log"]);
    assert_eq!(of(&log, "start a program")["refused"], true, "always: {log:#}");
    assert_eq!(of(&log, "write in /tmp")["refused"], false, "files are free: {log:#}");
}

#[test]
fn a_running_gateway_is_confined_with_every_thread() {
    let rig = Rig::new(1);
    let config = rig.write_config(free_port());
    if !can_confine(&trial(&config, &[]).0) {
        return;
    }
    let gateway = rig.start_ready();
    let proc = format!("/proc/{}", gateway.pid());
    let mut threads = 0;
    for thread in fs::read_dir(format!("{proc}/task")).expect("its threads") {
        let status = fs::read_to_string(thread.expect("a thread").path().join("status")).expect("its status");
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t2"] {
            assert!(status.contains(line), "{line}: {status}");
        }
        threads += 1;
    }
    assert!(threads > 3, "{threads}");
    let limits = fs::read_to_string(format!("{proc}/limits")).expect("its limits");
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("a line");
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
    let log = gateway.log();
    for part in ["process", "files and ports", "system calls"] {
        assert!(log.contains(&format!("{part} confined")), "{log}");
    }
}

#[test]
fn a_kernel_without_landlock_is_told_and_the_gateway_works_without_it() {
    let rig = Rig::new(2);
    let gateway = Gateway::start_through(&rig, |program_path| {
        let mut wrapped = Command::new(program("without-landlock"));
        wrapped.arg(program_path);
        wrapped
    });
    gateway.wait_ready(2);
    gateway.wait_log("files and ports not confined: this kernel has no Landlock");
    assert!(gateway.log().contains("system calls confined"), "{}", gateway.log());
    let id = gateway.api().send(rig.modems[1].number(), "without Landlock");
    gateway.wait_state(&id, "delivered", LONG);
    let config = rig.folder().join("simrelay.toml");
    let file = config.to_str().expect("a path");
    let output = simrelay(Some("without-landlock"), &["--json", "doctor", "--config", file]);
    let checks: Value = serde_json::from_slice(&output.stdout).expect("checks");
    let checks = checks.as_array().expect("a list").iter();
    let hardening = checks
        .clone()
        .find(|check| check["subject"] == "hardening")
        .expect("a check");
    assert_eq!(hardening["level"], "WARNING", "{hardening}");
    let sentence = hardening["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("this kernel has no Landlock"), "{sentence}");
}

#[test]
fn the_modes_log_and_off_are_told_and_work() {
    for (mode, words, seccomp) in [
        ("log", "files and ports not confined: mode = \"log\"", "Seccomp:\t2"),
        ("off", "the gateway is not confined: mode = \"off\"", "Seccomp:\t0"),
    ] {
        let rig = Rig::new(1).config(&format!("[hardening]\nmode = {mode:?}"));
        let gateway = rig.start_ready();
        let id = gateway.api().send("+4930001", "free");
        gateway.wait_state(&id, "delivered", LONG);
        assert!(gateway.log().contains(words), "{}", gateway.log());
        let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("its status");
        assert!(status.contains(seccomp), "{mode}: {status}");
    }
}

#[test]
fn a_reload_that_would_need_more_says_that_a_restart_does() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    if !gateway.log().contains("files and ports confined") {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    for name in ["certificate.pem", "key.pem"] {
        fs::copy(rig.folder().join(name), elsewhere.path().join(name)).expect("copied");
    }
    let config = rig.folder().join("simrelay.toml");
    let old = fs::read_to_string(&config).expect("it was written");
    let (here, there) = (rig.folder().join("key.pem"), elsewhere.path().join("key.pem"));
    let moved = old.replace(here.to_str().expect("a path"), there.to_str().expect("a path"));
    assert_ne!(moved, old);
    let write = |text: &str| {
        fs::write(&config, text).expect("written");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("kept secret");
        let pid = i32::try_from(gateway.pid()).expect("a process id");
        kill(Pid::from_raw(pid), Signal::SIGHUP).expect("it can be asked");
    };
    write(&moved);
    gateway.wait_log("cannot be read before a restart");
    gateway.wait_finding("configuration", "Permission denied");
    write(&format!("{old}\n[pool]\ntrace_folder = {:?}\n", elsewhere.path()));
    gateway.wait_log("may not be written before a restart");
    write(&old);
    eventually("health is well again", LONG, || {
        let health = gateway.api().call("health", json!({})).expect("health");
        let findings = health["findings"].as_array().expect("findings").clone();
        findings
            .iter()
            .all(|finding| finding["subject"] != "configuration")
            .then_some(())
    });
}

#[test]
fn a_certificate_that_is_replaced_is_taken_though_it_is_another_file() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let fresh = rig.folder().join("fresh");
    fs::create_dir(&fresh).expect("a folder");
    let folder = fresh.to_str().expect("a path");
    let made = simrelay(None, &["certificate", "--name", "localhost", "--out", folder]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // As every program does that renews certificates: another file takes the name.
    for name in ["certificate.pem", "key.pem"] {
        fs::rename(fresh.join(name), rig.folder().join(name)).expect("renamed");
    }
    let pid = i32::try_from(gateway.pid()).expect("a process id");
    kill(Pid::from_raw(pid), Signal::SIGHUP).expect("it can be asked");
    let trusting = Api::new(gateway.api().port(), &fresh.join("ca.pem"), rig.token());
    eventually("the new certificate is shown", LONG, || {
        trusting.call("ping", json!({})).ok()
    });
}

#[test]
fn secrets_come_as_credentials_of_the_service() {
    let rig = Rig::new(1).slot(0, "pin_file = \"sim.pin\"").config(
        "[mail]\nto = [\"a@example.org\"]\npassword_file = \"mail.password\"\nuser = \"u\"\nsecurity = \"tls\"",
    );
    let credentials = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &[u8]| {
        fs::write(credentials.path().join(name), text).expect("written");
        fs::set_permissions(credentials.path().join(name), fs::Permissions::from_mode(0o400)).expect("closed");
    };
    put("sim.pin", b"0000");
    put("mail.password", b"correct horse");
    let key = rig.folder().join("key.pem");
    put("private.pem", &fs::read(&key).expect("a key"));
    let rig = rig.key("private.pem");
    fs::remove_file(&key).expect("it lies among the credentials only");
    let gateway = Gateway::start_through(&rig, |program| {
        let mut command = Command::new(program);
        command.env("CREDENTIALS_DIRECTORY", credentials.path());
        command
    });
    gateway.wait_ready(1);
    let log = gateway.log();
    assert!(!log.contains("correct horse"), "{log}");
}

/// Runs a gateway that ends by itself as somebody without rights; what it says, and its exit code. `None` where this test
/// may not become somebody else.
fn as_nobody(rig: &Rig) -> Option<(String, Option<i32>)> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can start a program as somebody else");
        return None;
    }
    let config = rig.write_config(free_port());
    for name in ["simrelay.toml", "key.pem", "certificate.pem", ""] {
        std::os::unix::fs::chown(rig.folder().join(name), Some(NOBODY), Some(NOBODY)).expect("given away");
    }
    let mut command = Command::new(program("simrelay"));
    command.uid(NOBODY).gid(NOBODY).args(["serve", "--config"]).arg(config);
    let output = command.output().expect("the program starts");
    Some((
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.code(),
    ))
}

#[test]
fn a_data_folder_that_is_not_for_the_gateway_to_write_is_told_and_nothing_starts() {
    let rig = Rig::new(0);
    fs::create_dir(rig.data()).expect("a folder");
    fs::set_permissions(rig.data(), fs::Permissions::from_mode(0o755)).expect("for root to write");
    let Some((told, code)) = as_nobody(&rig) else { return };
    let data = rig.data().display().to_string();
    assert!(
        told.contains(&format!("{data} cannot be written in: Permission denied")),
        "{told}"
    );
    let last = told.trim_end().lines().last().expect("a last line");
    assert!(
        last.contains(&data) && last.contains("that this user may write to it"),
        "{told}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn folders_that_cannot_be_written_in_are_told_and_the_gateway_works_without_them() {
    // Nobody, root included, makes a folder there.
    let rig = Rig::new(1).config("[pool]\nhint_file = '/proc/hints/ports'\ntrace_folder = '/proc/trace'");
    let gateway = rig.start_ready();
    let id = gateway.api().send("+4930001", "without a trace");
    gateway.wait_state(&id, "delivered", LONG);
    let log = gateway.log();
    for folder in ["/proc/hints", "/proc/trace"] {
        assert!(log.contains(&format!("{folder} cannot be written in")), "{log}");
    }
}

/// The user that owns nothing.
const NOBODY: u32 = 65_534;
