//! The least that a durable sender can do, measured in the same run for comparison: a thread for each modem that keeps one
//! record on the disk between a reply and the next PDU, and nothing else. It has no database, no queue and no API.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

use super::Scene;
use crate::simulator::{Plan, Simulator};
use crate::{Error, system};

/// Sends for some seconds over so many modems, and gives Ctrl-Z and reply of each message.
pub(super) fn send(scene: &Scene, modems: usize, latency: Duration) -> Result<Vec<(u64, u64)>, Error> {
    let dir = scene.dir.join(format!("bare-{modems}"));
    let _ = std::fs::remove_dir_all(&dir);
    system("the bare sender's folder", std::fs::create_dir_all(&dir))?;
    let dir = system("the bare sender's folder", dir.canonicalize())?;
    let records = Records::new(&dir)?;
    let plan = Plan {
        modems,
        latency,
        record: "times",
        sim_places: 50,
    };
    let ports = dir.join("modems");
    let mut simulator = Simulator::start(&scene.programs, &ports, &plan)?;
    let end = Instant::now() + if scene.quick { QUICK } else { LONG };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..modems)
            .map(|modem| {
                let (port, records) = (Simulator::port(&ports, modem), &records);
                scope.spawn(move || Modem::open(&port)?.send_until(end, records))
            })
            .collect();
        let ended = senders.into_iter().map(|sender| {
            let failed = || Err(Error::Refused("a bare sender failed".into()));
            sender.join().unwrap_or_else(|_| failed())
        });
        ended.collect::<Result<Vec<()>, _>>()
    })?;
    simulator.times()
}

/// What is kept: a file that has its size already, written over and over.
struct Records {
    file: Mutex<(File, u64)>,
}

impl Records {
    fn new(dir: &Path) -> Result<Self, Error> {
        let mut file = system("the records", File::create(dir.join("records")))?;
        system("the records", file.write_all(&vec![0; SIZE as usize]))?;
        system("the records", file.sync_all())?;
        Ok(Self {
            file: Mutex::new((file, 0)),
        })
    }

    fn keep(&self) -> Result<(), Error> {
        let mut guard = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (file, place) = &mut *guard;
        system("a record", file.write_all_at(&[0x55; RECORD], *place))?;
        *place = (*place + RECORD as u64) % SIZE;
        system("a record", file.sync_data())
    }
}

struct Modem {
    port: File,
}

impl Modem {
    fn open(path: &Path) -> Result<Self, Error> {
        let noctty = rustix::fs::OFlags::NOCTTY.bits() as i32;
        let mut options = File::options();
        options.read(true).write(true).custom_flags(noctty);
        let port = system("a port", options.open(path))?;
        let mut line = system("a port", tcgetattr(&port).map_err(Into::into))?;
        line.make_raw();
        // A read gives up after two seconds.
        line.special_codes[SpecialCodeIndex::VMIN] = 0;
        line.special_codes[SpecialCodeIndex::VTIME] = 20;
        system(
            "a port",
            tcsetattr(&port, OptionalActions::Now, &line).map_err(Into::into),
        )?;
        let mut modem = Self { port };
        modem.say("ATE0\r", "OK")?;
        modem.say("AT+CMGF=0\r", "OK")?;
        Ok(modem)
    }

    fn send_until(&mut self, end: Instant, records: &Records) -> Result<(), Error> {
        while Instant::now() < end {
            records.keep()?;
            self.say("AT+CMGS=26\r", "> ")?;
            self.say(PDU, "OK")?;
        }
        Ok(())
    }

    fn say(&mut self, words: &str, answer: &str) -> Result<(), Error> {
        system("a port", self.port.write_all(words.as_bytes()))?;
        let mut heard = Vec::new();
        let mut piece = [0; 512];
        loop {
            let octets = system("a port", self.port.read(&mut piece))?;
            heard.extend_from_slice(&piece[..octets]);
            let text = String::from_utf8_lossy(&heard);
            if text.contains(answer) {
                return Ok(());
            }
            if octets == 0 || text.contains("ERROR") {
                return Err(Error::Refused(format!("{words:?} was answered by {text:?}")));
            }
        }
    }
}

/// A text of 14 characters to a number outside, as `simrelay pdu encode` writes it, and Ctrl-Z.
const PDU: &str = "0001000B919403000042F700000EEDF27C1E3E974130180C068B01\x1a";

/// Octets of a record: what the gateway's database writes for a message.
const RECORD: usize = 16 * 1024;

const SIZE: u64 = 4 << 20;

const LONG: Duration = Duration::from_secs(10);

const QUICK: Duration = Duration::from_secs(3);
