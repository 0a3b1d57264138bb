//! Writes what went over a connection as pcapng, in packets made for it: Ethernet, IP and TCP with right numbers and
//! checksums, an opening and an end, so that any protocol analyser reads it like a capture of the network.

use std::net::{IpAddr, SocketAddr};

use super::{Stamp, file};

/// Makes the octets of a pcapng file. Nothing is kept: each call gives what is to be appended.
#[derive(Debug)]
pub struct Writer {
    connections: Vec<Open>,
    /// Numbers the packets (IP identification).
    packets: u16,
}

/// A connection that is written.
#[derive(Debug, Clone, Copy)]
struct Open {
    from: SocketAddr,
    to: SocketAddr,
    /// The next sequence numbers, of `from` and of `to`.
    next: [u32; 2],
}

impl Writer {
    /// A new file: its first octets are appended to `out`.
    pub fn new(out: &mut Vec<u8>) -> Self {
        let mut section = Vec::new();
        section.extend(BYTE_ORDER.to_le_bytes());
        section.extend([1, 0, 0, 0]);
        section.extend(u64::MAX.to_le_bytes());
        block(u32::from_le_bytes(file::SECTION_HEADER), &section, out);
        // Ethernet, whole packets, nanoseconds.
        let mut interface = vec![1, 0, 0, 0, 0, 0, 0, 0];
        interface.extend([9, 0, 1, 0, 9, 0, 0, 0]);
        interface.extend([0, 0, 0, 0]);
        block(file::INTERFACE_DESCRIPTION, &interface, out);
        Self {
            connections: Vec::new(),
            packets: 0,
        }
    }

    /// Writes the opening of a connection and gives its number.
    pub fn open(&mut self, from: SocketAddr, to: SocketAddr, at: Stamp, out: &mut Vec<u8>) -> usize {
        let mut open = Open { from, to, next: FIRST };
        self.packet(&mut open, true, SYN, &[], at, out);
        self.packet(&mut open, false, SYN | ACK, &[], at, out);
        self.packet(&mut open, true, ACK, &[], at, out);
        self.connections.push(open);
        self.connections.len() - 1
    }

    /// Writes octets that went over a connection, `forth` from the one who opened it. A number that was not given is
    /// passed over.
    pub fn write(&mut self, connection: usize, forth: bool, octets: &[u8], at: Stamp, out: &mut Vec<u8>) {
        let Some(mut open) = self.connections.get(connection).copied() else {
            return;
        };
        for piece in octets.chunks(LONGEST_SEGMENT) {
            self.packet(&mut open, forth, ACK | PSH, piece, at, out);
        }
        self.connections[connection] = open;
    }

    /// Writes the end of a connection.
    pub fn close(&mut self, connection: usize, at: Stamp, out: &mut Vec<u8>) {
        let Some(mut open) = self.connections.get(connection).copied() else {
            return;
        };
        self.packet(&mut open, true, FIN | ACK, &[], at, out);
        self.packet(&mut open, false, FIN | ACK, &[], at, out);
        self.packet(&mut open, true, ACK, &[], at, out);
        self.connections[connection] = open;
    }

    fn packet(&mut self, open: &mut Open, forth: bool, flags: u8, payload: &[u8], at: Stamp, out: &mut Vec<u8>) {
        let segment = open.segment(forth, flags, payload);
        let (from, to) = if forth {
            (open.from, open.to)
        } else {
            (open.to, open.from)
        };
        let mut octets = Vec::with_capacity(60 + segment.len());
        // Addresses of nobody: the packet never was on a cable.
        octets.extend([2, 0, 0, 0, 0, u8::from(!forth), 2, 0, 0, 0, 0, u8::from(forth)]);
        match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ipv4(from.octets(), to.octets(), self.packets, &segment, &mut octets),
            (from, to) => ipv6(long(from), long(to), &segment, &mut octets),
        }
        self.packets = self.packets.wrapping_add(1);
        enhanced(at, &octets, out);
    }
}

impl Open {
    /// A TCP header with its payload, and the numbers counted on.
    fn segment(&mut self, forth: bool, flags: u8, payload: &[u8]) -> Vec<u8> {
        let (from, to) = if forth {
            (self.from, self.to)
        } else {
            (self.to, self.from)
        };
        let (ours, theirs) = (usize::from(!forth), usize::from(forth));
        let mut segment = Vec::with_capacity(20 + payload.len());
        segment.extend(from.port().to_be_bytes());
        segment.extend(to.port().to_be_bytes());
        segment.extend(self.next[ours].to_be_bytes());
        let acknowledged = if flags & ACK == 0 { 0 } else { self.next[theirs] };
        segment.extend(acknowledged.to_be_bytes());
        segment.extend([5 << 4, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
        segment.extend(payload);
        let length = u32::try_from(payload.len()).unwrap_or_default();
        let counted = length + u32::from(flags & (SYN | FIN) != 0);
        self.next[ours] = self.next[ours].wrapping_add(counted);
        let sum = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => sum(&from.octets()) + sum(&to.octets()),
            (from, to) => sum(&long(from)) + sum(&long(to)),
        };
        let pseudo = sum + 6 + u32::try_from(segment.len()).unwrap_or_default();
        let checksum = folded(pseudo + self::sum(&segment));
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
        segment
    }
}

fn ipv4(from: [u8; 4], to: [u8; 4], number: u16, segment: &[u8], out: &mut Vec<u8>) {
    out.extend([0x08, 0x00]);
    let start = out.len();
    let total = u16::try_from(20 + segment.len()).unwrap_or(u16::MAX);
    out.extend([0x45, 0]);
    out.extend(total.to_be_bytes());
    out.extend(number.to_be_bytes());
    out.extend([0x40, 0, 64, 6, 0, 0]);
    out.extend(from);
    out.extend(to);
    let checksum = folded(sum(&out[start..]));
    out[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
    out.extend(segment);
}

fn ipv6(from: [u8; 16], to: [u8; 16], segment: &[u8], out: &mut Vec<u8>) {
    out.extend([0x86, 0xDD, 0x60, 0, 0, 0]);
    let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend([6, 64]);
    out.extend(from);
    out.extend(to);
    out.extend(segment);
}

/// An address as IPv6, whichever it is.
fn long(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The sum of RFC 1071, not folded yet.
fn sum(octets: &[u8]) -> u32 {
    let pair = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    octets.chunks(2).map(pair).sum()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    let [_, _, high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

fn enhanced(at: Stamp, packet: &[u8], out: &mut Vec<u8>) {
    let [high, low] = [(at.0 >> 32) as u32, (at.0 & 0xFFFF_FFFF) as u32];
    let length = u32::try_from(packet.len()).unwrap_or_default();
    let mut body = Vec::with_capacity(24 + packet.len());
    for number in [0, high, low, length, length] {
        body.extend(number.to_le_bytes());
    }
    body.extend(packet);
    body.resize(body.len().next_multiple_of(4), 0);
    block(file::ENHANCED_PACKET, &body, out);
}

fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len() + 12).unwrap_or_default();
    out.extend(kind.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(body);
    out.extend(length.to_le_bytes());
}

/// Tells the byte order of a section.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;

/// Where both sides begin to count.
const FIRST: [u32; 2] = [1000, 5000];

/// Octets of a segment that fit every IP packet, headers included.
const LONGEST_SEGMENT: usize = 32 * 1024;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
