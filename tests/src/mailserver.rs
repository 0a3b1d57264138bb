//! A real mail server: aiosmtpd, as the tests of the mail consumer use it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::free_port;

/// A place for a mail server: a port, and a folder for what it takes.
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

impl MailServer {
    /// A server that nobody can connect to yet. `None` where aiosmtpd is not installed, with a word about it; in CI that
    /// is an error.
    pub fn new(folder: &Path) -> Option<Self> {
        let python = Command::new(PYTHON).args(["-c", "import aiosmtpd"]).status();
        if !python.is_ok_and(|status| status.success()) {
            let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
            assert!(!required, "aiosmtpd is missing: run `tools/peers install`");
            eprintln!("skipped: aiosmtpd is not installed");
            return None;
        }
        Some(Self {
            port: free_port(),
            folder: folder.to_owned(),
            child: None,
        })
    }

    /// From now on it answers.
    pub fn start(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/consumers/tests/mail/sink.py");
        let mut python = Command::new(PYTHON);
        python
            .arg(script)
            .arg(&self.folder)
            .args(["plain", &self.port.to_string()]);
        let mut child = python.stdout(Stdio::piped()).spawn().expect("python3 runs it");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        said.read_line(&mut line).expect("it says its port");
        assert_eq!(line.trim(), self.port.to_string());
        self.child = Some(child);
    }

    /// The lines of `[mail]` that lead to it.
    pub fn settings(&self) -> String {
        format!("[mail]\nhost = \"127.0.0.1\"\nport = {}\n", self.port)
    }

    /// The mails it took, in order.
    pub fn mails(&self) -> Vec<Value> {
        let read = |number: usize| fs::read(self.folder.join(format!("{number}.json"))).ok();
        let mails = (0..).map_while(read);
        mails.map(|mail| serde_json::from_slice(&mail).expect("JSON")).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A header of a mail; empty where it has none of that name.
pub fn mail_header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().expect("a list");
    let found = headers.iter().find(|header| header[0] == name);
    found.and_then(|header| header[1].as_str()).unwrap_or_default()
}

/// That for which Debian's aiosmtpd is installed.
const PYTHON: &str = "/usr/bin/python3";
