//! The proof that something is kept.

/// A value whose record is durable: it can only be made by whoever has just seen the commit.
///
/// What may happen only after a commit (deleting a message from a modem, acknowledging it to the network, writing a PDU,
/// entering a PIN) asks for a `Committed`, so that the compiler forbids the wrong order. Only the crate `store` calls
/// [`Committed::witnessed`]; a test of the end-to-end package holds the tree to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed<T>(T);

impl<T> Committed<T> {
    /// Wraps `value` after its record was committed and synced.
    pub fn witnessed(value: T) -> Self {
        Self(value)
    }

    /// What was kept.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was kept, without the proof.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The same proof for a value derived from this one.
    pub fn map<U>(self, derive: impl FnOnce(T) -> U) -> Committed<U> {
        Committed(derive(self.0))
    }
}

impl<T> Committed<Option<T>> {
    /// The proof of what was kept, if anything was.
    pub fn transpose(self) -> Option<Committed<T>> {
        self.0.map(Committed)
    }
}
