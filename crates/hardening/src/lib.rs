//! Confines this process: what a gateway does not need, it cannot do, whoever makes it try.
//!
//! - [`Allowance`] is what it may do: files to read, folders to write in, devices, ports.
//! - [`confine`] gives up everything else, for the calling thread and all that it starts afterwards: call it before there
//!   are others. [`Config`] says how strictly ([`Mode`]).
//! - [`Confinement`] tells what is in force now, and what this kernel cannot do: an old kernel is a word in the log, never
//!   a gateway that does not start.
//! - [`trial`] tries what must be refused, for an operator to see.
//!
//! Three things, each from inside and without any right: *calls* by seccomp (a list of those that are let through), *files
//! and ports* by Landlock, and the process itself (no new privileges, no core dumps, nobody of the same user may look into
//! its memory). The service unit does much of the same from outside; this also holds where there is none.
//!
//! Nothing can be taken back or widened later. `docs/decisions/hardening.md` has the reasons.

#![forbid(unsafe_code)]

mod allowance;
mod calls;
mod confinement;
mod files;
mod filter;
mod process;
pub mod trial;

pub use allowance::Allowance;
pub use confinement::{Confinement, Part};

use serde::Deserialize;

/// How strictly (`[hardening]`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Refuse, only note, or neither. Default: refuse.
    pub mode: Mode,
    /// The TCP ports, of any machine, that may be connected to. Default: all.
    pub connect: Option<Vec<u16>>,
}

/// What happens when the process does what it need not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is refused: the call fails with `EPERM` (a call), or `EACCES` (a file or a port).
    #[default]
    Enforce,
    /// It is let through, and the kernel's log has a line about each call. What no gateway ever does stays refused. Files
    /// and ports are free, since Landlock cannot just note.
    Log,
    /// Nothing is refused or noted.
    Off,
}

/// What this kernel can do, tried by a thread that ends with it.
pub fn look() -> Vec<(&'static str, Part)> {
    let everything = Allowance {
        read: vec!["/".into()],
        ..Allowance::default()
    };
    let tried = std::thread::spawn(move || {
        vec![
            ("files and ports", files::confine(&everything)),
            ("system calls", filter::confine(Mode::Enforce)),
        ]
    });
    // Neither of them panics.
    tried.join().unwrap_or_default()
}

/// Gives up what `allowance` does not name, for this thread and all that it starts from now on.
pub fn confine(mode: Mode, allowance: &Allowance) -> Confinement {
    if mode == Mode::Off {
        return Confinement::off();
    }
    // Rules for files are made by calls that the list of calls refuses: they come first.
    let process = process::close();
    let files = match mode {
        Mode::Enforce => files::confine(allowance),
        Mode::Log | Mode::Off => Part::Free,
    };
    let calls = filter::confine(mode);
    Confinement { process, files, calls }
}
