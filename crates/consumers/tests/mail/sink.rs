//! The mail server of `sink.py`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;

/// A running server; it dies with this value.
pub(crate) struct Sink {
    folder: TempDir,
    mode: &'static str,
    child: Child,
    pub(crate) port: u16,
}

impl Sink {
    /// Starts one, `plain`, `pipelining`, `starttls` or `tls`. `None`, with a word on standard error, where aiosmtpd is missing.
    pub(crate) fn start(mode: &'static str) -> Option<Self> {
        let there = Command::new("/usr/bin/python3")
            .args(["-c", "import aiosmtpd"])
            .status();
        if !there.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("SIMRELAY_REQUIRE_PEERS").is_none(),
                "aiosmtpd is missing: tools/peers install"
            );
            eprintln!("skipped: aiosmtpd is missing (tools/peers install)");
            return None;
        }
        let folder = tempfile::tempdir().expect("there is room");
        certify(folder.path());
        let (child, port) = spawn(folder.path(), mode, 0);
        Some(Self {
            folder,
            mode,
            child,
            port,
        })
    }

    /// Ends it; what it took stays.
    pub(crate) fn stop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
    }

    /// Starts it again at the same port.
    pub(crate) fn start_again(&mut self) {
        (self.child, _) = spawn(self.folder.path(), self.mode, self.port);
    }

    /// Whom it refuses from now on, as `sink.py` says.
    pub(crate) fn refuse(&self, lines: &str) {
        fs::write(self.folder.path().join("refuse"), lines).expect("there is room");
    }

    /// The certificate it shows, which signs itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The mails it took, in order.
    pub(crate) fn mails(&self) -> Vec<Value> {
        let read = |number: usize| fs::read(self.folder.path().join(format!("{number}.json"))).ok();
        let mails = (0..).map_while(read);
        mails.map(|mail| serde_json::from_slice(&mail).expect("JSON")).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A header of a mail, decoded.
pub(crate) fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().expect("a list");
    let found = headers.iter().find(|header| header[0] == name);
    found.and_then(|header| header[1].as_str()).unwrap_or_default()
}

/// Makes a certificate for this machine that signs itself.
pub(crate) fn certify(folder: &Path) {
    let names = vec!["localhost".into(), "127.0.0.1".into()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
    fs::write(folder.join("certificate.pem"), cert.pem()).expect("there is room");
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("there is room");
}

fn spawn(folder: &Path, mode: &str, port: u16) -> (Child, u16) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/sink.py");
    let mut child = Command::new("/usr/bin/python3")
        .arg(script)
        .arg(folder)
        .args([mode, &port.to_string()])
        .args([folder.join("certificate.pem"), folder.join("key.pem")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("it says its port");
    let port = line.trim().parse().expect("it says its port");
    (child, port)
}
