//! TCP segments to the octets of each direction, in order.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use super::{Capture, Connection, Piece, Stamp, packet::Segment};

/// Puts segments in order.
#[derive(Debug, Default)]
pub(super) struct Streams<'a> {
    pub(super) capture: Capture<'a>,
    /// The connection that two addresses have now, the lower one first.
    current: HashMap<(SocketAddr, SocketAddr), usize>,
    /// Both directions of each connection.
    directions: Vec<[Direction<'a>; 2]>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Direction<'a> {
    /// The sequence number that comes next; nothing before the first segment.
    next: Option<u32>,
    /// Segments that came before their turn, by their distance from `next`'s first value.
    early: BTreeMap<u64, (Stamp, &'a [u8])>,
    /// How far `next` is from its first value.
    offset: u64,
    /// As far, by that measure, the other side has all of it.
    acknowledged: u64,
}

impl<'a> Streams<'a> {
    /// Takes a segment.
    pub(super) fn hear(&mut self, at: Stamp, segment: Segment<'a>) {
        let index = self.connection(at, &segment);
        let Some(connection) = self.capture.connections.get_mut(index) else {
            return;
        };
        let forth = connection.from == segment.from;
        if segment.end {
            connection.ended = Some(at);
        }
        let pieces = &mut self.capture.pieces;
        let directions = &mut self.directions[index];
        if let Some(number) = segment.ack {
            directions[usize::from(!forth)].acknowledge(at, number, &mut into(pieces, index, !forth));
        }
        let direction = &mut directions[usize::from(forth)];
        if segment.syn {
            direction.next = Some(segment.sequence.wrapping_add(1));
            return;
        }
        direction.take(at, &segment, &mut into(pieces, index, forth));
    }

    /// What was read; what still waits for what the capture has not is handed out as well.
    pub(super) fn finish(mut self) -> Capture<'a> {
        for (index, directions) in self.directions.iter_mut().enumerate() {
            for (forth, direction) in [false, true].into_iter().zip(directions) {
                direction.give_up(&mut into(&mut self.capture.pieces, index, forth));
            }
        }
        self.capture
    }

    /// The connection of a segment. A SYN without ACK begins a new one, unless it repeats the last.
    fn connection(&mut self, at: Stamp, segment: &Segment<'_>) -> usize {
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        let opens = segment.syn && segment.ack.is_none();
        if let Some(index) = self.current.get(&key).copied() {
            let directions = &self.directions[index];
            let repeats = directions[1].next == Some(segment.sequence.wrapping_add(1));
            if !opens || repeats {
                return index;
            }
        }
        let (from, to) = match segment.syn && segment.ack.is_some() {
            true => (segment.to, segment.from),
            false => (segment.from, segment.to),
        };
        let index = self.directions.len();
        self.current.insert(key, index);
        self.directions.push(Default::default());
        self.capture.connections.push(Connection {
            from,
            to,
            opened: segment.syn,
            at,
            ended: None,
        });
        index
    }
}

impl<'a> Direction<'a> {
    /// Takes a segment and hands out what is in order now.
    fn take(&mut self, at: Stamp, segment: &Segment<'a>, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        if segment.payload.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(segment.sequence);
        let ahead = segment.sequence.wrapping_sub(next).cast_signed();
        if ahead <= 0 {
            let known = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
            // All of it came before; a keep-alive repeats one octet.
            let Some(fresh) = segment.payload.get(known..).filter(|fresh| !fresh.is_empty()) else {
                return;
            };
            self.pass(at, fresh, 0, out);
            return self.pass_early(out);
        }
        let place = self.offset + u64::from(ahead.unsigned_abs());
        let held = self.early.entry(place).or_insert((at, segment.payload));
        if held.1.len() < segment.payload.len() {
            *held = (at, segment.payload);
        }
        if self.early.len() > MOST_EARLY {
            self.skip_gap(out);
        }
        self.pass_acknowledged(out);
    }

    /// The other side has everything before this number: what of it is not here will not come, since nobody sends it again.
    fn acknowledge(&mut self, at: Stamp, number: u32, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        let Some(next) = self.next else { return };
        // A packet older than what came early: the file is out of order here, and what is missing may follow.
        if self.early.first_key_value().is_some_and(|(_, (early, _))| *early > at) {
            return;
        }
        let ahead = u64::try_from(number.wrapping_sub(next).cast_signed()).unwrap_or_default();
        self.acknowledged = self.acknowledged.max(self.offset + ahead);
        self.pass_acknowledged(out);
    }

    /// Hands out what came early and waits for nothing but what the capture lost.
    fn pass_acknowledged(&mut self, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        while self
            .early
            .first_key_value()
            .is_some_and(|(place, _)| *place <= self.acknowledged)
        {
            self.skip_gap(out);
        }
    }

    /// Hands out octets that are next.
    fn pass(&mut self, at: Stamp, octets: &'a [u8], missing: usize, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        let length = u32::try_from(octets.len()).unwrap_or_default();
        self.next = self.next.map(|next| next.wrapping_add(length));
        self.offset += u64::from(length);
        out(at, octets, missing);
    }

    /// Hands out what came early and has its turn now.
    fn pass_early(&mut self, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.offset) {
            let (place, (at, octets)) = entry.remove_entry();
            let known = usize::try_from(self.offset - place).unwrap_or(usize::MAX);
            if let Some(fresh) = octets.get(known..).filter(|fresh| !fresh.is_empty()) {
                self.pass(at, fresh, 0, out);
            }
        }
    }

    /// Goes on behind what never came.
    fn skip_gap(&mut self, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        let Some((place, (at, octets))) = self.early.pop_first() else {
            return;
        };
        let gap = place.saturating_sub(self.offset);
        let narrow = u32::try_from(gap).unwrap_or_default();
        self.next = self.next.map(|next| next.wrapping_add(narrow));
        self.offset = self.offset.max(place);
        self.pass(at, octets, usize::try_from(gap).unwrap_or(usize::MAX), out);
        self.pass_early(out);
    }

    /// Hands out everything that waits.
    fn give_up(&mut self, out: &mut impl FnMut(Stamp, &'a [u8], usize)) {
        while !self.early.is_empty() {
            self.skip_gap(out);
        }
    }
}

/// Where the octets of a direction go.
fn into<'a>(pieces: &mut Vec<Piece<'a>>, connection: usize, forth: bool) -> impl FnMut(Stamp, &'a [u8], usize) {
    move |at, octets, missing| {
        pieces.push(Piece {
            connection,
            forth,
            at,
            octets,
            missing,
        });
    }
}

/// Segments that wait for one before them; then it is taken to be missing from the capture.
const MOST_EARLY: usize = 1024;
