//! A modem's line: a pseudo-terminal, and a symlink in the network's folder that names it.
//!
//! The simulator holds the slave open as well. So the master never gets EIO between two lives of the gateway, and TIOCEXCL,
//! which survives its holder on a pseudo-terminal, can be cleared for the next one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, inotify};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, ioctl_tiocnxcl, tcflush, tcgetattr, tcsetattr};

/// The simulator's side of a line.
#[derive(Debug)]
pub(crate) struct Port {
    master: OwnedFd,
    /// Held open; `None` only while it is looked whether someone else has it.
    slave: Option<OwnedFd>,
    device: PathBuf,
    link: PathBuf,
    /// The watch on the slave's opening and closing.
    pub(crate) watch: i32,
    /// Someone besides the simulator has the slave open.
    pub(crate) in_use: bool,
}

impl Port {
    /// A fresh pseudo-terminal in raw mode, with a symlink at `link` and a watch in `watcher`.
    pub(crate) fn open(link: &Path, watcher: BorrowedFd<'_>) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        let name = ptsname(&master, Vec::new())?;
        let device = PathBuf::from(name.to_string_lossy().into_owned());
        let slave = open_slave(&device)?;
        let mut settings = tcgetattr(&slave)?;
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        let watch = watch(&device, watcher)?;
        link_to(&device, link)?;
        Ok(Self {
            master,
            slave: Some(slave),
            device,
            link: link.into(),
            watch,
            in_use: false,
        })
    }

    pub(crate) fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    pub(crate) fn link(&self) -> &Path {
        &self.link
    }

    /// Reads what there is; 0 when there is nothing.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> usize {
        rustix::io::read(&self.master, buffer).unwrap_or(0)
    }

    /// Writes what the line takes now; `Ok(0)` when it is full.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.master, bytes) {
            Ok(written) => Ok(written),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The slave was closed by someone. If it was the last, what nobody read is thrown away, as a USB modem does, and exclusive
    /// use is lifted.
    pub(crate) fn closed_by_someone(&mut self, watcher: BorrowedFd<'_>) -> io::Result<()> {
        // The simulator's own closing and opening is not to be seen.
        inotify::remove_watch(watcher, self.watch)?;
        if let Some(slave) = &self.slave {
            ioctl_tiocnxcl(slave)?;
        }
        self.slave = None;
        let alone = self.hung_up();
        // Without the held slave nobody can clear exclusive use, so it comes back at once.
        let slave = open_slave(&self.device)?;
        if alone {
            self.in_use = false;
            tcflush(&slave, QueueSelector::IFlush)?;
        }
        self.slave = Some(slave);
        self.watch = watch(&self.device, watcher)?;
        Ok(())
    }

    /// Nobody has the slave open.
    fn hung_up(&self) -> bool {
        let mut polled = [PollFd::new(&self.master, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::HUP)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // Another line may bear the name by now.
        if std::fs::read_link(&self.link).is_ok_and(|target| target == self.device) {
            let _ = std::fs::remove_file(&self.link);
        }
    }
}

fn watch(device: &Path, watcher: BorrowedFd<'_>) -> io::Result<i32> {
    let flags = inotify::WatchFlags::OPEN | inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::CLOSE_NOWRITE;
    Ok(inotify::add_watch(watcher, device, flags)?)
}

fn open_slave(device: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(device, flags, Mode::empty())?)
}

/// Puts the symlink in place in one step, so that nobody sees half of it.
fn link_to(device: &Path, link: &Path) -> io::Result<()> {
    let mut fresh = link.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(device, &fresh)?;
    std::fs::rename(&fresh, link)
}
