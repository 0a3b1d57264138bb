//! Where a text is cut into parts.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Cuts a text into pieces of at most `room` units, `cost` being the units of
/// a character. A grapheme cluster goes into the next piece rather than be
/// cut; only one that is longer than a piece is cut, between characters.
pub(super) fn split(text: &str, room: usize, cost: impl Fn(char) -> usize) -> Vec<Range<usize>> {
    let mut pieces = Pieces {
        pieces: Vec::new(),
        start: 0,
        used: 0,
        room,
    };
    for (at, cluster) in text.grapheme_indices(true) {
        let units = cluster.chars().map(&cost).sum();
        if units <= room {
            pieces.place(at, units);
            continue;
        }
        for (offset, character) in cluster.char_indices() {
            pieces.place(at + offset, cost(character));
        }
    }
    pieces.end(text.len())
}

/// The pieces so far and the one that is being filled.
struct Pieces {
    pieces: Vec<Range<usize>>,
    start: usize,
    used: usize,
    room: usize,
}

impl Pieces {
    /// Puts what begins at `at` into this piece, or the next where it is full.
    fn place(&mut self, at: usize, units: usize) {
        if self.used + units > self.room {
            self.pieces.push(self.start..at);
            self.start = at;
            self.used = 0;
        }
        self.used += units;
    }

    fn end(mut self, at: usize) -> Vec<Range<usize>> {
        self.pieces.push(self.start..at);
        self.pieces
    }
}
