//! One life of the program.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{Api, Rig, eventually, free_port, program};

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    api: Api,
    log: PathBuf,
}

impl Gateway {
    /// Starts the program on `rig` and waits until it answers.
    pub(crate) fn start(rig: &Rig) -> Self {
        let port = free_port();
        let mut gateway = Self::spawn(rig, port, Command::new);
        gateway.wait_for_answer();
        gateway
    }

    /// Starts the program through another one, such as strace, and waits until it answers.
    pub fn start_through(rig: &Rig, wrap: impl FnOnce(PathBuf) -> Command) -> Self {
        let mut gateway = Self::spawn(rig, free_port(), wrap);
        gateway.wait_for_answer();
        gateway
    }

    fn spawn(rig: &Rig, port: u16, wrap: impl FnOnce(PathBuf) -> Command) -> Self {
        let config = rig.write_config(port);
        let log = rig.folder().join("gateway.log");
        let output = File::options().create(true).append(true).open(&log).expect("a log");
        let child = wrap(program("simrelay"))
            .arg("serve")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .spawn()
            .expect("the program starts");
        let api = Api::new(port, &rig.certificate(), rig.token());
        Self { child, api, log }
    }

    fn wait_for_answer(&mut self) {
        let end = Instant::now() + START;
        loop {
            if self.api.call("ping", json!({})).is_ok() {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the gateway ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < end, "the gateway does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far, earlier lives on the same rig included.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `count` slots are ready.
    pub fn wait_ready(&self, count: usize) {
        let ready = || {
            let slots = self.api.call("modems.list", json!({})).ok()?;
            let ready = slots.as_array()?.iter().filter(|slot| slot["state"] == "ready").count();
            (ready >= count).then_some(())
        };
        let end = Instant::now() + START;
        while ready().is_none() {
            let slots = self.api.call("modems.list", json!({}));
            assert!(
                Instant::now() < end,
                "the slots do not get ready: {slots:#?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Slot `name` as `modems.list` shows it. In the first moments nothing is known of any slot, so that is waited for.
    ///
    /// # Panics
    /// There is none.
    pub fn slot(&self, name: &str) -> Value {
        eventually(&format!("slot {name} is known"), START, || self.find_slot(name))
    }

    fn find_slot(&self, name: &str) -> Option<Value> {
        let slots = self.api.call("modems.list", json!({})).expect("the slots");
        let slots = slots.as_array().expect("a list");
        slots.iter().find(|slot| slot["slot"] == name).cloned()
    }

    /// Waits until slot `name` is in `state`; what it looks like then.
    pub fn wait_slot(&self, name: &str, state: &str) -> Value {
        let mut last = Value::Null;
        let end = Instant::now() + START * 3;
        while Instant::now() < end {
            last = self.slot(name);
            if last["state"] == state {
                return last;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("slot {name} does not become {state}: {last:#}");
    }

    /// Waits until health says something about `subject` that holds `words`; the finding.
    pub fn wait_finding(&self, subject: &str, words: &str) -> Value {
        let mut last = Value::Null;
        let end = Instant::now() + START;
        while Instant::now() < end {
            last = self.api.call("health", json!({})).expect("health");
            let findings = last["findings"].as_array().expect("findings").iter();
            let mut about = findings.filter(|finding| finding["subject"] == subject);
            if let Some(found) =
                about.find(|finding| finding["sentence"].as_str().is_some_and(|said| said.contains(words)))
            {
                return found.clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("health never says '{words}' about {subject}: {last:#}");
    }

    /// Waits until the log holds `words`.
    pub fn wait_log(&self, words: &str) {
        eventually(&format!("the log says '{words}'"), START, || {
            self.log().contains(words).then_some(())
        });
    }

    /// Waits until message `id` is in `state`; what it looks like then.
    pub fn wait_state(&self, id: &str, state: &str, limit: Duration) -> Value {
        eventually(&format!("message {id} becomes {state}"), limit, || {
            let view = self.api.call("sms.status", json!({ "id": id })).ok()?;
            (view["state"] == state).then_some(view)
        })
    }

    /// Kills it as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, Signal::SIGTERM).expect("it can be asked");
    }

    /// Waits until it has ended.
    pub fn wait(mut self, limit: Duration) -> ExitStatus {
        eventually("the gateway ends", limit, || {
            self.child.try_wait().expect("it can be waited for")
        })
    }

    /// Asks it to end and waits for that.
    pub fn stop(self) -> ExitStatus {
        self.terminate();
        self.wait(STOP)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long the program and its modems may take to get ready.
const START: Duration = Duration::from_secs(30);

/// How long it may take to end.
const STOP: Duration = Duration::from_secs(30);
