//! The machine around the gateway: clock, disk, and programs that want the same modems.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use message::DiskFacts;
use nix::sys::statvfs::statvfs;

use super::check::Check;

/// Looks at the clock.
pub(super) fn clock() -> Check {
    judge_clock(Timestamp::now(), synchronized())
}

/// Looks at the disk that a folder lies on, or will lie on.
pub(super) fn disk(folder: &Path) -> Check {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    match statvfs(there) {
        Ok(disk) => {
            let block = disk.fragment_size();
            judge_disk(DiskFacts {
                free: disk.blocks_available() * block,
                size: disk.blocks() * block,
            })
        }
        Err(error) => Check::critical(
            DISK,
            format!("{} tells nothing of its disk: {}", there.display(), error.desc()),
            "see whether it is mounted, and whether this user may look at it",
        ),
    }
}

/// Looks for ModemManager, which takes modems away and talks into their dialogues.
pub(super) fn modem_manager(processes: &Path) -> Check {
    match runs(processes, "ModemManager") {
        false => Check::ok(MODEM_MANAGER, "it does not run"),
        true => Check::warning(
            MODEM_MANAGER,
            "it runs, and opens every modem it finds",
            "systemctl disable --now ModemManager, or let it ignore these modems: see docs/operate.md",
        ),
    }
}

/// The ids of all processes, as `/proc` lists them.
pub(super) fn process_ids(processes: &Path) -> Vec<u32> {
    let entries = fs::read_dir(processes).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// What a process calls itself.
pub(super) fn process_name(processes: &Path, id: u32) -> Option<String> {
    let name = fs::read_to_string(processes.join(id.to_string()).join("comm")).ok()?;
    Some(name.trim().to_owned())
}

fn runs(processes: &Path, name: &str) -> bool {
    let ids = process_ids(processes).into_iter();
    ids.filter_map(|id| process_name(processes, id))
        .any(|found| found == name)
}

fn judge_clock(now: Timestamp, synchronized: Option<bool>) -> Check {
    if now < BUILT {
        let sentence = format!("it says {now}, which is before this program was made");
        return Check::critical(
            CLOCK,
            sentence,
            "set it, and let it be kept by NTP: timedatectl set-ntp true",
        );
    }
    match synchronized {
        Some(false) => Check::warning(
            CLOCK,
            "it is not synchronised yet",
            "let it be kept by NTP: timedatectl set-ntp true",
        ),
        Some(true) => Check::ok(CLOCK, "synchronised"),
        None => Check::ok(CLOCK, "plausible"),
    }
}

/// Whether systemd's time service has synchronised the clock; nothing where it does not run.
fn synchronized() -> Option<bool> {
    let folder = Path::new("/run/systemd/timesync");
    folder.is_dir().then(|| folder.join("synchronized").exists())
}

/// What is wrong with it is told as health does.
fn judge_disk(disk: DiskFacts) -> Check {
    let well = || {
        let sentence = format!("{} MB free of {} MB", disk.free_megabytes(), disk.megabytes());
        Check::ok(DISK, sentence)
    };
    disk.complaint()
        .map_or_else(well, |complaint| Check::of(DISK, complaint))
}

const CLOCK: &str = "clock";
const DISK: &str = "disk";
const MODEM_MANAGER: &str = "ModemManager";

/// No clock that is right shows an earlier time: 2026-11-01.
const BUILT: Timestamp = Timestamp::constant(1_793_491_200, 0);

#[cfg(test)]
mod tests {
    use message::Level;

    use super::*;

    #[test]
    fn a_clock_from_before_the_program_is_wrong() {
        assert_eq!(judge_clock(Timestamp::UNIX_EPOCH, Some(true)).level, Level::Critical);
        assert_eq!(judge_clock(BUILT, Some(false)).level, Level::Warning);
        assert_eq!(judge_clock(BUILT, None).level, Level::Ok);
        assert_eq!(BUILT.to_string(), "2026-11-01T00:00:00Z");
    }

    #[test]
    fn a_full_disk_is_told_before_it_is_full() {
        let level = |free| judge_disk(DiskFacts { free, size: 1 << 40 }).level;
        assert_eq!(level(DiskFacts::CRITICAL_FREE - 1), Level::Critical);
        assert_eq!(level(DiskFacts::WARNING_FREE - 1), Level::Warning);
        assert_eq!(level(DiskFacts::WARNING_FREE), Level::Ok);
        let later = disk(Path::new("/nonexistent/data")).sentence;
        assert!(later.contains("MB free of"), "{later}");
        assert!(disk(Path::new("/")).sentence.contains("MB free of"));
    }

    #[test]
    fn modem_manager_is_found_by_its_name() {
        let processes = tempfile::tempdir().unwrap();
        assert_eq!(modem_manager(processes.path()).level, Level::Ok);
        fs::create_dir(processes.path().join("4711")).unwrap();
        fs::write(processes.path().join("4711/comm"), "ModemManager\n").unwrap();
        assert_eq!(modem_manager(processes.path()).level, Level::Warning);
    }
}
