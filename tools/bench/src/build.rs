//! The release programs.

use std::path::PathBuf;
use std::process::Command;

use crate::{Error, system};

/// Builds `simrelay` and `modemsim` as releases and says where they are.
pub(crate) fn programs() -> Result<PathBuf, Error> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "-p", "simrelay", "-p", "modemsim"]);
    let status = system("cargo", cargo.status())?;
    if !status.success() {
        return Err(Error::Refused("the programs do not build".into()));
    }
    let own = system("our own path", std::env::current_exe())?;
    // Next to us, or, where we are no release ourselves, in the neighbouring folder.
    let target = own
        .parent()
        .and_then(|profile| profile.parent())
        .map(|target| target.join("release"));
    target.ok_or_else(|| Error::Refused("our own path has no folder".into()))
}
