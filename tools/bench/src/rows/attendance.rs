//! Attendance: from the announcement of a request to its acknowledgement in the queue, and how many in a second.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Figure, Measuring, percentile};
use crate::client::Client;
use crate::dice::Dice;
use crate::rig::{Rig, Setup, until};
use crate::simulator::{Plan, Simulator};
use crate::watch::{Memory, unix_us};
use crate::{Error, rig};

/// First requests come one by one, each from another sender, and a client looks at the history until it is there, which
/// it is with its acknowledgement or not at all; then a crowd comes at once.
pub(super) fn requests(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let setup = Setup {
        slots: MODEMS,
        reports: false,
        journal: false,
    };
    let mut rig = Rig::new(&scene.dir, &scene.programs, "attendance", setup)?;
    let keys = rig.secret("attendance.keys", &format!("shared {KEY}\n"))?;
    rig.configure(&format!(
        "[attendance]\nkey_file = {keys:?}\nprojection = \"attendance.db\"\n"
    ))?;
    let plan = Plan {
        modems: MODEMS,
        latency: Duration::ZERO,
        record: "everything",
        sim_places: 50,
    };
    let mut simulator = Simulator::start(&scene.programs, &rig.modems(), &plan)?;
    let mut client = rig.start()?;
    let (count, crowd) = if scene.quick { (200, 6_000) } else { (1_000, 30_000) };
    let mut senders = 0..;
    warm_up(&mut client, &mut simulator, &mut senders)?;
    let mut delays = delays(&rig, &mut simulator, &mut senders, count)?;
    delays.sort_unstable();
    let p99 = percentile(&delays, 0.99) as f64 / 1000.0;
    let rate = rate(&mut client, &mut simulator, &mut senders, crowd)?;
    let memory = Memory::of(rig.pid()).map_or(u64::MAX, |memory| memory.peak);
    Ok(Figure {
        measured: format!(
            "p50 {:.2}, p99 {p99:.2} ms ({count} requests); {rate:.0}/s ({crowd}); {:.1} MB",
            percentile(&delays, 0.5) as f64 / 1000.0,
            memory as f64 / 1e6
        ),
        reached: p99 <= 10.0 && rate >= 2_000.0 && memory <= 64_000_000,
    })
}

/// Waits until each modem has passed a request on.
fn warm_up(
    client: &mut Client,
    simulator: &mut Simulator,
    senders: &mut impl Iterator<Item = usize>,
) -> Result<(), Error> {
    simulator.texts(crowd(senders, MODEMS))?;
    let mut seen = 0;
    rig::until(PATIENCE, || {
        let page = client.call("attendance.history", json!({"after": 0, "limit": 1000}))?;
        seen = page["events"].as_array().map_or(0, Vec::len);
        Ok(seen >= MODEMS)
    })?;
    match seen {
        MODEMS => Ok(()),
        _ => Err(Error::Refused(format!("only {seen} of {MODEMS} modems receive"))),
    }
}

/// From the announcement of each request to the sight of its acknowledgement, in microseconds.
fn delays(
    rig: &Rig,
    simulator: &mut Simulator,
    senders: &mut impl Iterator<Item = usize>,
    count: usize,
) -> Result<Vec<u64>, Error> {
    let mut client = rig.door.open()?;
    let page = client.call("attendance.history", json!({"limit": 1}))?;
    let after = page["next"].as_i64().unwrap_or(0);
    let reader = std::thread::spawn(move || watch(&mut client, after, count));
    let mut dice = Dice::new(1);
    let mut modem = 0;
    for (_, from, text) in crowd(senders, count) {
        simulator.texts([(modem, from, text)])?;
        modem = (modem + 1) % MODEMS;
        std::thread::sleep(Duration::from_micros(dice.roll(8_000, 25_000)));
    }
    let seen = reader
        .join()
        .map_err(|_| Error::Refused("the reader failed".into()))??;
    let arrived = simulator.arrived()?;
    let known = arrived.iter().filter_map(|one| {
        let seen = seen.get(&sender(&one.tpdu)?)?;
        Some(seen.saturating_sub(one.announced_us))
    });
    Ok(known.collect())
}

/// When each sender's acknowledgement was seen.
fn watch(client: &mut Client, mut after: i64, count: usize) -> Result<HashMap<String, u64>, Error> {
    let mut seen = HashMap::new();
    let mut last = Instant::now();
    while seen.len() < count {
        let page = client.call("attendance.history", json!({"after": after, "limit": 100}))?;
        let now = unix_us();
        let events = page["events"].as_array().cloned().unwrap_or_default();
        if events.is_empty() {
            if last.elapsed() > PATIENCE {
                return Err(Error::Refused(format!("nothing more after {} requests", seen.len())));
            }
            // The look costs the gateway a call: a thousand a second disturb less than they tell.
            std::thread::sleep(LOOK);
            continue;
        }
        last = Instant::now();
        after = page["next"].as_i64().unwrap_or(after);
        for event in &events {
            if event["verdict"] != "taken" || !event["answer"].is_string() {
                return Err(Error::Refused(format!("not acknowledged: {event}")));
            }
            seen.insert(event["number"].as_str().unwrap_or_default().to_owned(), now);
        }
    }
    Ok(seen)
}

/// Acknowledgements that were queued in a second, of the middle half of a crowd.
fn rate(
    client: &mut Client,
    simulator: &mut Simulator,
    senders: &mut impl Iterator<Item = usize>,
    count: usize,
) -> Result<f64, Error> {
    let accepted = |client: &mut Client| {
        let stats = client.call("stats", json!({}))?;
        Ok::<u64, Error>(stats["totals"]["accepted"].as_u64().unwrap_or(0))
    };
    let page = client.call("attendance.history", json!({"limit": 1}))?;
    let mut after = page["next"].as_i64().unwrap_or(0);
    let before = accepted(client)?;
    simulator.texts(crowd(senders, count))?;
    let all = until(PATIENCE, || Ok(accepted(client)? - before >= count as u64))?;
    if !all {
        let queued = accepted(client)? - before;
        return Err(Error::Refused(format!("only {queued} of {count} are acknowledged")));
    }
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let page = client.call("attendance.history", json!({"after": after, "limit": 1000}))?;
        after = page["next"].as_i64().unwrap_or(after);
        let events = page["events"].as_array().cloned().unwrap_or_default();
        if events.is_empty() {
            break;
        }
        times.extend(events.iter().filter_map(queued_ms));
    }
    times.sort_unstable();
    let (first, last) = (times.len() / 4, times.len() * 3 / 4);
    let took = times[last].saturating_sub(times[first]).max(1);
    Ok((last - first) as f64 * 1000.0 / took as f64)
}

/// When an acknowledgement was queued: its id begins with the milliseconds since 1970 (RFC 9562, 5.7).
fn queued_ms(event: &Value) -> Option<u64> {
    let id: String = event["answer"]
        .as_str()?
        .chars()
        .filter(|digit| *digit != '-')
        .collect();
    u64::from_str_radix(id.get(..12)?, 16).ok()
}

/// The sender of a DELIVER (TS 23.040 9.2.2.1) in hexadecimal; nothing of a report.
fn sender(tpdu: &str) -> Option<String> {
    let octet = |at: usize| u8::from_str_radix(tpdu.get(2 * at..2 * at + 2)?, 16).ok();
    if octet(0)? & 3 != 0 {
        return None;
    }
    let length = usize::from(octet(1)?);
    let swapped: String = (3..3 + length.div_ceil(2))
        .filter_map(|at| tpdu.get(2 * at..2 * at + 2))
        .flat_map(|pair| pair.chars().rev())
        .collect();
    Some(format!("+{}", swapped.get(..length)?))
}

/// Requests of so many employees, round the modems.
fn crowd(senders: &mut impl Iterator<Item = usize>, count: usize) -> Vec<(usize, String, String)> {
    let one = |sender: usize| (sender % MODEMS, format!("+98912{sender:07}"), REQUEST.to_owned());
    senders.take(count).map(one).collect()
}

const MODEMS: usize = 16;
/// The key of the known vectors, and the request "Arrival 08.00" under it.
const KEY: &str = "a7b2c3d4e5f6g789abcdef0123456789";
const REQUEST: &str = "$$kpG1avIYqIaaK49i5YE/KQ==$$";
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_stands_behind_its_length_and_type() {
        let deliver = "040C91892921010000000000";
        assert_eq!(sender(deliver).as_deref(), Some("+989212100000"));
        assert_eq!(sender("060C91892921010000"), None, "a report");
        assert_eq!(sender("04"), None);
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let event = json!({ "answer": "019aa5a8-7c00-7000-8000-000000000001" });
        assert_eq!(queued_ms(&event), Some(0x019a_a5a8_7c00));
        assert_eq!(queued_ms(&json!({})), None);
    }
}
