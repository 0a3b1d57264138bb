//! The program `modemsim` and its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use modemsim::{Arrived, Reply, Sent, Stats};

use crate::{Error, system};

/// A running simulator; it ends with this value.
pub(crate) struct Simulator {
    child: Child,
    control: BufReader<UnixStream>,
}

/// What to simulate.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) modems: usize,
    pub(crate) latency: Duration,
    /// `everything` or `times`.
    pub(crate) record: &'static str,
    pub(crate) sim_places: usize,
}

impl Simulator {
    /// Starts the program: the modems are plugged in when this returns.
    pub(crate) fn start(programs: &Path, dir: &Path, plan: &Plan) -> Result<Self, Error> {
        let control = dir.with_extension("control");
        let mut command = Command::new(programs.join("modemsim"));
        command.args([
            "--modems",
            &plan.modems.to_string(),
            "--latency",
            &format!("{}us", plan.latency.as_micros()),
        ]);
        command.args(["--record", plan.record, "--sim-places", &plan.sim_places.to_string()]);
        command
            .arg("--dir")
            .arg(dir)
            .arg("--control")
            .arg(&control)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = system("modemsim", command.spawn())?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| Error::Refused("modemsim has no output".into()))?;
        let ready = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "ready");
        if !ready {
            return Err(Error::Refused("modemsim did not start".into()));
        }
        let control = BufReader::new(system("modemsim's control socket", UnixStream::connect(control))?);
        Ok(Self { child, control })
    }

    /// The number of a modem's SIM.
    pub(crate) fn number(modem: usize) -> String {
        modemsim::ModemSpec::new(modem).number
    }

    /// Where modems have their ports in a folder.
    pub(crate) fn port(dir: &Path, modem: usize) -> PathBuf {
        dir.join(modemsim::ModemSpec::new(modem).name)
    }

    pub(crate) fn stats(&mut self) -> Result<Stats, Error> {
        match self.ask(&modemsim::Command::Stats)? {
            Reply::Stats(stats) => Ok(stats),
            other => Err(unexpected(&other)),
        }
    }

    /// Ctrl-Z and `+CMGS` of each message, in microseconds of Unix time.
    pub(crate) fn times(&mut self) -> Result<Vec<(u64, u64)>, Error> {
        match self.ask(&modemsim::Command::Times)? {
            Reply::Times(times) => Ok(times),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn sent(&mut self) -> Result<Vec<Sent>, Error> {
        match self.ask(&modemsim::Command::Sent { from: 0 })? {
            Reply::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn arrived(&mut self) -> Result<Vec<Arrived>, Error> {
        match self.ask(&modemsim::Command::Arrived { from: 0 })? {
            Reply::Arrived(arrived) => Ok(arrived),
            other => Err(unexpected(&other)),
        }
    }

    /// A text from outside to a modem's SIM.
    pub(crate) fn text(&mut self, modem: usize, text: &str) -> Result<(), Error> {
        let to = Self::number(modem);
        self.ask(&modemsim::Command::Text {
            to,
            from: "+4930123456".into(),
            text: text.into(),
        })
        .map(drop)
    }

    /// Texts from outside, each to a modem's SIM from a sender, as fast as the simulator takes them.
    pub(crate) fn texts(&mut self, texts: impl IntoIterator<Item = (usize, String, String)>) -> Result<(), Error> {
        let mut texts = texts.into_iter().peekable();
        while texts.peek().is_some() {
            let mut lines = String::new();
            let mut asked = 0;
            for (modem, from, text) in texts.by_ref().take(FLOOD) {
                let to = Self::number(modem);
                let command = modemsim::Command::Text { to, from, text };
                let line = serde_json::to_string(&command).map_err(|error| Error::Refused(error.to_string()))?;
                lines.push_str(&line);
                lines.push('\n');
                asked += 1;
            }
            system("modemsim", self.control.get_mut().write_all(lines.as_bytes()))?;
            for _ in 0..asked {
                let mut answer = String::new();
                system("modemsim", self.control.read_line(&mut answer))?;
                if !answer.contains("done") {
                    return Err(Error::Refused(format!("modemsim: {answer}")));
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, command: &modemsim::Command) -> Result<Reply, Error> {
        let line = serde_json::to_string(command).map_err(|error| Error::Refused(error.to_string()))?;
        system(
            "modemsim",
            self.control.get_mut().write_all(format!("{line}\n").as_bytes()),
        )?;
        let mut answer = String::new();
        system("modemsim", self.control.read_line(&mut answer))?;
        let mut answer: serde_json::Value =
            serde_json::from_str(&answer).map_err(|error| Error::Refused(error.to_string()))?;
        serde_json::from_value(answer["reply"].take()).map_err(|_| Error::Refused(format!("modemsim: {answer}")))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unexpected(reply: &Reply) -> Error {
    Error::Refused(format!("modemsim answered {reply:?}"))
}

/// Texts in one write to the simulator.
const FLOOD: usize = 100;
