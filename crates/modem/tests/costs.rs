//! What a modem costs in memory, and (asked for with `--ignored --nocapture`) what a message costs in time.

mod bench;

use std::time::{Duration, Instant};

use bench::{Answers, Bench, Partner, part};
use message::SlotState;
use modem::{Config, Job, Output};

/// Resident memory of this process in octets, where the system tells it.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[test]
fn a_modem_that_is_set_up_and_has_sent_takes_less_than_20_kilobytes() {
    let Some(before) = resident() else {
        println!("skipped: this system does not tell resident memory");
        return;
    };
    const MODEMS: usize = 1_000;
    let mut modems = Vec::with_capacity(MODEMS);
    for _ in 0..MODEMS {
        let mut bench = Bench::new(Config::default(), Partner::new());
        bench.until_state(SlotState::Ready);
        bench.run(Duration::from_secs(2));
        bench.send(1);
        bench.wait_settled();
        modems.push(bench.modem);
    }
    let each = resident().unwrap_or(before).saturating_sub(before) / MODEMS;
    println!("{each} octets a modem");
    assert!(each <= 20_000, "{each} octets a modem");
}

#[test]
#[ignore = "prints a figure"]
fn what_a_message_costs() {
    let mut bench = Bench::new(Config::default(), Partner::new());
    bench.until_state(SlotState::Ready);
    bench.run(Duration::from_secs(2));
    let (mut modem, mut partner, now) = (bench.modem, bench.partner, bench.now);
    const MESSAGES: u32 = 100_000;
    let mut spent = Duration::ZERO;
    for ticket in 0..u64::from(MESSAGES) {
        let send = part(ticket);
        let mut line: Vec<Vec<u8>> = Vec::new();
        let begun = Instant::now();
        modem.submit(Job::Send(send), now).unwrap();
        spent += begun.elapsed();
        loop {
            let begun = Instant::now();
            let output = modem.poll();
            spent += begun.elapsed();
            if let Some(Output::Write(octets)) = output {
                line.extend(partner.take(&octets).into_iter().map(|(_, answer)| answer));
                continue;
            }
            if output.is_some() {
                continue;
            }
            let Some(octets) = line.pop() else { break };
            let begun = Instant::now();
            modem.receive(&octets, now);
            spent += begun.elapsed();
        }
        partner.sent.clear();
    }
    println!("{:?} a message, the clock's own cost included", spent / MESSAGES);
    assert_eq!(modem.facts().counters.sent, u64::from(MESSAGES));
}
