//! Lines out of a stream, in bounded memory: a line that is too long is skipped and counted, and the next one is read.

/// A value that cuts octets into lines. It owns the room that is read into and tells when it must grow.
#[derive(Debug)]
pub(super) struct Lines {
    room: Vec<u8>,
    /// Where the line that is being read begins.
    start: usize,
    /// Where what was received ends.
    end: usize,
    /// Up to where there is no line end.
    searched: usize,
    /// How many octets of a line that is too long were thrown away.
    skipping: Option<u64>,
    longest: usize,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'l> {
    /// A line, without its end.
    Line(&'l [u8]),
    /// The end of a line that was too long.
    TooLong {
        /// How long it was.
        octets: u64,
    },
}

impl Lines {
    /// Lines of at most `longest` octets.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            room: vec![0; ROOM.min(longest.max(1))],
            start: 0,
            end: 0,
            searched: 0,
            skipping: None,
            longest: longest.max(1),
        }
    }

    /// The next line of what was received so far.
    pub(super) fn next(&mut self) -> Option<Found<'_>> {
        let Some(at) = memchr::memchr(b'\n', &self.room[self.searched..self.end]) else {
            self.searched = self.end;
            self.skip_what_is_too_long();
            return None;
        };
        let (from, to) = (self.start, self.searched + at);
        self.start = to + 1;
        self.searched = self.start;
        match self.skipping.take() {
            Some(skipped) => Some(Found::TooLong {
                octets: skipped + (to - from) as u64,
            }),
            None if to - from > self.longest => Some(Found::TooLong {
                octets: (to - from) as u64,
            }),
            None => Some(Found::Line(&self.room[from..to])),
        }
    }

    /// What stands behind the last line end, once nothing more comes.
    pub(super) fn rest(&self) -> Option<Found<'_>> {
        match self.skipping {
            Some(skipped) => Some(Found::TooLong {
                octets: skipped + (self.end - self.start) as u64,
            }),
            None if self.start == self.end => None,
            None => Some(Found::Line(&self.room[self.start..self.end])),
        }
    }

    /// Whether a line has begun and not ended.
    pub(super) fn is_within(&self) -> bool {
        self.skipping.is_some() || self.start < self.end
    }

    /// How large the room must become before more can be received; nothing while there is space.
    pub(super) fn must_grow(&mut self) -> Option<usize> {
        if self.end < self.room.len() {
            return None;
        }
        self.room.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.searched -= self.start;
        self.start = 0;
        (self.end == self.room.len()).then(|| (self.room.len() * 2).min(self.longest + 1))
    }

    /// Makes the room so large.
    pub(super) fn grow(&mut self, octets: usize) {
        self.room.resize(octets.max(self.end), 0);
    }

    /// Gives room back that is not needed; tells how much is still taken.
    pub(super) fn shrink(&mut self) -> usize {
        let wanted = (self.end - self.start).next_power_of_two().max(ROOM);
        if wanted < self.room.len() {
            self.room.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
            self.room.truncate(wanted);
            self.room.shrink_to_fit();
        }
        self.room.len()
    }

    /// Where to read to.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.room[self.end..]
    }

    /// So many octets were read to there.
    pub(super) fn received(&mut self, octets: usize) {
        self.end = self.room.len().min(self.end + octets);
    }

    fn skip_what_is_too_long(&mut self) {
        let held = self.end - self.start;
        if self.skipping.is_some() || held > self.longest {
            self.skipping = Some(self.skipping.unwrap_or_default() + held as u64);
            (self.start, self.end, self.searched) = (0, 0, 0);
        }
    }
}

/// The room of every connection, in octets. What a line takes beyond it is asked for.
pub(super) const ROOM: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `stream` in pieces as large as `sizes` say, over and over; the lines, and the largest room.
    fn read(stream: &[u8], sizes: &[usize], longest: usize) -> (Vec<Result<Vec<u8>, u64>>, usize) {
        let (mut lines, mut found, mut largest) = (Lines::new(longest), Vec::new(), 0);
        let owned = |line: Found<'_>| match line {
            Found::Line(line) => Ok(line.to_vec()),
            Found::TooLong { octets } => Err(octets),
        };
        let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
        while !rest.is_empty() {
            if let Some(octets) = lines.must_grow() {
                lines.grow(octets);
            }
            let space = lines.space();
            let size = rest.len().min(space.len()).min(*sizes.next().expect("sizes"));
            space[..size].copy_from_slice(&rest[..size]);
            lines.received(size);
            rest = &rest[size..];
            largest = largest.max(lines.room.len());
            while let Some(line) = lines.next() {
                found.push(owned(line));
            }
            lines.shrink();
        }
        found.extend(lines.rest().map(owned));
        (found, largest)
    }

    #[test]
    fn a_dribbled_line_is_whole() {
        let (lines, _) = read(b"one\n\ntwo\r\nthree", &[1], 100);
        let expected: Vec<Result<Vec<u8>, u64>> = [&b"one"[..], b"", b"two\r", b"three"]
            .map(|line| Ok(line.to_vec()))
            .into();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_takes_no_room() {
        let mut stream = vec![b'x'; 5_000_000];
        stream.extend_from_slice(b"\nnext\n");
        let (lines, largest) = read(&stream, &[4096], 100_000);
        assert_eq!(lines, [Err(5_000_000), Ok(b"next".to_vec())]);
        assert!(largest <= 100_001, "{largest}");
    }

    #[test]
    fn a_line_of_the_longest_length_is_read() {
        for (length, fits) in [(20_000, true), (20_001, false)] {
            let stream = [vec![b'x'; length], b"\n".to_vec()].concat();
            let (lines, _) = read(&stream, &[7000], 20_000);
            assert_eq!(lines[0].is_ok(), fits, "{length}");
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_lines_are_the_same(
            stream in proptest::collection::vec(prop_oneof![3 => Just(b'a'), 1 => Just(b'\n')], 0..400),
            sizes in proptest::collection::vec(1_usize..60, 1..8),
        ) {
            let (lines, _) = read(&stream, &sizes, 30);
            let mut expected: Vec<Vec<u8>> = stream.split(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            let expected: Vec<Result<Vec<u8>, u64>> = expected
                .into_iter()
                .map(|line| if line.len() > 30 { Err(line.len() as u64) } else { Ok(line) })
                .collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
