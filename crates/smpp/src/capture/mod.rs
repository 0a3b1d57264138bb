//! Captures of network traffic: pcap and pcapng in, pcapng out.
//!
//! [`Capture::read`] takes a file as it lies in memory and gives TCP connections with the octets of both directions in
//! order, each piece with its time: reordered segments are put right, repeated ones are dropped, and what the capture
//! missed is told where it is missing. [`Writer`] makes the packets of a live session that a protocol analyser can read;
//! [`Cutter`] and [`veil`] see to it that nothing is in them that is nobody's business.

mod file;
mod packet;
mod stream;
mod veil;
mod write;

use std::{fmt, net::SocketAddr};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use self::stream::Streams;

pub use self::veil::{Cutter, veil};
pub use self::write::Writer;

/// A moment: nanoseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Stamp(pub u64);

/// TCP connections and what went over them.
#[derive(Debug, Default)]
pub struct Capture<'a> {
    /// The connections, in the order in which they were seen first.
    pub connections: Vec<Connection>,
    /// What went over them, in the order in which it was seen.
    pub pieces: Vec<Piece<'a>>,
    /// Packets of the file.
    pub packets: usize,
    /// Packets that are no TCP over IP, or cannot be read.
    pub passed_over: usize,
}

/// One TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Who opened it, or was heard first where the opening is not in the capture.
    pub from: SocketAddr,
    /// The other side.
    pub to: SocketAddr,
    /// Whether its opening is in the capture.
    pub opened: bool,
    /// When it was seen first.
    pub at: Stamp,
    /// When its end was seen.
    pub ended: Option<Stamp>,
}

/// Octets of one direction, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Which connection, as a place in [`Capture::connections`].
    pub connection: usize,
    /// Whether they went from [`Connection::from`].
    pub forth: bool,
    /// When.
    pub at: Stamp,
    /// The octets.
    pub octets: &'a [u8],
    /// Octets that the capture has not, before these.
    pub missing: usize,
}

/// Why a file is no capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureError {
    /// It is neither pcap nor pcapng.
    Unknown,
    /// It begins like a capture, and its header cannot be read.
    Header,
    /// A kind of link that is not known here (a number of the tcpdump project's list).
    Link(u32),
}

impl<'a> Capture<'a> {
    /// Reads a file. One that ends in the middle of a packet gives what it holds.
    ///
    /// # Errors
    /// See [`CaptureError`].
    pub fn read(file: &'a [u8]) -> Result<Self, CaptureError> {
        let mut streams = Streams::default();
        let mut unknown = None;
        for packet in file::packets(file)? {
            streams.capture.packets += 1;
            if !packet::is_known(packet.link) {
                unknown = Some(packet.link);
            }
            match packet::segment(packet.link, packet.octets) {
                Some(segment) => streams.hear(packet.at, segment),
                None => streams.capture.passed_over += 1,
            }
        }
        let capture = streams.finish();
        match unknown {
            Some(link) if capture.pieces.is_empty() => Err(CaptureError::Link(link)),
            _ => Ok(capture),
        }
    }
}

impl Stamp {
    /// The moment of so many seconds and nanoseconds since 1970.
    pub fn new(seconds: u64, nanoseconds: u64) -> Self {
        Self(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
    }

    /// Nanoseconds from an earlier moment to this one; 0 from a later one.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("neither pcap nor pcapng"),
            Self::Header => f.write_str("the capture's header cannot be read"),
            Self::Link(number) => write!(f, "link type {number} is not known here"),
        }
    }
}

impl std::error::Error for CaptureError {}

const SECOND: u64 = 1_000_000_000;
