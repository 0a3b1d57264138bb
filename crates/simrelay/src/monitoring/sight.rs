//! What a plugin sees of a gateway: the API's answers about its one snapshot.

use api::{Health, Stats};
use message::{Finding, SlotSnapshot, SlotState};
use serde_json::json;

use crate::client::Client;
use crate::failure::Failure;

/// A gateway as its API tells it.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) health: Health,
    pub(crate) slots: Vec<SlotSnapshot>,
    /// None where the token may not see it.
    pub(crate) stats: Option<Stats>,
}

impl Sight {
    /// Asks for all of it.
    ///
    /// # Errors
    /// There is no answer, or the token lacks the scope `health`.
    pub(crate) async fn of(client: &Client) -> Result<Self, Failure> {
        let health = client.call("health", json!({})).await?;
        let slots = client.call("modems.list", json!({})).await?;
        let stats = match client.call("stats", json!({})).await {
            Ok(stats) => Some(stats),
            Err(Failure::Unauthorised(_)) => None,
            Err(failure) => return Err(failure),
        };
        Ok(Self { health, slots, stats })
    }

    /// The slot of this name, or whose SIM has this number.
    pub(crate) fn slot(&self, name: &str) -> Result<&SlotSnapshot, Failure> {
        let by_name = self.slots.iter().find(|slot| slot.slot.as_str() == name);
        let has_number = |slot: &&SlotSnapshot| slot.number.as_ref().is_some_and(|number| number.to_string() == name);
        let found = by_name.or_else(|| self.slots.iter().find(has_number));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.slots.iter().map(|slot| slot.slot.as_str()).collect();
            Failure::Usage(format!("there is no modem {name}; there are {}", known.join(", ")))
        })
    }

    /// The slots that are to be used.
    pub(crate) fn used(&self) -> impl Iterator<Item = &SlotSnapshot> {
        let used = |slot: &&SlotSnapshot| slot.state != SlotState::Disabled;
        self.slots.iter().filter(used)
    }

    /// What is wrong, with one slot or with anything.
    pub(crate) fn findings<'a>(&'a self, slot: Option<&'a SlotSnapshot>) -> impl Iterator<Item = &'a Finding> {
        let about = move |finding: &&Finding| slot.is_none_or(|slot| finding.subject == slot.slot.as_str());
        self.health.findings.iter().filter(about)
    }
}

/// How full a slot's fullest memory is, in hundredths.
pub(crate) fn storage(slot: &SlotSnapshot) -> Option<f64> {
    let full = |used: u16, total: u16| (total > 0).then(|| (f64::from(used) * 100.0 / f64::from(total)).round());
    let uses = slot.storage.iter().filter_map(|memory| full(memory.used, memory.total));
    uses.reduce(f64::max)
}
