//! A gateway that takes alerts, and what it has kept.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use end_to_end::{Gateway, Rig, eventually, free_port};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// A rig whose gateway takes alerts.
pub(crate) struct Site {
    pub(crate) rig: Rig,
    pub(crate) lines: u16,
    pub(crate) http: u16,
    pub(crate) smtp: u16,
}

/// An alert as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) number: i64,
    pub(crate) alert: Value,
    pub(crate) pictures: Vec<Vec<u8>>,
}

impl Site {
    /// With these settings of the listener and of HTTP.
    pub(crate) fn new(listener: &str, http: &str) -> Self {
        let [lines, web, smtp] = [free_port(), free_port(), free_port()];
        let rig = Rig::new(0).config(&format!(
            "[alerts.listener]\nlisten = [\"127.0.0.1:{lines}\"]\n{listener}\n\
             [alerts.http]\nlisten = [\"127.0.0.1:{web}\"]\n{http}\n\
             [smtp]\nlisten = [\"127.0.0.1:{smtp}\"]\n[[smtp.senders]]\nnetworks = [\"127.0.0.0/8\"]\n"
        ));
        Self {
            rig,
            lines,
            http: web,
            smtp,
        }
    }

    /// Waits until so many alerts are kept; all of them.
    pub(crate) fn kept(&self, count: usize) -> Vec<Kept> {
        let count = i64::try_from(count).expect("few");
        eventually(&format!("{count} alerts are kept"), LONG, || {
            (self.count() >= count).then_some(())
        });
        let database = self.database();
        let mut alerts = database
            .prepare("SELECT number, body FROM alert ORDER BY number")
            .expect("alerts");
        let mut pictures = database
            .prepare("SELECT octets FROM alert_image WHERE key >> 4 = ?1 ORDER BY key")
            .expect("pictures");
        let rows = alerts
            .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .expect("alerts");
        let kept: Vec<Kept> = rows
            .map(|row| {
                let (number, body) = row.expect("an alert");
                let own = pictures.query_map([number], |row| row.get(0)).expect("pictures");
                Kept {
                    number,
                    alert: serde_json::from_str(&body).expect("JSON"),
                    pictures: own.map(|picture| picture.expect("a picture")).collect(),
                }
            })
            .collect();
        assert_eq!(i64::try_from(kept.len()).expect("few"), count, "{kept:?}");
        kept
    }

    /// How many alerts are kept.
    pub(crate) fn count(&self) -> i64 {
        let count = self
            .database()
            .query_row("SELECT count(*) FROM alert", [], |row| row.get(0));
        count.expect("a count")
    }

    fn database(&self) -> Connection {
        Connection::open_with_flags(self.rig.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database")
    }

    /// A JPEG file of so many octets, and they themselves.
    pub(crate) fn picture(&self, size: usize) -> (PathBuf, Vec<u8>) {
        let (file, octets) = (self.rig.folder().join("frame.jpg"), jpeg(size));
        fs::write(&file, &octets).expect("written");
        (file, octets)
    }

    /// A connection to the listener.
    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.lines)).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("a limit");
        stream.set_nodelay(true).expect("no delay");
        Client(BufReader::new(stream))
    }
}

/// A client of the listener.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn say(&mut self, octets: &[u8]) {
        self.0.get_mut().write_all(octets).expect("said");
    }

    /// The next answer.
    pub(crate) fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    /// The socket, for a thread of its own.
    pub(crate) fn writer(&self) -> TcpStream {
        self.0.get_ref().try_clone().expect("another handle")
    }
}

/// The frame of a JPEG, padded to a size.
pub(crate) fn jpeg(size: usize) -> Vec<u8> {
    let mut octets =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
    octets.resize(size, 7);
    octets
}

/// Runs a command; whether it went well.
pub(crate) fn run(command: &mut Command) -> bool {
    let output = command.output().expect("it runs");
    if !output.status.success() {
        eprintln!("{command:?}: {output:?}");
    }
    output.status.success()
}

/// The most memory the gateway held at once of its own, in MB: without the program's code, which takes 30 MB of a build
/// for debugging and 10 of a release.
pub(crate) fn most_memory(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("its status");
    let kib = |key: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(key)).expect("its memory");
        let number = line.split_whitespace().nth(1);
        number.and_then(|number| number.parse().ok()).expect("a number")
    };
    (kib("VmHWM:") - kib("RssFile:")) / 1000
}

pub(crate) const LONG: Duration = Duration::from_secs(120);

/// With the code of a release that is 64 MB.
pub(crate) const MEMORY: u64 = 54;
