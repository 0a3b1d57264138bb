//! The gateway under measurement: its folder, configuration, certificate, token and process.

use std::fmt::Write;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, Door};
use crate::simulator::Simulator;
use crate::{Error, system};

/// A gateway and the folders around it. Dropping it ends the process; the files stay until the next rig in the same place.
pub(crate) struct Rig {
    dir: PathBuf,
    programs: PathBuf,
    pub(crate) door: Door,
    child: Option<Child>,
    starts: u32,
}

/// What differs between rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Slots, one for each modem that will be plugged in.
    pub(crate) slots: usize,
    pub(crate) reports: bool,
    pub(crate) journal: bool,
}

impl Rig {
    /// A fresh folder `name` below `dir` with everything the gateway needs; it is not started.
    pub(crate) fn new(dir: &Path, programs: &Path, name: &str, setup: Setup) -> Result<Self, Error> {
        let dir = dir.join(name);
        let _ = std::fs::remove_dir_all(&dir);
        system("the rig's folder", std::fs::create_dir_all(dir.join("modems")))?;
        let dir = system("the rig's folder", dir.canonicalize())?;
        let made = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()]);
        let made = made.map_err(|error| Error::Refused(error.to_string()))?;
        keep(&dir.join("certificate.pem"), &made.cert.pem())?;
        keep(&dir.join("key.pem"), &made.signing_key.serialize_pem())?;
        let hash = bcrypt::hash(SECRET, COST).map_err(|error| Error::Refused(error.to_string()))?;
        let address = free_address()?;
        keep(&dir.join("simrelay.toml"), &configuration(&dir, address, &hash, setup))?;
        let door = Door::new(address, made.cert.der().clone(), format!("bench.{SECRET}"))?;
        Ok(Self {
            dir,
            programs: programs.into(),
            door,
            child: None,
            starts: 0,
        })
    }

    /// Adds sections to the configuration, before the start.
    pub(crate) fn configure(&self, lines: &str) -> Result<(), Error> {
        let path = self.dir.join("simrelay.toml");
        let before = system("the configuration", std::fs::read_to_string(&path))?;
        keep(&path, &format!("{before}\n{lines}"))
    }

    /// Writes a file that is closed to others; where it lies.
    pub(crate) fn secret(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        keep(&path, text)?;
        Ok(path)
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        &self.dir
    }

    /// Where the modems' ports are to appear.
    pub(crate) fn modems(&self) -> PathBuf {
        self.dir.join("modems")
    }

    /// Starts the gateway and gives a connection once it answers.
    pub(crate) fn start(&mut self) -> Result<Client, Error> {
        self.starts += 1;
        let log = system(
            "the log",
            File::options()
                .create(true)
                .append(true)
                .open(self.dir.join("gateway.log")),
        )?;
        let errors = system("the log", log.try_clone())?;
        let mut command = Command::new(self.programs.join("simrelay"));
        command.arg("serve").arg("--config").arg(self.dir.join("simrelay.toml"));
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        self.child = Some(system("simrelay", command.spawn())?);
        let end = Instant::now() + START_LIMIT;
        loop {
            if let Ok(mut client) = self.door.open()
                && client.call("ping", json!({})).is_ok()
            {
                return Ok(client);
            }
            let exited = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = exited {
                return Err(Error::Refused(format!(
                    "simrelay ended with {status}; see {}/gateway.log",
                    self.dir.display()
                )));
            }
            if Instant::now() > end {
                return Err(Error::Refused(format!(
                    "simrelay does not answer; see {}/gateway.log",
                    self.dir.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Hands in messages by batches over several connections and gives their ids in the order of `texts`.
    pub(crate) fn fill(&self, texts: &[String]) -> Result<Vec<String>, Error> {
        let share = texts.len().div_ceil(FILLERS).max(1);
        let shares: Vec<_> = texts.chunks(share).enumerate().collect();
        let ids = std::thread::scope(|scope| {
            let handed: Vec<_> = shares
                .into_iter()
                .map(|(filler, texts)| scope.spawn(move || self.fill_share(filler * share, texts)))
                .collect();
            let ended = handed.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(Error::Refused("a filler failed".into())))
            });
            ended.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(ids.concat())
    }

    fn fill_share(&self, first: usize, texts: &[String]) -> Result<Vec<String>, Error> {
        let mut client = self.door.open()?;
        let mut ids = Vec::with_capacity(texts.len());
        for (nth, batch) in texts.chunks(BATCH).enumerate() {
            let numbered = batch.iter().enumerate();
            let params = numbered.map(|(at, text)| json!({"to": recipient(first + nth * BATCH + at), "text": text}));
            let accepted = client.batch("sms.send", params)?;
            ids.extend(
                accepted
                    .iter()
                    .filter_map(|accepted| accepted["id"].as_str().map(String::from)),
            );
        }
        Ok(ids)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A recipient whom no simulated SIM has.
pub(crate) fn recipient(at: usize) -> String {
    format!("+4930{:07}", at % 10_000_000)
}

/// Asks until `done` says so, or gives the last answer after `limit`.
pub(crate) fn until(limit: Duration, mut done: impl FnMut() -> Result<bool, Error>) -> Result<bool, Error> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if done()? {
            return Ok(true);
        }
        std::thread::sleep(LOOK);
    }
    Ok(false)
}

/// The final states of a message, as `sms.status` names them.
pub(crate) fn is_settled(status: &Value) -> bool {
    !["queued", "sending", "uncertain"].contains(&status["state"].as_str().unwrap_or("queued"))
}

fn configuration(dir: &Path, address: SocketAddr, hash: &str, setup: Setup) -> String {
    let mut text = format!(
        r#"data = "{dir}/data"

[log]
level = "warn"

[api]
listen = "{address}"
certificate = "{dir}/certificate.pem"
key = "{dir}/key.pem"

[[api.tokens]]
id = "bench"
hash = "{hash}"
scopes = ["admin"]

[gateway]
report = {reports}

[store]
queue_limit_token = 0
queue_limit_route = 0
uncertain_wait_s = {UNCERTAIN_S}

[pool]
directories = ["{dir}/modems"]
"#,
        dir = dir.display(),
        reports = setup.reports,
    );
    for slot in 0..setup.slots {
        let port = Simulator::port(&dir.join("modems"), slot);
        // Writing into a string cannot fail.
        let _ = write!(text, "\n[slots.m{slot:03}]\nport = \"{}\"\n", port.display());
        if setup.journal {
            text.push_str("journal = true\n");
        }
    }
    text
}

fn keep(path: &Path, text: &str) -> Result<(), Error> {
    system("the rig's folder", std::fs::write(path, text))?;
    system(
        "the rig's folder",
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)),
    )
}

/// An address nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    let listener = system("a port", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    system("a port", listener.local_addr())
}

const SECRET: &str = "bench-secret-0123456789abcdefghijklmnop";
/// The cost that the figures name.
const COST: u32 = 10;
/// So that rows with kills do not wait for two minutes.
const UNCERTAIN_S: u32 = 2;
const START_LIMIT: Duration = Duration::from_secs(20);
const FILLERS: usize = 8;
/// The gateway's own limit of calls in a batch is 100.
const BATCH: usize = 100;
/// Between two looks: rare enough not to disturb.
const LOOK: Duration = Duration::from_millis(50);
