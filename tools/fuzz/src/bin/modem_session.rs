//! A modem that says anything at any time: the machine never panics, and what it wants written stays bounded.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use modem::{Config, Modem, Output};

fuzz_target!(|turns: Vec<(u16, Vec<u8>)>| {
    let mut now = Instant::now();
    let mut modem = Modem::new(Config::default(), now);
    for (pause, bytes) in turns {
        now += Duration::from_millis(u64::from(pause) * 10);
        modem.tick(now);
        modem.receive(&bytes, now);
        for _ in 0..1000 {
            match modem.poll() {
                Some(Output::Reopen { .. } | Output::Close { .. }) => modem.opened(now),
                Some(_) => {}
                None => break,
            }
        }
        assert!(modem.poll().is_none(), "a turn ends");
    }
});
