//! Octets that leave nothing behind: a modem echoes a PIN as it echoes anything.

use std::ops::{Deref, DerefMut};

use zeroize::{Zeroize, Zeroizing};

/// A buffer that is filled at its end and emptied at its front. What was taken out of it, what it held before it grew, and
/// all of it when it is dropped, is wiped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    /// Adds octets.
    pub fn extend_from_slice(&mut self, octets: &[u8]) {
        self.make_room(octets.len());
        self.0.extend_from_slice(octets);
    }

    /// Takes out so many octets at the front; the rest moves there. All of them where there are fewer.
    pub fn drop_front(&mut self, octets: usize) {
        let left = self.0.len().saturating_sub(octets);
        let from = self.0.len() - left;
        self.0.copy_within(from.., 0);
        self.0[left..].zeroize();
        self.0.truncate(left);
    }

    /// Takes out all, and gives the memory back where it is more than `most`.
    pub fn clear(&mut self, most: usize) {
        self.drop_front(self.0.len());
        if self.0.capacity() > most {
            self.0 = Zeroizing::default();
        }
    }

    /// How much it can hold without growing.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// A vector that grows by itself leaves its octets where they were.
    fn make_room(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed <= self.0.capacity() {
            return;
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two().max(SMALLEST)));
        larger.extend_from_slice(&self.0);
        self.0 = larger;
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Room for a usual line, so that it is not made line by line.
const SMALLEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_moves_to_the_front() {
        let mut octets = Wiped::default();
        octets.extend_from_slice(b"AT+CPIN=\"1234\"\rOK");
        octets.drop_front(15);
        assert_eq!(&octets[..], b"OK");
        octets.drop_front(99);
        assert!(octets.is_empty());
        octets.extend_from_slice(&[7; 10_000]);
        assert_eq!((octets.len(), octets[9_999]), (10_000, 7));
        octets.clear(4096);
        assert_eq!((octets.len(), octets.capacity()), (0, 0));
    }
}
