//! A long time passes in a short one.

mod bench;

use std::time::Duration;

use bench::{Bench, Partner, millis, secs};
use message::SlotState;
use modem::{Config, Timer};

fn idle(config: Config, days: u32) -> Bench<Partner> {
    let mut bench = Bench::new(config, Partner::new());
    bench.until_state(SlotState::Ready);
    for _ in 0..days {
        bench.run(Duration::from_secs(86_400));
        bench.written.clear();
    }
    let facts = bench.modem.facts();
    assert_eq!(facts.state, SlotState::Ready);
    assert_eq!(facts.counters.recoveries_total(), 0);
    assert_eq!(facts.counters.initialisations, 1);
    assert!(bench.now - bench.started >= Duration::from_secs(86_400) * days);
    bench
}

#[test]
fn an_idle_year_passes_without_trouble() {
    let mut config = Config::default();
    config.timers.set(Timer::Heartbeat, secs(3_600));
    config.timers.set(Timer::Refresh, secs(6 * 3_600));
    config.timers.set(Timer::Sweep, secs(6 * 3_600));
    idle(config, 365);
}

#[test]
fn an_idle_week_with_the_usual_upkeep_passes_without_trouble() {
    idle(Config::default(), 7);
}

#[test]
fn a_busy_day_ends_as_it_began() {
    let mut bench = Bench::new(Config::default(), Partner::new());
    bench.until_state(SlotState::Ready);
    for round in 0..3_000 {
        bench.send(round);
        bench.wait_settled();
        bench.run(millis(100));
        bench.written.clear();
        bench.events.clear();
        bench.partner.sent.clear();
    }
    assert_eq!(bench.modem.facts().counters.sent, 3_000);
    assert_eq!(bench.modem.facts().counters.recoveries_total(), 0);
    bench.run(secs(600));
    assert_eq!(bench.modem.facts().state, SlotState::Ready);
}
