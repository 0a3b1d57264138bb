//! What a plugin sees of a gateway: the API's answers about its one snapshot.

use api::{Health, Stats};
use message::{DiskFacts, Finding, SlotSnapshot, SlotState, UpstreamSnapshot, UpstreamState};
use serde_json::json;

use crate::client::Client;
use crate::commands::upstreams;
use crate::failure::Failure;

/// A gateway as its API tells it.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) health: Health,
    pub(crate) slots: Vec<SlotSnapshot>,
    pub(crate) upstreams: Vec<UpstreamSnapshot>,
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
        let upstreams = upstreams::of(client).await?;
        let stats = match client.call("stats", json!({})).await {
            Ok(stats) => Some(stats),
            Err(Failure::Unauthorised(_) | Failure::LockedOut(_)) => None,
            Err(failure) => return Err(failure),
        };
        Ok(Self {
            health,
            slots,
            upstreams,
            stats,
        })
    }

    /// The slot of this name, or whose SIM has this number; or the upstream of this name.
    pub(crate) fn route(&self, name: &str) -> Result<Route<'_>, Failure> {
        let upstream = || {
            self.upstreams
                .iter()
                .find(|upstream| upstream.upstream.as_str() == name)
        };
        let found = self.find_slot(name).map(Route::Slot);
        let found = found.or_else(|| upstream().map(Route::Upstream));
        found.ok_or_else(|| {
            let upstreams = self.upstreams.iter().map(|upstream| upstream.upstream.as_str());
            unknown(name, self.slot_names().chain(upstreams))
        })
    }

    /// The slot of this name, or whose SIM has this number.
    pub(crate) fn slot(&self, name: &str) -> Result<&SlotSnapshot, Failure> {
        self.find_slot(name).ok_or_else(|| unknown(name, self.slot_names()))
    }

    fn find_slot(&self, name: &str) -> Option<&SlotSnapshot> {
        let by_name = self.slots.iter().find(|slot| slot.slot.as_str() == name);
        let has_number = |slot: &&SlotSnapshot| slot.number.as_ref().is_some_and(|number| number.to_string() == name);
        by_name.or_else(|| self.slots.iter().find(has_number))
    }

    fn slot_names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.slot.as_str())
    }

    /// The slots that are to be used.
    pub(crate) fn used(&self) -> impl Iterator<Item = &SlotSnapshot> {
        let used = |slot: &&SlotSnapshot| slot.state != SlotState::Disabled;
        self.slots.iter().filter(used)
    }

    /// The upstreams that are to be used.
    pub(crate) fn used_upstreams(&self) -> impl Iterator<Item = &UpstreamSnapshot> {
        let used = |upstream: &&UpstreamSnapshot| upstream.state != UpstreamState::Disabled;
        self.upstreams.iter().filter(used)
    }

    /// What is wrong, with one route or with anything.
    pub(crate) fn findings<'a>(&'a self, route: Option<Route<'a>>) -> impl Iterator<Item = &'a Finding> {
        let about = move |finding: &&Finding| route.is_none_or(|route| finding.subject == route.name());
        self.health.findings.iter().filter(about)
    }
}

/// One route, as it is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route<'a> {
    /// A slot with its SIM.
    Slot(&'a SlotSnapshot),
    /// An upstream.
    Upstream(&'a UpstreamSnapshot),
}

impl<'a> Route<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Slot(slot) => slot.slot.as_str(),
            Self::Upstream(upstream) => upstream.upstream.as_str(),
        }
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    Failure::Usage(format!("there is no modem {name}; there are {}", known.join(", ")))
}

/// How full a slot's fullest memory is, in hundredths.
pub(crate) fn storage(slot: &SlotSnapshot) -> Option<f64> {
    let full = |used: u16, total: u16| (total > 0).then(|| (f64::from(used) * 100.0 / f64::from(total)).round());
    let uses = slot.storage.iter().filter_map(|memory| full(memory.used, memory.total));
    uses.reduce(f64::max)
}

/// The ranges of what is left of the disk, in megabytes, outside of which health warns and is critical.
pub(crate) fn least_free() -> [String; 2] {
    [DiskFacts::WARNING_MEGABYTES, DiskFacts::CRITICAL_MEGABYTES].map(|least| format!("{least}:"))
}

#[cfg(test)]
mod tests {
    use message::Level;

    use super::*;
    use crate::monitoring::range::Range;

    #[test]
    fn the_disk_is_told_of_where_health_tells_of_it_and_nowhere_else() {
        let [warning, critical] = least_free().map(|range| range.parse::<Range>().unwrap());
        let (warns, kills) = (DiskFacts::WARNING_FREE, DiskFacts::CRITICAL_FREE);
        // Among them 9 % of a big disk, and half of a small one.
        for (free, size) in [
            (25_493_000_000, 270_553_000_000),
            (warns, 270_553_000_000),
            (warns - 1, 1_000_000_000),
            (kills, 1_000_000_000),
            (kills - 1, 1_000_000_000),
            (0, 1_000_000_000),
        ] {
            let disk = DiskFacts { free, size };
            let shown = disk.free_megabytes() as f64;
            let level = match (critical.tells(shown), warning.tells(shown)) {
                (true, _) => Level::Critical,
                (false, true) => Level::Warning,
                (false, false) => Level::Ok,
            };
            let health = disk.complaint().map_or(Level::Ok, |complaint| complaint.level);
            assert_eq!(level, health, "{disk:?}");
            // What Prometheus compares.
            let health_warns = (free < warns, free < kills);
            assert_eq!(health_warns, (level > Level::Ok, level == Level::Critical), "{disk:?}");
        }
    }
}
