//! A cursor over octets that knows which field it is reading.

use crate::{DecodeError, error::Problem};

/// Takes octets from the front; every failure names field and place.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next octet lies, counted from the first one handed in.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// What was left before the last octet was taken, which stays taken.
    pub(crate) fn back_one(&self) -> &'a [u8] {
        &self.bytes[self.at.saturating_sub(1)..]
    }

    pub(crate) fn octet(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(self.take(1, field)?[0])
    }

    pub(crate) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        if self.left() < count {
            return Err(self.short(count, field));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    /// Takes what there is, at most `count`.
    pub(crate) fn take_up_to(&mut self, count: usize) -> &'a [u8] {
        let taken = &self.rest()[..count.min(self.left())];
        self.at += taken.len();
        taken
    }

    /// The error of a field that needs `needed` octets from here on.
    pub(crate) fn short(&self, needed: usize, field: &'static str) -> DecodeError {
        let problem = Problem::Short {
            needed,
            present: self.left(),
        };
        DecodeError {
            field,
            octet: self.at,
            problem,
        }
    }
}
