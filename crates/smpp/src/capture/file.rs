//! The packets of a pcap or pcapng file.

use nom::{
    IResult, Parser,
    bytes::complete::take,
    number::{
        Endianness,
        complete::{u16, u32},
    },
};

use super::{CaptureError, Stamp};

/// A packet as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) at: Stamp,
    /// The kind of link that it was caught on.
    pub(super) link: u32,
    pub(super) octets: &'a [u8],
}

/// The packets, up to the end or to what cannot be read.
pub(super) fn packets(file: &[u8]) -> Result<Packets<'_>, CaptureError> {
    let magic = file.get(..4).ok_or(CaptureError::Unknown)?;
    let plain = |endian, nanoseconds| {
        let header = old_header(file, endian).map_err(|_| CaptureError::Header);
        header.map(|(rest, link)| Packets::Old {
            rest,
            endian,
            nanoseconds,
            link,
        })
    };
    match magic {
        [0xA1, 0xB2, 0xC3, 0xD4] => plain(Endianness::Big, false),
        [0xD4, 0xC3, 0xB2, 0xA1] => plain(Endianness::Little, false),
        [0xA1, 0xB2, 0x3C, 0x4D] => plain(Endianness::Big, true),
        [0x4D, 0x3C, 0xB2, 0xA1] => plain(Endianness::Little, true),
        [0x0A, 0x0D, 0x0D, 0x0A] => Ok(Packets::New(Blocks::new(file))),
        _ => Err(CaptureError::Unknown),
    }
}

/// Goes through a file.
#[derive(Debug)]
pub(super) enum Packets<'a> {
    /// pcap.
    Old {
        rest: &'a [u8],
        endian: Endianness,
        nanoseconds: bool,
        link: u32,
    },
    /// pcapng.
    New(Blocks<'a>),
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        match self {
            Self::New(blocks) => blocks.next(),
            Self::Old {
                rest,
                endian,
                nanoseconds,
                link,
            } => {
                let (left, (seconds, fraction, octets)) = old_packet(rest, *endian).ok()?;
                *rest = left;
                let unit = if *nanoseconds { 1 } else { 1000 };
                let at = Stamp::new(u64::from(seconds), u64::from(fraction) * unit);
                Some(Packet {
                    at,
                    link: *link,
                    octets,
                })
            }
        }
    }
}

fn old_header(file: &[u8], endian: Endianness) -> IResult<&[u8], u32> {
    let (rest, _) = take(20_usize).parse(file)?;
    let (rest, link) = u32(endian).parse(rest)?;
    // The upper bits tell of check sequences behind the packets.
    Ok((rest, link & 0x0FFF_FFFF))
}

fn old_packet(octets: &[u8], endian: Endianness) -> IResult<&[u8], (u32, u32, &[u8])> {
    let number = || u32::<&[u8], _>(endian);
    let (rest, (seconds, fraction, length, _)) = (number(), number(), number(), number()).parse(octets)?;
    let (rest, octets) = take(length).parse(rest)?;
    Ok((rest, (seconds, fraction, octets)))
}

/// Goes through the blocks of a pcapng file.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    rest: &'a [u8],
    endian: Endianness,
    interfaces: Vec<Interface>,
}

/// What an interface description says.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    /// if_tsresol: a power of ten, or of two with the top bit set.
    resolution: u8,
    /// if_tsoffset, in seconds.
    offset: u64,
}

impl<'a> Blocks<'a> {
    fn new(file: &'a [u8]) -> Self {
        Self {
            rest: file,
            endian: Endianness::Little,
            interfaces: Vec::new(),
        }
    }

    fn next(&mut self) -> Option<Packet<'a>> {
        loop {
            if self.rest.starts_with(&SECTION_HEADER) {
                self.begin_section()?;
            }
            let (rest, (kind, body)) = block(self.rest, self.endian).ok()?;
            self.rest = rest;
            match kind {
                INTERFACE_DESCRIPTION if self.interfaces.len() < MOST_INTERFACES => self.add_interface(body)?,
                ENHANCED_PACKET => {
                    if let Some(packet) = self.enhanced(body) {
                        return Some(packet);
                    }
                }
                SIMPLE_PACKET => {
                    let link = self.interfaces.first()?.link;
                    let octets = body.get(4..)?;
                    return Some(Packet {
                        at: Stamp(0),
                        link,
                        octets,
                    });
                }
                _ => {}
            }
        }
    }

    /// A section tells its byte order and begins without interfaces.
    fn begin_section(&mut self) -> Option<()> {
        self.endian = match self.rest.get(8..12)? {
            [0x1A, 0x2B, 0x3C, 0x4D] => Endianness::Big,
            [0x4D, 0x3C, 0x2B, 0x1A] => Endianness::Little,
            _ => return None,
        };
        self.interfaces.clear();
        Some(())
    }

    fn add_interface(&mut self, body: &[u8]) -> Option<()> {
        let (_, link) = u16::<&[u8], nom::error::Error<&[u8]>>(self.endian).parse(body).ok()?;
        let mut interface = Interface {
            link: u32::from(link),
            resolution: 6,
            offset: 0,
        };
        let mut options = body.get(8..)?;
        while let Ok((rest, (code, value))) = option(options, self.endian) {
            options = rest;
            match (code, value) {
                (0, _) => break,
                (9, [resolution]) => interface.resolution = *resolution,
                (14, value) => interface.offset = self.long(value).unwrap_or_default(),
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Some(())
    }

    fn long(&self, value: &[u8]) -> Option<u64> {
        let octets: [u8; 8] = value.try_into().ok()?;
        Some(match self.endian {
            Endianness::Big => u64::from_be_bytes(octets),
            _ => u64::from_le_bytes(octets),
        })
    }

    fn enhanced(&self, body: &'a [u8]) -> Option<Packet<'a>> {
        let number = || u32::<&[u8], nom::error::Error<&[u8]>>(self.endian);
        let fields = (number(), number(), number(), number(), number()).parse(body);
        let (rest, (interface, high, low, length, _)) = fields.ok()?;
        let interface = self.interfaces.get(usize::try_from(interface).ok()?)?;
        let octets = rest.get(..usize::try_from(length).ok()?)?;
        let ticks = u64::from(high) << 32 | u64::from(low);
        Some(Packet {
            at: interface.stamp(ticks),
            link: interface.link,
            octets,
        })
    }
}

impl Interface {
    fn stamp(&self, ticks: u64) -> Stamp {
        let exponent = u32::from(self.resolution & 0x7F);
        let per_second = match self.resolution & 0x80 {
            0 => 10_u128.checked_pow(exponent),
            _ => 2_u128.checked_pow(exponent),
        };
        let Some(per_second) = per_second else { return Stamp(0) };
        let nanoseconds = u128::from(ticks).saturating_mul(1_000_000_000) / per_second;
        let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        Stamp::new(self.offset, nanoseconds)
    }
}

/// A block: its kind, its length, its body, its length again.
fn block(octets: &[u8], endian: Endianness) -> IResult<&[u8], (u32, &[u8])> {
    let (rest, (kind, length)) = (u32(endian), u32(endian)).parse(octets)?;
    let Some(body) = length.checked_sub(BLOCK_OVERHEAD) else {
        return Err(nom::Err::Error(nom::error::Error::new(
            octets,
            nom::error::ErrorKind::Verify,
        )));
    };
    let (rest, body) = take(body).parse(rest)?;
    let (rest, _) = take(4_usize).parse(rest)?;
    Ok((rest, (kind, body)))
}

/// An option: its code, its length, its value up to a multiple of four octets.
fn option(octets: &[u8], endian: Endianness) -> IResult<&[u8], (u16, &[u8])> {
    let (rest, (code, length)) = (u16(endian), u16(endian)).parse(octets)?;
    let (rest, value) = take(length).parse(rest)?;
    let padding = length.wrapping_neg() % 4;
    let (rest, _) = take(padding).parse(rest)?;
    Ok((rest, (code, value)))
}

pub(super) const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;

/// Octets of a block's kind and its two lengths.
const BLOCK_OVERHEAD: u32 = 12;

/// More interfaces than any capture has; a file of nothing else must not fill memory.
const MOST_INTERFACES: usize = 4096;
