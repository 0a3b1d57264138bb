//! The process itself: what it may become, and who may look into it.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

use crate::Part;

/// Gives up new privileges, core dumps, and being looked into by other processes of the same user.
///
/// Core dumps and debuggers would show PINs, tokens and keys. `PR_SET_DUMPABLE` alone closes both, except where a program
/// collects the dumps of everybody; the limit closes that, too.
pub(crate) fn close() -> Part {
    let steps = [
        ("no new privileges", prctl::set_no_new_privs()),
        ("no debuggers", prctl::set_dumpable(false)),
        ("no core dumps", setrlimit(Resource::RLIMIT_CORE, 0, 0)),
    ];
    let failed: Vec<String> = steps
        .iter()
        .filter_map(|(what, came)| came.err().map(|error| format!("{what}: {}", error.desc())))
        .collect();
    match failed.is_empty() {
        true => Part::Held("no new privileges, no core dumps, no debuggers".to_owned()),
        false => Part::Partly(format!("cannot be had: {}", failed.join("; "))),
    }
}
