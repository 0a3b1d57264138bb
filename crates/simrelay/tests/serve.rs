//! The daemon from outside: starting, refusing to start, reloading, stopping.

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use modemsim::{Modem, ModemSpec, Network, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use common::{run, simrelay, stderr, stdout};

/// A folder with everything a daemon needs, and a simulated modem.
struct House {
    folder: TempDir,
    port: u16,
    token: Value,
    modem: Modem,
    network: Network,
}

/// A daemon that runs; dropping it kills it.
struct Daemon(Child);

impl House {
    fn new(settings: Settings) -> Self {
        Self::with(settings, ModemSpec::new(0))
    }

    fn with(settings: Settings, spec: ModemSpec) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let network = Network::start(settings).expect("a network");
        let modem = network.plug(spec).expect("a modem");
        let out = folder.path().to_str().expect("a path");
        let made = run(&["certificate", "--name", "localhost", "--out", out]);
        assert!(made.status.success(), "{}", stderr(&made));
        let house = Self {
            port: unused_port(),
            token: new_token("ops"),
            folder,
            modem,
            network,
        };
        house.write(&[&house.token], "");
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("simrelay.toml")
    }

    fn write(&self, tokens: &[&Value], more: &str) {
        let entries: Vec<&str> = tokens
            .iter()
            .map(|token| token["toml"].as_str().expect("lines"))
            .collect();
        let text = format!(
            "data = {:?}\n[api]\nlisten = \"127.0.0.1:{}\"\ncertificate = {:?}\nkey = {:?}\n{}\n[slots.sim1]\nport = {:?}\n{more}\n",
            self.path("data"),
            self.port,
            self.path("certificate.pem"),
            self.path("key.pem"),
            entries.join("\n"),
            self.modem.path(),
        );
        fs::write(self.config(), text).expect("written");
        fs::set_permissions(self.config(), fs::Permissions::from_mode(0o600)).expect("kept secret");
    }

    fn serve(&self) -> Command {
        let mut command = simrelay(&["serve", "--config"]);
        command.arg(self.config());
        command
    }

    /// Starts the daemon and waits until its modem is ready.
    fn start(&self) -> Daemon {
        self.start_as(self.serve().stderr(Stdio::null()))
    }

    fn start_as(&self, command: &mut Command) -> Daemon {
        let daemon = Daemon(command.spawn().expect("the program starts"));
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.ask(&["modems", "--json"]);
            let slots: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if output.status.success() && slots[0]["state"] == "ready" {
                return daemon;
            }
            assert!(
                Instant::now() < end,
                "not ready: {}{}",
                stdout(&output),
                stderr(&output)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        self.ask_as(&self.token, arguments)
    }

    fn ask_as(&self, token: &Value, arguments: &[&str]) -> Output {
        let output = self.asking(token, arguments).output();
        output.expect("the program starts")
    }

    fn asking(&self, token: &Value, arguments: &[&str]) -> Command {
        let mut command = simrelay(arguments);
        command
            .env("SIMRELAY_URL", format!("https://localhost:{}", self.port))
            .env("SIMRELAY_CA", self.path("ca.pem"))
            .env("SIMRELAY_TOKEN", token["token"].as_str().expect("a token"));
        command
    }

    /// Somebody writes to the modem's number.
    fn text(&self, text: &str) {
        let sent = self.network.text(self.modem.number(), "+4930555", text);
        sent.expect("it is on its way");
    }

    /// What the daemon says when it does not start.
    fn refusal(&self) -> String {
        self.refusal_with(1)
    }

    /// The same, with this exit code.
    fn refusal_with(&self, code: i32) -> String {
        let output = self.serve().output().expect("the program starts");
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        stderr(&output)
    }
}

/// `inbox --follow --json`, read line by line.
struct Follower {
    child: Child,
    messages: Receiver<String>,
    notes: Receiver<String>,
}

impl Follower {
    fn start(house: &House) -> Self {
        let mut child = house
            .asking(&house.token, &["inbox", "--follow", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let messages = lines_of(child.stdout.take().expect("piped"));
        let notes = lines_of(child.stderr.take().expect("piped"));
        Self { child, messages, notes }
    }

    /// The next message.
    fn next(&self) -> Value {
        let line = self.messages.recv_timeout(PATIENCE).expect("a message");
        serde_json::from_str(&line).expect("an object")
    }

    /// The next line on standard error.
    fn note(&self) -> String {
        self.notes.recv_timeout(PATIENCE).expect("a line")
    }

    /// Waits for its end: the exit code, and what else it said on standard output.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = self.child.wait().expect("it ends");
        (status.code(), self.messages.iter().collect())
    }
}

fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut read = BufReader::new(from).lines().map_while(Result::ok);
        // Nobody listens any more at the end of a test.
        while read.next().is_some_and(|line| sender.send(line).is_ok()) {}
    });
    lines
}

impl Daemon {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a process id"));
        kill(pid, signal).expect("it can be told");
    }

    fn wait(mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_wrong_configuration_is_told_whole_and_nothing_starts() {
    let house = House::new(Settings::default());
    house.write(&[&house.token], "cost = 5\n[gateway]\nconcat_bits = 9");
    let told = house.refusal_with(78);
    assert!(
        told.contains("slots.sim1.cost = 5: unknown key; did you mean 'cost_micros'?"),
        "{told}"
    );
    assert!(
        told.contains("gateway.concat_bits = 9: no such width; write 8 or 16"),
        "{told}"
    );
    assert!(
        told.trim_end().ends_with("is not right, so the gateway does not start"),
        "{told}"
    );
    assert!(!house.path("data").exists());
}

#[test]
fn the_unit_leaves_a_gateway_alone_whose_configuration_is_wrong() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd/simrelay.service");
    let unit = fs::read_to_string(unit).unwrap();
    assert!(unit.lines().any(|line| line == "RestartPreventExitStatus=78"));
}

#[test]
fn a_configuration_that_others_may_read_is_refused() {
    let house = House::new(Settings::default());
    for (mode, words) in [
        (0o644, "open to others"),
        (0o604, "open to others"),
        (0o660, "its group may do more"),
    ] {
        fs::set_permissions(house.config(), fs::Permissions::from_mode(mode)).unwrap();
        let told = house.refusal_with(78);
        assert!(
            told.contains(words) && told.contains(&format!("(mode {mode:04o})")),
            "{told}"
        );
    }
    fs::set_permissions(house.config(), fs::Permissions::from_mode(0o640)).unwrap();
    drop(house.start());
}

#[test]
fn a_taken_port_a_held_folder_and_a_broken_certificate_are_told_in_a_sentence() {
    let house = House::new(Settings::default());
    let taken = TcpListener::bind(("127.0.0.1", house.port)).unwrap();
    let told = house.refusal();
    assert!(
        told.contains("another program listens there; stop it, or set api.listen"),
        "{told}"
    );
    drop(taken);

    let daemon = house.start();
    let told = house.refusal();
    assert!(told.contains("is used by another simrelay"), "{told}");
    drop(daemon);

    fs::write(house.path("certificate.pem"), "nothing").unwrap();
    let told = house.refusal();
    assert!(
        told.contains("certificate.pem holds no certificate in PEM form"),
        "{told}"
    );
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let house = House::new(Settings::default());
    let socket = UnixDatagram::bind(house.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = house.serve();
    command.env("NOTIFY_SOCKET", house.path("notify")).stderr(Stdio::null());
    let daemon = Daemon(command.spawn().unwrap());
    let told = || {
        let mut words = [0; 1024];
        let length = socket.recv(&mut words).unwrap();
        String::from_utf8_lossy(&words[..length]).into_owned()
    };
    let ready = told();
    assert!(ready.starts_with("READY=1\nSTATUS=0 of "), "{ready}");
    daemon.signal(Signal::SIGTERM);
    let mut last = told();
    while last.starts_with("STATUS=") || last.starts_with("WATCHDOG=") {
        last = told();
    }
    assert!(last.starts_with("STOPPING=1\n"), "{last}");
    assert!(daemon.wait().success());
}

#[test]
fn a_reload_lets_a_new_token_in_and_an_old_one_out() {
    let house = House::new(Settings::default());
    let daemon = house.start();
    let other = new_token("other");
    assert_eq!(house.ask_as(&other, &["health"]).status.code(), Some(4));
    house.write(&[&other], "");
    daemon.signal(Signal::SIGHUP);
    let end = Instant::now() + PATIENCE;
    while !house.ask_as(&other, &["health"]).status.success() {
        assert!(Instant::now() < end, "the new token is not let in");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(house.ask(&["health"]).status.code(), Some(4));

    house.write(&[&other], "nonsense = 1");
    daemon.signal(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        house.ask_as(&other, &["health"]).status.success(),
        "a wrong file changes nothing"
    );
}

#[test]
fn a_follower_outlives_a_restart_and_shows_each_message_once() {
    let house = House::new(Settings::default());
    let daemon = house.start();
    let follower = Follower::start(&house);
    house.text("before");
    assert_eq!(follower.next()["text"], "before");
    let gone = std::thread::spawn(move || {
        daemon.signal(Signal::SIGTERM);
        daemon.wait()
    });
    let told = follower.note();
    assert!(
        told.starts_with("simrelay: no answer from https://localhost")
            && told.ends_with("; trying again until it answers"),
        "{told}"
    );
    assert!(gone.join().expect("it is waited for").success());
    // It lies on the SIM until somebody reads it.
    house.text("meanwhile");
    let daemon = house.start();
    let told = follower.note();
    assert!(told.ends_with("/rpc answers again"), "one line at each end: {told}");
    assert_eq!(follower.next()["text"], "meanwhile");
    house.text("after");
    assert_eq!(follower.next()["text"], "after");

    house.write(&[&new_token("other")], "");
    daemon.signal(Signal::SIGHUP);
    let told = follower.note();
    assert!(told.contains("revoked"), "{told}");
    let (code, rest) = follower.end();
    assert_eq!(
        (code, rest),
        (Some(4), vec![]),
        "nothing but messages on standard output"
    );
}

#[test]
fn a_message_with_the_modem_is_finished_before_the_end() {
    let house = House::new(Settings {
        latency: Duration::from_secs(2),
        ..Settings::default()
    });
    let daemon = house.start();
    let sent = house.ask(&["send", "+491711234567", "finish me", "--json"]);
    let sent: Value = serde_json::from_slice(&sent.stdout).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());
    let daemon = house.start();
    let status = house.ask(&["status", sent["id"].as_str().unwrap(), "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(
        ["sent", "delivered"].contains(&status["state"].as_str().unwrap()),
        "{status}"
    );
    assert_eq!(status["parts"][0]["attempts"], 1);
    drop(daemon);
}

#[test]
fn the_doctor_looks_at_a_stopped_and_at_a_running_gateway() {
    let house = House::new(Settings::default());
    let doctor = || {
        let config = house.config();
        let output = house.ask(&["doctor", "--json", "--config", config.to_str().unwrap()]);
        let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
        checks.as_array().unwrap().clone()
    };
    let about = |checks: &[Value], subject: &str| -> Vec<String> {
        let found = checks.iter().filter(|check| check["subject"] == subject);
        found
            .map(|check| {
                format!(
                    "{} {}",
                    check["level"].as_str().unwrap(),
                    check["sentence"].as_str().unwrap()
                )
            })
            .collect()
    };
    let daemon = house.start();
    let checks = doctor();
    assert_eq!(about(&checks, "gateway"), ["OK it answers"]);
    assert_eq!(
        about(&checks, "database"),
        ["OK sound"],
        "it is read while a gateway works on it"
    );
    assert_eq!(about(&checks, "sim1"), ["OK ready on Simulated"]);
    assert!(
        about(&checks, "certificate")[0].starts_with("OK valid until"),
        "{checks:?}"
    );
    let config = house.config();
    let config = config.to_str().unwrap();
    let bare = |more: &[&str]| -> Vec<Value> {
        let output = simrelay(&[&["doctor", "--json", "--config", config], more].concat())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let without = bare(&[]);
    let top = without[0]["sentence"].as_str().unwrap();
    assert!(
        top.starts_with("4 checks were not made") && top.ends_with("no token was given"),
        "{without:?}"
    );
    let file = house.path("token");
    fs::write(&file, house.token["token"].as_str().unwrap()).unwrap();
    let with = bare(&["--token-file", file.to_str().unwrap()]);
    assert_eq!(
        about(&with, "gateway"),
        ["OK it answers"],
        "address and certificate are those of the configuration"
    );
    // Icinga takes standard error for the text of a plugin, so the plugin has none.
    for (mode, is_told) in [(0o644, true), (0o640, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let port = house.port.to_string();
        let line = [
            "check",
            "--host",
            "localhost",
            "--port",
            &port,
            "--token-file",
            file.to_str().unwrap(),
        ];
        let checked = simrelay(&line)
            .env("SIMRELAY_CA", house.path("ca.pem"))
            .output()
            .unwrap();
        let (text, _) = stdout(&checked)
            .split_once(" | ")
            .map(|(text, data)| (text.to_owned(), data.len()))
            .unwrap();
        assert_eq!(text.contains("(mode 0644): chmod 600 "), is_told, "{text}");
        assert_eq!(stderr(&checked), "");
        let asked = simrelay(&[
            "health",
            "--url",
            &format!("https://localhost:{port}"),
            "--token-file",
            line[6],
        ])
        .env("SIMRELAY_CA", house.path("ca.pem"))
        .output()
        .unwrap();
        assert_eq!(
            stderr(&asked).contains("(mode 0644): chmod 600 "),
            is_told,
            "{}",
            stderr(&asked)
        );
    }
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());

    let checks = doctor();
    assert!(
        about(&checks, "gateway")[0].starts_with("WARNING no answer from"),
        "{checks:?}"
    );
    assert_eq!(about(&checks, "database"), ["OK sound"]);
    break_database(&house.path("data"));
    assert!(about(&doctor(), "database")[0].starts_with("CRITICAL"));
}

#[test]
fn an_audit_log_that_somebody_changed_is_told_after_the_start() {
    let house = House::new(Settings::default());
    let daemon = house.start();
    let told = || {
        let health = house.ask(&["health", "--json"]);
        let health: Value = serde_json::from_slice(&health.stdout).unwrap();
        let findings = health["findings"].as_array().cloned().unwrap_or_default();
        let about = findings.into_iter().find(|finding| finding["subject"] == "audit log");
        about.map(|finding| {
            format!(
                "{} {}",
                finding["level"].as_str().unwrap(),
                finding["sentence"].as_str().unwrap()
            )
        })
    };
    assert_eq!(told(), None);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());
    // The first entry tells of the start; nothing is in the write-ahead log of a gateway that was stopped.
    let file = house.path("data/simrelay.db");
    let mut octets = fs::read(&file).unwrap();
    let (word, forged) = (b"\"what\":\"start\"", b"\"what\":\"stage\"");
    let is_there = |place: &usize| octets[*place..].starts_with(word);
    let places: Vec<usize> = (0..octets.len()).filter(is_there).collect();
    assert!(!places.is_empty(), "it is noted");
    for place in places {
        octets[place..place + word.len()].copy_from_slice(forged);
    }
    fs::write(&file, octets).unwrap();

    let _daemon = house.start();
    let end = Instant::now() + PATIENCE;
    let found = loop {
        if let Some(found) = told() {
            break found;
        }
        assert!(Instant::now() < end, "nothing is told");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(
        found.starts_with("WARNING entr") && found.ends_with("changed, moved or exchanged"),
        "{found}"
    );
}

#[test]
fn a_pin_comes_from_a_file_or_a_credential_and_nothing_secret_is_logged() {
    let spec = ModemSpec {
        pin: Some("86429731".to_owned()),
        ..ModemSpec::new(0)
    };
    let house = House::with(Settings::default(), spec);
    let credentials = house.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("sim1.pin"), "86429731\n").unwrap();
    fs::set_permissions(credentials.join("sim1.pin"), fs::Permissions::from_mode(0o400)).unwrap();
    house.write(&[&house.token], "pin_file = \"sim1.pin\"\nnumber = \"+49151000001\"");

    let log = house.path("log");
    let mut command = house.serve();
    command
        .env("CREDENTIALS_DIRECTORY", &credentials)
        .env("SIMRELAY__LOG__LEVEL", "trace")
        .stderr(fs::File::create(&log).unwrap());
    let daemon = house.start_as(&mut command);
    let sent = house.ask(&["send", "+49151000001", "a very private text", "--wait=20"]);
    assert!(sent.status.success(), "{}{}", stdout(&sent), stderr(&sent));
    assert!(stdout(&house.ask(&["inbox"])).contains("a very private text"));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());

    let log = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let (_, secret) = house.token["token"].as_str().unwrap().split_once('.').unwrap();
    for (what, text) in [("PIN", "86429731"), ("token", secret), ("text", "very private")] {
        let line = log.lines().find(|line| line.contains(text));
        assert_eq!(line, None, "a {what} is in the log");
    }
    assert!(log.contains("sim1"), "the log says something");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let house = House::new(Settings {
        latency: Duration::from_secs(60),
        ..Settings::default()
    });
    let daemon = house.start();
    assert!(house.ask(&["send", "+491711234567", "never mind"]).status.success());
    std::thread::sleep(Duration::from_millis(700));
    daemon.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(500));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());
}

/// Overwrites the middle of the database file.
fn break_database(folder: &Path) {
    let file = folder.join("simrelay.db");
    let mut octets = fs::read(&file).expect("a database");
    let middle = octets.len() / 2;
    octets[100..middle].fill(0x5a);
    fs::write(&file, octets).expect("written");
}

fn new_token(id: &str) -> Value {
    let output = run(&["token", "new", "--id", id, "--scope", "admin", "--json"]);
    serde_json::from_slice(&output.stdout).expect("a token")
}

/// A port of this machine that nobody listens on.
fn unused_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
