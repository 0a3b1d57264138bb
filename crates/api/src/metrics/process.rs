//! What the system says of this process, under the names that every client library has for it.

use std::fs;
use std::time::Duration;

/// The process. A field is none where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Process {
    pub(super) cpu: Option<Duration>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl Process {
    /// Asks the system; none where it tells nothing at all, as without `/proc`.
    pub(super) fn read() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let open = fs::read_dir("/proc/self/fd").ok();
        Some(Self {
            cpu: cpu(&stat),
            resident_bytes: kibibytes(&status, "VmRSS:"),
            virtual_bytes: kibibytes(&status, "VmSize:"),
            // The folder itself is open while it is looked at.
            open_files: open.map(|entries| (entries.count() as u64).saturating_sub(1)),
            most_files: most_files(&limits),
            threads: word(&status, "Threads:").and_then(|count| count.parse().ok()),
        })
    }
}

/// The word behind a key.
fn word<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let count: u64 = word(status, key)?.parse().ok()?;
    count.checked_mul(1024)
}

/// Time in user and system mode, fields 14 and 15 of proc(5), in ticks. The name, field 2, may hold blanks and brackets.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = user.checked_add(system)?;
    Some(Duration::from_millis(ticks.checked_mul(1000 / TICKS_PER_SECOND)?))
}

fn most_files(limits: &str) -> Option<u64> {
    word(limits, "Max open files")?.parse().ok()
}

/// USER_HZ, which is 100 on every architecture that Linux shows to programs today.
const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_proc_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 12345 1000 200";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(
            kibibytes("Name:\tx\nVmRSS:\t    25000 kB\n", "VmRSS:"),
            Some(25_600_000)
        );
        let limits = "Limit   Soft   Hard   Units\nMax open files            1024    4096   files\n";
        assert_eq!(most_files(limits), Some(1024));
        for nonsense in ["", ") ", "7 (a) S", "VmRSS:", "Max open files unlimited"] {
            assert_eq!(
                (cpu(nonsense), kibibytes(nonsense, "VmRSS:"), most_files(nonsense)),
                (None, None, None)
            );
        }
    }

    #[test]
    fn this_process_is_found() {
        let process = Process::read().expect("Linux");
        assert!(process.resident_bytes > Some(100_000) && process.open_files > Some(1) && process.threads >= Some(1));
        assert!(process.open_files < process.most_files && process.cpu.is_some());
    }
}
