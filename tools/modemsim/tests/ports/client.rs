//! A client that reads and writes a port raw, as a terminal program would.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};

/// A port that is open.
pub(crate) struct Client {
    port: File,
    /// What was read and not yet asked for.
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn open(path: &Path) -> Self {
        let port = open(
            path,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .expect("the port is there");
        Self {
            port: port.into(),
            unread: Vec::new(),
        }
    }

    /// Opens, turns the echo off and waits for the answer.
    pub(crate) fn ready(path: &Path) -> Self {
        let mut client = Self::open(path);
        client.write("ATE0\r");
        client.until("OK\r\n");
        client
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        self.port.write_all(bytes).expect("the port takes what a test writes");
    }

    /// What comes up to `end` and with it; panics when it does not come in time.
    pub(crate) fn until(&mut self, end: &str) -> String {
        self.within(end, PATIENCE)
            .unwrap_or_else(|| panic!("no {end:?} in {:?}", String::from_utf8_lossy(&self.unread)))
    }

    /// What comes up to `end` within `limit`.
    pub(crate) fn within(&mut self, end: &str, limit: Duration) -> Option<String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(at) = self
                .unread
                .windows(end.len())
                .position(|window| window == end.as_bytes())
            {
                let found = self.unread.drain(..at + end.len()).collect::<Vec<_>>();
                return Some(found.iter().map(|&byte| char::from(byte)).collect());
            }
            if !self.fill(deadline.saturating_duration_since(Instant::now())) {
                return None;
            }
        }
    }

    /// A command and its answer up to the final result.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.unread.clear();
        self.write(&format!("{command}\r"));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text: String = self.unread.iter().map(|&byte| char::from(byte)).collect();
            let done = text.lines().any(|line| {
                line == "OK" || line.starts_with("ERROR") || line.starts_with("+CM") && line.contains("ERROR: ")
            });
            if done && text.ends_with("\r\n") {
                self.unread.clear();
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.fill(left), "no final result to {command:?}, only {text:?}");
        }
    }

    /// So many octets.
    pub(crate) fn exactly(&mut self, count: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        while self.unread.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.fill(left), "only {} of {count} octets", self.unread.len());
        }
        self.unread.drain(..count).map(char::from).collect()
    }

    /// Waits until what comes holds `pattern` so often, and gives it.
    pub(crate) fn until_count(&mut self, pattern: &str, count: usize) -> String {
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(&self.until(pattern));
        }
        text
    }

    /// Everything that comes until nothing has come for `quiet`.
    pub(crate) fn rest(&mut self, quiet: Duration) -> String {
        while self.fill(quiet) {}
        let rest = std::mem::take(&mut self.unread);
        rest.iter().map(|&byte| char::from(byte)).collect()
    }

    /// Sends a PDU by `+CMGS` and gives what comes behind Ctrl-Z up to the final result.
    pub(crate) fn send_pdu(&mut self, pdu: &str) -> String {
        self.write(&format!("AT+CMGS={}\r", pdu.len() / 2 - 1));
        self.until(">");
        self.within(" ", Duration::from_millis(5));
        self.ask(&format!("{pdu}\u{1a}"))
    }

    /// Takes the port for this client alone, as a gateway does.
    pub(crate) fn claim(&self) {
        rustix::termios::ioctl_tiocexcl(&self.port).expect("a terminal can be claimed");
    }

    /// The line was cut.
    pub(crate) fn is_hung_up(&mut self) -> bool {
        let mut polled = [PollFd::new(&self.port, PollFlags::IN)];
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        poll(&mut polled, Some(&timeout)).is_ok() && polled[0].revents().contains(PollFlags::HUP)
    }

    /// Writes until the line takes no more, and says how much it took.
    pub(crate) fn fill_buffer(&mut self) -> usize {
        let mut taken = 0;
        while let Ok(written) = self.port.write(b"AT+CSQ;") {
            taken += written;
            assert!(taken < 10_000_000, "somebody reads");
        }
        taken
    }

    /// Reads once more; false at the end of the time or of the line.
    fn fill(&mut self, limit: Duration) -> bool {
        let timeout = Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        let mut polled = [PollFd::new(&self.port, PollFlags::IN)];
        if poll(&mut polled, Some(&timeout)).unwrap_or(0) == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        match self.port.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.unread.extend_from_slice(&buffer[..read]);
                true
            }
        }
    }
}

/// Nothing here takes longer unless it never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A SUBMIT in GSM 7-bit that says "hello", with an empty SMSC part; `report` asks for a status report.
pub(crate) fn hello(to: &str, report: bool) -> String {
    let digits = to.trim_start_matches('+');
    let padded = format!("{digits}{}", if digits.len() % 2 == 1 { "F" } else { "" });
    let swapped: String = padded
        .as_bytes()
        .chunks(2)
        .flat_map(|pair| [char::from(pair[1]), char::from(pair[0])])
        .collect();
    format!(
        "00{}00{:02X}91{swapped}000005E8329BFD06",
        if report { "21" } else { "01" },
        digits.len()
    )
}
