//! Tries what a confined process must not be able to do. Each attempt is harmless where it is not refused: it touches
//! nothing that was there before, and takes back what it made.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, id};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::getppid;

use crate::Allowance;

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    /// What was tried.
    pub what: String,
    /// Whether it was refused for lack of a right; other failures are none.
    pub refused: bool,
    /// Whether what it was to be tried on is not there, so that nothing was tried.
    pub missing: bool,
    /// What came of it.
    pub answer: String,
}

impl Attempt {
    /// What came of trying something.
    pub fn of<T>(what: impl Into<String>, came: io::Result<T>) -> Self {
        let what = what.into();
        match came {
            Ok(_) => Self {
                what,
                refused: false,
                missing: false,
                answer: "done".to_owned(),
            },
            Err(error) => Self {
                what,
                refused: error.kind() == io::ErrorKind::PermissionDenied,
                missing: error.kind() == io::ErrorKind::NotFound,
                answer: error.to_string(),
            },
        }
    }
}

/// Tries everything that is forbidden to a process confined by `allowance`.
pub fn forbidden(allowance: &Allowance) -> Vec<Attempt> {
    let mut attempts = vec![Attempt::of("start a program", Command::new("/bin/true").status())];
    attempts.extend(files(allowance));
    attempts.extend(ports(allowance));
    attempts.push(Attempt::of("send raw packets", raw_socket()));
    attempts.push(Attempt::of("look into another process", look_into_parent()));
    attempts.push(Attempt::of("mount a file system", mount_nowhere()));
    attempts.push(Attempt::of(
        "load a kernel module",
        nix::kmod::init_module(&[], c"").map_err(io::Error::from),
    ));
    // The last one, since this process would be another afterwards.
    let own_users = unshare(CloneFlags::CLONE_NEWUSER).map_err(io::Error::from);
    attempts.push(Attempt::of("make a namespace", own_users));
    attempts
}

fn files(allowance: &Allowance) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for secret in ["/etc/shadow", "/proc/kcore", "/dev/mem"].map(Path::new) {
        if secret.exists() && !allowance.reads(secret) {
            attempts.push(Attempt::of(format!("read {}", secret.display()), File::open(secret)));
        }
    }
    for folder in ["/root", "/home", "/var/log", "/boot"].map(Path::new) {
        if folder.exists() && !allowance.reads(folder) {
            attempts.push(Attempt::of(format!("list {}", folder.display()), fs::read_dir(folder)));
        }
    }
    for folder in ["/tmp", "/etc", "/usr", "/dev/shm", "/var/tmp"].map(Path::new) {
        if folder.exists() && !allowance.write.iter().any(|path| folder.starts_with(path)) {
            attempts.push(Attempt::of(format!("write in {}", folder.display()), write_in(folder)));
        }
    }
    attempts
}

fn ports(allowance: &Allowance) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    if !allowance.listen.contains(&0) {
        let came = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        attempts.push(Attempt::of("listen on another TCP port", came));
    }
    if allowance
        .connect
        .as_ref()
        .is_some_and(|ports| !ports.contains(&DISCARD))
    {
        let came = TcpStream::connect((Ipv4Addr::LOCALHOST, DISCARD));
        attempts.push(Attempt::of("connect to another TCP port", came));
    }
    attempts
}

fn write_in(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!("simrelay-trial-{}", id()));
    File::create_new(&file)?;
    fs::remove_file(&file)
}

fn raw_socket() -> io::Result<()> {
    let opened = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
    opened.map(drop).map_err(io::Error::from)
}

/// It ends with this process, and the parent does not notice.
fn look_into_parent() -> io::Result<()> {
    ptrace::seize(getppid(), ptrace::Options::empty()).map_err(io::Error::from)
}

/// At a place that is not there, so that it comes to nothing wherever it is not refused.
fn mount_nowhere() -> io::Result<()> {
    let nowhere = Path::new("/nonexistent/simrelay-trial");
    match mount(None::<&Path>, nowhere, Some("tmpfs"), MsFlags::empty(), None::<&Path>) {
        Ok(()) => Ok(()),
        Err(Errno::ENOENT) => Err(io::Error::other("let through, to a folder that is not there")),
        Err(error) => Err(error.into()),
    }
}

/// Nobody listens there; a refusal by this kernel comes before that by a machine.
const DISCARD: u16 = 9;
