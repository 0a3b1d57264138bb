//! kill -9, again and again: what is lost, what is doubled.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Error;
use crate::client::Client;
use crate::dice::Dice;
use crate::rig::{Rig, Setup, is_settled, until};
use crate::simulator::{Plan, Simulator};

use super::{Figure, Measuring};

/// 200 messages, and 20 kills spread over their sending.
pub(super) fn sends(measuring: &Measuring<'_>, journal: bool) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let (kills, messages) = scale(scene.quick);
    let name = if journal { "kill-sends-journal" } else { "kill-sends" };
    let mut rig = Rig::new(
        &scene.dir,
        &scene.programs,
        name,
        Setup {
            slots: MODEMS,
            reports: scene.reports,
            journal,
        },
    )?;
    let mut simulator = Simulator::start(&scene.programs, &rig.modems(), &plan())?;
    let texts: Vec<String> = (0..messages).map(|at| format!("killed {at:04}")).collect();
    let mut dice = Dice::new(if journal { 2 } else { 3 });
    rig.start()?;
    let ids = rig.fill(&texts)?;
    for kill in 1..=kills {
        // The kills fall evenly between the first message and the last, each at a moment of chance.
        let aim = (messages * kill / (kills + 1)) as u64;
        until(LIFE, || Ok(simulator.stats()?.sent >= aim))?;
        std::thread::sleep(Duration::from_micros(dice.roll(0, 40_000)));
        rig.kill();
        rig.start()?;
    }
    let mut client = rig.door.open()?;
    let unsettled = settle(&mut client, &ids)?;
    let mut seen: HashMap<String, usize> = HashMap::new();
    for sent in simulator.sent()? {
        *seen.entry(sent.text.unwrap_or_default()).or_default() += 1;
    }
    let lost = texts.iter().filter(|text| !seen.contains_key(*text)).count();
    let (mut doubled, mut unmarked) = (0, 0);
    for (text, id) in texts
        .iter()
        .zip(&ids)
        .filter(|(text, _)| seen.get(*text).is_some_and(|count| *count > 1))
    {
        doubled += 1;
        let status = client.call("sms.status", json!({"id": id}))?;
        let marked = status["maybe_twice"].as_bool().unwrap_or(false);
        unmarked += usize::from(!marked);
        if !marked {
            eprintln!("doubled and not marked: {text}");
        }
    }
    let measured =
        format!("{kills} kills: {lost} lost, {doubled} doubled, {unmarked} of them unmarked, {unsettled} unsettled");
    let allowed = if journal { doubled == 0 } else { unmarked == 0 };
    Ok(Figure {
        measured,
        reached: lost == 0 && allowed && unsettled == 0,
    })
}

/// 200 texts, and 20 kills spread over their coming.
pub(super) fn receives(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let (kills, messages) = scale(scene.quick);
    let setup = Setup {
        slots: MODEMS,
        reports: false,
        journal: false,
    };
    let mut rig = Rig::new(&scene.dir, &scene.programs, "kill-receives", setup)?;
    let mut simulator = Simulator::start(&scene.programs, &rig.modems(), &plan())?;
    let mut dice = Dice::new(4);
    rig.start()?;
    let mut texts = Vec::with_capacity(messages);
    for _ in 0..kills {
        for _ in 0..messages / kills {
            let text = format!("killed {:04}", texts.len());
            simulator.text(texts.len() % MODEMS, &text)?;
            texts.push(text);
            std::thread::sleep(Duration::from_micros(dice.roll(0, 120_000)));
        }
        rig.kill();
        rig.start()?;
    }
    let mut client = rig.door.open()?;
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut after = 0;
    // A last look after all have come finds what comes twice.
    let mut last_look = None;
    until(SETTLING, || {
        let page = client.call("sms.fetch", json!({"after": after, "limit": 100, "wait_s": 1}))?;
        after = page["next"].as_i64().unwrap_or(after);
        for message in page["messages"].as_array().into_iter().flatten() {
            *seen
                .entry(message["text"].as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        if last_look.is_none() && seen.len() >= texts.len() {
            last_look = Some(Instant::now() + AFTERMATH);
        }
        Ok(last_look.is_some_and(|end| Instant::now() > end))
    })?;
    let lost = texts.iter().filter(|text| !seen.contains_key(*text)).count();
    let doubled = texts
        .iter()
        .filter(|text| seen.get(*text).is_some_and(|count| *count > 1))
        .count();
    let measured = format!("{kills} kills: {lost} lost, {doubled} doubled");
    Ok(Figure {
        measured,
        reached: lost == 0 && doubled == 0,
    })
}

/// Waits until every message has come to its end, and says how many have not.
fn settle(client: &mut Client, ids: &[String]) -> Result<usize, Error> {
    let mut open: Vec<&String> = ids.iter().collect();
    until(SETTLING, || {
        let mut still = Vec::new();
        for id in &open {
            let status = client.call("sms.status", json!({"id": id}))?;
            if !is_settled(&status) {
                still.push(*id);
            }
        }
        open = still;
        std::thread::sleep(Duration::from_millis(200));
        Ok(open.is_empty())
    })?;
    Ok(open.len())
}

fn plan() -> Plan {
    Plan {
        modems: MODEMS,
        latency: Duration::from_millis(30),
        record: "everything",
        sim_places: 200,
    }
}

/// How many kills in how many messages.
fn scale(quick: bool) -> (usize, usize) {
    if quick { (5, 50) } else { (20, 200) }
}

const MODEMS: usize = 4;
/// The longest that a life lasts if its messages do not go out.
const LIFE: Duration = Duration::from_secs(20);
/// The longest wait for the end.
const SETTLING: Duration = Duration::from_secs(90);
const AFTERMATH: Duration = Duration::from_secs(3);
