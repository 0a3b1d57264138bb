//! Files and ports, by Landlock.
//!
//! A rule holds for what lies at its path *now*, by inode: a file that is replaced by another of the same name is another
//! file. So there are rules for folders wherever something may be replaced or plugged in later.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::{Allowance, Part};

/// Gives up all other files and ports.
pub(crate) fn confine(allowance: &Allowance) -> Part {
    match restrict(allowance) {
        Ok(status) => told(&status),
        Err(error) => Part::Failed(format!("the kernel does not take the rules: {error}")),
    }
}

fn restrict(allowance: &Allowance) -> Result<RestrictionStatus, RulesetError> {
    let mut asked = Ruleset::default().handle_access(AccessFs::from_all(KNOWN))?;
    asked = asked.handle_access(AccessNet::BindTcp)?;
    if allowance.connect.is_some() {
        asked = asked.handle_access(AccessNet::ConnectTcp)?;
    }
    asked = asked.scope(Scope::Signal)?;
    if !allowance.abstract_sockets {
        asked = asked.scope(Scope::AbstractUnixSocket)?;
    }
    let mut rules = asked.create()?;
    for (paths, access) in [
        (&allowance.read, reading()),
        (&allowance.write, reading() | writing()),
        (&allowance.devices, reading() | using()),
    ] {
        for path in paths {
            rules = allow(rules, path, access)?;
        }
    }
    for port in &allowance.listen {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    for port in allowance.connect.iter().flatten() {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

/// Allows what is there; what is not cannot be allowed, and cannot be reached either.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(place) = PathFd::new(path) else { return Ok(rules) };
    let access = match path.is_dir() {
        true => access,
        false => access & AccessFs::from_file(KNOWN),
    };
    rules.add_rule(PathBeneath::new(place, access))
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

fn writing() -> BitFlags<AccessFs> {
    AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// Without the right to control it, opening a serial port fails since kernel 6.10, and only then.
fn using() -> BitFlags<AccessFs> {
    AccessFs::WriteFile | AccessFs::IoctlDev
}

fn told(status: &RestrictionStatus) -> Part {
    let abi = match status.landlock {
        LandlockStatus::NotImplemented => return Part::Failed(format!("this kernel has no Landlock{NEEDS}")),
        LandlockStatus::NotEnabled => {
            return Part::Failed("Landlock is switched off in this kernel: add landlock to lsm= at boot".to_owned());
        }
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced => Part::Held(format!("Landlock {abi}")),
        RulesetStatus::PartiallyEnforced => Part::Partly(format!("Landlock {abi}, {}", missing(abi))),
        RulesetStatus::NotEnforced => Part::Failed("Landlock restricts nothing".to_owned()),
    }
}

/// What a kernel with this version cannot restrict.
fn missing(abi: ABI) -> String {
    let lacks = LACKING.iter().filter(|(since, _)| abi < *since);
    let lacks: Vec<&str> = lacks.map(|(_, what)| *what).collect();
    format!("which cannot restrict {}: a newer kernel can", lacks.join(", "))
}

/// What each version brought.
const LACKING: [(ABI, &str); 5] = [
    (ABI::V2, "moving between folders"),
    (ABI::V3, "truncating"),
    (ABI::V4, "TCP ports"),
    (ABI::V5, "controlling devices"),
    (ABI::V6, "signals and abstract sockets"),
];

/// The newest version whose restrictions were tried with a gateway; newer ones are not asked for.
const KNOWN: ABI = ABI::V7;

const NEEDS: &str = " (it needs 5.13 or newer, with CONFIG_SECURITY_LANDLOCK, and a container must not refuse it)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernel_is_told_by_what_it_cannot_do() {
        assert_eq!(
            missing(ABI::V2),
            "which cannot restrict truncating, TCP ports, controlling devices, signals and abstract sockets: a newer kernel \
             can"
        );
        assert!(missing(ABI::V5).contains("restrict signals and abstract sockets:"));
    }
}
