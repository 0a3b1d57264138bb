//! Octets of a field, kept in place while they are few.

use std::{
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

/// The octets of a field, as they are on the wire and without the closing NUL. Nothing says that they are ASCII: senders
/// write names in Latin-1, and a session that dies of an umlaut is no session.
///
/// Up to 22 octets take no allocation, which holds for every address and time of SMPP 3.4 and for most message ids.
#[derive(Clone)]
pub struct Octets(Kept);

#[derive(Clone)]
enum Kept {
    Here { length: u8, octets: [u8; HERE] },
    There(Box<[u8]>),
}

impl Octets {
    /// Nothing.
    pub const EMPTY: Self = Self(Kept::Here {
        length: 0,
        octets: [0; HERE],
    });

    /// Keeps a copy.
    pub fn new(octets: &[u8]) -> Self {
        if octets.len() > HERE {
            return Self(Kept::There(octets.into()));
        }
        let mut here = [0; HERE];
        here[..octets.len()].copy_from_slice(octets);
        // `HERE` fits an octet, so the length does.
        Self(Kept::Here {
            length: octets.len() as u8,
            octets: here,
        })
    }

    /// The octets read as Latin-1, so that nothing is ever unreadable.
    pub fn text(&self) -> String {
        self.iter().copied().map(char::from).collect()
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Here { length, octets } => &octets[..usize::from(*length).min(HERE)],
            Kept::There(octets) => octets,
        }
    }
}

impl Default for Octets {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Octets {}

impl PartialEq<[u8]> for Octets {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl PartialEq<str> for Octets {
    fn eq(&self, other: &str) -> bool {
        **self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Octets {
    fn eq(&self, other: &&str) -> bool {
        **self == *other.as_bytes()
    }
}

impl Hash for Octets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        Self::new(octets)
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        match octets.len() {
            0..=HERE => Self::new(&octets),
            _ => Self(Kept::There(octets.into_boxed_slice())),
        }
    }
}

impl From<String> for Octets {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl fmt::Debug for Octets {
    /// As an ASCII string with escapes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

/// What fits beside the length and the mark without being larger than a vector.
const HERE: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back_and_none_is_larger_than_a_vector() {
        assert_eq!(size_of::<Octets>(), size_of::<Vec<u8>>());
        for length in 0..100_u8 {
            let octets: Vec<u8> = (0..length).collect();
            assert_eq!(*Octets::new(&octets), *octets);
            assert_eq!(Octets::from(octets.clone()), Octets::new(&octets));
        }
    }

    #[test]
    fn a_latin_1_name_stays_readable() {
        assert_eq!(Octets::new(b"\xDCnal").text(), "Ünal");
        assert_eq!(format!("{:?}", Octets::new(b"\xDCnal")), "\"\\xdcnal\"");
    }
}
