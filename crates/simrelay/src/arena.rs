//! One place for the memory of all threads.
//!
//! The C library gives each thread that allocates an arena of its own. Here one thread makes what another keeps and a third
//! gives back, so that every arena holds what its thread once needed at most, and none gives it back: 4 MB of 26 on a
//! gateway with 64 modems. How many arenas there may be is read from the environment only, and only when a process starts.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts this program once more, as the same process, with one arena. Comes back where that was done already, or cannot be
/// done: then the gateway works all the same, and takes more memory.
pub(crate) fn share() {
    if env::var_os(ARENAS).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    let _kept_going = again.args(arguments).env(ARENAS, "1").exec();
}

/// What glibc reads; other C libraries pass it over.
const ARENAS: &str = "MALLOC_ARENA_MAX";
