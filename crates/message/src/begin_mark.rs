//! The note that a part begins to go out.

use std::fmt;
use std::io;

/// Notes that a part begins, at the last moment before it may go out.
///
/// A part may be handed over *ahead*, while the one before it is still on its way: its attempt is on record then, though
/// nothing of it has gone out. After a crash this note tells which of such parts began.
pub trait BeginMark: fmt::Debug + Send + Sync {
    /// Makes the note. It outlives the process, not the machine, so it waits for no disk.
    ///
    /// # Errors
    /// It could not be made; the part must not begin then.
    fn set(&self) -> io::Result<()>;
}
