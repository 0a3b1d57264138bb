//! Who gets which port: a pure function of what is there and what is known.
//!
//! The order is: a port that a slot names outright; a modem that was recognised; a port that a hint speaks of; a port that
//! only a pattern speaks of; and what is left is probed, as long as a slot looks for its modem. The interfaces of one modem
//! are one: when a slot has the first, nobody touches the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use message::RouteId;

use crate::SlotConfig;
use crate::hints::Hints;
use crate::port::Port;

/// Everything that decides.
pub(crate) struct Situation<'a> {
    pub(crate) slots: &'a BTreeMap<RouteId, SlotConfig>,
    pub(crate) ports: &'a BTreeMap<PathBuf, Port>,
    /// What is known of a port, by device.
    pub(crate) known: &'a BTreeMap<PathBuf, Knowledge>,
    /// Which slot has which device.
    pub(crate) seated: &'a BTreeMap<RouteId, PathBuf>,
    pub(crate) hints: &'a Hints,
    pub(crate) now: Instant,
}

/// What is known of a port that no slot has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Knowledge {
    /// Who answered there.
    pub(crate) who: Option<Who>,
    /// A slot left before it knew all of that, and another one may be looking for the rest: it is asked to the end.
    pub(crate) partly: bool,
    /// It is left alone until then.
    pub(crate) rests_until: Option<Instant>,
    /// How often it was given up in a row.
    pub(crate) failures: u32,
    /// Why it was given up last.
    pub(crate) reason: Option<String>,
    /// A probe runs there.
    pub(crate) probing: bool,
}

/// What a modem and its card say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) imei: Option<String>,
    pub(crate) iccid: Option<String>,
    pub(crate) imsi: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Move {
    /// Give the slot this device.
    Seat(RouteId, PathBuf),
    /// Ask who is there.
    Probe(PathBuf),
}

impl Who {
    /// Whether it contradicts nothing that a slot wants; what is not known contradicts nothing.
    pub(crate) fn may_be(&self, slot: &SlotConfig) -> bool {
        let agrees = |wanted: &Option<String>, found: &Option<String>| match (wanted, found) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        agrees(&slot.imei, &self.imei) && agrees(&slot.iccid, &self.iccid) && agrees(&slot.imsi, &self.imsi)
    }

    /// Whether the modem may be a slot's, whatever card is in it.
    pub(crate) fn modem_may_be(&self, slot: &SlotConfig) -> bool {
        let modem = Self {
            imei: self.imei.clone(),
            ..Self::default()
        };
        modem.may_be(slot)
    }

    /// Whether it has everything that a slot wants.
    pub(crate) fn is(&self, slot: &SlotConfig) -> bool {
        let has = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        slot.has_identity()
            && has(&slot.imei, &self.imei)
            && has(&slot.iccid, &self.iccid)
            && has(&slot.imsi, &self.imsi)
    }

    /// What is said of it to a slot that looks for another.
    pub(crate) fn stranger(&self) -> String {
        let marks = [("IMEI", &self.imei), ("ICCID", &self.iccid), ("IMSI", &self.imsi)];
        let known = marks
            .iter()
            .filter_map(|(name, mark)| Some(format!("{name} {}", mark.as_ref()?)));
        let known = known.collect::<Vec<_>>().join(", ");
        if known.is_empty() {
            return String::from("the modem there does not tell who it is");
        }
        format!("the modem there has {known} and is not this slot's")
    }
}

impl Knowledge {
    /// Whether who is there is what a slot looks for.
    pub(crate) fn claims(&self, slot: &SlotConfig) -> bool {
        self.who.as_ref().is_some_and(|who| who.is(slot))
    }
}

impl Situation<'_> {
    /// What is to be done now. The same slot or device never comes twice.
    pub(crate) fn plan(&self) -> Vec<Move> {
        let mut draft = Draft {
            situation: self,
            seats: BTreeMap::new(),
            taken: self.taken(),
        };
        draft.seat(|slot, port| slot.port.as_deref().is_some_and(|path| port.is_named(path)));
        draft.seat(|slot, port| self.who(port).is_some_and(|who| who.is(slot)));
        draft.seat(|slot, port| self.is_hinted(slot, port));
        draft.seat(|slot, port| !slot.has_identity() && slot.port.is_none() && !self.is_wanted_elsewhere(port));
        let probes = self.probes(&draft);
        let seats = draft.seats.into_iter().map(|(slot, device)| Move::Seat(slot, device));
        seats.chain(probes).collect()
    }

    /// Why a slot has no port, for people.
    pub(crate) fn absence(&self, slot: &SlotConfig) -> String {
        let fitting: Vec<_> = self.ports.values().filter(|port| suits(slot, port)).collect();
        let Some(first) = fitting.first() else {
            return match (&slot.port, &slot.glob) {
                (Some(port), _) => format!("there is no port {}", port.display()),
                (None, Some(glob)) => format!("no port matches {glob}"),
                (None, None) => String::from("no port is there"),
            };
        };
        let reason = |port: &Port| self.known.get(&port.device).and_then(|known| known.reason.clone());
        if let Some(why) = slot.port.as_ref().and_then(|_| reason(first)) {
            return format!("{}: {why}", first.name().display());
        }
        let told: Vec<_> = fitting
            .iter()
            .filter_map(|port| Some(format!("{}: {}", port.name().display(), reason(port)?)))
            .take(MOST_REASONS)
            .collect();
        let looked = format!("looked at {} ports, none is its modem's", fitting.len());
        if told.is_empty() {
            looked
        } else {
            format!("{looked} ({})", told.join("; "))
        }
    }

    fn who(&self, port: &Port) -> Option<&Who> {
        self.known.get(&port.device)?.who.as_ref()
    }

    fn is_hinted(&self, slot: &SlotConfig, port: &Port) -> bool {
        let hinted = slot.imei.as_deref().and_then(|imei| self.hints.port_of(imei));
        self.who(port).is_none() && hinted.is_some_and(|path| port.is_named(path))
    }

    /// Whether the modem at a port is known to be another slot's.
    fn is_wanted_elsewhere(&self, port: &Port) -> bool {
        self.who(port)
            .is_some_and(|who| self.slots.values().any(|slot| slot.enabled && who.is(slot)))
    }

    /// The devices that slots have, and the hardware behind them.
    fn taken(&self) -> Taken {
        let mut taken = Taken::default();
        for device in self.seated.values() {
            taken.add(device, self.ports.get(device));
        }
        taken
    }

    fn is_resting(&self, device: &Path) -> bool {
        let known = self.known.get(device);
        known.is_some_and(|known| known.probing || known.rests_until.is_some_and(|until| until > self.now))
    }

    /// Whether a slot may have the port. A modem that is known rests from further questions alone: a slot that takes any
    /// modem may have lost its port to another slot since.
    fn is_open(&self, device: &Path) -> bool {
        let known = self.known.get(device);
        !self.is_resting(device) || known.is_some_and(|known| known.who.is_some() && !known.probing)
    }

    /// The ports to probe: those that a slot without port may be looking for, one interface of a piece of hardware at a
    /// time.
    fn probes(&self, draft: &Draft<'_>) -> Vec<Move> {
        let looking: Vec<_> = self
            .slots
            .iter()
            .filter(|(name, slot)| draft.is_free(name, slot) && slot.has_identity())
            .map(|(_, slot)| slot)
            .collect();
        let mut running = self.known.values().filter(|known| known.probing).count();
        let mut asked = Taken::default();
        for (device, known) in self.known {
            // Who answered at one interface would answer at the others too.
            if known.probing || (known.who.is_some() && !known.partly) {
                asked.add(device, self.ports.get(device));
            }
        }
        let mut probes = Vec::new();
        for port in self.ports.values() {
            let suitable = looking.iter().any(|slot| suits(slot, port));
            let free = !draft.taken.has(port) && !asked.has(port) && !self.is_resting(&port.device);
            if running >= MOST_PROBES || !suitable || !free {
                continue;
            }
            running += 1;
            asked.add(&port.device, Some(port));
            probes.push(Move::Probe(port.device.clone()));
        }
        probes
    }
}

/// Whether a port has what a slot says about ports.
fn suits(slot: &SlotConfig, port: &Port) -> bool {
    slot.port.as_deref().is_none_or(|path| port.is_named(path))
        && slot.glob.as_deref().is_none_or(|pattern| port.fits(pattern))
}

/// Devices in use, and the hardware behind them.
#[derive(Debug, Default)]
struct Taken {
    devices: BTreeSet<PathBuf>,
    hardware: BTreeSet<String>,
}

impl Taken {
    fn add(&mut self, device: &Path, port: Option<&Port>) {
        self.devices.insert(device.to_path_buf());
        self.hardware.extend(port.and_then(|port| port.hardware.clone()));
    }

    fn has(&self, port: &Port) -> bool {
        self.devices.contains(&port.device) || port.hardware.as_ref().is_some_and(|key| self.hardware.contains(key))
    }
}

/// A plan in the making.
struct Draft<'a> {
    situation: &'a Situation<'a>,
    seats: BTreeMap<RouteId, PathBuf>,
    taken: Taken,
}

impl Draft<'_> {
    fn is_free(&self, name: &RouteId, slot: &SlotConfig) -> bool {
        slot.enabled && !self.situation.seated.contains_key(name) && !self.seats.contains_key(name)
    }

    /// Seats every free slot at the first port that is right for it; slots that ask for more go first.
    fn seat(&mut self, is_right: impl Fn(&SlotConfig, &Port) -> bool) {
        let situation = self.situation;
        let mut slots: Vec<_> = situation.slots.iter().collect();
        slots.sort_by_key(|(_, slot)| std::cmp::Reverse(marks(slot)));
        for (name, slot) in slots {
            if !self.is_free(name, slot) {
                continue;
            }
            let right = |port: &&Port| {
                let known = situation.who(port).is_none_or(|who| who.may_be(slot));
                let named = slot.port.is_some();
                let device_free = !self.taken.devices.contains(&port.device);
                // Who names an interface outright gets it.
                let free = if named { device_free } else { !self.taken.has(port) };
                suits(slot, port) && free && known && situation.is_open(&port.device) && is_right(slot, port)
            };
            if let Some(port) = situation.ports.values().find(right) {
                self.taken.add(&port.device, Some(port));
                self.seats.insert(name.clone(), port.device.clone());
            }
        }
    }
}

/// How many marks a slot is known by.
fn marks(slot: &SlotConfig) -> usize {
    let given = [
        slot.port.is_some(),
        slot.glob.is_some(),
        slot.imei.is_some(),
        slot.iccid.is_some(),
        slot.imsi.is_some(),
    ];
    given.into_iter().filter(|given| *given).count()
}

/// Probes at the same time. Each costs a task and a thread for the moment of opening.
const MOST_PROBES: usize = 32;

/// Reasons told of ports that were given up.
const MOST_REASONS: usize = 3;

#[cfg(test)]
mod tests;
