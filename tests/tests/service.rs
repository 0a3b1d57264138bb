//! The service: its units as systemd reads them, readiness and watchdog at a stand-in for systemd, sockets handed over.
//!
//! A whole start by a real systemd is in `systemd/`.

use std::fs;
use std::io::{self, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use end_to_end::{Api, Gateway, Rig, eventually, free_port, program};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

/// Runs a program of systemd; `None` where it is not installed.
fn systemd(name: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            assert!(
                std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() != Ok("1"),
                "{name} is missing: run `tools/peers install`"
            );
            eprintln!("skipped: {name} is not installed (Debian package systemd)");
            None
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd").join(name)
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    texts.concat()
}

/// All units in one folder, with the program where this machine has it.
fn units() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in UNITS {
        let text = fs::read_to_string(shipped(name)).expect("a unit");
        let text = text.replace("/usr/local/bin/simrelay", program("simrelay").to_str().expect("a path"));
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let units = units();
    let files = UNITS.map(|name| units.path().join(name).display().to_string());
    let mut line = vec!["verify", "--man=no", "--recursive-errors=no"];
    line.extend(files.iter().map(String::as_str));
    let Some(output) = systemd("systemd-analyze", &line) else {
        return;
    };
    let told = said(&output);
    let ours = told.lines().filter(|line| line.contains("simrelay"));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(output.status.success(), "{told}");
}

#[test]
fn the_service_is_exposed_by_no_more_than_one_and_a_half() {
    let unit = shipped("simrelay.service").display().to_string();
    let Some(output) = systemd(
        "systemd-analyze",
        &["security", "--offline=true", "--threshold=15", &unit],
    ) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_user_and_the_folders_are_made() {
    let root = tempfile::tempdir().expect("a folder");
    for kind in ["sysusers.d", "tmpfiles.d"] {
        let folder = root.path().join("usr/lib").join(kind);
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(shipped(kind).join("simrelay.conf"), folder.join("simrelay.conf")).expect("copied");
    }
    fs::create_dir_all(root.path().join("etc")).expect("a folder");
    let at = format!("--root={}", root.path().display());
    let Some(output) = systemd("systemd-sysusers", &[&at, "simrelay.conf"]) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
    let groups = fs::read_to_string(root.path().join("etc/group")).expect("groups");
    let dialout = groups
        .lines()
        .find(|line| line.starts_with("dialout:"))
        .expect("a group");
    assert!(dialout.ends_with(":simrelay"), "{groups}");
    let Some(output) = systemd("systemd-tmpfiles", &[&at, "--create", "simrelay.conf"]) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
    for (path, mode) in [
        ("etc/simrelay", 0o750),
        ("etc/simrelay/secrets", 0o700),
        ("var/lib/simrelay", 0o700),
    ] {
        let found = fs::metadata(root.path().join(path)).expect("it was made");
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777,
            mode,
            "{path}"
        );
    }
}

#[test]
fn the_rules_for_devices_are_understood() {
    let rules = shipped("udev/78-simrelay.rules");
    let verifies = Command::new("udevadm").args(["verify", "--help"]).output();
    if !verifies.is_ok_and(|output| output.status.success()) {
        // udevadm can verify since systemd 254.
        let text = fs::read_to_string(rules).expect("rules");
        assert!(text.contains("ID_MM_DEVICE_IGNORE") && text.contains("SYMLINK+="));
        return;
    }
    let output = Command::new("udevadm")
        .arg("verify")
        .arg(rules)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_unit_waits_longer_than_any_modem() {
    let unit = fs::read_to_string(shipped("simrelay.service")).expect("a unit");
    let seconds = |key: &str| -> u64 {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
        line.parse().expect("seconds")
    };
    // The longest answer of a network is three minutes (modem::Timer); the gateway gives up at 230 s.
    assert!(seconds("TimeoutStopSec=") > 230, "{unit}");
    assert!(seconds("WatchdogSec=") >= 60, "a busy disk is no death");
}

/// The stand-in for systemd: where a gateway tells how it is.
struct Supervisor {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Supervisor {
    fn new(rig: &Rig) -> Self {
        let path = rig.folder().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self { socket, path }
    }

    /// Starts a gateway that must answer every `watchdog`.
    fn start(&self, rig: &Rig, watchdog: Duration) -> Gateway {
        Gateway::start_through(rig, |program| {
            let mut command = Command::new(program);
            command.env("NOTIFY_SOCKET", &self.path);
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
            command
        })
    }

    /// What is told next within `limit`.
    fn hear(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).expect("a limit");
        let mut words = [0; 4096];
        let length = self.socket.recv(&mut words).ok()?;
        Some(String::from_utf8_lossy(&words[..length]).into_owned())
    }

    /// Waits until `words` are told; all that was told up to then.
    fn wait(&self, words: &str) -> String {
        let end = Instant::now() + LONG;
        let mut heard = String::new();
        while Instant::now() < end {
            let Some(told) = self.hear(Duration::from_secs(1)) else {
                continue;
            };
            heard.push_str(&told);
            if told.contains(words) {
                return heard;
            }
        }
        panic!("'{words}' is never told: {heard}");
    }

    /// How many answers come within `time`.
    fn answers(&self, time: Duration) -> usize {
        let end = Instant::now() + time;
        let mut answers = 0;
        while let Some(left) = end
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            let told = self.hear(left).unwrap_or_default();
            answers += usize::from(told.contains("WATCHDOG=1"));
        }
        answers
    }
}

#[test]
fn readiness_state_and_end_are_told() {
    let rig = Rig::new(2);
    let supervisor = Supervisor::new(&rig);
    let gateway = supervisor.start(&rig, Duration::from_secs(3));
    let heard = supervisor.wait("WATCHDOG=1");
    assert!(heard.starts_with("READY=1\n"), "{heard}");
    supervisor.wait("STATUS=2 of 2 modems ready, 0 parts wait\n");
    gateway.terminate();
    let heard = supervisor.wait("STOPPING=1");
    assert!(!heard.contains("READY=1"), "{heard}");
    assert!(
        heard.contains("WATCHDOG_USEC=240000000\n"),
        "a long stop is no death: {heard}"
    );
    assert!(gateway.wait(LONG).success());
}

#[test]
fn a_gateway_whose_modems_thread_is_stuck_answers_the_watchdog_no_more() {
    let rig = Rig::new(1);
    let supervisor = Supervisor::new(&rig);
    let gateway = supervisor.start(&rig, Duration::from_secs(3));
    gateway.wait_ready(1);
    supervisor.wait("WATCHDOG=1");
    // A tracer can hold one thread alone, as a driver that never comes back would.
    let stuck = thread_of(gateway.pid(), "modems");
    if let Err(error) = ptrace::attach(stuck) {
        eprintln!("skipped: no thread may be held here: {error}");
        return;
    }
    waitpid(stuck, Some(WaitPidFlag::__WALL)).expect("it is held");
    // Only an answer that was under way may still come.
    let late = supervisor.answers(Duration::from_secs(2));
    assert!(late <= 1, "{late} answers");
    assert_eq!(supervisor.answers(Duration::from_secs(5)), 0);
    assert!(gateway.api().call("ping", json!({})).is_ok(), "the rest of it lives");
    ptrace::detach(stuck, None).expect("it goes on");
    supervisor.wait("WATCHDOG=1");
}

/// The thread of a process that has this name.
fn thread_of(process: u32, name: &str) -> Pid {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    let named = threads.flatten().find(|thread| {
        let found = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        found.trim() == name
    });
    let thread = named.unwrap_or_else(|| panic!("no thread {name}")).file_name();
    Pid::from_raw(thread.to_string_lossy().parse().expect("a number"))
}

#[test]
fn sockets_that_systemd_opened_are_served_and_unknown_ones_told() {
    let (handed, mail, odd, configured) = (free_port(), free_port(), free_port(), free_port());
    let rig = Rig::new(1).config(&format!("[smtp]\nlisten = [\"127.0.0.1:{}\"]", free_port()));
    let config = rig.write_config(configured);
    let log = rig.folder().join("gateway.log");
    let output = fs::File::create(&log).expect("a log");
    let mut activate = Command::new("systemd-socket-activate");
    for port in [handed, mail, odd] {
        activate.arg("-l").arg(format!("127.0.0.1:{port}"));
    }
    activate.args(["--fdname=api:smtp:fax", "-E", "HOME"]);
    activate
        .arg(program("simrelay"))
        .arg("serve")
        .arg("--config")
        .arg(config);
    activate
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output);
    let _ends = match activate.spawn() {
        Ok(child) => Activated(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            assert!(
                std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() != Ok("1"),
                "run `tools/peers install`"
            );
            return eprintln!("skipped: systemd-socket-activate is not installed (Debian package systemd)");
        }
        Err(error) => panic!("{error}"),
    };
    // The first connection starts it; that is answered, too.
    let api = Api::new(handed, &rig.certificate(), rig.token());
    let read = || fs::read_to_string(&log).unwrap_or_default();
    eventually("it answers at the port that was handed over", LONG, || {
        api.call("ping", json!({})).ok()
    });
    let mut greeting = [0; 4];
    let mut letter = TcpStream::connect(("127.0.0.1", mail)).expect("the port for mail");
    letter.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(&greeting, b"220 ");
    assert!(TcpStream::connect(("127.0.0.1", configured)).is_err(), "not both");
    let told = read();
    assert!(
        told.contains("was handed over as \"api\", instead of api.listen"),
        "{told}"
    );
    assert!(
        told.contains("\"fax\"") && told.contains("nobody knows the name"),
        "{told}"
    );
}

/// What was started. Dropping it ends it.
struct Activated(Child);

impl Drop for Activated {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const UNITS: [&str; 4] = [
    "simrelay.service",
    "simrelay.socket",
    "simrelay-smtp.socket",
    "simrelay-alerts.socket",
];
