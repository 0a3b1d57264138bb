//! What the tests here share.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::{Gateway, Rig, Run, program};

/// Whether a program is there. Where it is not, says so; in CI that is an error.
pub(crate) fn is_there(name: &str) -> bool {
    let version = Command::new(name).arg("--version").stdin(Stdio::null()).output();
    let found = version.is_ok();
    if !found {
        let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
        assert!(!required, "{name} is missing: run `tools/peers install`");
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Whether a test may have mounts of its own, as root may where the machine has namespaces. Where it may not, says so: no
/// peer that could be installed is missing then, so CI goes on as well.
pub(crate) fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: no mount namespace can be had here; root can have one");
    }
    can
}

/// A program that goes on until this value is dropped, with all that it started.
pub(crate) struct Peer(Child);

impl Peer {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        use std::os::unix::process::CommandExt;
        let output = std::fs::File::create(log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .process_group(0)
            .spawn();
        Self(child.expect("it starts"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a process id"));
        // It may have ended already.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// A link to the program in a folder of its own; plugins are called by such.
pub(crate) fn link(folder: &Path, name: &str) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let link = folder.join(name);
    std::os::unix::fs::symlink(program("simrelay"), &link).expect("a link");
    link
}

/// `simrelay check` with these arguments, run to its end against `gateway`.
pub(crate) fn check(rig: &Rig, gateway: &Gateway, args: &[&str]) -> Run {
    Run::of(rig.client(gateway).arg("check").args(args))
}

/// A file of this project.
pub(crate) fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) const LONG: Duration = Duration::from_secs(60);
