//! A queue filled beforehand is drained by N modems: throughput, processor time, memory.

use std::time::Duration;

use crate::Error;
use crate::rig::{Rig, Setup, until};
use crate::simulator::{Plan, Simulator};
use crate::watch::{Memory, Watch};

use super::{Figure, Measuring, bare};

/// A run: how many modems, and their latency in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Load {
    modems: usize,
    latency_ms: u64,
}

/// What a run showed. The rates are of the middle half of the messages: modems that are still being set up, and the last ones, are
/// not what is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    /// Messages per second.
    rate: f64,
    /// Mean time from Ctrl-Z to +CMGS as the simulator stamped it, in seconds.
    latency: f64,
    /// Processor time of the gateway for a thousand messages, in seconds.
    processor: f64,
    memory: Memory,
}

/// Throughput as a share of N/latency.
pub(super) fn share(measuring: &Measuring<'_>, modems: usize, reach: f64) -> Result<Figure, Error> {
    let load = Load { modems, latency_ms: 50 };
    let drained = measuring.drained(load)?;
    let possible = modems as f64 / drained.latency;
    let share = drained.rate / possible;
    let bare = Window::of(bare::send(measuring.scene, modems, load.latency())?);
    let measured = format!(
        "{:.1} % ({:.1} of {possible:.1} msg/s at {:.2} ms); a bare sender {:.1} %",
        share * 100.0,
        drained.rate,
        drained.latency * 1000.0,
        bare.rate() / (modems as f64 / bare.latency_s()) * 100.0,
    );
    Ok(Figure {
        measured,
        reached: share >= reach,
    })
}

/// Throughput without latency.
pub(super) fn speed(measuring: &Measuring<'_>, modems: usize, reach: f64) -> Result<Figure, Error> {
    let drained = measuring.drained(Load { modems, latency_ms: 0 })?;
    let measured = format!("{:.0} msg/s", drained.rate);
    Ok(Figure {
        measured,
        reached: drained.rate >= reach,
    })
}

/// Processor time.
pub(super) fn processor(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let drained = measuring.drained(Load {
        modems: 16,
        latency_ms: 50,
    })?;
    Ok(Figure {
        measured: format!("{:.3} s", drained.processor),
        reached: drained.processor <= 0.2,
    })
}

/// Memory.
pub(super) fn memory(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let modems = 64;
    let drained = measuring.drained(Load { modems, latency_ms: 50 })?;
    let allowed = 20_000_000 + 100_000 * modems as u64;
    let [peak, own, files] =
        [drained.memory.peak, drained.memory.own, drained.memory.files].map(|octets| octets as f64 / 1e6);
    let measured = format!(
        "{peak:.1} MB of {:.1} MB (at the end {own:.1} of its own, {files:.1} of files)",
        allowed as f64 / 1e6
    );
    Ok(Figure {
        measured,
        reached: drained.memory.peak <= allowed,
    })
}

impl Measuring<'_> {
    /// A run, or what an earlier row measured in it.
    fn drained(&self, load: Load) -> Result<Drained, Error> {
        if let Some(drained) = self.drained.borrow().get(&load) {
            return Ok(*drained);
        }
        let drained = self.drain(load)?;
        self.drained.borrow_mut().insert(load, drained);
        Ok(drained)
    }

    fn drain(&self, load: Load) -> Result<Drained, Error> {
        let scene = self.scene;
        let setup = Setup {
            slots: load.modems,
            reports: scene.reports,
            journal: false,
        };
        let name = format!("drain-{}-{}", load.modems, load.latency_ms);
        let mut rig = Rig::new(&scene.dir, &scene.programs, &name, setup)?;
        let texts: Vec<String> = (0..load.messages(scene.quick))
            .map(|at| format!("message {at:06}"))
            .collect();
        rig.start()?;
        rig.fill(&texts)?;
        let watch = Watch::start(rig.pid());
        let plan = Plan {
            modems: load.modems,
            latency: load.latency(),
            record: "times",
            sim_places: 50,
        };
        let mut simulator = Simulator::start(&scene.programs, &rig.modems(), &plan)?;
        let limit = load.patience(texts.len());
        let all = until(limit, || Ok(simulator.stats()?.latency_count >= texts.len() as u64))?;
        let sent = simulator.stats()?.latency_count;
        if !all {
            return Err(Error::Refused(format!(
                "only {sent} of {} messages in {limit:.0?}",
                texts.len()
            )));
        }
        let memory = Memory::of(rig.pid()).ok_or_else(|| Error::Refused("the gateway is gone".into()))?;
        let window = Window::of(simulator.times()?);
        let used = watch.used(window.from_us, window.to_us).unwrap_or(0);
        Ok(Drained {
            rate: window.rate(),
            latency: window.latency_s(),
            processor: used as f64 / 1e6 / window.messages as f64 * 1000.0,
            memory,
        })
    }
}

impl Load {
    fn latency(self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// Enough messages for some seconds of what is to be reached.
    fn messages(self, quick: bool) -> usize {
        let seconds = if quick { 4 } else { 16 };
        let per_second = match self.latency_ms {
            0 => 1500 + 300 * self.modems,
            latency => self.modems * 1000 / usize::try_from(latency).unwrap_or(1),
        };
        per_second * seconds
    }

    /// Ten times as long as it should take, and time for the modems to be set up.
    fn patience(self, messages: usize) -> Duration {
        let per_second = self.messages(true) / 4;
        Duration::from_secs(30 + (messages / per_second.max(1) * 10) as u64)
    }
}

/// The middle half of the messages, in the order of their replies.
struct Window {
    from_us: u64,
    to_us: u64,
    messages: usize,
    /// Mean latency.
    latency_us: f64,
}

impl Window {
    fn of(mut times: Vec<(u64, u64)>) -> Self {
        times.retain(|(_, replied)| *replied > 0);
        times.sort_unstable_by_key(|(_, replied)| *replied);
        let (first, last) = (times.len() / 4, times.len() * 3 / 4);
        let middle = &times[first..last];
        let latencies = middle.iter().map(|(asked, replied)| replied - asked);
        Self {
            from_us: times[first].1,
            to_us: times[last].1,
            messages: middle.len(),
            latency_us: latencies.sum::<u64>() as f64 / middle.len().max(1) as f64,
        }
    }

    /// Messages per second.
    fn rate(&self) -> f64 {
        self.messages as f64 / ((self.to_us - self.from_us).max(1) as f64 / 1e6)
    }

    /// Mean latency in seconds.
    fn latency_s(&self) -> f64 {
        self.latency_us / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half_counts() {
        // A message each 10 ms with a latency of 4 ms; the ends are slower.
        let time = |at: u64| {
            if at < 20 {
                at * 100_000
            } else {
                2_000_000 + (at - 20) * 10_000
            }
        };
        let times = (0..100).map(|at| (time(at), time(at) + 4000)).collect();
        let window = Window::of(times);
        assert_eq!((window.messages, window.rate(), window.latency_us), (50, 100.0, 4000.0));
    }
}
