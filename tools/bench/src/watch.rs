//! What a process uses, from /proc.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds of Unix time.
pub(crate) fn unix_us() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(unix.as_micros()).unwrap_or(0)
}

/// Processor time of a process over time.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u64, u64)>>,
}

impl Watch {
    /// Looks at the process from now on, every 50 ms.
    pub(crate) fn start(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                samples.extend(processor_us(pid).map(|used| (unix_us(), used)));
                std::thread::sleep(PERIOD);
            }
            samples
        });
        Self { stop, thread }
    }

    /// The processor time used between two moments, in microseconds.
    pub(crate) fn used(self, from_us: u64, to_us: u64) -> Option<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let samples = self.thread.join().ok()?;
        Some(at(&samples, to_us)?.saturating_sub(at(&samples, from_us)?))
    }
}

/// Memory of a process, in octets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// The most it has held at once (`VmHWM`).
    pub(crate) peak: u64,
    /// What it holds of its own now (`RssAnon`).
    pub(crate) own: u64,
    /// What it holds of files now, the program's own code above all (`RssFile`).
    pub(crate) files: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let octets = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key))?;
            line.split_whitespace()
                .nth(1)?
                .parse::<u64>()
                .ok()
                .map(|kib| kib * 1024)
        };
        Some(Self {
            peak: octets("VmHWM:")?,
            own: octets("RssAnon:")?,
            files: octets("RssFile:")?,
        })
    }
}

/// How busy the machine is besides: processors, and the mean number of processes that wanted one in the last minute.
pub(crate) fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    format!("{processors} processors, load average {load} before the start (more than a little disturbs)")
}

/// User and system time of all threads, in microseconds (proc(5), fields 14 and 15 in ticks of 10 ms).
fn processor_us(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * 10_000)
}

/// The value at a moment, on the line between the samples around it.
fn at(samples: &[(u64, u64)], moment: u64) -> Option<u64> {
    let after = samples
        .iter()
        .position(|(time, _)| *time >= moment)
        .unwrap_or(samples.len().checked_sub(1)?);
    let (t1, v1) = samples[after];
    let (t0, v0) = samples[after.saturating_sub(1)];
    if t1 == t0 {
        return Some(v1);
    }
    let share = moment.clamp(t0, t1) - t0;
    Some(v0 + (v1 - v0) * share / (t1 - t0))
}

const PERIOD: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_samples_the_line_counts() {
        let samples = [(100, 0), (200, 50), (300, 60)];
        assert_eq!(
            [50, 150, 200, 250, 900].map(|moment| at(&samples, moment)),
            [0, 25, 50, 55, 60].map(Some)
        );
        assert_eq!(at(&[], 1), None);
    }

    #[test]
    fn our_own_process_has_used_something() {
        let pid = std::process::id();
        let memory = Memory::of(pid).unwrap();
        assert!(memory.peak > 1 << 20 && memory.own > 0 && memory.files > 0);
        assert!(processor_us(pid).is_some());
    }
}
