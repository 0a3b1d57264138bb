//! Names of message memories.

use std::fmt;

/// A message memory such as `SM` or `ME` (TS 27.005 3.1), as the modem names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Memory {
    name: [u8; Self::LONGEST],
    length: u8,
}

impl Memory {
    /// The SIM.
    pub const SM: Self = Self::two(*b"SM");
    /// The modem.
    pub const ME: Self = Self::two(*b"ME");
    /// SIM and modem together.
    pub const MT: Self = Self::two(*b"MT");
    /// Status reports.
    pub const SR: Self = Self::two(*b"SR");
    /// Cell broadcasts.
    pub const BM: Self = Self::two(*b"BM");
    /// The computer's side.
    pub const TA: Self = Self::two(*b"TA");

    /// Longest name taken; makers' own are like `SM_P`.
    const LONGEST: usize = 7;

    /// A memory by name, in capitals whatever came; nothing for a name that is
    /// empty, long or not made of letters, digits and `_`.
    pub fn new(name: &[u8]) -> Option<Self> {
        let fits = (1..=Self::LONGEST).contains(&name.len());
        let clean = name.iter().all(|&c| c.is_ascii_alphanumeric() || c == b'_');
        if !fits || !clean {
            return None;
        }
        let mut memory = Self {
            name: [0; Self::LONGEST],
            length: name.len() as u8,
        };
        memory.name[..name.len()].copy_from_slice(&name.to_ascii_uppercase());
        Some(memory)
    }

    const fn two(name: [u8; 2]) -> Self {
        Self {
            name: [name[0], name[1], 0, 0, 0, 0, 0],
            length: 2,
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        let name = &self.name[..usize::from(self.length)];
        std::str::from_utf8(name).expect("a memory's name is ASCII by construction")
    }

    /// Whether TS 27.005 3.1 names it.
    pub fn is_standard(&self) -> bool {
        [Self::SM, Self::ME, Self::MT, Self::SR, Self::BM, Self::TA].contains(self)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
