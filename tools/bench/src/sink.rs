//! A mail server that takes everything: what it took, when, and how long it was at it itself.
//!
//! It syncs each mail to the disk before it says that it has it, as a mail server must (RFC 5321, 4.2.5). It takes commands
//! in groups and answers them so (RFC 2920), as postfix and its like do, and knows nothing else.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::watch::unix_us;
use crate::{Error, system};

/// The mail server; it ends with the process.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// A mail that it took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// The first line of the body that begins with [`MARK`].
    pub(crate) mark: String,
    /// When the client was told that it was taken.
    pub(crate) at_us: u64,
    /// How long the sink itself was at it, from the end of each command to the end of its answer.
    pub(crate) own_us: u64,
}

impl Sink {
    /// Listens, and keeps what comes in a folder.
    pub(crate) fn start(dir: &Path) -> Result<Self, Error> {
        let listener = system("the sink's port", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = system("the sink's port", listener.local_addr())?;
        let file = Arc::new(system("the sink's file", File::create(dir.join("sink")))?);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (kept, file_of_all) = (Arc::clone(&taken), file);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (taken, file) = (Arc::clone(&kept), Arc::clone(&file_of_all));
                // A client that goes away ends its conversation, which is no trouble of the sink's.
                std::thread::spawn(move || drop(converse(stream, &file, &taken)));
            }
        });
        Ok(Self { address, taken })
    }

    /// What it took so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many mails it took so far.
    pub(crate) fn count(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn converse(stream: TcpStream, mut file: &File, taken: &Mutex<Vec<Taken>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut stream = BufWriter::new(stream);
    stream.write_all(b"220 sink ESMTP\r\n")?;
    let mut own_us = 0;
    let mut line = String::new();
    loop {
        // The answers to a group of commands go out together.
        if lines.buffer().is_empty() {
            stream.flush()?;
        }
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let began = Instant::now();
        let word = line.split([' ', '\r']).next().unwrap_or_default().to_uppercase();
        match word.as_str() {
            "EHLO" => stream.write_all(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")?,
            "MAIL" => {
                own_us = 0;
                stream.write_all(b"250 ok\r\n")?;
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                stream.flush()?;
                let began_before = began.elapsed();
                let mail = read_mail(&mut lines)?;
                let began = Instant::now();
                file.write_all(mail.as_bytes())?;
                file.sync_data()?;
                stream.write_all(b"250 taken\r\n")?;
                stream.flush()?;
                let own = began.elapsed() + began_before;
                let mark = mail.lines().find(|line| line.starts_with(MARK)).unwrap_or_default();
                let one = Taken {
                    mark: mark.to_owned(),
                    at_us: unix_us(),
                    own_us: own_us + micros(own),
                };
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                continue;
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                return stream.flush();
            }
            _ => stream.write_all(b"250 ok\r\n")?,
        }
        own_us += micros(began.elapsed());
    }
}

fn read_mail(lines: &mut impl BufRead) -> std::io::Result<String> {
    let mut mail = String::new();
    loop {
        let start = mail.len();
        if lines.read_line(&mut mail)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &mail[start..] == ".\r\n" {
            mail.truncate(start);
            return Ok(mail);
        }
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How the texts of the bench begin.
pub(crate) const MARK: &str = "bench ";
