//! Runs a program as on a kernel without Landlock: `without-landlock PROGRAM [ARGUMENT…]`.
//!
//! The kernel answers the program's question for Landlock with ENOSYS, as one that was built without it does.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::env::{args_os, consts::ARCH};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

fn main() -> ExitCode {
    let mut arguments = args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: without-landlock PROGRAM [ARGUMENT…]");
        return ExitCode::from(2);
    };
    if let Err(error) = hide() {
        eprintln!("without-landlock: {error}");
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(arguments).exec();
    eprintln!("without-landlock: {error}");
    ExitCode::FAILURE
}

fn hide() -> Result<(), Box<dyn std::error::Error>> {
    let rules = BTreeMap::from([(libc::SYS_landlock_create_ruleset, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, TargetArch::try_from(ARCH)?)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(apply_filter(&program)?)
}
