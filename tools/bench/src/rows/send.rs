//! Calls of `sms.send`: durable when answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Error;
use crate::rig::{Rig, Setup, recipient};

use super::{Figure, Measuring};

/// Eight clients send one call after another; no modem takes the processor's time.
pub(super) fn calls(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let setup = Setup {
        slots: 1,
        reports: false,
        journal: false,
    };
    let mut rig = Rig::new(&scene.dir, &scene.programs, "send", setup)?;
    rig.start()?;
    let seconds = Duration::from_secs(if scene.quick { 3 } else { 10 });
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let counts = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let (rig, stop) = (&rig, &stop);
                    move || client_calls(rig, client, stop)
                })
            })
            .collect();
        std::thread::sleep(seconds);
        stop.store(true, Ordering::Relaxed);
        let ended = clients.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(Error::Refused("a client failed".into())))
        });
        ended.collect::<Result<Vec<_>, _>>()
    })?;
    let rate = counts.iter().sum::<usize>() as f64 / start.elapsed().as_secs_f64();
    Ok(Figure {
        measured: format!("{rate:.0} calls/s"),
        reached: rate >= 4000.0,
    })
}

fn client_calls(rig: &Rig, client: usize, stop: &AtomicBool) -> Result<usize, Error> {
    let mut connection = rig.door.open()?;
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let text = format!("call {count} of client {client}");
        connection.call(
            "sms.send",
            json!({"to": recipient(count * CLIENTS + client), "text": text}),
        )?;
        count += 1;
    }
    Ok(count)
}

const CLIENTS: usize = 8;
