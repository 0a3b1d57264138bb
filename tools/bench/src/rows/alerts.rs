//! Alerts as lines of JSON: how many in a second are durable, and how many a stand-in for the first alert server mails.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Figure, Measuring};
use crate::rig::{Rig, Setup, until};
use crate::sink::Sink;
use crate::watch::Memory;
use crate::{Error, system};

/// A crowd of lines, with a picture of so many octets or without one. All that follows from them goes on meanwhile: they
/// are mailed by the default rule, with its digests, to a server that syncs every mail.
pub(super) fn lines(measuring: &Measuring<'_>, picture: Option<usize>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let (name, least, count) = match (picture, scene.quick) {
        (None, quick) => ("alerts", 10_000.0, if quick { 40_000 } else { 400_000 }),
        (Some(_), quick) => ("alerts-pictures", 200.0, if quick { 1_000 } else { 8_000 }),
    };
    let setup = Setup {
        slots: 0,
        reports: false,
        journal: false,
    };
    let mut rig = Rig::new(&scene.dir, &scene.programs, name, setup)?;
    let picture = picture.map(|octets| STANDARD.encode(jpeg(octets)));
    let sink = Sink::start(rig.folder())?;
    let peer = stand_in(&sink, picture.as_deref())?;
    let listener = free_address()?;
    rig.configure(&format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\nfrom = \"gateway@example.org\"\nto = [\"ops@example.org\"]\n\
         [alerts.listener]\nlisten = [\"{listener}\"]\nack = true\n",
        sink.address.port()
    ))?;
    rig.start()?;
    let start = Instant::now();
    let shares = (0..CONNECTIONS).map(|sender| (sender, count / CONNECTIONS));
    thread::scope(|scope| {
        let picture = picture.as_deref();
        let senders: Vec<_> = shares
            .map(|(sender, share)| scope.spawn(move || send(listener, sender, share, picture)))
            .collect();
        let ended = senders.into_iter().map(|sender| {
            sender
                .join()
                .unwrap_or_else(|_| Err(Error::Refused("a sender failed".into())))
        });
        ended.collect::<Result<Vec<()>, Error>>()
    })?;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    let memory = Memory::of(rig.pid()).map_or(u64::MAX, |memory| memory.peak);
    Ok(Figure {
        measured: format!(
            "{rate:.0}/s ({count}); {:.1} MB; a stand-in for the first alert server mails {:.0}/s and loses {} of {PEER_LINES}",
            memory as f64 / 1e6,
            peer.rate,
            peer.lost
        ),
        reached: rate >= least && memory <= 64_000_000,
    })
}

/// Sends lines over one connection and waits until all are answered.
fn send(listener: SocketAddr, sender: usize, count: usize, picture: Option<&str>) -> Result<(), Error> {
    let stream = system("a connection", TcpStream::connect(listener))?;
    let mut writer = system("a connection", stream.try_clone())?;
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut lines = Vec::new();
            for number in 0..count {
                line(&mut lines, sender, number, picture);
                if lines.len() > PIECE || number + 1 == count {
                    writer.write_all(&lines)?;
                    lines.clear();
                }
            }
            Ok::<_, std::io::Error>(())
        });
        for answer in BufReader::new(stream).lines().take(count) {
            let answer = system("an answer", answer)?;
            if !answer.contains("\"ok\":true") {
                return Err(Error::Refused(format!("a line is answered {answer}")));
            }
        }
        let written = writing.join();
        let written = written.unwrap_or_else(|_| Err(std::io::Error::other("the sender failed")));
        system("the lines", written)
    })
}

fn line(lines: &mut Vec<u8>, sender: usize, number: usize, picture: Option<&str>) {
    let head = format!(
        "{{\"event\": \"MOTION_DETECTED\", \"camera\": \"cam{sender}-{}\", \"timestamp\": \"2026-01-31T08:00:00.123456Z\"",
        number % CAMERAS
    );
    lines.extend_from_slice(head.as_bytes());
    if let Some(picture) = picture {
        lines.extend_from_slice(b", \"image_filename\": \"frame.jpg\", \"image_b64\": \"");
        lines.extend_from_slice(picture.as_bytes());
        lines.push(b'"');
    }
    lines.extend_from_slice(b"}\n");
}

/// What the stand-in reached.
struct Peer {
    rate: f64,
    lost: usize,
}

/// The stand-in takes lines without an answer, so what counts is what arrives at the mail server.
fn stand_in(sink: &Sink, picture: Option<&str>) -> Result<Peer, Error> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rows/alert_server_stand_in.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(sink.address.port().to_string());
    let mut python = Ended(system("python3", command.stdout(Stdio::piped()).spawn())?);
    let mut port = String::new();
    if let Some(said) = python.0.stdout.take() {
        system("the stand-in", BufReader::new(said).read_line(&mut port))?;
    }
    let port: u16 = port
        .trim()
        .parse()
        .map_err(|_| Error::Refused("the stand-in names no port".into()))?;
    let before = sink.count();
    let start = crate::watch::unix_us();
    let mut stream = system("the stand-in", TcpStream::connect((Ipv4Addr::LOCALHOST, port)))?;
    let mut lines = Vec::new();
    for number in 0..PEER_LINES {
        lines.clear();
        line(&mut lines, 0, number, picture);
        system("the stand-in", stream.write_all(&lines))?;
    }
    let (mut seen, mut since) = (before, Instant::now());
    until(PEER_LIMIT, || {
        if sink.count() > seen {
            (seen, since) = (sink.count(), Instant::now());
        }
        Ok(seen - before >= PEER_LINES || since.elapsed() > PEER_QUIET)
    })?;
    let taken = sink.taken();
    let last = taken.last().map_or(start, |taken| taken.at_us);
    let arrived = taken.len() - before;
    Ok(Peer {
        rate: arrived as f64 * 1e6 / last.saturating_sub(start).max(1) as f64,
        lost: PEER_LINES.saturating_sub(arrived),
    })
}

/// A process that ends with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The frame of a JPEG, padded to a size.
fn jpeg(size: usize) -> Vec<u8> {
    let mut octets =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
    octets.resize(size, 7);
    octets
}

fn free_address() -> Result<SocketAddr, Error> {
    let listener = system("a port", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    system("a port", listener.local_addr())
}

const CONNECTIONS: usize = 4;
/// Each connection is a recorder with so many cameras.
const CAMERAS: usize = 16;
/// Lines are written in pieces of so many octets.
const PIECE: usize = 64 * 1024;
/// What the stand-in is given, and how long it may take.
const PEER_LINES: usize = 500;
const PEER_LIMIT: Duration = Duration::from_secs(60);
/// When nothing has arrived for so long, the rest is lost: it never tries twice.
const PEER_QUIET: Duration = Duration::from_secs(12);
