//! The shipped units under a real systemd: one that is the first process of namespaces of its own (`start.sh`), so that
//! nothing of it touches the machine that the tests run on. Needs root.

mod udev;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::{Api, Rig, Run, eventually, free_port, program};
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);

/// A systemd, and the gateway that it starts.
struct Machine {
    rig: Rig,
    api: Api,
    /// The group of everything that runs in it.
    group: PathBuf,
    /// What waits for it to end.
    outside: Child,
    /// Its first process, as this machine counts.
    first: u32,
}

impl Machine {
    /// Starts it. `None`, and a word, where that cannot be. That systemd is missing is an error in CI; that a machine gives
    /// no namespaces or groups is none.
    fn start(lines: &str) -> Option<Self> {
        let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
        let Some(group) = new_group() else {
            eprintln!("skipped: a systemd of its own needs root, namespaces and a cgroup2 that it may write to");
            return None;
        };
        assert!(
            !required || Path::new(SYSTEMD).exists(),
            "systemd is missing: run `tools/peers install`"
        );
        if !Path::new(SYSTEMD).exists() {
            eprintln!("skipped: systemd is not installed");
            let _ = fs::remove_dir(&group);
            return None;
        }
        let rig = Rig::new(0);
        let (port, folder) = (free_port(), rig.folder().join("machine"));
        lay_out(&rig, &folder, port, lines);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd/start.sh");
        let unshare = "unshare --mount --pid --fork --mount-proc --uts --ipc --cgroup --kill-child";
        let line = format!(
            "echo $$ > {}/cgroup.procs && exec {unshare} sh {script} \"$@\"",
            group.display()
        );
        let log = File::create(rig.folder().join("gateway.log")).expect("a log");
        let outside = Command::new("sh")
            .args(["-c", &line, "sh"])
            .args([&folder, &program("simrelay")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("it starts");
        let children = format!("/proc/{0}/task/{0}/children", outside.id());
        let first = eventually("systemd starts", LONG, || {
            fs::read_to_string(&children).ok()?.trim().parse().ok()
        });
        let api = Api::new(port, &rig.certificate(), rig.token());
        let machine = Self {
            rig,
            api,
            group,
            outside,
            first,
        };
        eventually("the service answers", LONG, || machine.api.call("ping", json!({})).ok());
        Some(machine)
    }

    /// Runs a program in it.
    fn run(&self, args: &[&str]) -> Run {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.first.to_string(), "--mount", "--pid", "--cgroup"]);
        Run::of(command.args(args))
    }

    /// What systemd knows of the service.
    fn shows(&self, property: &str) -> String {
        let run = self.run(&[
            "systemctl",
            "show",
            "simrelay.service",
            "--value",
            "--property",
            property,
        ]);
        assert_eq!(run.code, 0, "{run:?}");
        run.out.trim().to_owned()
    }

    /// What the gateway said so far.
    fn log(&self) -> String {
        fs::read_to_string(format!("/proc/{}/root/run/gateway.log", self.first)).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let console = fs::read_to_string(format!("/proc/{}/root/run/console", self.first)).unwrap_or_default();
            let script = fs::read_to_string(self.rig.folder().join("gateway.log")).unwrap_or_default();
            eprintln!("the script: {script}\nsystemd: {console}\nthe gateway: {}", self.log());
        }
        // With the first process everything ends that runs there.
        let first = nix::unistd::Pid::from_raw(i32::try_from(self.first).expect("a process id"));
        let _ = nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL);
        let _ = self.outside.wait();
        remove_group(&self.group);
    }
}

/// A group for a machine, where one can be made.
fn new_group() -> Option<PathBuf> {
    let can = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--cgroup", "true"])
        .status();
    if !can.is_ok_and(|status| status.success()) {
        return None;
    }
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let place = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then_some(place)
    })?;
    let group = Path::new(place).join(format!("simrelay-test-{}-{}", std::process::id(), free_port()));
    fs::create_dir(&group).ok().map(|()| group)
}

/// Removes a group and those in it, which are empty once nothing runs there.
fn remove_group(group: &Path) {
    let below = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.path().is_dir()) {
        remove_group(&entry.path());
    }
    let _ = fs::remove_dir(group);
}

/// Units, settings and users of a machine: those that ship, with a log that a test can read.
fn lay_out(rig: &Rig, folder: &Path, port: u16, lines: &str) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let (units, etc) = (folder.join("units"), folder.join("etc"));
    fs::create_dir_all(&units).expect("a folder");
    fs::create_dir_all(&etc).expect("a folder");
    for (from, to) in [("sysusers.d", "sysusers.conf"), ("tmpfiles.d", "tmpfiles.conf")] {
        fs::copy(shipped.join(from).join("simrelay.conf"), folder.join(to)).expect("copied");
    }
    let unit = |name: &str, text: &str| fs::write(units.join(name), text).expect("written");
    let text = |name: &str| fs::read_to_string(shipped.join(name)).expect("a unit");
    let log = "[Service]\nStandardOutput=append:/run/gateway.log\nStandardError=append:/run/gateway.log\n";
    unit("simrelay.service", &text("simrelay.service"));
    fs::create_dir(units.join("simrelay.service.d")).expect("a folder");
    unit("simrelay.service.d/test.conf", &format!("{log}{lines}"));
    let socket = text("simrelay.socket");
    assert!(socket.contains("127.0.0.1:7000"));
    unit(
        "simrelay.socket",
        &socket.replace("127.0.0.1:7000", &format!("127.0.0.1:{port}")),
    );
    // What a whole system brings along.
    for target in TARGETS {
        unit(&format!("{target}.target"), "[Unit]\nDefaultDependencies=no\n");
    }
    unit("multi-user.target", "[Unit]\nWants=simrelay.socket simrelay.service\n");
    let config = fs::read_to_string(rig.write_config(free_port())).expect("a configuration");
    let place = rig.folder().display().to_string();
    let config = config
        .replace(&format!("{place}/data"), "/var/lib/simrelay")
        .replace(&format!("{place}/"), "/etc/simrelay/");
    fs::write(etc.join("simrelay.toml"), config).expect("written");
    for file in ["certificate.pem", "key.pem"] {
        fs::copy(rig.folder().join(file), etc.join(file)).expect("copied");
    }
}

#[test]
fn systemd_starts_the_shipped_unit_confined_and_at_its_socket_reloads_and_stops_it() {
    let Some(machine) = Machine::start("") else { return };
    assert_eq!(
        (machine.shows("ActiveState"), machine.shows("WatchdogUSec")),
        ("active".into(), "2min".into())
    );
    eventually("its state is told", LONG, || {
        (machine.shows("StatusText") == "0 of 0 modems ready, 0 parts wait").then_some(())
    });
    let log = machine.log();
    for words in [
        "was handed over as \"api\", instead of api.listen",
        "process confined",
        "system calls confined",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let complaint = |line: &&str| line.contains(" WARN ") || line.contains("ERROR ");
    assert_eq!(log.lines().find(complaint), None, "{log}");
    let status = machine
        .run(&["cat", &format!("/proc/{}/status", machine.shows("MainPID"))])
        .out;
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.lines().any(|said| said == line), "{line}: {status}");
    }
    let own = machine.run(&["id", "--user", "simrelay"]).out;
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:\t"))
        .expect("a user");
    assert!(
        own.trim() != "0" && user.split('\t').all(|id| id == own.trim()),
        "{own}: {status}"
    );
    let folder = machine.run(&["stat", "--format", "%a %U", "/var/lib/simrelay"]).out;
    assert_eq!(folder.trim(), "700 simrelay");

    let reloaded = machine.run(&["systemctl", "reload", "simrelay.service"]);
    assert_eq!(reloaded.code, 0, "{reloaded:?}");
    eventually("it reads its settings again", LONG, || {
        machine.log().contains("read again").then_some(())
    });
    let stopped = machine.run(&["systemctl", "stop", "simrelay.socket", "simrelay.service"]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    assert_eq!(
        (machine.shows("ActiveState"), machine.shows("Result")),
        ("inactive".into(), "success".into())
    );
}

#[test]
fn systemd_starts_a_gateway_anew_that_does_nothing_any_more() {
    let Some(machine) = Machine::start(HASTY) else { return };
    let stuck = machine.shows("MainPID");
    assert_eq!(machine.run(&["sh", "-c", &format!("kill -STOP {stuck}")]).code, 0);
    eventually("another one is started", LONG, || {
        (machine.shows("NRestarts") == "1" && machine.shows("ActiveState") == "active").then_some(())
    });
    assert_ne!(machine.shows("MainPID"), stuck);
    machine.api.call("ping", json!({})).expect("it answers");
}

const SYSTEMD: &str = "/lib/systemd/systemd";

/// What systemd wants to have besides the service.
const TARGETS: [&str; 10] = [
    "sysinit",
    "basic",
    "shutdown",
    "umount",
    "network-online",
    "time-sync",
    "sockets",
    "local-fs",
    "paths",
    "timers",
];

/// Nobody waits two minutes here.
const HASTY: &str = "WatchdogSec=6\nRestartSec=1\n";
