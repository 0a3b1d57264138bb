//! One daemon a data folder.
//!
//! The lock is the kernel's (`flock` on `simrelay.lock`), so it goes with the process, however that ends. The file
//! holds the number of the process for whoever comes second; it is never removed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::OpenError;

/// The hold on a data folder, given back when dropped.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

impl FolderLock {
    /// Takes the folder, or says who has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(LOCK_FILE);
        let unusable = |source| OpenError::Folder {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                sign(&mut lock).map_err(unusable)?;
                Ok(Self(lock))
            }
            Err((file, Errno::EWOULDBLOCK)) => Err(OpenError::InUse {
                folder: folder.to_owned(),
                pid: holder(file),
            }),
            Err((_, errno)) => Err(unusable(errno.into())),
        }
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(mut file: File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

pub(crate) const LOCK_FILE: &str = "simrelay.lock";
