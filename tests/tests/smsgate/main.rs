//! Moving over from Pentagrid's SMSgate: its clients work unchanged, and its settings become ours.

mod clients;
mod moving;
mod programs;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Python's XML-RPC client, talking to one gateway. Dropping it ends it.
struct Python {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// A client of the gateway at `port` that trusts `certificate`.
    fn new(port: u16, certificate: &Path) -> Self {
        let mut python = Command::new("python3");
        python.arg(script("calls.py")).arg(port.to_string()).arg(certificate);
        let mut child = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let calls = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, calls, answers }
    }

    /// Makes a call without waiting for its answer.
    fn ask(&mut self, call: &Value) {
        writeln!(self.calls, "{call}").expect("it listens");
    }

    /// What was answered: the value, or the fault's code and sentence.
    fn call(&mut self, call: Value) -> Result<Value, (i64, String)> {
        self.ask(&call);
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{call} is not answered: '{line}'"));
        match told.get("fault") {
            None => Ok(told["value"].clone()),
            Some(fault) => {
                let code = fault[0].as_i64().expect("a code");
                Err((code, fault[1].as_str().unwrap_or_default().to_owned()))
            }
        }
    }

    /// The same for a call that must succeed.
    fn value(&mut self, call: Value) -> Value {
        let shown = call[0].clone();
        self.call(call).unwrap_or_else(|fault| panic!("{shown}: {fault:?}"))
    }

    /// What the only modem that `of` names tells of itself in get_stats.
    fn stats(&mut self, token: &str, of: &str) -> Value {
        let told = self.value(json!(["get_stats", token]));
        assert_eq!(told[0], "OK", "{told}");
        told[1][of].clone()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smsgate").join(name)
}

/// A legacy token's block.
fn legacy(id: &str, secret: &str, scopes: &[&str], lines: &str) -> String {
    let hash = bcrypt::hash(secret, 4).expect("a hash");
    format!("[[api.legacy_tokens]]\nid = {id:?}\nhash = {hash:?}\nscopes = {scopes:?}\n{lines}\n")
}
