//! The command line client, as a person or a script runs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::{Gateway, Rig, program};

/// What a finished command left.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// A command that goes on, with the lines it prints. Dropping it kills it.
#[derive(Debug)]
pub struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Rig {
    /// The command line client, pointed at `gateway`.
    pub fn client(&self, gateway: &Gateway) -> Command {
        let mut command = Command::new(program("simrelay"));
        command
            .env("SIMRELAY_URL", format!("https://localhost:{}", gateway.api().port()))
            .env("SIMRELAY_CA", self.certificate())
            .env("SIMRELAY_TOKEN", self.token())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the client against `gateway` to its end.
    pub fn cli(&self, gateway: &Gateway, args: &[&str]) -> Run {
        Run::of(self.client(gateway).args(args))
    }

    /// Runs a command with `--json` and reads what it prints.
    ///
    /// # Panics
    /// It fails, or prints no JSON.
    pub fn cli_json(&self, gateway: &Gateway, args: &[&str]) -> Value {
        let run = Run::of(self.client(gateway).args(args).arg("--json"));
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{args:?} prints no JSON ({error}): {run:?}"))
    }
}

impl Run {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// It cannot be run.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program runs");
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Following {
    /// Starts a command whose output is read line by line.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    ///
    /// # Panics
    /// None comes within `limit`.
    pub fn line(&self, limit: Duration) -> String {
        self.lines.recv_timeout(limit).expect("a line in time")
    }

    /// The next line that holds `words`; those before it are passed over.
    ///
    /// # Panics
    /// None comes within `limit` of the one before.
    pub fn line_with(&self, words: &str, limit: Duration) -> String {
        loop {
            let line = self.line(limit);
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The process itself, to wait for its end.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
