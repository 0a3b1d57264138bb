//! System calls, by seccomp.
//!
//! Two filters are laid over each other, and the stricter answer counts. The first answers `clone3` as a kernel that has
//! none, so that the C library takes `clone`, whose flags a filter can see: threads are let through, processes and
//! namespaces are not. The second is the list.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::{c_int, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use crate::calls::{ALLOWED, NEVER};
use crate::{Mode, Part};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Gives up all other calls.
pub(crate) fn confine(mode: Mode) -> Part {
    let Ok(arch) = TargetArch::try_from(ARCH) else {
        return Part::Failed(format!("no list of calls is known for {ARCH} machines"));
    };
    let filters = match filters(mode, arch) {
        Ok(filters) => filters,
        Err(error) => return Part::Failed(format!("the list of calls cannot be made: {error}")),
    };
    for filter in &filters {
        if let Err(error) = apply_filter(filter) {
            return Part::Failed(format!("the kernel does not take the list of calls: {error}"));
        }
    }
    match mode {
        Mode::Log => Part::Partly("what is not on the list is noted in the kernel's log and let through".to_owned()),
        Mode::Enforce | Mode::Off => Part::Held(format!("{} calls are let through", ALLOWED.len())),
    }
}

/// The filters in the order they are laid.
fn filters(mode: Mode, arch: TargetArch) -> Result<Vec<BpfProgram>, BackendError> {
    let program = |rules: Rules, otherwise: SeccompAction, then: SeccompAction| -> Result<BpfProgram, BackendError> {
        SeccompFilter::new(rules, otherwise, then, arch)?.try_into()
    };
    let refused = || SeccompAction::Errno(number(libc::EPERM));
    let unknown = SeccompAction::Errno(number(libc::ENOSYS));
    let clone3 = program(always(&[libc::SYS_clone3]), SeccompAction::Allow, unknown)?;
    let list = match mode {
        Mode::Log => program(allowed()?, SeccompAction::Log, SeccompAction::Allow)?,
        Mode::Enforce | Mode::Off => return Ok(vec![clone3, program(allowed()?, refused(), SeccompAction::Allow)?]),
    };
    let never = program(never()?, SeccompAction::Allow, refused())?;
    Ok(vec![clone3, never, list])
}

/// What is let through.
fn allowed() -> Result<Rules, BackendError> {
    let mut rules = always(ALLOWED);
    rules.insert(libc::SYS_clone, vec![argument(0, flags(THREAD), flags(THREAD))?]);
    rules.insert(libc::SYS_ioctl, vec![all(TYPING.map(|request| unlike(1, request)))?]);
    let families = FAMILIES.map(|family| equal(0, family));
    rules.insert(libc::SYS_socket, any(families)?);
    rules.insert(libc::SYS_prctl, any(NAMING.map(|option| equal(0, option)))?);
    Ok(rules)
}

/// What is refused even where the rest is only noted.
fn never() -> Result<Rules, BackendError> {
    let mut rules = always(NEVER);
    rules.insert(libc::SYS_ioctl, any(TYPING.map(|request| equal(1, request)))?);
    Ok(rules)
}

/// Whatever their arguments are.
fn always(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// Where the bits of `mask` in an argument are `value`.
fn argument(place: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    let fits = SeccompCondition::new(place, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)?;
    SeccompRule::new(vec![fits])
}

fn equal(place: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(place, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn unlike(place: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(place, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

/// Where one of the conditions holds.
fn any<const N: usize>(
    conditions: [Result<SeccompCondition, BackendError>; N],
) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |condition: Result<SeccompCondition, BackendError>| SeccompRule::new(vec![condition?]);
    conditions.into_iter().map(rule).collect()
}

/// Where all conditions hold.
fn all<const N: usize>(conditions: [Result<SeccompCondition, BackendError>; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

/// Flags and error numbers are never negative.
fn flags(flags: c_int) -> u64 {
    u64::from(number(flags))
}

fn number(number: c_int) -> u32 {
    number.unsigned_abs()
}

/// What a thread has and a process has not.
const THREAD: c_int = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND;

/// Typing into somebody's terminal: TIOCSTI and TIOCLINUX (asm-generic/ioctls.h).
const TYPING: [u64; 2] = [0x5412, 0x541C];

/// Names of threads and of memory, and what the process may be asked about itself: PR_GET_DUMPABLE, PR_SET_NAME,
/// PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_AUXV, PR_SET_VMA (linux/prctl.h). Not PR_SET_DUMPABLE, which would open
/// its memory again.
const NAMING: [u64; 7] = [3, 15, 16, 38, 39, 0x4155_5856, 0x5356_4d41];

/// Unix sockets for systemd and the name service, and netlink, by which the C library learns this machine's addresses.
const FAMILIES: [u64; 4] = [
    libc::AF_UNIX as u64,
    libc::AF_INET as u64,
    libc::AF_INET6 as u64,
    libc::AF_NETLINK as u64,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_make_filters_for_every_machine_that_has_them() {
        for mode in [Mode::Enforce, Mode::Log] {
            let filters = filters(mode, TargetArch::try_from(ARCH).unwrap()).unwrap();
            assert!(
                filters.iter().all(|filter| (5..2000).contains(&filter.len())),
                "{mode:?}"
            );
        }
    }

    #[test]
    fn no_call_is_both_let_through_and_never() {
        let both: Vec<_> = ALLOWED.iter().filter(|call| NEVER.contains(call)).collect();
        assert!(both.is_empty(), "{both:?}");
        let special = [libc::SYS_clone, libc::SYS_ioctl, libc::SYS_prctl, libc::SYS_socket];
        assert!(
            special.iter().all(|call| !ALLOWED.contains(call)),
            "these have conditions"
        );
    }
}
