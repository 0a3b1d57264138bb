//! What a sender has to know.

use std::fmt;

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A token that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A token as somebody wrote it.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Whether this is it. How long that takes tells nothing about it.
    pub fn is(&self, told: &str) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(told.as_bytes())
    }

    /// Whether it cannot be guessed.
    pub fn is_long_enough(&self) -> bool {
        self.0.len() >= SHORTEST
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// In octets; some devices take no longer passwords than 16.
const SHORTEST: usize = 8;
