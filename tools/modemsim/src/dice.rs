//! Chance, the same in every run.

/// Marsaglia's xorshift.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn octet(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    /// A number from 0 to 99.
    pub(crate) fn percent(&mut self) -> u8 {
        u8::try_from(self.next() % 100).unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_spread_evenly() {
        let mut dice = Dice::default();
        let low = (0..10_000).filter(|_| dice.percent() < 30).count();
        assert!((2800..3200).contains(&low), "{low}");
    }
}
