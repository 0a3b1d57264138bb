//! Tells when it is worth looking for ports again: when something appeared or vanished in a folder where ports are, and every
//! few seconds anyway.
//!
//! The kernel's inotify is asked directly, and only about entries that come, go or change their permissions: a watch that
//! also wakes for writes (as the `notify` crate's does) would wake for every octet that goes to a port in the folder.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

use crate::{Config, glob};

/// The watched folders.
#[derive(Debug)]
pub(crate) struct Plugs {
    /// Nothing where the system cannot watch; then only the clock tells.
    watch: Option<AsyncFd<Watch>>,
    /// The next look.
    next: Instant,
    rescan: Duration,
}

#[derive(Debug)]
struct Watch(Inotify);

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Plugs {
    /// Watches where the settings say that ports appear.
    pub(crate) fn new(config: &Config) -> Self {
        let mut plugs = Self {
            watch: None,
            next: Instant::now(),
            rescan: config.rescan(),
        };
        plugs.watch(config);
        plugs
    }

    /// Watches the folders of these settings, from scratch: one that was removed and made again is another folder. One
    /// that is not there yet is waited for in the next one above.
    pub(crate) fn watch(&mut self, config: &Config) {
        self.rescan = config.rescan();
        let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map_err(std::io::Error::from);
        let watch = watch.and_then(|watch| {
            for folder in folders(config).iter().filter_map(|folder| existing(folder)) {
                // A folder that is gone since is found by the next look.
                let _gone = watch.add_watch(&folder, entries());
            }
            listen(watch)
        });
        self.watch = watch
            .inspect_err(|error| tracing::warn!(%error, "folders cannot be watched"))
            .ok();
    }

    /// Waits until it is worth looking again. May be dropped and called again.
    pub(crate) async fn changed(&mut self) {
        loop {
            tokio::select! {
                () = told(self.watch.as_ref()) => {
                    // A stick brings several ports, one after the other: they are looked at together.
                    self.next = self.next.min(Instant::now() + SETTLE);
                }
                () = sleep_until(self.next) => break,
            }
        }
        self.next = Instant::now() + self.rescan;
    }
}

#[expect(
    deprecated,
    reason = "the function that follows it is unsafe, which this tree forbids; what makes this one unsound, a descriptor \
              that changes, cannot be here: the watch owns its one descriptor until it is dropped"
)]
fn listen(watch: Inotify) -> std::io::Result<AsyncFd<Watch>> {
    AsyncFd::new(Watch(watch))
}

/// Waits for a note of the kernel and takes all that wait.
async fn told(watch: Option<&AsyncFd<Watch>>) {
    let Some(watch) = watch else {
        return std::future::pending().await;
    };
    loop {
        let Ok(mut ready) = watch.readable().await else {
            return std::future::pending().await;
        };
        match watch.get_ref().0.read_events() {
            Ok(events) if !events.is_empty() => return,
            _ => ready.clear_ready(),
        }
    }
}

fn entries() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_ONLYDIR
}

/// The folders where ports may appear.
fn folders(config: &Config) -> Vec<PathBuf> {
    let slots = config.slots.values();
    let patterns = config
        .globs
        .iter()
        .chain(slots.clone().filter_map(|slot| slot.glob.as_ref()));
    let ports = slots.filter_map(|slot| Some(slot.port.as_ref()?.parent()?.to_path_buf()));
    let patterns = patterns.map(|pattern| glob::fixed_folder(pattern));
    let mut folders: Vec<_> = config
        .directories
        .iter()
        .cloned()
        .chain(patterns)
        .chain(ports)
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

fn existing(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf)
}

/// How long after the first change the others are waited for.
const SETTLE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_appears_later_is_noticed_and_then_watched() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("serial/by-id");
        let config = Config {
            directories: vec![folder.clone()],
            rescan_s: 3600,
            ..Config::default()
        };
        let mut plugs = Plugs::new(&config);
        plugs.changed().await;
        for path in [home.path().join("serial"), folder.clone(), folder.join("port")] {
            std::fs::create_dir(&path).unwrap();
            let told = tokio::time::timeout(Duration::from_secs(10), plugs.changed());
            told.await
                .unwrap_or_else(|_| panic!("{} was not noticed", path.display()));
            plugs.watch(&config);
        }
    }

    #[tokio::test]
    async fn writing_to_a_port_wakes_nobody() {
        let home = tempfile::tempdir().unwrap();
        let port = home.path().join("port");
        std::fs::write(&port, "").unwrap();
        let config = Config {
            directories: vec![home.path().into()],
            rescan_s: 3600,
            ..Config::default()
        };
        let mut plugs = Plugs::new(&config);
        plugs.changed().await;
        std::fs::write(&port, "AT\r").unwrap();
        let told = tokio::time::timeout(Duration::from_millis(300), plugs.changed());
        assert!(told.await.is_err());
    }
}
