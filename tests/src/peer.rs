//! Other people's programs as partners: they say a JSON object a line, and are told one.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A partner in a process of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    said: Receiver<Value>,
}

impl Peer {
    /// Starts a partner whose standard input and output are such lines.
    ///
    /// # Panics
    /// The program is not there.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let told = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no object: {line}"));
                if tell.send(told).is_err() {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// A script of `tests/peers` on the npm package smpp; `None`, with a word, where that is not installed.
    pub fn node(script: &str, args: &[&str]) -> Option<Self> {
        let modules = installed("node/node_modules", "smpp")?;
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
        let mut node = Command::new("node");
        Some(Self::start(node.env("NODE_PATH", modules).arg(script).args(args)))
    }

    /// The next thing it says, if it says one in time.
    pub fn says(&self, limit: Duration) -> Option<Value> {
        self.said.recv_timeout(limit).ok()
    }

    /// The next thing it says under this name; what it says under others before is passed over.
    ///
    /// # Panics
    /// It says no such thing.
    pub fn hears(&self, name: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let said = self.says(left).unwrap_or_else(|| panic!("nothing is {name}"));
            if !said[name].is_null() {
                return said[name].clone();
            }
        }
    }

    /// Tells it something.
    ///
    /// # Panics
    /// It is gone.
    pub fn tell(&mut self, what: &Value) {
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input, "{what}").expect("it listens");
    }

    /// Ends it by ending its input; whether it ended well.
    ///
    /// # Panics
    /// It cannot be waited for.
    pub fn ends(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends").success()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder among the installed peers in which `name` lies; `None`, with a word, where it does not.
///
/// # Panics
/// It is missing and `SIMRELAY_REQUIRE_PEERS=1`.
pub fn installed(folder: &str, name: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../target/peers")
        .join(folder);
    if found.join(name).exists() {
        return Some(found);
    }
    missing(name);
    None
}

/// Whether a program is there; says so where it is not.
///
/// # Panics
/// It is missing and `SIMRELAY_REQUIRE_PEERS=1`.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Some of Debian's lie where only root looks.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.into_iter().any(|folder| folder.join(name).exists());
    if !found {
        missing(name);
    }
    found
}

fn missing(name: &str) {
    let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
    assert!(!required, "{name} is missing: run `tools/peers install`");
    eprintln!("skipped: {name} is not installed (tools/peers install)");
}

/// How long a partner may take to say what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
