//! From +CMTI to the answer of a long poll.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use crate::client::Client;
use crate::dice::Dice;
use crate::rig::{Rig, Setup};
use crate::simulator::{Plan, Simulator};
use crate::watch::unix_us;
use crate::{Error, rig};

use super::{Figure, Measuring};

/// Texts come one by one; a client waits for each with `wait_s`.
pub(super) fn latency(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let setup = Setup {
        slots: MODEMS,
        reports: false,
        journal: false,
    };
    let mut rig = Rig::new(&scene.dir, &scene.programs, "fetch", setup)?;
    let plan = Plan {
        modems: MODEMS,
        latency: Duration::ZERO,
        record: "everything",
        sim_places: 50,
    };
    let mut simulator = Simulator::start(&scene.programs, &rig.modems(), &plan)?;
    let mut client = rig.start()?;
    let after = warm_up(&mut client, &mut simulator)?;
    let count = if scene.quick { 200 } else { 1000 };
    let reader = std::thread::spawn(move || read(client, after, count));
    let mut dice = Dice::new(1);
    for nth in 0..count {
        simulator.text(nth % MODEMS, &format!("text {nth:05}"))?;
        std::thread::sleep(Duration::from_micros(dice.roll(8_000, 25_000)));
    }
    let seen = reader
        .join()
        .map_err(|_| Error::Refused("the reader failed".into()))??;
    let mut delays = delays(&mut simulator, &seen)?;
    delays.sort_unstable();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let (p50, p99) = (at(0.5), at(0.99));
    Ok(Figure {
        measured: format!("{p50:.2} / {p99:.2} ms ({} texts)", delays.len()),
        reached: p50 <= 2.0 && p99 <= 10.0,
    })
}

/// Waits until each modem has passed a text on, and gives the cursor behind them.
fn warm_up(client: &mut Client, simulator: &mut Simulator) -> Result<i64, Error> {
    for modem in 0..MODEMS {
        simulator.text(modem, "warm up")?;
    }
    let mut seen = 0;
    let mut after = 0;
    rig::until(Duration::from_secs(30), || {
        let page = client.call("sms.fetch", json!({"after": after, "wait_s": 1}))?;
        seen += page["messages"].as_array().map_or(0, Vec::len);
        after = page["next"].as_i64().unwrap_or(after);
        Ok(seen >= MODEMS)
    })?;
    if seen < MODEMS {
        Err(Error::Refused(format!("only {seen} of {MODEMS} modems receive")))
    } else {
        Ok(after)
    }
}

/// When each text was seen, by text.
fn read(mut client: Client, mut after: i64, count: usize) -> Result<HashMap<String, u64>, Error> {
    let mut seen = HashMap::new();
    while seen.len() < count {
        let page = client.call("sms.fetch", json!({"after": after, "wait_s": 20}))?;
        let now = unix_us();
        after = page["next"].as_i64().unwrap_or(after);
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            return Err(Error::Refused(format!(
                "nothing for 20 s after {} of {count} texts",
                seen.len()
            )));
        }
        seen.extend(
            messages
                .iter()
                .filter_map(|message| Some((message["text"].as_str()?.to_owned(), now))),
        );
    }
    Ok(seen)
}

/// From the announcement of each text to its sight, in microseconds.
fn delays(simulator: &mut Simulator, seen: &HashMap<String, u64>) -> Result<Vec<u64>, Error> {
    let arrived = simulator.arrived()?;
    let texts = arrived
        .iter()
        .filter_map(|arrived| Some((arrived.text.as_deref()?, arrived.announced_us)));
    Ok(texts
        .filter_map(|(text, announced)| Some(seen.get(text)?.saturating_sub(announced)))
        .collect())
}

const MODEMS: usize = 4;
