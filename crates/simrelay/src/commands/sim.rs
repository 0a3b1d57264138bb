//! `simrelay sim`: what somebody does about a SIM.

use std::time::Duration;

use clap::Subcommand;
use message::{Lock, SlotSnapshot, SlotState};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::failure::Failure;
use crate::screen::{Screen, harmless};

/// Look after a SIM
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Let the gateway enter the configured PIN once more
    ///
    /// The gateway never tries a PIN twice by itself: three wrong ones block the card. Put the right PIN into the
    /// configuration first, let the gateway read it (simrelay reload), then unlock the slot. The command waits for what
    /// comes of it; the exit code is 1 where the SIM stays locked. A SIM with one try left is never tried: enter the PIN
    /// in a telephone.
    #[command(after_help = "Example:
  simrelay reload && simrelay sim unlock sim1")]
    Unlock {
        /// The slot that holds the SIM
        slot: String,

        /// Enter a PIN that this SIM has refused already: it takes one of its tries
        #[arg(long)]
        force: bool,
    },
}

/// Looks after a SIM.
pub(crate) async fn run(command: SimCommand, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let SimCommand::Unlock { slot, force } = command;
    let slots: Vec<SlotSnapshot> = client.call("modems.list", json!({})).await?;
    let before = slots.into_iter().find(|known| is_meant(&slot, known));
    // A gateway of another version need not know the word.
    let asked = match force {
        true => json!({ "sim": slot, "again": true }),
        false => json!({ "sim": slot }),
    };
    let result: Value = client.call("sim.unlock", asked).await?;
    let shown = harmless(&slot);
    let before = match before {
        Some(before) if before.state == SlotState::Locked => before,
        _ if screen.is_json() => return screen.value(&result),
        other => return screen.line(format!("{shown}: {}", what_is_released(other.as_ref()))),
    };
    let after = settled(client, &before).await?;
    if screen.is_json() {
        screen.value(&told(after.as_ref()))?;
    }
    match after {
        Some(after) if after.state == SlotState::Locked => Err(match screen.is_json() {
            true => Failure::Told(1),
            false => Failure::refused(format!("{shown}: still locked: {}", after.reason)),
        }),
        _ if screen.is_json() => Ok(()),
        Some(after) if after.lock == Lock::Open => screen.line(format!("{shown}: the SIM is open")),
        Some(after) => screen.line(format!("{shown}: {}", after.reason)),
        None => screen.line(format!("{shown}: it is still being set up; look with: simrelay modems")),
    }
}

fn is_meant(text: &str, slot: &SlotSnapshot) -> bool {
    slot.slot.as_str() == text || slot.number.as_ref().is_some_and(|number| number.to_string() == text)
}

/// What it means for a slot that was not locked.
fn what_is_released(before: Option<&SlotSnapshot>) -> &'static str {
    match before {
        Some(slot) if slot.state == SlotState::WrongSim => {
            "what is in it now is accepted, unless the settings name another; look with: simrelay modems"
        }
        Some(slot) if slot.lock == Lock::Open => "its SIM is open, so there was nothing to unlock",
        _ => "the PIN may be entered once more when its modem is set up; look with: simrelay modems",
    }
}

/// Waits until the slot is locked anew, or is not any more; `None` where that takes too long.
async fn settled(client: &Client, before: &SlotSnapshot) -> Result<Option<SlotSnapshot>, Failure> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let slots: Vec<SlotSnapshot> = client.call("modems.list", json!({})).await?;
        let found = slots.into_iter().find(|slot| slot.slot == before.slot);
        let is_over = |slot: &SlotSnapshot| slot.since > before.since && !BEING_SET_UP.contains(&slot.state);
        if let Some(slot) = found.filter(is_over) {
            return Ok(Some(slot));
        }
        sleep(PAUSE).await;
    }
    Ok(None)
}

fn told(after: Option<&SlotSnapshot>) -> Value {
    match after {
        Some(slot) => json!({ "done": slot.lock == Lock::Open, "state": slot.state, "reason": slot.reason }),
        None => json!({ "done": false, "state": SlotState::Starting, "reason": "it is still being set up" }),
    }
}

/// States that pass by themselves, on the way to where the SIM stands.
const BEING_SET_UP: [SlotState; 2] = [SlotState::Starting, SlotState::Recovering];

/// A SIM that starts takes half a minute, and one that was just unlocked some ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(300);
