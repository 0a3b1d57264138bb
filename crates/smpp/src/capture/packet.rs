//! From a packet to the TCP segment in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    /// What comes next from the other side, where ACK says so.
    pub(super) ack: Option<u32>,
    /// FIN or RST.
    pub(super) end: bool,
    pub(super) payload: &'a [u8],
}

/// Whether the kind of link is known.
pub(super) fn is_known(link: u32) -> bool {
    matches!(link, 0 | 1 | 12 | 14 | 101 | 108 | 113 | 228 | 229 | 276)
}

/// The segment in a packet of a kind of link; nothing where it is something else, a fragment, or cut too short.
pub(super) fn segment(link: u32, packet: &[u8]) -> Option<Segment<'_>> {
    match link {
        1 => ethernet(packet),
        // Raw IP, under its several numbers.
        12 | 14 | 101 | 228 | 229 => ip(packet),
        // BSD's loopback: four octets of address family.
        0 | 108 => ip(packet.get(4..)?),
        // Linux' "any": the protocol stands at the end of 16 octets, in the second version at the front of 20.
        113 => ip(packet.get(16..)?),
        276 => ip(packet.get(20..)?),
        _ => None,
    }
}

fn ethernet(packet: &[u8]) -> Option<Segment<'_>> {
    let mut rest = packet.get(12..)?;
    // Tags of virtual networks, at most two.
    for _ in 0..2 {
        if matches!(rest.get(..2)?, [0x81, 0x00] | [0x88, 0xA8]) {
            rest = rest.get(4..)?;
        }
    }
    match rest.get(..2)? {
        [0x08, 0x00] | [0x86, 0xDD] => ip(rest.get(2..)?),
        _ => None,
    }
}

fn ip(packet: &[u8]) -> Option<Segment<'_>> {
    match packet.first()? >> 4 {
        4 => ipv4(packet),
        6 => ipv6(packet),
        _ => None,
    }
}

fn ipv4(packet: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    let fragment = short(packet, 6)? & 0x3FFF;
    if fragment != 0 || *packet.get(9)? != TCP || header < 20 {
        return None;
    }
    // Where the network card does the cutting the length is 0.
    let total = match usize::from(short(packet, 2)?) {
        0 => packet.len(),
        total => total.min(packet.len()),
    };
    let address = |at: usize| {
        let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    };
    tcp(address(12)?, address(16)?, packet.get(header..total)?)
}

fn ipv6(packet: &[u8]) -> Option<Segment<'_>> {
    let length = usize::from(short(packet, 4)?);
    let address = |at: usize| {
        let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    let (from, to) = (address(8)?, address(24)?);
    let end = if length == 0 {
        packet.len()
    } else {
        packet.len().min(40 + length)
    };
    let mut rest = packet.get(40..end)?;
    let mut next = *packet.get(6)?;
    // Hop by hop, routing and destination options, each with the number of the next and its length.
    while matches!(next, 0 | 43 | 60) {
        next = *rest.first()?;
        rest = rest.get((usize::from(*rest.get(1)?) + 1) * 8..)?;
    }
    if next != TCP {
        return None;
    }
    tcp(from, to, rest)
}

fn tcp(from: IpAddr, to: IpAddr, octets: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(octets.get(12)? >> 4) * 4;
    let flags = *octets.get(13)?;
    let sequence: [u8; 4] = octets.get(4..8)?.try_into().ok()?;
    let acknowledged: [u8; 4] = octets.get(8..12)?.try_into().ok()?;
    if header < 20 {
        return None;
    }
    Some(Segment {
        from: SocketAddr::new(from, short(octets, 0)?),
        to: SocketAddr::new(to, short(octets, 2)?),
        sequence: u32::from_be_bytes(sequence),
        syn: flags & 0x02 != 0,
        ack: (flags & 0x10 != 0).then_some(u32::from_be_bytes(acknowledged)),
        end: flags & 0x05 != 0,
        payload: octets.get(header..)?,
    })
}

fn short(octets: &[u8], at: usize) -> Option<u16> {
    let pair: [u8; 2] = octets.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair))
}

/// The protocol's number in IP.
const TCP: u8 = 6;
