//! The disk under the database: it must be one, and how long it takes to keep something.

use std::fmt;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Error, system};

/// A folder on a disk.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    median: Duration,
    worst: Duration,
}

impl Disk {
    /// Makes the folder, refuses one in memory, and times writing and syncing a page.
    pub(crate) fn measure(dir: &Path) -> Result<Self, Error> {
        system("the folder", std::fs::create_dir_all(dir))?;
        let kind = system("the file system", rustix::fs::statfs(dir).map_err(Into::into))?.f_type;
        if [TMPFS, RAMFS].contains(&(kind as u64 & 0xFFFF_FFFF)) {
            return Err(Error::Refused(format!(
                "{} is in memory: nothing there is durable; give --dir on a disk",
                dir.display()
            )));
        }
        let mut times = system("syncing", sync_times(dir))?;
        times.sort_unstable();
        Ok(Self {
            dir: dir.into(),
            median: times[times.len() / 2],
            worst: times[times.len() - 1],
        })
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dir, median, worst) = (self.dir.display(), self.median, self.worst);
        write!(
            f,
            "disk at {dir}: writing and syncing 4 KiB takes {median:.2?} (median of {SYNCS}), {worst:.2?} at worst"
        )
    }
}

fn sync_times(dir: &Path) -> std::io::Result<Vec<Duration>> {
    let path = dir.join("sync-time");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = Instant::now();
        file.rewind()?;
        file.write_all(&[0x55; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

const SYNCS: usize = 200;
/// Magic numbers of statfs(2).
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58F6;
